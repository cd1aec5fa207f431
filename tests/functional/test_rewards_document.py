"""The rewards API answers as its own document says, whatever is asked of it: schemathesis against `up`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.openapi import document
from infra.local.tools import SCHEMATHESIS, tool
from tests.functional.running import eventually, up

EXAMPLES_OF_AN_OPERATION = 40
# Half of what is asked is about somebody who has points.
KNOWN_VIEWER = """
[parameters]
"path.viewer" = "lan"
"""
# A step that follows a link takes its values from there, also where it was meant to bring wrong ones.
STEPS = """
[phases.stateful.checks]
negative_data_rejection.enabled = false
"""


@pytest.mark.slow
@pytest.mark.allow_hosts(["127.0.0.1", "::1"])
@pytest.mark.parametrize("config", [KNOWN_VIEWER, ""], ids=["known viewer", "anybody"])
def test_the_api_keeps_its_document(config: str, tmp_path: Path) -> None:
    """Every answer has a status, a content type and a body of the document; nothing ends in a server error; what the
    document forbids is refused; what was made can be found."""
    asked, settings = tmp_path / "rewards.json", tmp_path / "schemathesis.toml"
    # No signature is checked on this machine: API Gateway does that.
    asked.write_text(json.dumps({**document(), "security": []}), encoding="utf-8")
    settings.write_text(config + STEPS, encoding="utf-8")
    with up(tmp_path / "shop.db", "--quiet") as server:
        ordered = {"order_id": "o1", "total": "5000.00", "currency": "CNY"}
        message = {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "lan"}
        assert server.post({**message, "properties": ordered}) == 200
        path = "/rewards/viewers/lan/balance"
        eventually(lambda: server.request("GET", path)[0], 200)
        command = [
            str(tool(*SCHEMATHESIS).bin / "schemathesis"), "--config-file", str(settings), "run", str(asked),
            "--url", server.url, "--max-examples", str(EXAMPLES_OF_AN_OPERATION), "--seed", "7", "--no-color",
            # API Gateway has one answer to whatever it has no route for: 404.
            "--exclude-checks", "unsupported_method",
        ]  # fmt: skip
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
        told = json.loads(server.request("GET", path)[2])
    sys.stdout.write(ran.stdout[ran.stdout.find("SUMMARY") :])
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert told["balance"]["value"] == told["available"]["value"] + told["reserved"]["value"]
    # It did reserve.
    assert (told["available"]["value"] < 5000) == bool(config)
