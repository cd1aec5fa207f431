"""The queue port: durable hand-over between functions, at least once, in no promised order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

# SQS: a message, and a batch as a whole, hold at most 1 MiB; a batch at most ten messages; a delay at most 15 minutes.
MAX_MESSAGE_BYTES = 1024 * 1024
MAX_BATCH_MESSAGES = 10
MAX_DELAY_SECONDS = 900
# SQS: a message stays hidden for at most 12 hours since it was received, which is at most a
# function's 15 minutes ago.
MAX_DEFERRAL_SECONDS = 12 * 3600 - 900


class NotHandedOver(Exception):
    """The queue did not take every message: treat none as handed over (repeating is safe)."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to hand over; `delay_seconds` (1 to 900) until a worker may see it.

    0: the queue's own delay, which is none unless the queue was made with one.
    """

    body: str
    delay_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages a queue holds, about: visible, delayed, and in flight."""

    visible: int
    delayed: int
    in_flight: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.delayed + self.in_flight


class Queues(Protocol):
    """All queues; `queue` is the name or URL that the settings give."""

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Hand over all messages durably, in as few calls as their limits allow, or raise NotHandedOver.

        Raises ValueError for an empty or too large message, or a delay out of range, before anything is sent.
        """

    def backlog(self, queue: str) -> Backlog:
        """How much waits there."""

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        """Let a message that is being worked on come back after `seconds` (0 to 42,300).

        Instead of the queue's own time-out; if that was first, nothing happens: it is back.
        Raises ValueError for seconds out of range.
        """


def check_messages(messages: Sequence[Message]) -> None:
    """Raise ValueError for the first message that no queue would take."""
    for position, message in enumerate(messages):
        size = body_bytes(message)
        if not 0 < size <= MAX_MESSAGE_BYTES:
            raise ValueError(f"message {position}: a body has 1 to {MAX_MESSAGE_BYTES} bytes, this one {size}")
        if not 0 <= message.delay_seconds <= MAX_DELAY_SECONDS:
            raise ValueError(f"message {position}: a delay is 0 to {MAX_DELAY_SECONDS} seconds")
        # SQS refuses them, and viewers can type them; a JSON writer escapes the other
        # characters that it refuses.
        if "\ufffe" in message.body or "\uffff" in message.body:
            raise ValueError(f"message {position}: U+FFFE and U+FFFF must be escaped")


def check_deferral(seconds: int) -> None:
    """Raise ValueError for a time that no queue would hide a message for."""
    if not 0 <= seconds <= MAX_DEFERRAL_SECONDS:
        raise ValueError(f"a message is deferred by 0 to {MAX_DEFERRAL_SECONDS} seconds")


def body_bytes(message: Message) -> int:
    """What SQS counts for the message. Raises ValueError for a lone surrogate."""
    return len(message.body.encode())
