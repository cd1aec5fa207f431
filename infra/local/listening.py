"""The HTTP API on a port of this machine, for this machine only."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

import uvicorn

from infra.local.gateway import MAX_BODY_BYTES, HttpReply, HttpRequest

# How long connections that are open may stay so when the server ends.
FAREWELL_SECONDS = 3
_BACKLOG = 256
_NO_IPV6 = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

Ask = Callable[[HttpRequest], "Future[HttpReply]"]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class PortTakenError(Exception):
    """Somebody else listens on the port, or it may not be used."""


class Sockets:
    """The port on both loopback addresses, taken at once: clients that come early wait for the server.

    port    0 takes a free one

    Raises PortTakenError.
    """

    def __init__(self, port: int) -> None:
        self.listening = [self._bound(socket.AF_INET, "127.0.0.1", port)]
        self.port: int = self.listening[0].getsockname()[1]
        try:
            # "localhost" is this one first, for Node among others.
            self.listening.append(self._bound(socket.AF_INET6, "::1", self.port))
        except OSError as error:
            if error.errno not in _NO_IPV6:
                self.close()
                raise

    def _bound(self, family: socket.AddressFamily, address: str, port: int) -> socket.socket:
        # Named, or asyncio doesn't see that it is TCP and each answer waits 40 ms for an acknowledgement.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address, port))
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                why = "something else listens there" if error.errno == errno.EADDRINUSE else "it needs more rights"
                raise PortTakenError(f"port {port} can't be used: {why}. Choose another with --port N") from error
            raise
        return bound

    def close(self) -> None:
        """Give the port back."""
        for each in self.listening:
            each.close()


class Listener:
    """Speaks HTTP/1.1 on sockets, on a thread of its own, and has each whole request answered by `ask`.

    A request is read whole before it is asked about, so a slow client holds up nobody.
    """

    def __init__(self, sockets: Sockets, ask: Ask) -> None:
        self._ask = ask
        config = uvicorn.Config(
            self._application,
            interface="asgi3",
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Longer than clients keep theirs, so that it is they who close.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=FAREWELL_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=self._server.run, args=(sockets.listening,), name="http", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, let those that are open end; returns at once."""
        self._server.should_exit = True

    @property
    def ended(self) -> bool:
        """Whether the last connection is closed."""
        return not self._thread.is_alive()

    async def _application(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        path: bytes = scope.get("raw_path") or b"/"
        request = HttpRequest(
            method=scope["method"],
            path=path.decode("latin-1"),
            headers=_joined(scope["headers"]),
            body=body,
            query=scope["query_string"].decode("latin-1"),
        )
        await _give(await asyncio.wrap_future(self._ask(request)), send)


async def _body(receive: Receive) -> bytes | None:
    """The body, at most a byte more than the gateway takes; None where the client went away before its end."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part: bytes = message.get("body", b"")
        # A longer one is read on without being kept: a client that is still sending would not hear the answer.
        if size <= MAX_BODY_BYTES:
            parts.append(part[: MAX_BODY_BYTES + 1 - size])
            size += len(parts[-1])
        if not message.get("more_body", False):
            return b"".join(parts)


async def _give(reply: HttpReply, send: Send) -> None:
    headers = {**reply.headers, "content-length": str(len(reply.body))}
    if reply.status == 204:  # noqa: PLR2004 (no content, so no length either)
        del headers["content-length"]
    raw = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": raw})
    await send({"type": "http.response.body", "body": reply.body})


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name in lower case; several of one name are joined, as API Gateway does it."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        between = "; " if key == "cookie" else ","
        joined[key] = f"{joined[key]}{between}{text}" if key in joined else text
    return joined
