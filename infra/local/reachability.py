"""Whether a person can be written to, on which channel, and what stands against it since when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from aftershow.model.ids import address_hash
from aftershow.model.viewers import Head, Purpose
from aftershow.rules.claims import is_suppressed
from aftershow.rules.people import counting, may_be_written
from infra.local.exporting.events import ADDRESSES
from infra.local.records import Human, Records

_ANOTHER = "another_"


@dataclass(frozen=True, slots=True)
class Against:
    """What stands against a channel: a code of the word list, and since when, epoch ms (None: nobody said so ever)."""

    code: str
    since: int | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """One channel for one purpose, and everything that is known against it."""

    channel: str
    purpose: Purpose
    against: tuple[Against, ...]

    @property
    def reachable(self) -> bool:
        """Whether the person can be written to. Another address than the one that is written to hinders nothing."""
        return all(one.code.startswith(_ANOTHER) for one in self.against)


def reachability(records: Records, human: Human) -> list[Reach]:
    """Every channel in use, and every other one for which the profile holds an address. What goes to a file reaches
    nobody and is left out."""
    head = human.head
    channels = [one for one in records.settings.channels if one != "file"]
    channels += [one for one in ADDRESSES if one not in channels and head is not None and _values(head, one)]
    purposes: tuple[Purpose, ...] = get_args(Purpose)
    return [
        Reach(channel, purpose, tuple(_against(records, head, purpose, channel)))
        for channel in channels
        for purpose in purposes
    ]


def _against(records: Records, head: Head | None, purpose: Purpose, channel: str) -> Iterator[Against]:
    if channel not in records.settings.channels:
        yield Against("channel_not_in_use")
    if head is None:
        # Behaviour alone gave no profile.
        yield Against("no_address")
        if purpose == "marketing":
            yield Against("no_consent")
        return
    if head.erased_at is not None:
        yield Against("erased", head.erased_at)
    yield from _against_addresses(records, head, purpose, channel)
    if not may_be_written(head, purpose, channel):
        withdrawn = [said.at for said in counting(head, purpose, channel) if said.state == "withdrawn"]
        yield Against("withdrawn", max(withdrawn)) if withdrawn else Against("no_consent")


def _against_addresses(records: Records, head: Head, purpose: Purpose, channel: str) -> Iterator[Against]:
    """The newest address is written to; another one of theirs is told where something is known against it."""
    values = _values(head, channel)
    if not values:
        yield Against("no_address")
    for number, value in enumerate(values):
        known = records.addresses.get(address_hash(records.settings.address_secret, channel, value))
        if known is not None and is_suppressed(known, head, purpose, channel):
            standing, since = known.standing
            yield Against(f"{_ANOTHER}{standing}" if number else standing, since)


def _values(head: Head, channel: str) -> list[str]:
    """The person's addresses on a channel, the one that is written to first."""
    trait = ADDRESSES.get(channel)
    facts = (head, *head.parts.values())
    found = [said.value for one in facts for name, said in one.traits.items() if name == trait]
    return list(dict.fromkeys(value.strip().lower() for value in found))
