"""Viewings for learning intent: a shop's own recorded Segment events, folded as the scorer folds them.

Everybody is looked at twice, ten minutes after they entered a show and when it was over, whatever they did later. Who
had ordered by then isn't looked at any more. What was known at that moment are the values, an order within the horizon
after it is what happened. So nothing of an order's own moment tells of it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aftershow.model.instants import DAY, MINUTE
from aftershow.rules.engagement import fold
from aftershow.rules.intent import FEATURES, prior_odds, values
from aftershow.rules.segment import Defaults, Event, Ordered, ShowNews, Unreadable, read_event
from aftershow.rules.viewing import is_behaviour
from infra.local.learning.samples import BadData, Sample, Samples
from infra.local.recorded import RETAIL_CURRENCY, Report, read_segment

FIRST_LOOK = 10 * MINUTE
# Who orders later than a week after a show was won back by something else.
HORIZON = 7 * DAY
# Orders count, not what they amount to.
_SHOP = Defaults(currency=RETAIL_CURRENCY, trusted=True)


@dataclass(slots=True)
class Recorded:
    """What a file holds, by person: behaviour by show, and the moments of orders; and when each show was over."""

    viewings: dict[tuple[str, str], list[Event]] = field(default_factory=lambda: defaultdict(list))
    orders: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    ended: dict[str, int] = field(default_factory=dict)
    last: int = 0


@dataclass(frozen=True, slots=True)
class Viewings:
    """Samples of what people did, how many days after each the order had to come, what they are called, and simpler
    ways to rank them: a model that doesn't beat those is none."""

    samples: Samples
    horizon_days: float | None
    of: str
    baselines: Callable[[Samples], dict[str, list[float]]]


def by_default_weights(samples: Samples) -> dict[str, list[float]]:
    """The score of a shop that has learnt nothing yet, and the minutes watched alone."""
    minutes = FEATURES.index("watched_minutes")
    return {
        "default_weights": [prior_odds(one.values) for one in samples.samples],
        "watched_minutes": [one.values[minutes] for one in samples.samples],
    }


def read_viewings(path: Path) -> Viewings:
    """Samples of a file of Segment events. Raises BadData, OSError."""
    recorded = _recorded(events_of(path))
    if not recorded.viewings:
        raise BadData(f"{path.name}: nobody is in a show in it")
    looks = [look for key in sorted(recorded.viewings) for look in _looks(recorded, key)]
    horizon = min(HORIZON, recorded.last - min((at for _, at, _ in looks), default=recorded.last))
    samples = []
    for (person, show), at, events in looks:
        # Of whom the file doesn't tell the whole horizon, nobody knows whether they ordered in it.
        if at + horizon <= recorded.last:
            engagement = fold(person, f"show#{show}", show, None, events).engagement
            happened = any(at < order <= at + horizon for order in recorded.orders.get(person, ()))
            samples.append(Sample(values(engagement), happened, float(at), person))
    return Viewings(Samples(FEATURES, samples), max(horizon / DAY, 1 / 24), "viewings", by_default_weights)


def events_of(path: Path) -> list[Event]:
    """The events of a file that the scorer could read, each once, with every person under one viewer id."""
    found: dict[str, Event] = {}
    try:
        for request in read_segment([path], Report()):
            batch = json.loads(request.body)
            for message in batch.get("batch", ()):
                if event := _read(message, batch.get("context") or {}, request.at):
                    found.setdefault(event.id, event)
    except ValueError as error:
        raise BadData(str(error)) from error
    return list(found.values())


def people(events: Iterable[Event]) -> dict[str, str]:
    """Browser to the user who came with it first."""
    users: dict[str, tuple[int, str]] = {}
    for event in events:
        for link in event.links:
            if link.kind == "anonymous" and event.viewer is not None:
                users[link.viewer] = min(users.get(link.viewer, (event.at, event.viewer)), (event.at, event.viewer))
    return {browser: user for browser, (_, user) in users.items()}


def _read(message: Any, context: dict[str, Any], received_at: int) -> Event | None:
    if not isinstance(message, dict):
        return None
    kind = message.get("type")
    try:
        return read_event(
            kind if isinstance(kind, str) else "track", json.dumps(message).encode(), context, received_at, _SHOP
        )
    except Unreadable:
        return None


def _recorded(events: list[Event]) -> Recorded:
    recorded, users = Recorded(), people(events)
    for event in events:
        recorded.last = max(recorded.last, event.at)
        if isinstance(event.meaning, ShowNews):
            if "ended_at" in event.meaning.fields and event.show:
                recorded.ended[event.show] = max(event.at, recorded.ended.get(event.show, 0))
            continue
        person = users.get(event.viewer or "", event.viewer)
        if person is None:
            continue
        if isinstance(event.meaning, Ordered):
            recorded.orders[person].add(event.at)
        elif is_behaviour(event) and event.show is not None:
            recorded.viewings[person, event.show].append(event)
    return recorded


def _looks(recorded: Recorded, key: tuple[str, str]) -> Iterator[tuple[tuple[str, str], int, list[Event]]]:
    """(person and show, moment, what they had done by then) of those who had not ordered by then."""
    person, show = key
    did = recorded.viewings[key]
    entered = min(event.at for event in did)
    over = recorded.ended.get(show, max(event.at for event in did))
    for at in sorted({entered + FIRST_LOOK, max(over, entered + FIRST_LOOK)}):
        if not any(entered <= order <= at for order in recorded.orders.get(person, ())):
            yield key, at, [event for event in did if event.at <= at]
