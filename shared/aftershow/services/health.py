"""Whether a channel's provider answers. Three unclear answers in a row mark the channel down: workers stop claiming,
and one probe a minute finds out when it is back.

A provider may also close a channel by its own word. Then nothing is claimed there until somebody opens it again, by
command or by giving the provider other options.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from aftershow.model.base import Record
from aftershow.model.ids import digest
from aftershow.model.instants import HOUR, MINUTE
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict, Put, Store
from aftershow.services import catalog
from aftershow.services.messages import settle

DOWN_AFTER = 3
PROBE_EVERY = MINUTE
# A reminder that waits for a closed channel looks again so often, until its deadline.
CLOSED_RECHECK = HOUR


class Health(Record):
    """Unclear answers since the last success, and when the next probe may go; and of a channel that its provider
    closed when, why, and under which options (a hash)."""

    unclear: int = 0
    probe_at: int = 0
    closed_at: int | None = None
    closed_for: str = ""
    closed_options: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Until when a worker must not claim, and the code of the reason."""

    until: int
    code: str


def _key_name(channel: str) -> str:
    return f"{keys.channel_health(channel).pk}/{keys.channel_health(channel).sk}"


def is_down(ports: Ports, channel: str) -> bool:
    """Whether a channel is marked down or closed, as it was known within the last seconds."""
    text = catalog.body(ports, keys.channel_health(channel))
    return text is not None and _held(ports, Health.read(text))


def held_back(ports: Ports, channel: str) -> Held | None:
    """Until when a worker must not claim on this channel; None where it may. The one that is let through at a probe's
    moment has taken the probe."""
    text = catalog.body(ports, keys.channel_health(channel))
    if text is None or not _held(ports, Health.read(text)):
        return None
    key, now = keys.channel_health(channel), ports.now()
    item = ports.store.get(key)
    health = Health.read(item.body) if item else Health()
    if item is None or not _held(ports, health):
        return None
    if _is_closed(ports, health):
        return Held(now + CLOSED_RECHECK, "channel_closed")
    if now < health.probe_at:
        return Held(health.probe_at, "channel_down")
    try:
        taken = health.model_copy(update={"probe_at": now + PROBE_EVERY})
        ports.store.commit([Put(key, taken.body(), item.version)])
    except Conflict:
        return Held(now + PROBE_EVERY, "channel_down")
    return None


def _held(ports: Ports, health: Health) -> bool:
    return health.unclear >= DOWN_AFTER or _is_closed(ports, health)


def _is_closed(ports: Ports, health: Health) -> bool:
    return health.closed_at is not None and health.closed_options == _options(ports)


def _options(ports: Ports) -> str:
    """What providers are told, as a hash: other options are worth another try."""
    return digest(json.dumps(ports.settings.provider_options, sort_keys=True))


def close(ports: Ports, channel: str, reason: str) -> None:
    """The provider takes nothing more, as things are."""
    key = keys.channel_health(channel)

    def attempt() -> None:
        item = ports.store.get(key)
        health = Health.read(item.body) if item else Health()
        closed = {"closed_at": ports.now(), "closed_for": reason, "closed_options": _options(ports)}
        ports.store.commit([Put(key, health.model_copy(update=closed).body(), item.version if item else None)])

    settle(ports, attempt)
    ports.memory.pop(_key_name(channel), None)
    ports.log.warning("channel closed by its provider", channel=channel, reason=reason)


def standing(store: Store, channel: str) -> Health:
    """How a channel stands."""
    item = store.get(keys.channel_health(channel))
    return Health.read(item.body) if item else Health()


def reopen(store: Store, channel: str) -> bool:
    """Let a channel work again, whatever was noted of it; False where nothing was. Raises Conflict."""
    item = store.get(keys.channel_health(channel))
    if item is None or Health.read(item.body) == Health():
        return False
    store.commit([Put(item.key, Health().body(), item.version)])
    return True


def note_ambiguous(ports: Ports, channel: str) -> None:
    """One more unclear answer."""
    key = keys.channel_health(channel)

    def attempt() -> None:
        item = ports.store.get(key)
        health = Health.read(item.body) if item else Health()
        noted = health.model_copy(update={"unclear": health.unclear + 1, "probe_at": ports.now() + PROBE_EVERY})
        ports.store.commit([Put(key, noted.body(), item.version if item else None)])

    settle(ports, attempt)
    ports.memory.pop(_key_name(channel), None)


def note_success(ports: Ports, channel: str) -> None:
    """The provider answered: the channel is up. Costs nothing while it was up."""
    text = catalog.body(ports, keys.channel_health(channel))
    if text is None or Health.read(text) == Health():
        return
    item = ports.store.get(keys.channel_health(channel))
    if item is not None:
        try:
            ports.store.commit([Put(item.key, Health().body(), item.version)])
        except Conflict:
            return  # Somebody else's word is as new as this one.
    ports.memory.pop(_key_name(channel), None)
