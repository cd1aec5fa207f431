"""What snippets show: product cards, a coupon with its end, points and the next tier."""

from __future__ import annotations

import hmac
import math
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.instants import HOUR, MINUTE, at_zone
from aftershow.model.ledger import Account
from aftershow.model.money import display
from aftershow.model.products import Product, ProductField
from aftershow.model.reminders import Coupon
from aftershow.model.templates import CouponOffer
from aftershow.model.tiers import Tiers
from aftershow.rules.accounts import standing
from aftershow.rules.quoting import Quoted

MAX_PRODUCTS = 4
# What a reminder's row keeps of each link.
MAX_ADDRESS_CHARACTERS = 1_000
# 40 bits: nobody guesses a code of eight characters at a till.
_CODE_BYTES = 5
# A countdown to the minute would be out of date when it is read.
_COUPON_ENDS_ON = 5 * MINUTE
_SYMBOLS = {"CNY": "¥"}


@dataclass(frozen=True, slots=True)
class Card:
    """A product as a message shows it; `quantity` is 0 where it is in no cart; `address` and `video` are where its
    links lead, "" where nowhere."""

    product: str
    name: str
    quantity: int = 0
    price: str = ""
    currency: str = ""
    address: str = ""
    picture: str = ""
    selling_point: str = ""
    offer: str = ""
    video: str = ""

    def values(self, counted: Mapping[str, str], otherwise: str) -> dict[str, Any]:
        """What a template may say of it. `counted` are links by where they lead; `otherwise` is the message's own."""
        symbol = _SYMBOLS.get(self.currency)
        return {
            "product_id": Quoted(self.product), "name": Quoted(self.name), "quantity": self.quantity,
            "price": self.price, "currency": self.currency,
            "cost": "" if not self.price else f"{symbol}{self.price}" if symbol else f"{self.price} {self.currency}",
            "link": counted.get(self.address, otherwise), "picture": self.picture,
            "selling_point": Quoted(self.selling_point), "offer": Quoted(self.offer),
            "video": counted.get(self.video, ""),
        }  # fmt: skip


def shown_lines(engagement: Engagement | None) -> dict[str, CartLine]:
    """The cart lines that a message shows, by product id."""
    return dict(islice((engagement.cart_lines() if engagement else {}).items(), MAX_PRODUCTS))


def cart_cards(engagement: Engagement | None, products: Mapping[str, Product], hosts: Iterable[str]) -> list[Card]:
    """The cart as cards. What a line says itself comes first, since the catalog may have changed; but it came from a
    page, so its address counts only on the shop's own `hosts`."""
    hosts = frozenset(hosts)
    return [_of_line(name, line, products.get(name), hosts) for name, line in shown_lines(engagement).items()]


def _of_line(product_id: str, line: CartLine, product: Product | None, hosts: frozenset[str]) -> Card:
    known = product_card(product) if product else Card(product_id, product_id)
    own = (line.minor, line.currency) if line.minor is not None and line.currency else None
    return Card(
        product_id,
        line.name or known.name,
        quantity=line.quantity,
        price=display(*own) if own else known.price,
        currency=own[1] if own else known.currency,
        address=known.address or web_address(line.url, hosts),
        picture=known.picture,
        selling_point=known.selling_point,
        offer=known.offer,
        video=known.video,
    )


def product_card(product: Product) -> Card:
    """A product of the catalog as a card."""

    def text(field: ProductField) -> str:
        return product.text(field) or ""

    return Card(
        product.product,
        text("name") or product.product,
        price=display(*product.price) if product.price else "",
        currency=product.price[1] if product.price else "",
        address=web_address(text("url")),
        picture=web_address(text("image_url"), secure=True),
        selling_point=text("selling_point"),
        offer=text("offer"),
        video=web_address(text("video_url")),
    )


