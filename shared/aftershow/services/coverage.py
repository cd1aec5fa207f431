"""score_user: which signals a source delivers, noted in the catalog when that says something new: once a day."""

from __future__ import annotations

from collections.abc import Iterable

from aftershow.model.coverage import Coverage
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.rules.coverage import observed, united
from aftershow.rules.segment import Event
from aftershow.services.messages import Busy, settle


def note(ports: Ports, source: str, events: Iterable[Event]) -> None:
    """Take note of what the events show of their source. What a function noted or read it remembers for good, since
    days only widen; a lost race is left to the source's next events."""
    name, new = f"coverage/{source}", observed(source, events)
    _, known = ports.memory.get(name, (0, None))
    if not new.signals or (isinstance(known, Coverage) and united(known, new) == known):
        return
    key = keys.coverage(source)

    def attempt() -> Coverage:
        item = ports.store.get(key)
        before = Coverage.read(item.body) if item else Coverage(source=source)
        after = united(before, new)
        if after != before:
            ports.store.commit([Put(key, after.body(), item.version if item else None)])
        return after

    try:
        ports.memory[name] = (ports.now(), settle(ports, attempt))
    except Busy:
        return
