"""What the wires beside Segment's have in common: each is translated into Segment's words, event by event.

So there is one reader in the scorer and one judgement at the door. What can't be taken is kept with the bytes as they
came; it is worded so that it can be sent again as a request of its wire.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from aftershow.model.json_text import MAX_DEPTH, BrokenJson, elements, holds_not_a_number, is_deep, members, read_json
from aftershow.rules.intake import (
    BYTE_ORDER_MARK,
    CATALOG,
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    Intake,
    Rejected,
    RequestRefused,
    admit,
)
from aftershow.rules.segment import EVENT_NAMES

# Longer is no name; and names are remembered.
MAX_NAME_CHARACTERS = 200
# com.shop.order.completed.v1: the version is no word of the name.
_VERSION = re.compile(r"v\d+", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAMES = EVENT_NAMES | CATALOG
_BY_WORDS = {tuple(name.lower().split()): name for name in _NAMES}
_texts_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts = msgspec.json.Decoder(list[msgspec.Raw])


class Unusable(Exception):
    """An event that can't be translated: a dead letter with this reason, which names no personal data."""


@dataclass(frozen=True, slots=True)
class Translated:
    """One thing of a request: its bytes as they came, and what it says in Segment's words, or why it says nothing.

    `original` is a whole request of its wire, so that it can be sent again.
    """

    original: bytes
    messages: tuple[Mapping[str, Any], ...] = ()
    reason: str = ""

    def undated(self) -> Translated:
        """The same without a moment of its own."""
        bare = tuple({name: value for name, value in one.items() if name != "timestamp"} for one in self.messages)
        return Translated(self.original, bare, self.reason)


@dataclass(frozen=True, slots=True)
class Judged:
    """A request, judged: what is taken, and for each thing in it why it is refused ("" where it is taken)."""

    intake: Intake
    reasons: tuple[str, ...]


def judge(things: Iterable[Translated], now: int) -> Judged:
    """Judge what was translated as if it had come to /v1/batch."""
    intake = Intake(write_key=None, context=b"{}")
    reasons = []
    for thing in things:
        said = [admit(intake, None, msgspec.json.encode(message), now) for message in thing.messages]
        reason = thing.reason or next(filter(None, said), "")
        if reason:
            intake.rejected.append(Rejected(thing.original, reason))
        reasons.append(reason)
    return Judged(intake, tuple(reasons))


def body_of(body: bytes) -> bytes:
    """The text of a request within the limit. Raises RequestRefused."""
    if len(body) > MAX_BATCH_BYTES:
        raise RequestRefused(f"a request holds at most {MAX_BATCH_BYTES // 1024} KB")
    return body.removeprefix(BYTE_ORDER_MARK).strip()


def whole(text: bytes) -> bytes:
    """A request with one event in it, which is whole or nothing. How deep it is, is the event's fault. Raises
    RequestRefused."""
    if text[:1] != b"{":
        raise RequestRefused("the body must be a JSON object")
    if not is_deep(text):
        try:
            read_json(text)
        except BrokenJson as broken:
            raise RequestRefused(str(broken)) from None
    return text


def check_number(events: int) -> None:
    """Raise RequestRefused for more events than a request may hold."""
    if events > MAX_BATCH_EVENTS:
        raise RequestRefused(f"a request holds at most {MAX_BATCH_EVENTS} events")


def parts(text: bytes) -> dict[str, bytes]:
    """The texts of an object's values as they stand there, unread. Raises RequestRefused."""
    try:
        return {name: bytes(raw) for name, raw in _texts_by_name.decode(text).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # Half an emoji or a deep nest in one event breaks the fast parse of all.
        pass
    try:
        return members(text)
    except BrokenJson:
        raise RequestRefused("the body is not JSON, or an object is missing in it") from None


def items(text: bytes) -> list[bytes]:
    """The texts of a list's elements as they stand there, unread. Raises RequestRefused."""
    try:
        return [bytes(raw) for raw in _texts.decode(text)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return elements(text)
    except BrokenJson:
        raise RequestRefused("the body is not JSON, or a list is missing in it") from None


def read_object(text: bytes) -> dict[str, Any]:
    """One event, read. Raises Unusable."""
    if len(text) > MAX_EVENT_BYTES:
        raise Unusable("larger than 32 KB")
    if is_deep(text):
        raise Unusable(f"nested more than {MAX_DEPTH} levels deep")
    try:
        value = read_json(text)
    except BrokenJson:
        raise Unusable("not JSON") from None
    if not isinstance(value, dict):
        raise Unusable("not an object")
    if holds_not_a_number(value):
        raise Unusable("NaN or infinity is not JSON")
    return value


def event_name(given: str) -> str | None:
    """Our name for an event of another wire; None where it is none of ours.

    Ours as it stands, or its words however they are joined (order_completed, OrderCompleted, order-completed), or as
    the last parts of a dotted name: com.shop.order.completed, com.shop.live.room-entered.v1. A part counts whole:
    draft-order.completed is no Order Completed.
    """
    if given in _NAMES:
        return given
    pieces = _pieces(given[:MAX_NAME_CHARACTERS])
    for first in range(len(pieces)):
        found = _BY_WORDS.get(tuple(word for piece in pieces[first:] for word in piece))
        if found:
            return found
    return None


def words_of(given: str) -> tuple[str, ...]:
    """The words of another wire's event name, in lower case, without a version."""
    return tuple(word for piece in _pieces(given[:MAX_NAME_CHARACTERS]) for word in piece)


# A client has few names, and sends them again and again.
@lru_cache(maxsize=1024)
def _pieces(given: str) -> tuple[tuple[str, ...], ...]:
    """The words of each part of a dotted name."""
    pieces = [piece for piece in re.split(r"[./:]", given) if piece]
    if len(pieces) > 1 and _VERSION.fullmatch(pieces[-1]):
        pieces.pop()
    return tuple(tuple(word.lower() for word in _WORD.findall(piece)) for piece in pieces)
