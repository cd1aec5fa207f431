"""Amounts of money and numbers of pieces as files write them: "¥1,299.00", "1.299,00 €", "1299元", "2件"."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Literal

from infra.local.importing.values import SCIENTIFIC, SCIENTIFIC_FORM, SPACES, Unusable

DecimalMark = Literal[".", ","]
_THOUSAND_DIGITS = 3
# Signs that mean one currency only; ¥ and $ mean several, so the column, the mapping or the shop decides.
_CURRENCIES = {"€": "EUR", "£": "GBP", "元": "CNY", "RMB": "CNY", "₩": "KRW", "₹": "INR", "HK$": "HKD", "US$": "USD",
               "NT$": "TWD", "円": "JPY"}  # fmt: skip
_SIGNS = re.compile(r"HK\$|US\$|NT\$|RMB|[¥￥$€£₩₹元円]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", re.IGNORECASE)
_PLAIN = re.compile(r"^\d+(?:\.\d{1,2})?$")
_AMBIGUOUS = re.compile(r"^\d{1,3}([.,])\d{3}$")
_GAPS = re.compile(r"[\s']")
_FORMS: dict[DecimalMark, re.Pattern[str]] = {
    ".": re.compile(r"^-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?$"),
    ",": re.compile(r"^-?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?$"),
}


def amount(cell: str, mark: DecimalMark | None = None) -> tuple[Decimal, str | None]:
    """(amount, currency where a sign names one) of "¥1,299.00", "1.299,00 €", "1299元". Raises Unusable."""
    if _PLAIN.match(cell):
        return Decimal(cell), None
    text = unicodedata.normalize("NFKC", cell).strip()
    if SCIENTIFIC_FORM.match(text):
        raise Unusable(SCIENTIFIC)
    if text.startswith("(") and text.endswith(")"):
        text = "-" + text[1:-1]
    signs = {found.upper() for found in _SIGNS.findall(text)}
    named = {_CURRENCIES.get(sign, sign) for sign in signs} - {"¥", "$"}
    if len(named) > 1:
        raise Unusable("names two currencies")
    return _decimal(_SIGNS.sub("", text).strip(SPACES + "+"), mark), next(iter(named), None)


def _decimal(digits: str, mark: DecimalMark | None) -> Decimal:
    plain = _GAPS.sub("", digits)
    if mark is None and _AMBIGUOUS.match(plain.lstrip("-")):
        raise Unusable('may be thousands or a fraction: say decimal: "." or decimal: "," in the mapping')
    used = mark or decimal_mark(plain) or "."
    if not _FORMS[used].match(plain):
        raise Unusable("is no amount, or its thousands and decimals are not where they belong")
    return Decimal(plain.replace("," if used == "." else ".", "").replace(",", "."))


def decimal_mark(cell: str) -> DecimalMark | None:
    """Which mark a cell shows to be the decimal one; None where it shows none."""
    digits = re.sub(r"[^\d.,]", "", unicodedata.normalize("NFKC", cell))
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return None
    mark, other = digits[last], "," if digits[last] == "." else "."
    if other in digits:
        # Both: the last one, unless it comes again.
        return _mark(mark) if digits.count(mark) == 1 else _mark(other)
    if digits.count(mark) > 1:
        return _mark(other)
    is_thousands_perhaps = len(digits) - last - 1 == _THOUSAND_DIGITS and last <= _THOUSAND_DIGITS
    return None if is_thousands_perhaps else _mark(mark)


def _mark(character: str) -> DecimalMark:
    return "." if character == "." else ","


def quantity(cell: str) -> int:
    """A whole number of pieces; negative ones were taken back. Raises Unusable."""
    text = unicodedata.normalize("NFKC", cell).replace(",", "").strip()
    text = re.sub(r"\.0+$", "", re.sub(r"[件个盒包只双套瓶]$", "", text))
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise Unusable("is no whole number of pieces")
    return int(text)
