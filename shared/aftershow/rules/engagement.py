"""Folding behaviour into an engagement: commutative and idempotent, so any order, repetition or batching of the same
events ends in the same value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from aftershow.model.base import Stamped
from aftershow.model.engagements import (
    HASH_BITS,
    MAX_CART_LINES,
    MAX_COMPARED,
    MAX_COUNTED,
    MAX_INTERESTS,
    MAX_PRODUCTS,
    MAX_VOTES,
    PIECE_MINUTES,
    PIECES_OF_DAY,
    PIECES_OF_HOUR,
    CartLine,
    Engagement,
    Kind,
    piece_bit,
    sketch_of,
    sketch_text,
    slot_bit,
    slots_of,
    slots_text,
)
from aftershow.model.ids import short_hash
from aftershow.model.instants import DAY, MINUTE, at_zone, iso
from aftershow.rules.segment import Did, Event, Heartbeat, Left

# Longer ids are cut: an item holds many of them.
MAX_ID_CHARACTERS = 64

T = TypeVar("T", CartLine, Stamped)


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

    def add(self, hashed: int, kind: int) -> bool:
        """Count one thing; False where it was counted before. Beyond the sketch nobody can say: True."""
        known = self.kinds.get(hashed)
        if known is not None:
            # One hash of two things: in any order the same of them is kept.
            self.kinds[hashed] = min(known, kind)
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


class _Draft:
    """An engagement while events, or what other devices did, come into it. Every field joins by union, maximum,
    minimum or the newest statement, so nothing depends on order."""

    def __init__(self, before: Engagement) -> None:
        self.before = before
        self.sketch = _Sketch(before.counted, estimated=before.estimated)
        self.kinds = before.kinds
        self.first_at, self.last_at = before.first_at, before.last_at
        self.slots, self.pieces, self.hours = slots_of(before.watched), slots_of(before.pieces), before.hours
        self.left_seconds, self.checkout_step = before.left_seconds, before.checkout_step
        self.products, self.compared = dict(before.products), dict(before.compared)
        self.cart, self.votes, self.questions = dict(before.cart), dict(before.votes), dict(before.questions)
        self.interests, self.alarms = dict(before.interests), dict(before.alarms)
        self.source, self.link, self.referrer = before.source, before.link, before.referrer
        self.zone, self.locale = before.zone, before.locale

    def take(self, event: Event) -> bool:
        """Take an event in; False where it was known already."""
        self.first_at, self.last_at = min(self.first_at, event.at), max(self.last_at, event.at)
        self.pieces |= piece_bit(event.at)
        self._take_context(event)
        meaning = event.meaning
        if isinstance(meaning, Heartbeat):
            bit = slot_bit(event.at)
            known = bool(self.slots & bit)
            self.slots |= bit
            return not known
        if isinstance(meaning, Left):
            self.left_seconds = _greater(self.left_seconds, meaning.seconds)
            return self._count(event.id, (Kind.OTHER,))
        if isinstance(meaning, Did):
            self._take_details(event, meaning)
            return self._count(event.id, meaning.kinds)
        return True

    def _take_context(self, event: Event) -> None:
        context = event.context
        self.source = _first(self.source, _said(event, context.source))
        self.link = _first(self.link, _said(event, context.link))
        self.referrer = _first(self.referrer, _said(event, context.referrer))
        self.zone = _newest(self.zone, _said(event, context.zone))
        self.locale = _newest(self.locale, _said(event, context.locale))

    def _take_details(self, event: Event, meaning: Did) -> None:
        self.checkout_step = _greater(self.checkout_step, meaning.step)
        for name in meaning.compared:
            _note(self.compared, name[:MAX_ID_CHARACTERS], event.at)
        for name in meaning.interests:
            _note(self.interests, name, event.at)
        for name in meaning.alarms:
            self.alarms[name] = min(event.at, self.alarms.get(name, event.at))
        if meaning.vote is not None:
            _put_newest(self.votes, meaning.vote[0], _said(event, meaning.vote[1]))
        if meaning.question is not None:
            _put_newest(self.questions, meaning.question.about, _said(event, str(meaning.question.urgency)))
        if meaning.product is not None:
            product = meaning.product[:MAX_ID_CHARACTERS]
            _note(self.products, product, event.at)
            if meaning.line is not None:
                self.cart[product] = meaning.line.newest(self.cart.get(product))

    def _count(self, message_id: str, kinds: tuple[Kind, ...]) -> bool:
        """Count the thing itself, and each further kind that it also is, under a hash of its own."""
        is_new = self._add(message_id, kinds[0])
        for kind in kinds[1:]:
            self._add(f"{message_id}#{kind}", kind)
        return is_new

    def _add(self, name: str, kind: Kind) -> bool:
        self.kinds |= 1 << kind
        return self.sketch.add(short_hash(name) >> (64 - HASH_BITS), kind)

    def unite(self, other: Engagement) -> None:
        """Take in what the same person did on another device."""
        for hashed, kind in sorted(sketch_of(other.counted).items()):
            self.sketch.add(hashed, kind)
        self.sketch.estimated |= other.estimated
        self.kinds |= other.kinds
        self.first_at, self.last_at = min(self.first_at, other.first_at), max(self.last_at, other.last_at)
        self.slots |= slots_of(other.watched)
        self.pieces |= slots_of(other.pieces)
        self.hours |= other.hours
        self.left_seconds = _greater(self.left_seconds, other.left_seconds)
        self.checkout_step = _greater(self.checkout_step, other.checkout_step)
        for into, moments in (
            (self.products, other.products), (self.compared, other.compared), (self.interests, other.interests),
        ):  # fmt: skip
            for name, at in moments.items():
                _note(into, name, at)
        for name, at in other.alarms.items():
            self.alarms[name] = min(at, self.alarms.get(name, at))
        for product, line in other.cart.items():
            self.cart[product] = line.newest(self.cart.get(product))
        for said_into, said in ((self.votes, other.votes), (self.questions, other.questions)):
            for name, one in said.items():
                _put_newest(said_into, name, one)
        self.source = _first(self.source, other.source)
        self.link = _first(self.link, other.link)
        self.referrer = _first(self.referrer, other.referrer)
        self.zone, self.locale = _newest(self.zone, other.zone), _newest(self.locale, other.locale)

    def engagement(self) -> Engagement:
        """What has come of it; not scored yet."""
        return self.before.model_copy(
            update={
                "first_at": self.first_at,
                "last_at": self.last_at,
                "watched": slots_text(self.slots),
                "left_seconds": self.left_seconds,
                "counted": sketch_text(self.sketch.kinds),
                "estimated": self.sketch.estimated,
                "kinds": self.kinds,
                "products": _most_recent(self.products, MAX_PRODUCTS),
                "cart": _newest_lines(self.cart, MAX_CART_LINES),
                "checkout_step": self.checkout_step,
                "compared": _most_recent(self.compared, MAX_COMPARED),
                "votes": _newest_lines(self.votes, MAX_VOTES),
                "interests": _most_recent(self.interests, MAX_INTERESTS),
                "alarms": dict(sorted(self.alarms.items())),
                "questions": dict(sorted(self.questions.items())),
                "source": self.source,
                "link": self.link,
                "referrer": self.referrer,
                "zone": self.zone,
                "locale": self.locale,
                "pieces": slots_text(self.pieces),
                "hours": self.hours,
            }
        )


def fold(viewer: str, about: str, show: str | None, known: Engagement | None, events: Iterable[Event]) -> Folded:
    """Fold the events of one viewer about one show (or day) into what is known of it. At least one event is needed."""
    listed = list(events)
    at = listed[0].at
    draft = _Draft(known or Engagement(viewer=viewer, about=about, show=show, first_at=at, last_at=at))
    duplicates = sum(not draft.take(event) for event in listed)
    return Folded(draft.engagement(), duplicates)


def united(engagements: Iterable[Engagement]) -> Engagement:
    """One person's engagements about the same thing, from several devices, as one. At least one is needed."""
    first, *others = sorted(engagements, key=lambda one: one.viewer)
    if not others:
        return first
    draft = _Draft(first)
    for other in others:
        draft.unite(other)
    return draft.engagement().model_copy(update={"score": None})


