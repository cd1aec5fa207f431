"""Durations as operators write them: "90s", "4h", "2d"; milliseconds inside."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def read_duration(value: Any) -> Any:
    """Milliseconds of a written duration; anything but a text is left as it is. Raises ValueError."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('a duration is a number and one of s, m, h, d: "90s", "4h", "2d"')
    return int(float(match[1]) * _UNITS[match[2]])


Duration = Annotated[int, BeforeValidator(read_duration), Field(ge=0, le=400 * DAY)]
