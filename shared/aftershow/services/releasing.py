"""release_due: every minute, admit what is due to the send queues; and find what a lost signal would have left behind.

Level, not edge: rows are found because they are due and not final, shows are closed because their end has passed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from aftershow.model.instants import MINUTE, SECOND
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import MAX_DELAY_SECONDS, Message
from aftershow.ports.store import Conflict, Item, Put, Range
from aftershow.rules import rates
from aftershow.rules.admission import HORIZON, Cursors, DueRow, admit, capacity, still_good
from aftershow.services import catalog, tasks
from aftershow.services.shows import close_overdue, next_close

# A page of the due index a shard and tick; evenly filled queues rarely need more.
MAX_PAGE = 1_000
# A queue that is later than this is told of at every tick, whether it takes more or not.
MAX_UNREMARKED = MINUTE


@dataclass(frozen=True, slots=True)
class Released:
    """What a tick did. `next_due`: the first moment after this tick at which something is known to become due."""

    admitted: int
    closed_shows: int
    next_due: int | None


def release(ports: Ports) -> Released:
    """One tick."""
    now = ports.now()
    # The marker goes first: once it comes out of the queue of facts, the facts before it are folded.
    ports.queues.send(ports.settings.queue_facts, [Message(json.dumps({"watermark": now}, separators=(",", ":")))])
    closed = close_overdue(ports)
    admitted = 0
    late, next_late = tasks.overdue(ports)
    upcoming: list[int] = [at for at in (next_close(ports), next_late) if at is not None]
    for name, queue in sorted(ports.settings.send_queues.items()):
        count, later = _fill(ports, name, queue, now)
        admitted += count
        upcoming += later
    ports.log.info("released", admitted=admitted, closed_shows=closed)
    if late:
        ports.log.warning("tasks overdue", overdue_tasks=late)
    return Released(admitted, closed, min(upcoming, default=None))


def _fill(ports: Ports, name: str, queue: str, now: int) -> tuple[int, list[int]]:
    """Fill one send queue; also the first due moment behind what was admitted, by shard."""
    # The head of each shard first: most ticks end here.
    heads = _due_rows(ports, name, Cursors(), limit=1)
    firsts = [listed[0].due for listed in heads.values() if listed]
    if not any(due <= now + HORIZON for due in firsts):
        return 0, firsts
    item = ports.store.get(keys.admission(name))
    waiting = ports.queues.backlog(queue).total
    cursors = still_good(Cursors.read(item.body) if item else Cursors(), waiting, now)
    room = capacity(rates.per_second(ports.settings, catalog.terms(ports), name.partition("#")[0]), waiting)
    rows = _due_rows(ports, name, cursors, limit=max(1, min(room, MAX_PAGE)))
    chosen, moved = admit(rows, cursors, room, now)
    messages = [_message(row, name, now) for row in chosen]
    if messages:
        ports.queues.send(queue, messages)
    oldest = min(firsts)
    if messages or oldest < now - MAX_UNREMARKED:
        _remember(ports, name, item, moved.model_copy(update={"oldest": oldest, "looked_at": now}))
    return len(chosen), [now]


def _due_rows(ports: Ports, name: str, cursors: Cursors, limit: int) -> dict[int, list[DueRow]]:
    """The first rows of each shard of a channel and class, behind its cursor, by due moment."""
    channel, message_class = name.split("#")
    rows: dict[int, list[DueRow]] = {}
    for shard in range(ports.settings.due_shards):
        behind = cursors.behind.get(str(shard))
        first = f"{behind}~" if behind else ""
        where = Range(keys.due_shard(channel, message_class, shard), first=first, limit=limit)
        rows[shard] = [DueRow.of(row.sk) for row in ports.store.query_index("reminders", where).rows]
    return rows


def _message(row: DueRow, name: str, now: int) -> Message:
    channel = name.partition("#")[0]
    body = json.dumps({"viewer": row.viewer, "reminder": row.reminder, "due": row.due, "channel": channel})
    delay = -(-(row.due - now) // SECOND)
    return Message(body, delay_seconds=min(max(delay, 0), MAX_DELAY_SECONDS))


def _remember(ports: Ports, name: str, item: Item | None, cursors: Cursors) -> None:
    try:
        ports.store.commit([Put(keys.admission(name), cursors.body(), item.version if item else None)])
    except Conflict:
        return  # Another tick remembered its own; a cursor is only a hint.
