"""The channel port: one attempt to hand a rendered message to a provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from aftershow.model.messages import Content
from aftershow.model.reminders import MessageClass

# The tag that names the member of staff who shall get a draft.
STAFF_TAG = "staff"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A rendered message. `tags` (viewer, reminder, attempt) go to the provider, which repeats them in its events;
    `headers` are an e-mail's; `platform` is the telephone's that a push token belongs to, such as iOS."""

    address: str
    content: Content
    headers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    message_class: MessageClass = "marketing"
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """The provider keeps the message until a member of staff confirms it."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider definitely did not take the message.

    `again_after_seconds`: try later (throttle, connection never made); None: never again. `gives_up_address`: the
    address itself is bad. `own_pace`: the pause is the provider's own schedule, so it isn't doubled from attempt to
    attempt. `closes_channel`: nothing goes there any more until somebody opens the channel again.
    """

    reason: str
    again_after_seconds: int | None = None
    gives_up_address: bool = False
    own_pace: bool = False
    closes_channel: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody can say whether the provider took the message: time-out or reset after the request, 5xx.

    `again_after_seconds`: the provider knows a second copy by its key, so one may follow after so long; None: none may.
    """

    reason: str
    again_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of a provider's error table: what an error code means for the message.

    `again_after_seconds` as in Declined; `ambiguous` where the code doesn't say whether the message was taken.
    """

    reason: str
    again_after_seconds: int | None = None
    gives_up_address: bool = False
    ambiguous: bool = False

    def answer(self) -> Declined | Ambiguous:
        """What to answer for it."""
        if self.ambiguous:
            return Ambiguous(self.reason)
        return Declined(self.reason, self.again_after_seconds, self.gives_up_address)


Answer = Accepted | Drafted | Declined | Ambiguous


class Channel(Protocol):
    """A provider. `send` makes exactly one attempt: the SDK's own retries are off."""

    def send(self, message: Outgoing) -> Answer:
        """One attempt; never raises for what the provider says."""


@runtime_checkable
class Repeating(Protocol):
    """What a channel says that gives its provider an idempotency key: a message whose fate nobody knows may be sent
    again, up to so many attempts."""

    max_attempts: int


@runtime_checkable
class Knocking(Protocol):
    """What a channel can do that proves its provider's keys without a message."""

    def knock(self) -> Declined | None:
        """Come to the door; what is wrong, or None. Nothing is sent."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """No member of staff has confirmed the draft yet."""


@runtime_checkable
class Drafting(Protocol):
    """What a channel whose messages staff confirm can do besides."""

    def confirmed(self, provider_id: str, address: str) -> Waiting | Accepted | Declined | Ambiguous:
        """What became of a draft; Ambiguous where nobody answered."""

    def withdraw(self, provider_id: str) -> bool:
        """Take a draft back; False where it could not be. Either way it may have been sent before: ask `confirmed`."""
