"""Points that are redeemed while recorded events are replayed: every full hundred (or so) at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import count

from aftershow.model.ids import viewer_id
from aftershow.rules.spending import Refusal
from aftershow.services import ledger, spending
from infra.local.host import LocalHost
from infra.local.wire import Request


def redeeming(host: LocalHost, requests: Iterable[Request], every: int | None) -> Iterator[Request]:
    """The same requests. Before the next is asked for, whoever the last was about redeems all full `every` points
    there are: a reservation, confirmed at once. None: nobody redeems."""
    numbers = count(1)
    for request in requests:
        yield request
        if every is not None:
            # Everything that it set off is done first.
            host.drain()
            for viewer in dict.fromkeys(_viewers(request)):
                _redeem(host, viewer, every, numbers)


def _redeem(host: LocalHost, viewer: str, every: int, numbers: Iterator[int]) -> None:
    # As the function that awards points has them: settings, store and clock of this shop.
    ports = host.ports("award_points")
    points = ledger.balance(ports, viewer).available // every * every
    if not points:
        return
    name = f"redeemed-{next(numbers)}"
    for answer in (spending.reserve(ports, viewer, name, points), spending.confirm(ports, viewer, name)):
        if isinstance(answer, Refusal):
            raise TypeError(f"{points} points were there, but: {answer.words}")


def _viewers(request: Request) -> Iterator[str]:
    """Whom a request of Segment's is about."""
    said = json.loads(request.body)
    for message in said.get("batch", [said]):
        if isinstance(message, dict):
            if message.get("userId"):
                yield viewer_id("user", str(message["userId"]))
            elif message.get("anonymousId"):
                yield viewer_id("anonymous", str(message["anonymousId"]))
