"""The decision of the scorer: what one viewer's new events make of everything that is stored about them.

Pure: what was read goes in, what to write comes out. Behaviour folds into engagements, facts into the head and the
orders; identities that belong together become one person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aftershow.model.engagements import Engagement
from aftershow.model.events import AlarmRaised, EngagementChanged, OrderChanged, TemperatureChanged, ViewerChanged
from aftershow.model.ids import kind_of
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.viewers import Bond, Facts, Head, Identity
from aftershow.rules import engagement as engagements
from aftershow.rules import intent, orders, people
from aftershow.rules.habits import marks
from aftershow.rules.merging import People
from aftershow.rules.segment import Aliased, Amended, Did, Event, Heartbeat, Left, Ordered

DomainEvents = tuple[ViewerChanged | OrderChanged | TemperatureChanged | EngagementChanged | AlarmRaised, ...]


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
    # The shop's own scorecard of intent; None: the default weights.
    intent: intent.Trained | None = None


@dataclass(slots=True)
class Outcome:
    """What to write: values with the domain events that they carry; and what was found about the events."""

    heads: dict[str, tuple[Head, DomainEvents]] = field(default_factory=dict)
    engagements: dict[tuple[str, str], tuple[Engagement, DomainEvents]] = field(default_factory=dict)
    orders: dict[str, tuple[Order, DomainEvents]] = field(default_factory=dict)
    unnamed: dict[str, tuple[UnnamedRefund, DomainEvents]] = field(default_factory=dict)
    dead: list[tuple[Event, str]] = field(default_factory=list)
    duplicates: int = 0
    # Viewer ids whose heads, where there are any, must be known too: read them and decide again.
    wanted: frozenset[str] = frozenset()


def engagement_key(event: Event) -> tuple[str, str]:
    """(viewer, about) of the engagement that a behaviour event belongs to."""
    about = f"show#{event.show}" if event.show else f"day#{engagements.day_of(event.at)}"
    return event.viewer or "", about


def is_behaviour(event: Event) -> bool:
    """Whether an event is counted in an engagement; all others are facts."""
    return isinstance(event.meaning, (Heartbeat, Left, Did))


def named_by(event: Event) -> set[str]:
    """Every viewer id and identifier that an event says something about."""
    return {event.viewer or "", *(link.viewer for link in event.links), *filter(None, (event.scanned,))}


def _bonds(event: Event) -> Iterator[Bond]:
    """What an event says about who is one person."""
    viewer = event.viewer or ""
    for link in event.links:
        if link.kind == "anonymous":
            yield Bond(kind="device", one=link.viewer, other=viewer, at=event.at)
        elif link.kind == "user":
            one, other = sorted((viewer, link.viewer))
            yield Bond(kind="stated", one=one, other=other, at=event.at)
        else:
            yield Bond(kind="told", one=viewer, other=link.viewer, at=event.at)
            if event.scanned is not None and link.kind == "wecom_external_userid":
                yield Bond(kind="state", one=link.viewer, other=event.scanned, at=event.at)


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
        after = folded.engagement.model_copy(update={"score": intent.score(folded.engagement, known.intent)})
        if after != before:
            outcome.engagements[key] = (after, _warmth(before, after, known) + _alarmed(before, after))


def _warmth(before: Engagement | None, after: Engagement, known: Known) -> DomainEvents:
    """A new temperature is an event, once. A first "cold" of a live show is not: the show's end looks at everybody."""
    if after.score is None or after.show is None:
        return _change(before, after)
    was = before.score.temperature if before and before.score else None
    now = after.score.temperature
    over = known.is_over(after.show)
    if was == now or (was is None and now == "cold" and not over):
        return _change(before, after) if over else ()
    return (TemperatureChanged(viewer=after.viewer, about=after.about, temperature=now),)


def _change(before: Engagement | None, after: Engagement) -> DomainEvents:
    """What nobody would look at otherwise: news of a show that is over, and a user's day outside shows. Browsers that
    nobody knows are most of those days, and have no labels."""
    if after.show is None and kind_of(after.viewer) != "user":
        return ()
    if before is not None and marks(before) == marks(after):
        return ()
    return (EngagementChanged(viewer=after.viewer, about=after.about),)


