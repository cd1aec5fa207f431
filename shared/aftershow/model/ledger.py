"""The points ledger: append-only double entry in integers."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from aftershow.model.base import Record

# The system account that points come from; its balance is the sum of its entries, so it has no item of its own.
ISSUED = "system:issued"


class Leg(Record):
    """One side of an entry, in points."""

    account: str
    points: int


class Entry(Record):
    """A posting. `key` is the business event and the rule; `hash` what it was decided on. Legs sum to zero."""

    key: str
    rule: Literal["earn", "reverse", "correct"]
    hash: str
    at: int
    available_at: int
    legs: tuple[Leg, ...]
    reason: str
    order: str | None = None
    corrects: str | None = None

    @model_validator(mode="after")
    def _balanced(self) -> Entry:
        if sum(leg.points for leg in self.legs):
            raise ValueError("an entry's legs must sum to zero")
        return self

    @property
    def points(self) -> int:
        """What the entry gives to (or takes from) its viewer."""
        return sum(leg.points for leg in self.legs if leg.account != ISSUED)


class Account(Record):
    """A viewer's account: the fold of its entries."""

    viewer: str
    balance: int = 0
    earned: int = 0
    reversed: int = 0
    entries: int = 0
