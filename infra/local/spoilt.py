"""Events that nobody should accept, one kind for each way in which real clients go wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from infra.local.programme import DAY_MS, SECOND_MS
from infra.local.wire import iso

Message = dict[str, object]

# A second Order Completed for a known order with another total; made from orders, not from here.
OTHER_AMOUNT = "other_amount"


def _no_identity(event: Message, _: int) -> Message:
    return {name: value for name, value in event.items() if name != "anonymousId"}


def _id_null(event: Message, at: int) -> Message:
    return {**_no_identity(event, at), "userId": "null"}


def _id_anonymous(event: Message, at: int) -> Message:
    return {**_no_identity(event, at), "userId": "anonymous"}


def _not_a_number(event: Message, _: int) -> Message:
    line = {"product_id": "syn-p01", "quantity": 1, "price": float("nan"), "currency": "CNY"}
    return {**event, "event": "Product Added", "properties": line}


def _lone_surrogate(event: Message, _: int) -> Message:
    # What is left of an emoji after a client has cut its text at 16 bits.
    return {**event, "event": "Live Comment Sent", "properties": {"text": "synthetic \ud83d"}}


def _wrong_types(event: Message, _: int) -> Message:
    return {**event, "event": ["Live Liked"], "properties": "count=1"}


def _ancient(event: Message, at: int) -> Message:
    return {**event, "timestamp": iso(at - 20 * 365 * DAY_MS)}


def _future(event: Message, at: int) -> Message:
    return {**event, "timestamp": iso(at + 3 * DAY_MS)}


# Each takes a good event and the moment of sending in epoch milliseconds.
KINDS: Mapping[str, Callable[[Message, int], Message]] = {
    "no_identity": _no_identity,
    "id_null": _id_null,
    "id_anonymous": _id_anonymous,
    "nan": _not_a_number,
    "lone_surrogate": _lone_surrogate,
    "wrong_types": _wrong_types,
    "ancient": _ancient,
    "future": _future,
}


def spoilt_event(source: random.Random, turn: int, show_id: str, at: int) -> tuple[str, Message]:
    """The bad event number `turn` of a stream, with its kind: the kinds take turns."""
    kind = tuple(KINDS)[turn % len(KINDS)]
    event: Message = {
        "type": "track",
        "event": "Live Liked",
        "messageId": f"syn-bad-{source.getrandbits(64):016x}",
        "anonymousId": f"synthetic-bad-{turn}",
        "timestamp": iso(at - SECOND_MS),
        "properties": {"show_id": show_id, "count": 1},
    }
    return kind, KINDS[kind](event, at)
