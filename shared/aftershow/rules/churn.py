"""The risk that a customer is lost, with its reason (C4): absence, a shrinking basket, silence, no order, a failed
payment.

Signs are counted, not modelled: what a probability of being "alive" says is backwards for who bought once, and the time
since the last order over the usual gap says next to nothing. How likely another order is: `rules.repurchase`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Engagement, Kind, Reason
from aftershow.model.instants import DAY
from aftershow.model.labels import Label
from aftershow.model.viewers import RecentOrder
from aftershow.rules.clocks import Clock
from aftershow.rules.customers import DORMANT_DAYS, History, because, days_since
from aftershow.rules.habits import ABSENT_DAYS, SPEAKING, counts_of, price_sensitive, totals

# The last two baskets against those before them: half is a decline (C4).
LAST_BASKETS = 2
BASKETS_BEFORE = 2
DECLINE_PERCENT = 50
# The last two times that somebody was there without a word, after they had spoken before.
SILENT_TIMES = 2
HIGH_FROM = 3
MEDIUM_FROM = 1
# A month without an order weighs as much as two other signs: it is what all of them are about.
WEIGHT_OF_NO_ORDER = 2
# By what a customer is won back: help, a returning customer's offer, a preview of what is new.
FAILED_PAYMENT, PRICE, INTEREST = "won_back_by_help", "won_back_by_price", "won_back_by_news"


@dataclass(frozen=True, slots=True)
class _Sign:
    reason: Reason
    weight: int


def churn(history: History, engagements: Collection[Engagement], clock: Clock) -> Label:
    """High, medium or low risk of a customer, every sign as a reason; the last reason is by what to win them back."""
    signs = list(_signs(history, engagements, clock))
    points = sum(sign.weight for sign in signs)
    value = "high" if points >= HIGH_FROM else "medium" if points >= MEDIUM_FROM else "low"
    if not signs:
        return Label(value=value, reasons=(because("no_sign"),))
    return Label(value=value, reasons=(*(sign.reason for sign in signs), because(_won_back_by(signs, engagements))))


def _signs(history: History, engagements: Collection[Engagement], clock: Clock) -> Iterator[_Sign]:
    seen = max((one.last_at for one in engagements), default=history.last_at)
    seen = max(seen, history.last_at)
    if clock.passed(history.last_at, DORMANT_DAYS * DAY):
        yield _Sign(because("last_order_days", days_since(history.last_at, clock)), WEIGHT_OF_NO_ORDER)
    if clock.passed(seen, ABSENT_DAYS * DAY):
        yield _Sign(because("absent_days", days_since(seen, clock)), 1)
    decline = basket_decline(history.recent)
    if decline is not None and decline >= DECLINE_PERCENT:
        yield _Sign(because("basket_declined", decline), 1)
    if _silent(engagements):
        yield _Sign(because("fell_silent", SILENT_TIMES), 1)
    if any(one.last_at >= history.last_at and Kind.PAYMENT_FAILED in counts_of(one) for one in engagements):
        yield _Sign(because("payment_failed"), 1)


def basket_decline(orders: Sequence[RecentOrder]) -> int | None:
    """By how many per cent the last two baskets are smaller than those before them; None with too few to tell."""
    if len(orders) < LAST_BASKETS + BASKETS_BEFORE:
        return None
    last, before = orders[-LAST_BASKETS:], orders[:-LAST_BASKETS]
    usual = sum(one.minor for one in before) * len(last)
    if usual <= 0:
        return None
    return max(100 - 100 * sum(one.minor for one in last) * len(before) // usual, 0)


def _silent(engagements: Collection[Engagement]) -> bool:
    """Of who never said a word nobody knows that they fell silent."""
    shows = sorted((one for one in engagements if one.show), key=lambda one: (one.first_at, one.about))
    spoke = [any(kind in SPEAKING for kind in counts_of(one)) for one in shows]
    return len(spoke) > SILENT_TIMES and any(spoke[:-SILENT_TIMES]) and not any(spoke[-SILENT_TIMES:])


def _won_back_by(signs: Sequence[_Sign], engagements: Collection[Engagement]) -> str:
    if any(sign.reason.code == "payment_failed" for sign in signs):
        return FAILED_PAYMENT
    return PRICE if price_sensitive(totals(engagements)) is not None else INTEREST
