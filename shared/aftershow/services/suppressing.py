"""Suppressions: addresses that may not be written to, whoever's profile carries them. They outlive erasure."""

from __future__ import annotations

from aftershow.model.ids import address_hash
from aftershow.model.viewers import Address, Suppression
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.rules.segment import AddressSuppressed, Event
from aftershow.services.messages import settle


def suppression(ports: Ports, hashed: str, channel: str, why: Suppression, at: int) -> list[Put]:
    """What to write for a word against an address; nothing where it says nothing new."""
    item = ports.store.get(keys.address(hashed))
    before = Address.read(item.body) if item else Address(hashed=hashed, channel=channel)
    after = before.suppressed_by(why, at)
    return [] if after == before else [Put(keys.address(hashed), after.body(), item.version if item else None)]


def learn(ports: Ports, event: Event) -> bool:
    """Take what an event says of an address. False where it was known."""
    said = event.meaning
    if not isinstance(said, AddressSuppressed):
        return False
    hashed = address_hash(ports.settings.address_secret, said.channel, said.address)

    def attempt() -> bool:
        puts = suppression(ports, hashed, said.channel, said.reason, event.at)
        if puts:
            ports.store.commit(puts)
        return bool(puts)

    return settle(ports, attempt)
