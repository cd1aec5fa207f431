"""Where commands on the ledger sit: the services' ports over a local state or a deployed shop, and who is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.services.people import known_as
from infra.local import runs, stack
from infra.local.command import FOUND_SOMETHING_WRONG, refuse
from infra.local.records import Records
from infra.local.shops import open_shop


@dataclass(frozen=True)
class Desk:
    """A shop's ledger. `records` only of a local state."""

    ports: Ports
    records: Records | None

    def known(self, identifier: str) -> str:
        """The viewer id of any identifier; in a deployed shop numbers as E.164. Raises typer.Exit."""
        found = self._find(identifier)
        if found is None:
            refuse(f"nobody is known as {identifier}: take a viewer id, or an id that was sent", FOUND_SOMETHING_WRONG)
        return found

    def _find(self, identifier: str) -> str | None:
        if self.records is not None:
            human = self.records.find(identifier)
            return human.viewer if human else None
        if found := known_as(self.ports, identifier):
            return found
        # An account without a person is what `ledger check` may find.
        return identifier if self.ports.store.get(keys.ledger_account(identifier)) else None


@contextmanager
def open_desk(data: Path, name: str | None, region: str | None, connect: stack.Connect | None) -> Iterator[Desk]:
    """The deployed shop `name`, or without one the local state `data`. Raises runs.CannotRun, stack.StackError."""
    if name is not None:
        with open_shop(data, name, region, connect) as shop:
            yield Desk(shop.ports, None)
        return
    run = runs.opened(data)
    try:
        yield Desk(run.host.ports("award_points"), run.records())
    finally:
        run.close()
