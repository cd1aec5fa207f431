"""Channels: by what they reach a person, what a message on them costs, and what a shop says about its own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aftershow.model.base import Record
from aftershow.model.durations import read_duration
from aftershow.model.instants import DAY
from aftershow.model.viewers import MAX_RING, Purpose, Trait

# Channel to the trait that holds the person's address there. None: whoever takes the messages is no person (a partner's
# endpoint, a folder), and gets the viewer's id.
ADDRESSES: dict[str, Trait | None] = {
    "email": "email",
    "sms": "phone",
    "push": "push_token",
    "wechat": "wechat_openid",
    "wecom": "wecom_external_userid",
    "webhook": None,
    "file": None,
}
# Channels whose messages a member of staff confirms.
CONFIRMED_BY_STAFF = ("wecom",)
# Reasons that mean something beyond their message. No accept of hers is left: a provider that says so knows of none, so
# what was counted as one is none. She deleted the staff's contact: an opt-out.
NO_ACCEPT_LEFT, CONTACT_DELETED = "no_accept_left", "contact_deleted"
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([A-Z]{3})")
_CAP = re.compile(r"(\d+)\s*/\s*(.+)")
# The provider of a shop that names none.
USUAL: dict[str, str] = {
    "email": "ses", "file": "file", "push": "sns", "webhook": "webhook", "wechat": "wechat", "wecom": "wecom",
}  # fmt: skip


class RateCard(Record):
    """What a provider takes and how fast, as of a day, with its source. A shop's own prices go before it."""

    channel: str
    provider: str
    # What it lets through a second unless the account says otherwise: the throttle.
    per_second: float = Field(gt=0)
    # Whether every account has a rate of its own, which the shop says: SendRatePerSecond.
    by_account: bool = False
    # Millionths of the currency's unit: 0.0001 USD an e-mail are 100.
    currency: str
    micros: int = Field(ge=0)
    per: Literal["message", "segment"] = "message"
    as_of: str
    source: str


def _cap(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _CAP.fullmatch(value.strip())
    if match is None:
        raise ValueError('a cap is a number of messages and a time: "1/1d", "3/7d"')
    return {"most": int(match[1]), "window": read_duration(match[2])}


class Cap(Record):
    """At most so many messages in any window of so many milliseconds; "3/7d" in a file."""

    # What a ring of sends holds can be counted; at least 1, since a 0 is a channel that isn't used.
    most: int = Field(ge=1, le=MAX_RING)
    window: int = Field(gt=0, le=60 * DAY)


Caps = tuple[Annotated[Cap, BeforeValidator(_cap)], ...]


class Amount(Record):
    """An amount too small for minor units, in millionths of a currency's unit; "0.045 CNY" in a file."""

    currency: str
    micros: int = Field(ge=0)
    as_of: str = ""
    source: str = ""


def _amount(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _AMOUNT.fullmatch(value.strip())
    if match is None:
        raise ValueError('an amount is a number with at most six decimals and a currency: "0.045 CNY"')
    return {"currency": match[2], "micros": int(Decimal(match[1]) * 1_000_000)}


Amounts = Annotated[Amount, BeforeValidator(_amount)]


class Terms(Record):
    """What a shop says about its channels: its own prices and caps, what an answer is worth, and how currencies
    compare."""

    prices: dict[str, Amounts] = {}
    # Marketing messages to one person on one channel, beside the caps over all channels. WeCom itself lets one
    # broadcast a day through to a customer.
    caps: dict[str, Caps] = {"wecom": (Cap(most=1, window=DAY),)}
    # What one answer is worth to the shop; in a currency that is among `exchange`.
    answer: Amounts = Amount(currency="USD", micros=500_000)
    # Currency to millionths of a US dollar for one unit of it, on one day, with the source.
    exchange: dict[str, int] = {"USD": 1_000_000}
    exchange_as_of: str = ""
    exchange_source: str = ""
    # Filled in by a push: the rate cards of the providers.
    cards: tuple[RateCard, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Terms:
        if unknown := sorted({*self.prices, *self.caps} - set(ADDRESSES)):
            raise ValueError(f"{', '.join(unknown)}: no channel; there are {', '.join(ADDRESSES)}")
        if self.answer.currency not in self.exchange:
            raise ValueError(f"answer is in {self.answer.currency}, which is not among exchange")
        return self

    def caps_of(self, channel: str, purpose: Purpose) -> Caps:
        """The channel's own caps on messages of a class."""
        return self.caps.get(channel, ()) if purpose == "marketing" else ()
