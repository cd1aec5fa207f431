"""To which show an order belongs."""

from __future__ import annotations

from collections.abc import Iterable

from aftershow.model.engagements import Engagement
from aftershow.model.instants import DAY
from aftershow.model.viewers import RecentOrder

# An order that names no show belongs to the last show that its customer entered within a day.
ATTRIBUTION = DAY


def attributed_show(order: RecentOrder, engagements: Iterable[Engagement]) -> str | None:
    """The show that an order belongs to: the one that it names, else the last entered within 24 h before it."""
    if order.show is not None:
        return order.show
    entered = [one for one in engagements if one.show and order.at - ATTRIBUTION <= one.first_at <= order.at]
    return max(entered, key=lambda one: (one.first_at, one.about)).show if entered else None
