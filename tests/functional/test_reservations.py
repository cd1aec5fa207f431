"""Reservations, holds and claims whose ids get into each other's way, and reads that a writer overtakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from aftershow.model.instants import DAY, HOUR
from aftershow.model.settings import Settings
from aftershow.ports.ports import Ports
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, Page, Put, Range, Store
from aftershow.rules.spending import Refusal
from aftershow.services import budgets, ledger, spending
from tests.functional.ledger_world import LedgerWorld, embedded_world


@pytest.fixture
def world() -> Iterator[LedgerWorld]:
    with embedded_world() as opened:
        for viewer in ("ann", "bob"):
            spending.adjust(opened.ports, viewer, "gift", 100, "a gift", "dee")
        yield opened
        assert opened.recount().disagreements == []


def state(answer: object) -> str:
    assert isinstance(answer, spending.Reservation)
    return answer.state


def test_no_id_is_taken_for_the_end_of_another(world: LedgerWorld) -> None:
    for name in ("x", "x:end", "end:x", "end:reserve:x"):
        assert state(spending.reserve(world.ports, "ann", name, 10)) == "open"
    assert state(spending.confirm(world.ports, "ann", "x")) == "confirmed"
    assert state(spending.reservation(world.ports, "ann", "x:end")) == "open"
    world.now += HOUR
    assert spending.confirm(world.ports, "ann", "x:end") == Refusal("timed_out")
    assert ledger.balance(world.ports, "ann").available == 90


def test_a_hold_of_each_can_be_ended_also_when_both_have_become_one_person(world: LedgerWorld) -> None:
    for viewer in ("ann", "bob"):
        spending.hold(world.ports, viewer, "looked into", 40, "why", "dee")
    world.merge("ann", "bob")
    for held in (40, 0, 0):
        assert state(spending.unhold(world.ports, "bob", "looked into", "dee")) == "released"
        assert ledger.balance(world.ports, "ann").held == held


def test_a_reservation_that_is_open_comes_before_one_of_the_same_id_that_has_ended(world: LedgerWorld) -> None:
    for viewer, points in (("ann", 10), ("bob", 20)):
        spending.reserve(world.ports, viewer, "1", points)
    spending.release(world.ports, "ann", "1")
    world.merge("ann", "bob")
    assert spending.reservation(world.ports, "ann", "1") == spending.reserve(world.ports, "ann", "1", 20)
    assert state(spending.confirm(world.ports, "ann", "1")) == "confirmed"
    assert ledger.balance(world.ports, "ann").available == 180


def test_a_claim_is_never_taken_for_one_from_another_budget(world: LedgerWorld) -> None:
    for name in ("a", "a:b"):
        budgets.open_budget(world.ports, name, 5, unit="coupon", note="n", author="dee")
    assert isinstance(budgets.claim(world.ports, "a", "ann", "b:c"), budgets.Claim)
    assert budgets.claim(world.ports, "a:b", "ann", "c") == Refusal("key_reused")
    assert [home for home, _ in world.recount().refused] == ["ann"]


def test_points_that_come_back_to_a_closed_account_are_forfeited(world: LedgerWorld) -> None:
    world.merge("ann", "bob")
    spending.reserve(world.ports, "bob", "r", 150)
    world.split("bob")
    assert spending.close(world.ports, "bob") == 50
    assert state(spending.release(world.ports, "ann", "r")) == "released"
    assert [ledger.balance(world.ports, viewer).balance for viewer in ("ann", "bob")] == [100, 0]
    assert world.recount().system["system:forfeited"] == 100


def test_a_transfer_under_an_id_that_another_giver_used_is_refused_and_kept(world: LedgerWorld) -> None:
    assert not isinstance(spending.transfer(world.ports, "ann", "cai", "t", 5, "a gift", "dee"), Refusal)
    assert spending.transfer(world.ports, "bob", "cai", "t", 5, "a gift", "dee") == Refusal("key_reused")
    assert world.recount().refused == [("cai", "transfer:t:receive")]
    assert ledger.balance(world.ports, "bob").available == 100


def test_a_transfer_that_is_made_while_it_is_asked_for_again_is_one(world: LedgerWorld) -> None:
    def transfer(ports: Ports) -> object:
        return spending.transfer(ports, "ann", "cai", "t", 5, "a gift", "dee")

    backend = Overtaken(world.backend, lambda: transfer(world.ports))
    answer = transfer(replace(world.ports, store=Store(backend, world.ports.new_id)))
    assert answer == transfer(world.ports)
    assert [ledger.balance(world.ports, viewer).available for viewer in ("ann", "cai")] == [95, 5]


def test_a_recount_knows_where_points_of_an_overdue_reservation_belong(world: LedgerWorld) -> None:
    world.merge("ann", "bob")
    spending.reserve(world.ports, "ann", "r", 150)
    world.now += HOUR
    told = world.recount()
    assert told.disagreements == []
    assert (told.liability.available, told.liability.reserved) == (200, 0)


def test_a_transfer_again_to_somebody_else_is_refused_and_kept(world: LedgerWorld) -> None:
    first = spending.transfer(world.ports, "ann", "bob", "t", 5, "a gift", "dee")
    assert spending.transfer(world.ports, "ann", "cai", "t", 5, "a gift", "dee") == Refusal("key_reused")
    assert world.recount().refused == [("ann", "transfer:t:give")]
    world.merge("bob", "ann")
    assert spending.transfer(world.ports, "ann", "bob", "t", 5, "a gift", "dee") == first


@dataclass
class Overtaken:
    """A backend in which somebody else writes once, after a read's entries and before its accounts."""

    inner: Backend
    other: Callable[[], object] | None

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        entries = [key for key in keys if key.sk.startswith("entry#")]
        if not entries or self.other is None:
            return self.inner.read(keys)
        other, self.other = self.other, None
        read = dict(self.inner.read(entries))
        other()
        return read | dict(self.inner.read([key for key in keys if key not in entries]))

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        self.inner.write(puts, checks, commit_id)

    def query(self, table: str, where: Range) -> Page:
        return self.inner.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        return self.inner.query_index(table, where)


