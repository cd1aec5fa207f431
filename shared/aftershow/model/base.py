"""The base of what is stored and published: frozen, typed, JSON, unknown fields refused."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value that is stored as one JSON text. Fields at their default are left out: most are empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def body(self) -> str:
        """The JSON text to store."""
        return self.model_dump_json(exclude_defaults=True)

    @classmethod
    def read(cls, body: str) -> Self:
        """The value of a stored text. Raises pydantic.ValidationError where it is not one."""
        return cls.model_validate_json(body)


class Stamped(Record):
    """A value that the newest statement decides; of two at one moment the greater (id, value), so that order never
    matters."""

    value: str
    at: int
    id: str

    def newest(self, other: Stamped | None) -> Stamped:
        """The one of the two that counts."""
        if other is None:
            return self
        return max(self, other, key=lambda one: (one.at, one.id, one.value))
