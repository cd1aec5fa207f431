"""1,000,000 reminders through a stub at a declared limit of 500 a second: none is lost, none repeated, and the throttle
is kept to 1 %. See `sending_world` for what runs."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from aftershow.model.instants import SECOND, iso, parse_instant
from tests.benchmarks.sending_world import TWICE_EVERY, send_all

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

# Nine in the morning in Shanghai: no quiet hour comes in between.
BEGINS = parse_instant("2026-03-06T09:00:00+08:00")
RATE, WORKERS, SEND_MS = 500, 16, 20
WINDOW_SECONDS = 10


@pytest.mark.parametrize(
    ("number", "spread_seconds"),
    [(100_000, 0), pytest.param(1_000_000, 0, marks=pytest.mark.slow), (100_000, 250)],
    ids=["100,000 at once", "1,000,000 at once", "100,000 over 250 s"],
)
def test_none_is_lost_none_repeated_and_the_throttle_is_kept(
    number: int, spread_seconds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    done = send_all(number, RATE, WORKERS, SEND_MS, BEGINS, spread_seconds)
    assert 0 not in done.handed_over
    assert done.repeated == 0
    windows = Counter((at - BEGINS) // (WINDOW_SECONDS * SECOND) for at in done.handed_over)
    most = max(windows.values())
    assert most <= RATE * WINDOW_SECONDS * 1.01
    # But for the first and the last of them, none stays empty while there is work.
    inner = [windows[one] for one in range(1, max(windows) - 1)]
    if not spread_seconds:
        assert min(inner) >= RATE * WINDOW_SECONDS * 0.99
    late = sorted(at - due for at, due in zip(done.handed_over, done.dues, strict=True))
    took = (max(done.handed_over) - BEGINS) / SECOND
    with capsys.disabled():
        sys.stdout.write(
            f"\n{number:,} reminders due within {spread_seconds} s from {iso(BEGINS)}, {RATE} a second, {WORKERS} "
            f"workers, {SEND_MS} ms a send: {number:,} sent once each in {took:,.1f} s ({number / took:,.1f} a "
            f"second), {done.ticks} ticks, {done.admitted:,} queue messages, one in {TWICE_EVERY:,} of them delivered "
            f"twice; in windows of {WINDOW_SECONDS} s {min(inner):,} to {most:,} of {RATE * WINDOW_SECONDS:,}; "
            f"late by {late[len(late) // 2] / SECOND:,.1f} s (median), {late[len(late) * 99 // 100] / SECOND:,.1f} s "
            f"(99 %), {late[-1] / SECOND:,.1f} s (most)\n"
        )
