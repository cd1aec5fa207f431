"""score_user: fold new events into what is known of their viewers.

One batch read for all viewers of the messages in hand, one commit a viewer. A lost race is read and decided again for
that viewer alone; what can't be settled, or doesn't fit in the time, goes back to the queue as a message of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec

from aftershow.model.base import Record
from aftershow.model.engagements import Engagement
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.ports.store import Item, Key, LimitExceeded, OutboxEvent, Put
from aftershow.rules import viewing
from aftershow.rules.identifiers import read_blocked
from aftershow.rules.intake import Packed, pack, unpack
from aftershow.rules.segment import (
    AddressSuppressed,
    Amended,
    Defaults,
    Event,
    Ordered,
    ProductNews,
    ShowNews,
    Unreadable,
    read_event,
)
from aftershow.services import catalog, coverage, dead_letters, products, shows, suppressing
from aftershow.services.messages import Busy, Received, settle

# One commit takes 100 items; an event brings at most two of them (order and engagement), heads take a few more.
MAX_EVENTS_PER_COMMIT = 40
# Viewer ids and identifiers that the events of one commit name; where people come apart, all of theirs are written.
MAX_NAMES_PER_COMMIT = 20
# What is left of the time when the rest is given back: a commit and its retries fit in it.
GIVE_BACK_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Raw:
    """An event's bytes as they came, for giving back and for dead letters."""

    kind: str
    raw: bytes
    source: str


@dataclass(slots=True)
class Unit:
    """Events of one viewer that are committed together."""

    viewer: str
    events: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Intake:
    """All readable events of a message, and where each came from."""

    units: list[Unit]
    # Events that are about no viewer: news of shows and products, and words against addresses.
    news: list[Event]
    raws: dict[int, Raw]
    events: int
    dead: int

    def read(self) -> Iterator[Event]:
        """All of them."""
        yield from self.news
        for unit in self.units:
            yield from unit.events


@dataclass(slots=True)
class Tally:
    """What became of events."""

    duplicates: int = 0
    dead: int = 0


def score(message: Received, ports: Ports, *, remaining_seconds: float) -> None:
    """Work off one packed message. Raises Busy where a race could not be settled and giving back did not help."""
    marked = _watermark(message.body)
    if marked is not None:
        _note_watermark(ports, marked)
        return
    packed = unpack(message.body)
    stop_at = ports.now() + int(max(remaining_seconds - GIVE_BACK_SECONDS, 0) * 1000)
    intake = _read(ports, packed.events, packed.context, packed.received_at, packed.source)
    tally = Tally(dead=intake.dead)
    for rejected in packed.rejected:
        came = dead_letters.Came(rejected.kind, packed.source, packed.received_at, packed.context)
        tally.dead += dead_letters.file(ports, rejected.raw, rejected.reason, came)
    for event in intake.news:
        tally.duplicates += not _learn(ports, event)
    for show, at in sorted(_last_seen(intake).items()):
        shows.touch(ports, show, at)
    late = _commit_units(ports, intake, tally, stop_at)
    if late:
        _give_back(ports, message, packed, intake, late)
    coverage.note(ports, packed.source, intake.read())
    given_back = sum(len(unit.events) for unit in late)
    ports.log.info(
        "scored",
        events=intake.events + len(packed.rejected) - given_back,
        duplicates=tally.duplicates,
        dead=tally.dead,
        viewers=len(intake.units) - len(late),
        given_back=given_back,
    )


def _watermark(body: str) -> int | None:
    if not body.startswith('{"watermark":'):
        return None
    return int(msgspec.json.decode(body)["watermark"])


def _learn(ports: Ports, event: Event) -> bool:
    """Take an event that is about no viewer; False where it was known."""
    match event.meaning:
        case AddressSuppressed():
            return suppressing.learn(ports, event)
        case ProductNews():
            return products.learn(ports, event)
        case _:
            return shows.learn(ports, event)


class Watermark(Record):
    """The newest marker of release_due that came out of the queue of facts."""

    at: int


def _note_watermark(ports: Ports, at: int) -> None:
    key = keys.facts_watermark()

    def attempt() -> None:
        item = ports.store.get(key)
        if item is None or Watermark.read(item.body).at < at:
            ports.store.commit([Put(key, Watermark(at=at).body(), item.version if item else None)])

    settle(ports, attempt)


