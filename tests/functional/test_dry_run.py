"""A dry run says what then happens, writes nothing, and looks at a show as of its end."""

from __future__ import annotations

import pytest

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.launches import WHOLE
from aftershow.model.shows import Show as StoredShow
from aftershow.ports import keys
from aftershow.rules.launching import Launched
from aftershow.services import launching
from infra.local.dry_run import ENOUGH_VIEWERS, DryRun, dry_run
from tests.functional.moto_shop import moto_shop
from tests.functional.story import Said, Shop, Show, Viewer, almost_buys, at
from tests.functional.test_on_moto import end_show, watch

OPENS = at("2026-03-06T18:00+08:00")
SHOW = Show("spring")
ENTERS, ENDS = OPENS + 10 * MINUTE, OPENS + 60 * MINUTE


def happened() -> list[Said]:
    """Five who almost bought, in two zones; one who ordered, one without consent, one who only glanced, one unknown."""
    said = [SHOW.scheduled(OPENS, OPENS + 5 * MINUTE)]
    for number in range(5):
        viewer = Viewer(f"viewer{number}", zone="Asia/Shanghai" if number else "Europe/Berlin")
        said += almost_buys(viewer, SHOW, ENTERS)
    buyer, shy, glancer, stranger = Viewer("buyer"), Viewer("shy"), Viewer("glancer"), Viewer("stranger")
    said += [*almost_buys(buyer, SHOW, ENTERS), buyer.orders(ENTERS + 30 * MINUTE, "order-1", show=SHOW)]
    said += [shy.enters(SHOW, ENTERS), shy.identifies(ENTERS + MINUTE), shy.watches(SHOW, ENTERS + 2 * MINUTE, 20)]
    said += [glancer.enters(SHOW, ENTERS), glancer.identifies(ENTERS + MINUTE), glancer.consents(ENTERS + 2 * MINUTE)]
    return [*said, stranger.enters(SHOW, ENTERS), SHOW.ended(ENDS)]


def looked(shop: Shop, share: int = WHOLE, enough: int = ENOUGH_VIEWERS) -> DryRun:
    [show] = shop.records().shows.values()
    playbooks = [Launched(one.playbook, None, share) for one in launching.playbooks(shop.host.store)]
    return dry_run(shop.host.ports("schedule_reminder"), show, playbooks, enough=enough)


@pytest.mark.parametrize("share", [WHOLE, 5_000])
def test_what_it_says_is_what_then_happens(share: int) -> None:
    dry_shop, real = Shop(OPENS, approved=False), Shop(OPENS, approved=False)
    for one in launching.playbooks(real.host.store):
        real.approves(one.playbook.id, share)
    for shop in (dry_shop, real):
        shop.hears(*happened())
    before = [str(row) for table in ("reminders", "viewers", "catalog") for row in dry_shop.host.backend.scan(table)]
    dry = looked(dry_shop, share)
    assert before == [
        str(row) for table in ("reminders", "viewers", "catalog") for row in dry_shop.host.backend.scan(table)
    ]
    # The first walk plans 10 s after the end; what is due at once is admitted with the next minute.
    real.until(ENDS + 30_000)
    planned = {(row.viewer, row.playbook, row.step, row.channel, row.due) for row in real.records().reminders}
    said = {(one.row.viewer, one.row.playbook, one.row.step, one.row.channel, one.row.due) for one in dry.would}
    assert said == planned
    assert said
    assert dry.viewers == 9
    assert dry.reminded + sum(dry.reasons.values()) == 9
    assert {"no_identity", "no_consent"} <= set(dry.reasons)
    assert ("outside_share" in dry.reasons) == (share < WHOLE)
    assert not dry.estimated


def test_a_week_later_it_still_tells_the_shows_own_evening() -> None:
    shop = Shop(OPENS)
    shop.hears(*happened())
    at_once = looked(shop)
    viewer = Viewer("viewer1", signed_in=True)
    shop.hears(viewer.orders(ENDS + DAY, "order-2", show=SHOW))
    shop.until(ENDS + 40 * DAY)
    later = looked(shop)
    assert [one.row.id for one in later.would] == [one.row.id for one in at_once.would]
    assert [one.row.due for one in later.would] == [one.row.due for one in at_once.would]
    assert later.reasons == at_once.reasons


def test_consent_is_todays() -> None:
    shop = Shop(OPENS)
    shop.hears(*happened())
    before = looked(shop).reminded
    shop.hears(Viewer("viewer1", signed_in=True).withdraws(ENDS + HOUR))
    after = looked(shop)
    assert (after.reminded, after.reasons["opted_out"]) == (before - 1, 1)


def test_a_large_show_is_estimated_from_a_part_of_its_viewers() -> None:
    shop = Shop(OPENS)
    viewers = [Viewer(f"guest{number}") for number in range(300)]
    shop.hears(SHOW.scheduled(OPENS, OPENS), *(viewer.enters(SHOW, ENTERS) for viewer in viewers), SHOW.ended(ENDS))
    dry = looked(shop, enough=100)
    assert dry.estimated
    assert dry.parts_read < keys.SHOW_SHARDS
    assert 100 <= dry.viewers < 150
    assert 200 < dry.whole(dry.viewers) < 400


def test_it_reads_a_deployed_shop_too() -> None:
    with moto_shop(approved=False) as shop:
        watch(shop)
        shop.settle()
        end_show(shop)
        shop.settle()
        item = shop.store.get(keys.show("spring"))
        assert item is not None
        playbooks = [Launched(one.playbook) for one in launching.playbooks(shop.store)]
        dry = dry_run(shop.ports("schedule_reminder"), StoredShow.read(item.body), playbooks)
        assert (dry.viewers, dry.reminded, dry.by_playbook) == (1, 1, {"hot-replay": 1})
