"""Channels: by what they reach a person, and what a message on them costs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aftershow.model.base import Record
from aftershow.model.viewers import Trait

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


class RateCard(Record):
    """What a provider takes and how fast, as of a day, with its source. A shop's own prices go before it."""

    channel: str
    provider: str
    # What it lets through a second unless the account says otherwise: the throttle.
    per_second: float = Field(gt=0)
    # Millionths of the currency's unit: 0.0001 USD an e-mail are 100.
    currency: str
    micros: int = Field(ge=0)
    per: Literal["message", "segment"] = "message"
    as_of: str
    source: str
