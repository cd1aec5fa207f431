"""Opting out: by one click, by an event, at any moment; nothing is claimed after it was acknowledged. An order's fold
holds the same way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import pytest

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.reminders import Reminder
from aftershow.rules import links
from aftershow.rules.intake import pack
from aftershow.rules.replies import Reply
from aftershow.services.messages import Received
from aftershow.services.replying import take_reply
from aftershow.services.scoring import score
from infra.local.faults import Call, Faults
from infra.local.lines import Line
from tests.functional.story import (
    FORM,
    ONE_CLICK,
    Said,
    Shop,
    Show,
    Viewer,
    almost_buys,
    at,
    button,
    mails_of,
    unsubscribe_path,
)

T = TypeVar("T")

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
ANNOUNCED = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
# The hot viewer's second reminder, a day after the first.
LONG_AFTER = ENDS + 5 * DAY


# What these viewers say comes from their browsers: a mailbox that two of them name does not make them one person.
BROWSERS = {"TrustedSources": "server"}


def reminded(*viewers: Viewer) -> Shop:
    """The story up to a quarter of an hour after the first reminder; the second is planned."""
    shop = Shop(OPENS, parameters=BROWSERS)
    shop.hears(ANNOUNCED, *(said for viewer in viewers for said in almost_buys(viewer, SHOW, ENTERS)))
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 15 * MINUTE)
    for viewer in viewers:
        assert [row.step for row in shop.reminders(viewer)] == ["at-once", "last-call"]
    return shop


def test_one_click_unsubscribe_before_the_second_reminder() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    path = unsubscribe_path(shop.mails[0])

    # Scanners open links: looking is not unsubscribing.
    before = shop.records().items("viewers"), shop.records().items("addresses")
    page = shop.calls("GET", path)
    assert (page.status, b"<form" in page.body) == (200, True)
    shop.calls("HEAD", path)
    shop.host.drain()
    assert (shop.records().items("viewers"), shop.records().items("addresses")) == before

    assert shop.unsubscribes(shop.mails[0]).status == 200
    # Committed before it was answered: nothing was worked off yet.
    assert [address.suppressed for address in shop.records().addresses.values()] == ["opted_out"]
    shop.until(LONG_AFTER)
    second = shop.reminders(mei)[1]
    assert (second.outcome, second.reason) == ("cancelled", "opted_out")
    assert shop.reminders(mei)[0].feedback.unsubscribed_at == ENDS + 15 * MINUTE
    assert len(shop.mails) == 1
    assert (shop.host.errors, shop.left_over()) == ([], {})


@pytest.mark.parametrize("changed", ["x", "", "A" * 4000], ids=["one letter", "none", "long"])
def test_a_changed_link_does_nothing(changed: str) -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    unsubscribe, click = unsubscribe_path(shop.mails[0]), button(shop.mails[0])
    before = shop.records().items("viewers"), shop.records().items("reminders")
    for method, path in (("POST", unsubscribe), ("GET", unsubscribe), ("GET", click)):
        altered = path[:-1] + changed if changed else path.rpartition("/")[0] + "/none"
        reply = shop.calls(method, altered, FORM)
        assert reply.status == 404
        assert b"Traceback" not in reply.body
    # A link of one kind is none of the other.
    assert shop.calls("POST", click.replace("/c/", "/u/"), FORM).status == 404
    assert (shop.records().items("viewers"), shop.records().items("reminders")) == before


def test_one_mailbox_on_two_profiles_has_one_cap_and_one_opt_out() -> None:
    shop = Shop(at("2026-03-06T09:00+08:00"), parameters=BROWSERS)
    one, other = Viewer("one", email="shared@example.com"), Viewer("other", email="Shared@example.com")
    shows = [Show(f"show-{number}") for number in range(2)]
    for number, show in enumerate(shows):
        begins = at("2026-03-06T10:00+08:00") + number * HOUR
        shop.hears(show.scheduled(begins, begins, begins + 30 * MINUTE))
        shop.hears(*almost_buys(one, show, begins), *almost_buys(other, show, begins), show.ended(begins + 30 * MINUTE))
    shop.until(at("2026-03-06T20:00+08:00"))
    # Four reminders were wanted at once, two each; the mailbox takes two in 24 hours.
    assert len(shop.mails) == 2
    [address] = shop.records().addresses.values()
    assert len(address.sends["marketing"]) == 2

    assert shop.unsubscribes(shop.mails[0]).status == 200
    shop.until(shop.now + 10 * DAY)
    assert len(shop.mails) == 2
    rows = [row for viewer in (one, other) for row in shop.reminders(viewer)]
    assert {row.outcome for row in rows} == {"delivered", "skipped", "cancelled"}
    # Who wrote from this profile opted out; the other profile's mailbox is suppressed.
    assert {row.reason for row in rows if row.outcome != "delivered"} == {"opted_out", "suppressed"}


def test_every_mailbox_is_its_own() -> None:
    mei, lan = Viewer("mei"), Viewer("lan")
    shop = reminded(mei, lan)
    assert len(mails_of(shop, mei)) == len(mails_of(shop, lan)) == 1
    assert shop.unsubscribes(mails_of(shop, mei)[0]).status == 200
    shop.until(LONG_AFTER)
    assert (len(mails_of(shop, mei)), len(mails_of(shop, lan))) == (1, 2)


def the_way(mei: Viewer) -> list[Said]:
    """All requests of the story up to the end of the show, in order."""
    return [ANNOUNCED, *almost_buys(mei, SHOW, ENTERS), SHOW.ended(ENDS)]


# Before her consent there is nothing to withdraw; a later consent would count anew.
@pytest.mark.parametrize("after_steps", range(len(the_way(Viewer("mei"))) + 1))
def test_an_opt_out_between_any_two_steps_is_honoured(after_steps: int) -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    way = the_way(mei)
    shop.hears(*way[:after_steps])
    withdrawn_at = shop.now + 1
    shop.hears(mei.withdraws(withdrawn_at))
    consents_again = any("Consent" in str(said.messages) for said in way[after_steps:])
    shop.hears(*way[after_steps:])
    shop.until(LONG_AFTER)
    if consents_again:
        # Her newer word counts: she ticked the box after she had withdrawn.
        assert shop.mails
        return
    assert shop.mails == []
    assert shop.reminders(mei) == []


@pytest.mark.parametrize("after_first", [0, MINUTE, 20 * HOUR, DAY - 10 * MINUTE])
def test_an_opt_out_between_two_reminders_is_honoured(after_first: int) -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(mei.withdraws(shop.now + after_first))
    shop.until(LONG_AFTER)
    said_at = shop.head(mei).consent["marketing:all"]
    assert all(mail.time <= min(said.at for said in said_at.values()) for mail in shop.mails)
    assert all(row.outcome is not None for row in shop.reminders(mei))


class Interruption(Faults):
    """Lets something happen just before one call of a port: at any of them, in the middle of a function."""

    def __init__(self, before: int, happens: Callable[[], None]) -> None:
        super().__init__()
        self._before = before
        self._happens = happens
        self._busy = False

    def call(self, line: Line, name: str, about: str, action: Callable[[], T], lost: Callable[[], T]) -> T:
        """See Faults; what the interruption itself calls isn't numbered."""
        if self._busy:
            return action()
        if len(self.calls) + 1 == self._before:
            self._busy = True
            self._happens()
            self._busy = False
        return super().call(line, name, about, action, lost)


