"""The ports of one invocation, over a line that can go dead.

Each invocation gets ports of its own. When it ends, whether it returned, ran out of time or
crashed, its line goes dead, and whatever is left of it (a `finally`, a generator, a thread) can't
act any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn, TypeVar

from aftershow.ports.archive import Archive, NotKept
from aftershow.ports.bus import Bus, BusEvent
from aftershow.ports.channels import (
    Accepted,
    Ambiguous,
    Answer,
    Channel,
    Declined,
    Drafting,
    Outgoing,
    Repeating,
    Waiting,
)
from aftershow.ports.queues import Backlog, Message, NotHandedOver, Queues
from aftershow.ports.store import (
    Backend,
    Check,
    IndexPage,
    Item,
    Key,
    NoReply,
    Page,
    Put,
    Range,
    Refused,
)
from infra.local.faults import Crashed, Faults

T = TypeVar("T")

_LOST = "fault: the reply was lost"


@dataclass(slots=True)
class Traffic:
    """What has been touched since somebody looked: so that nobody polls what lies still."""

    # Names of the queues and tables (as the store calls them) with something new.
    queues: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    # Rows written with an index entry so far, by table.
    index_writes: Counter[str] = field(default_factory=Counter)


class Line:
    """The connection of one invocation of `function` to the outside."""

    __slots__ = ("_faults", "dead", "deliver_again", "function", "indexes")

    def __init__(self, function: str, faults: Faults | None = None) -> None:
        self.function = function
        self._faults = faults
        self.dead = False
        # A fault asks for what the function works on to come once more.
        self.deliver_again = False
        # The tables whose index the invocation asked.
        self.indexes: set[str] = set()

    def call(
        self,
        name: str,
        about: Callable[[], str],
        action: Callable[[], T],
        lost: Callable[[], T] | None = None,
    ) -> T:
        """One call to the outside. `lost` does the action and loses its reply."""
        if self.dead:
            raise Crashed
        if self._faults is None:
            return action()
        return self._faults.call(self, name, about(), action, lost or action)

    def point(self, name: str) -> None:
        """A moment of the invocation that is no call, at which it can crash too."""
        if self._faults is not None:
            self.call(name, str, lambda: None)

    def check(self) -> None:
        """Raise Crashed if the invocation is over."""
        if self.dead:
            raise Crashed

    def crash(self) -> NoReturn:
        """The process ends here."""
        self.dead = True
        raise Crashed


@dataclass(frozen=True, slots=True)
class LineBackend:
    """`Backend` over a line."""

    line: Line
    inner: Backend
    traffic: Traffic

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """See Backend."""
        return self.line.call("backend.read", lambda: _tables(keys), lambda: self.inner.read(keys))

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """See Backend. A lost reply hides a refusal as well as a success."""

        def write() -> None:
            self.inner.write(puts, checks, commit_id)
            for put in puts:
                self.traffic.tables.add(put.key.table)
                if put.index:
                    self.traffic.index_writes[put.key.table] += 1

        def lost() -> None:
            try:
                write()
            except Refused as refused:
                raise NoReply(_LOST) from refused
            raise NoReply(_LOST)

        about = (put.key for put in puts)
        self.line.call("backend.write", lambda: _tables(about), write, lost)

    def query(self, table: str, where: Range) -> Page:
        """See Backend."""
        return self.line.call("backend.query", lambda: table, lambda: self.inner.query(table, where))

    def query_index(self, table: str, where: Range) -> IndexPage:
        """See Backend."""
        self.line.indexes.add(table)
        return self.line.call("backend.query_index", lambda: table, lambda: self.inner.query_index(table, where))


@dataclass(frozen=True, slots=True)
class LineQueues:
    """`Queues` over a line."""

    line: Line
    inner: Queues
    traffic: Traffic

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """See Queues."""

        def send() -> None:
            self.inner.send(queue, messages)
            self.traffic.queues.add(queue)

        def lost() -> None:
            send()
            raise NotHandedOver(_LOST)

        self.line.call("queues.send", lambda: queue, send, lost)

    def backlog(self, queue: str) -> Backlog:
        """See Queues."""
        return self.line.call("queues.backlog", lambda: queue, lambda: self.inner.backlog(queue))

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        """See Queues."""

        def defer() -> None:
            self.inner.defer(queue, receipt, seconds)
            self.traffic.queues.add(queue)

        self.line.call("queues.defer", lambda: queue, defer)


@dataclass(frozen=True, slots=True)
class LineBus:
    """`Bus` over a line."""

    line: Line
    inner: Bus

    def publish(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """See Bus. A lost reply looks as if every event had been refused."""

        def lost() -> list[BusEvent]:
            self.inner.publish(events)
            return list(events)

        def kinds() -> str:
            return ",".join(sorted({event.kind for event in events}))

        return self.line.call("bus.publish", kinds, lambda: self.inner.publish(events), lost)


@dataclass(frozen=True, slots=True)
class LineChannel:
    """`Channel` over a line."""

    line: Line
    name: str
    inner: Channel

    def send(self, message: Outgoing) -> Answer:
        """See Channel."""

        def lost() -> Answer:
            self.inner.send(message)
            return Ambiguous(_LOST)

        return self.line.call("channel.send", lambda: self.name, lambda: self.inner.send(message), lost)


@dataclass(frozen=True, slots=True)
class LineDrafting(LineChannel):
    """`Drafting` over a line."""

    drafting: Drafting

    def confirmed(self, provider_id: str, address: str) -> Waiting | Accepted | Declined | Ambiguous:
        """See Drafting."""
        ask = partial(self.drafting.confirmed, provider_id, address)
        return self.line.call("channel.confirmed", lambda: self.name, ask, lambda: Ambiguous(_LOST))

    def withdraw(self, provider_id: str) -> bool:
        """See Drafting."""

        def lost() -> bool:
            self.drafting.withdraw(provider_id)
            return False

        return self.line.call("channel.withdraw", lambda: self.name, partial(self.drafting.withdraw, provider_id), lost)


@dataclass(frozen=True, slots=True)
class LineRepeating(LineChannel):
    """A channel that gives its provider an idempotency key, over a line."""

    max_attempts: int


@dataclass(frozen=True, slots=True)
class LineChannels(Mapping[str, Channel]):
    """The channels by name, over a line."""

    line: Line
    inner: Mapping[str, Channel]

    def __getitem__(self, name: str) -> Channel:
        """The channel; KeyError where the host has none of this name."""
        inner = self.inner[name]
        if isinstance(inner, Drafting):
            return LineDrafting(self.line, name, inner, inner)
        if isinstance(inner, Repeating):
            return LineRepeating(self.line, name, inner, inner.max_attempts)
        return LineChannel(self.line, name, inner)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self.inner)

    def __len__(self) -> int:
        """How many."""
        return len(self.inner)


@dataclass(frozen=True, slots=True)
class LineArchive:
    """`Archive` over a line."""

    line: Line
    inner: Archive

    def keep(self, name: str, data: bytes) -> None:
        """See Archive."""

        def lost() -> None:
            self.inner.keep(name, data)
            raise NotKept(_LOST)

        self.line.call("archive.keep", str, lambda: self.inner.keep(name, data), lost)


def _tables(keys: Iterable[Key]) -> str:
    return ",".join(sorted({key.table for key in keys}))
