"""`export events`: what came in, as Segment messages that `replay` reads and any ingest of Segment's protocol takes.

The archive has what clients sent. Two things are known that no client sent: opt-outs by the link in a message, and
addresses that a provider reported. They follow as the events that would have said so, so that whoever is not to be
written to is not written to elsewhere either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from aftershow.model.ids import address_hash
from aftershow.model.instants import iso
from aftershow.model.viewers import Head
from aftershow.rules.archive import messages_in, segment_lines
from infra.local.kept import Kept

# Events that we say ourselves come from this source.
OWN_SOURCE = "aftershow"
# Which trait is the address of a channel.
ADDRESSES = {"email": "email", "sms": "phone"}


def event_lines(kept: Kept) -> Iterator[bytes]:
    """A line for each event of the archive in the order of receipt, each once; then opt-outs and suppressions."""
    seen: set[str] = set()
    for name in kept.archive.names():
        for message, packed in messages_in(kept.archive.read(name)):
            if message not in seen:
                seen.add(message)
                yield from segment_lines(packed)
    for head in kept.heads.values():
        if head.merged_into is None and head.identity is not None:
            yield from map(msgspec.json.encode, (*_opt_outs(kept, head), *_suppressions(kept, head)))


def _opt_outs(kept: Kept, head: Head) -> Iterator[dict[str, Any]]:
    """Consent that was withdrawn by a link: the statement stands under the identity that led the person then, which may
    be a member's by now."""
    for scope, by_origin in head.consent.items():
        for origin, said in by_origin.items():
            if said.is_by_link:
                purpose, _, channel = scope.partition(":")
                properties = {"purpose": purpose, "channel": channel, "state": said.state, "source": said.source}
                spoke = kept.heads.get(origin, head)
                named = _named(spoke if spoke.identity is not None else head)
                yield {**_message("Message Consent Updated", said.id, said.at, properties), **named}


def _suppressions(kept: Kept, head: Head) -> Iterator[dict[str, Any]]:
    """Addresses of this person that may not be written to. Of one that no profile carries any more, only the hash is
    known."""
    for channel, trait in ADDRESSES.items() if kept.suppressed else ():
        value = head.trait(trait)  # type: ignore[arg-type]
        found = kept.suppressed.get(address_hash(kept.address_secret(), channel, value)) if value else None
        if found is not None:
            standing, since = found.standing
            properties = {"channel": channel, "address": value, "reason": standing}
            at = since or 0
            yield _message("Message Address Suppressed", f"suppressed-{found.hashed}", at, properties)


def _named(head: Head) -> dict[str, str]:
    return {f"{head.identity.kind}Id": head.identity.value} if head.identity else {}


def _message(event: str, message_id: str, at: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "timestamp": iso(at),
        "receivedAt": iso(at),
        "source": OWN_SOURCE,
        "properties": properties,
    }
