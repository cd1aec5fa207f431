"""Planned rows are made equal to what is wanted: twice is once, and what ends a reminder is said."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement, Kind, sketch_text
from aftershow.model.instants import DAY, HOUR, MINUTE, at_zone
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Head, RecentOrder, Send
from aftershow.rules.launching import Launched
from aftershow.rules.planning import Person, Plan, Shop, plan
from infra.local.catalog import rulebook
from tests.unit.samples import (
    RULES,
    SETTINGS,
    SHOW_ENDS,
    START,
    ended_show,
    examples,
    granted,
    merged,
    playbook,
    reachable,
    said,
    withdrawn,
)

NOW = SHOW_ENDS + 5 * MINUTE


def engaged(viewer: str = "u1", show: str = "s1", *, warmth: str = "hot") -> Engagement:
    """An engagement that scores as it is told to."""
    kinds = {"hot": [Kind.CHECKOUT_STARTED, Kind.PAYMENT_ENTERED], "cold": [Kind.LIKED]}[warmth]
    line = CartLine(quantity=1, at=START, id="m")
    return Engagement(
        viewer=viewer, about=f"show#{show}", show=show, first_at=START + MINUTE, last_at=START + HOUR,
        counted=sketch_text(dict(enumerate(kinds))),
        cart={"p1": line} if warmth == "hot" else {},
    )  # fmt: skip


def person(head: Head | None = None, rows: Iterable[Reminder] = (), *engagements: Engagement) -> Person:
    return Person(head or reachable(), {one.about: one for one in engagements or (engaged(),)}, list(rows))


def shop(*playbooks: Playbook | Launched, settings: Settings = SETTINGS, show: Show | None = None) -> Shop:
    """A shop whose playbooks are approved, unless they say how they stand."""
    shown = show or ended_show()
    standing = tuple(one if isinstance(one, Launched) else Launched(one) for one in playbooks or (playbook(),))
    return Shop(standing, {shown.show: shown}, settings, rulebook=RULES)


def kept(rows: Iterable[Reminder], planned: Plan) -> list[Reminder]:
    """The rows as stored after a plan was written."""
    return list(({row.id: row for row in rows} | {row.id: row for row in planned.rows}).values())


def settled(one: Person, of: Shop, now: int) -> list[Reminder]:
    """Plan until nothing is left to write: what a row's end sets off is looked at again."""
    rows = list(one.reminders)
    for _ in range(8):
        planned = plan(dataclasses.replace(one, reminders=rows), of, now)
        if not planned.rows:
            return rows
        rows = kept(rows, planned)
    pytest.fail("planning never comes to rest")


def sent(row: Reminder, at: int) -> Reminder:
    return row.ended(at, "sent", "sent", sent_at=at, claimed_at=at)


def open_rows(rows: Iterable[Reminder]) -> list[Reminder]:
    return [row for row in rows if row.open]


def test_a_hot_viewer_is_planned_once_however_often_one_looks() -> None:
    first = plan(person(), shop(), NOW)
    (row,) = first.rows
    assert (row.playbook, row.step, row.show, row.state) == ("hot", "first", "s1", "pending")
    assert row.reference == START + MINUTE
    for later in (NOW, NOW + HOUR, NOW + DAY):
        assert plan(person(None, [row]), shop(), later).rows == []


def test_the_moment_is_outside_quiet_hours_and_before_the_deadline() -> None:
    (row,) = plan(person(), shop(), NOW).rows
    # The show ends at 22:00 in Shanghai; the day begins at 8.
    assert at_zone(row.due, "Asia/Shanghai").hour == 8
    assert NOW < row.due <= row.deadline == SHOW_ENDS + 10 * DAY


def test_someone_who_ordered_in_the_show_is_left_alone() -> None:
    order = RecentOrder(order="o1", at=START + 2 * MINUTE, show="s1", minor=1, currency="CNY")
    head = reachable(orders=1, first_order_at=order.at, last_order_at=order.at, recent_orders=(order,))
    planned = plan(person(head), shop(), NOW)
    assert planned.rows == []
    assert [one.reason for one in planned.left_alone] == ["ordered"]


ORDERED: dict[str, Any] = {"orders": 1, "first_order_at": NOW, "last_order_at": NOW}
ENDINGS = {
    "ordered": reachable(
        **ORDERED, recent_orders=(RecentOrder(order="o1", at=NOW, show=None, minor=1, currency="CNY"),)
    ),
    "unfollowed": reachable(follows={"h1": said("unfollowed")}),
    "opted_out": reachable(consent={"marketing:all": {"u1": withdrawn(NOW)}}),
    "no_consent": reachable(consent={}),
    "no_address": reachable(traits={}),
    "erased": reachable(erased_at=NOW),
}


