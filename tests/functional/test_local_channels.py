"""Local runs reach nobody: a channel whose provider has no stand-in here writes its messages to disk."""

from __future__ import annotations

import json
from pathlib import Path

from aftershow.model.messages import Sms
from aftershow.ports.channels import Accepted, Outgoing
from infra.local.embedded import EmbeddedState
from infra.local.host import LocalHost
from infra.local.runs import TEMPLATE
from tests.functional.tiny import START

WITH_SMS = {"SmsProvider": "aliyun", "Channels": "sms,email", "ChannelSecret": "on"}


def test_a_text_message_of_a_local_run_is_a_file(tmp_path: Path) -> None:
    """With a provider set, whose keys a local run neither has nor needs."""
    host = LocalHost(
        TEMPLATE,
        EmbeddedState(":memory:", lambda: START),
        parameters=WITH_SMS,
        seed=7,
        start_at=START,
        folder=tmp_path / "messages",
    )
    try:
        message = Outgoing("+8613800000000", Sms("买到了"), tags={"reminder": "r1", "attempt": "1"})
        answer = host.ports("send_message").channels["sms"].send(message)
    finally:
        host.close()
    assert answer == Accepted("r1-1.json")
    written = json.loads((tmp_path / "messages" / "sms" / "r1-1.json").read_text(encoding="utf-8"))
    assert (written["to"], written["sms"]["text"]) == ("+8613800000000", "买到了")


def test_without_a_folder_there_is_no_such_channel() -> None:
    host = LocalHost(TEMPLATE, EmbeddedState(":memory:", lambda: START), parameters=WITH_SMS, seed=7, start_at=START)
    try:
        assert set(host.ports("send_message").channels) == {"email"}
    finally:
        host.close()
