"""Signed links: what a viewer's mail client sends back to us. Opaque, without personal data, useless when changed; and
the secret addresses that providers report to.

A link must fit into a text message, so its token is as short as what it says: 10 bytes of the viewer's id, 10 of the
reminder's, one for the letter of the viewer and the link's number, and 8 of the signature: 39 characters. 64 bits of
HMAC can't be guessed over HTTP (2^63 tries on average, and nothing tells a near miss), and what a guess would win is
one click or one opt-out. Ids of another form, and links of messages that went out before, have the long form: it has a
dot, which base64 doesn't.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aftershow.model.ids import is_viewer_id

LinkKind = Literal["click", "unsubscribe", "preferences", "survey", "quiz"]

_ID_BYTES = 10
_ID_CHARACTERS = 16
_MAC_BYTES = 8
# The seven bits beside the one for the viewer's letter.
MAX_SHORT_NUMBER = 127
_LETTERS = "au"
# Who brought a viewer back, in the words of UTM: what shops' analytics read by themselves.
OUR_SOURCE = "aftershow"


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """Which message a link came from, and which of its links it is."""

    viewer: str
    reminder: str
    number: int


def sign(secret: str, kind: LinkKind, target: LinkTarget) -> str:
    """The token of a link."""
    said = _packed(target)
    if said is not None:
        return _base64(said + _mac(secret, kind, said))
    from itsdangerous import URLSafeSerializer  # paid only where the long form is needed

    token = URLSafeSerializer(secret, salt=kind).dumps([target.viewer, target.reminder, target.number])
    return token if isinstance(token, str) else token.decode()


def read(secret: str, kind: LinkKind, token: str) -> LinkTarget | None:
    """What a token says; None where it was not signed here, for this kind of link."""
    return _read_long(secret, kind, token) if "." in token else _read_short(secret, kind, token)


def _packed(target: LinkTarget) -> bytes | None:
    """What a token says in bytes; None where it doesn't fit the short form."""
    viewer, reminder, number = target.viewer, target.reminder, target.number
    if not (is_viewer_id(viewer) and _is_reminder_id(reminder) and 0 <= number <= MAX_SHORT_NUMBER):
        return None
    ids = b32decode(viewer[1:].upper()) + b32decode(reminder[1:].upper())
    return bytes([number << 1 | _LETTERS.index(viewer[0])]) + ids


def _is_reminder_id(text: str) -> bool:
    """Whether an id is written as aftershow.model.ids.reminder_id writes it: like a viewer's, with another letter."""
    return text[:1] == "r" and is_viewer_id(f"u{text[1:]}")


def _mac(secret: str, kind: LinkKind, said: bytes) -> bytes:
    return hmac.digest(secret.encode(), f"link\0{kind}\0".encode() + said, sha256)[:_MAC_BYTES]


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _read_short(secret: str, kind: LinkKind, token: str) -> LinkTarget | None:
    try:
        data = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        return None
    said, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    # Written as we write it: another spelling of the same bytes is none of our links.
    if len(said) != 1 + 2 * _ID_BYTES or _base64(data) != token:
        return None
    if not hmac.compare_digest(mac, _mac(secret, kind, said)):
        return None
    number, letter = said[0] >> 1, _LETTERS[said[0] & 1]
    ids = b32encode(said[1:]).decode().lower()
    return LinkTarget(letter + ids[:_ID_CHARACTERS], "r" + ids[_ID_CHARACTERS:], number)


def _read_long(secret: str, kind: LinkKind, token: str) -> LinkTarget | None:
    from itsdangerous import BadSignature, URLSafeSerializer

    try:
        viewer, reminder, number = URLSafeSerializer(secret, salt=kind).loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    return LinkTarget(viewer, reminder, number)


def callback_token(secret: str, provider: str) -> str:
    """The last part of the address to which a provider that signs nothing reports: whoever knows it may report."""
    return (
        urlsafe_b64encode(hmac.digest(secret.encode(), f"callback\0{provider}".encode(), sha256)).decode().rstrip("=")
    )


def is_callback(secret: str, provider: str, token: str) -> bool:
    """Whether a token is the provider's, compared in constant time."""
    return hmac.compare_digest(callback_token(secret, provider).encode(), token.encode(errors="replace"))


def with_source(address: str, channel: str, playbook: str, reminder: str) -> str:
    """Where a link leads, with a word on what brought the viewer there: the reminder's id says nothing to others. What
    the address itself says comes first."""
    parts = urlsplit(address)
    if any(name.startswith("utm_") for name, _ in parse_qsl(parts.query)):
        return address
    ours = {"utm_source": OUR_SOURCE, "utm_medium": channel, "utm_campaign": playbook, "utm_content": reminder}
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode(ours))))))