@pytest.mark.parametrize("reason", sorted(ENDINGS))
def test_what_ends_a_reminder_cancels_the_open_row_with_its_reason(reason: str) -> None:
    rows = plan(person(), shop(), NOW).rows
    planned = plan(person(ENDINGS[reason], rows), shop(), NOW + 1)
    assert [(row.outcome, row.reason) for row in planned.rows] == [("cancelled", reason)]
    assert plan(person(ENDINGS[reason], planned.rows), shop(), NOW + 2).rows == []
    assert plan(person(ENDINGS[reason]), shop(), NOW).rows == []


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("playbook_stopped", shop(Launched(playbook(), "playbook_stopped"))),
        ("not_approved", shop(Launched(playbook(), "not_approved"))),
        ("outside_share", shop(Launched(playbook(), share=1))),
        ("show_cancelled", shop(show=ended_show(cancelled="true"))),
        ("not_wanted", shop(playbook(id="other"))),
    ],
)
def test_what_ends_it_for_everybody(reason: str, changed: Shop) -> None:
    rows = plan(person(), shop(), NOW).rows
    planned = plan(person(None, rows), changed, NOW + 1)
    assert [row.reason for row in planned.rows if row.id == rows[0].id] == [reason]


def test_a_row_being_sent_is_left_to_its_worker() -> None:
    (row,) = plan(person(), shop(), NOW).rows
    sending = row.model_copy(update={"state": "sending", "claimed_at": NOW, "owner": "w"})
    for head in ENDINGS.values():
        assert plan(person(head, [sending]), shop(), NOW + 1).rows == []


def test_following_again_opens_the_same_row_again() -> None:
    rows = plan(person(), shop(), NOW).rows
    cancelled = plan(person(ENDINGS["unfollowed"], rows), shop(), NOW + 1).rows
    (again,) = plan(person(None, cancelled), shop(), NOW + 2).rows
    assert again.id == rows[0].id
    assert (again.state, again.outcome, again.reason, again.outcome_at) == ("pending", None, None, None)
    assert plan(person(None, [again]), shop(), NOW + 3).rows == []


def test_steps_follow_each_other_after_the_one_before_was_sent() -> None:
    (first,) = plan(person(), shop(), NOW).rows
    assert plan(person(None, [first]), shop(), first.due).rows == []
    done = sent(first, first.due)
    (second,) = plan(person(None, [done]), shop(), first.due + 1).rows
    assert second.step == "second"
    assert second.due >= first.due + DAY
    assert plan(person(None, [done, second]), shop(), first.due + 2).rows == []
    over = [done, sent(second, second.due)]
    planned = plan(person(None, over), shop(), second.due + 1)
    assert planned.rows == []


def test_a_quiet_series_has_widening_gaps() -> None:
    step = PlannedStep(id="s", after=2 * DAY, gap=2 * DAY, occurrences=6, widen=1.5, template="t")
    series = playbook(id="quiet", temperatures=("cold",), steps=(step,), deadline=60 * DAY, hours=(10, 21))
    rows: list[Reminder] = []
    now = NOW
    for _ in range(6):
        (row,) = plan(person(None, rows, engaged(warmth="cold")), shop(series), now).rows
        rows.append(sent(row, row.due))
        now = row.due + 1
    assert plan(person(None, rows, engaged(warmth="cold")), shop(series), now).rows == []
    assert [row.occurrence for row in rows] == [0, 1, 2, 3, 4, 5]
    gaps = [after.due - before.due for before, after in itertools.pairwise(rows)]
    for gap, wanted in zip(gaps, [2 * DAY * 1.5**number for number in range(5)], strict=True):
        assert wanted <= gap <= wanted + DAY


def test_nobody_is_reminded_without_consent_or_address() -> None:
    for reason in ("no_consent", "no_address", "opted_out", "erased"):
        planned = plan(person(ENDINGS[reason]), shop(), NOW)
        assert (planned.rows, [one.reason for one in planned.left_alone]) == ([], [reason])


def test_the_file_takes_those_whom_no_message_may_reach() -> None:
    both = playbook(channels=("email", "file"))
    settings = Settings(channels=("email", "file"))
    (reached,) = plan(person(), shop(both, settings=settings), NOW).rows
    assert reached.channel == "email"
    for head in (ENDINGS["no_consent"], ENDINGS["opted_out"], ENDINGS["no_address"]):
        (row,) = plan(person(head), shop(both, settings=settings), NOW).rows
        assert row.channel == "file"
    assert plan(person(ENDINGS["erased"]), shop(both, settings=settings), NOW).rows == []
    assert plan(person(ENDINGS["no_consent"]), shop(both), NOW).rows == []


