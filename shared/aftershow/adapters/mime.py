"""E-mails as bytes (RFC 5322, 2045-2047): text, page and its pictures. The same message is the same bytes.

Every value that came from outside stands in one header line, whatever is in it: control characters are refused, what is
not ASCII is encoded. Bodies are base64 or quoted-printable, in which the boundaries can't occur.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.message import Message
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from hashlib import sha256

from aftershow.model.instants import SECOND
from aftershow.model.messages import Email, Picture
from aftershow.ports.channels import Declined, Outgoing

# Two texts of 256 KB and the pictures of a template, encoded. Mailboxes cut pages above 100 KB off.
MAX_MESSAGE_BYTES = 1024 * 1024
# What an address may be to be written as it is: others need an encoding that few servers take. None is quoted, and a
# file's is no mailbox but a viewer's id.
_ADDRESS = re.compile(r"[\w!#$%&'*+./=?^`{|}~@-]{1,254}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
# Only words are folded, by us: a link in List-Unsubscribe must stay whole, in the line of its name.
_POLICY = compat32.clone(linesep="\r\n", mangle_from_=False, max_line_length=None)
_QUOTED = Charset("utf-8")
_QUOTED.body_encoding = QP
# A text with more bytes outside of ASCII than this part of it is shorter in base64.
_BASE64_ABOVE = 1 / 6


class NotMailable(Exception):
    """No mail can be made of it: the reason, without personal data."""

    def declined(self) -> Declined:
        """The answer to give: it will never be another."""
        return Declined(str(self))


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: address, the name beside it, and the moment (epoch milliseconds) that letters are dated."""

    address: str
    name: str
    now: Callable[[], int]

    def mail(self, message: Outgoing, content: Email) -> bytes:
        """The mail. Raises NotMailable."""
        _check(message, self.address)
        seed = _seed(message)
        mail = MIMEMultipart("alternative", boundary=_boundary(seed, "texts"), policy=_POLICY)
        headers = {
            "Date": format_datetime(datetime.fromtimestamp(self.now() / SECOND, tz=UTC)),
            "From": _named(self.name, self.address),
            "To": message.address,
            "Subject": _text(content.subject, "Subject"),
            "Message-ID": self.message_id(message),
            **{name: _line(value) for name, value in message.headers.items()},
        }
        for name, value in headers.items():
            mail[name] = value
        mail.attach(_part(content.text, "plain"))
        page = _part(content.html, "html")
        mail.attach(_with_pictures(page, content.pictures, _boundary(seed, "pictures")) if content.pictures else page)
        written = mail.as_bytes(policy=_POLICY)
        if len(written) > MAX_MESSAGE_BYTES:
            raise NotMailable("too_large")
        return written

    def message_id(self, message: Outgoing) -> str:
        """What answers and bounces refer to: viewer, reminder and attempt."""
        return f"<{_seed(message)}@{self.address.rpartition('@')[2]}>"


def _seed(message: Outgoing) -> str:
    return ".".join(message.tags.values()) or "untagged"


def _check(message: Outgoing, sender: str) -> None:
    for address in (sender, message.address):
        if not _ADDRESS.fullmatch(address):
            raise NotMailable("address_not_mailable")
    for word in (*message.headers, *message.tags.values()):
        if not re.fullmatch(r"[\w.+=-]+", word, re.ASCII):
            raise NotMailable("header_not_mailable")


def _line(value: str) -> str:
    """A header's value as it is: nothing that starts another header."""
    if _CONTROL.search(value) or not value.isascii():
        raise NotMailable("header_not_mailable")
    return value


def _text(value: str, name: str) -> str:
    """A header's value in words. An encoded word written by hand is encoded too, or mailboxes would decode it."""
    if _CONTROL.search(value):
        raise NotMailable("header_not_mailable")
    plain = value.isascii() and "=?" not in value
    return Header(value, "us-ascii" if plain else "utf-8", header_name=name).encode()


def _named(name: str, address: str) -> str:
    if not name or _CONTROL.search(name):
        return address
    if name.isascii() and "=?" not in name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    header = Header(name, "utf-8", header_name="From")
    header.append(f"<{address}>", "us-ascii")
    return header.encode()


def _part(text: str, kind: str) -> Message:
    foreign = sum(len(character.encode("utf-8", "replace")) for character in text if not character.isascii())
    charset = "utf-8" if foreign > len(text) * _BASE64_ABOVE else _QUOTED
    # A lone surrogate is no character that a mail can carry; lines of a text end with CRLF, also inside of base64.
    lines = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    return MIMEText(lines if charset == _QUOTED else lines.replace("\n", "\r\n"), kind, charset, policy=_POLICY)  # type: ignore[arg-type]


def _with_pictures(page: Message, pictures: tuple[Picture, ...], boundary: str) -> Message:
    related = MIMEMultipart("related", boundary=boundary, policy=_POLICY)
    related.attach(page)
    for picture in pictures:
        part = MIMEImage(picture.content, picture.media_type.partition("/")[2], policy=_POLICY)
        part["Content-ID"] = f"<{picture.name}>"
        part["Content-Disposition"] = f'inline; filename="{picture.name}"'
        related.attach(part)
    return related


def _boundary(seed: str, which: str) -> str:
    # "=_" occurs neither in base64 nor in quoted-printable.
    return f"=_{sha256(f'{which} {seed}'.encode()).hexdigest()[:32]}"
