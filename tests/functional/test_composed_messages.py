"""Composed messages: through the real functions, with links of their own, a coupon, and points."""

from __future__ import annotations

import re

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.ledger import Account, Lot
from aftershow.model.messages import Email
from aftershow.model.products import Product
from aftershow.model.recommendations import Near, Popular
from aftershow.model.reminders import Reminder
from aftershow.model.templates import Template
from aftershow.ports import keys
from aftershow.ports.store import Item, Put
from aftershow.rules import content
from aftershow.services import catalog, people, rendering
from aftershow.services.catalog import MAX_AGE
from infra.local.catalog import templates
from tests.functional.story import Shop, Show, Viewer
from tests.unit.samples import said

OPENS = 1_772_625_600_000  # 2026-03-04T12:00:00Z, 20:00 in Shanghai
SHOW = Show("spring")
CODE = re.compile(r"BACK-[A-Z2-9]{8}")


def after_the_show() -> tuple[Shop, Viewer, Reminder]:
    """A shop after a show, a viewer with two products in her cart, and the reminder that she got."""
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(SHOW.scheduled(OPENS, OPENS + MINUTE), mei.enters(SHOW, OPENS + MINUTE))
    shop.hears(mei.watches(SHOW, OPENS + MINUTE, 20), mei.fills_cart(SHOW, OPENS + 10 * MINUTE))
    shop.hears(mei.fills_cart(SHOW, OPENS + 11 * MINUTE, "pot", "99.00"), mei.identifies(OPENS + 12 * MINUTE))
    shop.hears(mei.consents(OPENS + 13 * MINUTE), SHOW.ended(OPENS + 30 * MINUTE))
    shop.until(OPENS + DAY)
    return shop, mei, shop.reminders(mei)[0]


def known(shop: Shop, product: str, **fields: str) -> None:
    """The catalog knows a product."""
    told = Product(product=product, fields={name: said(value) for name, value in fields.items()})
    shop.host.store.commit([Put(keys.product(product), told.body(), None)])


def of(name: str) -> Template:
    [found] = [one for one in templates() if one.name == name]
    return found


def compose(shop: Shop, row: Reminder, template: str) -> rendering.Composed:
    """What the row would say with another template, as send_message composes it."""
    ports = shop.host.ports("send_message")
    leading = people.leading_head(ports, row.viewer)
    assert leading is not None
    return rendering.compose(ports, row.model_copy(update={"template": template}), of(template), leading[0])


def test_every_product_has_a_link_of_its_own_that_is_counted() -> None:
    shop, _, row = after_the_show()
    known(shop, "tea", name="Oolong", url="https://shop.example/tea", image_url="https://shop.example/tea.jpg")
    shop.host.advance(MAX_AGE + SECOND)
    composed = compose(shop, row, "hot-replay")
    assert composed.reminder.links[1:] == ("https://shop.example/tea",)
    assert isinstance(composed.message, Email)
    assert 'alt="tea"' in composed.message.html, "where no picture is loaded, it says what it shows"
    shop.host.store.commit([_over(shop, composed.reminder)])
    links = composed.links.counted
    for place in composed.reminder.links:
        reply = shop.calls("GET", links[place].removeprefix(composed_base(shop)))
        assert (reply.status, reply.headers["location"].partition("?")[0]) == (302, place)


def composed_base(shop: Shop) -> str:
    return shop.host.ports("send_message").settings.base_url


def _over(shop: Shop, row: Reminder) -> Put:
    item = shop.host.store.get(keys.reminder(row.viewer, row.id))
    assert isinstance(item, Item)
    return Put(item.key, row.body(), item.version, index=item.index)


def test_products_that_go_with_hers_stand_before_the_cart_where_they_are_known() -> None:
    shop, _, row = after_the_show()
    fourth = row.model_copy(update={"occurrence": 3})
    cart = compose(shop, fourth, "quiet-series").message
    assert isinstance(cart, Email)
    assert "pot" in cart.text, "nothing was learnt yet: the cart"
    known(shop, "cup", name="Celadon cup", url="https://shop.example/cup")
    popular = Popular(
        version="v1", learnt_from="test", learnt_until=OPENS, baskets=9, products=(Near(id="cup", permille=500),)
    )
    shop.host.store.commit([Put(keys.popular(), popular.body(), None)])
    shop.host.advance(MAX_AGE + SECOND)
    composed = compose(shop, fourth, "quiet-series")
    assert isinstance(composed.message, Email)
    assert "Celadon cup" in composed.message.text
    assert "pot" not in composed.message.text
    assert "https://shop.example/cup" in composed.reminder.links


def test_a_coupon_is_fixed_by_the_claim_and_kept_on_the_row() -> None:
    shop, _, row = after_the_show()
    claimed = row.model_copy(update={"claimed_at": shop.now})
    first, again = compose(shop, claimed, "cart-coupon"), compose(shop, claimed, "cart-coupon")
    assert first.reminder.coupon is not None
    assert first.reminder == again.reminder
    assert first.message == again.message, "a claim whose reply was lost says the same"
    assert first.reminder.coupon.ends_at >= shop.now + DAY
    assert isinstance(first.message, Email)
    assert (
        set(CODE.findall(first.message.text)) == set(CODE.findall(first.message.html)) == {first.reminder.coupon.code}
    )
    later = compose(shop, row.model_copy(update={"claimed_at": shop.now + HOUR}), "cart-coupon").reminder.coupon
    assert later is not None
    assert later.code == first.reminder.coupon.code, "an attempt later it is the same code"
    assert later.ends_at >= shop.now + HOUR + DAY, "and never less time"
    assert compose(shop, claimed, "hot-replay").reminder.coupon is None


def test_points_and_tier_are_told_and_read_only_where_they_are_used() -> None:
    shop, _, row = after_the_show()
    account = Account(viewer=row.viewer, earned=380, lots=(Lot(expires_at=shop.now + 90 * DAY, points=380),))
    shop.host.store.commit([Put(keys.ledger_account(row.viewer), account.body(), None)])
    told = compose(shop, row, "second-order").message
    assert isinstance(told, Email)
    for text in (told.text, told.html):
        assert "380" in text
        assert "120" in text, "so many more to the next tier"
    ports = shop.host.ports("send_message")
    shared = catalog.snippets(ports)
    assert "points" in content.used(of("second-order"), "email", "en", shared)
    assert not {"points", "tier", "coupon"} & content.used(of("hot-replay"), "email", "en", shared)


def test_a_message_leads_to_preferences_and_a_series_to_its_survey() -> None:
    shop, _, row = after_the_show()
    third = row.model_copy(update={"occurrence": 2})
    composed = compose(shop, third, "quiet-series")
    assert isinstance(composed.message, Email)
    assert composed.links.preferences in composed.message.html
    assert composed.links.survey in composed.message.text
    for address in (composed.links.preferences, composed.links.survey):
        reply = shop.calls("GET", address.removeprefix(composed_base(shop)))
        assert reply.status == 200
