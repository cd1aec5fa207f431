"""Moments are one number inside, and the same moment again whichever zone they were written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import HOUR, MINUTE, at_zone, is_zone, iso, parse_instant
from tests.unit.samples import examples

ZONES = ["UTC", "Europe/London", "Pacific/Chatham", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"]
# The clocks of London go back.
BACK = parse_instant("2026-10-25T01:00:00Z")


@examples(200)
@given(st.integers(0, 4_000_000_000_000) | st.integers(BACK - 2 * HOUR, BACK + 2 * HOUR), st.sampled_from(ZONES))
def test_what_is_written_reads_back(instant: int, zone: str) -> None:
    assert parse_instant(iso(instant, zone)) == instant
    assert at_zone(instant, zone).timestamp() == instant / 1000


def test_the_hour_that_comes_twice_is_told_apart() -> None:
    assert iso(BACK - 30 * MINUTE, "Europe/London") == "2026-10-25T01:30:00+01:00"
    assert iso(BACK + 30 * MINUTE, "Europe/London") == "2026-10-25T01:30:00+00:00"
    assert iso(BACK + 30 * MINUTE + 5, "Europe/London") == "2026-10-25T01:30:00.005+00:00"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-04T12:00:00Z", "2026-03-04T20:00:00+08:00"),
        ("2026-03-04T12:00:00", "2026-03-04T12:00:00Z"),
        ("2026-03-04T12:00:00.123456Z", "2026-03-04T12:00:00.123Z"),
        ("2026-03-04", "2026-03-04T00:00:00Z"),
    ],
)
def test_ways_to_write_a_moment(text: str, same: str) -> None:
    assert parse_instant(text) == parse_instant(same)


@pytest.mark.parametrize("text", ["", "yesterday", "12:00", "2026-13-01", "1772625600000", "2026-03-04T25:00:00Z"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_instant(text)


@pytest.mark.parametrize("name", ["Asia/Shanghai", "UTC", "Pacific/Chatham"])
def test_zones(name: str) -> None:
    assert is_zone(name)


@pytest.mark.parametrize("name", ["", "Europe", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "a\0b", "x" * 9_999])
def test_what_is_no_zone(name: str) -> None:
    assert not is_zone(name)
