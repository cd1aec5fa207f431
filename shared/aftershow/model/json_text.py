"""JSON as real clients send it: the fast parser first, a forgiving one where it fails."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BrokenJson(ValueError):
    """Not JSON, whichever way it is read."""


class NotANumber:
    """Stands for NaN and infinities, which some clients send and JSON does not know."""


def read_json(data: bytes) -> Any:
    """The value of a JSON text (UTF-8, a byte order mark allowed).

    Half an emoji (a lone surrogate, from a text cut in the middle) becomes U+FFFD; NaN becomes a `NotANumber`, for the
    caller to refuse the one event that holds it. Raises BrokenJson.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _read_forgiving(data)


def _read_forgiving(data: bytes) -> Any:
    try:
        text = data.decode("utf-8-sig", "replace")
        value = json.loads(text, parse_constant=lambda _: NotANumber())
    except (ValueError, RecursionError):
        raise BrokenJson("the body is not JSON") from None
    return _mended(value)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return value


def holds_not_a_number(value: Any) -> bool:
    """Whether a value read by `read_json` holds NaN or an infinity anywhere."""
    if isinstance(value, list):
        return any(map(holds_not_a_number, value))
    if isinstance(value, dict):
        return any(map(holds_not_a_number, value.values()))
    return isinstance(value, NotANumber)
