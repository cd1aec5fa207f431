"""How the shop's channels stand, as choosing looks at them: read at most 5 s old, never checked in a commit."""

from __future__ import annotations

from collections.abc import Sequence

from aftershow.model.templates import Template
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.rules.admission import Cursors, lateness
from aftershow.rules.choosing import Standing
from aftershow.rules.launching import Launched
from aftershow.services import catalog, health


def of_channels(ports: Ports, playbooks: Sequence[Launched]) -> Standing:
    """How the channels in use stand, for these playbooks."""

    names = sorted({step.template for one in playbooks for step in one.playbook.steps})

    def read() -> Standing:
        templates: dict[str, Template] = {name: found for name in names if (found := catalog.template(ports, name))}
        channels = ports.settings.channels
        return Standing(
            templates=templates,
            terms=catalog.terms(ports),
            down=frozenset(channel for channel in channels if health.is_down(ports, channel)),
            late=_late(ports),
        )

    return catalog.remembered(ports, "standing of channels for {}".format(" ".join(names)), read)


def _late(ports: Ports) -> dict[str, int]:
    """How late each send queue is. What could do without a choice reads nothing."""
    found: dict[str, int] = {}
    for channel in ports.settings.channels:
        for name in (f"{channel}#marketing", f"{channel}#service"):
            text = catalog.body(ports, keys.admission(name))
            late = lateness(Cursors.read(text), ports.now()) if text else 0
            if late:
                found[name] = late
    return found
