"""Identifiers that follow from what they name, so that doing a thing twice is doing it once."""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Literal

IdentityKind = Literal[
    "user", "anonymous", "email", "phone", "wechat_openid", "wechat_unionid", "wecom_external_userid", "douyin_openid"
]
# The first letter of a viewer id says what kind of identity it names.
_LETTERS: dict[IdentityKind, str] = {
    "user": "u", "anonymous": "a", "email": "e", "phone": "p",
    "wechat_openid": "o", "wechat_unionid": "n", "wecom_external_userid": "w", "douyin_openid": "d",
}  # fmt: skip
# 10 bytes in base32. Short enough for the 30 characters of a WeCom QR code's state.
_VIEWER_ID = re.compile("[ua][a-z2-7]{16}")
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}

# Values that broken tracking code sends for "nobody"; one of them would merge thousands of people.
NOBODY = frozenset(
    {"", "0", "-1", "null", "none", "nil", "undefined", "nan", "anonymous", "guest", "unknown", "false", "true"}
    | {"00000000-0000-0000-0000-000000000000"}
)
MAX_IDENTITY_CHARACTERS = 256


def digest(*parts: str, size: int = 10) -> str:
    """A short stable name of `parts` (lower-case base32, `size` bytes of BLAKE2b). Not a secret."""
    hashed = blake2b(digest_size=size)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(4, "big") + data)
    return b32encode(hashed.digest()).decode().lower().rstrip("=")


@lru_cache(maxsize=4096)
def viewer_id(kind: IdentityKind, value: str) -> str:
    """The viewer that an identity names. Each identity has its own; merged heads lead to the surviving one."""
    return _LETTERS[kind] + digest("viewer", kind, value)


def kind_of(viewer: str) -> IdentityKind:
    """What kind of identity a viewer id names."""
    return _KINDS.get(viewer[:1], "anonymous")


def is_viewer_id(text: str) -> bool:
    """Whether a text is written as the viewer id of a user or browser: what the shop puts into a QR code's state."""
    return _VIEWER_ID.fullmatch(text) is not None


def is_viewer(name: str) -> bool:
    """Whether an id may have events, rows and accounts of its own: a user or a browser, not an identifier."""
    return kind_of(name) in ("user", "anonymous")


def reminder_id(playbook: str, step: str, viewer: str, about: str, occurrence: int) -> str:
    """The id of a planned reminder; `about` is the show or order it is about."""
    return "r" + digest("reminder", playbook, step, viewer, about, str(occurrence))


def short_hash(text: str) -> int:
    """64 bits of a message id, to count behaviour once."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def shard_of(text: str, shards: int) -> int:
    """A stable shard number below `shards`."""
    return int.from_bytes(blake2b(text.encode(), digest_size=4, person=b"shard").digest(), "big") % shards


def address_hash(secret: str, channel: str, address: str) -> str:
    """The keyed hash under which an address's suppressions stand: it outlives the address itself."""
    message = f"{channel}\0{address.strip().lower()}".encode()
    return b32encode(hmac.digest(secret.encode(), message, sha256)[:15]).decode().lower()


def body_hash(*parts: str) -> str:
    """What a fact says, for the guard against the same key with another body."""
    return digest("body", *parts, size=16)


def is_usable_identity(value: str) -> bool:
    """Whether a value can name one person. What is left of a cut or wrongly decoded text (U+FFFD) could name many."""
    return (
        0 < len(value) <= MAX_IDENTITY_CHARACTERS
        and value.strip().lower() not in NOBODY
        and value.isprintable()
        and "\N{REPLACEMENT CHARACTER}" not in value
    )
