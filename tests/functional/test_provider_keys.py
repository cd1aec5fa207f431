"""Providers that know a second copy by its key, have a schedule of their own, or close their channel."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined
from aftershow.ports.ports import Ports
from aftershow.rules.claims import LEASE
from aftershow.services import health
from tests.functional.story import FakeProvider, Shop, Show, Viewer, almost_buys, at, codes

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
ANNOUNCED = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
SETTLED = ENDS + 6 * HOUR
MEI = Viewer("mei")
GONE = Declined("endpoint_gone", 3600, closes_channel=True)


@dataclass
class Repeating(FakeProvider):
    """Takes a message of which nobody knows up to three times."""

    max_attempts: int = 3


def served(provider: FakeProvider) -> Shop:
    shop = Shop(OPENS, channels={"email": lambda: provider})
    shop.hears(ANNOUNCED, *almost_buys(MEI, SHOW, ENTERS), SHOW.ended(ENDS))
    return shop


def claims_of(shop: Shop) -> list[int]:
    return [step.at for step in shop.reminders(MEI)[0].trace if step.code == "claimed"]


def test_a_doubt_is_tried_again_and_counts_once() -> None:
    provider = Repeating([Ambiguous("http_500", 300), Ambiguous("http_500", 600), Accepted("taken")])
    shop = served(provider)
    shop.until(SETTLED)
    first = shop.reminders(MEI)[0]
    assert (first.outcome, first.attempt, first.provider_id) == ("sent", 3, "taken")
    # The same reminder each time: its id is the key.
    assert {message.tags["reminder"] for message in provider.attempts[:3]} == {first.id}
    gaps = [later - earlier for earlier, later in pairwise(claims_of(shop))]
    assert all(pause <= gap < pause + 2 * MINUTE for pause, gap in zip((300_000, 600_000), gaps, strict=True))
    assert [send.reminder for send in shop.head(MEI).sends["marketing"]] == [first.id]


def test_a_doubt_at_the_last_attempt_ends_unknown() -> None:
    provider = Repeating([Ambiguous("http_500", 300), Ambiguous("http_500", 300), Ambiguous("http_500")])
    shop = served(provider)
    shop.until(SETTLED)
    first = shop.reminders(MEI)[0]
    assert (first.outcome, first.reason, first.attempt) == ("unknown", "no_word_from_provider", 3)


def test_a_crash_after_the_claim_is_tried_again_too() -> None:
    """As if the worker had died: no answer was recorded, the lease runs out."""
    provider = Repeating([Ambiguous("nothing was recorded"), Accepted("taken")])
    shop = served(provider)
    shop.until(SETTLED)
    first = shop.reminders(MEI)[0]
    assert (first.outcome, first.attempt) == ("sent", 2)
    claimed, again = claims_of(shop)
    assert LEASE <= again - claimed < LEASE + 2 * MINUTE


def test_who_orders_meanwhile_gets_no_second_copy_and_the_first_may_have_arrived() -> None:
    provider = Repeating([Ambiguous("http_500", 2 * 3600), Accepted("taken")])
    shop = served(provider)
    shop.until(ENDS + 10 * MINUTE)
    shop.hears(MEI.orders(shop.now, "order-1", show=SHOW))
    shop.until(SETTLED)
    assert len(provider.attempts) == 1
    assert shop.reminders(MEI)[0].outcome in ("cancelled", "unknown")


def test_a_schedule_of_the_providers_own_is_not_doubled() -> None:
    def pauses(*seconds: int) -> list[Answer]:
        return [*(Declined("http_404", pause, own_pace=True) for pause in seconds), Accepted("taken")]

    shop = served(FakeProvider(pauses(300, 1800, 1800, 7200)))
    shop.until(SETTLED)
    first = shop.reminders(MEI)[0]
    assert (first.outcome, first.attempt) == ("sent", 5)
    gaps = [later - earlier for earlier, later in pairwise(claims_of(shop))]
    assert [gap // MINUTE for gap in gaps] == [5, 30, 30, 120]


def test_a_closed_channel_is_left_alone_until_somebody_opens_it() -> None:
    provider = FakeProvider([GONE, Accepted("taken")])
    shop = served(provider)
    shop.until(ENDS + 3 * HOUR)
    first = shop.reminders(MEI)[0]
    assert (first.state, len(provider.attempts)) == ("pending", 1)
    assert "later: channel_closed" in codes(first)
    store = shop.host.ports("send_message").store
    assert health.standing(store, "email").closed_for == "endpoint_gone"
    assert shop.head(MEI).sends["marketing"] == ()
    assert health.reopen(store, "email")
    assert not health.reopen(store, "email"), "it is open"
    shop.until(ENDS + 3 * HOUR + health.CLOSED_RECHECK + 2 * MINUTE)
    assert shop.reminders(MEI)[0].outcome == "sent"


def test_a_closed_channel_until_the_deadline_ends_with_the_reason() -> None:
    shop = served(FakeProvider([GONE]))
    shop.until(ENDS + 5 * DAY)
    rows = shop.reminders(MEI)
    assert (rows[0].outcome, rows[0].reason) == ("skipped", "expired")
    assert "later: channel_closed" in codes(rows[0])
    assert all(row.outcome is not None for row in rows)
    assert shop.left_over() == {}


def test_other_options_open_a_channel() -> None:
    shop = served(FakeProvider([Accepted("taken")]))
    ports = shop.host.ports("send_message")

    def told(**options: str) -> Ports:
        settings = ports.settings.model_copy(update={"provider_options": {"webhook": options}})
        return dataclasses.replace(ports, settings=settings, memory={})

    health.close(told(url="https://a.example"), "webhook", "endpoint_gone")
    held = health.held_back(told(url="https://a.example"), "webhook")
    assert held == health.Held(ports.now() + health.CLOSED_RECHECK, "channel_closed")
    assert health.held_back(told(url="https://b.example"), "webhook") is None
    health.note_ambiguous(told(url="https://a.example"), "webhook")
    assert health.held_back(told(url="https://a.example"), "webhook") == held, "doubt opens nothing"
    health.note_success(told(url="https://b.example"), "webhook")
    assert health.held_back(told(url="https://a.example"), "webhook") is None
