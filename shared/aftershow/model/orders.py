"""Orders and what happened to them: facts that count once for ever."""

from __future__ import annotations

from aftershow.model.base import Record

MAX_LINES = 100
# More refunds or corrections of one order than this is a broken client.
MAX_AMENDMENTS = 64


class Amendment(Record):
    """A later fact about an order: a refund of `minor`, or (an update) the new total `minor`."""

    id: str
    at: int
    minor: int


class Order(Record):
    """One order. Without `hash` it is a tombstone: a refund or cancellation came before the order itself.

    `minor` is the total in minor units of `currency`. `updates` are the totals of Order Updated, the newest counts.
    """

    order: str
    viewer: str | None = None
    # Viewers to whom the order was ascribed before: what the ledger gave them for it is taken back.
    former: tuple[str, ...] = ()
    hash: str | None = None
    at: int | None = None
    # The message whose word on viewer, time and show counts: of all that say the same order the earliest.
    told: str = ""
    minor: int = 0
    currency: str | None = None
    show: str | None = None
    products: tuple[str, ...] = ()
    coupon: str | None = None
    refunds: tuple[Amendment, ...] = ()
    updates: tuple[Amendment, ...] = ()
    cancelled: Amendment | None = None
    # Message ids of events that named this order with another body.
    conflicts: tuple[str, ...] = ()
    # The order whose show reminder brought it back, with the reminder's id.
    won_by: str | None = None

    @property
    def total(self) -> int:
        """The total that counts, in minor units: the newest update's, else the order's."""
        return max(self.updates, key=lambda one: (one.at, one.id)).minor if self.updates else self.minor


class UnnamedRefund(Record):
    """A refund or cancellation that names no order."""

    id: str
    viewer: str
    at: int
    minor: int
    currency: str
