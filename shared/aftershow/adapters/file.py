"""The channel `file`: every message becomes a file on disk, for local runs. It reaches nobody."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from aftershow.ports.channels import Accepted, Answer, Declined, Outgoing


@dataclass(frozen=True, slots=True)
class FileChannel:
    """Writes RFC 5322 files named by reminder and attempt into `folder`; the same attempt twice is the same file."""

    folder: Path

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        name = f"{message.tags['reminder']}-{message.tags['attempt']}.eml"
        mail = EmailMessage()
        mail["To"] = message.address
        mail["Subject"] = message.subject
        for header, value in message.headers.items():
            mail[header] = value
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        # A fixed boundary: two runs write the same bytes.
        mail.set_boundary(f"=={message.tags['reminder']}==")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(mail.as_bytes())
        except OSError as error:
            return Declined(f"disk: {error.strerror}", again_after_seconds=60)
        return Accepted(name)
