"""Will a customer buy again? What a history of purchases says, in three numbers that any shop has.

Recency, frequency and money in logarithms: on real shops a logistic regression on them ranks customers as well as
Pareto/NBD does, while BG/NBD's P(alive) ranks one-time buyers backwards, and "recency over mean gap" says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from aftershow.model.instants import DAY

FEATURES = ("recency_days", "purchases", "mean_amount")


def features(purchases: Iterable[tuple[int, float]], now: int) -> tuple[float, float, float] | None:
    """Values of FEATURES at `now` (epoch ms), from what was known then: days since the last purchase, days with a
    purchase, mean amount of a day with one (in the currency's units, at least 0). None for whoever had not bought yet.

    `purchases` are (epoch ms, amount); those at or after `now` are not looked at. Purchases of one day (24 h since the
    epoch) count as one: an order in two parcels is not loyalty.
    """
    days: dict[int, float] = {}
    last = 0
    for at, amount in purchases:
        if at < now:
            days[at // DAY] = days.get(at // DAY, 0.0) + amount
            last = max(last, at)
    if not days:
        return None
    return (now - last) / DAY, float(len(days)), max(sum(days.values()) / len(days), 0.0)
