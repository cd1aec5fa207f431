"""The solver's moment is allowed, in time, and the earliest there is: compared with walking through every minute."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import Engagement
from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND, at_zone, parse_instant
from aftershow.model.settings import Settings
from aftershow.model.viewers import Send
from aftershow.rules.timing import ALL_HOURS, active_mask, caps, free_from, hours, quiet_mask, solve
from tests.unit.samples import examples

# Gaps and folds of an hour, of half an hour, at midnight, at a quarter to; none; and offsets of quarter hours.
ZONES = [
    "Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Chatham", "Africa/Cairo", "America/Havana",
    "Asia/Beirut", "America/Santiago", "Antarctica/Troll", "Africa/Casablanca", "Asia/Shanghai", "Asia/Kathmandu",
    "Asia/Kolkata", "Pacific/Kiritimati", "UTC",
]  # fmt: skip


def _transitions() -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    first = parse_instant("2026-01-01T00:00:00Z")
    for zone in ZONES:
        moments = range(first, first + 366 * DAY, 6 * HOUR)
        offsets = [(at, at_zone(at, zone).utcoffset()) for at in moments]
        changes = [at for (at, before), (_, after) in itertools.pairwise(offsets) if before != after]
        found += [(zone, at) for at in changes or [first]]
    return found


NEAR_TRANSITIONS = st.tuples(st.sampled_from(_transitions()), st.integers(-30 * 60, 12 * 60)).map(
    lambda drawn: (drawn[0][0], drawn[0][1] + drawn[1] * MINUTE)
)
MASKS = st.one_of(
    st.tuples(st.integers(0, 23), st.integers(1, 24)).map(lambda span: hours(*span)),
    st.integers(0, 23).map(lambda hour: 1 << hour),
    st.integers(0, ALL_HOURS),
)


def _walked(earliest: int, deadline: int, zone: str, mask: int) -> int | None:
    """The first allowed minute, by looking at each one; clocks change at full minutes only."""
    moments = [earliest, *range(earliest - earliest % MINUTE + MINUTE, deadline + 1, MINUTE)]
    return next((at for at in moments if at <= deadline and mask >> at_zone(at, zone).hour & 1), None)


@examples(400)
@given(NEAR_TRANSITIONS, st.integers(0, 59_999), st.integers(0, 50 * 60), MASKS)
def test_it_is_the_earliest_allowed_minute_or_there_is_none(
    start: tuple[str, int], odd: int, length: int, allowed: int
) -> None:
    zone, at = start
    earliest, deadline = at + odd, at + length * MINUTE
    assert solve(earliest, deadline, zone, allowed=allowed).at == _walked(earliest, deadline, zone, allowed)


@examples(60)
@given(NEAR_TRANSITIONS, MASKS, MASKS, st.integers(0, 50 * 60))
def test_active_hours_are_a_preference(start: tuple[str, int], allowed: int, active: int, length: int) -> None:
    zone, at = start
    deadline = at + length * MINUTE
    solved = solve(at, deadline, zone, allowed=allowed, active=active)
    preferred = _walked(at, deadline, zone, allowed & active)
    assert solved.at == (preferred if preferred is not None else _walked(at, deadline, zone, allowed))
    assert solved.trace
    assert (solved.at is None) == (solved.reason == "no_moment")


def test_the_quarter_to_three_of_chatham() -> None:
    """Its clocks go from 02:45 to 03:45: the third hour has fifteen minutes, and the fourth begins in full."""
    earliest = parse_instant("2026-09-27T01:00:00+12:45")
    solved = solve(earliest, earliest + 6 * HOUR, "Pacific/Chatham", allowed=1 << 3)
    assert solved.at == parse_instant("2026-09-27T02:45:00+12:45") == parse_instant("2026-09-27T03:45:00+13:45")


def test_an_hour_that_comes_twice_counts_twice() -> None:
    """In Chatham 03:45 becomes 02:45: an hour's last quarter comes again."""
    earliest = parse_instant("2026-04-05T03:00:00+13:45")
    again = parse_instant("2026-04-05T02:45:00+12:45")
    assert solve(earliest, again, "Pacific/Chatham", allowed=1 << 2).at == again


def test_an_hour_that_does_not_exist_waits_for_the_next_day() -> None:
    earliest = parse_instant("2026-03-29T00:30:00+00:00")
    solved = solve(earliest, earliest + 2 * DAY, "Europe/London", allowed=1 << 1)
    assert solved.at == parse_instant("2026-03-30T01:00:00+01:00")
    assert solve(earliest, earliest + 20 * HOUR, "Europe/London", allowed=1 << 1).at is None


