"""daily_care: once an hour, what time has done to accounts that nobody touches is posted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.caring import care


def handle(_event: dict[str, Any], context: Any, ports: Ports) -> dict[str, Any]:
    """One tick of the schedule."""
    return asdict(care(ports, lambda: context.get_remaining_time_in_millis() / 1000))


handler = on_lambda(handle)
