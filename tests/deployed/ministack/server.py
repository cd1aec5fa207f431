"""ministack, an emulator of AWS, as a process of its own on a free loopback port.

It runs the functions on its own interpreter, so that is the Lambda runtime's version.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from aftershow.model.settings import environment
from infra.local import tools

REGION = "eu-central-1"
MINISTACK = ("ministack", ("ministack==1.5.33", "aws-sam-translator==1.115.0", "boto3==1.43.106"))
STARTS_WITHIN_SECONDS = 30
# One session, since each loads the services' descriptions anew. ministack takes this key for the account's root.
SESSION = botocore.session.get_session()
SESSION.set_credentials("test", "test")


def clean(*also: str) -> dict[str, str]:
    """The environment without what would lead an SDK to a real account; ministack passes it on to functions."""
    return {name: value for name, value in environment().items() if not name.startswith(("AWS_", *also))}


@dataclass(frozen=True, slots=True)
class Server:
    """A running ministack."""

    port: int
    folder: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, *, attempts: int = 3, connections: int = 10, account: int = 0) -> Any:
        """A client of one service. Where roles aren't enforced, each account has a world of its own."""
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"}, max_pool_connections=connections)
        key = {"aws_access_key_id": f"{account:012d}", "aws_secret_access_key": "test"} if account else {}
        return SESSION.create_client(service, region_name=REGION, endpoint_url=self.url, config=config, **key)

    def get(self, path: str) -> Any:
        """What ministack says about itself, as JSON."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:  # noqa: S310 (loopback)
            return json.load(answer)

    def calls(self) -> list[Mapping[str, Any]]:
        """The calls of functions so far: who, action, resource, denied. Only where rights are enforced."""
        return [json.loads(line) for line in (self.folder / "calls").read_text(encoding="utf-8").splitlines()]

    def log(self) -> str:
        """What ministack printed."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def serving(folder: Path, *, enforced: bool) -> Iterator[Server]:
    """ministack in an empty state; `enforced`: functions may do what their roles say and nothing else."""
    try:
        python = tools.tool(*MINISTACK).python
    except tools.ToolError as error:
        pytest.fail(str(error), pytrace=False)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Server(port, folder)
    (folder / "calls").touch()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AUTH": str(enforced).lower(),
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "IOT_MTLS_ENABLED": "0",
        "AWS_ENDPOINT_URL": server.url,
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 (no shell)
            [python, "-P", Path(__file__).with_name("launcher.py"), folder / "calls"],
            stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder, env={**clean("PYTHON"), **settings},
            start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(server, process)
            yield server
        finally:
            # The group: functions run as its processes.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    for _ in range(STARTS_WITHIN_SECONDS * 10):
        with contextlib.suppress(OSError):
            server.get("/_ministack/health")
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"ministack doesn't answer:\n{server.log()[-2000:]}", pytrace=False)
