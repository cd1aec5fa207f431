"""Going on with what a run left, in real time."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from infra.local import runs
from infra.local.clock import real_now
from infra.local.programme import DAY_MS
from infra.local.telling import summary

# 2026-03-06 11:00 UTC.
NOW = 1_772_794_800_000
IDENTIFY = b'{"userId": "u1", "messageId": "m1", "traits": {"email": "anna@example.com"}, "writeKey": "local"}'


def quiet(*_: object) -> None:
    """No progress."""


def opened(data: Path, now: int = NOW, **parameters: str) -> runs.Run:
    return runs.going_on(data, parameters=parameters, now=lambda: now)


def sent(run: runs.Run, body: bytes) -> int:
    return run.host.request("POST", "/v1/identify", {"content-type": "application/json"}, body).status


def test_a_new_file_is_a_shop_with_a_catalog_and_a_write_key(tmp_path: Path) -> None:
    run = opened(tmp_path / "new" / "shop.db")
    assert run.host.now == NOW
    assert run.records().playbooks
    assert sent(run, IDENTIFY) == 200
    run.close()


def test_what_demo_left_goes_on_and_what_fell_due_meanwhile_has_happened(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    run = runs.demo(30, 7, 2, data, quiet)
    ended, told = run.host.now, summary(run.records(), run.tally, run.begins_at, synthetic=True)
    due_later = [row for row in run.records().reminders if row.outcome is None]
    assert due_later
    run.close()

    later = opened(data, ended + 60 * DAY_MS)
    assert later.host.now == ended + 60 * DAY_MS
    records = later.records()
    still_open = {row.id for row in records.reminders if row.outcome is None}
    assert not still_open & {row.id for row in due_later}
    again = summary(records, later.tally, later.begins_at, synthetic=True)
    assert (again.ledger.earned, again.viewers) == (told.ledger.earned, told.viewers)
    assert len(again.messages) > len(told.messages)
    later.close()


def test_a_shops_own_file_is_never_wiped(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    runs.demo(5, 7, 1, data, quiet).close()
    run = opened(data, NOW + 30 * DAY_MS)
    assert sent(run, IDENTIFY) == 200
    run.close()
    with pytest.raises(runs.CannotRun, match="a shop's own"):
        runs.demo(5, 7, 1, data, quiet)
    lines = tmp_path / "events.ndjson"
    lines.write_text(
        json.dumps(
            {
                "type": "track",
                "event": "Live Liked",
                "anonymousId": "a",
                "messageId": "x",
                "timestamp": "2026-03-06T11:00:00Z",
            }
        )
        + "\n"
    )
    with pytest.raises(runs.CannotRun, match="a shop's own"):
        runs.replay([lines], "segment", data, quiet)
    again = opened(data, NOW + 31 * DAY_MS)
    assert again.records().find("anna@example.com")
    again.close()


def test_what_was_acknowledged_before_a_crash_is_there_afterwards(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    run = opened(data)
    assert sent(run, IDENTIFY) == 200
    # No close: the process dies before it works anything off.
    again = opened(data, NOW + 1000)
    assert again.records().find("u1")
    again.close()
    run.close()


def test_a_clock_that_is_ahead_stays_where_it_was_left(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    opened(data, NOW).close()
    run = opened(data, NOW - 5 * DAY_MS)
    assert run.host.now == NOW
    run.close()


def test_parameters_are_kept(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    opened(data, ShopName="Lan's tea", ShopCurrency="EUR").close()
    opened(data, ShopName="Lan's other tea").close()
    run = opened(data)
    settings = run.records().settings
    assert (settings.shop_name, settings.shop_currency) == ("Lan's other tea", "EUR")
    run.close()


@pytest.mark.parametrize("content", [b"my own notes", b""])
def test_files_of_others_are_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    mine = tmp_path / "mine.db"
    mine.write_bytes(content)
    with pytest.raises(runs.CannotRun, match="left alone"):
        opened(mine)
    assert mine.read_bytes() == content


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "mine.db"
    with sqlite3.connect(mine) as database:
        database.execute("CREATE TABLE notes (name TEXT, text TEXT)")
    with pytest.raises(runs.CannotRun, match="left alone"):
        opened(mine)


def test_the_real_clock_is_the_usual_one(tmp_path: Path) -> None:
    before = real_now()
    run = runs.going_on(tmp_path / "state.db")
    assert before <= run.host.now <= real_now()
    run.close()
