"""What a text message costs: its alphabet and its segments.

A segment is 140 bytes. In the GSM 7-bit default alphabet with its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1)
that is 160 characters, an extended one counting twice, else UCS-2 with 70 units of 16 bits. A longer text is sent in
several segments, each with a header of 6 bytes (3GPP TS 23.040, 9.2.3.24.1): 153 and 67. No escape pair and no
surrogate pair is torn over two of them.

Chinese providers count characters whatever the alphabet, 70 and then 67 a segment, the signature that they put before
the text included (Aliyun and Tencent Cloud, pages on how text messages are charged).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Alphabet = Literal["GSM", "UCS-2"]
Rule = Literal["standard", "chinese"]

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_ONE = {"GSM": 160, "UCS-2": 70}
_OF_MANY = {"GSM": 153, "UCS-2": 67}


@dataclass(frozen=True, slots=True)
class Length:
    """How long a text is: `units` are septets (GSM) or 16-bit units; `left` fit without another segment."""

    alphabet: Alphabet
    units: int
    segments: int
    left: int


def is_gsm(text: str) -> bool:
    """Whether a text can be written in the GSM alphabet."""
    return all(character in _BASIC or character in _EXTENDED for character in text)


def length(text: str, rule: Rule = "standard") -> Length:
    """The length of a text, the signature before it included where there is one."""
    alphabet: Alphabet = "GSM" if rule == "standard" and is_gsm(text) else "UCS-2"
    widths = [_width(character, alphabet) for character in text]
    units = sum(widths)
    if units <= _ONE[alphabet]:
        return Length(alphabet, units, 1 if units else 0, _ONE[alphabet] - units)
    segments, left = _packed(widths, _OF_MANY[alphabet])
    return Length(alphabet, units, segments, left)


def _width(character: str, alphabet: Alphabet) -> int:
    if alphabet == "GSM":
        return 2 if character in _EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1  # noqa: PLR2004 (beyond it, UTF-16 needs a pair)


def _packed(widths: Iterable[int], room: int) -> tuple[int, int]:
    """(segments, units left in the last) when each takes whole characters only."""
    segments, left = 1, room
    for width in widths:
        if width > left:
            segments, left = segments + 1, room
        left -= width
    return segments, left
