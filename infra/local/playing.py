"""Playing a stream of requests through the local host, and what the audience does about the messages that it gets."""

from __future__ import annotations

import heapq
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infra.local.host import LocalHost
from infra.local.mailbox import Accepted
from infra.local.people import Truth
from infra.local.reactions import order_request, react
from infra.local.wire import Request

# Reactions come a minute after a message at the earliest, so looking so often misses none.
LOOK_EVERY_MS = 60_000
_LINK = re.compile(r"https?://[^/\s]+(/c/\S+)")
_UNSUBSCRIBE = re.compile(r"<https?://[^/\s]+(/u/[^>]+)>")


class NotTakenError(Exception):
    """The host answered a request with something else than success: the run would not be whole."""


@dataclass
class Audience:
    """The synthetic viewers at their mailboxes: what they will do, by moment."""

    truth: Truth
    source: random.Random
    planned: list[tuple[int, int, Callable[[LocalHost], None]]] = field(default_factory=list)
    read: int = 0
    number: int = 0

    def look(self, host: LocalHost) -> None:
        """Read what is new in the mailbox."""
        while self.read < len(host.mailbox):
            message = host.mailbox[self.read]
            self.read += 1
            for reaction in react(self.truth, message.address, message.time, self.source):
                self._plan(message, reaction.kind, message.time + reaction.after_ms)

    def act(self, host: LocalHost) -> None:
        """Do what is due."""
        while self.planned and self.planned[0][0] <= host.now:
            heapq.heappop(self.planned)[2](host)

    def _plan(self, message: Accepted, kind: str, at: int) -> None:
        actions: dict[str, Callable[[LocalHost], None]] = {
            "click": lambda host: click(host, message),
            "unsubscribe": lambda host: unsubscribe(host, message),
            "order": lambda host: deliver(host, order_request(self.truth, message.address, at, self.source)),
        }
        if kind in actions:
            self.number += 1
            heapq.heappush(self.planned, (at, self.number, actions[kind]))


def click(host: LocalHost, message: Accepted) -> None:
    """Follow the message's button."""
    found = _LINK.search(message.text)
    if found:
        host.request("GET", found[1], {})


def unsubscribe(host: LocalHost, message: Accepted) -> None:
    """What a mail client does on one-click unsubscribe (RFC 8058)."""
    found = _UNSUBSCRIBE.search(message.headers.get("List-Unsubscribe", ""))
    if found:
        form = {"content-type": "application/x-www-form-urlencoded"}
        host.request("POST", found[1], form, b"List-Unsubscribe=One-Click")


def deliver(host: LocalHost, request: Request) -> None:
    """Send one request. Raises NotTakenError."""
    reply = host.request("POST", request.path, request.headers, request.body)
    if reply.status != 200:  # noqa: PLR2004 (the one answer that means "taken")
        raise NotTakenError(f"{request.path}: {reply.status} {reply.body[:200].decode('utf-8', 'replace')}")


def play(
    host: LocalHost,
    requests: Iterable[Request],
    until: int | None = None,
    audience: Audience | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
    *,
    lenient: bool = False,
) -> int:
    """Deliver the requests at their moments and let time pass to `until` (epoch ms; None: to the last request).

    Returns how many requests were refused; unless `lenient`, the first raises NotTakenError.
    """
    refused = 0
    for request in requests:
        _pass_time(host, request.at, audience)
        try:
            deliver(host, request)
        except NotTakenError:
            if not lenient:
                raise
            refused += 1
        on_progress(host.now)
    _pass_time(host, until if until is not None else host.now, audience, on_progress)
    return refused


def _pass_time(
    host: LocalHost, until: int, audience: Audience | None, on_progress: Callable[[int], None] = lambda _: None
) -> None:
    if audience is None:
        host.run_until(until, on_progress)
        return
    while True:
        step = min(until, host.now + LOOK_EVERY_MS)
        host.run_until(step)
        audience.look(host)
        audience.act(host)
        if host.now >= until:
            host.drain()
            return
        on_progress(host.now)
