"""The archive of raw events: what one object of it holds, and how the events come out again.

Folds forget what an event said, so the events themselves are kept. An object is gzip of lines, each a queue message as
`rules.intake.pack` wrote it, without what was refused at the door (those are dead letters): source, moment of receipt,
the batch's context once, and each event's type and bytes. Only a line break between an event's fields becomes a space.

Whose an event is, its own identity says (`model.ids.viewer_id`): so the lines of one person can be found and left out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from aftershow.model.ids import digest
from aftershow.model.instants import iso
from aftershow.model.json_text import read_json
from aftershow.rules.intake import MAX_EVENT_BYTES, Packed, unpack
from aftershow.rules.segment import message_id

PREFIX = "events/"
_GZIP = zlib.MAX_WBITS | 16


class _Message(msgspec.Struct):
    """What is kept of a queue message. One that was given back was kept when it came first."""

    source: str
    received_at: int
    context: msgspec.Raw
    events: msgspec.Raw
    archived: bool = False


_messages = msgspec.json.Decoder(_Message)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An object of the archive."""

    name: str
    data: bytes


def bundle(bodies: Iterable[str]) -> Bundle | None:
    """The object for a batch of queue messages; None where nothing of them is to be kept.

    Its name follows from what is in it, so that a batch that comes again is written over itself; names sort by the
    moment of receipt, day by day. A body that is no packed message is left out: it fails by itself, where it's read.
    """
    kept = [message for body in bodies if (message := _kept(body)) is not None]
    if not kept:
        return None
    text = b"".join(_line(message) for message in kept)
    first = min(message.received_at for message in kept)
    name = f"{PREFIX}{iso(first)[:10].replace('-', '/')}/{first:013d}-{digest('archive', text.decode(), size=15)}"
    return Bundle(f"{name}.ndjson.gz", zlib.compress(text, wbits=_GZIP))


def _kept(body: str) -> _Message | None:
    try:
        message = _messages.decode(body)
    except msgspec.MsgspecError:
        return None
    return None if message.archived or bytes(message.events) == b"[]" else message


def _line(message: _Message) -> bytes:
    head = msgspec.json.encode({"source": message.source, "received_at": message.received_at})[:-1]
    context, events = (bytes(part).replace(b"\n", b" ") for part in (message.context, message.events))
    return head + b',"context":' + context + b',"events":' + events + b',"rejected":[]}\n'


def messages_in(data: bytes) -> Iterator[tuple[str, Packed]]:
    """The queue messages in an object, each with a name that follows from its content: one that was delivered twice
    may stand in two objects. Raises zlib.error, msgspec.MsgspecError."""
    for line in zlib.decompress(data, wbits=_GZIP).split(b"\n"):
        if line:
            yield digest("line", line.decode(), size=15), unpack(line.decode())


def segment_lines(packed: Packed) -> Iterator[bytes]:
    """The events of a queue message, each as a line of JSON that stands alone: a Segment message with the batch's
    context, an id, a time, the moment of receipt, and the source that it came from.

    Sent again, they fold into the same state, also in another place: an event without `messageId` gets the id under
    which it counted, one without a time gets the moment of its receipt, at which it counted. One that its
    context would make larger than an event may be is a batch of one, with the context outside.
    """
    received = iso(packed.received_at)
    about: dict[str, Any] = {"receivedAt": received, "source": packed.source}
    for kind, raw in packed.events:
        fields = read_json(raw)
        own = fields.get("context")
        context = {**packed.context, **(own if isinstance(own, dict) else {})}
        timed = fields.get("originalTimestamp") or fields.get("timestamp")
        added = {"type": kind, "messageId": message_id(fields, raw), **({} if timed else {"timestamp": received})}
        line = msgspec.json.encode({**fields, **added, **({"context": context} if context else {}), **about})
        if len(line) > MAX_EVENT_BYTES:
            line = msgspec.json.encode({"batch": [{**fields, **added}], "context": packed.context, **about})
        yield line
