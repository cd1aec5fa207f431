"""Off until approved: what an approval, a share, a changed playbook and the stop button do in a running shop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.launches import WHOLE
from aftershow.model.playbooks import Playbook
from aftershow.ports import keys
from aftershow.ports.store import Check, Conflict, Key, Put, Store, Version
from aftershow.rules.launching import NotApproved
from aftershow.services import launching, scheduling
from aftershow.services.launching import Signature
from infra.local import catalog
from infra.local.telling import explanation
from tests.functional.story import Shop, Show, Viewer, almost_buys, at, mails_of

OPENS = at("2026-03-06T18:00+08:00")
SHOW = Show("spring")
ENTERS, ENDS = OPENS + 10 * MINUTE, OPENS + 60 * MINUTE
ANNOUNCED = SHOW.scheduled(OPENS, OPENS + 5 * MINUTE)
HOT = "hot-replay"


def edit(shop: Shop, **change: object) -> None:
    """Somebody pushes another content of the playbook."""
    item = shop.host.store.get(keys.playbook(HOT))
    assert item is not None
    edited = Playbook.read(item.body).model_copy(update=change)
    shop.host.store.commit([Put(item.key, edited.body(), item.version)])
    shop.host.advance(5 * SECOND)


def look_again(shop: Shop) -> None:
    """What a command does after an approval or a stop."""
    scheduling.start_walks(shop.host.queues, "RemindersQueue", SHOW.id)
    shop.host.look_again()
    shop.host.advance(MINUTE)


def ended_with(shop: Shop, *viewers: Viewer) -> None:
    """A show that these viewers left without ordering."""
    shop.hears(ANNOUNCED, *(said for viewer in viewers for said in almost_buys(viewer, SHOW, ENTERS)), SHOW.ended(ENDS))


def test_a_shop_does_nothing_until_somebody_approves_and_then_makes_good_for_it() -> None:
    mei = Viewer("mei")
    shop = Shop(OPENS, approved=False)
    ended_with(shop, mei)
    shop.until(ENDS + HOUR)
    assert (shop.reminders(mei), shop.mails) == ([], [])
    alone = explanation(shop.records(), shop.person(mei))["left_alone"]
    assert {(one["playbook"], one["reason"]) for one in alone} == {(HOT, "not_approved")}
    shop.approves(HOT)
    look_again(shop)
    assert [row.outcome for row in shop.reminders(mei)][:1] == ["delivered"]


def test_the_author_is_refused_and_nothing_is_written() -> None:
    shop = Shop(OPENS, approved=False)
    with pytest.raises(NotApproved, match="aftershow wrote hot-replay"):
        launching.approve(shop.host.store, HOT, WHOLE, Signature("aftershow", OPENS, "a test"))
    with pytest.raises(launching.NoSuchPlaybook, match="there are considering-replay"):
        launching.approve(shop.host.store, "hot", WHOLE, Signature("mei", OPENS, "a test"))
    assert (launching.launches(shop.host.store), launching.decisions(shop.host.store)) == ({}, [])


def test_a_changed_playbook_sends_nothing_until_it_is_approved_anew() -> None:
    mei, lan = Viewer("mei"), Viewer("lan")
    shop = Shop(OPENS)
    ended_with(shop, mei)
    shop.until(ENDS + HOUR)
    assert [row.outcome for row in shop.reminders(mei)] == ["delivered", None]
    edit(shop, version=2)
    shop.hears(*almost_buys(lan, SHOW, ENDS + HOUR + MINUTE))
    shop.until(ENDS + 2 * DAY)
    last_call = shop.reminders(mei)[1]
    assert (last_call.outcome, last_call.reason) == ("cancelled", "not_approved")
    assert (len(shop.mails), shop.reminders(lan)) == (1, [])
    shop.approves(HOT)
    look_again(shop)
    shop.until(ENDS + 3 * DAY - HOUR)
    assert (len(mails_of(shop, mei)), len(mails_of(shop, lan))) == (2, 2)


def test_a_share_is_told_to_those_outside_and_a_larger_one_adds_people() -> None:
    viewers = [Viewer(f"viewer{number}") for number in range(40)]
    shop = Shop(OPENS, approved=False)
    shop.approves(HOT, share=2_500)
    ended_with(shop, *viewers)
    shop.until(ENDS + HOUR)
    first = {viewer.name for viewer in viewers if mails_of(shop, viewer)}
    assert 0 < len(first) < 40
    outside = next(viewer for viewer in viewers if viewer.name not in first)
    [alone] = explanation(shop.records(), shop.person(outside))["left_alone"]
    assert (alone["reason"], alone["share"]) == ("outside_share", "25 %")
    shop.approves(HOT, share=7_500)
    look_again(shop)
    more = {viewer.name for viewer in viewers if mails_of(shop, viewer)}
    assert first < more
    assert len(more) < 40
    assert all(len(mails_of(shop, viewer)) <= 1 for viewer in viewers)


def test_a_smaller_share_takes_back_what_has_not_left_yet() -> None:
    viewers = [Viewer(f"viewer{number}") for number in range(20)]
    shop = Shop(OPENS)
    ended_with(shop, *viewers)
    shop.until(ENDS + HOUR)
    assert len(shop.mails) == 20
    shop.approves(HOT, share=3_000)
    shop.until(ENDS + 2 * DAY)
    seconds = [shop.reminders(viewer)[1] for viewer in viewers]
    told = Counter((row.outcome, row.reason) for row in seconds)
    assert set(told) == {("delivered", "delivered"), ("cancelled", "outside_share")}
    assert len(shop.mails) == 20 + told["delivered", "delivered"]


def test_the_stop_button_holds_from_the_sixth_second_on_and_a_push_does_not_lift_it() -> None:
    viewers = [Viewer(f"viewer{number}") for number in range(5)]
    shop = Shop(OPENS)
    ended_with(shop, *viewers)
    shop.until(ENDS + HOUR)
    shop.stops(HOT)
    assert catalog.push(shop.host.store) == []
    edit(shop, version=2)
    assert catalog.push(shop.host.store, lambda _: None) == [HOT]
    shop.until(ENDS + 2 * DAY)
    assert len(shop.mails) == 5
    assert {shop.reminders(viewer)[1].reason for viewer in viewers} == {"playbook_stopped"}


def test_stopped_rows_are_swept_before_they_are_due_and_come_back_with_an_approval() -> None:
    mei = Viewer("mei")
    shop = Shop(OPENS)
    ended_with(shop, mei)
    shop.until(ENDS + HOUR)
    shop.stops(HOT)
    look_again(shop)
    swept = shop.reminders(mei)[1]
    assert (swept.outcome, swept.reason) == ("cancelled", "playbook_stopped")
    assert swept.due > shop.now
    shop.approves(HOT)
    look_again(shop)
    shop.until(ENDS + 2 * DAY)
    again = shop.reminders(mei)[1]
    assert (again.id, again.outcome) == (swept.id, "delivered")
    assert len(mails_of(shop, mei)) == 2


def test_who_decided_what_and_when_is_kept_for_good() -> None:
    shop = Shop(OPENS, approved=False)
    for share in (500, 2_000):
        shop.approves(HOT, share)
    shop.stops(HOT)
    shop.approves(HOT, 2_000)
    told = [(one.what, one.by, one.share) for one in launching.decisions(shop.host.store)]
    assert told == [
        ("approved", "the owner", 500), ("approved", "the owner", 2_000), ("stopped", "the owner", None),
        ("approved", "the owner", 2_000),
    ]  # fmt: skip
    moments = [one.at for one in launching.decisions(shop.host.store)]
    assert moments == sorted(moments)


def test_two_decisions_of_one_millisecond_are_both_kept() -> None:
    shop = Shop(OPENS, approved=False)
    for _ in range(3):
        launching.stop(shop.host.store, HOT, Signature("the owner", OPENS, "a test"))
    assert [one.at for one in launching.decisions(shop.host.store)] == [OPENS, OPENS + 1, OPENS + 2]


class Meanwhile(Store):
    """A store on which somebody else is the first to write."""

    def commit(self, puts: Sequence[Put], checks: Sequence[Check] = ()) -> dict[Key, Version]:
        """Behind a stop by another."""
        launching.stop(Store(self.backend, self.new_id), HOT, Signature("the other", OPENS, "a test"))
        return super().commit(puts, checks)


def test_a_stop_is_not_lifted_by_an_approval_that_did_not_see_it() -> None:
    shop = Shop(OPENS, approved=False)
    store = Meanwhile(shop.host.store.backend, shop.host.store.new_id)
    with pytest.raises(NotApproved, match="stopped by the other"):
        launching.approve(store, HOT, WHOLE, Signature("mei", OPENS, "a test"))
    assert launching.launches(shop.host.store)[HOT].stop is not None
    shop.approves(HOT)
    assert launching.launches(shop.host.store)[HOT].stop is None


class Contested(Store):
    """A store on which others always write the launch of one playbook first."""

    def commit(self, puts: Sequence[Put], checks: Sequence[Check] = ()) -> dict[Key, Version]:
        """Not of this playbook."""
        if keys.launch("considering-replay") in [put.key for put in puts]:
            raise Conflict
        return super().commit(puts, checks)


def test_a_playbook_that_others_decide_on_holds_up_no_stop_of_the_rest() -> None:
    shop = Shop(OPENS)
    store = Contested(shop.host.store.backend, shop.host.store.new_id)
    names = [one.playbook.id for one in launching.playbooks(store)]
    assert launching.stop_each(store, names, Signature("mei", OPENS, "a test")) == ["considering-replay"]
    working = [one.playbook.id for one in launching.playbooks(store) if one.off is None]
    assert working == ["considering-replay"]
