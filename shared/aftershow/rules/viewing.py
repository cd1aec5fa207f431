"""The decision of the scorer: what one viewer's new events make of everything that is stored about them.

Pure: what was read goes in, what to write comes out. Behaviour folds into engagements, facts into the head and the
orders; identities that belong together become one person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from aftershow.model.engagements import Engagement
from aftershow.model.events import OrderChanged, TemperatureChanged, ViewerChanged
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.viewers import MAX_MEMBERS, Head, Identity
from aftershow.rules import engagement as engagements
from aftershow.rules import intent, orders, people
from aftershow.rules.segment import Aliased, Amended, Did, Event, Heartbeat, Left, Ordered

DomainEvents = tuple[ViewerChanged | OrderChanged | TemperatureChanged, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored, as far as it concerns one viewer's events. Heads by viewer id (the viewer's own, those of linked
    identities, and whatever they lead to); engagements by (viewer, about); orders by id; unnamed refunds by id."""

    heads: Mapping[str, Head]
    engagements: Mapping[tuple[str, str], Engagement]
    orders: Mapping[str, Order]
    unnamed: Mapping[str, UnnamedRefund]
    # Whether a show is known to be over.
    is_over: Callable[[str], bool]


@dataclass(slots=True)
class Outcome:
    """What to write: values with the domain events that they carry; and what was found about the events."""

    heads: dict[str, tuple[Head, DomainEvents]] = field(default_factory=dict)
    engagements: dict[tuple[str, str], tuple[Engagement, DomainEvents]] = field(default_factory=dict)
    orders: dict[str, tuple[Order, DomainEvents]] = field(default_factory=dict)
    unnamed: dict[str, tuple[UnnamedRefund, DomainEvents]] = field(default_factory=dict)
    dead: list[tuple[Event, str]] = field(default_factory=list)
    duplicates: int = 0


def engagement_key(event: Event) -> tuple[str, str]:
    """(viewer, about) of the engagement that a behaviour event belongs to."""
    about = f"show#{event.show}" if event.show else f"day#{engagements.day_of(event.at)}"
    return event.viewer or "", about


def is_behaviour(event: Event) -> bool:
    """Whether an event is counted in an engagement; all others are facts."""
    return isinstance(event.meaning, (Heartbeat, Left, Did))


def lead(heads: Mapping[str, Head], viewer: str) -> str:
    """The viewer id of the surviving head behind `viewer`, as far as the heads given lead."""
    for _ in range(MAX_MEMBERS + 1):
        head = heads.get(viewer)
        if head is None or head.merged_into is None:
            return viewer
        viewer = head.merged_into
    return viewer


def decide(viewer: str, events: Iterable[Event], known: Known) -> Outcome:
    """Decide on the events of one viewer. They may come in any order."""
    listed = sorted(events, key=lambda event: (event.at, event.id))
    outcome = Outcome()
    _fold_behaviour(outcome, known, [event for event in listed if is_behaviour(event)])
    facts = [event for event in listed if not is_behaviour(event)]
    _fold_people(outcome, known, viewer, listed, facts)
    return outcome


def _fold_behaviour(outcome: Outcome, known: Known, events: list[Event]) -> None:
    by_engagement: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        by_engagement.setdefault(engagement_key(event), []).append(event)
    for key, group in by_engagement.items():
        before = known.engagements.get(key)
        folded = engagements.fold(key[0], key[1], group[0].show, before, group)
        outcome.duplicates += folded.duplicates
        after = folded.engagement.model_copy(update={"score": intent.score(folded.engagement)})
        if after != before:
            outcome.engagements[key] = (after, _warmth(before, after, known))


def _warmth(before: Engagement | None, after: Engagement, known: Known) -> DomainEvents:
    """A new temperature is an event, once. A first "cold" of a live show is not: the show's end looks at everybody."""
    if after.score is None or after.show is None:
        return ()
    was = before.score.temperature if before and before.score else None
    now = after.score.temperature
    if was == now or (was is None and now == "cold" and not known.is_over(after.show)):
        return ()
    return (TemperatureChanged(viewer=after.viewer, about=after.about, temperature=now),)


@dataclass(slots=True)
class _People:
    """The heads while facts are folded, and what changed about each person."""

    heads: dict[str, Head]
    changed: dict[str, set[str]] = field(default_factory=dict)

    def leading(self, viewer: str, identity: Identity | None = None) -> Head:
        found = lead(self.heads, viewer)
        if found not in self.heads:
            self.heads[found] = Head(viewer=found, identity=identity)
        return self.heads[found]

    def put(self, head: Head, *what: str) -> None:
        self.heads[head.viewer] = head
        self.changed.setdefault(head.viewer, set()).update(what)


