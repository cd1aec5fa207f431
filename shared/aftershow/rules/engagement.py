"""Folding behaviour into an engagement: commutative and idempotent, so any order, repetition or batching of the same
events ends in the same value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aftershow.model.base import Stamped
from aftershow.model.engagements import (
    MAX_CART_LINES,
    MAX_COUNTED,
    MAX_PRODUCTS,
    CartLine,
    Engagement,
    Kind,
    sketch_of,
    sketch_text,
    slot_bit,
    slots_of,
    slots_text,
)
from aftershow.model.ids import short_hash
from aftershow.model.instants import HOUR, iso
from aftershow.rules.segment import Did, Event, Heartbeat, Left


@dataclass(frozen=True, slots=True)
class Folded:
    """An engagement after some events, and how many of them were known already."""

    engagement: Engagement
    duplicates: int


class _Sketch:
    """The bottom-k sketch while it is being filled: the 256 smallest hashes with their kinds."""

    def __init__(self, counted: str, *, estimated: bool) -> None:
        self.kinds = sketch_of(counted)
        self.estimated = estimated

    def add(self, hashed: int, kind: Kind) -> bool:
        """Count one thing; False where it was counted before. Beyond the sketch nobody can say: True."""
        if hashed in self.kinds:
            return False
        if len(self.kinds) < MAX_COUNTED:
            self.kinds[hashed] = kind
            return True
        self.estimated = True
        greatest = max(self.kinds)
        if hashed < greatest:
            del self.kinds[greatest]
            self.kinds[hashed] = kind
        return True


def fold(viewer: str, about: str, show: str | None, known: Engagement | None, events: Iterable[Event]) -> Folded:
    """Fold the events of one viewer about one show (or day) into what is known of it."""
    listed = list(events)
    moments = [event.at for event in listed] + ([known.first_at, known.last_at] if known else [])
    before = known or Engagement(viewer=viewer, about=about, show=show, first_at=min(moments), last_at=max(moments))
    sketch = _Sketch(before.counted, estimated=before.estimated)
    slots, left, hours = slots_of(before.watched), before.left_seconds, before.hours
    products, cart = dict(before.products), dict(before.cart)
    source, zone, locale = before.source, before.zone, before.locale
    duplicates = 0
    for event in listed:
        hours |= 1 << (event.at // HOUR % 24)
        source = _first(source, event, event.context.source)
        zone = _newest(zone, event, event.context.zone)
        locale = _newest(locale, event, event.context.locale)
        meaning = event.meaning
        if isinstance(meaning, Heartbeat):
            bit = slot_bit(event.at)
            duplicates += bool(slots & bit)
            slots |= bit
        elif isinstance(meaning, Left):
            duplicates += not sketch.add(short_hash(event.id), Kind.OTHER)
            left = left if meaning.seconds is None else max(left or 0, meaning.seconds)
        elif isinstance(meaning, Did):
            duplicates += not _count(sketch, event.id, meaning)
            _note_product(products, cart, event.at, meaning)
    engagement = before.model_copy(
        update={
            "first_at": min(moments),
            "last_at": max(moments),
            "watched": slots_text(slots),
            "left_seconds": left,
            "counted": sketch_text(sketch.kinds),
            "estimated": sketch.estimated,
            "products": _most_recent(products, MAX_PRODUCTS),
            "cart": _newest_lines(cart),
            "source": source,
            "zone": zone,
            "locale": locale,
            "hours": hours,
        }
    )
    return Folded(engagement, duplicates)


def _count(sketch: _Sketch, message_id: str, meaning: Did) -> bool:
    """Count the thing itself, and each further kind that it also is, under a hash of its own."""
    is_new = sketch.add(short_hash(message_id), meaning.kinds[0])
    for kind in meaning.kinds[1:]:
        sketch.add(short_hash(f"{message_id}#{kind}"), kind)
    return is_new


def _note_product(products: dict[str, int], cart: dict[str, CartLine], at: int, meaning: Did) -> None:
    if meaning.product is None:
        return
    product = meaning.product[:64]
    products[product] = max(at, products.get(product, at))
    if meaning.line is not None:
        cart[product] = meaning.line.newest(cart.get(product))


def _most_recent(products: dict[str, int], most: int) -> dict[str, int]:
    kept = sorted(products.items(), key=lambda item: (-item[1], item[0]))[:most]
    return dict(sorted(kept))


def _newest_lines(cart: dict[str, CartLine]) -> dict[str, CartLine]:
    kept = sorted(cart.items(), key=lambda item: (-item[1].at, item[0]))[:MAX_CART_LINES]
    return dict(sorted(kept))


def _newest(known: Stamped | None, event: Event, value: str | None) -> Stamped | None:
    if value is None:
        return known
    return Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}").newest(known)


def _first(known: Stamped | None, event: Event, value: str | None) -> Stamped | None:
    """The first source counts: it is what brought the viewer in."""
    if value is None:
        return known
    this = Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")
    return this if known is None else min(this, known, key=lambda one: (one.at, one.id, one.value))


def united(engagements: Iterable[Engagement]) -> Engagement:
    """One person's engagements about the same thing, from several devices, as one. At least one is needed."""
    first, *others = sorted(engagements, key=lambda one: one.viewer)
    for other in others:
        sketch = _Sketch(first.counted, estimated=first.estimated or other.estimated)
        for hashed, kind in sorted(sketch_of(other.counted).items()):
            sketch.add(hashed, Kind(kind))
        cart = dict(first.cart)
        for product, line in other.cart.items():
            cart[product] = line.newest(cart.get(product))
        products = {
            key: max(first.products.get(key, 0), other.products.get(key, 0))
            for key in {*first.products, *other.products}
        }
        first = first.model_copy(
            update={
                "first_at": min(first.first_at, other.first_at),
                "last_at": max(first.last_at, other.last_at),
                "watched": slots_text(slots_of(first.watched) | slots_of(other.watched)),
                "left_seconds": _longer(first.left_seconds, other.left_seconds),
                "counted": sketch_text(sketch.kinds),
                "estimated": sketch.estimated,
                "products": _most_recent(products, MAX_PRODUCTS),
                "cart": _newest_lines(cart),
                "source": min(
                    filter(None, (first.source, other.source)), key=lambda one: (one.at, one.id), default=None
                ),
                "zone": _later(first.zone, other.zone),
                "locale": _later(first.locale, other.locale),
                "hours": first.hours | other.hours,
                "score": None,
            }
        )
    return first


def _longer(one: int | None, other: int | None) -> int | None:
    """The longer of two watch times; an observed zero is known, unlike None."""
    return max((seconds for seconds in (one, other) if seconds is not None), default=None)


def _later(one: Stamped | None, other: Stamped | None) -> Stamped | None:
    return one.newest(other) if one else other


def day_of(at: int) -> str:
    """The UTC day of a moment, as an ISO date: where behaviour outside shows is kept."""
    return iso(at)[:10]
