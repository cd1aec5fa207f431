"""Sixteen threads at once, through the real services, over DynamoDB on ministack: exactly as many as allowed.

ministack's transactions are atomic between threads, which moto's are not.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Barrier, Lock
from typing import Any
from uuid import uuid4

import pytest

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.model.base import Stamped
from aftershow.model.events import OrderChanged
from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, HOUR, iso, parse_instant
from aftershow.model.ledger import Account
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.viewers import Consent, Head
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Answer, Outgoing
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Backlog, Message
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, Page, Put, Range, Refused, Store
from aftershow.rules.intake import pack
from aftershow.services import rows
from aftershow.services.awarding import award
from aftershow.services.messages import Busy, Received
from aftershow.services.scoring import Watermark, score
from aftershow.services.sending import Pace, send
from infra.local import catalog
from infra.local.embedded import EmbeddedBackend, EmbeddedState
from tests.contract.conftest import make_tables
from tests.deployed.ministack.server import Server

THREADS = 16
TABLES = ("viewers", "addresses", "engagements", "reminders", "orders", "ledger", "catalog", "dead_letters")
START = parse_instant("2026-03-06T11:00:00Z")
SETTINGS = Settings(
    shop_zone="UTC", shop_locale="en", quiet_from_hour=0, quiet_until_hour=0, address_secret="a", link_secret="l",  # noqa: S106
    marketing_cap_per_day=2, marketing_cap_per_week=5, send_rate_per_second=100_000, queue_facts="facts",
)  # fmt: skip
# A job that comes again so often is not only waiting for its turn.
MOST_TURNS = 60
ACCOUNTS = itertools.count(300_000_000_001)

Handle = Callable[[Received, Ports], None]


class Silence:
    """Log lines that nobody reads."""

    def info(self, message: str, **fields: object) -> None:
        """See Log."""

    def warning(self, message: str, **fields: object) -> None:
        """See Log."""


@dataclass
class CountingChannel:
    """A provider that takes everything and counts it."""

    sent: list[Outgoing] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def send(self, message: Outgoing) -> Answer:
        """See Channel."""
        with self.lock:
            self.sent.append(message)
            return Accepted(f"message-{len(self.sent)}")

    def counted(self, tag: str) -> Counter[str]:
        """How many messages, by a tag."""
        return Counter(message.tags[tag] for message in self.sent)


@dataclass
class Jobs:
    """A queue that a crew works off: what is sent to it or must come again is one more job. It has no delays."""

    waiting: deque[str]

    def send(self, queue: str, messages: Sequence[Message]) -> None:  # noqa: ARG002 (one queue)
        """See Queues."""
        self.waiting.extend(message.body for message in messages)

    def backlog(self, queue: str) -> Backlog:  # noqa: ARG002
        """See Queues."""
        return Backlog(len(self.waiting), 0, 0)

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        """See Queues."""


@dataclass
class Races:
    """How many writes lost a race: without any, the threads would have waited for each other."""

    lost: int = 0
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class Racing:
    """A backend that counts them."""

    inner: Backend
    races: Races

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """See Backend."""
        return self.inner.read(keys)

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """See Backend."""
        try:
            self.inner.write(puts, checks, commit_id)
        except Refused:
            with self.races.lock:
                self.races.lost += 1
            raise

    def query(self, table: str, where: Range) -> Page:
        """See Backend."""
        return self.inner.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """See Backend."""
        return self.inner.query_index(table, where)


@dataclass
class World:
    """Tables, a clock that a test moves, and a provider."""

    backend: Callable[[], Backend]
    races: Races = field(default_factory=Races)
    channel: CountingChannel = field(default_factory=CountingChannel)
    now: int = START

    def store(self) -> Store:
        """A store with a client of its own."""
        return Store(Racing(self.backend(), self.races), lambda: uuid4().hex)

    def ports(self, jobs: Jobs, seed: int) -> Ports:
        """What one worker has: nothing but the tables and the provider is shared."""
        return Ports(
            store=self.store(),
            queues=jobs,
            bus=_NoBus(),
            channels={"email": self.channel},
            settings=SETTINGS,
            log=Silence(),
            now=lambda: self.now,
            sleep=time.sleep,
            random=Random(seed).random,  # noqa: S311 (jitter)
            new_id=lambda: uuid4().hex,
        )

    def work(self, bodies: Iterable[str], handle: Handle, threads: int = THREADS) -> None:
        """Work jobs off with so many threads, until none is left."""
        listed = list(bodies)
        jobs, came_again = Jobs(deque(listed)), []

        def worker(number: int) -> None:
            ports = self.ports(jobs, number)
            while True:
                try:
                    body = jobs.waiting.popleft()
                except IndexError:
                    return
                try:
                    handle(Received("id", "receipt", body, "arn:aws:sqs:here:1:facts"), ports)
                except Busy:
                    came_again.append(body)
                    jobs.waiting.append(body)
                    assert len(came_again) < MOST_TURNS * len(listed)

        together([lambda number=number: worker(number) for number in range(threads)])  # type: ignore[misc]


class _NoBus:
    def publish(self, events: Sequence[Any]) -> list[Any]:
        raise AssertionError(events)


def together(jobs: Sequence[Callable[[], None]]) -> None:
    """Run all at once; what one raises is raised."""
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def tell(capsys: pytest.CaptureFixture[str], what: str, world: World) -> None:
    """Print what was done, and that it was done under contention."""
    assert world.races.lost
    with capsys.disabled():
        sys.stdout.write(f"\n{what}, {world.races.lost} races lost\n")


@pytest.fixture
def world(server: Server) -> World:
    """Tables on ministack, in an account of their own."""
    account = next(ACCOUNTS)
    names = {name: f"threads-{name}" for name in TABLES}
    make_tables(server.client("dynamodb", account=account), names.values())
    lock = Lock()

    def backend() -> Backend:
        with lock:  # Making clients is not thread-safe.
            return DynamoDbBackend(server.client("dynamodb", account=account), names, time.sleep)

    return World(backend)


@pytest.fixture
def alone() -> Iterator[World]:
    """The embedded store, for what one thread comes to."""
    state = EmbeddedState(":memory:", lambda: START, streamed=[])
    yield World(lambda: EmbeddedBackend(state))
    state.close()


class TestSending:
    """The claim."""

    @pytest.fixture(autouse=True)
    def _catalog(self, world: World) -> None:
        catalog.load(world.store(), approved_at=0)
        self.fold(world)

    def fold(self, world: World) -> None:
        """All orders are folded until now."""
        store, key = world.store(), keys.facts_watermark()
        known = store.get(key)
        store.commit([Put(key, Watermark(at=world.now).body(), known.version if known else None)])

    def test_a_reminder_that_sixteen_claim_is_sent_once(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        reminders = [_reminder(f"viewer-{number}", 1) for number in range(40)]
        _fill(world, reminders, "{}@example.com".format)
        start = Barrier(THREADS)

        def worker(number: int) -> None:
            ports = world.ports(Jobs(deque()), number)
            for reminder in reminders:
                start.wait(timeout=60)
                send(Received("id", "receipt", _job(reminder), ""), ports, Pace(ports))

        together([lambda number=number: worker(number) for number in range(THREADS)])  # type: ignore[misc]

        assert world.channel.counted("reminder") == dict.fromkeys((one.id for one in reminders), 1)
        assert {row.outcome for row in _rows(world, reminders)} == {"sent"}
        tell(capsys, f"{len(reminders)} reminders sent, {THREADS} threads for each", world)

    def test_exactly_as_many_as_the_caps_allow(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        """Two a day and five a week, to a person and to a mailbox; every job comes twice, all at once."""
        people = [f"viewer-{number}" for number in range(12)]
        family = [f"family-{number}" for number in range(4)]
        reminders = [_reminder(viewer, number) for viewer in (*people, *family) for number in range(6)]
        _fill(world, reminders, lambda viewer: f"{viewer.split('-')[0] if viewer in family else viewer}@example.com")
        expected = Counter[str]()
        for day, more in enumerate((2, 2, 1, 0)):
            world.now = START + day * (DAY + HOUR)
            self.fold(world)
            open_rows = [row for row in _rows(world, reminders) if row.open and row.due <= world.now]
            jobs = [_job(row) for row in open_rows] * 2
            Random(day).shuffle(jobs)  # noqa: S311
            world.work(jobs, lambda message, ports: send(message, ports, Pace(ports)))
            expected.update(dict.fromkeys(people, more))
            assert world.channel.counted("reminder").most_common(1)[0][1] == 1
            sent = world.channel.counted("viewer")
            assert {viewer: sent[viewer] for viewer in people} == expected
            assert sum(sent[viewer] for viewer in family) == expected[people[0]]
        assert len(world.channel.sent) == (len(people) + 1) * 5
        tell(capsys, f"{len(world.channel.sent)} messages sent", world)


def _reminder(viewer: str, number: int) -> Reminder:
    return Reminder(
        id=f"r-{viewer}-{number}", viewer=viewer, playbook="hot-replay", playbook_version=1, step="at-once",
        about="show#s", channel="email", message_class="marketing", template="hot-replay", locale="en", zone="UTC",
        created=START - HOUR, reference=START - HOUR, due=START, deadline=START + 30 * DAY,
    )  # fmt: skip


def _fill(world: World, reminders: Sequence[Reminder], mailbox: Callable[[str], str]) -> None:
    """Rows, and heads of people who agreed to messages."""
    store, ports = world.store(), world.ports(Jobs(deque()), 0)
    agreed = Consent(state="granted", at=START - DAY, id="c")
    for viewer in sorted({one.viewer for one in reminders}):
        traits = {"email": Stamped(value=mailbox(viewer), at=START - DAY, id="t")}
        head = Head.model_validate({"viewer": viewer, "traits": traits, "consent": {"marketing:all": {viewer: agreed}}})
        store.commit([Put(keys.head(viewer), head.body(), None)])
    for reminder in reminders:
        store.commit([rows.put(ports, reminder, None)])


def _job(row: Reminder) -> str:
    return json.dumps({"viewer": row.viewer, "reminder": row.id, "due": row.due})


def _rows(world: World, reminders: Sequence[Reminder]) -> list[Reminder]:
    found = world.store().get_many(keys.reminder(one.viewer, one.id) for one in reminders)
    return [Reminder.read(item.body) for _, item in sorted(found.items())]


PEOPLE, DEVICES, ORDERS = 3, 8, 3


def test_merges_and_orders_end_in_the_same_people(
    world: World, alone: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Everyone signs in on eight devices while orders come from each of them; every message comes twice."""
    said = [text for person in range(PEOPLE) for text in _said(f"user-{person}")] * 2
    Random(7).shuffle(said)  # noqa: S311
    handle: Handle = lambda message, ports: score(message, ports, remaining_seconds=60)  # noqa: E731
    alone.work(sorted(said), handle, threads=1)
    world.work(said, handle)

    assert _known(world) == _known(alone)
    heads = [Head.read(body) for key, body in _known(world).items() if key.startswith("viewers")]
    leading = [head for head in heads if head.merged_into is None]
    figures = [(len(head.people), head.orders, head.spent) for head in leading]
    assert figures == [(DEVICES + 1, DEVICES * ORDERS, {"CNY": _worth() * 100})] * PEOPLE
    tell(capsys, f"{len(said)} messages folded", world)

    orders = [Order.read(item) for key, item in _known(world).items() if key.startswith("orders")]
    events = [_changed(order) for order in orders] * 2
    Random(8).shuffle(events)  # noqa: S311
    world.work(events, award)

    for person in range(PEOPLE):
        members = {viewer_id("anonymous", f"user-{person}-{device}") for device in range(DEVICES)}
        store = world.store()
        found = store.get_many(keys.ledger_account(viewer) for viewer in members)
        accounts = [Account.read(item.body) for item in found.values()]
        assert sum(account.balance for account in accounts) == _worth()
        assert sum(account.entries for account in accounts) == DEVICES * ORDERS


