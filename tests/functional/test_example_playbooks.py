"""Playbooks that ship as examples: they work as they are, once somebody takes and approves them."""

from __future__ import annotations

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND, at_zone
from aftershow.ports import keys
from aftershow.ports.store import Put
from aftershow.services.catalog import MAX_AGE
from infra.local import catalog
from tests.functional.story import Shop, Show, Viewer

OPENS = 1_772_625_600_000  # 2026-03-04T12:00:00Z, 20:00 in Shanghai
SHOW = Show("spring")
EXAMPLES = {one.id: one for one in catalog.playbooks(catalog.INFRA / "playbooks" / "examples")}


def shop_with(example: str) -> Shop:
    """A shop that took an example and approved it, and stopped what it shipped with."""
    shop = Shop(OPENS)
    for shipped in catalog.playbooks():
        shop.stops(shipped.id)
    shop.host.store.commit([Put(keys.playbook(example), EXAMPLES[example].body(), None)])
    shop.host.advance(MAX_AGE + SECOND)
    shop.approves(example)
    return shop


def watched(shop: Shop, viewer: Viewer) -> None:
    """She watched a show, filled her cart, signed in and agreed to e-mails."""
    enters = shop.now + MINUTE
    shop.hears(SHOW.scheduled(shop.now, enters), viewer.enters(SHOW, enters), viewer.watches(SHOW, enters, 20))
    shop.hears(viewer.fills_cart(SHOW, enters + 10 * MINUTE), viewer.identifies(enters + 12 * MINUTE))
    shop.hears(viewer.consents(enters + 13 * MINUTE), SHOW.ended(enters + 30 * MINUTE))


def test_every_example_names_templates_that_ship() -> None:
    known = {template.name for template in catalog.templates()}
    assert set(EXAMPLES) == {"cart-coupon", "first-weeks"}
    for one in EXAMPLES.values():
        assert {step.template for step in one.steps} <= known
        assert one.id not in {shipped.id for shipped in catalog.playbooks()}


def test_the_weeks_after_a_first_order_bring_two_letters_in_the_evening() -> None:
    shop, mei = shop_with("first-weeks"), Viewer("mei")
    watched(shop, mei)
    ordered_at = shop.now + MINUTE
    shop.hears(mei.orders(ordered_at, "order-1"))
    shop.until(ordered_at + 10 * DAY)
    letters = sorted(shop.reminders(mei, "first-weeks"), key=lambda row: row.due)
    assert [(row.step, row.outcome) for row in letters] == [("three-days", "delivered"), ("a-week", "delivered")]
    for row, days in zip(letters, (3, 7), strict=True):
        assert row.sent_at is not None
        assert days * DAY <= row.sent_at - ordered_at < (days + 1) * DAY
        assert 19 <= at_zone(row.sent_at, row.zone).hour < 21
    assert all("500 more points to" not in mail.text for mail in shop.mails), "her 120 points count"


def test_a_left_cart_brings_a_coupon_that_is_good_for_a_day() -> None:
    shop, mei = shop_with("cart-coupon"), Viewer("mei")
    watched(shop, mei)
    shop.until(shop.now + DAY)
    [row] = shop.reminders(mei, "cart-coupon")
    [mail] = shop.mails
    assert row.outcome == "delivered"
    assert row.coupon is not None
    assert row.claimed_at is not None
    assert row.coupon.code in mail.text
    assert row.coupon.code in mail.html
    assert DAY <= row.coupon.ends_at - row.claimed_at < DAY + HOUR
