"""Providers that decline, throttle, or leave everybody in doubt; and playbooks that are stopped."""

from __future__ import annotations

from itertools import pairwise

import pytest

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined
from aftershow.rules.claims import LEASE
from tests.functional.story import FakeProvider, Shop, Show, Viewer, almost_buys, at, codes

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
# Long enough for every lease and every redelivery, and before the second reminder.
SETTLED = ENDS + 10 * HOUR
SHOW = Show("spring")
ANNOUNCED = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
DOUBT = Ambiguous("time-out after the request")


def served(provider: FakeProvider, *viewers: Viewer) -> Shop:
    """The story up to the show's end, with that provider in the place of the e-mail channel."""
    shop = Shop(OPENS, channels={"email": lambda: provider})
    shop.hears(ANNOUNCED, *(said for viewer in viewers for said in almost_buys(viewer, SHOW, ENTERS)))
    shop.hears(SHOW.ended(ENDS))
    return shop


def test_an_address_that_is_refused_fails_and_frees_the_caps() -> None:
    mei, provider = Viewer("mei"), FakeProvider([Declined("message_rejected", gives_up_address=True)])
    shop = served(provider, mei)
    shop.until(SETTLED)
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.reason) == ("failed", "message_rejected")
    assert len(provider.attempts) == 1
    assert shop.head(mei).sends["marketing"] == ()
    [address] = shop.records().addresses.values()
    assert (address.suppressed, address.sends["marketing"]) == ("bounced", ())
    shop.until(ENDS + 5 * DAY)
    assert len(provider.attempts) == 1
    assert shop.reminders(mei)[1].reason == "suppressed"


@pytest.mark.parametrize("reason", ["TooManyRequestsException", "no_connection"])
def test_a_throttled_message_is_sent_later(reason: str) -> None:
    again = Declined(reason, again_after_seconds=60)
    answers: list[Answer] = [again, again, again, Accepted("taken")]
    mei, provider = Viewer("mei"), FakeProvider(answers)
    shop = served(provider, mei)
    shop.until(SETTLED)
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.attempt, first.provider_id) == ("sent", 4, "taken")
    assert codes(first).count("claimed") == 4
    assert codes(first).count(f"later: {reason}") == 3
    # One send counts, not four.
    assert [send.reminder for send in shop.head(mei).sends["marketing"]] == [first.id]
    assert {message.tags["attempt"] for message in provider.attempts} == {"1", "2", "3", "4"}
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_an_evening_of_throttling_costs_no_reminder() -> None:
    mei, provider = Viewer("mei"), FakeProvider([Declined("TooManyRequestsException", again_after_seconds=60)])
    shop = served(provider, mei)
    shop.until(ENDS + 6 * HOUR)
    assert shop.reminders(mei)[0].state == "pending"
    # Asked at doubling intervals, then once an hour.
    assert 6 <= len(provider.attempts) <= 13
    provider.answers = [Accepted("taken")]
    shop.until(SETTLED)
    assert shop.reminders(mei)[0].outcome == "sent"


def test_throttling_until_the_deadline_ends_with_the_reason() -> None:
    mei, provider = Viewer("mei"), FakeProvider([Declined("TooManyRequestsException", again_after_seconds=60)])
    shop = served(provider, mei)
    shop.until(ENDS + 5 * DAY)
    rows = shop.reminders(mei)
    assert (rows[0].outcome, rows[0].reason) == ("failed", "TooManyRequestsException")
    assert all(row.outcome is not None for row in rows)
    # A provider that throttles is not flooded, and what was never sent counts for no cap.
    assert len(provider.attempts) < 200
    assert shop.head(mei).sends["marketing"] == ()


def test_doubt_ends_unknown_and_nothing_is_sent_again() -> None:
    mei, provider = Viewer("mei"), FakeProvider([DOUBT, Accepted("taken")])
    shop = served(provider, mei)
    shop.until(ENDS + 10 * MINUTE)
    [first] = shop.reminders(mei)
    assert first.state == "sending"
    claimed_at = first.claimed_at
    assert claimed_at is not None
    shop.until(SETTLED)
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.reason) == ("unknown", "no_word_from_provider")
    assert first.outcome_at is not None
    assert LEASE <= first.outcome_at - claimed_at < LEASE + 2 * MINUTE
    assert len(provider.attempts) == 1
    # It may have arrived: it counts for the caps.
    assert [send.reminder for send in shop.head(mei).sends["marketing"]] == [first.id]

    shop.provider_says("Email Sent", provider.attempts[0])
    first = shop.reminders(mei)[0]
    assert (first.outcome, first.sent_at) == ("sent", shop.now - shop.now % SECOND)
    shop.provider_says("Email Delivered", provider.attempts[0])
    assert shop.reminders(mei)[0].outcome == "delivered"
    shop.until(ENDS + 5 * DAY)
    assert [message.tags["reminder"] for message in provider.attempts].count(first.id) == 1


def test_a_word_within_the_lease_decides() -> None:
    mei, provider = Viewer("mei"), FakeProvider([DOUBT])
    shop = served(provider, mei)
    shop.until(ENDS + 10 * MINUTE)
    shop.provider_says("Email Sent", provider.attempts[0])
    shop.until(SETTLED)
    first = shop.reminders(mei)[0]
    assert (first.outcome, len(provider.attempts)) == ("sent", 1)
    assert "unknown: no_word_from_provider" not in codes(first)


def test_three_doubts_hold_the_channel_back_and_one_probe_a_minute_goes_out() -> None:
    viewers = [Viewer(f"viewer-{number}") for number in range(9)]
    # Three and two probes are in doubt; the third probe finds the provider well.
    provider = FakeProvider([*[DOUBT] * 5, Accepted("taken")])
    shop = served(provider, *viewers)
    shop.until(SETTLED)
    firsts = [shop.reminders(viewer)[0] for viewer in viewers]
    assert sorted(row.outcome or "" for row in firsts) == ["sent"] * 4 + ["unknown"] * 5
    doubtful = sorted(row.claimed_at or 0 for row in firsts if row.outcome == "unknown")
    assert doubtful[2] - doubtful[0] < 10 * SECOND
    # What came after the third waited for a minute, then one of them tried, and so on.
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(doubtful[2:]))
    sent = sorted(row.claimed_at or 0 for row in firsts if row.outcome == "sent")
    assert sent[0] - doubtful[-1] >= MINUTE
    held = [row for row in firsts if "later: channel_down" in codes(row)]
    assert len(held) == 6
    # None was tried twice, and nothing was lost.
    tried = [message.tags["reminder"] for message in provider.attempts]
    assert sorted(tried) == sorted(row.id for row in firsts)
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_a_stopped_playbook_sends_nothing_more() -> None:
    mei = Viewer("mei")
    shop = Shop(OPENS)
    shop.hears(ANNOUNCED, *almost_buys(mei, SHOW, ENTERS), SHOW.ended(ENDS))
    shop.until(ENDS + HOUR)
    assert [row.outcome for row in shop.reminders(mei)] == ["delivered", None]
    shop.stops("hot-replay")
    shop.until(ENDS + 5 * DAY)
    second = shop.reminders(mei)[1]
    assert (second.outcome, second.reason) == ("cancelled", "playbook_stopped")
    assert len(shop.mails) == 1


def test_a_playbook_stopped_before_the_end_plans_nothing() -> None:
    mei = Viewer("mei")
    shop = Shop(OPENS)
    shop.hears(ANNOUNCED, *almost_buys(mei, SHOW, ENTERS))
    shop.stops("hot-replay")
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 5 * DAY)
    assert (shop.reminders(mei), shop.mails) == ([], [])
