"""What a recount of the ledger told: what was counted, where points are, and every disagreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from aftershow.model.ledger import EXPIRED, FORFEITED, FORGIVEN, FUNDS, GRANTED, ISSUED, MOVED, SPENT

SYSTEM = (ISSUED, GRANTED, FUNDS, SPENT, EXPIRED, FORGIVEN, FORFEITED, MOVED)


class Disagreement(NamedTuple):
    """Something that the recount finds otherwise: where, what, how it should be and how it is."""

    where: str
    what: str
    should_be: str
    found: str


@dataclass(frozen=True, slots=True)
class Liability:
    """What viewers may still ask for, in points, at `at`: available + pending + reserved + held - owed is the sum of
    all viewers' balances. `run_out` is the part of those that time has taken and nobody has posted yet."""

    at: int
    available: int
    pending: int
    reserved: int
    held: int
    owed: int
    run_out: int
    budgets: int

    @property
    def balances(self) -> int:
        """What the viewers' accounts hold together."""
        return self.available + self.pending + self.reserved + self.held - self.owed + self.run_out


@dataclass(slots=True)
class Recount:
    """A recount. `system` is each system account's sum of points, `handed_out` what budgets gave by unit."""

    entries: int = 0
    accounts: int = 0
    budgets: int = 0
    system: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYSTEM, 0))
    handed_out: dict[str, int] = field(default_factory=dict)
    liability: Liability = field(default_factory=lambda: Liability(0, 0, 0, 0, 0, 0, 0, 0))
    disagreements: list[Disagreement] = field(default_factory=list)
    # Entries that were refused because their key stands with other content: home, key.
    refused: list[tuple[str, str]] = field(default_factory=list)

    def disagree(self, where: str, what: str, should_be: object, found: object) -> None:
        """Note it, unless it agrees."""
        if should_be != found:
            self.disagreements.append(Disagreement(where, what, str(should_be), str(found)))


def figures(told: Recount) -> Iterator[tuple[str, int]]:
    """What a liability report lists: where every point came from, and where it is."""
    yield from ((name.removeprefix("system:"), points) for name, points in told.system.items())
    yield "with_viewers", told.liability.balances
    yield "in_budgets", told.liability.budgets
