"""The bus over EventBridge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aftershow.adapters.batches import batches
from aftershow.ports.bus import MAX_ENTRIES, MAX_PUBLISH_BYTES, BusEvent

SOURCE = "aftershow"


class EventBridgeBus:
    """`ports.bus.Bus` over a boto3 EventBridge client; `name` is the bus's."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """Publish all, those that were refused once more; returns those refused twice.

        Raises botocore's errors, with some events perhaps on their way: repeating is safe.
        """
        return self._put(self._put(events))

    def _put(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """Publish once; returns the events that the bus refused."""
        refused: list[BusEvent] = []
        for batch in batches(events, _entry_bytes, MAX_ENTRIES, MAX_PUBLISH_BYTES):
            answer = self._client.put_events(Entries=[self._entry(event) for event in batch])
            results = zip(batch, answer["Entries"], strict=True)
            refused.extend(event for event, result in results if result.get("ErrorCode"))
        return refused

    def _entry(self, event: BusEvent) -> Mapping[str, str]:
        return {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": event.kind,
            "Detail": event.detail,
        }


def _entry_bytes(event: BusEvent) -> int:
    return len(SOURCE) + len(event.kind.encode()) + len(event.detail.encode())
