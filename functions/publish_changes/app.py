"""publish_changes: what changes carry, from the tables' streams to the bus."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.publishing import publish


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Publish the domain events of a batch of stream records; a failure brings the batch again."""
    return {"published": publish(event["Records"], ports)}


handler = on_lambda(handle)
