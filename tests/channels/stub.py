"""A provider on loopback: it answers from a list, and remembers what came over the wire."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """What to answer. `hangs`: nothing until the client has given up; `hangs_up`: the connection ends after the
    request; `drips`: a byte now and then, for ever."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    hangs_up: bool = False
    drips: bool = False


@dataclass(frozen=True)
class Request:
    """What came. Header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        """The fields of a form, or of the query."""
        return dict(parse_qsl(self.body.decode() or urlsplit(self.path).query, keep_blank_values=True))


@dataclass
class Stub:
    """Answers the next of `replies`, the last one again and again."""

    replies: Sequence[Reply]
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def next(self, request: Request) -> Reply:
        """The answer to a request."""
        self.requests.append(request)
        return self.replies[min(len(self.requests), len(self.replies)) - 1]


def _drip(where: BufferedIOBase, over: threading.Event) -> None:
    with suppress(OSError):
        while not over.wait(0.1):
            where.write(b"x")


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = stub.next(Request(self.command, self.path, headers, self.rfile.read(length)))
            if reply.hangs:
                stub.over.wait(10)
            if reply.drips:
                _drip(self.wfile, stub.over)
            if reply.hangs or reply.hangs_up or reply.drips:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 (the names are the library's)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that gave up, or refused our certificate, is what is tested."""


@contextmanager
def stubbed(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[Stub]:
    """The stub while it serves; over TLS where a context is given."""
    stub = Stub(replies or (Reply(),))
    server = _Server(("127.0.0.1", 0), _handler(stub))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    stub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield stub
    finally:
        stub.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def nobody_listens() -> int:
    """A port of loopback on which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = int(server.server_address[1])
    server.server_close()
    return port
