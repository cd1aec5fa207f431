"""A WeCom draft is sent when a member of staff confirms it; until then it expires, is taken back or handed over."""

from __future__ import annotations

import dataclasses

import pytest

from aftershow.model.channels import CONTACT_DELETED
from aftershow.model.events import ViewerChanged
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Declined
from aftershow.ports.ports import Ports
from aftershow.ports.store import OutboxEvent, Put
from aftershow.rules import drafts as rules
from aftershow.services import drafts
from infra.local.wire import iso as wire_time
from tests.functional.drafting import PLAYBOOK, befriends, drafts_of, shop_with_staff
from tests.functional.story import FakeProvider, Said, Shop, Show, Viewer, at, codes

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
MEI = Viewer("mei")


def drafted() -> Shop:
    """The story up to a draft that waits for staff, an hour after the show."""
    MEI.numbers, MEI.signed_in = 0, False
    shop = shop_with_staff(OPENS)
    shop.hears(SHOW.scheduled(OPENS + 5 * MINUTE, ENTERS, ENDS), *befriends(MEI, SHOW, ENTERS), SHOW.ended(ENDS))
    shop.until(ENDS + HOUR)
    [row] = shop.reminders(MEI)
    assert (row.state, row.channel, row.awaiting_until) == ("awaiting", "wecom", (row.claimed_at or 0) + rules.LIFE)
    assert [one.state for one in drafts_of(shop, MEI)] == ["open"]
    return shop


def staff_ports(shop: Shop) -> Ports:
    """What a command has."""
    settings = shop.host.ports("send_message").settings
    return dataclasses.replace(shop.host.ports("schedule_reminder"), settings=settings)


def sends(shop: Shop) -> list[str]:
    """The reminders that count for her caps."""
    return [send.reminder for send in shop.head(MEI).sends.get("marketing", ())]


def test_a_draft_says_who_it_is_for_and_links_back() -> None:
    shop = drafted()
    [draft] = drafts_of(shop, MEI)
    assert draft.text.startswith("Mei, Spring tea: https://shop.example/c/")
    assert draft.link.startswith("https://shop.example/c/")
    [row] = shop.reminders(MEI)
    # What staff may still send counts for her caps.
    assert sends(shop) == [row.id]
    assert "awaiting" in codes(row)


def test_what_staff_confirmed_is_sent() -> None:
    shop = drafted()
    [draft] = drafts_of(shop, MEI)
    assert shop.host.wecom.confirm(draft.id)
    shop.until(shop.now + 40 * MINUTE)
    [row, *_] = shop.reminders(MEI)
    assert (row.outcome, row.provider_id) == ("sent", draft.id)
    assert sends(shop) == [row.id]
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_staff_who_look_at_the_link_send_nothing() -> None:
    shop = drafted()
    [draft] = drafts_of(shop, MEI)
    assert shop.calls("GET", draft.link.removeprefix("https://shop.example")).status == 302
    assert shop.reminders(MEI)[0].state == "awaiting"


def test_what_nobody_confirms_expires_and_is_taken_back() -> None:
    shop = drafted()
    shop.until(ENDS + DAY + 2 * HOUR)
    first = shop.reminders(MEI)[0]
    assert (first.outcome, first.reason) == ("skipped", "expired")
    [draft, *_] = drafts_of(shop, MEI)
    assert draft.state == "taken_back"
    assert not shop.host.wecom.confirm(draft.id)
    assert first.id not in sends(shop)
    looks = [call for call in shop.host.log_lines if call.message == "ended"]
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("what", "outcome", "reason"),
    [
        ("orders", "cancelled", "ordered"),
        ("opts out", "cancelled", "opted_out"),
        ("unfollows", "cancelled", "unfollowed"),
        ("deletes the contact", "cancelled", "opted_out"),
        ("is erased", "cancelled", "erased"),
    ],
)
def test_a_draft_is_taken_back_within_two_minutes(what: str, outcome: str, reason: str) -> None:
    shop = drafted()
    now = shop.now
    if what == "orders":
        shop.hears(MEI.orders(now, "o-1", show=SHOW))
    elif what == "opts out":
        shop.hears(MEI.withdraws(now))
    elif what == "unfollows":
        shop.hears(MEI.unfollows("lin", now))
    elif what == "deletes the contact":
        shop.hears(_deletes_contact(now))
    else:
        _erases(shop)
    shop.until(now + 2 * MINUTE)
    row = shop.reminders(MEI)[0]
    assert (row.outcome, row.reason) == (outcome, reason)
    [draft] = drafts_of(shop, MEI)
    assert draft.state == "taken_back"
    assert sends(shop) == []
    shop.until(now + 5 * DAY)
    assert [one.state for one in drafts_of(shop, MEI)] == ["taken_back"]
    assert all(one.outcome is not None for one in shop.reminders(MEI))


