"""The fields of a subscribe message: what WeChat takes in each kind of field, cut to it or refused.

WeChat refuses a whole message (47003) for one field that breaks its kind's rule, after a quarter of a second and a
claim. The kind stands in the field's name: thing1, time2 (WeChat's documentation of subscribeMessage.send).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of field: at most so many characters, of this form. Text for people may be cut, a number may not."""

    most: int
    form: str = r".+"
    may_be_cut: bool = False


KINDS: Mapping[str, Kind] = {
    "thing": Kind(20, may_be_cut=True),
    "number": Kind(32, r"[+-]?\d+(\.\d+)?"),
    "letter": Kind(32, r"[A-Za-z]+"),
    "symbol": Kind(5, r"[^\w\s]+"),
    "character_string": Kind(32, r"[\x21-\x7e]+"),
    "time": Kind(
        40, r"(\d{4}[-年/]\d{1,2}[-月/]\d{1,2}日?([ T]?\d{1,2}:\d{2}(:\d{2})?)?|\d{1,2}:\d{2}(:\d{2})?)(~.+)?"
    ),
    "date": Kind(40, r"\d{4}[-年/]\d{1,2}[-月/]\d{1,2}日?([ T]?\d{1,2}:\d{2}(:\d{2})?)?(~.+)?"),
    # A sign of the currency, up to ten digits, a fraction, 元.
    "amount": Kind(16, r"[^\w\s.+-]?-?\d{1,10}(\.\d{1,2})?元?"),
    "phone_number": Kind(17, r"[+\d()-]+"),
    "car_number": Kind(8, r"[A-Z0-9一-鿿]+"),
    "name": Kind(10, may_be_cut=True),
    # Words in Chinese characters only.
    "phrase": Kind(5, r"[一-鿿]+", may_be_cut=True),
}
# A name in Latin letters may be twice as long.
MAX_LATIN_NAME = 20


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that can't be sent, and why: "kind" that there is not, "empty", "too_long", "form"."""

    field: str
    why: str


def fitted(fields: Mapping[str, str]) -> tuple[dict[str, str], tuple[Misfit, ...]]:
    """The fields as they may be sent, and those that can't be."""
    fit = {name: _cut(name, re.sub(r"\s+", " ", text).strip()) for name, text in fields.items()}
    return fit, tuple(_misfits(fit))


def kind_of(field: str) -> str:
    """The kind that a field's name says: thing1 is a thing."""
    return field.rstrip("0123456789")


def _cut(field: str, text: str) -> str:
    kind, most = KINDS.get(kind_of(field)), _most(field, text)
    if kind is None or not kind.may_be_cut or len(text) <= most:
        return text
    # Names and phrases have no place for a mark.
    return text[: most - 1].rstrip() + ELLIPSIS if kind_of(field) == "thing" else text[:most].rstrip()


def _most(field: str, text: str) -> int:
    name = kind_of(field)
    if name == "name" and text.isascii():
        return MAX_LATIN_NAME
    return KINDS[name].most if name in KINDS else 0


def _misfits(fields: Mapping[str, str]) -> Iterator[Misfit]:
    for field, text in fields.items():
        kind = KINDS.get(kind_of(field))
        if kind is None:
            yield Misfit(field, "kind")
        elif not text:
            yield Misfit(field, "empty")
        elif len(text) > _most(field, text):
            yield Misfit(field, "too_long")
        elif not re.fullmatch(kind.form, text):
            yield Misfit(field, "form")