def _worth() -> int:
    return sum(100 + number for _ in range(DEVICES) for number in range(ORDERS))


def _said(user: str) -> Iterator[str]:
    for device in range(DEVICES):
        name = f"{user}-{device}"
        yield _packed({"type": "identify", "messageId": f"i-{name}", "anonymousId": name, "userId": user, "traits": {}})
        for number in range(ORDERS):
            order = {"order_id": f"{name}-{number}", "total": f"{100 + number}.00", "currency": "CNY"}
            said = {"type": "track", "event": "Order Completed", "properties": order}
            yield _packed({**said, "messageId": f"o-{name}-{number}", "anonymousId": name})


def _packed(message: dict[str, Any]) -> str:
    stamped = {**message, "timestamp": iso(START - HOUR), "originalTimestamp": iso(START - HOUR)}
    raw = json.dumps(stamped).encode()
    [text] = pack("local", START, b"{}", [(message["anonymousId"], message["type"], raw)], ())
    return text


def _known(world: World) -> dict[str, str]:
    """All heads, orders and engagements of the story, by key."""
    store = world.store()
    viewers = [viewer_id("user", f"user-{person}") for person in range(PEOPLE)]
    names = [f"user-{person}-{device}" for person in range(PEOPLE) for device in range(DEVICES)]
    viewers += [viewer_id("anonymous", name) for name in names]
    orders = [keys.order(f"{name}-{number}") for name in names for number in range(ORDERS)]
    items = [*store.get_many([*map(keys.head, viewers), *orders]).values()]
    items += [item for viewer in viewers for item in store.query("engagements", Range(viewer)).items]
    return {f"{item.key.table} {item.key.pk} {item.key.sk}": _counts(item) for item in items}


def _counts(item: Item) -> str:
    """What counts of an item: of a merged head, only where it leads."""
    if item.key.table == "viewers":
        head = Head.read(item.body)
        if head.merged_into is not None:
            return Head(viewer=head.viewer, merged_into=head.merged_into).body()
    return item.body


def _changed(order: Order) -> str:
    event = OrderChanged.model_validate({"viewer": order.viewer, "key": keys.order(order.order).pk})
    return json.dumps({"detail": json.loads(event.model_dump_json())})
