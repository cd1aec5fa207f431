"""Reading tables' streams as Lambda's event source mappings do.

In order, at least once. A batch that fails is halved if the mapping says so, retried with growing
pauses, and holds up what comes behind it; after its last retry, or when its records are too old, it
goes to the mapping's on-failure destination.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from infra.local import lambda_events
from infra.local.clock import iso_ms
from infra.local.routing import Pattern
from infra.local.wiring import FOR_EVER

if TYPE_CHECKING:
    from infra.local.clock import VirtualClock
    from infra.local.deliveries import Invoke
    from infra.local.embedded import Change, EmbeddedBackend, EmbeddedState
    from infra.local.lambda_events import Event
    from infra.local.lines import Traffic
    from infra.local.wiring import StreamSource

# Lambda doesn't say how long it pauses; these keep a local run short and an outage bearable.
FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 60_000
_DOUBLINGS = 6
FAILED = "failed batches"


class Batch(msgspec.Struct):
    """Records that failed together, by their sequence numbers; tried again at `at`, epoch ms."""

    first: int
    last: int
    failures: int
    at: int


class Position(msgspec.Struct):
    """How far a reader is: all up to `after` is done, but for the batches that wait."""

    after: int = 0
    waiting: list[Batch] = []


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the stream that passed the filters."""

    sequence: int
    at: int
    event: Event


@dataclass(frozen=True, slots=True)
class FailedBatch:
    """What a mapping gave up, as its on-failure destination keeps it."""

    destination: str
    reason: str
    event: Event


@dataclass(frozen=True, slots=True)
class Reading:
    """What every reader of a stream needs."""

    state: EmbeddedState
    backend: EmbeddedBackend
    traffic: Traffic
    clock: VirtualClock
    invoke: Invoke