@dataclass
class Meanwhile:
    """Something that happens in the middle of things, and how her first reminder stood when it was done."""

    happens: Callable[[Shop, Viewer], None]
    shop: Shop | None = None
    viewer: Viewer | None = None
    row: Reminder | None = None

    def __call__(self) -> None:
        """Let it happen."""
        assert self.shop is not None
        assert self.viewer is not None
        self.happens(self.shop, self.viewer)
        self.row = self.shop.reminders(self.viewer)[0]


def opts_out(shop: Shop, viewer: Viewer) -> None:
    """Unsubscribe as the link of her first message does, whether the message has left or not."""
    row = shop.reminders(viewer)[0]
    secret = shop.records().settings.link_secret
    token = links.sign(secret, "unsubscribe", links.LinkTarget(row.viewer, row.id, 0))
    assert shop.host.request("POST", f"/u/{token}", FORM, ONE_CLICK).status == 200


def switches_off(shop: Shop, viewer: Viewer) -> None:
    """Switch e-mail off on the preference page, and everything that it is about."""
    row = shop.reminders(viewer)[0]
    secret = shop.records().settings.link_secret
    token = links.sign(secret, "preferences", links.LinkTarget(row.viewer, row.id, 0))
    assert shop.host.request("POST", f"/p/{token}", FORM, b"per_week=").status == 200


def replies_stop(shop: Shop, viewer: Viewer) -> None:
    """Answer "stop" to the message's address, as a callback of an e-mail's reply would."""
    take_reply(shop.host.ports("track_outcome"), Reply("i1", "email", viewer.mailbox, "退订", shop.now))


def orders(shop: Shop, viewer: Viewer) -> None:
    """Order, and have the order folded by another worker."""
    said = viewer.orders(shop.now, "order-1")
    events = [(viewer.user_id, "track", json.dumps(message).encode()) for message in said.messages]
    [packed] = pack("local", shop.now, b"{}", events, ())
    score(Received("1", "1", packed, "arn:FactsQueue"), shop.host.ports("score_user"), remaining_seconds=60)
    assert shop.head(viewer).orders == 1


