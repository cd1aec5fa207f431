"""Identifiers of a person beside their viewer ids: how they are read, and which values name nobody.

A value that many send (a filler, a test address, a desk's telephone) would merge thousands; it is refused as an
identifier, whatever it may still be as a trait.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, get_args

from aftershow.model.ids import NOBODY, IdentityKind, is_usable_identity, viewer_id

# RFC 5321, 4.5.3.1.3: a path of 256 octets with its brackets.
MAX_EMAIL_CHARACTERS = 254
# More ids on one event is a broken client; a person has one for each app.
MAX_EXTERNAL_IDS = 8

# What forms are filled with. China Mobile's 13800138000 is on every sample form; like all of these it is a valid value.
FILLERS = frozenset({
    "test@test.com", "test@example.com", "user@example.com", "a@a.com", "abc@abc.com", "123@123.com", "no@no.com",
    "none@none.com", "null@null.com", "email@email.com", "example@example.com", "123456@qq.com", "123@qq.com",
    "+8613800138000", "+8613000000000", "+8613800000000", "+8613812345678", "+8613912345678", "+8618888888888",
})  # fmt: skip
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NO_MAILBOX = NOBODY | {"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "nobody", "noemail"}

_TYPES: dict[str, IdentityKind] = {
    kind: kind for kind in get_args(IdentityKind) if kind not in ("user", "anonymous")
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in its one form: two sources that mean the same write it alike."""

    kind: IdentityKind
    value: str

    @property
    def viewer(self) -> str:
        """The name under which it stands: a hash."""
        return viewer_id(self.kind, self.value)


def read_email(text: str) -> str | None:
    """An e-mail address without spaces around it, its domain in small letters; None for what is none. Nothing is
    assumed about what a provider does with dots or plus signs."""
    local, at, domain = text.strip().rpartition("@")
    if not (at and local and "." in domain) or len(text) > MAX_EMAIL_CHARACTERS:
        return None
    if not text.strip().isprintable() or " " in text.strip():
        return None
    return f"{local}@{domain.lower()}"


def read_phone(text: str, country: str) -> str | None:
    """A telephone number as E.164, read in `country` (ISO 3166) where it has no country code of its own; None for what
    is not one possible and assigned number."""
    import phonenumbers  # 15 ms, and what it knows of a country when that is first asked for

    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def identifier(kind: IdentityKind, value: str) -> Identifier:
    """The identifier of a value that was read. Mail providers take no notice of capitals, so neither does the key."""
    return Identifier(kind, value.lower() if kind == "email" else value)


def known_as(kind: IdentityKind, value: str | None) -> Identifier | None:
    """The identity of a value that somebody asks for; None where the value can't be one of this kind."""
    return identifier(kind, value) if value is not None and is_usable_identity(value) else None


def named_by(text: str, country: str | None) -> list[Identifier]:
    """Everything that a text may name when somebody asks for a person by it, of every kind that it can be read as.
    Telephone numbers are read in `country`; None: only as E.164, where what reads numbers isn't at hand."""
    value = text.strip()
    phone = read_phone(value, country) if country is not None else value if _E164.fullmatch(value) else None
    forms: dict[IdentityKind, str | None] = {"email": read_email(value), "phone": phone}
    kinds: tuple[IdentityKind, ...] = get_args(IdentityKind)
    return [one for kind in kinds if (one := known_as(kind, forms.get(kind, value))) is not None]


def is_blocked(one: Identifier, blocked: Collection[str]) -> bool:
    """Whether the value names nobody, or everybody: a filler, or one that the shop named (a desk's number)."""
    if one.value in FILLERS or one.value in blocked:
        return True
    if one.kind == "email":
        return one.value.partition("@")[0] in _NO_MAILBOX
    # 13888888888 is a number that people pay for; only all digits alike behind the country code are a filler.
    return len(set(one.value[-10:])) == 1


def read_blocked(listed: Collection[str], country: str) -> frozenset[str]:
    """The values that the shop names, each in every form in which it could be met."""
    known = {each.strip() for each in listed if each.strip()}
    emails = {email.lower() for each in known if (email := read_email(each))}
    phones = {phone for each in known if "@" not in each and (phone := read_phone(each, country))}
    return frozenset(known | emails | phones)


def external_ids(context: dict[str, Any]) -> list[tuple[IdentityKind, str]]:
    """(kind, value) of the ids in Segment's `context.externalIds` whose type is known here."""
    listed = context.get("externalIds")
    found: list[tuple[IdentityKind, str]] = []
    for one in listed[:MAX_EXTERNAL_IDS] if isinstance(listed, list) else ():
        kind, value = (one.get("type"), one.get("id")) if isinstance(one, dict) else (None, None)
        known = _TYPES.get(kind) if isinstance(kind, str) else None
        if known is not None and isinstance(value, str) and is_usable_identity(value.strip()):
            found.append((known, value.strip()))
    return found
