"""The story that walks through everything: from an anonymous visit to an order won back, and why a message stayed away.

The evening show ends inside quiet hours, so that a reminder "at once" waits for the viewer's own hours next day.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from aftershow.model.engagements import Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, HOUR, MINUTE, at_zone
from aftershow.model.reminders import Reminder
from infra.local.telling import explanation
from tests.functional.story import (
    REPLAY,
    Said,
    Shop,
    Show,
    Viewer,
    almost_buys,
    at,
    codes,
    most_within,
)

OPENS = at("2026-03-06T19:00+08:00")
ENTERS = at("2026-03-06T19:50+08:00")
ENDS = at("2026-03-06T21:30+08:00")
# She was seen between 19 and 21 o'clock, an hour on either side is hers too, and quiet hours begin at 21.
HER_HOUR_NEXT_DAY = at("2026-03-07T18:00+08:00")
SECOND_REMINDER = at("2026-03-08T18:00+08:00")
SHOW = Show("spring")
ANNOUNCED = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)


def test_a_viewer_comes_back_and_orders() -> None:  # noqa: PLR0915 (one story, told in one go)
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(ANNOUNCED)

    # She enters anonymously, watches for half an hour, and asks the price: an engagement, but nobody to write to.
    shop.hears(
        mei.enters(SHOW, ENTERS),
        mei.watches(SHOW, ENTERS, 30),
        mei.comments(SHOW, ENTERS + 31 * MINUTE, "这个多少钱？"),
    )
    seen = shop.engagement(mei, SHOW)
    assert seen.viewer == viewer_id("anonymous", mei.anonymous_id)
    assert seen.watch_seconds == 30 * 60
    assert seen.counts() == {Kind.ENTERED: 1, Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1}
    assert shop.person(mei).head is None

    # She fills a cart, identifies herself, consents and leaves: one person with two ids, hot and reachable.
    shop.hears(
        mei.fills_cart(SHOW, ENTERS + 33 * MINUTE),
        mei.identifies(ENTERS + 36 * MINUTE),
        mei.consents(ENTERS + 37 * MINUTE),
        mei.leaves(SHOW, ENTERS + 40 * MINUTE),
    )
    person, head = shop.person(mei), shop.head(mei)
    assert person.viewer == head.viewer == viewer_id("user", mei.user_id)
    assert head.members == (viewer_id("anonymous", mei.anonymous_id),)
    assert head.trait("email") == "mei@example.com"
    assert {said.state for said in head.consent["marketing:email"].values()} == {"granted"}
    [line] = shop.engagement(mei, SHOW).cart_lines().values()
    assert (line.name, line.quantity, line.minor) == ("tea", 1, 120_00)
    assert shop.reminders(mei) == []

    # The show ends at half past nine in the evening: a reminder is planned with its reason, for her hours next day.
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 20 * MINUTE)
    [first] = shop.reminders(mei)
    assert (first.playbook, first.step, first.channel, first.state) == ("hot-replay", "at-once", "email", "pending")
    assert first.due == HER_HOUR_NEXT_DAY
    planned = first.trace[0]
    assert planned.code == "planned"
    assert planned.detail.startswith("hot ")
    assert {"in_cart 1", "asked_price 1", "watched_minutes 30"} <= set(planned.detail.partition(": ")[2].split(", "))
    assert "in active hours" in first.trace[-1].detail
    assert shop.mails == []

    # It is sent inside her hours, and delivered; only then the second one is planned.
    shop.until(HER_HOUR_NEXT_DAY + MINUTE)
    [mail] = shop.mails
    assert mail.address == "mei@example.com"
    assert HER_HOUR_NEXT_DAY <= mail.time < HER_HOUR_NEXT_DAY + MINUTE
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    first, second = shop.reminders(mei)
    assert (first.outcome, first.sent_at, first.provider_id) == ("delivered", mail.time, mail.id)
    assert codes(first)[-3:] == ["claimed", "sent", "delivered"]
    assert (second.step, second.state, second.due) == ("last-call", "pending", SECOND_REMINDER)
    assert second.created >= mail.time
    assert [send.reminder for send in shop.head(mei).sends["marketing"]] == [first.id]

    # She clicks: on to the replay, and the click is noted.
    shop.until(mail.time + 20 * MINUTE)
    reply = shop.follows_button(mail)
    brought = f"utm_source=aftershow&utm_medium=email&utm_campaign=hot-replay&utm_content={first.id}"
    assert (reply.status, reply.headers["location"]) == (302, f"{REPLAY}/spring?{brought}")
    assert shop.reminders(mei)[0].feedback.clicked_at == shop.now

    # She orders: points are earned, and the reminder has won the order back.
    ordered_at = mail.time + 30 * MINUTE
    shop.hears(mei.orders(ordered_at, "order-1", "120.90", SHOW))
    order, [account] = shop.order("order-1"), shop.records().accounts
    assert (order.minor, order.show, order.won_by) == (120_90, "spring", first.id)
    assert (account.viewer, account.balance, account.earned, account.reversed) == (head.viewer, 120, 120, 0)
    feedback = shop.reminders(mei)[0].feedback
    assert (feedback.order, feedback.ordered_at) == ("order-1", ordered_at)
    head = shop.head(mei)
    assert (head.orders, head.last_order_at, head.spent) == (1, ordered_at, {"CNY": 120_90})

    # A partial refund takes back floor(120.90) - floor(120.90 - 20.50) = 20 points.
    shop.hears(mei.is_refunded(ordered_at + HOUR, "order-1", "refund-1", "20.50"))
    [account] = shop.records().accounts
    assert (account.balance, account.earned, account.reversed, account.entries) == (100, 120, 20, 2)
    assert sorted(entry.points for entry in shop.records().entries) == [-20, 120]
    assert all(sum(one.points for one in entry.postings) == 0 for entry in shop.records().entries)

    # The second reminder never goes out, and the explanation says why.
    shop.until(SECOND_REMINDER + 2 * DAY)
    assert shop.mails == [mail]
    told = explanation(shop.records(), shop.person(mei))
    [never] = [row for row in told["reminders"] if row["step"] == "last-call"]
    assert (never["outcome"], never["reason"]) == ("cancelled", "ordered")
    assert never["trace"][-1]["step"] == "cancelled: ordered"
    assert {"playbook": "hot-replay", "about": "show#spring", "reason": "ordered"} in told["left_alone"]
    assert (told["points"]["balance"], told["points"]["earned"], told["points"]["reversed"]) == (100, 120, 20)
    assert set(told["members"]) == {head.viewer, viewer_id("anonymous", mei.anonymous_id)}
    assert_nothing_lost(shop)


def assert_nothing_lost(shop: Shop) -> None:
    """No function failed, and nothing waits where only a person would find it."""
    assert shop.host.errors == []
    assert shop.host.failed_batches == []
    assert shop.left_over() == {}
    assert shop.records().items("dead_letters") == []


def reminded(viewer: Viewer) -> Shop:
    """The story up to a quarter of an hour after the first reminder; the second is planned."""
    shop = Shop(OPENS)
    shop.hears(ANNOUNCED, *almost_buys(viewer, SHOW, ENTERS, 20), SHOW.ended(ENDS))
    shop.until(HER_HOUR_NEXT_DAY + 15 * MINUTE)
    assert [row.step for row in shop.reminders(viewer)] == ["at-once", "last-call"]
    assert len(shop.mails) == 1
    return shop


def the_second(shop: Shop, viewer: Viewer) -> Reminder:
    """The second reminder, long after its moment."""
    shop.until(SECOND_REMINDER + 3 * DAY)
    [second] = [row for row in shop.reminders(viewer) if row.step == "last-call"]
    return second


def test_without_an_end_the_second_reminder_is_sent() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    assert the_second(shop, mei).outcome == "delivered"
    assert [mail.time for mail in shop.mails][1] == SECOND_REMINDER
    assert shop.reminders(mei)[0].feedback.order is None
    assert_nothing_lost(shop)


def test_unfollowing_the_host_ends_the_reminders() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(mei.unfollows("lin", shop.now + MINUTE))
    second = the_second(shop, mei)
    assert (second.outcome, second.reason) == ("cancelled", "unfollowed")
    assert len(shop.mails) == 1


def test_unfollowing_another_host_ends_nothing() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(mei.unfollows("wang", shop.now + MINUTE))
    assert the_second(shop, mei).outcome == "delivered"


def test_who_ordered_before_the_end_is_left_alone() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(ANNOUNCED, *almost_buys(mei, SHOW, ENTERS, 20), mei.orders(ENTERS + 30 * MINUTE, "order-1", show=SHOW))
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 5 * DAY)
    assert shop.reminders(mei, "hot-replay") == []
    assert shop.mails == []
    assert shop.order("order-1").won_by is None
    told = explanation(shop.records(), shop.person(mei))
    assert {"playbook": "hot-replay", "about": "show#spring", "reason": "ordered"} in told["left_alone"]


def test_an_order_without_a_show_belongs_to_the_last_one_entered() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(mei.orders(shop.now + MINUTE, "order-1"))
    second = the_second(shop, mei)
    assert (second.outcome, second.reason) == ("cancelled", "ordered")
    assert shop.order("order-1").show is None
    assert shop.order("order-1").won_by == shop.reminders(mei)[0].id
    assert len(shop.mails) == 1


def test_the_first_order_wins_back_also_when_it_becomes_known_last() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    first, later = mei.orders(shop.now + MINUTE, "order-1"), mei.orders(shop.now + HOUR, "order-2")
    shop.hears(later)
    assert shop.order("order-2").won_by is not None
    shop.takes(first, shop.now + MINUTE)
    assert shop.order("order-2").won_by is None
    assert shop.order("order-1").won_by == shop.reminders(mei)[0].id


def test_an_alias_of_a_shared_device_joins_no_two_users() -> None:
    shop = Shop(OPENS)
    mei, lan = Viewer("mei"), Viewer("lan")
    shop.hears(mei.identifies(ENTERS))
    stolen = {"type": "alias", "userId": lan.user_id, "previousId": mei.anonymous_id, "messageId": "alias-1"}
    shop.hears(Said(ENTERS + MINUTE, (stolen,)))
    records = shop.records()
    assert records.find(lan.user_id) != records.find(mei.user_id)
    assert shop.head(lan).refused_merges, "whoever asks sees that there was a claim"


def test_a_first_order_brings_a_reminder_of_the_second_one() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    ordered_at = shop.now + MINUTE
    shop.hears(mei.orders(ordered_at, "order-1"))
    shop.until(ordered_at + 40 * DAY)
    [care] = shop.reminders(mei, "second-order")
    assert (care.about, care.outcome) == ("order#order-1", "delivered")
    assert care.sent_at is not None
    assert 21 * DAY <= care.sent_at - ordered_at < 22 * DAY


def test_alias_makes_two_ids_one_person() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(ANNOUNCED, mei.enters(SHOW, ENTERS), mei.watches(SHOW, ENTERS, 15))
    shop.hears(mei.fills_cart(SHOW, ENTERS + 16 * MINUTE))
    # Only an alias says that the browser and the user are one: no event carries both ids.
    mei.signed_in, browser = True, mei.anonymous_id
    shop.hears(Said(ENTERS + 17 * MINUTE, ({**mei.identifies(0).messages[0], "anonymousId": None, **times(17)},)))
    assert shop.head(mei).members == ()
    shop.hears(mei.is_aliased(ENTERS + 18 * MINUTE))
    assert viewer_id("anonymous", browser) in shop.head(mei).members
    assert shop.records().find(browser) == shop.records().find(mei.user_id)
    shop.hears(mei.consents(ENTERS + 19 * MINUTE), SHOW.ended(ENDS))
    shop.until(HER_HOUR_NEXT_DAY + 3 * HOUR)
    [first, *_] = shop.reminders(mei)
    assert first.outcome == "delivered"
    assert "tea × 1" in shop.mails[0].text


def times(minutes: int) -> dict[str, str]:
    """The time stamps of a message that many minutes after she entered."""
    said = Viewer("nobody").enters(SHOW, ENTERS + minutes * MINUTE).messages[0]
    return {name: str(said[name]) for name in ("timestamp", "originalTimestamp")}


@pytest.mark.parametrize(
    ("zone", "ends", "morning"),
    [
        # 07:30 on the west coast, two days before its clocks change.
        ("America/Los_Angeles", "2026-03-06T23:30+08:00", "2026-03-06T08:00-08:00"),
        # Half past nine in Urumqi, two hours behind the shop.
        ("Asia/Urumqi", "2026-03-06T23:30+08:00", "2026-03-07T08:00+06:00"),
        # 07:30 on the day after the change: an hour of the night was left out.
        ("America/Los_Angeles", "2026-03-08T22:30+08:00", "2026-03-08T08:00-07:00"),
    ],
)
def test_an_immediate_reminder_waits_for_her_own_morning(zone: str, ends: str, morning: str) -> None:
    # All within one hour of the clock: too little to know her hours, so only quiet hours decide.
    entered = at(ends) - 29 * MINUTE
    shop, mei = Shop(entered - HOUR), Viewer("mei", zone=zone)
    shop.hears(SHOW.scheduled(entered - HOUR, entered - HOUR, at(ends)))
    shop.hears(*almost_buys(mei, SHOW, entered), SHOW.ended(at(ends)))
    shop.until(at(ends) + 20 * MINUTE)
    [first] = shop.reminders(mei)
    assert (first.zone, first.due) == (zone, at(morning))
    assert at_zone(first.due, zone).hour == 8
    shop.until(at(morning) + HOUR)
    assert [mail.time for mail in shop.mails] == [at(morning)]


def test_an_immediate_reminder_inside_her_day_goes_at_once() -> None:
    ends = at("2026-03-06T22:00+08:00")
    entered = ends - 29 * MINUTE
    shop, mei = Shop(entered - HOUR), Viewer("mei", zone="Asia/Urumqi")
    shop.hears(SHOW.scheduled(entered - HOUR, entered - HOUR, ends), *almost_buys(mei, SHOW, entered))
    shop.hears(SHOW.ended(ends))
    shop.until(ends + 5 * MINUTE)
    [mail] = shop.mails
    # The walk over the show's viewers begins ten seconds after the end, and release_due looks once a minute.
    assert mail.time - ends < 2 * MINUTE


def test_caps_hold_over_several_shows() -> None:
    shop, mei = Shop(at("2026-03-06T09:00+08:00")), Viewer("mei")
    shows = [Show(f"show-{number}", title=f"Show {number}") for number in range(5)]
    for number, show in enumerate(shows):
        begins = at("2026-03-06T10:00+08:00") + number * HOUR
        shop.hears(show.scheduled(begins, begins, begins + 30 * MINUTE), *almost_buys(mei, show, begins))
        shop.hears(show.ended(begins + 30 * MINUTE))
    shop.until(shop.now + 10 * DAY)
    sent = [mail.time for mail in shop.mails]
    assert len(sent) >= 4
    assert most_within(sent, DAY) == 2
    assert most_within(sent, 7 * DAY) <= 5
    rows = shop.reminders(mei)
    assert all(row.outcome is not None and row.reason for row in rows)
    # The caps made them wait, and those that could wait no longer say so.
    assert any("later: capped" in codes(row) for row in rows if row.outcome == "delivered")
    assert ("skipped", "capped") in {(row.outcome, row.reason) for row in rows}
    assert {row.show for row in rows} == {show.id for show in shows}
    assert len(sent) == sum(row.outcome == "delivered" for row in rows)


def test_a_show_without_word_of_its_end_ends_as_planned() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(ANNOUNCED, *almost_buys(mei, SHOW, ENTERS, 20))
    shop.until(ENDS - MINUTE)
    assert shop.records().shows["spring"].closed_at is None
    assert shop.reminders(mei) == []
    shop.until(HER_HOUR_NEXT_DAY + HOUR)
    assert shop.records().shows["spring"].closed_at == ENDS
    assert shop.reminders(mei)[0].outcome == "delivered"


def test_a_show_without_a_planned_end_ends_after_silence() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE), *almost_buys(mei, SHOW, ENTERS, 20))
    last_sign = shop.records().shows["spring"].last_event_at
    assert ENTERS + 15 * MINUTE <= last_sign <= ENTERS + 20 * MINUTE
    shop.until(last_sign + 29 * MINUTE)
    assert shop.records().shows["spring"].closed_at is None
    shop.until(HER_HOUR_NEXT_DAY + HOUR)
    assert shop.records().shows["spring"].closed_at == last_sign + 30 * MINUTE
    assert shop.reminders(mei)[0].outcome == "delivered"


def quiet_viewer_of(shop: Shop, viewer: Viewer) -> None:
    """Somebody who only glanced, but may be written to."""
    shop.hears(
        ANNOUNCED,
        viewer.enters(SHOW, ENTERS),
        viewer.watches(SHOW, ENTERS, 0.5),
        viewer.identifies(ENTERS + 2 * MINUTE),
        viewer.consents(ENTERS + 3 * MINUTE),
        SHOW.ended(ENDS),
    )


def test_a_quiet_viewer_hears_seldom_and_less_and_less() -> None:
    shop, lan = Shop(OPENS), Viewer("lan")
    quiet_viewer_of(shop, lan)
    shop.until(ENDS + 60 * DAY)
    sent = [mail.time for mail in shop.mails]
    assert 4 <= len(sent) <= 6
    assert {row.playbook for row in shop.reminders(lan)} == {"quiet-series"}
    assert sent[0] >= ENDS + 2 * DAY
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps[0] >= 2 * DAY
    assert all(later >= earlier for earlier, later in pairwise(gaps))
    assert gaps[-1] > gaps[0]
    assert all(10 <= at_zone(moment, "Asia/Shanghai").hour < 21 for moment in sent)
    assert_nothing_lost(shop)


def test_a_quiet_series_stops_when_she_orders() -> None:
    shop, lan = Shop(OPENS), Viewer("lan")
    quiet_viewer_of(shop, lan)
    shop.until(ENDS + 5 * DAY)
    sent = len(shop.mails)
    assert sent >= 1
    shop.hears(lan.orders(ENDS + 5 * DAY, "order-1"))
    shop.until(ENDS + 15 * DAY)
    assert len(shop.mails) == sent
    assert shop.reminders(lan, "quiet-series")[-1].reason == "ordered"


def test_nobody_is_written_to_without_consent_or_address() -> None:
    shop, shy, silent = Shop(OPENS), Viewer("shy"), Viewer("silent")
    shop.hears(ANNOUNCED)
    shop.hears(*[said for said in almost_buys(shy, SHOW, ENTERS, 20) if "Consent" not in str(said.messages)])
    begins = shop.now
    shop.hears(silent.enters(SHOW, begins), silent.watches(SHOW, begins, 10))
    shop.hears(silent.fills_cart(SHOW, begins + 11 * MINUTE))
    shop.hears(SHOW.ended(ENDS))
    # The reason stays the same when it is too late for a reminder anyway.
    shop.until(ENDS + 5 * DAY)
    assert shop.mails == []
    assert {one["reason"] for one in explanation(shop.records(), shop.person(shy))["left_alone"]} == {"no_consent"}
    assert {one["reason"] for one in explanation(shop.records(), shop.person(silent))["left_alone"]} == {"no_identity"}


def test_a_cancelled_show_is_not_spoken_of() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(SHOW.cancelled(shop.now + MINUTE))
    second = the_second(shop, mei)
    assert (second.outcome, second.reason) == ("cancelled", "show_cancelled")
    assert len(shop.mails) == 1


def test_signing_in_after_a_reminder_brings_no_second_copy() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    anonymously = [
        mei.enters(SHOW, ENTERS),
        mei.watches(SHOW, ENTERS, 15),
        mei.fills_cart(SHOW, ENTERS + 16 * MINUTE),
        mei.identifies(ENTERS + 17 * MINUTE),
        mei.consents(ENTERS + 18 * MINUTE),
    ]
    # A newsletter form: an address, but no account.
    without_account = [
        Said(one.at, tuple({**message, "userId": None} for message in one.messages), one.context) for one in anonymously
    ]
    shop.hears(ANNOUNCED, *without_account, SHOW.ended(ENDS))
    shop.until(HER_HOUR_NEXT_DAY + 3 * HOUR)
    [first, second] = shop.reminders(mei)
    assert (first.viewer, first.outcome) == (viewer_id("anonymous", mei.anonymous_id), "delivered")
    assert second.state == "pending"

    shop.hears(mei.identifies(shop.now + MINUTE))
    assert shop.head(mei).viewer == viewer_id("user", mei.user_id)
    shop.until(SECOND_REMINDER + 3 * DAY)
    assert [mail.tags["reminder"] for mail in shop.mails] == [first.id, second.id]
    assert len(shop.head(mei).sends["marketing"]) == 2
    assert all(row.outcome is not None for row in shop.reminders(mei))


def test_two_profiles_that_become_one_person_are_reminded_once() -> None:
    # Her browsers' word on the address joins nobody; only signing in on the laptop does.
    shop = Shop(OPENS, parameters={"TrustedSources": "server"})
    phone, laptop = Viewer("mei"), Viewer("laptop", email="mei@example.com")
    shop.hears(ANNOUNCED, *almost_buys(phone, SHOW, ENTERS, 20))
    # On the laptop she gave the same address, without signing in.
    shop.hears(
        *[
            Said(one.at, tuple({**message, "userId": None} for message in one.messages), one.context)
            for one in almost_buys(laptop, SHOW, ENTERS + 21 * MINUTE, 20)
        ]
    )
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 20 * MINUTE)
    assert [row.state for viewer in (phone, laptop) for row in shop.reminders(viewer)] == ["pending", "pending"]

    joined = Viewer("mei", signed_in=True, numbers=1000)
    said = joined.comments(SHOW, ENDS + 30 * MINUTE, "replay?")
    shop.hears(Said(said.at, ({**said.messages[0], "anonymousId": laptop.anonymous_id},), said.context))
    assert len(shop.head(phone).members) == 2
    shop.until(HER_HOUR_NEXT_DAY + 2 * HOUR)
    assert len(shop.mails) == 1
    rows = shop.reminders(phone)
    assert sorted(row.outcome or "" for row in rows if row.step == "at-once") == ["cancelled", "delivered"]
    shop.until(SECOND_REMINDER + 3 * DAY)
    assert len(shop.mails) == 2