def _read(
    ports: Ports, events: Iterable[tuple[str, bytes]], context: dict[str, object], received_at: int, source: str
) -> Intake:
    shop = _defaults(ports, source)
    units: dict[str, Unit] = {}
    intake = Intake(units=[], news=[], raws={}, events=0, dead=0)
    for kind, raw in events:
        intake.events += 1
        try:
            event = read_event(kind, raw, context, received_at, shop)
        except Unreadable as unreadable:
            came = dead_letters.Came(kind, source, received_at, context)
            intake.dead += dead_letters.file(ports, raw, str(unreadable), came)
            continue
        intake.raws[id(event)] = Raw(kind, raw, source)
        if isinstance(event.meaning, (ShowNews, ProductNews, AddressSuppressed)):
            intake.news.append(event)
        elif event.viewer is not None:
            units.setdefault(event.viewer, Unit(event.viewer)).events.append(event)
    for unit in units.values():
        intake.units += _cut(unit)
    return intake


def _cut(unit: Unit) -> list[Unit]:
    """A viewer's events in units that one commit can take, whatever they name."""
    cut = [Unit(unit.viewer)]
    names: set[str] = set()
    for event in unit.events:
        named = viewing.named_by(event)
        if len(cut[-1].events) == MAX_EVENTS_PER_COMMIT or len(names | named) > MAX_NAMES_PER_COMMIT:
            cut.append(Unit(unit.viewer))
            names = set()
        cut[-1].events.append(event)
        names |= named
    return cut


def _defaults(ports: Ports, source: str) -> Defaults:
    settings = ports.settings
    blocked = read_blocked(settings.blocked_identifiers, settings.shop_country)
    trusted = source in settings.trusted_sources
    # The lexicon is fetched where a comment asks for it: most messages have none.
    comments = partial(catalog.comments, ports)
    return Defaults(settings.shop_currency, settings.shop_country, trusted, blocked, comments)


def _last_seen(intake: Intake) -> dict[str, int]:
    seen: dict[str, int] = {}
    for unit in intake.units:
        for event in unit.events:
            if event.show is not None and viewing.is_behaviour(event):
                seen[event.show] = max(event.at, seen.get(event.show, 0))
    return seen


def _commit_units(ports: Ports, intake: Intake, tally: Tally, stop_at: int) -> list[Unit]:
    """Commit all units; returns those that must be given back."""
    first_read = _Read(ports)
    first_read.fetch(key for unit in intake.units for key in _keys_of(unit))
    late: list[Unit] = []
    outcomes: list[viewing.Outcome] = []

    def commit(unit: Unit, read: _Read | None) -> None:
        if ports.now() > stop_at:
            late.append(unit)
            return
        try:
            outcomes.extend(_settled(ports, unit, read))
        except Busy:
            late.append(unit)

    for number, together in enumerate(_rounds(intake.units)):
        # Whoever comes in a later round must see what the earlier ones wrote.
        read = first_read if number == 0 else None
        ports.together([partial(commit, unit, read) for unit in together])
    for outcome in outcomes:
        tally.duplicates += outcome.duplicates
        for event, reason in outcome.dead:
            kept = intake.raws[id(event)]
            came = dead_letters.Came(kept.kind, kept.source, ports.now(), {})
            tally.dead += dead_letters.file(ports, kept.raw, reason, came)
    return late


def _settled(ports: Ports, unit: Unit, read: _Read | None) -> list[viewing.Outcome]:
    try:
        return [settle(ports, _Attempt(ports, unit, read))]
    except LimitExceeded:
        # So many people came apart at once that one commit can't hold them: fewer events do.
        half = len(unit.events) // 2
        if half == 0:
            raise
        halves = (Unit(unit.viewer, unit.events[:half]), Unit(unit.viewer, unit.events[half:]))
        return [outcome for each in halves for outcome in _settled(ports, each, None)]


def _rounds(units: Sequence[Unit]) -> list[list[Unit]]:
    """Units in rounds: within one, no two share a viewer; a viewer's units keep their order."""
    rounds: list[list[Unit]] = []
    last: dict[str, int] = {}
    for unit in units:
        viewers = _viewers_of(unit)
        number = 1 + max((last.get(viewer, -1) for viewer in viewers), default=-1)
        if number == len(rounds):
            rounds.append([])
        rounds[number].append(unit)
        last.update(dict.fromkeys(viewers, number))
    return rounds


def _viewers_of(unit: Unit) -> set[str]:
    return {unit.viewer}.union(*map(viewing.named_by, unit.events))


def _keys_of(unit: Unit) -> list[Key]:
    wanted = [keys.head(viewer) for viewer in _heads_of(unit)]
    for event in unit.events:
        meaning = event.meaning
        if viewing.is_behaviour(event):
            wanted.append(keys.engagement(*viewing.engagement_key(event)))
        elif isinstance(meaning, Ordered):
            wanted.append(keys.order(meaning.order))
        elif isinstance(meaning, Amended):
            wanted.append(keys.order(meaning.order) if meaning.order else keys.unnamed_refund(meaning.id))
    return wanted


