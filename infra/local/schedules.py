"""Ticks: functions that are called every so often, at little cost over months of nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local import lambda_events

if TYPE_CHECKING:
    from collections import Counter

    from infra.local.clock import SeededSource, VirtualClock
    from infra.local.deliveries import Invoke
    from infra.local.embedded import EmbeddedBackend
    from infra.local.lines import Traffic
    from infra.local.wiring import Schedule


_DAY_MS = 86_400_000
_REMOVED_AT_ONCE = 1_000


class ScheduleWorker:
    """One schedule.

    Ticks lie at whole multiples of the period. When time has passed several at once (a function
    slept), only one call is made: the next one finds whatever the missed ones would have found.

    **Skipping.** Ten days have 14,400 minutes, in nearly all of which nothing is due. A function
    may answer `{"next_due": epoch_ms or null}`: "until then, or until something is planned, I shall
    find nothing". It learns what is due from an index; so its ticks are skipped until that moment,
    as long as no row with an index entry is written to a table whose index it asked. A failed call,
    and an answer without `next_due`, promise nothing: the next tick is run.
    """

    def __init__(
        self,
        schedule: Schedule,
        traffic: Traffic,
        clock: VirtualClock,
        source: SeededSource,
        invoke: Invoke,
    ) -> None:
        self._schedule = schedule
        self._traffic = traffic
        self._clock = clock
        self._source = source
        self._invoke = invoke
        # Ticks up to here are done or skipped.
        self._done = clock.now
        self._skipping = False
        self._next_due: int | None = None
        self._index_writes: Counter[str] = traffic.index_writes.copy()
        self._indexes: frozenset[str] = frozenset()

    def next_at(self) -> int | None:
        """The next tick that is not skipped, epoch ms."""
        period = self._schedule.period_ms
        if not self._quiet():
            return _tick_after(self._done, period)
        if self._next_due is None:
            return None
        # The last tick before it: whatever becomes due between two ticks is found by the first of
        # them, which knows to the second how long to wait.
        last = self._next_due - self._next_due % period
        return max(_tick_after(self._done, period), last)

    def work(self) -> bool:
        """One call, if a tick is due now."""
        tick = self.next_at()
        if tick is None or tick > self._clock.now:
            return False
        before = self._traffic.index_writes.copy()
        self._done = self._clock.now
        event = lambda_events.of_schedule(self._schedule.id, self._source.uuid(), tick)
        outcome = self._invoke(self._schedule.function, event)
        if outcome.again:
            outcome = self._invoke(self._schedule.function, event)
        answer = outcome.answer
        self._skipping = isinstance(answer, dict) and "next_due" in answer
        if self._skipping:
            self._next_due = answer["next_due"]
            # Its own writes count as news too: it answered what it knew before them.
            self._index_writes = before
            self._indexes = outcome.indexes
        return True

    def _quiet(self) -> bool:
        """Whether the last call's promise still holds."""
        now, then = self._traffic.index_writes, self._index_writes
        if self._skipping and any(now[name] != then[name] for name in self._indexes):
            # What was skipped until now stays skipped: the next call is at the next whole period.
            self._skipping = False
            self._done = self._clock.now
        return self._skipping


class ExpiryWorker:
    """DynamoDB's TTL: once a day, items whose time has passed go. AWS promises no moment either."""

    def __init__(self, backend: EmbeddedBackend, tables: frozenset[str], traffic: Traffic, clock: VirtualClock) -> None:
        """`tables`: those that the store knows, for whose streams a removal is news."""
        self._backend = backend
        self._tables = tables
        self._traffic = traffic
        self._clock = clock
        self._next = _tick_after(clock.now, _DAY_MS)

    def next_at(self) -> int | None:
        """The next midnight, UTC, epoch ms."""
        return self._next

    def work(self) -> bool:
        """Remove what has expired, if it's time."""
        if self._next > self._clock.now:
            return False
        self._next = _tick_after(self._clock.now, _DAY_MS)
        while self._backend.remove_expired(_REMOVED_AT_ONCE):
            self._traffic.tables.update(self._tables)
        return True


def _tick_after(moment: int, period_ms: int) -> int:
    return moment - moment % period_ms + period_ms
