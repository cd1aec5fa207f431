"""Random lives of accounts, through the services, against a plain model that does everything at its own moment.

The model posts nothing late: at each moment at which something times out or runs out, it happens. The services do it
when somebody next touches the account. Both must say the same of every person at every step.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.ledger import MAX_OPEN, Entry
from aftershow.model.settings import Settings
from aftershow.rules.points import Terms
from aftershow.rules.spending import Refusal
from aftershow.services import ledger, spending
from tests.functional.ledger_world import START, LedgerWorld, embedded_world, moto_world

VIEWERS = ("ann", "bob", "cai", "dee")
WINDOW_DAYS, MONTHS, MINUTES = 3, 2, 30
TERMS = Terms(WINDOW_DAYS, MONTHS, "UTC")

viewers = st.sampled_from(VIEWERS)
amounts = st.integers(1, 120)
TIMES = st.sampled_from([1, 2])
jumps = st.sampled_from([MINUTE, 20 * MINUTE, HOUR, DAY, 5 * DAY, 40 * DAY, 100 * DAY])


@dataclass
class Bag:
    """Points of one lot of one viewer: what may still be spent of those that are available, and what is pending."""

    pending: Counter[int] = field(default_factory=Counter)
    there: int = 0
    ran_out: int = 0


@dataclass
class Model:
    """What everybody should have."""

    now: int = START
    bags: dict[tuple[str, int], Bag] = field(default_factory=lambda: defaultdict(Bag))
    debt: Counter[str] = field(default_factory=Counter)
    # name -> (holder, parts, until)
    asides: dict[str, tuple[str, list[tuple[str, int, int]], int | None]] = field(default_factory=dict)
    sums: Counter[str] = field(default_factory=Counter)

    def pass_to(self, moment: int) -> None:
        while True:
            ends = [until for _, _, until in self.asides.values() if until is not None]
            ends += [expires for (_, expires), bag in self.bags.items() if bag.there and expires > self.now]
            ends += [at for bag in self.bags.values() for at in bag.pending if at > self.now]
            due = min((end for end in ends if end <= moment), default=None)
            if due is None:
                break
            self.now = due
            self._happen()
        self.now = moment
        self._happen()

    def _happen(self) -> None:
        for bag in self.bags.values():
            for at in [at for at in bag.pending if at <= self.now]:
                bag.there += bag.pending.pop(at)
        for name, (_, _, until) in list(self.asides.items()):
            if until is not None and until <= self.now:
                self.put_back(name)
        for (viewer, expires), bag in sorted(self.bags.items()):
            if expires <= self.now and bag.there:
                paid = min(self.debt[viewer], bag.there)
                self.debt[viewer] -= paid
                self.sums["expired"] += bag.there - paid
                bag.ran_out += bag.there - paid
                bag.there = 0

    def put_back(self, name: str) -> None:
        _, parts, _ = self.asides.pop(name)
        for viewer, expires, points in parts:
            self.bags[viewer, expires].there += points
        self._happen_later()

    def _happen_later(self) -> None:
        if any(expires <= self.now and bag.there for (_, expires), bag in self.bags.items()):
            self._happen()

    def available(self, people: tuple[str, ...]) -> int:
        there = sum(bag.there for (viewer, _), bag in self.bags.items() if viewer in people)
        return max(there - sum(self.debt[viewer] for viewer in people), 0)

    def take(self, people: tuple[str, ...], points: int) -> list[tuple[str, int, int]]:
        parts = []
        for (viewer, expires), bag in sorted(self.bags.items(), key=lambda one: (one[0][1], _place(people, one[0][0]))):
            if viewer in people and points and bag.there:
                taken = min(points, bag.there)
                bag.there -= taken
                points -= taken
                parts.append((viewer, expires, taken))
        return parts

    def take_back(self, viewer: str, lot: tuple[int, int], points: int) -> None:
        available_at, expires = lot
        bag = self.bags[viewer, expires]
        if available_at > self.now:
            taken = min(points, bag.pending[available_at])
            bag.pending[available_at] -= taken
        else:
            taken = min(points, bag.there)
            bag.there -= taken
        points -= taken
        gone = min(points, bag.ran_out)
        bag.ran_out -= gone
        self.sums["expired"] -= gone
        self.debt[viewer] += points - gone

    def told(self, people: tuple[str, ...]) -> dict[str, int]:
        owed = sum(self.debt[viewer] for viewer in people)
        there = sum(bag.there for (viewer, _), bag in self.bags.items() if viewer in people)
        aside: Counter[str] = Counter()
        for holder, parts, until in self.asides.values():
            if holder in people:
                aside["held" if until is None else "reserved"] += sum(points for *_, points in parts)
        pending = (sum(bag.pending.values()) for (viewer, _), bag in self.bags.items() if viewer in people)
        return {
            "available": max(there - owed, 0),
            "pending": sum(pending),
            "reserved": aside["reserved"],
            "held": aside["held"],
            "owed": max(owed - there, 0),
        }


def _place(people: tuple[str, ...], viewer: str) -> int:
    return people.index(viewer) if viewer in people else len(people)


@dataclass
class Placed:
    viewer: str
    minor: int
    refunded: int
    lot: tuple[int, int]


class LedgerMachine(RuleBasedStateMachine):
    """Everything that may happen to four viewers."""

    settings = Settings(
        shop_zone="UTC",
        return_window_days=WINDOW_DAYS,
        points_expire_months=MONTHS,
        reservation_minutes=MINUTES,
    )

    def __init__(self) -> None:
        super().__init__()
        self.opened: AbstractContextManager[LedgerWorld] = self.open()
        self.world = self.opened.__enter__()
        self.model = Model()
        self.orders: dict[str, Placed] = {}
        self.names = 0

    def open(self) -> AbstractContextManager[LedgerWorld]:
        """The world in which it plays."""
        return embedded_world(self.settings)

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)

    def name(self) -> str:
        self.names += 1
        return f"n{self.names}"

    def people(self, viewer: str) -> tuple[str, ...]:
        return self.world.head(viewer).people

    @rule(viewer=viewers, minor=st.integers(0, 20_000))
    def earn(self, viewer: str, minor: int) -> None:
        name = self.name()
        self.world.places(name, viewer, minor)
        self.world.award_order(name)
        lot = TERMS.lot(self.world.now)
        self.orders[name] = Placed(viewer, minor, 0, lot)
        self.model.bags[viewer, lot[1]].pending[lot[0]] += minor // 100
        self.model.sums["earned"] += minor // 100

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), minor=st.integers(0, 20_000), times=TIMES)
    def refund(self, data: Any, minor: int, times: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.orders)))
        order = self.orders[name]
        self.world.refunds(name, self.name(), minor)
        for _ in range(times):
            self.world.award_order(name)
        left = max(order.minor - order.refunded, 0)
        order.refunded += minor
        points = left // 100 - max(order.minor - order.refunded, 0) // 100
        self.model.sums["reversed"] += points
        self.model.take_back(order.viewer, order.lot, points)

    @rule(viewer=viewers, minor=st.integers(0, 5_000))
    def refund_without_order(self, viewer: str, minor: int) -> None:
        self.world.refunds_without_order(viewer, self.name(), minor)
        self.model.debt[viewer] += minor // 100
        self.model.sums["reversed"] += minor // 100

    @rule(viewer=viewers, points=amounts, times=TIMES, what=st.sampled_from(["reserve", "hold"]))
    def set_aside(self, viewer: str, points: int, times: int, what: str) -> None:
        held, name, people = what == "hold", self.name(), self.people(viewer)
        answers = [
            spending.hold(self.world.ports, viewer, name, points, "looked into", "ann")
            if held
            else spending.reserve(self.world.ports, viewer, name, points)
            for _ in range(times)
        ]
        assert answers[0] == answers[-1]
        answer = answers[0]
        holding = sum(holder == people[0] for holder, _, _ in self.model.asides.values())
        if holding >= MAX_OPEN:
            assert answer == Refusal("too_many_open")
        elif points > self.model.available(people):
            assert answer == Refusal("insufficient")
        else:
            assert not isinstance(answer, Refusal)
            assert (answer.state, answer.points) == ("open", points)
            until = None if held else self.world.now + MINUTES * MINUTE
            self.model.asides[name] = (people[0], self.model.take(people, points), until)

    @precondition(lambda self: self.model.asides)
    @rule(data=st.data(), what=st.sampled_from([spending.confirm, spending.release]), times=TIMES)
    def end(self, data: Any, what: Any, times: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.model.asides)))
        holder, parts, until = self.model.asides[name]
        if until is None:
            answer = spending.unhold(self.world.ports, holder, name, "ann")
            assert not isinstance(answer, Refusal)
            self.model.put_back(name)
            return
        answers = [what(self.world.ports, holder, name) for _ in range(times)]
        assert answers[0] == answers[-1]
        assert not isinstance(answers[0], Refusal)
        if what is spending.confirm:
            self.model.sums["spent"] += sum(points for *_, points in parts)
            del self.model.asides[name]
        else:
            self.model.put_back(name)

    @rule(viewer=viewers, points=amounts)
    def reserve_and_confirm_too_late(self, viewer: str, points: int) -> None:
        name = self.name()
        people = self.people(viewer)
        if isinstance(spending.reserve(self.world.ports, viewer, name, points), Refusal):
            return
        self.model.asides[name] = (people[0], self.model.take(people, points), self.world.now + MINUTES * MINUTE)
        self.jump(MINUTES * MINUTE)
        assert spending.confirm(self.world.ports, viewer, name) == Refusal("timed_out")

    @rule(giver=viewers, taker=viewers, points=amounts, times=TIMES)
    def transfer(self, giver: str, taker: str, points: int, times: int) -> None:
        name, givers, takers = self.name(), self.people(giver), self.people(taker)
        for _ in range(times):
            answer = spending.transfer(self.world.ports, giver, taker, name, points, "gift", "ann")
        if givers == takers:
            assert answer == Refusal("same_person")
        elif points > self.model.available(givers):
            assert answer == Refusal("insufficient")
        else:
            assert not isinstance(answer, Refusal)
            for _, expires, moved in self.model.take(givers, points):
                self.model.bags[takers[0], expires].there += moved

    @rule(viewer=viewers, points=st.integers(-80, 80))
    def adjust(self, viewer: str, points: int) -> None:
        people = self.people(viewer)
        answer = spending.adjust(self.world.ports, viewer, self.name(), points, "birthday", "ann")
        if points == 0:
            assert answer == Refusal("bad_amount")
        elif points < 0 and -points > self.model.available(people):
            assert answer == Refusal("insufficient")
        elif points < 0:
            self.model.take(people, -points)
        else:
            self.model.bags[people[0], TERMS.expires_at(self.world.now)].there += points

    @rule(one=viewers, other=viewers)
    def merge(self, one: str, other: str) -> None:
        self.world.merge(one, other)

    @rule(milliseconds=jumps)
    def jump(self, milliseconds: int) -> None:
        self.world.now += milliseconds
        self.model.pass_to(self.world.now)

    @invariant()
    def people_have_what_they_should(self) -> None:
        for viewer in VIEWERS:
            people = self.people(viewer)
            stands = ledger.balance(self.world.ports, viewer)
            found = {name: getattr(stands, name) for name in ("available", "pending", "reserved", "held", "owed")}
            assert found == self.model.told(people)

    @invariant()
    def the_books_agree(self) -> None:
        told = self.world.recount()
        assert told.disagreements == []
        assert told.refused == []
        earned = sum(max(entry, 0) for entry in self.issued())
        assert earned == self.model.sums["earned"]
        assert earned + told.system["system:issued"] == self.model.sums["reversed"]
        assert told.system["system:spent"] == self.model.sums["spent"]
        assert told.system["system:expired"] + told.liability.run_out == self.model.sums["expired"]

    def issued(self) -> list[int]:
        items = self.world.scan("ledger")
        return [Entry.read(item.body).issued for item in items if item.key.sk.startswith("entry#")]


class OnMoto(LedgerMachine):
    """The same on moto."""

    def open(self) -> AbstractContextManager[LedgerWorld]:
        return moto_world(self.settings)


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=30, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLedgerOnMoto = OnMoto.TestCase
TestLedgerOnMoto.settings = settings(
    max_examples=2, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
