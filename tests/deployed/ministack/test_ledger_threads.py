"""The ledger under sixteen threads, over DynamoDB on ministack: exactly what is there, once."""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.model.settings import Settings
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Item, Row, Store
from aftershow.rules.spending import Refusal
from aftershow.services import budgets, ledger, spending
from aftershow.services.messages import Busy
from tests.contract.conftest import make_tables
from tests.deployed.ministack.server import Server
from tests.functional.ledger_world import TABLES, LedgerWorld

THREADS = 16
ACCOUNTS = itertools.count(400_000_000_001)


@dataclass
class Crowd:
    """Tables on ministack, a world over them, and ports for every thread."""

    world: LedgerWorld
    connect: Callable[[], DynamoDbBackend]

    def ports(self) -> Ports:
        """With a client of its own, and real pauses after lost races."""
        store = Store(self.connect(), lambda: uuid4().hex)
        return replace(self.world.ports, store=store, sleep=time.sleep)

    def together(self, work: Callable[[Ports, int], object], times: int) -> list[object]:
        """Do it so many times, sixteen at once, each until it isn't crowded out."""
        all_ports = [self.ports() for _ in range(THREADS)]

        def one(number: int) -> object:
            while True:
                try:
                    return work(all_ports[number % THREADS], number)
                except Busy:
                    time.sleep(0.05)

        with ThreadPoolExecutor(THREADS) as threads:
            return list(threads.map(one, range(times)))


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    account = next(ACCOUNTS)
    client = server.client("dynamodb", account=account)
    make_tables(client, [f"threads-{name}" for name in TABLES])
    names = {name: f"threads-{name}" for name in TABLES}

    def connect() -> DynamoDbBackend:
        return DynamoDbBackend(server.client("dynamodb", account=account), names, time.sleep)

    def scan(table: str) -> list[Item]:
        pages = client.get_paginator("scan").paginate(TableName=names[table])
        rows = (Row(row).item(table) for page in pages for row in page["Items"])
        return sorted(rows, key=lambda item: item.key)

    crowd = Crowd(LedgerWorld(connect(), scan, Settings(shop_zone="UTC")), connect)
    yield crowd
    assert crowd.world.recount().disagreements == []


def gives(crowd: Crowd, viewer: str, points: int) -> None:
    spending.adjust(crowd.world.ports, viewer, f"gift {viewer}", points, "a gift", "ann")


def test_points_are_redeemed_once(crowd: Crowd) -> None:
    """A person with two accounts and 100 points; 48 redemptions of 10, each asked for twice."""
    gives(crowd, "ann", 60)
    gives(crowd, "bob", 40)
    crowd.world.merge("ann", "bob")

    def redeem(ports: Ports, number: int) -> bool:
        viewer, name = ("ann", "bob")[number % 2], f"r{number // 2}"
        if isinstance(spending.reserve(ports, viewer, name, 10), Refusal):
            return False
        return not isinstance(spending.confirm(ports, viewer, name), Refusal)

    answers = crowd.together(redeem, 96)
    assert sum(map(bool, answers)) == 20
    stands = ledger.balance(crowd.world.ports, "ann")
    assert (stands.balance, crowd.world.recount().system["system:spent"]) == (0, 100)


def test_nothing_is_spent_twice_while_people_become_one(crowd: Crowd) -> None:
    """Eight devices with 10 points each are merged while all of them redeem."""
    devices = [f"device-{number}" for number in range(8)]
    for device in devices:
        gives(crowd, device, 10)

    def work(ports: Ports, number: int) -> object:
        if number % 8 == 0 and number:
            _merges(crowd, devices[0], devices[number // 8])
            return None
        return spending.reserve(ports, devices[number % 8], f"r{number}", 10)

    answers = crowd.together(work, 64)
    reserved = [answer for answer in answers if isinstance(answer, spending.Reservation)]
    stands = ledger.balance(crowd.world.ports, devices[0])
    assert (len(reserved) * 10, stands.reserved, stands.available) == (80, 80, 0)


def _merges(crowd: Crowd, one: str, other: str) -> None:
    while True:
        try:
            crowd.world.merge(one, other)
        except Conflict:
            time.sleep(0.01)
        else:
            return


def test_an_order_is_refunded_once(crowd: Crowd) -> None:
    """Each of 12 orders and its refund are heard of 8 times, all at once."""
    for number in range(12):
        crowd.world.places(f"o{number}", f"v{number % 3}", 50_00)
        crowd.world.refunds(f"o{number}", "r", 20_00)
    crowd.together(lambda ports, number: crowd.world.award_order(f"o{number % 12}", ports), 96)
    told = crowd.world.recount()
    assert (told.entries, told.system["system:issued"]) == (24, -12 * 30)


def test_a_thousand_claims_on_a_hundred_give_exactly_a_hundred(
    crowd: Crowd, capsys: pytest.CaptureFixture[str]
) -> None:
    budgets.open_budget(
        crowd.world.ports, "red", 100, unit="coupon", peak_claims_per_second=1000, note="show", author="ann"
    )
    took: list[float] = []

    def claim(ports: Ports, number: int) -> object:
        begun = time.perf_counter()
        try:
            return budgets.claim(ports, "red", f"v{number % 900}", "one each")
        finally:
            took.append(time.perf_counter() - begun)

    answers = crowd.together(claim, 1_000)
    paid = Counter(answer.viewer for answer in answers if isinstance(answer, budgets.Claim) and answer.first)
    assert sum(paid.values()) == len(paid) == 100
    assert {answer for answer in answers if isinstance(answer, Refusal)} == {Refusal("exhausted")}
    assert budgets.left(crowd.world.ports, "red") == 0
    assert crowd.world.recount().handed_out == {"coupon": 100}
    median, p99 = statistics.median(took), statistics.quantiles(took, n=100)[98]
    with capsys.disabled():
        sys.stdout.write(f"\n1,000 claims on 100, {THREADS} threads: p50 {median:.3f} s, p99 {p99:.3f} s\n")