def test_quiet_hours_over_midnight() -> None:
    mask = quiet_mask(Settings(), "marketing")
    evening = parse_instant("2026-03-04T22:30:00+08:00")
    assert solve(evening, evening + DAY, "Asia/Shanghai", allowed=mask).at == parse_instant("2026-03-05T08:00:00+08:00")
    day = parse_instant("2026-03-04T20:59:59+08:00")
    assert solve(day, day + DAY, "Asia/Shanghai", allowed=mask).at == day
    assert quiet_mask(Settings(), "service") == ALL_HOURS


@pytest.mark.parametrize(
    ("quiet_from", "until", "allowed"),
    [
        (21, 8, range(8, 21)),
        (0, 0, range(24)),
        (12, 14, [*range(12), *range(14, 24)]),
        (0, 24, []),
        (24, 8, range(8, 24)),
        (22, 0, range(22)),
        (23, 24, range(23)),
    ],
)
def test_quiet_hours_as_set(quiet_from: int, until: int, allowed: list[int]) -> None:
    mask = quiet_mask(Settings(quiet_from_hour=quiet_from, quiet_until_hour=until), "marketing")
    assert [hour for hour in range(24) if mask >> hour & 1] == list(allowed)


def test_no_allowed_hour_is_said_at_once() -> None:
    assert solve(0, 400 * DAY, "UTC", allowed=0).at is None


@examples(60)
@given(st.lists(st.integers(0, 8 * 24), max_size=12), st.integers(1, 4), st.integers(1, 9))
def test_a_cap_window_rolls(sent: list[int], per_day: int, per_week: int) -> None:
    sends = [Send(at=hour * HOUR, reminder=f"r{number}", channel="email") for number, hour in enumerate(sent)]
    windows = caps(Settings(marketing_cap_per_day=per_day, marketing_cap_per_week=per_week), "marketing")
    last = max((send.at for send in sends), default=0)

    def fits(at: int) -> bool:
        return all(sum(at - window < send.at <= at for send in sends) < most for window, most in windows)

    free = max(free_from(sends, windows), last)
    assert fits(free)
    assert all(not fits(at) for at in range(last, free, HOUR))


def test_service_messages_have_no_cap() -> None:
    sends = [Send(at=1, reminder=f"r{number}", channel="email") for number in range(16)]
    assert free_from(sends, caps(Settings(), "service")) == 0


def test_a_message_does_not_cap_itself() -> None:
    sends = [Send(at=HOUR, reminder="r1", channel="email"), Send(at=2 * HOUR, reminder="r2", channel="email")]
    windows = ((DAY, 2),)
    assert free_from(sends, windows) == HOUR + DAY
    assert free_from(sends, windows, except_for="r1") == 0


def _seen(at: int, *utc_hours: int) -> Engagement:
    return Engagement(viewer="u1", about="x", first_at=at, last_at=at, hours=sum(1 << hour for hour in utc_hours))


def test_active_hours_are_the_viewers_own_and_one_on_either_side() -> None:
    at = parse_instant("2026-03-04T12:00:00Z")
    mask = active_mask([_seen(at, 12), _seen(at, 15)], "Asia/Shanghai")
    assert [hour for hour in range(24) if mask >> hour & 1] == [0, 19, 20, 21, 22, 23]
    kathmandu = active_mask([_seen(at, 12, 13)], "Asia/Kathmandu")
    assert [hour for hour in range(24) if kathmandu >> hour & 1] == [16, 17, 18, 19]


def test_too_little_seen_says_nothing() -> None:
    assert active_mask([], "UTC") == ALL_HOURS
    assert active_mask([_seen(0, 12)], "UTC") == ALL_HOURS


def test_the_trace_can_be_read() -> None:
    evening = parse_instant("2026-03-04T22:30:00+08:00")
    moved = solve(evening, evening + DAY, "Asia/Shanghai", allowed=hours(8, 21), active=hours(10, 12))
    assert moved.trace == (
        "2026-03-05T10:00:00+08:00 Asia/Shanghai: moved from 2026-03-04T22:30:00+08:00 (10-12, in active hours)"
    )
    assert "at once" in solve(evening, evening + SECOND, "Asia/Shanghai", allowed=ALL_HOURS).trace
