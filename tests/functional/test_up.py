"""`aftershow up`: real HTTP over loopback, in real time, and nothing lost."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aftershow.model.engagements import Kind
from aftershow.model.instants import MINUTE
from infra.local import runs
from infra.local.clock import real_now
from tests.functional.running import HEADERS, PATIENCE_SECONDS, ROOT, Up, counts, event, eventually, up, without

pytestmark = pytest.mark.allow_hosts(["127.0.0.1", "::1"])

JSON_BODY = json.dumps({"batch": [event()]}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("up") / "shop.db") as running:
        yield running


@pytest.fixture
def connection(server: Up) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    yield made
    made.close()


def test_the_printed_command_works_and_its_event_is_worked_off_at_once(server: Up) -> None:
    """What is shown to a newcomer is tried: method, headers and body are curl's arguments."""
    said = "".join(server.said)
    line = re.search(r"curl (.*?\n.*?)\n", said)
    assert line is not None
    words = shlex.split(line[1].replace("\\\n", " "))
    body = words[words.index("-d") + 1]
    assert words[:3] == ["-u", "local:", f"{server.url}/v1/track"]
    assert server.request("POST", "/v1/track", HEADERS, body.encode())[0] == 200
    eventually(lambda: counts(server.data, "me", "anonymous", "first"), {Kind.ENTERED: 1})


def test_a_connection_serves_many_requests(connection: http.client.HTTPConnection) -> None:
    for number in range(3):
        connection.request("POST", "/v1/batch", json.dumps({"batch": [event(number=number)]}), HEADERS)
        reply = connection.getresponse()
        assert (reply.status, json.loads(reply.read())) == (200, {"success": True})
        assert connection.sock is not None, "it was closed"


def test_a_body_in_chunks(server: Up, connection: http.client.HTTPConnection) -> None:
    body = json.dumps({"batch": [event(user="chunks")]}).encode()
    connection.request("POST", "/v1/batch", iter([body[:7], body[7:]]), HEADERS, encode_chunked=True)
    assert connection.getresponse().status == 200
    eventually(lambda: counts(server.data, "chunks"), {Kind.LIKED: 1})


def test_head_has_no_body(connection: http.client.HTTPConnection) -> None:
    connection.request("HEAD", "/v1/batch")
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (404, b"")


def test_a_browsers_question(server: Up) -> None:
    asking = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    status, headers, body = server.request("OPTIONS", "/v1/t", asking)
    assert (status, headers["access-control-allow-origin"], body) == (204, "*", b"")
    assert "content-type" in headers["access-control-allow-headers"]


def test_more_than_ten_megabytes(server: Up) -> None:
    """Refused as API Gateway does it; the caller hears it though it was still sending."""
    status, _, body = server.request("POST", "/v1/batch", HEADERS, b" " * (10 * 1024 * 1024 + 1))
    assert (status, json.loads(body)) == (413, {"message": "Request Entity Too Large"})


def test_no_http_at_all(server: Up) -> None:
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as raw:
        raw.sendall(b"\x16\x03\x01 this is TLS\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert server.post(event()) == 200


def test_slow_clients_hold_up_nobody(server: Up) -> None:
    """Twenty that never end their request, and one that gets its answer."""
    slow = [socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) for _ in range(20)]
    for each in slow:
        each.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert server.post(event()) == 200
    for each in slow:
        each.close()
    assert server.post(event()) == 200


def test_many_clients_at_once(server: Up) -> None:
    """Each event counts once, whoever sends it."""

    def send(client: int) -> set[int]:
        return {server.post(*(event(user=f"c{client}", number=5 * turn + k) for k in range(5))) for turn in range(10)}

    with ThreadPoolExecutor(8) as clients:
        assert set.union(*clients.map(send, range(8))) == {200}
    for client in range(8):
        eventually(lambda name=f"c{client}": counts(server.data, name), {Kind.LIKED: 50})  # type: ignore[misc]


def test_localhost_is_the_same_server(server: Up) -> None:
    """Node asks ::1 first where there is one."""
    try:
        raw = socket.create_connection(("::1", server.port), PATIENCE_SECONDS)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with raw:
        raw.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 404")


def test_what_is_printed_names_nobody(server: Up) -> None:
    """Neither what was sent, nor a token of a path."""
    secret = "lan.secret@example.com"  # noqa: S105 (an address)
    identify = {"userId": secret, "traits": {"email": secret, "name": "兰小姐"}, "messageId": "m-secret"}
    assert server.request("POST", "/v1/identify", HEADERS, json.dumps(identify).encode())[0] == 200
    assert server.request("GET", "/c/secret-token", {})[0] == 404
    assert server.request("GET", "/secret-path", {})[0] == 404
    assert server.request("POST", f"/v1/{secret}", HEADERS, b"{}")[0] == 404
    eventually(lambda: "(no route)" in "".join(server.said), wanted=True)
    assert "/v1/identify" in "".join(server.said)
    assert "/c/{token}" in "".join(server.said)
    assert without(server.said, "secret", "兰")


def test_a_taken_port_is_refused_in_words(server: Up, tmp_path: Path) -> None:
    data = tmp_path / "other.db"
    run = aftershow("up", "--port", str(server.port), "--data", str(data))
    assert run.returncode == 2
    assert "something else listens there" in run.stderr
    assert "--port" in run.stderr
    assert not data.exists()


def test_a_file_of_somebody_else_is_refused_in_words(tmp_path: Path) -> None:
    mine = tmp_path / "mine.db"
    mine.write_text("my own notes")
    run = aftershow("up", "--port", "0", "--data", str(mine))
    assert (run.returncode, mine.read_text()) == (2, "my own notes")
    assert "left alone" in run.stderr


def aftershow(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "infra.local.cli", *arguments]
    return subprocess.run(  # noqa: S603 (our own words)
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_was_answered_with_200_outlives_the_process(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and even kill -9: the next start works off what this one acknowledged."""
    data = tmp_path / "shop.db"
    with up(data) as running:
        for turn in range(20):
            assert running.post(*(event(number=10 * turn + k) for k in range(10))) == 200
        assert running.end(number) == (-number if number == signal.SIGKILL else 0)
    # What a function had in hand when it was killed comes back to it after the queue's visibility time.
    again = runs.going_on(data, now=lambda: real_now() + 10 * MINUTE)
    again.close()
    assert counts(data, "lan") == {Kind.LIKED: 200}
    if number != signal.SIGKILL:
        assert running.said[-1] == "20 requests; ended, nothing is lost\n"


def test_going_on_from_the_demo(tmp_path: Path) -> None:
    """Its viewers are there, and the demo leaves the file alone from then on."""
    data = tmp_path / "state.db"
    assert aftershow("demo", "--viewers", "10", "--days", "1", "--data", str(data)).returncode == 0
    with up(data) as running:
        assert running.post(event()) == 200
        eventually(lambda: counts(data, "lan"), {Kind.LIKED: 1})
        assert running.end() == 0
    run = runs.opened(data)
    assert len(run.records().humans) == 11
    run.close()
    refused = aftershow("demo", "--data", str(data))
    assert refused.returncode == 2
    assert "shop's own" in refused.stderr


def test_what_happened_meanwhile_is_told_in_a_line(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    assert aftershow("demo", "--viewers", "30", "--days", "1", "--data", str(data)).returncode == 0
    with up(data) as running:
        eventually(lambda: "reminders sent" in "".join(running.said), wanted=True)
        assert running.post(event()) == 200
    assert not [line for line in running.said if "sent: 1 sent" in line]
