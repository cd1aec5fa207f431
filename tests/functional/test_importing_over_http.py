"""Files into a shop that runs elsewhere: over real HTTP, with its 429, its silence and its refusals."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGINT, default_int_handler, pthread_kill, signal
from socket import socket
from threading import Thread, main_thread
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.local.cli import app
from tests.functional.running import up

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

# Instead of a status: the connection is broken off, with ctrl-C before it.
HANGS_UP, INTERRUPTS = 0, -1
HEADER = "user_id,email,consent,consent_channel,consent_at,consent_source"


@dataclass
class Answers:
    """A server that answers as it is told, the last one for ever, and keeps what it was sent."""

    listed: list[tuple[int, dict[str, str]]]
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    port: int = 0

    @property
    def ids(self) -> list[str]:
        """Message ids that were acknowledged, in order."""
        return [message["messageId"] for body in self.bodies for message in body["batch"]]


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers([(200, {})])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, headers = answers.listed.pop(0) if len(answers.listed) > 1 else answers.listed[0]
            answers.keys.add(base64.b64decode(self.headers["authorization"].removeprefix("Basic ")).decode())
            if status == 200:
                answers.bodies.append(json.loads(gzip.decompress(body)))
            if status == INTERRUPTS:
                pthread_kill(main_thread().ident or 0, SIGINT)
            if status in (INTERRUPTS, HANGS_UP):
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        answers.port = listening.server_address[1]
        thread = Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield answers
        listening.shutdown()
        thread.join()


def members(folder: Path, number: int) -> Path:
    """A file of members."""
    file = folder / "members.csv"
    lines = [f"M{one},m{one}@example.com,yes,email,2026-10-01,form" for one in range(number)]
    file.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return file


def brought(folder: Path, file: Path, port: int, *more: str) -> tuple[int, dict[str, Any], str]:
    """(exit code, result, standard error) of the command."""
    url = f"http://127.0.0.1:{port}/"
    arguments = ["import", "members", str(file), "--url", url, "--json", "-", "--data", str(folder / "none.db"), *more]
    result = CliRunner().invoke(app, arguments, env={"AFTERSHOW_WRITE_KEY": "local"})
    return result.exit_code, json.loads(result.stdout or "{}"), result.stderr


def test_a_running_shop_takes_a_file_once(tmp_path: Path) -> None:
    file = members(tmp_path, 30)
    with up(tmp_path / "shop.db") as shop:
        code, told, _ = brought(tmp_path, file, shop.port)
        assert (code, told["sent"], told["refused"]) == (0, 60, 0)
        code, told, _ = brought(tmp_path, file, shop.port)
        assert (code, told["sent"]) == (0, 0)
        assert told["came_in_before"]
        assert shop.end() == 0
    result = CliRunner().invoke(app, ["explain", "m7@example.com", "--data", str(tmp_path / "shop.db")])
    assert "agreed to messages" in result.stdout
    assert not (tmp_path / "none.db").exists()


def test_a_shop_that_is_busy_is_asked_again_as_it_says(tmp_path: Path, server: Answers) -> None:
    server.listed = [(429, {"retry-after": "1"}), (503, {}), (200, {})]
    code, told, err = brought(tmp_path, members(tmp_path, 10), server.port)
    assert (code, told["sent"]) == (0, 20)
    assert "answered 429: retrying in 1 s" in err
    assert "answered 503: retrying" in err
    assert len(set(server.ids)) == len(server.ids) == 20
    assert server.keys == {"local:"}


def test_an_address_where_nothing_answers_is_told_at_once(tmp_path: Path) -> None:
    with socket() as held:
        # Bound, but nobody listens: connections are refused.
        held.bind(("127.0.0.1", 0))
        code, _, err = brought(tmp_path, members(tmp_path, 1), held.getsockname()[1])
    assert (code, "nothing answers there" in err, "retrying" in err) == (1, True, False), err


def test_a_connection_that_is_lost_later_is_tried_again(tmp_path: Path, server: Answers) -> None:
    server.listed = [(503, {}), (HANGS_UP, {}), (200, {})]
    code, told, err = brought(tmp_path, members(tmp_path, 1), server.port)
    assert (code, told["sent"], "broke the connection off: retrying" in err) == (0, 2, True), err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What a shell starts in the background ignores ctrl-C, and so does whatever that starts."""
    before = signal(SIGINT, default_int_handler)
    yield
    signal(SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_who_interrupts_is_told_that_it_goes_on(tmp_path: Path, server: Answers) -> None:
    server.listed = [(200, {}), (INTERRUPTS, {})]
    file = members(tmp_path, 1_200)
    code, _, err = brought(tmp_path, file, server.port)
    assert (code, "interrupted: the same command goes on" in err) == (130, True), err
    first = len(server.ids)
    server.listed = [(200, {})]
    code, told, _ = brought(tmp_path, file, server.port)
    assert (code, told["sent_before"]) == (0, first)


def test_what_was_acknowledged_is_not_sent_again(tmp_path: Path, server: Answers) -> None:
    file = members(tmp_path, 1_200)
    server.listed = [(200, {}), (401, {})]
    code, _, err = brought(tmp_path, file, server.port)
    assert (code, "write key" in err) == (1, True)
    first = len(server.ids)
    assert 0 < first < 2_400
    server.listed = [(200, {})]
    code, told, _ = brought(tmp_path, file, server.port)
    assert (code, told["sent_before"], told["sent"]) == (0, first, 2_400 - first)
    assert len(set(server.ids)) == len(server.ids) == 2_400


@pytest.mark.parametrize(("status", "word"), [(401, "write key"), (404, "no /v1/batch"), (400, "answered 400")])
def test_a_refusal_says_what_to_do(tmp_path: Path, server: Answers, status: int, word: str) -> None:
    server.listed = [(status, {})]
    code, _, err = brought(tmp_path, members(tmp_path, 1), server.port)
    assert (code, word in err) == (1, True), err
    assert "local:" not in err
