"""Names of other wires' events lead to ours, and to nothing by accident."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY
from aftershow.rules.intake import CATALOG, FACTS
from aftershow.rules.segment import EVENT_NAMES
from aftershow.rules.wires import Translated, event_name, judge
from tests.unit.samples import START, examples

OURS = st.sampled_from(sorted(EVENT_NAMES | CATALOG))


def test_every_fact_is_a_known_name() -> None:
    assert FACTS <= EVENT_NAMES | CATALOG


@examples(100)
@given(OURS, st.sampled_from([".", "-", "_", " ", ""]), st.sampled_from(["", "com.shop.", "io.shop.live-app."]))
def test_our_words_are_found_however_they_are_joined(name: str, joint: str, prefix: str) -> None:
    """Title case where nothing joins them, else lower case; behind a reverse domain, before a version."""
    words = name.split()
    joined = "".join(word.title() for word in words) if joint == "" else joint.join(words).lower()
    assert event_name(prefix + joined) == name
    assert event_name(f"{prefix}{joined}.v2") == name


@pytest.mark.parametrize(
    "given",
    [
        "com.shop.draft-order.completed",
        "com.shop.order.completed.draft",
        "com.shop.orders.completed",
        "order",
        "_session.start",
        "com.github.push",
        "",
        "...",
        "订单完成",
        "com." * 200 + "order.completed",
    ],
)
def test_what_only_looks_alike_is_not_ours(given: str) -> None:
    assert event_name(given) is None


@examples(200)
@given(st.text(max_size=40))
def test_any_text_may_be_a_name(text: str) -> None:
    found = event_name(text)
    assert found is None or re.sub(r"\W", "", found).lower() in re.sub(r"[\W_]", "", text).lower()


def test_a_thing_with_a_refused_part_is_refused_once_and_the_rest_of_it_is_taken() -> None:
    fine = {"type": "track", "event": "Live Liked", "userId": "u1"}
    nobody, late = {"type": "track", "event": "x"}, {**fine, "timestamp": "1999-01-01"}
    things = [Translated(b"raw", (fine, nobody, late)), Translated(b"not it", reason="no")]
    judged = judge(things, START + DAY)
    assert judged.reasons == ("no usable userId or anonymousId", "no")
    assert [one.raw for one in judged.intake.rejected] == [b"raw", b"not it"]
    assert len(judged.intake.behaviour) == 1
