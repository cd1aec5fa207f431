"""award_points: what orders mean, into the ledger."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.awarding import award
from aftershow.services.messages import received, work_off


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Work off an SQS batch; the answer names what must come again."""
    return work_off(ports, received(event), lambda message: award(message, ports))


handler = on_lambda(handle)
