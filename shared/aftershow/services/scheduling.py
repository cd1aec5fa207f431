"""schedule_reminder: look again at a person, and make the planned rows equal to the wanted ones.

The end of a show is mass work: one cursor message for each shard of its viewers, worked off in pages through the
function's own queue.
"""

from __future__ import annotations

import json

import msgspec

from aftershow.model.events import DomainEvent, ShowEnded, read_event
from aftershow.model.instants import SECOND
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message, Queues
from aftershow.ports.store import Range
from aftershow.rules.planning import plan
from aftershow.services import labelling, people, rows
from aftershow.services.catalog import MAX_AGE
from aftershow.services.messages import Received, settle

PAGE_VIEWERS = 500
# Scorers know a show to be over at most MAX_AGE late; what they fold until then is seen by a walk that starts after.
FIRST_WALK_SECONDS = MAX_AGE // SECOND + 5
# A second walk finds those whose events came late through the queue.
SECOND_WALK_SECONDS = 15 * 60


def schedule(message: Received, ports: Ports) -> None:
    """Work off one message: a domain event from the bus, a look at somebody, or a cursor of a walk over a show's
    viewers."""
    body = msgspec.json.decode(message.body)
    if "walk" in body:
        _walk(ports, body["walk"], body["shard"], body.get("after"))
        return
    if "look" in body:
        look_at(ports, body["look"])
        return
    _look(ports, read_event(json.dumps(body["detail"])))


def _look(ports: Ports, event: DomainEvent) -> None:
    if isinstance(event, ShowEnded):
        start_walks(ports.queues, ports.settings.queue_reminders, event.show)
    else:
        look_at(ports, event.viewer)


def start_walks(queues: Queues, queue: str, show: str) -> None:
    """Look at every viewer of a show, soon and once more later: it ended, or what is wanted of its viewers changed."""
    messages = [
        Message(json.dumps({"walk": show, "shard": shard}), delay_seconds=delay)
        for delay in (FIRST_WALK_SECONDS, SECOND_WALK_SECONDS)
        for shard in range(keys.SHOW_SHARDS)
    ]
    queues.send(queue, messages)


def _walk(ports: Ports, show: str, shard: int, after: str | None) -> None:
    page = ports.store.query_index("engagements", Range(keys.show_shard(show, shard), limit=PAGE_VIEWERS, after=after))
    # Somebody without a head is nobody that can be written to: most viewers of a show end here.
    heads = ports.store.get_many(keys.head(row.sk) for row in page.rows)
    leading = {Head.read(item.body).merged_into or item.key.pk for item in heads.values()}
    for viewer in sorted(leading):
        look_at(ports, viewer)
    if page.after is not None:
        onward = {"walk": show, "shard": shard, "after": page.after}
        ports.queues.send(ports.settings.queue_reminders, [Message(json.dumps(onward))])
    ports.log.info("walked", viewers=len(page.rows), people=len(leading))


def look_at(ports: Ports, viewer: str) -> None:
    """Make one person's planned rows equal to the wanted ones, and their labels to what they are now."""

    def attempt() -> int:
        reading = people.read(ports, viewer)
        if reading is None:
            return 0
        decided = plan(reading.person, people.shop_for(ports, reading.person), ports.now())
        for row in decided.rows:
            ports.store.commit([rows.put(ports, row, reading.rows.get(row.id))])
        labelling.relabel(ports, reading)
        return len(decided.rows)

    written = settle(ports, attempt)
    ports.log.info("looked", rows=written)
