"""The channel `file`: every message becomes a file on disk, for local runs. It reaches nobody."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from aftershow.adapters.mime import Letterhead, NotMailable
from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Answer, Declined, Outgoing

CARD = RateCard(
    channel="file",
    provider="file",
    per_second=14,
    by_account=True,
    currency="USD",
    micros=0,
    as_of="2026-11",
    source="a disk",
)


@dataclass(frozen=True, slots=True)
class FileChannel:
    """Writes files named by reminder and attempt into `folder`: RFC 5322 for an e-mail, else JSON. The same
    attempt twice is the same file."""

    folder: Path
    letterhead: Letterhead

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        mail = message.content if isinstance(message.content, Email) else None
        name = f"{message.tags['reminder']}-{message.tags['attempt']}.{'eml' if mail else 'json'}"
        try:
            written = self.letterhead.mail(message, mail) if mail else _json(message)
        except NotMailable as error:
            return error.declined()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(written)
        except OSError as error:
            return Declined(f"disk: {error.strerror}", again_after_seconds=60)
        return Accepted(name)


def make(outside: Outside) -> FileChannel | None:
    """The channel, where there is a folder for it."""
    settings = outside.settings
    letterhead = Letterhead(settings.sender, settings.shop_name, outside.now)
    return FileChannel(Path(settings.message_folder), letterhead) if settings.message_folder else None


def _json(message: Outgoing) -> bytes:
    kind = type(message.content).__name__.lower()
    told = {"to": message.address, "tags": dict(message.tags), kind: asdict(message.content)}
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
