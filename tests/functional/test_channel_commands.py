"""`aftershow channels`: how channels stand, and opening one that its provider closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aftershow.services import health
from infra.local import cli, runs


def channels(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli.app, ["channels", *words, "--data", str(data)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "shop.db"
    named = ("--name", "Tea", "--sender", "shop@tea.example", "--channels", "email,file")
    where = ("--config", str(tmp_path / "samconfig.toml"), "--data", str(file))
    assert CliRunner().invoke(cli.app, ["init", *named, *where]).exit_code == 0
    return file


def test_a_shop_sees_who_carries_its_messages_how_fast_and_for_how_much(data: Path) -> None:
    told = json.loads(channels(data, "list", "--json", "-").stdout)
    assert [(one["channel"], one["provider"], one["state"]) for one in told] == [
        ("email", "ses", "works"),
        ("file", "file", "works"),
    ]
    assert (told[0]["price"], told[0]["per_second"]) == ("0.0001 USD", 14)
    assert "正常" in channels(data, "list", "--locale", "zh-CN").output


def test_a_closed_channel_is_shown_and_opened(data: Path) -> None:
    run = runs.opened(data)
    health.close(run.host.ports("send_message"), "email", "endpoint_gone")
    run.close()
    listed = channels(data, "list")
    assert listed.exit_code == 1
    assert "the provider closed the channel: the endpoint is gone (20" in " ".join(listed.output.split())
    assert channels(data, "open", "email").output == "email is open again\n"
    assert channels(data, "open", "email").output == "email was open: nothing to do\n"
    assert channels(data, "list").exit_code == 0


def test_a_channel_that_is_not_in_use_is_refused(data: Path) -> None:
    refused = channels(data, "open", "pigeon")
    assert (refused.exit_code, "pigeon is not in use: there are email, file" in refused.output) == (2, True)
