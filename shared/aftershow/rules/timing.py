"""The time solver: the earliest moment at which a message may and should arrive.

    wanted window ∩ viewer's active hours ∩ quiet hours ∩ legal windows ∩ cap windows, before the deadline

Hours are hours of the viewer's own day. Active hours are a preference: where they leave nothing, the rest decides
alone. Legal windows have zones of their own: where only the candidates are known, every one of them must allow the
moment. The search walks from one local hour to the next in absolute time, so that a day of 23 or 25 hours is walked
through as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aftershow.model.channels import Cap
from aftershow.model.engagements import PIECES_OF_HOUR, Engagement
from aftershow.model.instants import DAY, HOUR, MINUTE, at_zone, iso
from aftershow.model.reminders import MessageClass
from aftershow.model.settings import Settings
from aftershow.model.viewers import Send
from aftershow.rules.engagement import hour_histogram
from aftershow.rules.hours import usual_hours

ALL_HOURS = (1 << 24) - 1
WHOLE_WEEK = (1 << 168) - 1
# An hour of every day of the week.
EVERY_DAY = sum(1 << 24 * day for day in range(7))
# Until a viewer was seen often enough, people are taken to read messages through the day and evening.
MANY_HOURS_SEEN = 2
MAX_WALK = 400 * 24
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# Clocks change at quarters of an hour.
QUARTER = 15 * MINUTE


@dataclass(frozen=True, slots=True)
class Moment:
    """A solved moment (epoch milliseconds), or None with the reason, and how it was found, for a person to read."""

    at: int | None
    reason: str
    trace: str


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which a rule allows messages: a mask of the 168 hours of a week in `zone`, Monday 00:00 first; `by` is
    whose rule it is."""

    zone: str
    week: int
    by: str = ""


def hours(first: int, until: int) -> int:
    """The hours [first, until) of a day as a mask; over midnight where `until` is not after `first`."""
    listed = range(first, until) if first < until else (*range(first, 24), *range(until))
    return sum(1 << hour for hour in listed)


def quiet_mask(settings: Settings, message_class: MessageClass) -> int:
    """The hours outside the quiet ones. Service messages know none: nobody waits until morning for "shipped"."""
    if message_class == "service" or settings.quiet_from_hour == settings.quiet_until_hour:
        return ALL_HOURS
    return ALL_HOURS & ~hours(settings.quiet_from_hour, settings.quiet_until_hour)


def active_mask(engagements: Iterable[Engagement], zone: str, answers: Iterable[int] = ()) -> int:
    """The viewer's usual hours in their zone: those in which they were often seen, and one on either side; all hours
    where too little was seen to tell. `answers`: when they answered messages, which says as much as an hour of
    watching."""
    histogram = list(hour_histogram(engagements, zone))
    for at in answers:
        histogram[at_zone(at, zone).hour] += PIECES_OF_HOUR
    return ALL_HOURS if sum(map(bool, histogram)) < MANY_HOURS_SEEN else usual_hours(histogram)


def caps(settings: Settings, message_class: MessageClass, own: Iterable[Cap] = ()) -> tuple[tuple[int, int], ...]:
    """(window in milliseconds, most messages in it) for a class, with a playbook's own; rolling, not by calendar
    day."""
    if message_class == "service":
        return ()
    shop = ((DAY, settings.marketing_cap_per_day), (7 * DAY, settings.marketing_cap_per_week))
    return (*shop, *((cap.window, cap.most) for cap in own))


def free_from(sends: Sequence[Send], windows: Iterable[tuple[int, int]], except_for: str = "") -> int:
    """The first moment at which one more message breaks no cap: 0 where no cap is near."""
    moments = sorted(send.at for send in sends if send.reminder != except_for)
    return max((moments[-most] + window for window, most in windows if len(moments) >= most), default=0)


def free_on(sends: Sequence[Send], channel: str, own: Iterable[Cap], except_for: str = "") -> int:
    """The first moment at which one more message on a channel breaks none of the channel's own caps."""
    there = [send for send in sends if send.channel == channel]
    return free_from(there, ((cap.window, cap.most) for cap in own), except_for)


