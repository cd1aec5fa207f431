"""An order is a fact that counts once; later words about it are facts of their own, in any order."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import HOUR
from aftershow.model.orders import MAX_AMENDMENTS, Order
from aftershow.rules.orders import OrderRefused, Taken, amend, place, with_conflict
from aftershow.rules.segment import Amended, Event, Ordered
from tests.unit.samples import START, examples, tracked


def take(known: Order | None, event: Event, viewer: str = "u1") -> Taken:
    if isinstance(event.meaning, Ordered):
        return place(known, viewer, event.show, event, event.meaning)
    assert isinstance(event.meaning, Amended)
    return amend(known, viewer, event, event.meaning)


def ordered(message_id: str = "m1", /, **more: Any) -> Event:
    said: dict[str, Any] = {"order_id": "o1", "total": 10, **more}
    return tracked("Order Completed", START, message_id, **said)


def test_the_same_order_under_other_message_ids_is_one_order() -> None:
    first = take(None, ordered())
    assert (first.first, first.changed) == (True, True)
    for event in (
        ordered("m2"),
        ordered("m3", total="10.00"),
        ordered("m4", coupon="X"),
        ordered("m5", currency="cny"),
    ):
        again = take(first.order, event)
        assert (again.order, again.first, again.changed) == (first.order, False, False)


LINES = [{"product_id": "p1", "quantity": 1, "price": 4}, {"product_id": "p2", "quantity": 2, "price": 3}]


def test_the_order_of_lines_says_nothing() -> None:
    first = take(None, ordered(products=LINES))
    assert not take(first.order, ordered("m2", products=LINES[::-1])).changed


@pytest.mark.parametrize(
    "other",
    [{"total": 11}, {"currency": "USD"}, {"products": LINES}, {"products": [{"product_id": "p1"}]}],
)
def test_the_same_id_with_another_body_is_refused(other: dict[str, Any]) -> None:
    first = take(None, ordered())
    with pytest.raises(OrderRefused):
        take(first.order, ordered("m2", **other))


WORDS = st.lists(
    st.tuples(
        st.sampled_from(["Order Refunded", "Order Updated", "Order Cancelled"]), st.integers(0, 3), st.integers(0, 3)
    ),
    max_size=10,
)


@examples(150)
@given(WORDS, st.randoms(use_true_random=False))
def test_words_in_any_order_and_repetition_end_alike(words: list[tuple[str, int, int]], chance: random.Random) -> None:
    events = [
        tracked(name, START + at * HOUR, f"m{number}", order_id="o1", total=amount)
        for number, (name, at, amount) in enumerate(words)
    ]
    events.append(ordered("placed"))
    shuffled = chance.sample(events, len(events)) + events
    one = other = None
    for event in events:
        one = take(one, event).order
    for event in shuffled:
        other = take(other, event).order
    assert one == other


def test_the_newest_total_counts() -> None:
    late = tracked("Order Updated", START + 2, "m2", order_id="o1", total=12)
    early = tracked("Order Updated", START + 1, "m1", order_id="o1", total=11)
    for events in ([ordered(), late, early], [early, late, ordered()]):
        order: Order | None = None
        for event in events:
            order = take(order, event).order
        assert order is not None
        assert order.total == 1_200


def test_a_tombstone_is_no_order_yet() -> None:
    refunded = take(None, tracked("Order Refunded", START, "m1", order_id="o1", total=1), viewer="a1")
    assert (refunded.first, refunded.order.hash, refunded.order.at) == (False, None, None)
    placed = take(refunded.order, ordered("m2"), viewer="u2")
    assert placed.first
    assert placed.order.viewer == "u2"
    assert [refund.minor for refund in placed.order.refunds] == [100]


def test_a_refund_in_another_currency_is_refused() -> None:
    order = take(None, ordered()).order
    with pytest.raises(OrderRefused, match="currency"):
        take(order, tracked("Order Refunded", START, "m2", order_id="o1", total=1, currency="USD"))


def test_one_refund_id_is_one_refund_whoever_sends_it() -> None:
    order = take(None, ordered()).order
    first = tracked("Order Refunded", START + 1, "m2", order_id="o1", total=1, refund_id="r1")
    again = tracked("Order Refunded", START + 9, "m3", order_id="o1", total="1.00", refund_id="r1")
    other = tracked("Order Refunded", START + 9, "m4", order_id="o1", total=2, refund_id="r1")
    one = take(take(order, first).order, again)
    assert not one.changed
    assert take(take(order, again).order, first).order == one.order
    with pytest.raises(OrderRefused, match="another amount"):
        take(one.order, other)


def test_a_broken_client_can_not_fill_an_order() -> None:
    order = take(None, ordered()).order
    for number in range(MAX_AMENDMENTS):
        order = take(order, tracked("Order Refunded", START, f"m{number}", order_id="o1", total="0.01")).order
    with pytest.raises(OrderRefused, match="at most"):
        take(order, tracked("Order Refunded", START, "more", order_id="o1", total="0.01"))
    for number in range(2 * MAX_AMENDMENTS):
        order = with_conflict(order, f"c{number}")
    assert len(order.conflicts) == MAX_AMENDMENTS


def test_a_wrong_refund_before_its_order_does_not_hide_the_order() -> None:
    """An order that is not known is a reminder after ordering. A refund without a currency is in the shop's."""
    tombstone = take(None, tracked("Order Refunded", START, "m1", order_id="o1", total=1)).order
    placed = take(tombstone, ordered("m2", currency="USD"))
    assert placed.first
    assert (placed.order.currency, placed.order.refunds, placed.order.conflicts) == ("USD", (), ("m1",))
