"""Prices: what a message on a channel costs the shop."""

from __future__ import annotations

from dataclasses import dataclass

from aftershow.model.channels import Amount, RateCard, Terms

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Millionths of a currency's unit; `compared` in millionths of a US dollar (None: nobody said how the currency
    compares)."""

    currency: str
    micros: int
    compared: int | None

    def __str__(self) -> str:
        """For people: 0.0001 USD."""
        units, rest = divmod(self.micros, MILLION)
        digits = f"{rest:06d}".rstrip("0")
        return f"{units}.{digits or 0} {self.currency}"


def price(terms: Terms, channel: str, provider: str) -> Price | None:
    """The price of a message: the shop's own, else that on the card of the provider which serves the channel. None:
    nobody said. Of a text message one segment is taken."""
    cards = (one for one in terms.cards if one.channel == channel and one.provider == provider)
    found: Amount | RateCard | None = terms.prices.get(channel) or next(cards, None)
    if found is None:
        return None
    return Price(found.currency, found.micros, compared(terms, found.currency, found.micros))


def compared(terms: Terms, currency: str, micros: int) -> int | None:
    """An amount in millionths of a US dollar; None: nobody said how the currency compares."""
    rate = terms.exchange.get(currency)
    return None if rate is None else micros * rate // MILLION
