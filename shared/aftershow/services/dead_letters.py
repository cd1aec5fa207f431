"""Dead letters: rejected events, kept with their original bytes, reason, source and time."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode

from aftershow.model.base import Record
from aftershow.model.ids import digest
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Put

# A part stays below DynamoDB's 400 KB with room for its fields; a batch holds 500 KB, so two parts always do.
PART_CHARACTERS = 300_000


class DeadLetter(Record):
    """One rejected event. `raw` is the text as it came, or compressed and in base64 where that is smaller or it is no
    text (`packed`); `parts` more items carry the rest."""

    raw: str
    packed: bool = False
    parts: int = 1
    reason: str = ""
    source: str = ""
    at: int = 0

    @staticmethod
    def original(parts: list[DeadLetter]) -> bytes:
        """The original bytes, from all parts in order."""
        joined = "".join(part.raw for part in parts)
        return zlib.decompress(b64decode(joined)) if parts[0].packed else joined.encode()


def file(ports: Ports, raw: bytes, reason: str, source: str, at: int) -> bool:
    """Keep a rejected event; False where it is kept already (the same bytes for the same reason)."""
    hashed = digest("dead", reason, b64encode(raw).decode(), size=15)
    text, packed = _text(raw)
    chunks = [text[start : start + PART_CHARACTERS] for start in range(0, len(text), PART_CHARACTERS)] or [""]
    first = DeadLetter(raw=chunks[0], packed=packed, parts=len(chunks), reason=reason, source=source, at=at)
    puts = [Put(keys.dead_letter(hashed, 0), first.body(), None, index=keys.dead_letter_index(at, hashed))]
    for number, chunk in enumerate(chunks[1:], start=1):
        puts.append(Put(keys.dead_letter(hashed, number), DeadLetter(raw=chunk, packed=packed).body(), None))
    try:
        ports.store.commit(puts)
    except Conflict:
        return False
    return True


def _text(raw: bytes) -> tuple[str, bool]:
    if len(raw) < PART_CHARACTERS // 4:
        try:
            return raw.decode(), False
        except UnicodeDecodeError:
            pass
    return b64encode(zlib.compress(raw)).decode(), True
