"""score_user: packed events from the queues of facts and behaviour into heads, engagements and orders."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.archiving import archive
from aftershow.services.messages import received, work_off
from aftershow.services.scoring import score


def handle(event: dict[str, Any], context: Any, ports: Ports) -> dict[str, Any]:
    """Archive an SQS batch, then work it off; the answer names what must come again."""
    messages = received(event)
    archive(messages, ports)
    return work_off(
        ports,
        messages,
        lambda message: score(message, ports, remaining_seconds=context.get_remaining_time_in_millis() / 1000),
    )


handler = on_lambda(handle)
