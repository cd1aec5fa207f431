"""Points that are redeemed while recorded events are replayed: every full hundred (or so) at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

from aftershow.model.ids import viewer_id
from aftershow.rules.spending import Refusal
from aftershow.services import ledger, spending
from infra.local.host import LocalHost
from infra.local.wire import Request


class Redeemer:
    """Somebody who redeems all full `every` points as soon as they are there: a reservation, confirmed at once."""

    def __init__(self, host: LocalHost, every: int) -> None:
        self._host = host
        self._every = every
        self._redeemed = 0

    def after(self, request: Request) -> None:
        """When everything that a request set off is done."""
        self._host.drain()
        for viewer in dict.fromkeys(_viewers(request)):
            self._redeem(viewer)

    def _redeem(self, viewer: str) -> None:
        # As the function that awards points has them: settings, store and clock of this shop.
        ports = self._host.ports("award_points")
        points = ledger.balance(ports, viewer).available // self._every * self._every
        if not points:
            return
        self._redeemed += 1
        name = f"redeemed-{self._redeemed}"
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
