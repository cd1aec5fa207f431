"""A light host for many sends: rows in arrays, one queue, workers with clocks of their own, a provider that counts.

What runs is the product's own code: release_due's tick (`services.releasing`), the pace of a worker, and the claim's
decisions (`rules.claims`). What doesn't: JSON of items, rendering, the store's transactions. Workers share the virtual
time: the one whose clock is the earliest goes next.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

from aftershow.model.ids import shard_of
from aftershow.model.instants import DAY, MINUTE, SECOND
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.viewers import Address, Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Backlog, Message
from aftershow.ports.store import IndexPage, IndexRow, Item, Key, Put, Range, Version
from aftershow.rules import claims
from aftershow.rules.launching import Launched
from aftershow.services.releasing import release
from aftershow.services.sending import Pace
from infra.local.catalog import rulebook
from tests.unit.samples import granted, playbook

QUEUE = "email"
NAME = "email#marketing"
BATCH = 10
# SQS delivers at least once: one message in so many comes twice.
TWICE_EVERY = 1_000


class Rows:
    """Reminders by number: pending ones stand in the due index, by shard and moment. Only what differs is kept."""

    def __init__(self, number: int, begins: int, spread_seconds: int, shards: int, chance: Random) -> None:
        self.due = [begins + chance.randrange(spread_seconds * SECOND + 1) for _ in range(number)]
        self.sent = bytearray(number)
        self.by_shard: list[list[str]] = [[] for _ in range(shards)]
        for place, due in enumerate(self.due):
            name = f"r{place}"
            self.by_shard[shard_of(name, shards)].append(f"{due:015d}#v{place}#{name}")
        for listed in self.by_shard:
            listed.sort()
        # Behind what has been sent from the front of each shard.
        self._front = [0] * shards

    def page(self, shard: int, first: str, limit: int) -> tuple[str, ...]:
        """The first open rows of a shard from a sort key on."""
        listed = self.by_shard[shard]
        front = self._front[shard]
        while front < len(listed) and self.sent[self._place(listed[front])]:
            front += 1
        self._front[shard] = front
        found: list[str] = []
        for sort in listed[max(front, bisect_left(listed, first)) :]:
            if len(found) == limit:
                break
            if not self.sent[self._place(sort)]:
                found.append(sort)
        return tuple(found)

    @staticmethod
    def _place(sort: str) -> int:
        return int(sort.rpartition("r")[2])


@dataclass
class LightStore:
    """As much of the store as a tick reads and writes."""

    rows: Rows
    items: dict[Key, Item] = field(default_factory=dict)

    def get(self, key: Key) -> Item | None:
        """An item."""
        return self.items.get(key)

    def commit(self, puts: Sequence[Put]) -> None:
        """Write: one writer, so no condition can fail."""
        for put in puts:
            self.items[put.key] = Item(put.key, Version(1, "c"), put.body)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """The due index; there are no shows."""
        if table != "reminders":
            return IndexPage((), None)
        shard = int(where.pk.rpartition("#")[2])
        listed = self.rows.page(shard, where.first or "", where.limit)
        return IndexPage(tuple(IndexRow(where.pk, sort, keys.reminder("v", "r")) for sort in listed), None)


@dataclass
class LightQueue:
    """One queue: messages by the moment from which they may be seen."""

    now: int = 0
    waiting: list[tuple[int, int, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**12)))
    admitted: int = 0

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Take messages; every thousandth will be delivered twice."""
        if queue != QUEUE:
            return
        for message in messages:
            number = next(self.numbers)
            self.admitted += 1
            for _ in range(2 if number % TWICE_EVERY == 0 else 1):
                heapq.heappush(self.waiting, (self.now + message.delay_seconds * SECOND, number, message.body))

    def backlog(self, _queue: str) -> Backlog:
        """How much waits."""
        return Backlog(len(self.waiting), 0, 0)

    def batch(self, now: int) -> list[str]:
        """At most a batch of what may be seen."""
        found: list[str] = []
        while self.waiting and len(found) < BATCH and self.waiting[0][0] <= now:
            found.append(heapq.heappop(self.waiting)[2])
        return found


class Silent:
    """No log."""

    def info(self, message: str, **fields: object) -> None:
        """Nothing."""

    def warning(self, message: str, **fields: object) -> None:
        """Nothing."""


