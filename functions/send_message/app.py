"""send_message: one due reminder at a time is checked, claimed, rendered, sent and recorded."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.messages import received, work_off
from aftershow.services.sending import Pace, send


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Work off an SQS batch at this worker's share of the rate; the answer names what must come again."""
    pace = Pace(ports)
    answer = work_off(ports, received(event), lambda message: send(message, ports, pace))
    pace.rest()
    return answer


handler = on_lambda(handle)
