"""Whether a channel's provider answers. Three unclear answers in a row mark the channel down: workers stop claiming,
and one probe a minute finds out when it is back."""

from __future__ import annotations

from aftershow.model.base import Record
from aftershow.model.instants import MINUTE
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Put
from aftershow.services import catalog
from aftershow.services.messages import settle

DOWN_AFTER = 3
PROBE_EVERY = MINUTE


class Health(Record):
    """Unclear answers since the last success, and when the next probe may go."""

    unclear: int = 0
    probe_at: int = 0


def _key_name(channel: str) -> str:
    return f"{keys.channel_health(channel).pk}/{keys.channel_health(channel).sk}"


def is_down(ports: Ports, channel: str) -> bool:
    """Whether a channel is marked down, as it was known within the last seconds."""
    text = catalog.body(ports, keys.channel_health(channel))
    return text is not None and Health.read(text).unclear >= DOWN_AFTER


def held_back(ports: Ports, channel: str) -> int | None:
    """Until when a worker must not claim on this channel; None where it may. The one that is let through at a probe's
    moment has taken the probe."""
    text = catalog.body(ports, keys.channel_health(channel))
    if text is None or Health.read(text).unclear < DOWN_AFTER:
        return None
    key, now = keys.channel_health(channel), ports.now()
    item = ports.store.get(key)
    health = Health.read(item.body) if item else Health()
    if item is None or health.unclear < DOWN_AFTER:
        return None
    if now < health.probe_at:
        return health.probe_at
    try:
        taken = health.model_copy(update={"probe_at": now + PROBE_EVERY})
        ports.store.commit([Put(key, taken.body(), item.version)])
    except Conflict:
        return now + PROBE_EVERY
    return None


def note_ambiguous(ports: Ports, channel: str) -> None:
    """One more unclear answer."""
    key = keys.channel_health(channel)

    def attempt() -> None:
        item = ports.store.get(key)
        health = Health.read(item.body) if item else Health()
        noted = Health(unclear=health.unclear + 1, probe_at=ports.now() + PROBE_EVERY)
        ports.store.commit([Put(key, noted.body(), item.version if item else None)])

    settle(ports, attempt)
    ports.memory.pop(_key_name(channel), None)


def note_success(ports: Ports, channel: str) -> None:
    """The provider answered: the channel is up. Costs nothing while it was up."""
    text = catalog.body(ports, keys.channel_health(channel))
    if text is None or not Health.read(text).unclear:
        return
    item = ports.store.get(keys.channel_health(channel))
    if item is not None:
        try:
            ports.store.commit([Put(item.key, Health().body(), item.version)])
        except Conflict:
            return  # Somebody else's word is as new as this one.
    ports.memory.pop(_key_name(channel), None)