def hour_histogram(engagements: Iterable[Engagement], zone: str) -> tuple[int, ...]:
    """For each hour of the viewer's own day, in how many pieces of ten minutes they did something; over all of the
    engagements. Where only whole hours were kept, each of them counts as one piece."""
    found = [0] * 24
    for one in engagements:
        day, pieces = one.last_at - one.last_at % DAY, slots_of(one.pieces)
        for piece in range(PIECES_OF_DAY):
            whole_hour = piece % PIECES_OF_HOUR == 0 and one.hours >> piece // PIECES_OF_HOUR & 1
            if pieces >> piece & 1 or whole_hour:
                found[at_zone(day + piece * PIECE_MINUTES * MINUTE, zone).hour] += 1
    return tuple(found)


def _note(moments: dict[str, int], name: str, at: int) -> None:
    moments[name] = max(at, moments.get(name, at))


def _put_newest(statements: dict[str, Stamped], name: str, said: Stamped | None) -> None:
    newest = _newest(statements.get(name), said)
    if newest is not None:
        statements[name] = newest


def _most_recent(moments: dict[str, int], most: int) -> dict[str, int]:
    kept = sorted(moments.items(), key=lambda item: (-item[1], item[0]))[:most]
    return dict(sorted(kept))


def _newest_lines(lines: dict[str, T], most: int) -> dict[str, T]:
    kept = sorted(lines.items(), key=lambda item: (-item[1].at, item[0]))[:most]
    return dict(sorted(kept))


def _greater(one: int | None, other: int | None) -> int | None:
    """The greater of two numbers; an observed zero is known, unlike None."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def _said(event: Event, value: str | None) -> Stamped | None:
    return None if value is None else Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")


def _newest(known: Stamped | None, said: Stamped | None) -> Stamped | None:
    return said.newest(known) if said else known


def _first(known: Stamped | None, said: Stamped | None) -> Stamped | None:
    """The first source counts: it is what brought the viewer in."""
    if known is None or said is None:
        return said if known is None else known
    return min(known, said, key=lambda one: (one.at, one.id, one.value))


def day_of(at: int) -> str:
    """The UTC day of a moment, as an ISO date: where behaviour outside shows is kept."""
    return iso(at)[:10]
