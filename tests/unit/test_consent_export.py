"""The evidence of consent: every statement that is kept, and which of them count."""

from __future__ import annotations

from collections.abc import Iterator

from aftershow.model.viewers import Consent, Head, Identity
from aftershow.ports.store import Item, Key, Version
from infra.local.exporting.consent import COLUMNS, consent_rows
from infra.local.kept import Kept
from tests.unit.samples import START


class NoArchive:
    """The evidence stands in the heads alone."""

    def names(self, *_: object) -> Iterator[str]:
        """Nothing."""
        return iter(())


def said(state: str, at: int, **more: str) -> Consent:
    return Consent.model_validate({"state": state, "at": START + at, "id": f"c{at}", **more})


def kept(*heads: Head) -> Kept:
    items = [Item(Key("viewers", head.viewer), Version(1, "c"), head.body()) for head in heads]
    return Kept(NoArchive(), lambda _table: iter(items), "UTC", "CNY", lambda: "")  # type: ignore[arg-type]


def test_every_statement_is_written_and_those_that_count_are_told() -> None:
    head = Head(
        viewer="u1", identity=Identity(kind="user", value="mei"), members=("a1",),
        consent={
            "marketing:all": {"a1": said("granted", 1, source="checkout box", wording_version="2026-01")},
            "marketing:email": {"u1": said("withdrawn", 2, source="unsubscribe link")},
        },
    )  # fmt: skip
    merged = Head(viewer="a1", merged_into="u1")
    erased = Head(viewer="u9", erased_at=START, consent={"marketing:all": {"u9": said("granted", 1)}})
    rows = list(consent_rows(kept(head, merged, erased)))
    assert [set(row) for row in rows] == [set(COLUMNS)] * 2
    told = [(row["user_id"], row["said_as"], row["channel"], row["state"], row["wording_version"], row["counts"])
            for row in rows]  # fmt: skip
    assert told == [("mei", "a1", "all", "granted", "2026-01", "yes"), ("mei", "u1", "email", "withdrawn", "", "yes")]