def test_channels_are_tried_in_the_playbooks_order_and_the_story_says_why() -> None:
    several = playbook(channels=("sms", "email"))
    (row,) = plan(person(), shop(several, settings=Settings(channels=("sms", "email"))), NOW).rows
    assert row.channel == "email"
    assert any("sms: no address" in step.detail for step in row.trace)


def test_a_show_that_goes_on_reminds_nobody() -> None:
    running = ended_show().model_copy(update={"closed_at": None})
    assert plan(person(), shop(show=running), NOW) == Plan()


def test_after_the_deadline_nothing_is_planned() -> None:
    planned = plan(person(), shop(), SHOW_ENDS + 10 * DAY + 1)
    assert (planned.rows, [one.reason for one in planned.left_alone]) == ([], ["expired"])


def test_no_moment_before_the_deadline_is_a_row_with_that_reason() -> None:
    hurried = playbook(deadline=2 * HOUR)
    rows = settled(person(), shop(hurried), NOW)
    assert {(row.outcome, row.reason) for row in rows} == {("skipped", "no_moment")}
    assert plan(person(None, rows), shop(hurried), NOW).rows == []


def test_another_zone_moves_the_row() -> None:
    (row,) = plan(person(), shop(), NOW).rows
    traits = {**reachable().traits, "zone": said("America/New_York")}
    (moved,) = plan(person(reachable(traits=traits), [row]), shop(), NOW + 1).rows
    assert moved.id == row.id
    assert moved.zone == "America/New_York"
    assert 8 <= at_zone(moved.due, "America/New_York").hour < 21
    assert plan(person(reachable(traits=traits), [moved]), shop(), NOW + 2).rows == []


def test_caps_move_the_plan_already() -> None:
    sends = (Send(at=NOW, reminder="x", channel="email"), Send(at=NOW + 1, reminder="y", channel="email"))
    (row,) = plan(person(reachable(sends={"marketing": sends})), shop(), NOW + 2).rows
    assert row.due >= NOW + DAY


def test_both_devices_rows_become_one_after_a_merge() -> None:
    anonymous = reachable("a1")
    (one,) = plan(person(anonymous, (), engaged("a1")), shop(), NOW).rows
    (other,) = plan(person(), shop(), NOW + 1).rows
    assert one.id != other.id
    whole = merged(anonymous, reachable())
    rows = settled(person(whole, [one, other]), shop(), NOW + 2)
    assert [row.id for row in open_rows(rows)] == [one.id]
    assert [(row.outcome, row.reason) for row in rows if not row.open] == [("cancelled", "not_wanted")]


@pytest.mark.parametrize("state", ["sent", "sending"])
def test_what_was_sent_before_a_merge_is_not_sent_again_after_it(state: str) -> None:
    anonymous = reachable("a1")
    (one,) = plan(person(anonymous, (), engaged("a1")), shop(), NOW).rows
    (other,) = plan(person(), shop(), NOW).rows
    claimed = one.model_copy(update={"state": "sending", "claimed_at": NOW}) if state == "sending" else sent(one, NOW)
    whole = merged(anonymous, reachable())
    rows = settled(person(whole, [claimed, other]), shop(), NOW + 1)
    assert next(row for row in rows if row.id == other.id).outcome == "cancelled"
    assert [row.step for row in open_rows(rows)] == (["second"] if state == "sent" else ["first"])


EVENTS = st.lists(
    st.sampled_from(["look", "send", "skip", "merge", "unfollow", "follow", "stop", "go", "day", "zone", "order"]),
    max_size=14,
)


@examples(120)
@given(EVENTS)
def test_at_most_one_open_row_a_playbook_and_show_and_always_at_rest(happened: list[str]) -> None:
    head, now, rows = reachable(), NOW, list[Reminder]()
    stopped, ordered = False, False
    for what in happened:
        if what == "merge" and not head.members:
            other = reachable("a1")
            rows += plan(person(other, (), engaged("a1")), shop(), now).rows
            head = merged(head, other)
        elif what in ("send", "skip"):
            rows = [
                row if not row.open else sent(row, max(now, row.due)) if what == "send"
                else row.ended(now, "skipped", "capped")
                for row in rows
            ]  # fmt: skip
        elif what in ("unfollow", "follow"):
            state = "unfollowed" if what == "unfollow" else "followed"
            head = head.model_copy(update={"follows": {"h1": said(state, now)}})
        elif what == "zone":
            head = head.model_copy(update={"traits": {**head.traits, "zone": said("Europe/London", now)}})
        elif what == "order":
            ordered = True
            head = head.model_copy(update={"orders": 1, "first_order_at": now, "last_order_at": now})
        stopped = what == "stop" if what in ("stop", "go") else stopped
        now += DAY if what == "day" else MINUTE
        of = shop(Launched(playbook(), "playbook_stopped" if stopped else None))
        rows = settled(person(head, rows), of, now)
        still = open_rows(rows)
        assert len(still) <= 1
        followed = "h1" not in head.follows or head.follows["h1"].value == "followed"
        if stopped or ordered or not followed:
            assert still == []
        assert len({row.id for row in rows}) == len(rows)
        assert all(row.outcome is not None and row.reason for row in rows if not row.open)
        assert all(len(row.trace) <= 24 for row in rows)
        taken = [row for row in rows if row.claimed_at is not None]
        assert len({(row.step, row.occurrence) for row in taken}) == len(taken)


