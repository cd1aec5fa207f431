"""The archive port: raw events, kept as objects. Functions only write; reading is for a person's commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class NotKept(Exception):
    """It isn't known that the object is there: treat it as not kept (writing it again is safe)."""


class Archive(Protocol):
    """Where a function leaves what came in."""

    def keep(self, name: str, data: bytes) -> None:
        """Write an object, over one of the same name. Raises NotKept."""


class ArchiveReader(Protocol):
    """What was left there."""

    def names(self) -> Iterator[str]:
        """The names of all objects, sorted."""

    def read(self, name: str) -> bytes:
        """An object's content. Raises KeyError."""


class NoArchive:
    """In place of an archive in functions that have nothing to keep."""

    def keep(self, name: str, data: bytes) -> None:
        """Nothing may count that isn't kept, so whoever gets here must not go on."""
        raise NotKept(f"this function has no archive for {len(data)} bytes of {name}: ARCHIVE_URL is not set")
