"""The ledger's services over any backend, with orders and people put straight into the store."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from moto import mock_aws

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.model.events import OrderChanged
from aftershow.model.ids import body_hash
from aftershow.model.instants import parse_instant
from aftershow.model.orders import Amendment, Order, UnnamedRefund
from aftershow.model.settings import Settings
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Backend, Item, Key, Put, Row, Store
from aftershow.services.awarding import award
from aftershow.services.messages import Received
from aftershow.services.people import leading_head
from aftershow.services.recounted import Recount
from aftershow.services.recounting import recount
from infra.local.embedded import EmbeddedBackend, EmbeddedState
from tests.contract.conftest import make_client, make_tables

START = parse_instant("2026-03-06T11:00:00Z")
TABLES = ("viewers", "orders", "ledger")


class Silence:
    """Log lines that nobody reads."""

    def info(self, message: str, **fields: object) -> None:
        """See Log."""

    def warning(self, message: str, **fields: object) -> None:
        """See Log."""


class Nothing:
    """A port that no service of the ledger may use."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(name)


@dataclass
class LedgerWorld:
    """A store, a clock that a test moves, and words about orders."""

    backend: Backend
    scan: Callable[[str], list[Item]]
    settings: Settings = field(default_factory=lambda: Settings(shop_zone="UTC"))
    now: int = START
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def ports(self) -> Ports:
        """What a function has."""
        return Ports(
            store=Store(self.backend, lambda: f"c{next(self._numbers)}"),
            queues=Nothing(),  # type: ignore[arg-type]
            bus=Nothing(),  # type: ignore[arg-type]
            channels={},
            settings=self.settings,
            log=Silence(),
            now=lambda: self.now,
            sleep=lambda _: None,
            random=lambda: 0.5,
            new_id=lambda: f"id-{next(self._numbers)}",
        )

    def put(self, key: Key, body: str) -> None:
        """Whatever stood there before."""
        store = self.ports.store
        item = store.get(key)
        store.commit([Put(key, body, item.version if item else None)])

    def order(self, name: str) -> Order:
        """An order as it stands."""
        item = self.ports.store.get(keys.order(name))
        return Order.read(item.body) if item else Order(order=name)

    def put_order(self, order: Order) -> None:
        """An order as it stands now, whatever happened to it."""
        self.put(keys.order(order.order), order.body())

    def places(self, name: str, viewer: str, minor: int, currency: str = "CNY") -> None:
        """An order, at this moment."""
        said = {"viewer": viewer, "hash": body_hash(str(minor)), "at": self.now, "minor": minor, "currency": currency}
        self.put_order(self.order(name).model_copy(update=said))

    def refunds(self, name: str, refund: str, minor: int) -> None:
        """A part of an order, or all of it."""
        order = self.order(name)
        word = Amendment(id=refund, at=self.now, minor=minor)
        self.put_order(order.model_copy(update={"refunds": (*order.refunds, word), "currency": "CNY"}))

    def cancels(self, name: str) -> None:
        """What remains of an order."""
        word = Amendment(id=f"cancel {name}", at=self.now, minor=0)
        order = self.order(name)
        self.put_order(order.model_copy(update={"cancelled": order.cancelled or word}))

    def refunds_without_order(self, viewer: str, refund: str, minor: int) -> None:
        """And award_points hears of it."""
        said = UnnamedRefund(id=refund, viewer=viewer, at=self.now, minor=minor, currency="CNY")
        self.put(keys.unnamed_refund(refund), said.body())
        self.award(keys.unnamed_refund(refund).pk)

    def award(self, pk: str, ports: Ports | None = None) -> None:
        """award_points gets an event that names an order."""
        event = OrderChanged(viewer="", key=pk)
        body = json.dumps({"detail": json.loads(event.model_dump_json())})
        award(Received("id", "receipt", body, "arn:aws:sqs:here:1:awards"), ports or self.ports)

    def award_order(self, name: str, ports: Ports | None = None) -> None:
        """The same, by the order's id."""
        self.award(keys.order(name).pk, ports)

    def head(self, viewer: str) -> Head:
        """The surviving head behind a viewer; a new one for somebody new."""
        found = leading_head(self.ports, viewer)
        return found[0] if found else Head(viewer=viewer)

    def merge(self, one: str, other: str) -> None:
        """Two viewers are one person from now on; the first one's head survives. Raises Conflict."""
        store, found = self.ports.store, [leading_head(self.ports, viewer) for viewer in (one, other)]
        first, second = (
            (at[0] if at else Head(viewer=viewer), at[1].version if at else None)
            for at, viewer in zip(found, (one, other), strict=True)
        )
        if first[0].viewer == second[0].viewer:
            return
        members = tuple(sorted({*first[0].members, *second[0].people}))
        surviving = first[0].model_copy(update={"members": members})
        merged = second[0].model_copy(update={"merged_into": surviving.viewer})
        store.commit(
            [
                Put(keys.head(head.viewer), head.body(), version)
                for head, version in ((surviving, first[1]), (merged, second[1]))
            ]
        )

    def split(self, viewer: str) -> None:
        """A viewer is a person alone again."""
        head = self.head(viewer)
        members = tuple(name for name in head.members if name != viewer)
        for one in (head.model_copy(update={"members": members}), Head(viewer=viewer)):
            self.put(keys.head(one.viewer), one.body())

    def recount(self) -> Recount:
        """The whole ledger, from its entries."""
        orders = [Order.read(item.body) for item in self.scan("orders") if item.key.pk.startswith("order#")]
        return recount(self.scan("ledger"), orders, self.settings.shop_currency, self.now)


@contextmanager
def embedded_world(settings: Settings | None = None) -> Iterator[LedgerWorld]:
    """Over the embedded store, in memory."""
    state = EmbeddedState(":memory:", lambda: 0)
    backend = EmbeddedBackend(state)
    try:
        yield LedgerWorld(
            backend,
            lambda table: [Row(image).item(table) for image in backend.scan(table)],
            settings or Settings(shop_zone="UTC"),
        )
    finally:
        state.close()


@contextmanager
def moto_world(settings: Settings | None = None) -> Iterator[LedgerWorld]:
    """Over moto's DynamoDB."""
    with mock_aws():
        client = make_client("dynamodb")
        make_tables(client, TABLES)
        backend = DynamoDbBackend(client, {name: name for name in TABLES}, lambda _: None)

        def scan(table: str) -> list[Item]:
            rows = client.scan(TableName=table)["Items"]
            return sorted((Row(row).item(table) for row in rows), key=lambda item: item.key)

        yield LedgerWorld(backend, scan, settings or Settings(shop_zone="UTC"))
