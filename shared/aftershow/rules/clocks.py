"""A moment that remembers when the answers will change: labels change by time alone, and somebody must look then."""

from __future__ import annotations


class Clock:
    """Asked whether a span has passed since a moment, at `now` (epoch ms). `next_at` is the first moment at which an
    answer that was "not yet" becomes "yes"; None where no answer will change by time."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.next_at: int | None = None

    def passed(self, since: int, span: int) -> bool:
        """Whether at least `span` ms have gone by."""
        then = since + span
        if then <= self.now:
            return True
        self.next_at = then if self.next_at is None else min(then, self.next_at)
        return False
