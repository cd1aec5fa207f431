"""Money: decimals on the wire, integers in minor units inside (ISO 4217)."""

from __future__ import annotations

from decimal import Decimal, DecimalException
from functools import lru_cache

# An amount beyond this is a broken client, not an order; and it keeps every sum inside 64 bits.
MAX_MINOR_UNITS = 10**15


class UnknownCurrency(ValueError):
    """No currency of ISO 4217."""


class BadAmount(ValueError):
    """Not an amount of money: not a finite number, negative, or beyond MAX_MINOR_UNITS."""


@lru_cache(maxsize=256)
def exponent(currency: str) -> int:
    """Decimal places of a currency. Raises UnknownCurrency."""
    if currency == "CNY":
        return 2
    import iso4217  # it parses the standard's XML at import: paid only where a foreign currency comes by

    try:
        places = iso4217.Currency(currency).exponent
    except ValueError:
        raise UnknownCurrency(currency) from None
    return int(places or 0)


def minor_units(amount: object, currency: str) -> int:
    """The amount in minor units, rounded half to even below them. Raises UnknownCurrency, BadAmount."""
    places = exponent(currency)
    if isinstance(amount, bool) or not isinstance(amount, (int, float, str, Decimal)):
        raise BadAmount("an amount must be a number")
    try:
        value = Decimal(str(amount))
        minor = value.scaleb(places).to_integral_value() if value.is_finite() else Decimal(-1)
    except (DecimalException, ValueError):
        raise BadAmount("an amount must be a number") from None
    # Before it becomes an integer: a million digits take half a minute.
    if not 0 <= minor <= MAX_MINOR_UNITS:
        raise BadAmount("an amount must be finite, not negative, and below 10^15 minor units")
    return int(minor)


def whole_units(minor: int, currency: str) -> int:
    """Whole currency units, rounded down."""
    return minor // int(10 ** exponent(currency))


def display(minor: int, currency: str) -> str:
    """The amount as people write it, without a symbol: 12.50."""
    places = exponent(currency)
    return f"{Decimal(minor).scaleb(-places):.{places}f}"