class Clock:
    """A worker's own moment, in milliseconds with fractions."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> int:
        """Whole milliseconds, as the machine's clock gives them."""
        return int(self.at)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.at += seconds * SECOND


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: the moment at which each reminder was handed over, those handed over more than once, queue
    messages, and the ticks."""

    handed_over: Sequence[int]
    repeated: int
    admitted: int
    ticks: int
    dues: Sequence[int]


def send_all(number: int, rate: float, workers: int, send_ms: int, begins: int, spread_seconds: int) -> Outcome:
    """Send so many reminders, due within `spread_seconds`, at a declared rate a second; a send takes `send_ms`."""
    settings = Settings(
        send_queues=json.dumps({NAME: QUEUE}), queue_facts="facts", due_shards=64, send_workers=workers,
        send_rates={"email": rate},
    )  # fmt: skip
    rows = Rows(number, begins, spread_seconds, settings.due_shards, Random(7))  # noqa: S311 (moments of a benchmark)
    queue, store = LightQueue(), LightStore(rows)
    handed: list[int] = [0] * number
    repeated, ticks, left = 0, 0, number
    seen = _scene(settings)
    clocks = [(begins, one, Clock(begins)) for one in range(workers)]
    next_tick = begins
    while left:
        at, one, clock = heapq.heappop(clocks)
        if at >= next_tick:
            queue.now = next_tick
            release(_ports(settings, Clock(next_tick), store, queue))
            next_tick, ticks = next_tick + MINUTE, ticks + 1
        bodies = queue.batch(int(at))
        pace = Pace(_ports(settings, clock, store, queue))
        for body in bodies:
            place = _claimed(json.loads(body), rows, seen, clock, pace)
            if place is not None:
                repeated += handed[place] != 0
                handed[place] = clock.now()
                clock.at += send_ms
                rows.sent[place], left = 1, left - 1
        pace.rest()
        if not bodies:
            # Until something may be seen, or the next tick.
            clock.at = max(at + 1, min(next_tick, queue.waiting[0][0] if queue.waiting else next_tick))
        heapq.heappush(clocks, (int(clock.at), one, clock))
    return Outcome(handed, repeated, queue.admitted, ticks, rows.due)


def _claimed(job: dict[str, Any], rows: Rows, seen: claims.Scene, clock: Clock, pace: Pace) -> int | None:
    """What send_message decides of a message: the reminder's number where it was claimed."""
    place = int(job["reminder"][1:])
    row = _row(place, rows)
    if claims.is_stale(row, job["due"], clock.now(), job["channel"]) is not None:
        return None
    pace.wait(row.channel)
    now = clock.now()
    decision = claims.decide(row, _as_of(seen, place, now), "w", now)
    if not isinstance(decision, claims.Claim):
        raise TypeError(f"{decision.reminder.reason}: the benchmark's reminders may all be sent")
    claims.sent(decision.reminder, now, "p")
    return place


def _row(place: int, rows: Rows) -> Reminder:
    due = rows.due[place]
    return Reminder.model_construct(
        id=f"r{place}", viewer=f"v{place}", playbook="hot", playbook_version=1, step="first", about="show#s1",
        channel="email", message_class="marketing", template="t", locale="en", zone="Asia/Shanghai", created=due,
        reference=due, due=due, deadline=due + 3 * DAY, state="ended" if rows.sent[place] else "pending",
    )  # fmt: skip


def _scene(settings: Settings) -> claims.Scene:
    head = Head(viewer="v", consent={"marketing:all": {"v": granted()}})
    return claims.Scene(
        head=head, address="a@example.com", address_hash="h", known_address=Address(hashed="h", channel="email"),
        playbook=Launched(playbook()), show=None, facts_until=0, settings=settings, rulebook=rulebook(),
    )  # fmt: skip


def _as_of(seen: claims.Scene, place: int, now: int) -> claims.Scene:
    head = seen.head.model_copy(update={"viewer": f"v{place}"})
    return claims.Scene(
        head=head, address=seen.address, address_hash=seen.address_hash, known_address=seen.known_address,
        playbook=seen.playbook, show=None, facts_until=now, settings=seen.settings, rulebook=seen.rulebook,
    )  # fmt: skip


def _ports(settings: Settings, clock: Clock, store: LightStore, queue: LightQueue) -> Ports:
    nothing = cast(Any, None)
    return Ports(
        store=cast(Any, store), queues=cast(Any, queue), bus=nothing, channels={}, settings=settings, log=Silent(),
        now=clock.now, sleep=clock.sleep, random=lambda: 0.5, new_id=lambda: "id",
    )  # fmt: skip
