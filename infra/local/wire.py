"""An HTTP request as a client of the Segment tracking API sends it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

# The write key of the local host's source (contracts.md, "Shop"); a name, not a secret.
WRITE_KEY = "local"
HEADERS: Mapping[str, str] = {
    "authorization": "Basic " + base64.b64encode(f"{WRITE_KEY}:".encode()).decode(),
    "content-type": "application/json",
}


def headers_of(source: str) -> Mapping[str, str]:
    """The headers of a source's client, whose write key locally is the source's name."""
    key = base64.b64encode(f"{source}:".encode()).decode()
    return HEADERS if source == WRITE_KEY else {**HEADERS, "authorization": f"Basic {key}"}


# The tracking API's own limits for one request.
MAX_BATCH_EVENTS = 2500
MAX_BATCH_BYTES = 500_000


@dataclass(frozen=True, slots=True)
class Request:
    """One `POST`. `at` is the moment of arrival in epoch milliseconds, UTC."""

    at: int
    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: HEADERS)
    # Whose write key the headers carry.
    source: str = WRITE_KEY


def iso(at: int) -> str:
    """Epoch milliseconds as SDKs write them: ISO 8601 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds")


def batch_request(
    at: int, messages: Sequence[Mapping[str, object]], context: Mapping[str, object], sent_at: int
) -> Request:
    """Several messages in one request. `sent_at` is the client's own clock, epoch milliseconds."""
    body = {"batch": messages, "context": context, "sentAt": iso(sent_at)}
    return Request(at, "/v1/batch", _encode(body))


def single_request(at: int, message: Mapping[str, object], context: Mapping[str, object], sent_at: int) -> Request:
    """One message to the path of its own type."""
    body = {**message, "context": context, "sentAt": iso(sent_at)}
    return Request(at, f"/v1/{message['type']}", _encode(body))


def _encode(body: Mapping[str, object]) -> bytes:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # A lone surrogate can only travel as an escape, which is how broken clients send it.
        return json.dumps(body, separators=(",", ":")).encode("ascii")
