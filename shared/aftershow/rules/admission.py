"""Admission: which due rows go to a send queue now.

A queue holds at most two minutes of its channel's rate, filled evenly from the shards that are not empty. A row that
was admitted may still wait in its queue when the next tick comes; so each shard has a cursor, and ticks go on behind
it. Cursors are a hint to save messages, never the truth: they are forgotten when the queue is empty or after three
minutes, and what is due and not final is found again from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.base import Record
from aftershow.model.instants import MINUTE, SECOND

QUEUE_HOLDS_SECONDS = 120
# Rows due before the next tick go with the exact delay; the tick itself may come late.
HORIZON = 75 * SECOND
CURSORS_HOLD = 3 * MINUTE


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row of the due index."""

    due: int
    sort: str
    viewer: str
    reminder: str

    @staticmethod
    def of(sort: str) -> DueRow:
        """Read from the index's sort key: due#viewer#reminder."""
        due, viewer, reminder = sort.split("#")
        return DueRow(int(due), sort, viewer, reminder)


class Cursors(Record):
    """Behind which sort key each shard goes on, since the moment `since`."""

    since: int = 0
    behind: dict[str, str] = {}
    # The due moment of the oldest row that had not ended at the tick of the moment `looked_at`.
    oldest: int = 0
    looked_at: int = 0


def capacity(rate_per_second: float, waiting: int) -> int:
    """How many more messages a queue may hold."""
    return max(max(int(QUEUE_HOLDS_SECONDS * rate_per_second), 1) - waiting, 0)


def still_good(cursors: Cursors, waiting: int, now: int) -> Cursors:
    """The cursors if they may be used at this tick, else none: from the start."""
    if waiting == 0 or now - cursors.since > CURSORS_HOLD:
        return Cursors(since=now, oldest=cursors.oldest, looked_at=cursors.looked_at)
    return cursors


def lateness(cursors: Cursors, now: int) -> int:
    """How late a send queue is, in milliseconds: what falls due now waits at least so long. 0 where no tick of the last
    minutes found anything due."""
    if now - cursors.looked_at > CURSORS_HOLD:
        return 0
    return max(cursors.looked_at - cursors.oldest, 0)


def admit(rows: Mapping[int, Sequence[DueRow]], cursors: Cursors, room: int, now: int) -> tuple[list[DueRow], Cursors]:
    """(rows to admit, cursors behind them), layer by layer over the shards, the oldest of a layer first: where there is
    less room than shards, none waits for ever. `rows`: the first of each shard behind its cursor, by due moment; those
    due after the horizon are left."""
    due = {shard: [row for row in listed if row.due <= now + HORIZON] for shard, listed in sorted(rows.items())}
    chosen: list[DueRow] = []
    behind = dict(cursors.behind)
    for depth in range(max(map(len, due.values()), default=0)):
        layer = sorted(((listed[depth], shard) for shard, listed in due.items() if depth < len(listed)), key=_age)
        for row, shard in layer[: room - len(chosen)]:
            chosen.append(row)
            behind[str(shard)] = row.sort
    return chosen, cursors.model_copy(update={"behind": behind})


def _age(place: tuple[DueRow, int]) -> tuple[int, str]:
    return place[0].due, place[0].sort
