"""The shop that a command works on: a local state, or a deployed one by the name of its stack."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Head
from aftershow.ports.bus import BusEvent
from aftershow.ports.ports import Ports
from aftershow.services import scheduling
from infra.local import kept, runs, stack
from infra.local.clock import real_now


@dataclass(frozen=True)
class OpenShop:
    """A shop while a command works on it. `ports` are those of schedule_reminder, `settings` those of send_message;
    `via` is what proves who asks."""

    name: str
    ports: Ports
    settings: Settings
    # When a decision is made, epoch ms: in a shop's own state by the real clock, however long it was left alone.
    signed_at: Callable[[], int]
    via: str
    shows: Callable[[], Sequence[Show]]
    heads: Callable[[], Iterable[Head]]
    # Keys the hashes of addresses; asked for only where an address must be found.
    address_secret: Callable[[], str]
    # Signs links; asked for only where one is shown.
    link_secret: Callable[[], str]

    def ended_shows(self) -> list[Show]:
        """Shows that are over and took place, the last one first."""
        over = [show for show in self.shows() if show.closed_at is not None and not show.text("cancelled")]
        return sorted(over, key=lambda show: (show.closed_at or 0, show.show), reverse=True)

    def look_again(self, since: int) -> int:
        """Have the functions look at every viewer of the shows that ended since then; returns how many shows."""
        found = [show for show in self.ended_shows() if (show.closed_at or 0) >= since]
        for show in found:
            scheduling.start_walks(self.ports.queues, self.ports.settings.queue_reminders, show.show)
        return len(found)


@contextmanager
def open_shop(data: Path, name: str | None, region: str | None, connect: stack.Connect | None) -> Iterator[OpenShop]:
    """The deployed shop `name`, or without one the local state `data`. Raises runs.CannotRun, stack.StackError."""
    if name is None:
        run = runs.opened(data)
        try:
            yield of_run(run, data)
        finally:
            run.close()
        return
    found = stack.find(name, region, connect)
    with stack.explained():
        yield _deployed(found)


def of_run(run: runs.Run, data: Path) -> OpenShop:
    """A local state that is open already."""
    ports = run.host.ports("schedule_reminder")
    settings = run.host.ports("send_message").settings
    own = runs.is_a_shops(data)
    signed_at = (lambda: max(run.host.now, real_now())) if own else ports.now
    return OpenShop(
        str(data),
        ports,
        settings,
        signed_at,
        "local state",
        lambda: list(run.records().shows.values()),
        lambda: list(run.records().heads.values()),
        lambda: settings.address_secret,
        lambda: settings.link_secret,
    )


def _deployed(found: stack.Stack) -> OpenShop:
    def shows() -> list[Show]:
        return [Show.read(item.body) for item in found.items("catalog", "show#")]

    def heads() -> Iterable[Head]:
        return (Head.read(item.body) for item in found.items("viewers", ""))

    def link_secret() -> str:
        named = found.physical("LinkSecret", "AWS::SecretsManager::Secret")
        return str(found.client("secretsmanager").get_secret_value(SecretId=named)["SecretString"])

    return OpenShop(
        f"{found.name}, {found.region}",
        _ports(found),
        found.settings,
        real_now,
        found.identity,
        shows,
        heads,
        lambda: kept.of_stack(found).address_secret(),
        link_secret,
    )


def _ports(found: stack.Stack) -> Ports:
    """The ports of a command on a deployed shop: it reads, writes the catalog, and sends to queues; nothing else."""
    return Ports(
        store=found.store,
        queues=found.queues,
        bus=_NoBus(),
        channels={},
        settings=found.settings,
        log=_Silent(),
        now=real_now,
        sleep=time.sleep,
        random=random.random,
        new_id=lambda: uuid4().hex,
    )


class _NoBus:
    """Commands publish nothing: the relay does, for what is written."""

    def publish(self, events: Sequence[BusEvent]) -> list[BusEvent]:
        """All refused."""
        return list(events)


class _Silent:
    """Nobody reads the log of a command."""

    def info(self, message: str, **fields: object) -> None:
        """Nothing."""

    def warning(self, message: str, **fields: object) -> None:
        """Nothing."""
