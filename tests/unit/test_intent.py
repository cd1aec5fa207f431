"""Intent: more of what buyers do never lowers it, and what was not observed says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement, Kind, sketch_text
from aftershow.rules.intent import CONSIDERING_FROM, HOT_FROM, MAX_REASONS, score, temperature
from tests.unit.samples import START, examples

GOOD_SIGNS = [Kind.CHECKOUT_STARTED, Kind.PRODUCT_CLICKED, Kind.ASKED_PRICE, Kind.LIKED, Kind.SHARED, Kind.WISHED]


def engagement(kinds: list[Kind], **more: Any) -> Engagement:
    counted = sketch_text(dict(enumerate(kinds)))
    return Engagement(viewer="u1", about="x", first_at=START, last_at=START, counted=counted, **more)


@examples(100)
@given(st.lists(st.sampled_from(list(Kind)), max_size=40), st.sampled_from(GOOD_SIGNS))
def test_a_good_sign_more_never_lowers_it(kinds: list[Kind], sign: Kind) -> None:
    before, after = score(engagement(kinds)), score(engagement([*kinds, sign]))
    assert 0 <= before.intent <= after.intent <= 100
    assert after.temperature == temperature(after.intent)
    assert len(after.reasons) <= MAX_REASONS


@examples(40)
@given(st.integers(0, 24 * 3600), st.integers(0, 24 * 3600))
def test_longer_watching_never_lowers_it(one: int, other: int) -> None:
    shorter, longer = sorted((one, other))
    assert score(engagement([], left_seconds=shorter)).intent <= score(engagement([], left_seconds=longer)).intent


def test_unknown_watch_time_is_no_reason() -> None:
    assert score(engagement([Kind.LIKED])).reasons == score(engagement([Kind.LIKED], left_seconds=None)).reasons
    assert "watched_minutes" not in [reason.code for reason in score(engagement([Kind.LIKED])).reasons]
    assert [reason.code for reason in score(engagement([], left_seconds=0)).reasons] == ["watched_briefly"]


def test_a_cart_warms_and_an_emptied_one_cools() -> None:
    line = CartLine(quantity=1, at=START, id="m")
    filled = score(engagement([Kind.CART_ADDED], cart={"p": line}))
    emptied = score(engagement([Kind.CART_REMOVED], cart={"p": line.model_copy(update={"quantity": 0})}))
    assert filled.intent > score(engagement([])).intent > emptied.intent
    assert "in_cart" in [reason.code for reason in filled.reasons]
    assert "taken_out" in [reason.code for reason in emptied.reasons]


@pytest.mark.parametrize(
    ("intent", "warmth"),
    [(0, "cold"), (CONSIDERING_FROM - 1, "cold"), (CONSIDERING_FROM, "considering"), (HOT_FROM - 1, "considering"),
     (HOT_FROM, "hot"), (100, "hot")],
)  # fmt: skip
def test_temperatures(intent: int, warmth: str) -> None:
    assert temperature(intent) == warmth


def test_nothing_done_is_cold_and_a_started_checkout_with_a_cart_is_hot() -> None:
    assert score(engagement([])).temperature == "cold"
    line = CartLine(quantity=1, at=START, id="m")
    assert score(engagement([Kind.CHECKOUT_STARTED, Kind.CART_ADDED], cart={"p": line})).temperature == "hot"