class StreamWorker:
    """One function reading one table's stream."""

    def __init__(self, source: StreamSource, table: str, reading: Reading) -> None:
        """`table` is the name by which the store knows the source's table."""
        self._source = source
        self._name = table
        self._state = reading.state
        self._backend = reading.backend
        self._traffic = reading.traffic
        self._clock = reading.clock
        self._invoke = reading.invoke
        self._filters = [Pattern.of(each) for each in source.filters]
        kept = reading.state.note(self._note)
        self.position = msgspec.json.decode(kept, type=Position) if kept else Position()
        # Changes may be left from an earlier run.
        self._behind = True

    @property
    def table(self) -> str:
        """Where the stream is."""
        return self._source.table

    @property
    def done_up_to(self) -> int:
        """Changes up to this sequence number are not needed any more."""
        waiting = self.position.waiting
        return waiting[0].first - 1 if waiting else self.position.after

    def notice(self) -> None:
        """Take note of writes to the table, if there were any."""
        if self._name in self._traffic.tables:
            self._behind = True

    def next_at(self) -> int | None:
        """When there is work, epoch ms."""
        waiting = self.position.waiting
        if waiting:
            return waiting[0].at
        return self._clock.now if self._behind else None

    def work(self) -> bool:
        """One batch, if there is one now."""
        due = self.next_at()
        if due is None or due > self._clock.now:
            return False
        if self.position.waiting:
            self._work_off_waiting()
        else:
            self._work_off_new()
        self._state.keep_note(self._note, msgspec.json.encode(self.position).decode())
        return True

    def _work_off_new(self) -> None:
        """The next records, up to a batch of those that pass, however many don't."""
        records: list[Record] = []
        while len(records) < self._source.batch_size:
            wanted = self._source.batch_size - len(records)
            changes = self._backend.stream(self._source.table, self.position.after, wanted)
            if not changes:
                self._behind = False
                break
            self.position.after = changes[-1].sequence
            records += self._passing(changes)
        if records:
            self._try(records, 0)

    def _work_off_waiting(self) -> None:
        batch = self.position.waiting.pop(0)
        count = batch.last - batch.first + 1
        changes = self._backend.stream(self._source.table, batch.first - 1, count)
        records = self._passing([each for each in changes if each.sequence <= batch.last])
        if records:
            self._try(records, batch.failures)

    def _try(self, records: list[Record], failures: int) -> None:
        young = self._young(records)
        if len(young) < len(records):
            old = [each for each in records if each not in young]
            self._give_up(old, "the records are too old")
        if not young:
            return
        outcome = self._invoke(self._source.function, _event(young))
        if not outcome.ok:
            self._put_back(young, failures)
        elif outcome.again:
            self._wait(young, 0, self._clock.now, place=0)

    def _put_back(self, records: list[Record], failures: int) -> None:
        """Halving costs no retry: it ends by itself."""
        if self._source.bisect and len(records) > 1:
            middle = len(records) // 2
            at = self._clock.now + FIRST_PAUSE_MS
            self._wait(records[:middle], failures, at, place=0)
            self._wait(records[middle:], failures, at, place=1)
        elif failures == self._source.max_retries:
            self._give_up(records, "the retries are used up")
        else:
            pause = min(FIRST_PAUSE_MS * 2 ** min(failures, _DOUBLINGS), LONGEST_PAUSE_MS)
            self._wait(records, failures + 1, self._clock.now + pause, place=0)

    def _wait(self, records: Sequence[Record], failures: int, at: int, place: int) -> None:
        batch = Batch(records[0].sequence, records[-1].sequence, failures, at)
        self.position.waiting.insert(place, batch)

    def _give_up(self, records: Sequence[Record], reason: str) -> None:
        failed = {
            "destination": self._source.on_failure or "",
            "reason": reason,
            "at": iso_ms(self._clock.now),
            "event": _event(records),
        }
        number = self._state.next_number(FAILED)
        self._state.keep_note(f"{FAILED} {number:09d}", json.dumps(failed))

    def _young(self, records: list[Record]) -> list[Record]:
        if self._source.max_age_seconds == FOR_EVER:
            return records
        oldest = self._clock.now - 1000 * self._source.max_age_seconds
        return [each for each in records if each.at >= oldest]

    def _passing(self, changes: Sequence[Change]) -> list[Record]:
        records = []
        for change in changes:
            event = lambda_events.of_change(change)
            if not self._filters or any(each.matches(event) for each in self._filters):
                records.append(Record(change.sequence, change.at, event))
        return records

    @property
    def _note(self) -> str:
        return f"stream {self._source.id}"


class StreamWorkers:
    """All readers of streams. What every reader of a table has done is forgotten."""

    def __init__(self, workers: Sequence[StreamWorker], backend: EmbeddedBackend, traffic: Traffic) -> None:
        self._workers = workers
        self._backend = backend
        self._traffic = traffic
        self._of_table: dict[str, list[StreamWorker]] = {}
        for worker in workers:
            self._of_table.setdefault(worker.table, []).append(worker)

    def next_at(self) -> int | None:
        """When there is work, epoch ms."""
        self._notice()
        moments = (worker.next_at() for worker in self._workers)
        return min((moment for moment in moments if moment is not None), default=None)

    def work(self) -> bool:
        """One batch of each stream that has one now."""
        self._notice()
        worked = [worker for worker in self._workers if worker.work()]
        for table in dict.fromkeys(worker.table for worker in worked):
            self._backend.trim(table, min(each.done_up_to for each in self._of_table[table]))
        return bool(worked)

    def _notice(self) -> None:
        if self._traffic.tables:
            for worker in self._workers:
                worker.notice()
            self._traffic.tables.clear()


def failed_batches(state: EmbeddedState) -> list[FailedBatch]:
    """Every batch that was given up, oldest first."""
    count = int(state.note(f"number of {FAILED}") or 0)
    texts = (state.note(f"{FAILED} {number + 1:09d}") for number in range(count))
    kept = [json.loads(text) for text in texts if text]
    return [FailedBatch(each["destination"], each["reason"], each["event"]) for each in kept]


def _event(records: Sequence[Record]) -> Event:
    return {"Records": [each.event for each in records]}