def interrupted(before: int, happens: Callable[[Shop, Viewer], None]) -> tuple[Meanwhile, Shop, Viewer, list[Call]]:
    """The story with something happening before that call of a port."""
    mei, meanwhile = Viewer("mei"), Meanwhile(happens)
    faults = Interruption(before, meanwhile)
    shop = Shop(OPENS, faults=faults)
    meanwhile.shop, meanwhile.viewer = shop, mei
    shop.hears(*the_way(mei))
    shop.until(LONG_AFTER)
    return meanwhile, shop, mei, faults.calls


@lru_cache(maxsize=1)
def calls_from_planning_to_delivery() -> tuple[int, ...]:
    """The numbers of the calls between the first reminder's planning and the news of its delivery."""
    *_, calls = interrupted(0, opts_out)
    written = [call.number for call in calls if call.name == "backend.write" and "reminders" in call.about]
    return tuple(range(written[0] + 1, written[3] + 2))


@pytest.mark.parametrize("says", [opts_out, switches_off, replies_stop])
@pytest.mark.parametrize("before", calls_from_planning_to_delivery())
def test_nothing_is_claimed_after_an_opt_out_in_the_middle_of_a_function(
    before: int, says: Callable[[Shop, Viewer], None]
) -> None:
    meanwhile, shop, mei, _ = interrupted(before, says)
    # Where the head was read just before, it is the address that says so; the page may name the topic.
    assert_last_word(meanwhile, shop, mei, {"opted_out", "suppressed", "topic_off"})


@pytest.mark.parametrize("before", calls_from_planning_to_delivery())
def test_nothing_is_claimed_after_an_order_was_folded_in_the_middle_of_a_function(before: int) -> None:
    meanwhile, shop, mei, _ = interrupted(before, orders)
    assert_last_word(meanwhile, shop, mei, {"ordered"})
    assert [account.balance for account in shop.records().accounts] == [120]


def assert_last_word(meanwhile: Meanwhile, shop: Shop, viewer: Viewer, reasons: set[str]) -> None:
    """Nothing was claimed after what happened in the middle, and every reminder says why it stayed."""
    assert meanwhile.row is not None
    first, *others = shop.reminders(viewer, "hot-replay")
    if meanwhile.row.claimed_at is None:
        assert shop.mails == []
        assert first.outcome in {"cancelled", "skipped"}
        assert first.reason in reasons
        assert first.claimed_at is None
    else:
        # Claimed before: that one message may leave, no other.
        assert len(shop.mails) <= 1
        assert first.outcome in {"delivered", "unknown"}
    assert all(row.claimed_at is None and row.reason in reasons for row in others)
    assert shop.left_over() == {}


def test_an_opt_out_outlasts_a_consent_stamped_by_a_clock_that_runs_ahead() -> None:
    mei = Viewer("mei")
    shop = Shop(OPENS)
    shop.hears(ANNOUNCED, *almost_buys(mei, SHOW, ENTERS))
    ahead = mei.consents(ENTERS + 20 * HOUR)
    shop.takes(ahead, ENTERS + 9 * MINUTE)
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 30 * MINUTE)
    assert len(shop.mails) == 1
    assert shop.unsubscribes(shop.mails[0]).status == 200
    shop.until(ENDS + 5 * DAY)
    assert len(shop.mails) == 1


def test_an_order_stops_reminders_of_somebody_whose_clock_runs_ahead() -> None:
    """Her client stamps her visit three hours late; the shop's server stamps her order."""
    mei = Viewer("mei")
    shop = Shop(OPENS)
    shop.hears(ANNOUNCED)
    for said in almost_buys(mei, SHOW, ENTERS + 3 * HOUR):
        shop.takes(said, said.at - 3 * HOUR)
    shop.hears(SHOW.ended(ENDS))
    shop.until(ENDS + 30 * MINUTE)
    assert len(shop.mails) == 1, "she is reminded all the same"
    shop.hears(mei.orders(ENDS + HOUR, "order-1"))
    shop.until(ENDS + 5 * DAY)
    assert len(shop.mails) == 1
    assert shop.reminders(mei, "hot-replay")[-1].reason == "ordered"


@pytest.mark.parametrize("reason", ["bounced", "complained", "opted_out"])
def test_an_address_suppressed_elsewhere_is_not_written_to_whoever_has_it(reason: str) -> None:
    mei, other = Viewer("mei"), Viewer("other", email="MEI@example.com")
    shop = reminded(mei, other)
    assert len(shop.mails) == 2
    said = {"channel": "email", "address": mei.mailbox, "reason": reason}
    word = {"type": "track", "event": "Message Address Suppressed", "messageId": "sup-1", "properties": said}
    shop.takes(Said(shop.now, (word, word)), shop.now)
    shop.until(LONG_AFTER)
    for viewer in (mei, other):
        second = shop.reminders(viewer)[1]
        assert (second.outcome, second.reason) == ("skipped", "suppressed")
    assert len(shop.mails) == 2
    assert (shop.host.errors, shop.left_over()) == ([], {})
