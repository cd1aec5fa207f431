"""The virtual clock of a local run, and its one seeded source of ids and chance.

Both go on where they stopped, since what they need stands in the state.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from infra.local.embedded import EmbeddedState

# A killed run goes on at most this much earlier than it was: writing the clock at every step would
# cost more than the steps.
SAVED_EVERY_MS = 60_000
# Ids come in blocks: a run takes one from the state at a time, so that no two runs, one after the
# other or side by side, draw the same.
_BLOCK = 10_000

_CLOCK = "clock"


class VirtualClock:
    """Epoch milliseconds that only move when told to, never back."""

    def __init__(self, state: EmbeddedState, start_at: int | None) -> None:
        """`start_at` None, or before the state's clock: go on from that (0 in a new state)."""
        self._state = state
        kept = int(state.note(_CLOCK) or 0)
        self.now = kept if start_at is None else max(start_at, kept)
        self._saved = self.now
        self.save()

    def moment(self) -> int:
        """Now, in epoch milliseconds."""
        return self.now

    def advance_to(self, moment: int) -> None:
        """Go to `moment`, epoch ms; a moment that has passed changes nothing."""
        if moment > self.now:
            self.now = moment
            if moment - self._saved >= SAVED_EVERY_MS:
                self.save()

    def save(self) -> None:
        """Write the clock into the state."""
        self._state.keep_note(_CLOCK, str(self.now))
        self._saved = self.now


class SeededSource:
    """Ids and random numbers that follow from (seed, how many were drawn before)."""

    def __init__(self, state: EmbeddedState, seed: int) -> None:
        self._state = state
        self._key = f"aftershow {seed}".encode()
        self._drawn = 0
        self._end = 0

    def id(self) -> str:
        """32 hexadecimal digits, never the same twice in a state."""
        return self._draw(16).hex()

    def uuid(self) -> str:
        """The same in a UUID's form (version 4)."""
        return str(UUID(bytes=self._draw(16), version=4))

    def random(self) -> float:
        """Uniform in [0, 1)."""
        # A float holds 53 bits: with more it could round up to 1.
        return (int.from_bytes(self._draw(8)) >> 11) / 2**53

    def _draw(self, size: int) -> bytes:
        if self._drawn == self._end:
            self._end = _BLOCK * self._state.next_number("block of ids")
            self._drawn = self._end - _BLOCK
        self._drawn += 1
        return blake2b(b"%d" % self._drawn, digest_size=size, key=self._key).digest()


def real_now() -> int:
    """The real time, epoch ms: for what goes on in real time."""
    return time.time_ns() // 1_000_000


def iso(moment: int) -> str:
    """Epoch ms as AWS writes it in events: to the second, UTC."""
    return datetime.fromtimestamp(moment // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(moment: int) -> str:
    """Epoch ms as AWS writes it in events, to the millisecond, UTC."""
    return f"{iso(moment)[:-1]}.{moment % 1000:03d}Z"
