"""Quoting: what viewers, hosts and feeds wrote, made harmless before it stands in a message.

A name, a show's title or a product's name is text and nothing else: it starts no header, no markup, no link that a
telephone makes by itself, no reading direction, and no further segment of a text message. Words of the operator's own
(templates, the shop's name) and addresses that we make are not quoted. The rules, in order:

1. Controls and line ends become spaces, spaces are single; what can't be seen goes (bidirectional and zero-width
   controls, tags, private use, lone surrogates). A zero-width joiner stays inside an emoji.
2. What telephones would make a link of gets a space in it: after a dot that a letter follows ("evil. com"), in an
   address of numbers, after a scheme's colon. Dots and colons at the ends go.
3. It is cut to what its channel has room for.
4. In a text message whose own words are in the GSM alphabet, accents go, typographic marks become plain ones, and what
   is still not in the alphabet is left out: one such letter would more than halve the room.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from aftershow.rules.segments import is_gsm

JOINER = "\u200d"
_ELLIPSIS = "…"
# At either end of a quoted text they could join with what the template says there: "evil." and "com".
_EDGES = " .:\u2024\uff0e\uff1a"
# Marks that mean nothing where what stood beside them is cut off or left out.
_LOOSE = _EDGES + "·,-–—、，(（*"
_SPACES = ("Cc", "Zl", "Zp", "Zs")
_UNSEEN = ("Cf", "Cs", "Co")
# Characters of Unicode that are none (U+FFFE, U+FFFF of each plane).
_NONE = 0xFFFE
_SKIN_TONES = range(0x1F3FB, 0x1F400)
# Also the dots that browsers read as one: U+2024, and the full stops of Chinese (IDNA).
_DOT_BEFORE_LETTER = re.compile(
    r"(?<=\S)([.\u2024\uff0e]+)(?=[^\W\d_])|(?<=\S)([\u3002\uff61]+)(?=[A-Za-z\uff21-\uff5a])"
)
_NUMBERS = re.compile(r"(?<=\d)([.\u2024\uff0e])(?=\d+[.\u2024\uff0e]\d)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*[:\uff1a])(?=[^\s\d])")
_PLAIN = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‹": "'", "›": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "•": "*", "·": ".", "×": "x",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "œ": "oe",
        "Œ": "OE", "ı": "i",
    }
)  # fmt: skip


class Quoted(str):
    """A text that a viewer, a host or a feed wrote: `render` treats it as its channel needs."""

    __slots__ = ()


def mapped(value: Any, treat: Callable[[str], str]) -> Any:
    """The values of a template with each quoted text treated."""
    if isinstance(value, Quoted):
        return treat(value)
    if isinstance(value, dict):
        return {name: mapped(one, treat) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [mapped(one, treat) for one in value]
    return value


def harmless(text: str, most: int, end: str = _ELLIPSIS) -> str:
    """A quoted text of at most `most` characters, without anything but text in it; `end` marks a cut."""
    # Whatever is far beyond the cut is not looked at: a name of a megabyte costs nothing.
    return cut(_unlinked(_visible(text[: 8 * most + 64])).strip(_EDGES), most, end)


def cut(text: str, most: int, end: str = _ELLIPSIS) -> str:
    """The text, or its beginning with the sign that something is missing."""
    if len(text) <= most:
        return text
    kept = text[: max(most - len(end), 0)]
    # Neither half an emoji nor an accent without its letter.
    while kept and _continues(text[len(kept)]):
        kept = kept[:-1]
    return (kept.rstrip(_LOOSE + JOINER) + end)[:most] if kept else ""


def in_gsm(text: str) -> str:
    """The text in the GSM alphabet: plain marks, no accents, nothing that it lacks."""
    plain = " ".join("".join(_gsm(character) for character in text.translate(_PLAIN)).split())
    # A sign such as U+2488 has become a dot; and marks alone say nothing.
    return _unlinked(plain.strip(_LOOSE)) if any(character.isalnum() for character in plain) else ""


def _visible(text: str) -> str:
    found: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        if category in _SPACES:
            found.append(" ")
        elif character == JOINER and found and _is_emoji(found[-1]):
            found.append(character)
        elif category not in _UNSEEN and ord(character) & 0xFFFF < _NONE:
            # A joiner before anything but an emoji joins nothing.
            if found and found[-1] == JOINER and not _is_emoji(character):
                found.pop()
            found.append(character)
    return " ".join("".join(found).rstrip(JOINER).split())


def _is_emoji(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk", "Cn") or character == "\ufe0f"


def _continues(character: str) -> bool:
    """Whether a character belongs to the one before it."""
    return character == JOINER or unicodedata.category(character) in ("Mn", "Me", "Mc") or ord(character) in _SKIN_TONES


def _unlinked(text: str) -> str:
    text = _SCHEME.sub(r"\1 ", text)
    text = _DOT_BEFORE_LETTER.sub(lambda found: f"{found[0]} ", text)
    return _NUMBERS.sub(r"\1 ", text)


def _gsm(character: str) -> str:
    if is_gsm(character):
        return " " if character in "\n\r\f" else character
    base = "".join(one for one in unicodedata.normalize("NFKD", character) if unicodedata.category(one) != "Mn")
    return base if base != character and is_gsm(base) else ""
