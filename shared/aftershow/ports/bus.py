"""The bus port: domain events to whoever has a rule for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# EventBridge: ten entries a call, together less than 256 KB.
MAX_ENTRIES = 10
MAX_PUBLISH_BYTES = 256 * 1024 - 1


@dataclass(frozen=True, slots=True)
class BusEvent:
    """A domain event on its way. `id` follows from (commit id, index), so a repetition is recognisable; `detail` is a
    JSON object to which the bus adds nothing."""

    id: str
    kind: str
    detail: str


class Bus(Protocol):
    """The bus "aftershow"."""

    def publish(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """Publish all; returns those that the bus refused, entry by entry (the others are on their way)."""
