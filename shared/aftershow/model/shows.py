"""Shows of the catalog."""

from __future__ import annotations

from typing import Literal

from aftershow.model.base import Record, Stamped

ShowField = Literal["host", "title", "starts_at", "ends_at", "started_at", "ended_at", "replay_url", "cancelled"]


class Show(Record):
    """A live show. Each field is decided by its newest statement; moments are epoch milliseconds as text.

    `closed_at` is set once, when the show is known to be over; `last_event_at` moves at most once a minute.
    """

    show: str
    fields: dict[ShowField, Stamped] = {}
    last_event_at: int = 0
    closed_at: int | None = None

    def text(self, field: ShowField) -> str | None:
        """A field's value."""
        stamped = self.fields.get(field)
        return stamped.value if stamped else None

    def moment(self, field: ShowField) -> int | None:
        """A field's value as epoch milliseconds."""
        text = self.text(field)
        return int(text) if text else None