def first_customer(**more: Any) -> Head:
    order = RecentOrder(order="o1", at=NOW, show=None, minor=100, currency="CNY")
    facts: dict[str, Any] = {"orders": 1, "first_order_at": NOW, "last_order_at": NOW, "recent_orders": (order,)}
    return reachable(**{**facts, **more})


SECOND_ORDER = playbook(
    id="second", trigger="first_order", temperatures=(), steps=(PlannedStep(id="w", after=21 * DAY, template="t"),),
    deadline=45 * DAY, until=("order", "opt_out"), hours=(9, 21),
)  # fmt: skip


def test_a_first_order_plans_the_second_and_the_second_cancels_it() -> None:
    (row,) = plan(person(first_customer()), shop(SECOND_ORDER), NOW).rows
    assert row.about == "order#o1"
    assert row.due >= NOW + 21 * DAY
    assert plan(person(first_customer(), [row]), shop(SECOND_ORDER), NOW + 1).rows == []
    both = (
        *first_customer().recent_orders, RecentOrder(order="o2", at=NOW + DAY, show=None, minor=1, currency="CNY"),
    )  # fmt: skip
    twice = first_customer(orders=2, last_order_at=NOW + DAY, recent_orders=both)
    (cancelled,) = plan(person(twice, [row]), shop(SECOND_ORDER), NOW + DAY).rows
    assert (cancelled.outcome, cancelled.reason) == ("cancelled", "ordered")
    assert plan(person(twice), shop(SECOND_ORDER), NOW + DAY).rows == []


def test_consent_given_later_plans_what_still_has_time() -> None:
    assert plan(person(ENDINGS["no_consent"]), shop(), NOW).rows == []
    agreed = reachable(consent={"marketing:email": {"u1": granted(NOW + DAY)}})
    (row,) = plan(person(agreed), shop(), NOW + DAY).rows
    assert row.due >= NOW + DAY


EVERYWHERE = Settings(
    shop_zone="Asia/Shanghai", channels=("sms", "email"), providers='{"sms": "tencent", "email": "ses"}'
)
LIVE = playbook(channels=("sms", "email"), kinds=("live",), choice="order")


def _mei(**traits: str) -> Head:
    return reachable(traits={name: said(value) for name, value in {"phone": "+8613912345670", **traits}.items()})


def test_a_channel_that_a_pack_bars_is_passed_over_and_the_packs_are_named() -> None:
    legal = dataclasses.replace(shop(LIVE, settings=EVERYWHERE), rulebook=rulebook())
    (row,) = plan(person(_mei(email="u1@example.com")), legal, NOW).rows
    told = next(step.detail for step in row.trace if step.code == "channel")
    assert row.channel == "email"
    assert told.startswith("email [CN-advertising 1, CN-email 1, Gmail-bulk 1] ")
    assert "sms: barred by CN-SMS-tencent 1: live" in told


def test_whoever_only_a_barred_channel_reaches_is_left_alone_with_the_reason() -> None:
    legal = dataclasses.replace(shop(LIVE, settings=EVERYWHERE), rulebook=rulebook())
    planned = plan(person(_mei()), legal, NOW)
    assert planned.rows == []
    assert [one.reason for one in planned.left_alone] == ["rule_pack"]


def test_a_shop_without_packs_plans_no_marketing() -> None:
    bare = dataclasses.replace(shop(), rulebook=None)
    planned = plan(person(), bare, NOW)
    assert (planned.rows, [one.reason for one in planned.left_alone]) == ([], ["rule_pack"])
    shipped = dataclasses.replace(shop(playbook(message_class="service")), rulebook=None)
    assert [row.state for row in plan(person(), shipped, NOW).rows] == ["pending"]


def test_a_zone_for_want_of_her_own_is_marked_as_such() -> None:
    (row,) = plan(person(), shop(), NOW).rows
    assert (row.zone, row.zone_assumed) == ("Asia/Shanghai", True)
    own = reachable(traits={"email": said("u1@example.com"), "zone": said("Asia/Shanghai")})
    (known,) = plan(person(own), shop(), NOW).rows
    assert (known.zone, known.zone_assumed) == ("Asia/Shanghai", False)
    (learnt,) = plan(person(own, [row]), shop(), NOW).rows
    assert learnt == row.model_copy(update={"zone_assumed": False})
