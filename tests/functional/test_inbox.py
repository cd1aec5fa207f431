"""The inbox of staff by its commands: what waits, what was written, what is closed; where providers report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftershow.model.instants import HOUR, MINUTE
from aftershow.rules.replies import Reply
from aftershow.services.replying import take_reply
from infra.local import inbox, runs
from infra.local.clock import real_now


def asked(*words: str, status: int = 0) -> Result:
    run = CliRunner().invoke(inbox.app, words)
    assert run.exit_code == status, run.output
    return run


def listed(*words: str, status: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(asked("list", *words, "--json", "-", status=status).stdout)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A shop's file in which somebody unknown asked whether the tea is genuine, hours ago, and another just now."""
    file, now = tmp_path / "shop.db", real_now()
    run = runs.going_on(file, now=lambda: now)
    for number, at in enumerate((now - 5 * HOUR, now - MINUTE)):
        reply = Reply(f"i{number}", "sms", f"+861390000123{number}", "是正品吗？我叫王小美", at)
        take_reply(run.host.ports("track_outcome"), reply)
    run.close()
    return file


def test_what_waits_is_listed_by_when_it_is_due_and_overdue_is_told(data: Path) -> None:
    where = ("--data", str(data))
    first, second = listed(*where, status=1)["tasks"]
    assert (first["kind"], first["obstacle"], first["overdue"], second["overdue"]) == ("doubt", "trust", True, False)
    assert first["due_at"] < second["due_at"]
    table = asked("list", *where, status=1).output
    assert "overdue by" in table
    # What she wrote is shown where one looks at it.
    assert "王小美" not in table
    assert "王小美" in asked("show", first["id"][:6], *where).output


def test_a_closed_task_keeps_no_text_and_counts_for_the_share_in_time(data: Path) -> None:
    where = ("--data", str(data))
    late, timely = listed(*where, status=1)["tasks"]
    assert "late" in asked("close", late["id"], "--note", "called", *where).output
    assert "in time" in asked("close", timely["id"], "--note", "called", *where).output
    told = listed("--closed", *where)
    assert (told["closed"], told["closed_on_time"], told["wanted_percent"]) == (2, 1, 95)
    assert "closed in time: 1 of 2 (50.0 %; wanted: 95 %)" in asked("list", *where).output
    shown = asked("show", late["id"], *where).output
    assert "王小美" not in shown
    assert "called" in shown
    asked("close", late["id"], "--note", "again", *where, status=1)
    asked("show", "nothing", *where, status=1)


def test_where_providers_report_is_a_secret_of_the_shop(data: Path) -> None:
    lines = asked("callbacks", "--data", str(data)).output.split()
    assert [line.rpartition("/")[0].rpartition("/")[2] for line in lines[1::2]] == ["aliyun", "tencent"]
    assert len({line.rpartition("/")[2] for line in lines[1::2]}) == 2
