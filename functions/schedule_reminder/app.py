"""schedule_reminder: domain events and walks over a show's viewers into planned reminders."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.messages import received, work_off
from aftershow.services.scheduling import schedule


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Work off an SQS batch; the answer names what must come again."""
    return work_off(ports, received(event), lambda message: schedule(message, ports))


handler = on_lambda(handle)