def _alarmed(before: Engagement | None, after: Engagement) -> DomainEvents:
    """Alarm words that were not said before are an event at once."""
    new = tuple(name for name in after.alarms if before is None or name not in before.alarms)
    return (AlarmRaised(viewer=after.viewer, about=after.about, alarms=new),) if new else ()


def _fold_people(outcome: Outcome, known: Known, viewer: str, listed: list[Event], facts: list[Event]) -> None:
    group = _together(known, viewer, listed)
    for event in facts:
        _fold_fact(outcome, known, group, viewer, event)
    for name, head in group.heads.items():
        if head != known.heads.get(name):
            what = tuple(sorted(group.changed.get(name, ())))
            leading = head.merged_into or head.viewer
            outcome.heads[name] = (head, (ViewerChanged(viewer=leading, what=what),) if what else ())
    outcome.wanted = frozenset(group.wanted)


def _together(known: Known, viewer: str, events: Iterable[Event]) -> People:
    """The people of these events, after what they say of who is one person."""
    listed = list(events)
    group = People(dict(known.heads), _identities(listed))
    for name, identity in group.identities.items():
        # Whom only a scanned code had named until now.
        if name in group.heads and group.heads[name].identity is None:
            group.put(group.heads[name].model_copy(update={"identity": identity}))
    for event in listed:
        for bond in _bonds(event):
            if bond.one != bond.other:
                group.bind(bond)
        for name, reason in event.refused:
            group.refuse(viewer, name, reason)
    return group


def _identities(events: Iterable[Event]) -> dict[str, Identity]:
    """What viewers are called by their sources. Identifiers are personal data, and are kept as hashes only."""
    found: dict[str, Identity] = {}
    for event in events:
        if event.viewer is not None and event.identity is not None:
            found[event.viewer] = Identity(kind=event.identity[0], value=event.identity[1])
        for link in event.links:
            if link.kind in ("user", "anonymous"):
                found[link.viewer] = Identity(kind=link.kind, value=link.value)
    return found


def _fold_fact(outcome: Outcome, known: Known, group: People, viewer: str, event: Event) -> None:
    if isinstance(event.meaning, (Ordered, Amended)):
        try:
            _fold_order(outcome, known, group, viewer, event)
        except orders.OrderRefused as refused:
            outcome.dead.append((event, str(refused)))
            _note_conflict(outcome, known, event)
        return
    joins = any(known.heads.get(name) != group.heads.get(name) for name in named_by(event))
    if isinstance(event.meaning, Aliased):
        outcome.duplicates += not joins
        return
    # An event that carries two viewer ids speaks for both: a consent withdrawn on one is granted anew on both.
    origins = [viewer, *(link.viewer for link in event.links if link.kind in ("user", "anonymous"))]

    def learn(facts: Facts) -> Facts:
        for origin in origins:
            facts = people.learn(facts, origin, event)
        return facts

    head = group.leading(viewer)
    learnt = people.told(head, viewer, learn)
    if learnt == head:
        outcome.duplicates += not joins
        return
    group.put(learnt, *_what_changed(head, learnt))


def _what_changed(before: Head, after: Head) -> set[str]:
    changed = {"consent"} if before.consent != after.consent else set()
    if before.accepts != after.accepts:
        changed.add("accepts")
    if before.follows != after.follows:
        changed.add("follows")
    if before.complaints != after.complaints:
        changed.add("complaint")
    if {name: one.value for name, one in before.traits.items()} != {
        name: one.value for name, one in after.traits.items()
    }:
        changed.add("profile")
    return changed


def _fold_order(outcome: Outcome, known: Known, group: People, viewer: str, event: Event) -> None:
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
    if taken.seen_as is not None:
        order = _moved(group, taken.seen_as, order)
    outcome.orders[order.order] = (order, (OrderChanged(viewer=order.viewer or viewer, key=f"order#{order.order}"),))
    if taken.first or taken.seen_as is not None:
        group.put(people.told(group.leading(viewer), viewer, lambda facts: people.with_order(facts, order)))


def _moved(group: People, before: Order, order: Order) -> Order:
    """The order, taken out of what its person was told to have ordered. Another person's reminder did not win it."""
    viewer = before.viewer or ""
    group.wanted.add(viewer)
    head = people.told(group.leading(viewer), viewer, lambda facts: people.without_order(facts, before))
    group.put(head, "order")
    if group.leading(viewer).viewer == group.leading(order.viewer or "").viewer:
        return order
    return order.model_copy(update={"won_by": None})


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