def _fold_people(outcome: Outcome, known: Known, viewer: str, listed: list[Event], facts: list[Event]) -> None:
    group = _People(dict(known.heads))
    for event in listed:
        for link in event.links:
            # An alias of two user ids says that they are one person; an alias of a device that another user had says
            # nothing about that user.
            stated = link.stated and link.kind == "user"
            _join(group, viewer, event, link.viewer, Identity(kind=link.kind, value=link.value), stated=stated)
    for event in facts:
        _fold_fact(outcome, known, group, viewer, event)
    for name, head in group.heads.items():
        if head != known.heads.get(name):
            what = tuple(sorted(group.changed.get(name, ())))
            leading = head.merged_into or head.viewer
            outcome.heads[name] = (head, (ViewerChanged(viewer=leading, what=what),) if what else ())


def _join(group: _People, viewer: str, event: Event, other: str, identity: Identity, *, stated: bool) -> None:
    own = Identity(kind=event.identity[0], value=event.identity[1]) if event.identity else None
    one, another = group.leading(viewer, own), group.leading(other, identity)
    if one.viewer == another.viewer:
        return
    # A shared device carries two users' ids in turn: only an alias of both joins two users.
    both_users = one.viewer.startswith("u") and another.viewer.startswith("u")
    merged = None if both_users and not stated else people.merge(one, another)
    if merged is None:
        noted = tuple(sorted({*one.refused_merges, other}))[:MAX_MEMBERS]
        group.put(one.model_copy(update={"refused_merges": noted}))
        return
    surviving, pointer = merged
    group.put(surviving, "merged")
    group.put(pointer)


def _fold_fact(outcome: Outcome, known: Known, group: _People, viewer: str, event: Event) -> None:
    own = Identity(kind=event.identity[0], value=event.identity[1]) if event.identity else None
    if isinstance(event.meaning, (Ordered, Amended)):
        try:
            _fold_order(outcome, known, group, viewer, event, own)
        except orders.OrderRefused as refused:
            outcome.dead.append((event, str(refused)))
            _note_conflict(outcome, known, event)
        return
    joins = any(
        known.heads.get(name) != group.heads.get(name) for name in (viewer, *(link.viewer for link in event.links))
    )
    if isinstance(event.meaning, Aliased):
        outcome.duplicates += not joins
        return
    head = group.leading(viewer, own)
    learnt = head
    # An event that carries two identities speaks for both: a consent withdrawn on one is granted anew on both.
    for origin in (viewer, *(link.viewer for link in event.links)):
        learnt = people.learn(learnt, origin, event)
    if learnt == head:
        outcome.duplicates += not joins
        return
    group.put(learnt, *_what_changed(head, learnt))


def _what_changed(before: Head, after: Head) -> set[str]:
    changed = {"consent"} if before.consent != after.consent else set()
    if before.follows != after.follows:
        changed.add("follows")
    if {name: one.value for name, one in before.traits.items()} != {
        name: one.value for name, one in after.traits.items()
    }:
        changed.add("profile")
    return changed


def _fold_order(
    outcome: Outcome, known: Known, group: _People, viewer: str, event: Event, own: Identity | None
) -> None:
    said = event.meaning
    if isinstance(said, Ordered):
        taken = orders.place(_order(outcome, known, said.order), viewer, event.show, event, said)
    elif isinstance(said, Amended) and said.order is not None:
        taken = orders.amend(_order(outcome, known, said.order), viewer, event, said)
    elif isinstance(said, Amended):
        _take_unnamed(outcome, known, viewer, event, said)
        return
    else:
        return
    if not taken.changed:
        outcome.duplicates += 1
        return
    order = taken.order
    outcome.orders[order.order] = (order, (OrderChanged(viewer=order.viewer or viewer, key=f"order#{order.order}"),))
    if taken.first:
        group.put(people.with_order(group.leading(viewer, own), order))


def _order(outcome: Outcome, known: Known, order_id: str) -> Order | None:
    written = outcome.orders.get(order_id)
    return written[0] if written else known.orders.get(order_id)


def _take_unnamed(outcome: Outcome, known: Known, viewer: str, event: Event, said: Amended) -> None:
    before = known.unnamed.get(said.id) or (outcome.unnamed[said.id][0] if said.id in outcome.unnamed else None)
    refund = UnnamedRefund(id=said.id, viewer=viewer, at=event.at, minor=said.minor, currency=said.currency)
    if before is None:
        outcome.unnamed[said.id] = (refund, (OrderChanged(viewer=viewer, key=f"refund#{said.id}"),))
    elif before.minor != said.minor or before.currency != said.currency:
        raise orders.OrderRefused("this refund is known with another amount")
    else:
        outcome.duplicates += 1


def _note_conflict(outcome: Outcome, known: Known, event: Event) -> None:
    named = event.meaning.order if isinstance(event.meaning, (Ordered, Amended)) else None
    order = _order(outcome, known, named) if named else None
    if order is not None:
        noted = orders.with_conflict(order, event.id)
        carried = outcome.orders[order.order][1] if order.order in outcome.orders else ()
        outcome.orders[order.order] = (noted, carried)
