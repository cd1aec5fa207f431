"""What snippets show: a coupon that ends when it says, tiers, cards whose links lead where the shop says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.ledger import Account, Lot
from aftershow.model.products import Product
from aftershow.model.templates import CouponOffer
from aftershow.model.tiers import Tiers
from aftershow.rules import snippets
from infra.local import catalog
from tests.unit.samples import START, examples, said

OFFER = CouponOffer(code="BACK", valid=DAY, offer={"en": "5% off", "zh-CN": "九五折"})
TIERS = Tiers.model_validate(
    {
        "tiers": [
            {"name": {"en": "Bronze"}, "from_points": 0},
            {"name": {"en": "Silver", "zh-CN": "白银"}, "from_points": 500},
        ]
    }
)


@examples(100)
@given(st.integers(0, 10**13), st.integers(1, 90 * DAY))
def test_a_coupon_never_ends_before_what_it_promised(claimed_at: int, valid: int) -> None:
    offer = OFFER.model_copy(update={"valid": valid})
    ends = snippets.coupon(offer, "secret", "r1", claimed_at).ends_at
    assert claimed_at + valid <= ends < claimed_at + valid + 5 * MINUTE
    assert ends % (5 * MINUTE) == 0


def test_a_coupon_is_personal_and_the_same_however_often_it_is_made() -> None:
    first, again = (snippets.coupon(OFFER, "secret", "r1", START) for _ in range(2))
    assert first == again
    codes = {snippets.coupon(OFFER, secret, f"r{number}", START).code for secret in ("a", "b") for number in range(500)}
    assert len(codes) == 1_000
    for code in codes:
        start, dash, own = code.partition("-")
        assert (start, dash, len(own)) == ("BACK", "-", 8)
        assert not set(own) & set("01IO"), "nobody mistakes a letter for a digit"


def test_a_coupon_says_its_end_on_the_viewers_clock() -> None:
    own = snippets.coupon(OFFER, "secret", "r1", START)
    told = snippets.coupon_values(OFFER, own, "en", "Asia/Shanghai", START)
    assert (told["offer"], told["ends"], told["hours"]) == ("5% off", "5 Mar 20:00", 24)
    later = snippets.coupon_values(OFFER, own, "zh-CN", "Europe/Paris", START + 5 * HOUR + MINUTE)
    assert (later["offer"], later["ends"], later["hours"]) == ("九五折", "3月5日 13:00", 18)
    assert snippets.coupon_values(OFFER, own, "en", "UTC", START + 2 * DAY)["hours"] == 0


@pytest.mark.parametrize(
    ("earned", "reversed_", "name", "after", "more"),
    [(0, 0, "Bronze", "Silver", 500), (380, 0, "Bronze", "Silver", 120), (700, 201, "Bronze", "Silver", 1),
     (500, 0, "Silver", "", 0), (10, 90, "Bronze", "Silver", 500)],
)  # fmt: skip
def test_a_tier_follows_from_what_was_earned(earned: int, reversed_: int, name: str, after: str, more: int) -> None:
    account = Account(viewer="u1", earned=earned, reversed=reversed_)
    assert snippets.tier_values(TIERS, [account], "en") == {"name": name, "next": after, "more": more}


def test_points_that_were_spent_still_count_for_the_tier() -> None:
    account = Account(viewer="u1", earned=600, spent=600)
    told = snippets.tier_values(TIERS, [account], "zh-CN")
    assert told is not None
    assert told["name"] == "白银"
    assert snippets.tier_values(Tiers(), [account], "en") is None


def test_points_of_all_of_a_persons_accounts_count() -> None:
    lots = (Lot(expires_at=START + DAY, points=30), Lot(expires_at=START + DAY, available_at=START + HOUR, points=5))
    accounts = [Account(viewer="u1", lots=lots), Account(viewer="u2", lots=(Lot(expires_at=START + DAY, points=7),))]
    assert snippets.points_values(accounts, START) == {"balance": 42, "available": 37, "pending": 5}
    assert snippets.points_values([], START)["available"] == 0


def test_the_tiers_that_ship_can_be_used() -> None:
    assert [tier.from_points for tier in catalog.tiers().tiers] == [0, 500, 2000, 8000]
    with pytest.raises(ValueError, match="order of their from_points"):
        Tiers.model_validate(
            {"tiers": [{"name": {"en": "A"}, "from_points": 5}, {"name": {"en": "B"}, "from_points": 5}]}
        )


@pytest.mark.parametrize(
    "text",
    ["javascript:alert(1)", "//evil.example", "http://", "https://shop.example@evil.example/", "https://evilshop.example/",
     "https://shop.example.evil.example/", "https://shop.example/a b", "https://shop.example/\n", "ftp://shop.example/x",
     "https://[::1", "", None, "https://shop.example/" + "x" * 1_000],
)  # fmt: skip
def test_what_is_no_address_of_the_shop_leads_nowhere(text: str | None) -> None:
    assert snippets.web_address(text, frozenset({"shop.example"})) == ""


def test_an_address_of_the_shop_is_one() -> None:
    for address in ("https://shop.example/p/1?a=b", "http://www.shop.example/茶"):
        assert snippets.web_address(address, frozenset({"shop.example"})) == address
    assert snippets.web_address("http://img.example/x.png", secure=True) == ""


def test_a_page_decides_a_link_only_on_the_shops_own_hosts() -> None:
    """What a browser sent as a product's address counts there alone; the catalog's word counts before it."""

    def line(url: str) -> CartLine:
        return CartLine(quantity=1, at=1, id="a", name="Tea", url=url)

    cart = {
        "p1": line("https://evil.example/p1"),
        "p2": line("https://www.shop.example/p2"),
        "p3": line("https://x.example/"),
    }
    engagement = Engagement(viewer="u1", about="-", first_at=1, last_at=1, cart=cart)
    known = {"p3": Product(product="p3", fields={"url": said("https://partner.example/p3")})}
    cards = snippets.cart_cards(engagement, known, {"shop.example"})
    assert [card.address for card in cards] == ["", "https://www.shop.example/p2", "https://partner.example/p3"]


def test_each_place_has_one_number_and_the_button_the_first() -> None:
    cards = [snippets.Card("a", "A", address="https://s.example/a", video="https://s.example/v"),
             snippets.Card("b", "B"), snippets.Card("a", "A", address="https://s.example/a")]  # fmt: skip
    assert snippets.destinations("https://s.example/", cards) == (
        "https://s.example/", "https://s.example/a", "https://s.example/v",
    )  # fmt: skip


def test_what_a_product_is_good_for_comes_from_the_catalog() -> None:
    fields = {"name": said("Tea"), "price": said("8900 CNY"), "selling_point": said("picked by hand"),
              "offer": said("2 for 1"), "image_url": said("http://img.example/x.png"),
              "video_url": said("https://v.example/x")}  # fmt: skip
    card = snippets.product_card(Product(product="p", fields=fields))
    told = card.values({"https://v.example/x": "https://s.example/c/1"}, "https://s.example/c/0")
    assert (told["cost"], told["selling_point"], told["offer"]) == ("¥89.00", "picked by hand", "2 for 1")
    assert (told["video"], told["link"], told["picture"]) == ("https://s.example/c/1", "https://s.example/c/0", "")
