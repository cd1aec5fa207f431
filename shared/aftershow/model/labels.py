"""What a person is called by the shop: labels, each with its reasons, and the yardstick by which a shop measures."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aftershow.model.base import Record
from aftershow.model.engagements import Reason

# Which labels there are. A change of one is a domain event; numbers that move every day are not among them.
LabelName = Literal[
    "stage", "life_cycle", "activity", "rfm", "value", "churn", "segment", "motive", "sharer",
    "price_sensitive", "hesitant", "presence", "taste", "region",
]  # fmt: skip
Quartet = tuple[int, int, int, int]


class Label(Record):
    """One label with what it was read from."""

    value: str
    reasons: tuple[Reason, ...] = ()


class Labels(Record):
    """A person's labels as they are kept: by what they change, the event of the change goes out once."""

    viewer: str
    version: str
    values: dict[LabelName, str] = {}


class Sharing(Record):
    """The new customers whom one viewer's shares brought in: buyer to the moment of the first order."""

    viewer: str
    buyers: dict[str, int] = {}


class Yardstick(Record):
    """A shop's own measure of its customers, by which they are told apart once there are enough of them.

    Quintile edges rise: whoever is above `i` of them is in the (i + 1)th fifth. Money is in minor units of `currency`.
    """

    version: str = Field(pattern=r"^[a-z0-9.-]{1,32}$")
    measured_at: int
    customers: int = Field(ge=1)
    currency: str
    recency_days: Quartet
    orders: Quartet
    spent: Quartet
    # From here on somebody is among the tenth that spends most.
    top_spent: int
    # A fifth of the baskets are as large as this.
    large_basket: int
    # The median days between two purchases of one customer; None where nobody bought twice.
    gap_days: int | None = None
