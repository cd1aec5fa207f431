"""Who came by whose share, and whether they became a customer.

A share is a link whose id (`link_id`, or the id of `context.referrer`) is the sharer's viewer id: that is what a shop
puts into the links that it gives a viewer to share. It names nobody, and other links and codes have other ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.ids import is_viewer_id
from aftershow.model.labels import Sharing
from aftershow.model.viewers import Facts

# Enough to tell who brings many; beyond it the first ones by id are kept, so that any order ends the same.
MAX_BUYERS = 64


@dataclass(frozen=True, slots=True)
class Bought:
    """Whose share brought a new customer, and the moment of the first order (epoch ms)."""

    sharer: str
    at: int


def bought_by_share(facts: Facts, engagements: Iterable[Engagement]) -> Bought | None:
    """The first share by which somebody came, if they became a customer after it; None for who was one before."""
    shares = [(one.first_at, one.link) for one in engagements if one.link is not None and is_viewer_id(one.link.value)]
    if not shares or facts.first_order_at is None:
        return None
    came, shared = min(shares, key=lambda share: (share[1].at, share[1].id, share[0]))
    return Bought(shared.value, facts.first_order_at) if facts.first_order_at >= min(came, shared.at) else None


def with_buyer(sharing: Sharing, buyer: str, at: int) -> Sharing:
    """The list with a buyer: the earliest word on each."""
    buyers = {**sharing.buyers, buyer: min(at, sharing.buyers.get(buyer, at))}
    return sharing.model_copy(update={"buyers": dict(sorted(buyers.items())[:MAX_BUYERS])})
