"""How reminder rows are written: always with their place in the due index and the event of their end."""

from __future__ import annotations

from aftershow.model.events import ReminderEnded
from aftershow.model.ids import shard_of
from aftershow.model.reminders import Reminder
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, OutboxEvent, Put
from aftershow.rules import responses


def put(ports: Ports, row: Reminder, before: Item | None) -> Put:
    """The put of a row. Open rows stand in the due index: pending ones at their moment, claimed ones at the end of
    their lease, drafts at their next look. A row that ends carries ReminderEnded, and again where it turns out to have
    failed after all, or is answered: both decide about what follows it."""
    index = None
    if row.open:
        shard = shard_of(row.id, ports.settings.due_shards)
        due = (row.lease_until or row.due) if row.state == "sending" else row.due
        index = keys.due_index(row.channel, row.message_class, shard, due, f"{row.viewer}#{row.id}")
    events: tuple[OutboxEvent, ...] = ()
    if not row.open and _is_news(row, Reminder.read(before.body) if before else None):
        ended = ReminderEnded(viewer=row.viewer, reminder=row.id, outcome=row.outcome or "unknown")
        events = (OutboxEvent(ended.kind, ended.model_dump_json()),)
    return Put(keys.reminder(row.viewer, row.id), row.body(), before.version if before else None, events, index)


def _is_news(row: Reminder, before: Reminder | None) -> bool:
    if before is None or before.open:
        return True
    failed = row.outcome == "failed" != before.outcome
    return failed or responses.answered(row) != responses.answered(before)


def found(ports: Ports, viewer: str, reminder: str) -> tuple[Reminder, Item] | None:
    """A row and how it stands in the store."""
    item = ports.store.get(keys.reminder(viewer, reminder))
    return (Reminder.read(item.body), item) if item else None
