"""ingest_event: an HTTP API request from a Segment client to durable queue messages."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.ingesting import Request, answer, ingest


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Answer POST /v1/{kind} (payload format 2.0)."""
    body = event.get("body") or ""
    request = Request(
        kind=event["pathParameters"]["kind"],
        headers=event.get("headers") or {},
        body=b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )
    return answer(ingest(request, ports))


handler = on_lambda(handle)
