"""What a source delivers: which signals were observed at all, and between which days."""

from __future__ import annotations

from aftershow.model.base import Record


class Seen(Record):
    """The first and the last day of a signal, by the events' own time: days since 1970-01-01 UTC."""

    first: int
    last: int

    def united(self, other: Seen | None) -> Seen:
        """Both together."""
        return self if other is None else Seen(first=min(self.first, other.first), last=max(self.last, other.last))


class Coverage(Record):
    """One source's signals by name (`rules.coverage.SIGNALS`). What is not here was not observed: unknown, not zero."""

    source: str
    signals: dict[str, Seen] = {}
