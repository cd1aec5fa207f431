"""Admission: never more than the queue may hold, evenly over the shards, and in the end every row that is due."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import MINUTE, SECOND
from aftershow.rules.admission import CURSORS_HOLD, HORIZON, Cursors, DueRow, admit, capacity, still_good
from tests.unit.samples import START, examples


def row(name: str, due: int = START) -> DueRow:
    return DueRow.of(f"{due:015d}#v{name}#r{name}")


@examples(100)
@given(
    st.dictionaries(st.integers(0, 9), st.lists(st.integers(-60, 300), max_size=12), max_size=8),
    st.integers(0, 40),
)  # fmt: skip
def test_never_more_than_there_is_room_for_and_evenly(shards: dict[int, list[int]], room: int) -> None:
    rows = {
        shard: [row(f"{shard}-{number:02d}", START + second * SECOND) for number, second in enumerate(sorted(seconds))]
        for shard, seconds in shards.items()
    }
    chosen, cursors = admit(rows, Cursors(since=START), room, START)
    due = {shard: [one for one in listed if one.due <= START + HORIZON] for shard, listed in rows.items()}
    assert len(chosen) == min(room, sum(map(len, due.values())))
    assert len({one.reminder for one in chosen}) == len(chosen)
    taken = {shard: [one for one in listed if one in chosen] for shard, listed in due.items()}
    for shard, listed in due.items():
        # Without a gap, from the front: the cursor may stand behind the last.
        assert taken[shard] == listed[: len(taken[shard])]
        assert cursors.behind.get(str(shard)) == (taken[shard][-1].sort if taken[shard] else None)
    for shard, listed in due.items():
        if len(taken[shard]) < len(listed):
            assert all(len(other) <= len(taken[shard]) + 1 for other in taken.values())


def test_with_less_room_than_shards_the_oldest_go_first() -> None:
    rows = {shard: [row(f"{shard}", START - shard * SECOND)] for shard in range(8)}
    chosen, _ = admit(rows, Cursors(since=START), 3, START)
    assert [one.due for one in chosen] == [START - 7 * SECOND, START - 6 * SECOND, START - 5 * SECOND]


def test_a_steady_flow_in_some_shards_starves_no_other() -> None:
    waiting, cursors = row("waits", START), Cursors(since=START)
    for tick in range(1, 4):
        now = START + tick * MINUTE
        rows = {shard: [row(f"{shard}-{tick}", now)] for shard in range(6)} | {7: [waiting]}
        chosen, cursors = admit(rows, cursors, 6, now)
        if waiting in chosen:
            return
    pytest.fail("it waits for ever")


@pytest.mark.parametrize(
    ("rate", "waiting", "room"), [(14, 0, 1_680), (14, 1_680, 0), (14, 9_999, 0), (0.5, 10, 50), (0.001, 0, 1)]
)
def test_a_queue_holds_two_minutes_of_its_rate_and_never_none(rate: float, waiting: int, room: int) -> None:
    assert capacity(rate, waiting) == room


def test_cursors_are_forgotten_when_the_queue_is_empty_or_they_are_old() -> None:
    cursors = Cursors(since=START, behind={"1": "x"})
    assert still_good(cursors, 5, START + CURSORS_HOLD) == cursors
    assert still_good(cursors, 0, START + 1) == Cursors(since=START + 1)
    assert still_good(cursors, 5, START + CURSORS_HOLD + 1) == Cursors(since=START + CURSORS_HOLD + 1)


@examples(25)
@given(
    st.integers(1, 12), st.integers(0, 250), st.floats(0.02, 1.0), st.integers(0, 100), st.integers(0, 1),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_every_due_row_is_sent_in_the_end_though_messages_are_lost(
    shards: int,
    number: int,
    rate: float,
    loss_percent: int,
    more_each_tick: int,
    chance: random.Random,
) -> None:
    moments = [START + chance.randint(0, 600) * SECOND for _ in range(number)]
    open_rows = {f"{one}": (one % shards, row(f"{one}", due)) for one, due in enumerate(moments)}
    first = set(open_rows)
    queue: list[str] = []
    cursors, now = Cursors(), START
    a_minute = max(int(rate * 60), 1)
    # Messages are lost through the first half; the second is twice what the rate needs, and some to forget cursors.
    ticks = 2 * (2 * number // a_minute + 60)
    for tick in range(ticks):
        cursors = still_good(cursors, len(queue), now)
        due: dict[int, list[DueRow]] = {shard: [] for shard in range(shards)}
        for shard, one in sorted(open_rows.values(), key=lambda value: value[1].sort):
            if one.sort > cursors.behind.get(str(shard), ""):
                due[shard].append(one)
        room = capacity(rate, len(queue))
        chosen, cursors = admit(due, cursors, room, now)
        assert len(chosen) <= room
        lost = loss_percent if tick < ticks // 2 else 0
        queue += [one.reminder.removeprefix("r") for one in chosen if chance.random() * 100 >= lost]
        for name in queue[:a_minute]:
            open_rows.pop(name, None)
        queue = queue[a_minute:]
        for _ in range(more_each_tick):
            # Others become due all the time in the first shard: they may not starve the rest.
            name = f"more{tick}"
            open_rows[name] = (0, row(name, now))
        now += MINUTE
    assert not first & set(open_rows)
