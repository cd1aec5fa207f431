"""One fault at one port call: the bench on which "never twice, never lost" is tried.

A run with `Faults()` only numbers and names the calls that its functions make. A run with
`Faults(at=n, kind=...)` does the same up to call n, and there breaks something once:

    crash before    the process ends; the call has no effect
    crash after     the call has its effect, then the process ends
    lost reply      the call has its effect, and the caller learns that nobody knows, or a failure
    duplicate       what the function works on is delivered once more after it was worked off

Runs are repeatable, so the calls before the fault are the same in both: a test takes the list of
the first run and tries every fault of every call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from infra.local.lines import Line

T = TypeVar("T")


class Crashed(BaseException):
    """The process that ran a function is gone. No code of the function can act on it."""


class ImpossibleFault(BaseException):
    """The test asks for a fault that this call can't have: its mistake, so no function may catch it."""


class Fault(Enum):
    """What may go wrong at a call."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    LOST_REPLY = "lost reply"
    DUPLICATE = "duplicate"


# A read has no effect, so after it is as before it; only what has an effect has a reply to lose.
_READING = (Fault.CRASH_BEFORE, Fault.DUPLICATE)
_WRITING = (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOST_REPLY, Fault.DUPLICATE)
FAULTS_OF = {
    "handler.start": _READING,
    "backend.read": _READING,
    "backend.query": _READING,
    "backend.query_index": _READING,
    "backend.write": _WRITING,
    "queues.send": _WRITING,
    "queues.backlog": _READING,
    "queues.defer": (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.DUPLICATE),
    "bus.publish": _WRITING,
    "archive.keep": _WRITING,
    "channel.send": _WRITING,
    "channel.withdraw": _WRITING,
    "channel.confirmed": (Fault.CRASH_BEFORE, Fault.LOST_REPLY, Fault.DUPLICATE),
    # All is done, but nobody was told.
    "handler.end": (Fault.CRASH_AFTER,),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A numbered call of a port. `about` says of which tables, queue or channel."""

    number: int
    function: str
    name: str
    about: str = ""

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What can go wrong here."""
        return FAULTS_OF[self.name]


class Faults:
    """Numbers the calls from 1; breaks number `at`, if there is one, in the way of `kind`."""

    def __init__(self, at: int | None = None, kind: Fault | None = None) -> None:
        if (at is None) != (kind is None):
            message = "a fault needs both its call and its kind"
            raise ValueError(message)
        self.at = at
        self.kind = kind
        # Every call so far.
        self.calls: list[Call] = []
        # The call at which the fault happened, once it did.
        self.happened: Call | None = None

    def every(self) -> Iterator[tuple[Call, Fault]]:
        """Every fault that could have happened in this run."""
        for call in self.calls:
            for fault in call.faults:
                yield call, fault

    def call(self, line: Line, name: str, about: str, action: Callable[[], T], lost: Callable[[], T]) -> T:
        """Do the action, or break it. `lost` answers, or raises, in the place of a lost reply."""
        call = Call(len(self.calls) + 1, line.function, name, about)
        self.calls.append(call)
        if call.number != self.at:
            return action()
        if self.kind not in call.faults:
            message = f"{self.kind} can't happen at {call}"
            raise ImpossibleFault(message)
        self.happened = call
        return self._break(line, action, lost)

    def _break(self, line: Line, action: Callable[[], T], lost: Callable[[], T]) -> T:
        if self.kind is Fault.CRASH_BEFORE:
            line.crash()
        if self.kind is Fault.LOST_REPLY:
            return lost()
        line.deliver_again = self.kind is Fault.DUPLICATE
        answer = action()
        if self.kind is Fault.CRASH_AFTER:
            line.crash()
        return answer
