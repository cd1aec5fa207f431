"""Whether a person can be written to, on which channel, and what stands against it since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from aftershow.model.channels import ADDRESSES
from aftershow.model.ids import address_hash
from aftershow.model.settings import Settings
from aftershow.model.viewers import Address, Head, Purpose
from aftershow.rules.claims import is_suppressed
from aftershow.rules.people import counting, may_be_written

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


def reachability(head: Head | None, settings: Settings, secret: str, known: Mapping[str, Address]) -> list[Reach]:
    """Every channel in use, and every other one for which the profile holds an address. What goes to a file or to
    another system reaches nobody by itself and is left out. `known` has the addresses by their hash, keyed with
    `secret`."""
    channels = [one for one in settings.channels if ADDRESSES.get(one) is not None]
    channels += [one for one in ADDRESSES if one not in channels and head is not None and values(head, one)]
    purposes: tuple[Purpose, ...] = get_args(Purpose)
    return [
        Reach(channel, purpose, tuple(_against(head, settings, purpose, channel, hashes(head, channel, secret), known)))
        for channel in channels
        for purpose in purposes
    ]


def hashes(head: Head | None, channel: str, secret: str) -> list[str]:
    """Under what the person's addresses on a channel are known, the one that is written to first."""
    return [address_hash(secret, channel, value) for value in values(head, channel)] if head is not None else []


def values(head: Head, channel: str) -> list[str]:
    """The person's addresses on a channel, the one that is written to first."""
    trait = ADDRESSES.get(channel)
    facts = (head, *head.parts.values())
    found = [said.value for one in facts for name, said in one.traits.items() if trait is not None and name == trait]
    return list(dict.fromkeys(value.strip().lower() for value in found))


def _against(
    head: Head | None, settings: Settings, purpose: Purpose, channel: str, hashed: list[str],
    known: Mapping[str, Address],
) -> Iterator[Against]:  # fmt: skip
    if channel not in settings.channels:
        yield Against("channel_not_in_use")
    if head is None:
        # Behaviour alone gave no profile.
        yield Against("no_address")
        if purpose == "marketing":
            yield Against("no_consent")
        return
    if head.erased_at is not None:
        yield Against("erased", head.erased_at)
    yield from _against_addresses(head, purpose, channel, hashed, known)
    if not may_be_written(head, purpose, channel):
        withdrawn = [said.at for said in counting(head, purpose, channel) if said.state == "withdrawn"]
        yield Against("withdrawn", max(withdrawn)) if withdrawn else Against("no_consent")


def _against_addresses(
    head: Head, purpose: Purpose, channel: str, hashed: list[str], known: Mapping[str, Address]
) -> Iterator[Against]:
    """The newest address is written to; another one of theirs is told where something is known against it."""
    if not hashed:
        yield Against("no_address")
    for number, one in enumerate(hashed):
        address = known.get(one)
        if address is not None and is_suppressed(address, head, purpose, channel):
            standing, since = address.standing
            yield Against(f"{_ANOTHER}{standing}" if number else standing, since)
