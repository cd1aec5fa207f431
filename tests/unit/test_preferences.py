"""What people chose for themselves: strictest over their ids, the same in any order, and theirs to change again."""

from __future__ import annotations

import random
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.base import Stamped
from aftershow.model.instants import DAY
from aftershow.model.viewers import PREFERENCE_PAGE, Bond, Consent, Facts, Head
from aftershow.rules.merging import People
from aftershow.rules.people import may_be_written, told, with_consent, with_parts, withdrawn
from aftershow.rules.preferences import (
    HELD_UNTIL,
    PAUSED_UNTIL,
    PER_WEEK,
    Preferences,
    choose,
    granted_again,
    may_grant_again,
    preferences,
    topic_wish,
)
from tests.unit.samples import START, examples

OFFERS = topic_wish("offers")
WISHES = st.lists(
    st.tuples(
        st.sampled_from(["u1", "u2", "u3"]),
        st.sampled_from([(OFFERS, "off"), (OFFERS, "on"), (PER_WEEK, "1"), (PER_WEEK, "3"), (PER_WEEK, ""),
                         (PAUSED_UNTIL, str(START + DAY)), (PAUSED_UNTIL, "0")]),
        st.integers(0, 5),
    ),
    max_size=8,
)  # fmt: skip


def said_by(facts: Facts, origin: str, name: str, value: str, at: int) -> Facts:
    said = Stamped(value=value, at=START + at, id="r1")
    before = facts.wishes.get(name, {})
    return facts.model_copy(
        update={"wishes": {**facts.wishes, name: {**before, origin: said.newest(before.get(origin))}}}
    )


def person(listed: list[tuple[str, tuple[str, str], int]]) -> Preferences:
    parts: dict[str, Facts] = {}
    for origin, (name, value), at in listed:
        parts[origin] = said_by(parts.get(origin, Facts()), origin, name, value, at)
    return preferences(with_parts(Head(viewer="u1", members=("u2", "u3")), parts))


@examples(200)
@given(WISHES, st.randoms(use_true_random=False))
def test_any_order_ends_the_same(listed: list[tuple[str, tuple[str, str], int]], chance: random.Random) -> None:
    assert person(listed) == person(chance.sample(listed, len(listed)) + listed)


@examples(100)
@given(WISHES)
def test_a_merge_is_as_strict_as_each_of_its_people(listed: list[tuple[str, tuple[str, str], int]]) -> None:
    together = person(listed)
    for origin in ("u1", "u2", "u3"):
        alone = person([one for one in listed if one[0] == origin])
        assert together.topics_off >= alone.topics_off
        assert together.paused_until >= alone.paused_until
        assert alone.per_week is None or (together.per_week or 99) <= alone.per_week


@examples(100)
@given(WISHES, st.sampled_from(["", "1", "2"]), st.sampled_from(["on", "off"]))
def test_whoever_chooses_anew_is_heard_whatever_was_said_before(
    listed: list[tuple[str, tuple[str, str], int]], limit: str, topic: str
) -> None:
    parts: dict[str, Facts] = {}
    for origin, (name, value), at in listed:
        parts[origin] = said_by(parts.get(origin, Facts()), origin, name, value, at)
    before = with_parts(Head(viewer="u1", members=("u2", "u3")), parts)
    wishes = {PER_WEEK: limit, OFFERS: topic, PAUSED_UNTIL: "0"}
    # Also by a clock that is behind the one that stamped what was said before.
    after = choose(before, wishes, START - DAY, "r2")
    chosen = preferences(after)
    assert chosen == Preferences(
        topics_off=frozenset() if topic == "on" else frozenset({"offers"}), per_week=int(limit) if limit else None
    )
    assert choose(after, wishes, START + DAY, "r3") == after


def test_service_messages_know_no_wishes() -> None:
    chosen = Preferences(per_week=1, paused_until=START, held_until=START)
    assert (chosen.caps("service"), chosen.pause("service"), chosen.hold("service")) == ((), 0, 0)
    assert chosen.caps("marketing") == ((7 * DAY, 1),)


def test_a_hold_is_let_go() -> None:
    held = choose(Head(viewer="u1"), {HELD_UNTIL: str(START + DAY)}, START, "t1")
    assert preferences(held).held_until == START + DAY
    assert preferences(choose(held, {HELD_UNTIL: "0"}, START, "t1")).held_until == 0


def consent(state: str, at: int, source: str | None = "checkout") -> Consent:
    return Consent.model_validate({"state": state, "at": at, "id": f"c{at}", "source": source})


def _says(origin: str, scope: str, said: Consent, facts: Facts) -> Facts:
    return with_consent(facts, origin, scope, said)


def head_with(*said: tuple[str, str, Consent]) -> Head:
    head = Head(viewer="u1", members=("u2",))
    for origin, scope, one in said:
        head = told(head, origin, partial(_says, origin, scope, one))
    return head


GRANTED = ("u2", "marketing:all", consent("granted", START))


def test_what_she_withdrew_on_the_page_she_takes_back_there() -> None:
    head = head_with(GRANTED)
    off = withdrawn(head, "email", consent("withdrawn", START + 1, PREFERENCE_PAGE), START + 1)
    assert not may_be_written(off, "marketing", "email")
    assert may_be_written(off, "marketing", "sms")
    assert may_grant_again(off, "email")
    again = granted_again(off, "email", Consent(state="granted", at=START, id="r1", source=PREFERENCE_PAGE))
    assert may_be_written(again, "marketing", "email")
    # No file loosens it: its grant counts below everything.
    imported = Consent(state="granted", at=START + 9 * DAY, id="i", source="import:file")
    still_off = told(off, "u1", lambda facts: with_consent(facts, "u1", "marketing:email", imported))
    assert not may_be_written(still_off, "marketing", "email")


@pytest.mark.parametrize("head", [
    Head(viewer="u1"),
    head_with(GRANTED),
    head_with(GRANTED, ("u2", "marketing:email", consent("withdrawn", START + 1))),
    head_with(("u2", "marketing:all", consent("withdrawn", START + 1))),
], ids=["never said", "stands", "withdrawn in the shop", "withdrawn for all in the shop"])  # fmt: skip
def test_what_was_not_withdrawn_there_is_not_granted_there(head: Head) -> None:
    assert not may_grant_again(head, "email")


def test_a_person_who_is_merged_keeps_their_wishes() -> None:
    one = choose(Head(viewer="u1"), {OFFERS: "off"}, START, "r1")
    other = choose(Head(viewer="u2"), {PER_WEEK: "1"}, START, "r2")
    group = People({"u1": one, "u2": other})
    group.bind(Bond(kind="stated", one="u1", other="u2", at=START))
    assert preferences(group.leading("u2")) == Preferences(topics_off=frozenset({"offers"}), per_week=1)
