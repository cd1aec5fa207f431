"""The channel `file`: every message becomes a file on disk, for local runs. It reaches nobody."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from pathlib import Path

from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Answer, Declined, Outgoing

CARD = RateCard(
    channel="file", provider="file", per_second=14, currency="USD", micros=0, as_of="2026-11", source="a disk"
)


@dataclass(frozen=True, slots=True)
class FileChannel:
    """Writes files named by reminder and attempt into `folder`: RFC 5322 for an e-mail, else JSON. The same
    attempt twice is the same file."""

    folder: Path

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        mail = message.content if isinstance(message.content, Email) else None
        name = f"{message.tags['reminder']}-{message.tags['attempt']}.{'eml' if mail else 'json'}"
        written = _mail(message, mail) if mail else _json(message)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(written)
        except OSError as error:
            return Declined(f"disk: {error.strerror}", again_after_seconds=60)
        return Accepted(name)


def make(outside: Outside) -> FileChannel | None:
    """The channel, where there is a folder for it."""
    folder = outside.settings.message_folder
    return FileChannel(Path(folder)) if folder else None


def _mail(message: Outgoing, content: Email) -> bytes:
    mail = EmailMessage()
    mail["To"] = message.address
    mail["Subject"] = content.subject
    for header, value in message.headers.items():
        mail[header] = value
    mail.set_content(content.text)
    mail.add_alternative(content.html, subtype="html")
    # A fixed boundary: two runs write the same bytes.
    mail.set_boundary(f"=={message.tags['reminder']}==")
    return mail.as_bytes()


def _json(message: Outgoing) -> bytes:
    kind = type(message.content).__name__.lower()
    told = {"to": message.address, "tags": dict(message.tags), kind: asdict(message.content)}
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
