"""Intent: how likely a viewer is to order after what they did, from 0 to 100, with the reasons.

A linear score through the logistic function: every term adds points that an operator can read. The weights below are
priors from the order of the shopping steps, not learnt from data; they carry a version, so that a trained set can take
their place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from aftershow.model.engagements import Engagement, Kind, Reason, Score, Temperature

VERSION = "prior-1"
BIAS = -2.4
# Signs go together (who checks out has clicked), so their sum is shrunk: many of them must not claim certainty.
SHRINK = 0.6
# Where the groups are told apart: about one in three, and one in six.
HOT_FROM = 35
CONSIDERING_FROM = 18
MAX_REASONS = 5

# Per kind: the word for it, the weight of log(1 + count), and the count beyond which more says nothing new.
_WEIGHTS: dict[Kind, tuple[str, float, int]] = {
    Kind.CHECKOUT_STARTED: ("checkout_started", 1.5, 3),
    Kind.PAYMENT_ENTERED: ("payment_entered", 1.2, 3),
    Kind.PRODUCT_CLICKED: ("products_clicked", 0.55, 20),
    Kind.PRODUCT_VIEWED: ("products_viewed", 0.25, 20),
    Kind.COUPON_TRIED: ("coupon_tried", 0.8, 3),
    Kind.COUPON_DENIED: ("coupon_denied", 0.3, 3),
    Kind.WISHED: ("wished", 0.5, 5),
    Kind.ASKED_PRICE: ("asked_price", 0.8, 5),
    Kind.ASKED_SHIPPING: ("asked_shipping", 0.8, 5),
    Kind.ASKED_PROMOTION: ("asked_promotion", 0.7, 5),
    Kind.ASKED_QUALITY: ("asked_quality", 0.6, 5),
    Kind.ASKED_STOCK: ("asked_stock", 0.7, 5),
    Kind.ASKED_TRUST: ("asked_trust", 0.2, 5),
    Kind.HESITATED: ("hesitated", -0.3, 5),
    Kind.SEARCHED: ("searched", 0.3, 10),
    Kind.COMPARED: ("compared", 0.5, 5),
    Kind.LIKED: ("liked", 0.08, 50),
    Kind.COMMENTED: ("commented", 0.15, 30),
    Kind.SHARED: ("shared", 0.3, 5),
    Kind.REPLAY_WATCHED: ("replay_watched", 0.5, 5),
    Kind.POLLED: ("polled", 0.2, 5),
    Kind.RESERVED: ("reserved", 0.3, 1),
}
CART_WEIGHT = 1.6
TAKEN_OUT_WEIGHT = -0.4
# Per doubling of the minutes watched, from one minute on; unknown watch time says nothing, and is not zero.
WATCH_WEIGHT = 0.35
MAX_MINUTES = 120


def score(engagement: Engagement) -> Score:
    """Score one engagement."""
    terms = sorted(_terms(engagement), key=lambda term: (-abs(term[2]), term[0]))
    total = BIAS + SHRINK * sum(weight for _, _, weight in terms)
    intent = round(100 / (1 + math.exp(-total)))
    reasons = tuple(
        Reason(code=code, amount=amount, points=round(SHRINK * weight * 10))
        for code, amount, weight in terms[:MAX_REASONS]
    )
    # Every score has a reason, also that of somebody of whom nothing is known but that they came.
    came = (Reason(code="only_came_in", points=0),)
    return Score(version=VERSION, intent=intent, temperature=temperature(intent), reasons=reasons or came)


def why(scored: Score) -> tuple[Reason, ...]:
    """The reasons as they are told: what speaks for it, or else what speaks against it."""
    return tuple(reason for reason in scored.reasons if reason.points > 0) or scored.reasons


def temperature(intent: int) -> Temperature:
    """Hot, considering or cold."""
    return "hot" if intent >= HOT_FROM else "considering" if intent >= CONSIDERING_FROM else "cold"


def _terms(engagement: Engagement) -> Iterator[tuple[str, int | None, float]]:
    counts = engagement.counts()
    for kind, (code, weight, most) in _WEIGHTS.items():
        if kind in counts:
            yield code, counts[kind], weight * math.log2(1 + min(counts[kind], most))
    if lines := engagement.cart_lines():
        yield "in_cart", len(lines), CART_WEIGHT + 0.2 * math.log2(min(len(lines), 16))
    elif counts.get(Kind.CART_REMOVED):
        yield "taken_out", counts[Kind.CART_REMOVED], TAKEN_OUT_WEIGHT
    seconds = engagement.watch_seconds
    if seconds is not None:
        minutes = seconds / 60
        weight = WATCH_WEIGHT * math.log2(max(min(minutes, MAX_MINUTES), 0.5))
        # Seconds are not zero minutes.
        yield ("watched_minutes", int(minutes), weight) if minutes >= 1 else ("watched_briefly", None, weight)
