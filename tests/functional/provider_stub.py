"""A provider's HTTP API on loopback that answers what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aftershow.adapters.providers import Outside, provider
from aftershow.model.settings import Settings
from aftershow.ports.channels import Channel

# Longer than any client of these tests waits.
SILENCE_SECONDS = 1.0
NOW = 1_772_762_400_000


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def said(self) -> Any:
        """Its body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Says:
    """An answer. `silent`: it comes too late."""

    body: bytes = b""
    status: int = 200
    silent: bool = False

    @classmethod
    def document(cls, said: Mapping[str, Any], status: int = 200) -> Says:
        """A JSON object."""
        return cls(json.dumps(said).encode(), status)


@dataclass
class Stub:
    """Answers in order, the last one for ever."""

    answers: list[Says] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def next_answer(self) -> Says:
        """The next answer."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(*answers: Says) -> Iterator[Stub]:
    """A stub while the block runs."""
    stub = Stub(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            stub.asked.append(Asked(self.command, self.path, self.headers, body))
            says = stub.next_answer()
            if says.silent:
                time.sleep(SILENCE_SECONDS)
            self.send_response(says.status)
            self.send_header("content-length", str(len(says.body)))
            self.end_headers()
            with suppress(ConnectionError):
                # Whoever asked may have left.
                self.wfile.write(says.body)

        do_GET = do_POST = _answer  # noqa: N815 (the server looks for these names)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def nobody_listens() -> str:
    """An address at which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def made(channel: str, name: str, options: Mapping[str, str], now: int = NOW) -> Channel:
    """A provider's channel, made as the composition root makes it."""
    module = provider(channel, name)
    assert module is not None
    ids = iter(range(10_000))
    outside = Outside(Settings(), options, lambda _: None, lambda: now, lambda: f"id-{next(ids)}")
    found = module.make(outside)
    assert found is not None
    return found