def _heads_of(unit: Unit) -> set[str]:
    """Heads are only looked at where an event says something about the person."""
    needed = any(event.links or not viewing.is_behaviour(event) for event in unit.events)
    return _viewers_of(unit) if needed else set()


class _Read:
    """Items as they were read, by key; absent ones are known to be absent."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._items: dict[Key, Item | None] = {}

    def fetch(self, wanted: Iterable[Key]) -> None:
        missing = [key for key in wanted if key not in self._items]
        if missing:
            found = self._ports.store.get_many(missing)
            self._items.update({key: found.get(key) for key in missing})

    def item(self, key: Key) -> Item | None:
        return self._items.get(key)


@dataclass(slots=True)
class _Attempt:
    """One try at a unit: with the batch's read at first, with a read of its own after a lost race."""

    ports: Ports
    unit: Unit
    read: _Read | None

    def __call__(self) -> viewing.Outcome:
        read, self.read = self.read or _Read(self.ports), None
        wanted = _keys_of(self.unit)
        read.fetch(wanted)
        names = _heads_of(self.unit)
        while True:
            heads = self._heads(read, names)
            outcome = viewing.decide(self.unit.viewer, self.unit.events, self._known(read, wanted, heads))
            if outcome.wanted <= names:
                break
            names |= outcome.wanted
        puts = _puts(read, outcome)
        if puts:
            self.ports.store.commit(puts)
        return outcome

    def _heads(self, read: _Read, names: Iterable[str]) -> dict[str, Head]:
        """The heads of these names and of everything that they lead to."""
        heads: dict[str, Head] = {}
        open_names = sorted(names)
        while open_names:
            read.fetch(keys.head(name) for name in open_names)
            found = [Head.read(item.body) for name in open_names if (item := read.item(keys.head(name)))]
            heads.update({head.viewer: head for head in found})
            open_names = sorted({head.merged_into for head in found if head.merged_into} - set(heads))
        return heads

    def _known(self, read: _Read, wanted: Sequence[Key], heads: dict[str, Head]) -> viewing.Known:
        by = catalog.intent(self.ports)
        known = viewing.Known(heads, engagements := {}, orders := {}, unnamed := {}, self._is_over, by)
        for key in wanted:
            item = read.item(key)
            if item is None:
                continue
            if key.table == "engagements":
                engagements[(key.pk, key.sk)] = Engagement.read(item.body)
            elif key.table == "orders" and key.pk.startswith("order#"):
                order = Order.read(item.body)
                orders[order.order] = order
            elif key.table == "orders":
                refund = UnnamedRefund.read(item.body)
                unnamed[refund.id] = refund
        return known

    def _is_over(self, show_id: str) -> bool:
        show = catalog.show(self.ports, show_id)
        return show is not None and show.closed_at is not None


def _puts(read: _Read, outcome: viewing.Outcome) -> list[Put]:
    puts: list[Put] = []

    def put(key: Key, value: Record, carried: viewing.DomainEvents, index: tuple[str, str] | None = None) -> None:
        before = read.item(key)
        events = tuple(OutboxEvent(event.kind, event.model_dump_json()) for event in carried)
        puts.append(Put(key, value.body(), before.version if before else None, events, index))

    for (viewer, about), (engagement, events) in outcome.engagements.items():
        index = keys.show_index(engagement.show, viewer) if engagement.show else None
        put(keys.engagement(viewer, about), engagement, events, index)
    for head, events in outcome.heads.values():
        put(keys.head(head.viewer), head, events)
    for order, events in outcome.orders.values():
        index = keys.viewer_orders(order.viewer, order.at or 0, order.order) if order.viewer else None
        put(keys.order(order.order), order, events, index)
    for refund, events in outcome.unnamed.values():
        put(keys.unnamed_refund(refund.id), refund, events, keys.viewer_orders(refund.viewer, refund.at, refund.id))
    return puts


def _give_back(ports: Ports, message: Received, packed: Packed, intake: Intake, late: Sequence[Unit]) -> None:
    queue = ports.settings.queue_named(message.queue_arn)
    if queue is None:
        raise Busy
    events = [
        (unit.viewer, intake.raws[id(event)].kind, intake.raws[id(event)].raw) for unit in late for event in unit.events
    ]
    delay = 5 + int(55 * ports.random())
    context = msgspec.json.encode(packed.context)
    # With the moment of the first receipt, at which events without a time of their own count.
    texts = pack(packed.source, packed.received_at, context, events, (), archived=True)
    ports.queues.send(queue, [Message(text, delay_seconds=delay) for text in texts])