@pytest.mark.parametrize(("first", "then"), [("release", "confirm"), ("confirm", "release"), ("confirm", "confirm")])
def test_whoever_ends_a_reservation_while_another_reads_it_wins(world: LedgerWorld, first: str, then: str) -> None:
    ends = {"release": spending.release, "confirm": spending.confirm}
    spending.reserve(world.ports, "ann", "r", 40)
    backend = Overtaken(world.backend, lambda: ends[first](world.ports, "ann", "r"))
    ports = replace(world.ports, store=Store(backend, world.ports.new_id))
    answer = ends[then](ports, "ann", "r")
    assert answer == (Refusal(f"{first}{'d' if first == 'release' else 'ed'}") if first != then else answer)  # type: ignore[arg-type]
    assert state(spending.reservation(world.ports, "ann", "r")) == ("released" if first == "release" else "confirmed")


@pytest.mark.parametrize(("end", "balance", "forgiven"), [("release", 0, 0), ("confirm", 0, 80)])
def test_down_to_zero_counts_what_is_set_aside(end: str, balance: int, forgiven: int) -> None:
    with embedded_world(Settings(shop_zone="UTC", return_window_days=0, refund_policy="zero")) as world:
        world.places("o", "ann", 100_00)
        world.award_order("o")
        spending.reserve(world.ports, "ann", "r", 80)
        world.refunds("o", "all", 100_00)
        world.award_order("o")
        assert ledger.balance(world.ports, "ann").balance == 0
        getattr(spending, end)(world.ports, "ann", "r")
        assert ledger.balance(world.ports, "ann").balance == balance
        told = world.recount()
        assert (told.disagreements, -told.system["system:forgiven"]) == ([], forgiven)


def test_down_to_zero_also_holds_when_one_order_after_the_other_is_refunded() -> None:
    with embedded_world(Settings(shop_zone="UTC", return_window_days=0, refund_policy="zero")) as world:
        for name in ("o", "p"):
            world.places(name, "ann", 100_00)
            world.award_order(name)
            world.now += 40 * DAY
        spending.reserve(world.ports, "ann", "r", 100)
        spending.confirm(world.ports, "ann", "r")
        for name, balance in (("o", 0), ("p", 0)):
            world.refunds(name, f"all of {name}", 100_00)
            world.award_order(name)
            assert ledger.balance(world.ports, "ann").balance == balance
        told = world.recount()
        assert (told.disagreements, -told.system["system:forgiven"]) == ([], 100)
