"""Prices: what a message on a channel costs the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aftershow.model.channels import OwnPrice, RateCard, Terms

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


def price(terms: Terms, channel: str, providers: Mapping[str, str]) -> Price | None:
    """The price of a message: the shop's own, else that on the card of the provider which serves the channel
    (`providers`: those that the shop names). None: nobody said. Of a text message one segment is taken."""
    provider = providers.get(channel) or terms.usual.get(channel)
    cards = (one for one in terms.cards if one.channel == channel and one.provider == provider)
    found: OwnPrice | RateCard | None = terms.prices.get(channel) or next(cards, None)
    if found is None:
        return None
    rate = terms.exchange.get(found.currency)
    return Price(found.currency, found.micros, None if rate is None else found.micros * rate // MILLION)