def web_address(text: str | None, hosts: frozenset[str] | None = None, *, secure: bool = False) -> str:
    """The text where it is an address of the web, on one of `hosts` or below it where they are given; else ""."""
    if not text or len(text) > MAX_ADDRESS_CHARACTERS or not text.isprintable() or " " in text:
        return ""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return ""
    plain = parts.username is None and parts.scheme in (("https",) if secure else ("http", "https"))
    ours = hosts is None or any(host == one or host.endswith(f".{one}") for one in hosts)
    return text if plain and host and ours else ""


def host_of(address: str) -> str:
    """The host of an address, "" where it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def destinations(first: str, cards: Iterable[Card]) -> tuple[str, ...]:
    """Where the links of a message lead, by their number: each place once, the button's first."""
    places = [first, *(place for card in cards for place in (card.address, card.video) if place)]
    return tuple(dict.fromkeys(places))


def coupon(offer: CouponOffer, secret: str, reminder: str, claimed_at: int) -> Coupon:
    """The personal coupon of a reminder, fixed by the claim: its code follows from the reminder, and it ends when the
    offer's time from the claim is over, at the next full five minutes, so never before it."""
    mac = hmac.digest(secret.encode(), f"coupon\0{reminder}".encode(), sha256)[:_CODE_BYTES]
    # Without the letters that people take for digits.
    code = b32encode(mac).decode().translate(str.maketrans("IO", "89"))
    ends = math.ceil((claimed_at + offer.valid) / _COUPON_ENDS_ON) * _COUPON_ENDS_ON
    return Coupon(code=f"{offer.code}-{code}", ends_at=ends)


def coupon_values(offer: CouponOffer, own: Coupon, locale: str, zone: str, now: int) -> dict[str, Any]:
    """What a template may say of a coupon; `hours` are whole ones that are left."""
    return {
        "code": own.code,
        "offer": in_words(offer.offer, locale),
        "ends": moment(own.ends_at, zone, locale),
        "hours": max(own.ends_at - now, 0) // HOUR,
    }


def points_values(accounts: Sequence[Account], now: int) -> dict[str, Any]:
    """A person's points: `available` may be spent now, `pending` later; `balance` is both less what is owed."""
    found = standing(accounts, now)
    return {"balance": found.balance, "available": found.available, "pending": found.pending}


def tier_values(tiers: Tiers, accounts: Sequence[Account], locale: str) -> dict[str, Any] | None:
    """The tier that the points earned so far give, the next one, and how many `more` it takes; None without tiers."""
    earned = max(sum(account.earned - account.reversed for account in accounts), 0)
    reached = [tier for tier in tiers.tiers if tier.from_points <= earned]
    ahead = next((tier for tier in tiers.tiers if tier.from_points > earned), None)
    if not tiers.tiers:
        return None
    return {
        "name": in_words(reached[-1].name, locale) if reached else "",
        "next": in_words(ahead.name, locale) if ahead else "",
        "more": ahead.from_points - earned if ahead else 0,
    }


def in_words(words: Mapping[str, str], locale: str) -> str:
    """The words of the locale, of its language, English ones, else whatever there is first."""
    return words[spoken(words, locale)] if words else ""


def spoken(locales: Iterable[str], locale: str) -> str:
    """Which of the locales somebody of `locale` reads: itself, its language, English, else the first."""
    names = sorted(locales)
    # Android writes zh_CN.
    language = locale.replace("_", "-").partition("-")[0].lower()
    by_language = {name.partition("-")[0].lower(): name for name in reversed(names)}
    wanted = (locale, by_language.get(language), "en", *names)
    return next(name for name in wanted if name in names)


def moment(at: int, zone: str, locale: str) -> str:
    """A moment on the viewer's clock: 6 Mar 20:30, 3月6日 20:30."""
    when = at_zone(at, zone)
    if locale.lower().startswith("zh"):
        return f"{when.month}月{when.day}日 {when:%H:%M}"
    return f"{when.day} {_MONTHS[when.month - 1]} {when:%H:%M}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
