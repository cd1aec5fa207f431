"""What held a viewer back from ordering, told from evidence: what they said when asked, what they asked in comments,
what they did. Where nothing says it, it is unknown.

Points are priors, not learnt from data: an answer outweighs a complaint, a complaint a question, a question what
somebody did without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aftershow.model.engagements import Engagement, Kind, Reason
from aftershow.model.viewers import RecentOrder

VERSION = "prior-1"
Obstacle = Literal[
    "price", "shipping", "promotion", "reviews", "trust", "scarcity", "host", "atmosphere", "hesitation", "unknown"
]
# Less is no evidence: saving something for later has many reasons.
LEAST_POINTS = 2
# Beyond so many of a kind more says nothing new.
MOST_OF_A_KIND = 3
# Whoever puts so many products side by side can't decide (C29).
MANY_COMPARED = 3
MAX_EVIDENCE = 3

# Kind to (obstacle, points of each). Among obstacles with as many points the first of this list counts.
_EVIDENCE: dict[Kind, tuple[Obstacle, int]] = {
    Kind.STATED_TRUST: ("trust", 12),
    Kind.STATED_PRICE: ("price", 12),
    Kind.STATED_SHIPPING: ("shipping", 12),
    Kind.STATED_PROMOTION: ("promotion", 12),
    Kind.STATED_REVIEWS: ("reviews", 12),
    Kind.STATED_SCARCITY: ("scarcity", 12),
    Kind.STATED_HOST: ("host", 12),
    Kind.STATED_ATMOSPHERE: ("atmosphere", 12),
    Kind.STATED_HESITATION: ("hesitation", 12),
    Kind.ALARMED: ("trust", 4),
    Kind.ASKED_TRUST: ("trust", 3),
    Kind.ASKED_STOCK: ("scarcity", 3),
    Kind.ASKED_SHIPPING: ("shipping", 3),
    Kind.COUPON_DENIED: ("promotion", 4),
    Kind.ASKED_PROMOTION: ("promotion", 3),
    Kind.FOUND_EXPENSIVE: ("price", 2),
    Kind.ASKED_PRICE: ("price", 2),
    Kind.ASKED_QUALITY: ("reviews", 2),
    Kind.ASKED_REVIEWS: ("reviews", 1),
    Kind.ASKED_HOST: ("host", 3),
    Kind.MINDED_ATMOSPHERE: ("atmosphere", 3),
    Kind.HESITATED: ("hesitation", 3),
    Kind.COMPARED: ("hesitation", 1),
    Kind.WISHED: ("hesitation", 1),
    Kind.CART_REMOVED: ("hesitation", 1),
}
_FIRST = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in _EVIDENCE.values()))}


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What held somebody back, the evidence for it (the strongest first), and what else may have."""

    obstacle: Obstacle
    evidence: tuple[Reason, ...] = ()
    also: tuple[Obstacle, ...] = ()


UNKNOWN = HeldBack("unknown")


def held_back(engagement: Engagement, orders: Sequence[RecentOrder] = ()) -> HeldBack | None:
    """What held the viewer back in this engagement; None for whoever ordered in it: `orders` are those of its show."""
    if orders:
        return None
    found: dict[Obstacle, list[Reason]] = {}
    for obstacle, reason in _evidence(engagement):
        found.setdefault(obstacle, []).append(reason)
    points = {obstacle: sum(one.points for one in reasons) for obstacle, reasons in found.items()}
    enough = sorted((one for one in points if points[one] >= LEAST_POINTS), key=lambda one: (-points[one], _FIRST[one]))
    if not enough:
        return UNKNOWN
    first, *others = enough
    strongest = sorted(found[first], key=lambda one: (-one.points, one.code))[:MAX_EVIDENCE]
    return HeldBack(first, tuple(strongest), tuple(one for one in others if 2 * points[one] >= points[first]))


def _evidence(engagement: Engagement) -> Iterator[tuple[Obstacle, Reason]]:
    counts = engagement.counts()
    for kind, (obstacle, points) in _EVIDENCE.items():
        # A code that was refused first and taken then held nobody back.
        if kind not in counts or (kind == Kind.COUPON_DENIED and Kind.COUPON_APPLIED in counts):
            continue
        times = counts[kind]
        yield obstacle, Reason(code=kind.name.lower(), amount=times, points=points * min(times, MOST_OF_A_KIND))
    side_by_side = len(engagement.compared)
    if side_by_side >= MANY_COMPARED:
        yield "hesitation", Reason(code="compared_products", amount=side_by_side, points=2)
