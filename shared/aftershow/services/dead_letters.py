"""Dead letters: rejected events, kept with their original bytes, reason, source and time."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from aftershow.model.base import Record
from aftershow.model.ids import digest
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Key, Put

# A part stays below DynamoDB's 400 KB with room for its fields; a batch holds 500 KB, so two parts always do.
PART_CHARACTERS = 300_000
# A batch's context is a few hundred characters. One that is longer isn't worth keeping with each event.
MAX_CONTEXT_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Came:
    """How an event came: the path or type that it was read by, its source, when (epoch ms), its batch's context."""

    kind: str
    source: str
    at: int
    context: Mapping[str, Any]


class DeadLetter(Record):
    """One rejected event. `raw` is the text as it came, or compressed and in base64 where that is smaller or it is no
    text (`packed`); it stands in `parts` items together. `size` is that of the original in bytes; `context` is JSON.

    `redriven_at`: when it was sent again; `refused_at`: when it came back from that with the same reason.
    """

    raw: str
    packed: bool = False
    parts: int = 1
    size: int = 0
    reason: str = ""
    source: str = ""
    at: int = 0
    kind: str = ""
    context: str = ""
    redriven_at: int | None = None
    refused_at: int | None = None

    @staticmethod
    def original(parts: list[DeadLetter]) -> bytes:
        """The original bytes, from all parts in order."""
        joined = "".join(part.raw for part in parts)
        return zlib.decompress(b64decode(joined)) if parts[0].packed else joined.encode()


def file(ports: Ports, raw: bytes, reason: str, came: Came) -> bool:
    """Keep a rejected event; False where it is kept already (the same bytes for the same reason)."""
    hashed = digest("dead", reason, b64encode(raw).decode(), size=15)
    text, packed = _text(raw)
    chunks = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)] or [""]
    context = msgspec.json.encode(came.context).decode() if came.context else ""
    first = DeadLetter(
        raw=chunks[0],
        packed=packed,
        parts=len(chunks),
        size=len(raw),
        reason=reason,
        source=came.source,
        at=came.at,
        kind=came.kind,
        context=context if len(context) <= MAX_CONTEXT_CHARACTERS else "",
    )
    puts = [Put(keys.dead_letter(hashed, 0), first.body(), None, index=keys.dead_letter_index(came.at, hashed))]
    for number, chunk in enumerate(chunks[1:], start=1):
        puts.append(Put(keys.dead_letter(hashed, number), DeadLetter(raw=chunk, packed=packed).body(), None))
    try:
        ports.store.commit(puts)
    except Conflict:
        _came_back(ports, keys.dead_letter(hashed, 0))
        return False
    return True


def _came_back(ports: Ports, key: Key) -> None:
    """A letter that was sent again is refused again: whoever looks at it shall see that."""
    item = ports.store.get(key)
    letter = DeadLetter.read(item.body) if item else None
    if item is None or letter is None or letter.redriven_at is None or letter.refused_at is not None:
        return
    again = letter.model_copy(update={"refused_at": ports.now()})
    try:
        ports.store.commit([Put(key, again.body(), item.version, index=item.index)])
    except Conflict:
        # Somebody sends it once more at this moment; the next word on it counts.
        return


def _text(raw: bytes) -> tuple[str, bool]:
    if len(raw) < PART_CHARACTERS // 4:
        try:
            return raw.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(zlib.compress(raw)).decode(), True
