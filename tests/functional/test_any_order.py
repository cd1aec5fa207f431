"""Late, twice, shuffled, one by one: all of a viewer's requests end in the same records."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.model.labels import LabelName
from tests.functional.story import Said, Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T19:00+08:00")
ENTERS = at("2026-03-06T19:50+08:00")
ENDS = at("2026-03-06T21:30+08:00")
BEFORE_THE_FIRST = at("2026-03-07T07:00+08:00")
SHOW = Show("spring")

Delivery = Callable[[Shop, Sequence[Said]], None]


def in_time(shop: Shop, said: Sequence[Said]) -> None:
    shop.hears(*said)


def late(shop: Shop, said: Sequence[Said]) -> None:
    for number, one in enumerate(said):
        shop.takes(one, ENDS + 2 * HOUR + number * MINUTE)


def reversed_(shop: Shop, said: Sequence[Said]) -> None:
    late(shop, said[::-1])


def twice(shop: Shop, said: Sequence[Said]) -> None:
    shop.hears(*said, *said)


def all_at_once(shop: Shop, said: Sequence[Said]) -> None:
    """Everything is in the queues before anything is worked off, and much of it twice."""
    shop.until(ENDS + 2 * HOUR)
    shop.takes_together([*said, *said[::-2]])


def one_by_one(shop: Shop, said: Sequence[Said]) -> None:
    """Every message alone, the last one first."""
    alone = [Said(one.at, (message,), one.context) for one in said for message in one.messages]
    shop.until(ENDS + 2 * HOUR)
    shop.takes_together(alone[::-1])


def shuffled(seed: int) -> Delivery:
    """In an order of its own, each once or twice, some while the show is on and some after it."""

    def deliver(shop: Shop, said: Sequence[Said]) -> None:
        source = random.Random(seed)  # noqa: S311 (a repeatable order)
        listed = [*said, *source.sample(list(said), len(said) // 2)]
        source.shuffle(listed)
        moments = sorted(source.randrange(ENDS - HOUR, ENDS + 5 * HOUR, SECOND) for _ in listed)
        for one, moment in zip(listed, moments, strict=True):
            shop.takes(one, moment)

    return deliver


DELIVERIES: dict[str, Delivery] = {
    "late": late,
    "reversed": reversed_,
    "twice": twice,
    "all at once": all_at_once,
    "one by one": one_by_one,
    **{f"shuffled {seed}": shuffled(seed) for seed in range(8)},
}


@dataclass(frozen=True)
class State:
    """What a history ends in, as far as it may not depend on the order of its news."""

    engagement: dict[str, object]
    head: dict[str, object]
    orders: list[dict[str, object]]
    entries: dict[str, int]
    balance: list[tuple[int, int]]
    # Those that are wanted: (playbook, step, id). Not their moments: those follow from what was known at the planning.
    reminders: set[tuple[str, str, str]]
    labels: Mapping[LabelName, str]


def end_of(deliver: Delivery, *, orders: bool) -> State:
    """The state on the next day, before the first reminder would go."""
    shop, mei = Shop(OPENS), Viewer("mei")
    said = [SHOW.scheduled(OPENS, OPENS + 30 * MINUTE, ENDS), *almost_buys(mei, SHOW, ENTERS, 40), SHOW.ended(ENDS)]
    if orders:
        said += [
            mei.orders(ENDS + MINUTE, "order-1", "120.90"),
            mei.is_refunded(ENDS + 2 * MINUTE, "order-1", "refund-1", "20.50"),
            mei.is_refunded(ENDS + 3 * MINUTE, "order-1", "refund-2", "0.50"),
        ]
    deliver(shop, said)
    shop.until(BEFORE_THE_FIRST)
    records = shop.records()
    assert shop.mails == []
    assert shop.host.errors == []
    assert shop.left_over() == {}
    assert records.items("dead_letters") == []
    return State(
        engagement=shop.engagement(mei, SHOW).model_dump(),
        head=shop.head(mei).model_dump(),
        orders=[order.model_dump() for order in records.orders],
        entries={entry.key: entry.points for entry in records.entries},
        balance=[(account.balance, account.entries) for account in records.accounts],
        labels=records.labels_of(shop.person(mei)),
        reminders={(row.playbook, row.step, row.id) for row in shop.reminders(mei) if row.open},
    )


@pytest.fixture(scope="module", params=[False, True], ids=["no order", "an order"])
def orders(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def expected(orders: bool) -> State:  # noqa: FBT001 (a fixture)
    return end_of(in_time, orders=orders)


def test_what_is_expected(expected: State, orders: bool) -> None:  # noqa: FBT001 (a fixture)
    assert expected.labels["stage"] == ("order" if orders else "cart")
    if orders:
        assert expected.balance == [(99, 3)]
        assert sum(expected.entries.values()) == 99
        assert {name for name, *_ in expected.reminders} == {"second-order"}
    else:
        assert (expected.balance, expected.orders) == ([], [])
        [(playbook, step, _)] = expected.reminders
        assert (playbook, step) == ("hot-replay", "at-once")


@pytest.mark.parametrize("name", DELIVERIES)
def test_any_order_ends_the_same(name: str, expected: State, orders: bool) -> None:  # noqa: FBT001 (a fixture)
    state = end_of(DELIVERIES[name], orders=orders)
    assert state.engagement == expected.engagement
    assert state.head == expected.head
    assert state.orders == expected.orders
    assert state.labels == expected.labels
    assert state.balance == expected.balance
    # Each word's own entry moves the sum to what the order is worth with it: the sum is the same in any order.
    assert state.entries.keys() == expected.entries.keys()
    assert sum(state.entries.values()) == sum(expected.entries.values())
    assert state.reminders == expected.reminders
