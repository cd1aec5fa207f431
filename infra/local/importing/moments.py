"""Moments as files write them. What may be two days is refused; what a spreadsheet made of a day is understood."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from infra.local.importing.values import SCIENTIFIC, SCIENTIFIC_FORM, Unusable

DateOrder = Literal["day_first", "month_first"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Day 0 of Excel's 1900 system as it counts since March 1900 (it takes 1900 for a leap year).
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 (a wall clock; its zone comes with the mapping)
# 1954 to 2119: a number in a column of dates can't be anything else.
_EXCEL_DAYS = (20_000, 80_000)
_UNIX_SECONDS = (10**9, 4 * 10**9)
_MONTHS_A_YEAR = _HOURS_OF_A_HALF = 12

_CHINESE_DATE = re.compile(r"^(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日?\s*")
_YEAR_FIRST = re.compile(r"^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?=$|[ T])[ T]*")
_YEAR_LAST = re.compile(r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?=$|[ T,])[ T,]*")
_COMPACT = re.compile(r"^(\d{4})(\d{2})(\d{2})(\d{2})?(\d{2})?(\d{2})?$")
_NAMED = re.compile(
    r"^(?:(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ -](\d{4})|([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4}))(?=$|[ T,])[ T,]*"
)
_CLOCK = re.compile(
    r"^(?:(上午|下午|AM|PM)\s*)?(\d{1,2})(?::|时|点)(\d{1,2})(?:(?::|分)(\d{1,2})(?:[.,](\d{1,6})\d*)?)?[秒分]?\s*(AM|PM)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
# Of anything that a shop could have noted.
_YEARS = (1900, 9_998)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}


def moment(cell: str, zone: str, order: DateOrder | None = None) -> int:
    """Epoch milliseconds of a moment as files write them; without an offset on a wall clock of `zone`.

    ISO 8601, 2026/3/6 15:59, 2026年3月6日 15:59, 6.3.2026 (with `order`), 6 Mar 2026, 20260306, Excel's day numbers
    (1900 system) and Unix seconds or milliseconds. Raises Unusable.
    """
    text = unicodedata.normalize("NFKC", cell).strip()
    try:
        # Most files have one form; this reads ISO 8601 in a tenth of the time.
        found = datetime.fromisoformat(text) if text[4:5] == "-" else _moment(text, order)
    except ValueError:
        found = _moment(text, order)
    try:
        aware = found if found.tzinfo else found.replace(tzinfo=_zone(zone))
        if not _YEARS[0] <= aware.year <= _YEARS[1]:
            # 0001-01-01 is what programs write for "never"; in another zone it is a year that there is not.
            raise Unusable("is no moment that can be read")
        return (aware - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        raise Unusable("is no moment that can be read") from None


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _moment(text: str, order: DateOrder | None) -> datetime:
    if SCIENTIFIC_FORM.match(text):
        raise Unusable(SCIENTIFIC)
    number = _number(text)
    if number is not None:
        return number
    day, rest = _day(text, order)
    try:
        date = datetime(*day)  # noqa: DTZ001 (a wall clock, still)
    except ValueError:
        raise Unusable("is a day that no calendar has") from None
    return _at_clock(date, rest) if rest else date


def _number(text: str) -> datetime | None:
    """A number without separators: a compact date, Unix time, or Excel's days."""
    if not re.fullmatch(r"\d+(?:\.\d+)?", text):
        return None
    compact = _COMPACT.match(text)
    if compact and len(text) in (8, 12, 14) and text[:2] in ("19", "20"):
        try:
            return datetime(*(int(part) for part in compact.groups() if part))  # type: ignore[arg-type] # noqa: DTZ001
        except ValueError:
            raise Unusable("is a day that no calendar has") from None
    value = Decimal(text)
    for scale in (1, 1000):
        if _UNIX_SECONDS[0] * scale <= value < _UNIX_SECONDS[1] * scale:
            return _EPOCH + timedelta(milliseconds=int(value * 1000 / scale))
    if _EXCEL_DAYS[0] <= value < _EXCEL_DAYS[1]:
        # To the second: Excel keeps 15 digits, so its milliseconds are noise.
        return _EXCEL_EPOCH + timedelta(seconds=round(value * 86_400))
    raise Unusable("is a number that is no moment")


def _day(text: str, order: DateOrder | None) -> tuple[tuple[int, int, int], str]:
    """((year, month, day), what comes after)."""
    for form in (_YEAR_FIRST, _CHINESE_DATE):
        found = form.match(text)
        if found:
            year, month, day = (int(part) for part in found.groups() if part.isdigit())
            return (year, month, day), text[found.end() :]
    found = _YEAR_LAST.match(text)
    if found:
        one, two, year = int(found[1]), int(found[3]), int(found[4])
        month_first = order == "month_first" if order else _month_first(one, two)
        return (year, one, two) if month_first else (year, two, one), text[found.end() :]
    found = _NAMED.match(text)
    if found:
        day_of_month, name, year_text = found.groups()[:3] if found[1] else (found[5], found[4], found[6])
        month_number = _MONTHS.get(name[:3].lower())
        if month_number:
            return (int(year_text), month_number, int(day_of_month)), text[found.end() :]
    raise Unusable("is no moment that can be read: 2026-03-06 15:59 is best")


def _month_first(one: int, two: int) -> bool:
    if one > _MONTHS_A_YEAR or two > _MONTHS_A_YEAR or one == two:
        return two > _MONTHS_A_YEAR
    raise Unusable(
        'may be day and month or month and day: say "dates: day_first" or "dates: month_first" in the mapping'
    )


def date_order(cells: list[str]) -> DateOrder | None:
    """Which of both a column's cells have, where one of them shows it and none shows the other."""
    found = [match for cell in cells if (match := _YEAR_LAST.match(unicodedata.normalize("NFKC", cell).strip()))]
    days_first = any(int(match[1]) > _MONTHS_A_YEAR for match in found)
    months_first = any(int(match[3]) > _MONTHS_A_YEAR for match in found)
    if days_first == months_first:
        return None
    return "day_first" if days_first else "month_first"


def _at_clock(date: datetime, rest: str) -> datetime:
    found = _CLOCK.match(rest.strip())
    if not found:
        raise Unusable("has a time of day that can't be read: 15:59 is best")
    before, hour_text, minute, second, fraction, after, offset = found.groups()
    half = (before or after or "").upper().replace("上午", "AM").replace("下午", "PM")
    hour = int(hour_text)
    if half and not 0 < hour <= _HOURS_OF_A_HALF and not (hour_text == "00" and half == "AM"):
        raise Unusable("has a time of day that no clock has")
    if half:
        hour = hour % 12 + (12 if half == "PM" else 0)
    try:
        found_moment = date.replace(
            hour=hour, minute=int(minute), second=int(second or 0), microsecond=int((fraction or "0").ljust(6, "0"))
        )
    except ValueError:
        raise Unusable("has a time of day that no clock has") from None
    return found_moment.replace(tzinfo=_offset(offset)) if offset else found_moment


def _offset(text: str) -> timezone:
    if text.upper() in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    behind = -1 if text[0] == "-" else 1
    try:
        return timezone(behind * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
    except ValueError:
        raise Unusable("has an offset that no zone has") from None
