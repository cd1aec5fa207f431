"""What people are called: looked at whenever somebody looks at a person, and when time alone changes it.

Labels stand in an item of their own, written only where one of them changes, with the event of the change. So neither
the head nor an engagement grows by them, and the scorer writes nothing more. `daily_care` finds the items whose moment
has come and asks for a look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aftershow.model.events import BuyersBrought, LabelsChanged
from aftershow.model.labels import Labels, Sharing
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message
from aftershow.ports.store import Item, OutboxEvent, Put, Range
from aftershow.rules.labels import VERSION, Known, Labelled, Measure, label
from aftershow.rules.sharing import bought_by_share, with_buyer
from aftershow.services import catalog
from aftershow.services.people import Reading, leading_head

# Looks that are asked for with one query.
PAGE = 200
# Below this nothing new is begun.
LEAST_SECONDS = 20


def measure(ports: Ports) -> Measure:
    """By what this shop measures."""
    return Measure(ports.settings.shop_currency, ports.settings.shop_zone, catalog.yardstick(ports))


def known(reading: Reading) -> Known:
    """What a person's labels are read from."""
    head = reading.person.head
    brought = {buyer for item in reading.sharing.values() for buyer in Sharing.read(item.body).buyers}
    return Known(head, {**reading.days, **reading.person.engagements}, len(brought - set(head.people)))


def relabel(ports: Ports, reading: Reading) -> bool:
    """Make a person's kept labels equal to what they are now; whether anything was written. Raises Conflict."""
    head = reading.person.head
    if head.erased_at is not None:
        return _retire(ports, reading.labels.values())
    _tell_sharer(ports, reading)
    labelled = label(known(reading), measure(ports), ports.now())
    before = reading.labels.get(head.viewer)
    # A merged viewer's labels are the surviving one's.
    retired = _retire(ports, [item for viewer, item in reading.labels.items() if viewer != head.viewer])
    put = _put(head, labelled, before)
    if put is not None:
        ports.store.commit([put])
    return retired or put is not None


def _put(head: Head, labelled: Labelled, before: Item | None) -> Put | None:
    after = Labels(viewer=head.viewer, version=VERSION, values=labelled.values)
    index = None if labelled.next_at is None else keys.label_index(head.viewer, labelled.next_at)
    if before is not None and (before.body, before.index) == (after.body(), index):
        return None
    was = Labels.read(before.body).values if before is not None else {}
    changed = sorted(name for name in {*was, *after.values} if was.get(name) != after.values.get(name))
    events: tuple[OutboxEvent, ...] = ()
    if changed:
        event = LabelsChanged(viewer=head.viewer, labels=after.values, changed=tuple(changed))
        events = (OutboxEvent(event.kind, event.model_dump_json()),)
    return Put(keys.labels(head.viewer), after.body(), before.version if before else None, events, index)


def _retire(ports: Ports, items: Iterable[Item]) -> bool:
    """Empty what no head stands behind any more: it has no next moment, or daily care would ask for ever."""
    old = [item for item in items if item.index is not None or Labels.read(item.body).values]
    for item in old:
        empty = Labels(viewer=item.key.pk, version=VERSION)
        ports.store.commit([Put(item.key, empty.body(), item.version)])
    return bool(old)


def _tell_sharer(ports: Ports, reading: Reading) -> None:
    """Make the list of who brought this person say whether they bought."""
    bought = bought_by_share(reading.person.head, {**reading.days, **reading.person.engagements}.values())
    if bought is None or bought.sharer in reading.person.head.people:
        return
    found = leading_head(ports, bought.sharer)
    if found is None:
        return
    sharer = found[0].viewer
    if sharer == reading.person.head.viewer:
        return
    item = ports.store.get(keys.sharing(sharer))
    before = Sharing.read(item.body) if item else Sharing(viewer=sharer)
    after = with_buyer(before, reading.person.head.viewer, bought.at)
    if after != before:
        event = BuyersBrought(viewer=sharer)
        events = (OutboxEvent(event.kind, event.model_dump_json()),)
        ports.store.commit([Put(keys.sharing(sharer), after.body(), item.version if item else None, events)])


@dataclass(frozen=True, slots=True)
class Asked:
    """Looks that were asked for. `more`: the time ended before the work; `next_due`: when the next label changes by
    time, epoch ms, None where none will."""

    looks: int
    more: bool
    next_due: int | None


def ask_for_looks(ports: Ports, remaining_seconds: Callable[[], float]) -> Asked:
    """Ask for a look at everybody whose labels time has changed, shard by shard, in pages, until the time ends. A look
    moves the person's moment; whoever is asked for twice before it is looked at twice, which changes nothing."""
    now, looks = ports.now(), 0
    later: list[int] = []
    for shard in range(keys.CARE_SHARDS):
        after: str | None = None
        while True:
            if remaining_seconds() < LEAST_SECONDS:
                return Asked(looks, more=True, next_due=now)
            page = ports.store.query_index("engagements", Range(keys.label_shard(shard), limit=PAGE, after=after))
            moments = [(int(row.sk.partition("#")[0]), row.key.pk) for row in page.rows]
            due = [viewer for at, viewer in moments if at <= now]
            later += [at for at, _ in moments[len(due) :]][:1]
            if due:
                messages = [Message(json.dumps({"look": viewer})) for viewer in due]
                ports.queues.send(ports.settings.queue_reminders, messages)
            looks += len(due)
            after = page.after
            if after is None or len(due) < len(page.rows):
                break
    return Asked(looks, more=False, next_due=min(later, default=None))
