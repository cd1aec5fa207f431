"""How far a viewer came on the way to an order, and where they left it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.viewers import RecentOrder

Place = Literal["came_in", "watching", "joined_in", "looking", "cart", "checkout", "payment", "ordered"]

# From the furthest: what shows that somebody came so far.
_SIGNS: tuple[tuple[Place, tuple[Kind, ...]], ...] = (
    ("payment", (Kind.PAYMENT_ENTERED,)),
    ("checkout", (Kind.CHECKOUT_STARTED, Kind.CHECKOUT_STEP, Kind.COUPON_TRIED, Kind.COUPON_DENIED)),
    ("cart", (Kind.CART_ADDED, Kind.CART_REMOVED)),
    ("looking", (Kind.PRODUCT_CLICKED, Kind.PRODUCT_VIEWED, Kind.SEARCHED, Kind.COMPARED, Kind.WISHED)),
    ("joined_in", (Kind.COMMENTED, Kind.LIKED, Kind.SHARED, Kind.GIFTED, Kind.POLLED, Kind.FOLLOWED)),
)


def left_at(engagement: Engagement, orders: Sequence[RecentOrder] = ()) -> Place:
    """The furthest place that the viewer is known to have reached; `orders` are those of the engagement's show."""
    if orders:
        return "ordered"
    counts = engagement.counts()
    for place, kinds in _SIGNS:
        if any(kind in counts for kind in kinds):
            return place
    return "watching" if engagement.watch_seconds else "came_in"
