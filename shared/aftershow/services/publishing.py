"""publish_changes: the relay. Each change in a stream carries the domain events of its commit; they go to the bus.

Event ids follow from (commit id, index), so a batch that comes again publishes the same events again. An event that
the bus refuses twice goes, with its payload, to a queue of its own: a stream must never stand still for one event.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aftershow.model.ids import digest
from aftershow.ports.bus import BusEvent
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.ports.store import Row


def outgoing(records: Iterable[Mapping[str, Any]]) -> Iterator[BusEvent]:
    """The domain events of stream records. Removals (TTL) carry none."""
    for record in records:
        image = record["dynamodb"].get("NewImage")
        if not image:
            continue
        row = Row(image)
        for index, event in enumerate(row.events):
            name = digest("event", row.version.commit, str(index), size=15)
            detail = {**json.loads(event.detail), "id": name}
            yield BusEvent(name, event.kind, json.dumps(detail, ensure_ascii=False))


def publish(records: Iterable[Mapping[str, Any]], ports: Ports) -> int:
    """Publish what the records carry; returns how many events went to the bus."""
    events = list(outgoing(records))
    refused = ports.bus.publish(events) if events else []
    if refused:
        kept = [Message(json.dumps({"id": one.id, "kind": one.kind, "detail": one.detail})) for one in refused]
        ports.queues.send(ports.settings.queue_relay_refused, kept)
        ports.log.warning("events refused by the bus", refused=len(refused))
    ports.log.info("published", events=len(events) - len(refused))
    return len(events) - len(refused)
