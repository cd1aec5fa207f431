"""track_outcome: provider events and orders from the queue; clicks and opt-outs over HTTP."""

from __future__ import annotations

from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.messages import received, work_off
from aftershow.services.tracking import Page, click, track, unsubscribe, unsubscribe_page

ROUTES = {"GET /c/{token}": click, "GET /u/{token}": unsubscribe_page, "POST /u/{token}": unsubscribe}


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Work off an SQS batch, or answer a viewer's request."""
    if "Records" in event:
        return work_off(ports, received(event), lambda message: track(message, ports))
    return _answer(ROUTES[event["routeKey"]](event["pathParameters"]["token"], ports))


def _answer(page: Page) -> dict[str, Any]:
    headers = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store"}
    if page.location is not None:
        headers["location"] = page.location
    return {"statusCode": page.status, "headers": headers, "body": page.html}


handler = on_lambda(handle)
