"""What arrives at the door: which events of a request are taken, which are refused and why, and how they travel on.

Only what every event must have is judged here (size, type, identity, time); what an event means is read by the scorer.
The bytes of a good event travel on untouched: nothing is parsed twice or written again. The few that a queue or a
parser would not let through as they are travel in base64.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aftershow.model.ids import is_usable_identity
from aftershow.model.instants import DAY, HOUR, parse_instant
from aftershow.model.json_text import (
    MAX_DEPTH,
    BrokenJson,
    NotANumber,
    TooDeep,
    elements,
    holds_not_a_number,
    is_deep,
    members,
    read_json,
)

# Segment's limits (HTTP Tracking API).
MAX_EVENT_BYTES = 32 * 1024
MAX_BATCH_BYTES = 500 * 1024
MAX_BATCH_EVENTS = 2_500
MAX_MESSAGE_ID_CHARACTERS = 100
MAX_AHEAD = 24 * HOUR
MAX_AGE = 400 * DAY
# A packed message leaves room for what JSON adds around it within a queue message's 1 MiB.
MAX_PACKED_BYTES = 960 * 1024
MAX_PACKED_VIEWERS = 250

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HALF = re.compile(rb"\\u[dD]")
# U+FFFE and U+FFFF (ports.queues.check_messages).
_REFUSED_BY_QUEUES = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")

KINDS = {name: name for name in ("identify", "track", "page", "screen", "group", "alias", "batch")} | {
    "i": "identify", "t": "track", "p": "page", "s": "screen", "g": "group", "a": "alias", "b": "batch",
}  # fmt: skip

_EVENT_TYPES = frozenset(KINDS.values()) - {"batch"}

# An order must not wait behind heartbeats: what decides whether somebody may be reminded has a queue of its own.
FACTS = frozenset({
    "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled", "Message Consent Updated",
    "Message Address Suppressed", "Message Subscription Accepted",
    "Live Followed", "Live Unfollowed", "WeCom Contact Added", "WeCom Contact Deleted",
    "Live Show Scheduled", "Live Show Started", "Live Show Ended",
})  # fmt: skip
# News of the catalog, and of addresses: they need no identity.
CATALOG = frozenset({
    "Live Show Scheduled", "Live Show Started", "Live Show Ended", "Live Product Explained", "Stock Changed",
    "Message Address Suppressed", "Product Updated",
})  # fmt: skip


# Noncharacters that SQS refuses in a message.
_UNSENDABLE = ("\ufffe", "\uffff")


class RequestRefused(Exception):
    """The request as a whole is answered with 400; nothing of it is kept."""


class _Event(msgspec.Struct):
    """What every event is judged by; the rest of its bytes is not looked at here."""

    type: str | None = None
    messageId: str | None = None  # noqa: N815 (Segment's name)
    userId: str | int | None = None  # noqa: N815
    anonymousId: str | int | None = None  # noqa: N815
    previousId: str | int | None = None  # noqa: N815
    event: str | None = None
    timestamp: str | None = None
    originalTimestamp: str | None = None  # noqa: N815


class _Batch(msgspec.Struct):
    batch: list[msgspec.Raw] | None = None
    # Not "Raw or None": in a union msgspec takes no object for it.
    context: msgspec.Raw = msgspec.Raw()
    sentAt: str | None = None  # noqa: N815
    writeKey: str | None = None  # noqa: N815


_events = msgspec.json.Decoder(_Event)
_batches = msgspec.json.Decoder(_Batch)
_contexts = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that is not taken: its bytes as they came, and why. `kind`: the path that it came by, where that alone
    says its type."""

    raw: bytes
    reason: str
    kind: str = ""


