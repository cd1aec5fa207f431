"""Points: in whatever order words about an order come, and whenever they are posted, the sum is what remains of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY
from aftershow.model.ledger import ISSUED, Account, Entry, Leg
from aftershow.model.money import whole_units
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.rules import orders
from aftershow.rules.points import entry_keys, missing, posted_to, unnamed, why_no_points
from aftershow.rules.segment import Amended, Event, Ordered
from tests.unit.samples import START, examples, tracked

KINDS = ["refund", "refund", "update", "cancel", "post", "post"]


def take(order: Order | None, event: Event) -> Order:
    """The order after a word about it."""
    if isinstance(event.meaning, Ordered):
        return orders.place(order, "u1", event.show, event, event.meaning).order
    assert isinstance(event.meaning, Amended)
    return orders.amend(order, "u1", event, event.meaning).order


def word(kind: str, number: int, minor: int, currency: str) -> Event:
    name = {"refund": "Order Refunded", "update": "Order Updated", "cancel": "Order Cancelled"}[kind]
    amount = minor if currency == "JPY" else f"{minor // 100}.{minor % 100:02d}"
    said: dict[str, Any] = {"order_id": "o1", "total": amount, "currency": currency}
    # Several words may have one moment.
    return tracked(name, START + minor % 5, f"m{number}", **said)


def placed(minor: int, currency: str) -> Event:
    amount = minor if currency == "JPY" else f"{minor // 100}.{minor % 100:02d}"
    return tracked("Order Completed", START, "m-order", order_id="o1", total=amount, currency=currency)


class Ledger:
    """What is posted, as award_points does it: one missing entry at a time, each key once for ever."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.account = Account(viewer="u1")

    def post_next(self, order: Order, window_days: int = 0) -> bool:
        posted = {key: self.entries[key] for key in entry_keys(order) if key in self.entries}
        listed = missing(order, posted, "u1", window_days)
        if not listed:
            return False
        assert listed[0].key not in self.entries
        self.entries[listed[0].key] = listed[0]
        self.account = posted_to(self.account, listed[0])
        return True

    def post_all(self, order: Order) -> None:
        while self.post_next(order):
            pass

    @property
    def points(self) -> int:
        return sum(entry.points for entry in self.entries.values())


def remaining(order: Order) -> int:
    """What an order is worth, said plainly."""
    if order.cancelled is not None:
        return 0
    refunded = sum(refund.minor for refund in order.refunds)
    return whole_units(max(order.total - refunded, 0), order.currency or "CNY")


@examples(250)
@given(
    st.integers(0, 100_000),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 120_000)), max_size=12),
    st.integers(0, 12),
    st.sampled_from(["CNY", "CNY", "JPY", "KWD"]),
    st.randoms(use_true_random=False),
)
def test_the_sum_is_what_remains_in_any_order_and_however_posted(
    total: int, happened: list[tuple[str, int]], place_at: int, currency: str, chance: random.Random
) -> None:
    order: Order | None = None
    ledger = Ledger()
    words = [
        word(kind, number, minor, currency)
        for number, (kind, minor) in enumerate(happened)
        if kind in ("refund", "update", "cancel")
    ]
    arriving: list[Event | None] = [*words, *(None for kind, _ in happened if kind == "post")]
    chance.shuffle(arriving)
    arriving.insert(place_at, placed(total, currency))
    for event in [*arriving, *chance.sample(words, len(words))]:
        if event is not None:
            order = take(order, event)
        elif order is not None:
            ledger.post_next(order)
    assert order is not None
    ledger.post_all(order)
    assert ledger.points == remaining(order)
    in_order = Ledger()
    in_order.post_all(_as_if_in_order([placed(total, currency), *words]))
    assert in_order.points == ledger.points
    assert set(in_order.entries) == set(ledger.entries)
    assert ledger.account.balance == ledger.points == ledger.account.earned - ledger.account.reversed
    assert ledger.account.entries == len(ledger.entries)
    assert not ledger.post_next(order)


def _as_if_in_order(events: Iterable[Event]) -> Order:
    order: Order | None = None
    for event in events:
        order = take(order, event)
    assert order is not None
    return order


@examples(60)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), max_size=8), st.integers(0, 365))
def test_each_refund_takes_back_the_difference_of_whole_units(total: int, refunds: list[int], days: int) -> None:
    order = take(None, placed(total, "CNY"))
    ledger = Ledger()
    assert ledger.post_next(order, days)
    left = total
    for number, minor in enumerate(refunds):
        order = take(order, word("refund", number, minor, "CNY"))
        assert ledger.post_next(order, days)
        entry = ledger.entries[f"order:o1:refund:m{number}"]
        after = max(left - minor, 0)
        assert -entry.points == left // 100 - after // 100
        assert entry.available_at == START + days * DAY
        left = after


def test_a_refund_before_its_order_gives_nothing_until_the_order_comes() -> None:
    tombstone = take(None, word("refund", 1, 1_000, "CNY"))
    assert entry_keys(tombstone) == []
    assert missing(tombstone, {}, "u1", 0) == []
    ledger = Ledger()
    ledger.post_all(take(tombstone, placed(3_000, "CNY")))
    assert {entry.rule: entry.points for entry in ledger.entries.values()} == {"earn": 30, "reverse": -10}


def test_entries_balance_and_an_unbalanced_one_is_refused() -> None:
    (entry,) = missing(take(None, placed(1_999, "CNY")), {}, "u1", 0)
    assert entry.legs == (Leg(account="viewer:u1", points=19), Leg(account=ISSUED, points=-19))
    with pytest.raises(ValueError, match="sum to zero"):
        Entry(**{**entry.model_dump(), "legs": (Leg(account="viewer:u1", points=1),)})


def test_a_refund_without_an_order_takes_back_at_once() -> None:
    entry = unnamed(UnnamedRefund(id="m1", viewer="u1", at=START, minor=399, currency="CNY"))
    assert (entry.key, entry.points, entry.order, entry.available_at) == ("refund:m1", -3, None, START)
    assert sum(leg.points for leg in entry.legs) == 0


def test_a_foreign_currency_gives_no_points_and_says_why() -> None:
    foreign = take(None, placed(1_000, "USD"))
    assert why_no_points(foreign, "CNY") == "in USD, the shop's points are for CNY"
    assert why_no_points(foreign, "USD") is None


def test_an_entry_says_what_it_was_decided_on() -> None:
    order = take(take(None, placed(1_000, "CNY")), word("refund", 1, 100, "CNY"))
    other = take(take(None, placed(1_000, "CNY")), word("refund", 1, 200, "CNY"))
    earn, refund = missing(order, {}, "u1", 0)
    other_earn, other_refund = missing(other, {}, "u1", 0)
    assert earn.hash == other_earn.hash
    assert refund.hash != other_refund.hash


def test_a_balance_may_go_below_zero() -> None:
    entry = unnamed(UnnamedRefund(id="m1", viewer="u1", at=START, minor=500, currency="CNY"))
    assert posted_to(Account(viewer="u1", balance=2, earned=2, entries=1), entry).balance == -3
