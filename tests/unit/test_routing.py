"""Event patterns match as EventBridge documents it, and refuse what they don't know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.routing import Pattern, PatternError

EVENT: dict[str, Any] = {
    "source": "aftershow",
    "detail-type": "OrderChanged",
    "detail": {
        "total": 0,
        "paid": True,
        "note": None,
        "tags": ["red", "large"],
        "viewer": {"zone": "Asia/Shanghai"},
        "lines": [],
    },
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": ["aftershow"]}, True),
        ({"source": ["aws.ses", "aftershow"]}, True),
        ({"source": ["aws.ses"]}, False),
        ({"source": ["aftershow"], "detail-type": ["ShowEnded"]}, False),
        ({"detail": {"viewer": {"zone": ["Asia/Shanghai"]}}}, True),
        ({"detail": {"viewer": {"zone": ["Europe/London"]}}}, False),
        ({"detail": {"viewer": {"name": ["x"]}}}, False),
        ({"detail": {"viewer": ["Asia/Shanghai"]}}, False),
        # An array matches by any of its elements; an empty one has none.
        ({"detail": {"tags": ["large"]}}, True),
        ({"detail": {"tags": ["small"]}}, False),
        ({"detail": {"lines": ["x"]}}, False),
        # Types count: 0, false, null and "0" are four values.
        ({"detail": {"total": [0]}}, True),
        ({"detail": {"total": [False]}}, False),
        ({"detail": {"total": ["0"]}}, False),
        ({"detail": {"paid": [True]}}, True),
        ({"detail": {"paid": [1]}}, False),
        ({"detail": {"note": [None]}}, True),
        ({"detail": {"missing": [None]}}, False),
        ({"detail-type": [{"prefix": "Order"}]}, True),
        ({"detail-type": [{"prefix": "Show"}]}, False),
        ({"detail": {"total": [{"prefix": "0"}]}}, False),
        ({"detail": {"note": [{"exists": True}]}}, True),
        ({"detail": {"note": [{"exists": False}]}}, False),
        ({"detail": {"missing": [{"exists": False}]}}, True),
        ({"detail": {"missing": {"deeper": [{"exists": False}]}}}, True),
        ({"detail": {"missing": {"deeper": [{"exists": True}]}}}, False),
        ({"source": [{"anything-but": ["aws.ses"]}]}, True),
        ({"source": [{"anything-but": "aftershow"}]}, False),
        ({"detail": {"missing": [{"anything-but": "x"}]}}, False),
        # Alternatives of all kinds may stand beside each other.
        ({"detail-type": ["ShowEnded", {"prefix": "Order"}]}, True),
    ],
)
def test_matching(pattern: dict[str, Any], *, matches: bool) -> None:
    """Every form against one event."""
    assert Pattern.of(pattern).matches(EVENT) is matches


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ({"detail": {"total": [{"numeric": [">", 0]}]}}, "pattern.detail.total: numeric"),
        ({"source": [{"prefix": {"equals-ignore-case": "a"}}]}, "pattern.source: prefix"),
        ({"source": [{"anything-but": {"prefix": "aws"}}]}, "pattern.source: anything-but"),
        ({"source": [{"exists": "yes"}]}, "pattern.source: exists"),
        ({"source": [{"prefix": "a", "suffix": "b"}]}, "pattern.source"),
        ({"source": []}, "pattern.source"),
        ({"source": "aftershow"}, "pattern.source"),
        ({"source": [["aftershow"]]}, "pattern.source"),
        ({"$or": [{"source": ["a"]}]}, r"pattern.\$or"),
    ],
)
def test_unknown_forms_are_refused(pattern: dict[str, Any], named: str) -> None:
    """By the place and the name of what isn't known."""
    with pytest.raises(PatternError, match=named):
        Pattern.of(pattern)


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(event=st.dictionaries(st.text(max_size=3).filter(lambda t: "$" not in t), SCALARS))
def test_an_event_matches_the_pattern_of_itself(event: dict[str, Any]) -> None:
    """Whatever its values are."""
    assert Pattern.of({name: [each] for name, each in event.items()}).matches(event)
