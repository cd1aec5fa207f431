"""What becomes known of shows, and when one is over."""

from __future__ import annotations

from aftershow.model.base import Stamped
from aftershow.model.events import ShowEnded
from aftershow.model.ids import short_hash
from aftershow.model.instants import MINUTE
from aftershow.model.shows import Show
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Item, OutboxEvent, Put, Range
from aftershow.rules.segment import Event, ShowNews
from aftershow.services import catalog
from aftershow.services.messages import settle

# A show without an Ended event and without a planned end is over after so long without a sign of life.
MAX_SILENCE = 30 * MINUTE
# A show item is written at most so often for a sign of life, whatever the number of viewers.
TOUCH_EVERY = MINUTE
MAX_CLOSED_AT_ONCE = 25


def learn(ports: Ports, event: Event) -> bool:
    """Take what an event says of its show: the newest word on each field counts. False where all of it was known."""
    news = event.meaning
    if not isinstance(news, ShowNews) or event.show is None:
        return False
    show_id = event.show

    def attempt() -> bool:
        item = ports.store.get(keys.show(show_id))
        before = Show.read(item.body) if item else Show(show=show_id)
        fields = dict(before.fields)
        for field, value in news.fields.items():
            said = Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")
            fields[field] = said.newest(fields.get(field))
        _write(ports, item, before, before.model_copy(update={"fields": fields}))
        return fields != before.fields

    return settle(ports, attempt)


def touch(ports: Ports, show_id: str, at: int) -> None:
    """Note a sign of life of a show; a lost race is somebody else's sign of life."""
    # A client whose clock runs ahead must not keep a show open.
    at = min(at, ports.now())
    known = catalog.show(ports, show_id)
    if known is not None and (known.closed_at is not None or at < known.last_event_at + TOUCH_EVERY):
        return
    item = ports.store.get(keys.show(show_id))
    before = Show.read(item.body) if item else Show(show=show_id)
    try:
        _write(ports, item, before, before.model_copy(update={"last_event_at": max(at, before.last_event_at)}))
    except Conflict:
        return
    ports.memory.pop(f"{keys.show(show_id).pk}/{keys.show(show_id).sk}", None)


def close_overdue(ports: Ports) -> int:
    """Close the shows whose end has passed without word of it. Returns how many."""
    page = ports.store.query_index("catalog", Range("open_shows", last=f"{ports.now():015d}", limit=MAX_CLOSED_AT_ONCE))
    for row in page.rows:
        show_id = row.sk.partition("#")[2]
        settle(ports, lambda name=show_id: _close(ports, name))  # type: ignore[misc]
    return len(page.rows)


def next_close(ports: Ports) -> int | None:
    """When the next open show must be taken to be over; None where none is open."""
    page = ports.store.query_index("catalog", Range("open_shows", limit=1))
    return int(page.rows[0].sk.partition("#")[0]) if page.rows else None


def _close(ports: Ports, show_id: str) -> None:
    item = ports.store.get(keys.show(show_id))
    if item is None:
        return
    before = Show.read(item.body)
    end = expected_end(before)
    if before.closed_at is None and end is not None and end <= ports.now():
        _write(ports, item, before, before.model_copy(update={"closed_at": end}))


def expected_end(show: Show) -> int | None:
    """When a show must be taken to be over; None while it is only known that there will be one."""
    planned = show.moment("ends_at")
    if planned is not None:
        return planned
    signs = (show.moment("starts_at"), show.moment("started_at"), show.last_event_at or None)
    last = max((sign for sign in signs if sign is not None), default=None)
    return None if last is None else last + MAX_SILENCE


def closing(show: Show, now: int) -> int | None:
    """When the show was over, as far as is known; None while it is not.

    A word of its end decides. An end that was only assumed (a planned one, or silence) is taken back by a later start:
    shows begin late.
    """
    if show.text("cancelled"):
        return show.closed_at or now
    started, ended = show.moment("started_at"), show.moment("ended_at")
    if ended is not None and (started or 0) <= ended:
        return ended
    return None if started is not None and started > (show.closed_at or 0) else show.closed_at


def _write(ports: Ports, item: Item | None, before: Show, after: Show) -> None:
    after = after.model_copy(update={"closed_at": closing(after, ports.now())})
    if item is not None and after == before:
        return
    ends = after.closed_at is not None and after.closed_at != before.closed_at
    events = (ShowEnded(show=after.show),) if ends or after.text("cancelled") != before.text("cancelled") else ()
    outbox = tuple(OutboxEvent(event.kind, event.model_dump_json()) for event in events)
    end = expected_end(after) if after.closed_at is None else None
    index = None if end is None else keys.open_shows(end, after.show)
    ports.store.commit([Put(keys.show(after.show), after.body(), item.version if item else None, outbox, index)])
