"""ingest_event: an HTTP API request with events (Segment, CloudEvents, Pinpoint, Douyin) to durable queue messages."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.ingesting import Request, answer, ingest


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Answer POST /v1/{kind} and Pinpoint's paths under /v1/apps (payload format 2.0)."""
    body, parameters = event.get("body") or "", event["pathParameters"]
    request = Request(
        kind=parameters.get("kind") or event["routeKey"],
        headers=event.get("headers") or {},
        body=b64decode(body) if event.get("isBase64Encoded") else body.encode(),
        parameters=parameters,
    )
    return answer(ingest(request, ports))


handler = on_lambda(handle)