def solve(
    earliest: int, deadline: int, zone: str, *, allowed: int, active: int = ALL_HOURS, legal: Sequence[Window] = ()
) -> Moment:
    """The earliest moment from `earliest` to `deadline` in an allowed hour of `zone` that every legal window allows, in
    an active hour if there is such a one."""
    preferred = allowed & active
    mask, why = (preferred, "in active hours") if preferred else (allowed, "no active hour is allowed")
    found = _walk(earliest, deadline, (Window(zone, mask * EVERY_DAY), *legal))
    if found is None and mask != allowed:
        mask, why = allowed, "no active hour before the deadline"
        found = _walk(earliest, deadline, (Window(zone, mask * EVERY_DAY), *legal))
    rules = f"; {_legal_words(tuple(legal))}" if legal else ""
    if found is None:
        return Moment(None, "no_moment", f"no allowed hour from {iso(earliest, zone)} to {iso(deadline, zone)}{rules}")
    moved = "at once" if found == earliest else f"moved from {iso(earliest, zone)}"
    words = "any hour" if mask == ALL_HOURS else f"{_words(mask)}, {why}" if active != ALL_HOURS else _words(mask)
    return Moment(found, "", f"{iso(found, zone)} {zone}: {moved} ({words}){rules}")


def _walk(earliest: int, deadline: int, windows: Sequence[Window]) -> int | None:
    """The earliest moment that all windows allow. Whichever forbids it says when its next hour begins: none of the time
    before that is allowed, so nothing is passed over."""
    at = earliest
    if not all(window.week for window in windows):
        return None
    for _ in range(MAX_WALK * len(windows)):
        if at > deadline:
            return None
        later = next((after for window in windows if (after := _after(at, window)) is not None), None)
        if later is None:
            return at
        at = later
    return None


def _after(at: int, window: Window) -> int | None:
    """None where the window allows the moment, else the next one at which to look: the next full hour of its clock."""
    local = at_zone(at, window.zone)
    if window.week >> (local.weekday() * 24 + local.hour) & 1:
        return None
    # To the next full hour on the local clock; quarter-hour zones keep their minutes.
    into_hour = local.minute * MINUTE + local.second * 1000 + local.microsecond // 1000
    if at_zone(at + HOUR - into_hour, window.zone).utcoffset() != local.utcoffset():
        # The clock changes on the way, perhaps at a quarter to (Chatham): from quarter to quarter until then.
        return at + QUARTER - into_hour % QUARTER
    return at + HOUR - into_hour


@lru_cache(maxsize=256)
def _legal_words(legal: tuple[Window, ...]) -> str:
    """Legal windows for a person to read: "US-TCPA 1: 08-20 America/New_York"; days that differ are told apart."""
    by_rule: dict[str, list[str]] = {}
    for window in legal:
        by_rule.setdefault(window.by, []).append(f"{_week_words(window.week)} {window.zone}")
    return "; ".join(f"{by}: {', '.join(words)}" for by, words in by_rule.items())


def _week_words(week: int) -> str:
    days = [week >> 24 * day & ALL_HOURS for day in range(7)]
    usual = max(days, key=days.count)
    others = [f"{DAYS[number]} {_words(day)}" for number, day in enumerate(days) if day != usual]
    return " ".join((_words(usual), *(f"({one})" for one in others)))


@lru_cache(maxsize=256)
def _words(mask: int) -> str:
    """Hours as ranges: 08-21."""
    if mask == ALL_HOURS:
        return "any hour"
    if not mask:
        return "never"
    starts = [hour for hour in range(24) if mask >> hour & 1 and not mask >> (hour - 1) % 24 & 1]
    spans = []
    for start in starts:
        end = start
        while mask >> end % 24 & 1:
            end += 1
        spans.append(f"{start:02d}-{end % 24:02d}")
    return " ".join(spans)
