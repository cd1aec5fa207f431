"""ingest_event: take what clients send, judge it, hand it over durably, answer.

Segment's wire is read here; the others in `services.wires`, which is imported when the first of them comes. One queue
call a request (two where facts and behaviour are mixed). Nothing is acknowledged before it is handed over.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from aftershow.model.ids import digest
from aftershow.model.instants import SECOND
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Message, NotHandedOver
from aftershow.rules.intake import KINDS, MAX_BATCH_BYTES, Intake, RequestRefused, judge, pack
from aftershow.services.catalog import knows_write_key

RETRY_AFTER_SECONDS = 5
# A client that writes piece by piece has a few; empty ones by the hundred thousand would cost minutes.
MAX_GZIP_MEMBERS = 64


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to /v1/`kind`, or to another route of the template, whose key is then its kind.

    Header names in lower case, body as it came (still compressed); `parameters` of the path.
    """

    kind: str
    headers: Mapping[str, str]
    body: bytes
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer with a JSON body."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)


def write_key_hash(key: str) -> str:
    """Under which a write key stands in the catalog: the key itself is stored nowhere."""
    return digest("write_key", key, size=20)


def ingest(request: Request, ports: Ports) -> Reply:
    """Answer one request to /v1/..."""
    kind = KINDS.get(request.kind)
    if kind is None:
        from aftershow.services import wires

        return wires.receive(request, ports)
    try:
        body = inflate(request.body, request.headers.get("content-encoding", ""))
        intake = judge(kind, body, ports.now())
    except RequestRefused as refused:
        return problem(400, "invalid_request", str(refused))
    source = _source(request, intake, ports)
    if source is None:
        return problem(401, "unauthorized", "unknown write key: send it as the user name of Basic auth, or as writeKey")
    if not within_rate(ports, source, intake.size):
        return busy("too many events a second for this write key")
    if not take(ports, source, intake):
        # 429 is the only answer on which clients keep the data and come again.
        return busy("the queue did not take the events")
    return Reply(200, {"success": True})


def take(ports: Ports, source: str, intake: Intake) -> bool:
    """Hand over durably what was judged; False where that failed: then nothing counts as taken."""
    try:
        _hand_over(ports, source, intake)
    except NotHandedOver:
        return False
    ports.log.info(
        "ingested",
        source=source,
        facts=len(intake.facts),
        behaviour=len(intake.behaviour),
        rejected=len(intake.rejected),
    )
    return True


def inflate(body: bytes, encoding: str) -> bytes:
    """The body, decompressed to at most one byte over the limit, so that a small bomb stays small. Raises
    RequestRefused."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise RequestRefused("this content-encoding is not understood: send gzip, or the body as it is")
    inflated = b""
    # A gzip body may have several members, one after the other (RFC 1952, 2.2).
    for _ in range(MAX_GZIP_MEMBERS):
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            inflated += inflater.decompress(body, MAX_BATCH_BYTES + 1 - len(inflated))
        except zlib.error:
            raise RequestRefused("the body is not gzip") from None
        if len(inflated) > MAX_BATCH_BYTES:
            return inflated
        if not inflater.eof:
            raise RequestRefused("the gzip body is cut off")
        body = inflater.unused_data
        if not body:
            return inflated
    raise RequestRefused(f"a gzip body has at most {MAX_GZIP_MEMBERS} members")


def _source(request: Request, intake: Intake, ports: Ports) -> str | None:
    given = basic_user(request.headers.get("authorization", "")) or intake.write_key
    return knows_write_key(ports, write_key_hash(given)) if given else None


def basic_user(authorization: str) -> str | None:
    """The user name of Basic auth, which is the write key; None where there is none."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def within_rate(ports: Ports, source: str, events: int) -> bool:
    """At most so many events a second for a key and instance; one request is always let into a fresh second."""
    now = ports.now()
    name = f"rate/{source}"
    second, taken = ports.memory.get(name, (0, 0))
    used = taken if isinstance(taken, int) and second == now // SECOND else 0
    if used and used + events > ports.settings.events_per_second:
        return False
    ports.memory[name] = (now // SECOND, used + events)
    return True


def _hand_over(ports: Ports, source: str, intake: Intake) -> None:
    now, settings = ports.now(), ports.settings
    # What was refused rides with the facts where there are any: still one call.
    ride = intake.rejected if intake.facts or not intake.behaviour else []
    rest = [] if ride else intake.rejected
    for queue, events, rejected in (
        (settings.queue_facts, intake.facts, ride),
        (settings.queue_behaviour, intake.behaviour, rest),
    ):
        messages = [Message(text) for text in pack(source, now, intake.context, events, rejected)]
        if messages:
            ports.queues.send(queue, messages)


def problem(status: int, code: str, message: str) -> Reply:
    """An answer that says what is wrong."""
    return Reply(status, {"code": code, "message": message})


def busy(message: str) -> Reply:
    """Come again in a moment."""
    return Reply(429, {"code": "slow_down", "message": message}, {"retry-after": str(RETRY_AFTER_SECONDS)})


def answer(reply: Reply) -> dict[str, object]:
    """The reply as an HTTP API takes it."""
    return {
        "statusCode": reply.status,
        "headers": {"content-type": "application/json", "cache-control": "no-store", **reply.headers},
        "body": json.dumps(reply.body),
    }
