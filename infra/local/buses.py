"""EventBridge on this machine: events go to the queues of the rules that they match.

AWS reports to the default bus; ours is where the functions publish. Both shapes are EventBridge's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aftershow.ports.queues import Message, Queues
from infra.local.clock import iso
from infra.local.intrinsics import ACCOUNT, REGION
from infra.local.routing import Pattern

if TYPE_CHECKING:
    from aftershow.ports.bus import BusEvent
    from infra.local.clock import SeededSource, VirtualClock
    from infra.local.wiring import Rule

# How `aftershow.adapters.eventbridge` signs what it publishes.
SOURCE = "aftershow"


class LocalBuses:
    """All buses and their rules."""

    def __init__(self, rules: Sequence[Rule], queues: Queues, clock: VirtualClock, source: SeededSource) -> None:
        self._rules = [(rule.bus, Pattern.of(rule.pattern), rule.queues) for rule in rules]
        self._queues = queues
        self._clock = clock
        self._source = source

    def event(self, kind: str, source: str, detail: Mapping[str, Any]) -> dict[str, Any]:
        """An event as a rule's target gets it. Its id is the bus's own, new at each publication."""
        return {
            "version": "0",
            "id": self._source.uuid(),
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT,
            "time": iso(self._clock.now),
            "region": REGION,
            "resources": [],
            "detail": detail,
        }

    def route(self, bus: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Put each event into the queues of the rules that it matches."""
        waiting: dict[str, list[Message]] = {}
        for event in events:
            targets = [
                queue
                for place, pattern, queues in self._rules
                if place == bus and pattern.matches(event)
                for queue in queues
            ]
            if targets:
                message = Message(json.dumps(event, separators=(",", ":")))
                for queue in targets:
                    waiting.setdefault(queue, []).append(message)
        for queue, messages in waiting.items():
            self._queues.send(queue, messages)


class LocalBus:
    """`ports.bus.Bus`: one of the buses, for the functions to publish to."""

    def __init__(self, buses: LocalBuses, name: str) -> None:
        self._buses = buses
        self._name = name

    def publish(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """Publish all; a bus on this machine refuses none."""
        self._buses.route(
            self._name,
            [self._buses.event(each.kind, SOURCE, json.loads(each.detail)) for each in events],
        )
        return []
