"""`export consent`: every statement of consent that is kept, as evidence: whose, for what, when, from where, in which
wording, and whether it is what counts now."""

from __future__ import annotations

from collections.abc import Iterator

from aftershow.model.instants import iso
from aftershow.model.viewers import Head, Purpose
from aftershow.rules.merging import lead
from aftershow.rules.people import counting
from infra.local.exporting.rows import Row
from infra.local.kept import Kept

COLUMNS = (
    "viewer", "user_id", "said_as", "purpose", "channel", "state", "at", "source", "wording_version", "statement",
    "counts",
)  # fmt: skip


def consent_rows(kept: Kept) -> Iterator[Row]:
    """A row for each statement, the people in the order of their viewer ids."""
    users: dict[str, str] = {}
    for name, head in kept.heads.items():
        if head.identity is not None and head.identity.kind == "user":
            users.setdefault(lead(kept.heads, name), head.identity.value)
    for head in kept.heads.values():
        if head.merged_into is None and head.erased_at is None:
            yield from _rows(head, users.get(head.viewer, ""))


def _rows(head: Head, user: str) -> Iterator[Row]:
    for scope, origins in sorted(head.consent.items()):
        named, _, channel = scope.partition(":")
        purpose: Purpose = "marketing" if named == "marketing" else "service"
        counts = counting(head, purpose, channel)
        for origin, said in sorted(origins.items()):
            yield {
                "viewer": head.viewer, "user_id": user, "said_as": origin, "purpose": purpose, "channel": channel,
                "state": said.state, "at": iso(said.at), "source": said.source or "",
                "wording_version": said.wording_version or "", "statement": said.id,
                "counts": "yes" if said in counts else "no",
            }  # fmt: skip
