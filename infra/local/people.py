"""The people of the synthetic show as the generator means them: the truth behind the stream.

Tests and the demo's reactions may read it; the product must find it out from events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infra.local.programme import SECOND_MS, Product, Programme, Show


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of viewer. Rates are probabilities, counts are means per visit."""

    name: str
    share: float
    propensity: float
    watch_minutes: float
    likes: float
    comments: float
    clicks: float
    adds: float
    searches: float
    checks_out: float
    orders: float
    identifies: float
    consents: float
    comes_again: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay in a live room. `entered_at` is epoch milliseconds."""

    show: Show
    entered_at: int
    watch_seconds: int

    @property
    def left_at(self) -> int:
        """When the viewer leaves, epoch milliseconds."""
        return self.entered_at + self.watch_seconds * SECOND_MS


@dataclass(frozen=True, slots=True)
class Order:
    """An order and what becomes of it. Money in fen, moments in epoch milliseconds.

    `show_id` is what the event says; `show` is where the order was really placed (None: after it).
    """

    order_id: str
    at: int
    lines: tuple[tuple[Product, int], ...]
    coupon: str | None
    show: Show | None
    show_id: str | None
    refunds: tuple[tuple[int, int], ...] = ()
    cancelled_at: int | None = None
    updated: tuple[int, int] | None = None
    contradicted_at: int | None = None

    @property
    def total(self) -> int:
        """What was paid, in fen."""
        listed = sum(product.price * quantity for product, quantity in self.lines)
        return listed - listed // 10 if self.coupon else listed


@dataclass(frozen=True, slots=True)
class Person:
    """One viewer. Identities and moments are what the stream will tell, if it tells them at all.

    `identity`: anonymous (never identifies), identifies, logged_in (from the start) or alias.
    `obstacle` is why an order may fail to come; `cart` is what the viewer likes, dearest first;
    `channel` is the way into the room; `coverage` what the client tells of watching: heartbeats,
    left (the seconds, once, on leaving) or none; `clock_ahead_ms` is how wrong its clock is.
    """

    number: int
    seed: int
    kind: Kind
    propensity: float
    obstacle: str
    identity: str
    anonymous_id: str
    user_id: str | None
    identified_at: int | None
    name: str | None
    email: str | None
    phone: str | None
    device_token: str | None
    wecom_id: str | None
    zone: str
    locale: str
    channel: str
    coverage: str
    clock_ahead_ms: int
    reserved_at: int | None
    consented_at: int | None
    withdrawn_at: int | None
    unfollowed_at: int | None
    visits: tuple[Visit, ...]
    cart: tuple[Product, ...]
    orders: tuple[Order, ...]

    @property
    def first_seen_at(self) -> int:
        """The moment of the viewer's earliest event, epoch milliseconds."""
        return self.reserved_at or self.visits[0].entered_at

    @property
    def ordered_in_show(self) -> bool:
        """Whether an order was placed while one of the shows ran."""
        return any(order.show for order in self.orders)

    @property
    def returned_alone(self) -> bool:
        """Whether the viewer orders later without having been reminded."""
        return any(order.show is None for order in self.orders)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the generator intends, before anything is sent."""

    programme: Programme
    people: tuple[Person, ...]
    by_address: Mapping[str, Person]
