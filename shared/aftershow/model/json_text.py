"""JSON as real clients send it: the fast parser first, a forgiving one where it fails; and cutting it up unread."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

# No client's events are nested so deeply. Parsers stop somewhere beyond, each elsewhere.
MAX_DEPTH = 64
# More digits than this are no number that anybody counts with, and Python refuses to read them.
MAX_INTEGER_DIGITS = 4_000

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
# A whole string, or one character of structure.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[][{},:]', re.DOTALL)


class BrokenJson(ValueError):
    """Not JSON, whichever way it is read."""


class TooDeep(BrokenJson):
    """Nested more deeply than a parser goes; perhaps JSON otherwise."""


class NotANumber:
    """Stands for NaN and infinities, which some clients send and JSON does not know, and for numbers beyond all use."""


def read_json(data: bytes) -> Any:
    """The value of a JSON text (UTF-8, a byte order mark allowed).

    Half an emoji (a lone surrogate, from a text cut in the middle) becomes U+FFFD; NaN becomes a `NotANumber`, for the
    caller to refuse the one event that holds it. Raises BrokenJson, TooDeep.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_forgiving(data)


def _read_forgiving(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig", "replace")
        return mended(json.loads(text, parse_constant=lambda _: NotANumber(), parse_int=_integer, parse_float=_decimal))
    except RecursionError:
        raise TooDeep("the body is nested too deeply") from None
    except ValueError:
        raise BrokenJson("the body is not JSON") from None


def _integer(text: str) -> int | NotANumber:
    return int(text) if len(text) <= MAX_INTEGER_DIGITS else NotANumber()


def _decimal(text: str) -> float | NotANumber:
    value = float(text)
    return value if math.isfinite(value) else NotANumber()


def mended(value: Any) -> Any:
    """A value with U+FFFD for each half an emoji in it, which no UTF-8 can hold."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [mended(one) for one in value]
    if isinstance(value, dict):
        return {mended(name): mended(one) for name, one in value.items()}
    return value


def holds_not_a_number(value: Any) -> bool:
    """Whether a value read by `read_json` holds NaN or an infinity anywhere."""
    if isinstance(value, list):
        return any(map(holds_not_a_number, value))
    if isinstance(value, dict):
        return any(map(holds_not_a_number, value.values()))
    return isinstance(value, NotANumber)


def is_deep(data: bytes) -> bool:
    """Whether a text is nested more than MAX_DEPTH levels deep."""
    # Counting brackets costs next to nothing, and nearly every event has few.
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(data):
        if token[0] in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in b"]}":
            depth -= 1
    return False


def elements(data: bytes) -> list[bytes]:
    """The texts of a list's elements, as they stand there. They themselves are not read. Raises BrokenJson."""
    return [data[start:end].strip() for start, end, _ in _parts(data, b"[", b"]")]


def members(data: bytes) -> dict[str, bytes]:
    """The texts of an object's values by name, as they stand there. They themselves are not read. Raises BrokenJson."""
    found: dict[str, bytes] = {}
    for start, end, colon in _parts(data, b"{", b"}"):
        name = read_json(data[start:colon]) if colon is not None else None
        if not isinstance(name, str) or colon is None:
            raise BrokenJson("the body is not JSON")
        found[name] = data[colon + 1 : end].strip()
    return found


def _parts(data: bytes, opening: bytes, closing: bytes) -> Iterator[tuple[int, int, int | None]]:
    """Start, end and first colon of what stands between the commas of the outermost brackets."""
    first = len(data) - len(data.lstrip())
    last = len(data.rstrip()) - 1
    if data[first : first + 1] != opening or data[last : last + 1] != closing or first == last:
        raise BrokenJson("the body is not JSON")
    start, colon = first + 1, None
    for place in _outermost(data, first, last):
        if data[place : place + 1] == b",":
            yield start, place, colon
            start, colon = place + 1, None
        elif colon is None:
            colon = place
    if start > first + 1 or data[start:last].strip():
        yield start, last, colon


def _outermost(data: bytes, first: int, last: int) -> Iterator[int]:
    """Where the commas and colons of the brackets that open at `first` stand."""
    depth = 0
    for token in _TOKEN.finditer(data, first, last):
        mark = token[0]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        elif depth == 1 and mark in b",:":
            yield token.start()
    if depth != 1:
        raise BrokenJson("the body is not JSON")
