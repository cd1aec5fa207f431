"""What the ledger costs: figures to read, and what must not grow."""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from aftershow.model.instants import DAY
from aftershow.model.ledger import ISSUED, Account, Entry, Posting
from aftershow.model.settings import Settings
from aftershow.ports import keys
from aftershow.ports.store import Put, item_bytes
from aftershow.rules.accounts import applied
from aftershow.rules.points import Terms
from aftershow.rules.spending import Refusal
from aftershow.services import budgets
from aftershow.services.messages import Busy
from tests.benchmarks.test_aws_calls import units
from tests.functional.ledger_world import LedgerWorld, embedded_world, moto_world
from tests.unit.samples import START

pytestmark = pytest.mark.benchmark

AWARDS = 3_000
SHORT, LONG = 10, 100_000
THREADS = 16


def say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def awards_per_second(world: LedgerWorld, prefix: str, viewer: str, number: int) -> float:
    """Orders are placed first; the time is that of award_points' own service."""
    for each in range(number):
        world.places(f"{prefix}{each}", viewer.format(each), 50_00)
    begun = time.perf_counter()
    for each in range(number):
        world.award_order(f"{prefix}{each}")
    return number / (time.perf_counter() - begun)


def test_awards_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    with embedded_world() as world:
        many = awards_per_second(world, "a", "v{}", AWARDS)
        one = awards_per_second(world, "b", "same", AWARDS)
    say(capsys, f"awards/s on the embedded store: {many:,.0f} to as many viewers, {one:,.0f} to one viewer")


def test_calls_and_write_units_of_an_award(capsys: pytest.CaptureFixture[str]) -> None:
    """One commit of at most three items, whatever the history."""
    told = []
    with moto_world() as world:
        counted = Counted(world)
        for what in ("first", "next"):
            world.places(what, "ann", 50_00)
            counted.begin()
            world.award_order(what)
            told.append(f"{what} order: {counted.told()}")
            assert counted.transactions == [3]
        world.refunds("next", "r", 20_00)
        counted.begin()
        world.award_order("next")
        told.append(f"refund: {counted.told()}")
        assert counted.transactions == [3]
    say(capsys, "\n".join(told))


class Counted:
    """The calls that a world's DynamoDB client makes."""

    def __init__(self, world: LedgerWorld) -> None:
        self.calls: Counter[str] = Counter()
        self.units = 0
        self.transactions: list[int] = []
        client: Any = world.backend._client  # type: ignore[attr-defined]  # noqa: SLF001 (to look at its requests)
        client.meta.events.register("provide-client-params.dynamodb.*", self._see)

    def begin(self) -> None:
        self.calls.clear()
        self.units, self.transactions = 0, []

    def told(self) -> str:
        listed = ", ".join(f"{number} {name}" for name, number in sorted(self.calls.items()))
        return f"{self.calls.total()} calls ({listed}), {self.units} write units beside the index"

    def _see(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.calls[model.name] += 1
        self.units += units(model.name, params)
        if model.name == "TransactWriteItems":
            self.transactions.append(len(params["TransactItems"]))


def test_an_award_costs_the_same_whatever_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    """10 entries against 100,000, a purchase every 8 minutes for a year and a half."""
    said = []
    sizes = {}
    for history in (SHORT, LONG):
        with embedded_world(Settings(shop_zone="UTC", return_window_days=14)) as world:
            account = _lived(world, history)
            put = Put(keys.ledger_account("ann"), account.body(), None)
            sizes[history] = item_bytes(put)
            took = []
            for each in range(300):
                world.places(f"n{each}", "ann", 50_00)
                begun = time.perf_counter()
                world.award_order(f"n{each}")
                took.append(time.perf_counter() - begun)
            said.append(
                f"after {history:,} entries: account of {sizes[history]:,} bytes, {len(account.lots)} lots, "
                f"{statistics.median(took) * 1e6:,.0f} µs an award"
            )
    say(capsys, "\n".join(said))
    # In write units it may differ, but not with the history: lots are months, pending points are days.
    assert sizes[LONG] < 4_096


def _lived(world: LedgerWorld, entries: int) -> Account:
    """An account with so many entries behind it, and the entries themselves in the store."""
    terms = Terms(14, 12, "UTC")
    account = Account(viewer="ann")
    puts = []
    begins = START - 540 * DAY
    for number in range(entries):
        at = begins + number * (540 * DAY // entries)
        available_at, expires_at = terms.lot(at)
        entry = Entry(
            key=f"order:h{number}:earn", rule="earn", hash="h", home="ann", at=at, posted_at=at,
            postings=(
                Posting(account="viewer:ann", points=5, available_at=available_at, expires_at=expires_at),
                Posting(account=ISSUED, points=-5),
            ),
            reason="order completed", order=f"h{number}",
        )  # fmt: skip
        account = applied(account, entry)
        index = keys.statement_index("ann", at, account.entries)
        puts.append(Put(keys.ledger_entry("ann", entry.key), entry.body(), None, index=index))
    store = world.ports.store
    for start in range(0, len(puts), 100):
        store.commit(puts[start : start + 100])
    store.commit([Put(keys.ledger_account("ann"), account.body(), None)])
    world.now = START
    return account


def test_claims(capsys: pytest.CaptureFixture[str]) -> None:
    """1,000 claims on 100 units, sixteen threads on the embedded store: exactly 100."""
    with embedded_world() as world:
        budgets.open_budget(
            world.ports, "red", 100, unit="coupon", peak_claims_per_second=1000, note="show", author="ann"
        )
        took: list[float] = []
        ports = world.ports

        def claim(number: int) -> object:
            begun = time.perf_counter()
            while True:
                try:
                    answer = budgets.claim(ports, "red", f"v{number}", "one each")
                except Busy:
                    continue
                took.append(time.perf_counter() - begun)
                return answer

        begun = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            answers = list(threads.map(claim, range(1_000)))
        seconds = time.perf_counter() - begun
        assert sum(not isinstance(answer, Refusal) for answer in answers) == 100
        assert world.recount().disagreements == []
    p99 = statistics.quantiles(took, n=100)[98] * 1000
    say(
        capsys,
        f"1,000 claims on 100 with {THREADS} threads: 100 paid, {1000 / seconds:,.0f} claims/s, p99 {p99:.1f} ms",
    )
