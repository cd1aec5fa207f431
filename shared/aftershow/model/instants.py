"""Moments: epoch milliseconds in UTC inside, ISO 8601 with an offset at every border."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_instant(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 text; a text without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def at_zone(instant: int, zone: str = "UTC") -> datetime:
    """The moment on a wall clock of `zone` (tzdata name). Raises zoneinfo.ZoneInfoNotFoundError."""
    moment = datetime.fromtimestamp(instant // SECOND, tz=ZoneInfo(zone))
    # Not by adding: that forgets which of the two hours it is when the clocks go back.
    return moment.replace(microsecond=instant % SECOND * 1000)


def iso(instant: int, zone: str = "UTC") -> str:
    """ISO 8601 with offset, in whole seconds unless there are milliseconds."""
    moment = at_zone(instant, zone)
    return moment.isoformat(timespec="milliseconds" if instant % SECOND else "seconds")


def is_zone(name: str) -> bool:
    """Whether `name` is a time zone of the tz database."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # What ZoneInfo raises for unknown names, bad paths ("../x") and directory names ("Europe").
        return False
    return True
