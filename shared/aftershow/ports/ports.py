"""Everything a service may reach, in one value that the composition root makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aftershow.model.settings import Settings
from aftershow.ports.archive import Archive, NoArchive
from aftershow.ports.bus import Bus
from aftershow.ports.channels import Channel
from aftershow.ports.queues import Queues
from aftershow.ports.store import Store


class Log(Protocol):
    """One line with what matters: a message of fixed words and allow-listed fields, never personal data."""

    def info(self, message: str, **fields: object) -> None:
        """What happened."""

    def warning(self, message: str, **fields: object) -> None:
        """What a person should look at."""


Work = Callable[[], None]


def one_by_one(jobs: Sequence[Work]) -> None:
    """Do independent jobs in order: the local host has one thread."""
    for job in jobs:
        job()


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside, as arguments. Services get the moment from `now`, never from the machine."""

    store: Store
    queues: Queues
    bus: Bus
    channels: Mapping[str, Channel]
    settings: Settings
    log: Log
    # Epoch milliseconds, UTC.
    now: Callable[[], int]
    # Seconds. Also how a worker keeps its share of a channel's rate.
    sleep: Callable[[float], None]
    # Uniform in [0, 1): jitter only, never a decision that is kept.
    random: Callable[[], float]
    # A fresh id: owners of leases.
    new_id: Callable[[], str]
    # Where raw events are kept; only score_user has one.
    archive: Archive = field(default_factory=NoArchive)
    # Does independent jobs, in Lambda several at a time: they wait for the network.
    together: Callable[[Sequence[Work]], None] = one_by_one
    # What a warm function remembers for seconds: catalog items, by key, with the moment at which they were read.
    memory: dict[str, tuple[int, object]] = field(default_factory=dict)
