"""Drafts that staff confirm: looked at until they end, taken back for a reason, and never for ever."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.reminders import Recall, Reminder
from aftershow.rules import drafts
from aftershow.rules.launching import Launched
from aftershow.rules.planning import plan
from tests.unit.samples import examples, playbook, reachable
from tests.unit.test_claims import NOON, reminder, scene
from tests.unit.test_planning import NOW, person, shop

LATE = NOON + 2 * DAY


def waiting(**more: Any) -> Reminder:
    """A draft that was made at noon."""
    facts: dict[str, Any] = {
        "state": "sending",
        "claimed_at": NOON,
        "attempt": 1,
        "address": "h",
        "owner": "w",
        "lease_until": LATE,
    }
    return drafts.drafted(reminder(**{**facts, **more}), NOON, "draft-1")


def test_a_draft_lives_a_day_and_no_longer_than_its_reminder() -> None:
    row = waiting()
    assert (row.state, row.open, row.provider_id, row.owner, row.lease_until) == (
        "awaiting",
        True,
        "draft-1",
        None,
        None,
    )
    assert row.awaiting_until == NOON + DAY
    assert waiting(deadline=NOON + HOUR).awaiting_until == NOON + HOUR
    assert drafts.why_taken_back(row, scene(), NOON + DAY - 1) is None
    late = drafts.why_taken_back(row, scene(), NOON + DAY)
    assert late == Recall(outcome="skipped", reason="expired", since=NOON + DAY)


def test_it_is_taken_back_for_what_would_have_kept_it_from_being_made() -> None:
    row = waiting()
    ordered = scene(head=reachable(last_order_at=NOON + MINUTE))
    assert drafts.why_taken_back(row, ordered, NOON + HOUR) == Recall(
        outcome="skipped", reason="ordered", since=NOON + HOUR
    )
    stopped = scene(playbook=Launched(playbook(), off="playbook_stopped"))
    assert drafts.why_taken_back(row, stopped, NOON) == Recall(
        outcome="cancelled", reason="playbook_stopped", since=NOON
    )
    # A word that stands is kept: who took it back first says why.
    told = drafts.to_take_back(row, Recall(outcome="cancelled", reason="unfollowed", since=NOON + 1))
    found = drafts.why_taken_back(told, ordered, NOON + HOUR)
    assert found is not None
    assert (told.due, found.reason) == (NOON + 1, "unfollowed")


def test_what_was_taken_back_reached_nobody() -> None:
    row = waiting()
    over = drafts.taken_back(row, Recall(outcome="skipped", reason="ordered", since=NOON), NOON + HOUR)
    assert (over.outcome, over.reason, over.claimed_at, over.provider_id, over.tried) == (
        "skipped",
        "ordered",
        None,
        None,
        (),
    )
    # Another channel may still reach whom this one may not write to.
    there = drafts.taken_back(row, Recall(outcome="skipped", reason="no_address", since=NOON), NOON + HOUR)
    assert there.tried == (row.channel,)


def test_a_draft_that_is_handed_over_is_planned_for_the_other_one_at_once() -> None:
    row = drafts.handed_over(waiting(), "wang.wei", NOON + HOUR)
    assert row.recall is not None
    again = drafts.taken_back(row, row.recall, NOON + HOUR + MINUTE)
    assert (again.state, again.staff, again.due, again.recall) == ("pending", "wang.wei", NOON + HOUR + MINUTE, None)
    assert again.awaiting_until is None


def test_the_planner_has_an_unwanted_draft_taken_back_once() -> None:
    [planned] = plan(person(), shop(), NOW).rows
    row = drafts.drafted(planned.model_copy(update={"state": "sending", "claimed_at": NOW}), NOW, "draft-1")
    assert plan(person(None, [row]), shop(), NOW).rows == []
    left = person(reachable(last_order_at=NOW), [row])
    [told] = plan(left, shop(), NOW + HOUR).rows
    assert (told.state, told.due) == ("awaiting", NOW + HOUR)
    assert told.recall == Recall(outcome="cancelled", reason="ordered", since=NOW + HOUR)
    assert plan(person(reachable(last_order_at=NOW), [told]), shop(), NOW + 2 * HOUR).rows == []


@examples(100)
@given(st.integers(0, 3 * DAY))
def test_a_draft_that_waits_is_looked_at_until_it_expires(hours_in: int) -> None:
    now = NOON + hours_in
    later = drafts.still_awaiting(waiting(), now)
    assert now + MINUTE <= later.due <= max(now + drafts.LONGEST_PAUSE, now + MINUTE)
    if now < NOON + DAY - MINUTE:
        assert later.due <= NOON + DAY
    assert later.model_copy(update={"due": 0}) == waiting().model_copy(update={"due": 0})


def test_looks_at_one_draft_are_bounded() -> None:
    row, looks = waiting(), 0
    while row.due < NOON + DAY:
        row = drafts.still_awaiting(row, row.due)
        looks += 1
    assert looks <= 60


def test_what_can_not_be_taken_back_ends_unknown() -> None:
    recall, row, tries = Recall(outcome="cancelled", reason="ordered", since=NOON), waiting(), 0
    while row.open:
        row = drafts.not_taken_back(row, recall, max(row.due, NOON + 1))
        tries += 1
    assert (row.outcome, row.reason) == ("unknown", "draft_not_taken_back")
    assert row.outcome_at is not None
    assert row.outcome_at - NOON <= drafts.TAKE_BACK_WITHIN + drafts.TAKE_BACK_PAUSE
    assert tries <= DAY // drafts.TAKE_BACK_PAUSE + 2
    # Its story stays short.
    assert len(row.trace) <= 4
