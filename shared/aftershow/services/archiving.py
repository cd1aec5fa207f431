"""score_user: what came in is kept as it came, before it counts."""

from __future__ import annotations

from collections.abc import Sequence

from aftershow.ports.ports import Ports
from aftershow.rules.archive import bundle
from aftershow.services.messages import Received


def archive(messages: Sequence[Received], ports: Ports) -> None:
    """Keep the events of a batch of queue messages as one object.

    Raises NotKept: then none of them may be worked off, and all come again.
    """
    kept = bundle(message.body for message in messages)
    if kept is not None:
        ports.archive.keep(kept.name, kept.data)
