"""release_due: once a minute, what is due goes to the send queues."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.releasing import release


def handle(_event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """One tick of the schedule."""
    return asdict(release(ports))


handler = on_lambda(handle)
