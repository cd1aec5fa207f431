"""rewards_api: points over HTTP, for the shop's own server."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aftershow.runtime import Ports, on_lambda
from aftershow.services.rewards import Request, answered


def handle(event: dict[str, Any], _context: Any, ports: Ports) -> dict[str, Any]:
    """Answer a request of the HTTP API (payload format 2.0), whose caller API Gateway has recognised."""
    body = event.get("body") or ""
    reply = answered(
        Request(
            operation=event["routeKey"],
            path=event["pathParameters"],
            query=event.get("queryStringParameters") or {},
            body=b64decode(body) if event.get("isBase64Encoded") else body.encode(),
            key=(event.get("headers") or {}).get("idempotency-key"),
        ),
        ports,
    )
    return {"statusCode": reply.status, "headers": dict(reply.headers), "body": reply.body}


handler = on_lambda(handle)
