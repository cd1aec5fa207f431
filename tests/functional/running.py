"""The command line as a process of its own: to its end, or `aftershow up` and what it left behind."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import viewer_id
from aftershow.ports import keys
from infra.local import runs

ROOT = Path(__file__).resolve().parents[2]
HEADERS = {"content-type": "application/json", "authorization": f"Basic {base64.b64encode(b'local:').decode()}"}
# Generous: eight of these may run on two cores.
PATIENCE_SECONDS = 40
SHOW = "spring"


def aftershow(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line as the wrapper does, to its end, which must have this exit code."""
    command = [sys.executable, "-P", "-m", "infra.local.cli", *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
    assert run.returncode == status, run.stderr
    return run


@dataclass
class Up:
    """A server that runs. `said` grows by the lines that it prints."""

    process: subprocess.Popen[str]
    port: int
    data: Path
    said: list[str]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, headers: Mapping[str, str] = HEADERS, body: bytes = b""
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            reply = connection.getresponse()
            return reply.status, {name.lower(): text for name, text in reply.getheaders()}, reply.read()
        finally:
            connection.close()

    def post(self, *events: Mapping[str, Any]) -> int:
        """A batch; its status."""
        return self.request("POST", "/v1/batch", HEADERS, json.dumps({"batch": events}).encode())[0]

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def up(data: Path, *options: str) -> Iterator[Up]:
    """A server on a free port; it's killed at the end if it still runs."""
    command = [sys.executable, "-P", "-m", "infra.local.cli", "up", "--port", "0", "--data", str(data), *options]
    process = subprocess.Popen(  # noqa: S603 (our own words)
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said: list[str] = []
    reading = Thread(target=lambda: said.extend(process.stdout or ()), daemon=True)
    try:
        for line in process.stdout:
            said.append(line)
            found = re.search(r"aftershow is up on http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        else:
            raise AssertionError("".join(said))
        reading.start()
        yield Up(process, int(found[1]), data, said)
    finally:
        process.kill()
        process.wait()
        reading.join(PATIENCE_SECONDS)
        process.stdout.close()


def event(name: str = "Live Liked", /, user: str = "lan", number: int = 0, **properties: object) -> dict[str, Any]:
    """A track message of the show, without a time of its own."""
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"{name}-{user}-{number}",
        "properties": {"show_id": SHOW, **properties},
    }


def counts(data: Path, user: str, kind: str = "user", show: str = SHOW) -> dict[Kind, int]:
    """What is known of a viewer in the show, read beside the running server."""
    run = runs.opened(data)
    try:
        item = run.host.store.get(keys.engagement(viewer_id(kind, user), keys.about_show(show)))
        return Engagement.read(item.body).counts() if item else {}
    finally:
        run.state.close()


def eventually(look: Callable[[], object], wanted: object, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """Look until it is as wanted; the last look decides."""
    end = time.monotonic() + patience_seconds
    while (found := look()) != wanted and time.monotonic() < end:
        time.sleep(0.1)
    assert found == wanted


def without(lines: Sequence[str], *words: str) -> bool:
    """Whether none of the words stands in the lines."""
    return not [line for line in lines for word in words if word in line]
