"""Events that went wrong, one kind for each way in which real clients go wrong.

All are refused but `MENDABLE`: half an emoji costs a comment a character, and not the whole event.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from infra.local.programme import DAY_MS, SECOND_MS
from infra.local.wire import iso

Message = dict[str, object]

# A second Order Completed for a known order with another total; made from orders, not from here.
OTHER_AMOUNT = "other_amount"
MENDABLE = "lone_surrogate"


def _no_identity(event: Message, _: int) -> Message:
    return {name: value for name, value in event.items() if name != "anonymousId"}


def _id_null(event: Message, at: int) -> Message:
    return {**_no_identity(event, at), "userId": "null"}


def _id_anonymous(event: Message, at: int) -> Message:
    return {**_no_identity(event, at), "userId": "anonymous"}


def _not_a_number(event: Message, _: int) -> Message:
    line = {"product_id": "syn-p01", "quantity": 1, "price": float("nan"), "currency": "CNY"}
    return {**event, "event": "Product Added", "properties": line}


def _show_of(event: Message) -> object:
    properties = event["properties"]
    return properties.get("show_id") if isinstance(properties, dict) else None


def _lone_surrogate(event: Message, _: int) -> Message:
    # What is left of an emoji after a client has cut its text at 16 bits.
    properties = {"show_id": _show_of(event), "text": "synthetic \ud83d"}
    return {**event, "event": "Live Comment Sent", "properties": properties}


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
    MENDABLE: _lone_surrogate,
    "wrong_types": _wrong_types,
    "ancient": _ancient,
    "future": _future,
}


def spoilt_event(source: random.Random, turn: int, show_id: str, beside: Message, at: int) -> tuple[str, Message]:
    """The bad event number `turn` of a stream, with its kind: the kinds take turns.

    It is nobody's, so that one accepted by mistake shows as one viewer more. What can be mended is
    said by whoever says `beside`, a good message of the same request.
    """
    kind = tuple(KINDS)[turn % len(KINDS)]
    event: Message = {
        "type": "track",
        "event": "Live Liked",
        "messageId": f"syn-bad-{source.getrandbits(64):016x}",
        "timestamp": iso(at - SECOND_MS),
        "properties": {"show_id": show_id, "count": 1},
    }
    ids: Message = {name: beside[name] for name in ("anonymousId", "userId") if name in beside}
    event |= ids if kind == MENDABLE else {"anonymousId": f"synthetic-bad-{turn}"}
    return kind, KINDS[kind](event, at)
