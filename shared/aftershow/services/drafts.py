"""send_message's looks at drafts: has a member of staff confirmed it, or must it be taken back?

The provider is asked once a look, outside of what is tried again after a lost race; what it said is then written. A
crash in between costs nothing: the row is still due, and the next look asks again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import get_args

from aftershow.model.channels import CONFIRMED_BY_STAFF
from aftershow.model.reminders import MessageClass, Recall, Reminder
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Ambiguous, Declined, Drafting, Waiting
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.ports.store import Put, Range
from aftershow.rules import claims, drafts
from aftershow.rules.admission import DueRow
from aftershow.services import giving_back, rows
from aftershow.services.messages import settle

# A page of the due index.
MAX_LISTED = 500

Fate = Waiting | Accepted | Declined | Ambiguous


def look(ports: Ports, row: Reminder, scene: claims.Scene) -> None:
    """Look at an awaiting row that is due. Raises Busy."""
    recall = drafts.why_taken_back(row, scene, ports.now())
    gone, fate = _asked(ports.channels.get(row.channel), row, scene.address or "", recall)
    after = settle(ports, lambda: _record(ports, row, recall, fate, gone=gone))
    if after is not None and not after.open:
        ports.log.info("ended", ended=1, outcome=after.outcome, reason=after.reason)


def orphaned(channel: object, provider_id: str) -> None:
    """Take back a draft whose claim does not stand any more: nobody would ever ask about it."""
    if isinstance(channel, Drafting):
        channel.withdraw(provider_id)


def _asked(channel: object, row: Reminder, address: str, recall: Recall | None) -> tuple[bool, Fate]:
    """(whether the draft was taken back, what became of it). The second is asked after the first: what was sent before
    it was taken back was sent."""
    if not isinstance(channel, Drafting) or row.provider_id is None:
        return False, Ambiguous("channel_not_in_use")
    gone = recall is not None and channel.withdraw(row.provider_id)
    return gone, channel.confirmed(row.provider_id, address)


def _record(ports: Ports, looked_at: Reminder, recall: Recall | None, fate: Fate, *, gone: bool) -> Reminder | None:
    """Write what a look found; None where the row has moved on meanwhile."""
    item = ports.store.get(keys.reminder(looked_at.viewer, looked_at.id))
    row = Reminder.read(item.body) if item else None
    if item is None or row is None or (row.state, row.provider_id) != ("awaiting", looked_at.provider_id):
        return None
    after, unsent = _after(row, recall, fate, ports.now(), gone=gone)
    puts: list[Put] = [rows.put(ports, after, item)]
    if unsent is not None:
        puts += giving_back.puts(ports, row, unsent)
    ports.store.commit(puts)
    return after


def _after(
    row: Reminder, recall: Recall | None, fate: Fate, now: int, *, gone: bool
) -> tuple[Reminder, Declined | None]:
    """The row after a look, and as what it was definitely not sent, if so."""
    if isinstance(fate, Accepted):
        return claims.sent(row, now, fate.provider_id), None
    if recall is None:
        if isinstance(fate, Declined):
            return claims.declined(row, now, fate.reason, fate.again_after_seconds), fate
        return drafts.still_awaiting(row, now), None
    if isinstance(fate, Declined):
        return drafts.taken_back(row, recall, now), fate
    if gone and isinstance(fate, Waiting):
        return drafts.taken_back(row, recall, now), Declined(recall.reason)
    return drafts.not_taken_back(row, recall, now), None


def awaiting(ports: Ports) -> list[Reminder]:
    """Every reminder that waits for staff, the one that expires first on top. Rows are found in the due index."""
    found: list[Reminder] = []
    for channel in CONFIRMED_BY_STAFF:
        for message_class in get_args(MessageClass):
            for shard in range(ports.settings.due_shards):
                found += _awaiting_in(ports, keys.due_shard(channel, message_class, shard))
    return sorted(found, key=lambda row: (row.awaiting_until or row.deadline, row.id))


def _awaiting_in(ports: Ports, shard: str) -> Iterator[Reminder]:
    after: str | None = None
    while True:
        page = ports.store.query_index("reminders", Range(shard, limit=MAX_LISTED, after=after))
        named = [DueRow.of(one.sk) for one in page.rows]
        items = ports.store.get_many(keys.reminder(one.viewer, one.reminder) for one in named)
        rows_there = (Reminder.read(item.body) for item in items.values())
        yield from (row for row in rows_there if row.state == "awaiting")
        if page.after is None:
            return
        after = page.after


def read(ports: Ports, row: Reminder) -> Reminder | None:
    """A reminder as it is now."""
    item = ports.store.get(keys.reminder(row.viewer, row.id))
    return Reminder.read(item.body) if item else None


def look_now(ports: Ports, row: Reminder) -> None:
    """Have send_message look at a draft at once."""
    _changed(ports, row, lambda now, at: now.model_copy(update={"due": at}))


def hand_over(ports: Ports, row: Reminder, staff: str) -> None:
    """Give a draft to another member of staff."""
    _changed(ports, row, lambda now, at: drafts.handed_over(now, staff, at))


def withdraw(ports: Ports, row: Reminder, by: str) -> None:
    """Take a draft back in the name of a person."""

    def change(now: Reminder, at: int) -> Reminder:
        return drafts.to_take_back(now, Recall(outcome="skipped", reason=drafts.BY_STAFF, since=at), by)

    _changed(ports, row, change)


def _changed(ports: Ports, row: Reminder, change: Callable[[Reminder, int], Reminder]) -> None:
    """Change a row that still awaits staff, and have it looked at."""
    due: list[int] = []

    def attempt() -> None:
        item = ports.store.get(keys.reminder(row.viewer, row.id))
        now = Reminder.read(item.body) if item else None
        if item is None or now is None or now.state != "awaiting":
            return
        changed = change(now, ports.now())
        ports.store.commit([rows.put(ports, changed, item)])
        due.append(changed.due)

    settle(ports, attempt)
    queue = ports.settings.send_queues.get(f"{row.channel}#{row.message_class}")
    if due and queue:
        # Without it the next minute's tick finds the row.
        body = json.dumps({"viewer": row.viewer, "reminder": row.id, "due": due[-1], "channel": row.channel})
        ports.queues.send(queue, [Message(body)])
