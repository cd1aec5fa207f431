"""The channel port: one attempt to hand a rendered message to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A rendered message. `tags` go to the provider, which repeats them in its events."""

    address: str
    subject: str
    html: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider definitely did not take the message.

    `again_after_seconds`: try later (throttle, connection never made); None: never again. `gives_up_address`: the
    address itself is bad.
    """

    reason: str
    again_after_seconds: int | None = None
    gives_up_address: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody can say whether the provider took the message: time-out or reset after the request, 5xx."""

    reason: str


Answer = Accepted | Declined | Ambiguous


class Channel(Protocol):
    """A provider. `send` makes exactly one attempt: the SDK's own retries are off."""

    def send(self, message: Outgoing) -> Answer:
        """One attempt; never raises for what the provider says."""