def test_a_stopped_playbooks_draft_is_taken_back() -> None:
    shop = drafted()
    shop.stops(PLAYBOOK)
    shop.until(shop.now + 35 * MINUTE)
    row = shop.reminders(MEI)[0]
    assert (row.outcome, row.reason) == ("cancelled", "playbook_stopped")
    assert drafts_of(shop, MEI)[0].state == "taken_back"


def test_what_was_sent_before_it_was_taken_back_was_sent() -> None:
    shop = drafted()
    [draft] = drafts_of(shop, MEI)
    assert shop.host.wecom.confirm(draft.id)
    shop.hears(MEI.withdraws(shop.now))
    shop.until(shop.now + 2 * MINUTE)
    row = shop.reminders(MEI)[0]
    assert (row.outcome, sends(shop)) == ("sent", [row.id])


def test_a_draft_is_handed_over() -> None:
    shop = drafted()
    ports = staff_ports(shop)
    [row] = drafts.awaiting(ports)
    drafts.hand_over(ports, row, "wang.wei")
    shop.until(shop.now + 3 * MINUTE)
    [now] = shop.reminders(MEI)
    first, second = drafts_of(shop, MEI)
    assert (first.state, second.state, second.staff) == ("taken_back", "open", "wang.wei")
    assert (now.state, now.staff, now.attempt, now.provider_id) == ("awaiting", "wang.wei", 2, second.id)
    # One broadcast for her, not two.
    assert sends(shop) == [now.id]
    assert shop.host.wecom.confirm(second.id)
    shop.until(shop.now + HOUR)
    assert shop.reminders(MEI)[0].outcome == "sent"


def test_staff_take_a_draft_back() -> None:
    shop = drafted()
    ports = staff_ports(shop)
    [row] = drafts.awaiting(ports)
    drafts.withdraw(ports, row, "Wang Wei")
    shop.host.drain()
    now = shop.reminders(MEI)[0]
    assert (now.outcome, now.reason) == ("skipped", "withdrawn_by_staff")
    assert any((step.code, step.detail) == ("to_take_back: withdrawn_by_staff", "Wang Wei") for step in now.trace)
    assert drafts.awaiting(ports) == []


def test_who_deleted_the_contact_said_no_and_may_say_yes_again() -> None:
    """As WeCom tells it when the draft is made."""
    MEI.numbers, MEI.signed_in = 0, False
    provider = FakeProvider([Declined(CONTACT_DELETED, gives_up_address=True), Accepted("taken")])
    shop = shop_with_staff(OPENS, channels={"wecom": lambda: provider})
    shop.hears(SHOW.scheduled(OPENS + 5 * MINUTE, ENTERS, ENDS), *befriends(MEI, SHOW, ENTERS), SHOW.ended(ENDS))
    shop.until(ENDS + DAY)
    [address] = [one for one in shop.records().addresses.values() if one.channel == "wecom"]
    assert address.suppressed == "opted_out"
    assert len(provider.attempts) == 1
    assert sends(shop) == []


def test_one_broadcast_a_day_for_a_customer() -> None:
    """The second reminder of the series, and whatever else: one in any 24 hours."""
    shop = drafted()
    for _ in range(16):
        for draft in drafts_of(shop, MEI):
            shop.host.wecom.confirm(draft.id)
        shop.until(shop.now + 6 * HOUR)
    moments = [row.claimed_at or 0 for row in shop.reminders(MEI) if row.outcome == "sent"]
    assert len(moments) == 2
    assert moments[1] - moments[0] >= DAY


def _deletes_contact(now: int) -> Said:
    """The official callback's news, as the shop's server tells it."""
    contact = {"externalIds": [{"type": "wecom_external_userid", "id": "wm-mei"}]}
    message = {"type": "track", "event": "WeCom Contact Deleted", "anonymousId": "wm-mei", "messageId": "deleted-1",
               "timestamp": wire_time(now)}  # fmt: skip
    return Said(now, (message,), contact)


def _erases(shop: Shop) -> None:
    """What an erasure writes: the head's mark, and that something about the person changed."""
    head = shop.head(MEI)
    item = shop.host.store.get(keys.head(head.viewer))
    assert item is not None
    event = ViewerChanged(viewer=head.viewer, what=("erased",))
    erased = Head(
        viewer=head.viewer, identity=head.identity, members=head.members, erased_at=shop.now, sends=head.sends
    )
    shop.host.store.commit(
        [Put(item.key, erased.body(), item.version, (OutboxEvent(event.kind, event.model_dump_json()),))]
    )
    shop.host.look_again()