@dataclass(slots=True)
class Intake:
    """A request, judged. Events are (viewer's identity, type, bytes)."""

    write_key: str | None
    context: bytes
    facts: list[tuple[str, str, bytes]] = field(default_factory=list)
    behaviour: list[tuple[str, str, bytes]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many events the request held."""
        return len(self.facts) + len(self.behaviour) + len(self.rejected)


def judge(kind: str, body: bytes, now: int) -> Intake:
    """Judge a request to /v1/`kind`. Raises RequestRefused for what the caller must mend before sending again."""
    if len(body) > MAX_BATCH_BYTES:
        raise RequestRefused(f"a request holds at most {MAX_BATCH_BYTES // 1024} KB")
    body = body.removeprefix(BYTE_ORDER_MARK).strip()
    if kind == "batch":
        return _judge_batch(body, now)
    intake = Intake(write_key=_write_key(body), context=b"{}")
    _judge_event(intake, kind, body, now)
    return intake


def _write_key(body: bytes) -> str | None:
    value = _checked(body)
    key = value.get("writeKey") if value is not None else _text(_cut(body).get("writeKey"))
    return key if isinstance(key, str) else None


def _checked(body: bytes) -> dict[str, Any] | None:
    """The body, read; None where it is too deep for that, which is one event's fault. Raises RequestRefused."""
    try:
        value = read_json(body)
    except TooDeep:
        return None
    except BrokenJson as broken:
        raise RequestRefused(str(broken)) from None
    if not isinstance(value, dict):
        raise RequestRefused("the body must be a JSON object")
    return value


def _cut(body: bytes) -> dict[str, bytes]:
    try:
        return members(body)
    except BrokenJson as broken:
        raise RequestRefused(str(broken)) from None


def _text(raw: bytes | None) -> object:
    """What a short text says; None for anything that can't be read."""
    try:
        return read_json(raw) if raw and not is_deep(raw) else None
    except BrokenJson:
        return None


def _judge_batch(body: bytes, now: int) -> Intake:
    events: Iterable[bytes] | None
    try:
        batch = _batches.decode(body)
        events, context, write_key = batch.batch, bytes(batch.context), batch.writeKey
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # One bad event may have broken the fast parse: the events are cut out as they stand and judged one by one.
        _checked(body)
        cut = _cut(body)
        listed, context = cut.get("batch", b""), cut.get("context", b"")
        events = elements(listed) if listed[:1] == b"[" else None
        key = _text(cut.get("writeKey"))
        write_key = key if isinstance(key, str) else None
    if events is None:
        raise RequestRefused('a batch needs a list "batch"')
    raws = [bytes(raw) for raw in events]
    if len(raws) > MAX_BATCH_EVENTS:
        raise RequestRefused(f"a batch holds at most {MAX_BATCH_EVENTS} events")
    intake = Intake(write_key=write_key, context=_context(context))
    for raw in raws:
        _judge_event(intake, None, raw, now)
    return intake


def _context(raw: bytes) -> bytes:
    """The batch's context as every message will carry it: what the scorer could not read is mended or left out."""
    if not raw or is_deep(raw):
        return b"{}"
    try:
        _contexts.decode(raw)
        if _travels(raw):
            return raw
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        value = read_json(raw)
    except BrokenJson:
        return b"{}"
    written = msgspec.json.encode(value if isinstance(value, dict) else {}, enc_hook=_nothing)
    for refused in _REFUSED_BY_QUEUES:
        written = written.replace(refused, "\N{REPLACEMENT CHARACTER}".encode())
    return written


def _nothing(value: object) -> None:
    if not isinstance(value, NotANumber):
        raise TypeError(type(value).__name__)


def _judge_event(intake: Intake, kind: str | None, raw: bytes, now: int) -> None:
    reason = admit(intake, kind, raw, now)
    if reason:
        intake.rejected.append(Rejected(raw, reason, kind or ""))


def admit(intake: Intake, kind: str | None, raw: bytes, now: int) -> str | None:
    """Take one event in, or say why not; `kind` None: the event says itself what it is."""
    reason, event = _reason_to_refuse(kind, raw, now)
    if reason or event is None:
        return reason or "not an object"
    name = event.event or ""
    event_type = kind or event.type or ""
    who = _identity(event) or f"catalog {name}"
    is_fact = event_type in ("identify", "alias") or name in FACTS
    (intake.facts if is_fact else intake.behaviour).append((who, event_type, raw))
    return None


def _reason_to_refuse(kind: str | None, raw: bytes, now: int) -> tuple[str | None, _Event | None]:
    if len(raw) > MAX_EVENT_BYTES:
        return "larger than 32 KB", None
    if is_deep(raw):
        return f"nested more than {MAX_DEPTH} levels deep", None
    try:
        event = _events.decode(raw)
    except msgspec.ValidationError:
        return "a field has the wrong type", None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _reread(kind, raw, now)
    return _reason_by_fields(kind, event, now), event


def _reread(kind: str | None, raw: bytes, now: int) -> tuple[str | None, _Event | None]:
    """Judge an event that the fast parser can't read: half an emoji in a text is mended later, NaN is refused."""
    try:
        value = read_json(raw)
    except BrokenJson:
        return "not JSON", None
    if holds_not_a_number(value):
        return "NaN or infinity is not JSON", None
    try:
        event = msgspec.convert(value, _Event)
    except msgspec.ValidationError:
        return "a field has the wrong type", None
    return _reason_by_fields(kind, event, now), event


def _reason_by_fields(kind: str | None, event: _Event, now: int) -> str | None:
    if (kind or event.type) not in _EVENT_TYPES:
        return "unknown type"
    if len(event.messageId or "") > MAX_MESSAGE_ID_CHARACTERS:
        return "messageId is longer than 100 characters"
    if _identity(event) is None and event.event not in CATALOG:
        return "no usable userId or anonymousId"
    return _reason_by_time(event, now)


def _reason_by_time(event: _Event, now: int) -> str | None:
    stated = event.originalTimestamp or event.timestamp
    if stated is None:
        return None
    try:
        at = parse_instant(stated)
    except ValueError:
        return "timestamp is not ISO 8601"
    if at > now + MAX_AHEAD:
        return "timestamp is more than 24 hours ahead"
    return "timestamp is more than 400 days old" if at < now - MAX_AGE else None


def _identity(event: _Event) -> str | None:
    for value in (event.userId, event.anonymousId):
        if value is not None and is_usable_identity(str(value)):
            return str(value)
    return None


class _Message(msgspec.Struct):
    source: str
    received_at: int
    context: dict[str, Any]
    events: list[tuple[str, msgspec.Raw]]
    rejected: list[list[str]]


_messages = msgspec.json.Decoder(_Message)


def _travels(raw: bytes) -> bool:
    """Whether a text gets through a queue and the fast parser as it is: UTF-8, no character that SQS refuses, no half
    of an emoji (every escaped emoji is suspected)."""
    # Looking for one character first is fifty times as fast, and most texts have none.
    if b"\\" in raw and _HALF.search(raw):
        return False
    if raw.isascii():
        return True
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return False
    return "\ufffe" not in text and "\uffff" not in text


@dataclass(frozen=True, slots=True)
class Packed:
    """A queue message, read back: events are (type, original bytes)."""

    source: str
    received_at: int
    context: dict[str, Any]
    events: list[tuple[str, bytes]]
    rejected: list[Rejected]


def pack(
    source: str,
    now: int,
    context: bytes,
    events: Sequence[tuple[str, str, bytes]],
    rejected: Sequence[Rejected],
    *,
    archived: bool = False,
) -> Iterator[str]:
    """Queue messages of at most 250 viewers and 960 KB. The batch's context travels once a message. `archived`: they
    are part of one that is in the archive already (see rules.archive)."""
    about = {"source": source, "received_at": now} | ({"archived": True} if archived else {})
    head = msgspec.json.encode(about)[:-1] + b',"context":' + context
    refused = [msgspec.json.encode(_kept(one)) for one in rejected]
    ordered = sorted(events, key=lambda event: event[0])  # a viewer's events stay together; sorting is stable
    # One look at all of them is cheaper than one at each, and nearly always enough.
    all_travel = _travels(b" ".join([raw for _, _, raw in ordered]))
    group: list[bytes] = []
    viewers: set[str] = set()
    size = 0
    for who, kind, raw in ordered:
        too_many = who not in viewers and len(viewers) == MAX_PACKED_VIEWERS
        carried = raw if all_travel or _travels(raw) else b'"' + b64encode(raw) + b'"'
        if group and (too_many or size + len(carried) > MAX_PACKED_BYTES - len(head)):
            yield _message(head, group, ())
            group, viewers, size = [], set(), 0
        group.append(b'["' + kind.encode() + b'",' + carried + b"]")
        viewers.add(who)
        size += len(carried) + 20
    yield from _with_rejected(head, group, size, refused)


def _kept(rejected: Rejected) -> list[str]:
    """The original bytes as text, or in base64 where they are no text that travels."""
    # Written as JSON, a control character takes six bytes.
    if _travels(rejected.raw) and not _CONTROLS.search(rejected.raw):
        return [rejected.reason, rejected.raw.decode(), "", rejected.kind]
    return [rejected.reason, b64encode(rejected.raw).decode(), "base64", rejected.kind]


def _original(reason: str, text: str, encoding: str = "", kind: str = "") -> Rejected:
    return Rejected(b64decode(text) if encoding else text.encode(), reason, kind)


def _with_rejected(head: bytes, group: list[bytes], size: int, refused: list[bytes]) -> Iterator[str]:
    """The last message of events, and as many more as the rejected ones need."""
    ride: list[bytes] = []
    for one in refused:
        if ride and size + len(one) > MAX_PACKED_BYTES - len(head):
            yield _message(head, group, ride)
            group, ride, size = [], [], 0
        ride.append(one)
        size += len(one)
    if group or ride:
        yield _message(head, group, ride)


def _message(head: bytes, events: Sequence[bytes], rejected: Sequence[bytes]) -> str:
    text = head + b',"events":[' + b",".join(events) + b'],"rejected":[' + b",".join(rejected) + b"]}"
    decoded = text.decode("utf-8", "replace")
    if any(character in decoded for character in _UNSENDABLE):
        # A viewer can type them, JSON allows them, SQS refuses them: as escapes they pass.
        decoded = decoded.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")
    return decoded


def unpack(body: str) -> Packed:
    """Read a queue message back. Raises msgspec.MsgspecError for what `pack` never wrote."""
    message = _messages.decode(body)
    return Packed(
        source=message.source,
        received_at=message.received_at,
        context=message.context,
        events=[(kind, _uncarried(bytes(raw))) for kind, raw in message.events],
        rejected=[_original(*kept) for kept in message.rejected],
    )


def _uncarried(raw: bytes) -> bytes:
    # An event is an object, so a text can only be one in base64.
    return b64decode(raw[1:-1]) if raw[:1] == b'"' else raw
