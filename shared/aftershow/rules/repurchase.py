"""Will a customer buy again? What a history of purchases says, in three numbers that any shop has.

Recency, frequency and money in logarithms: on real shops a logistic regression on them ranks customers as well as
Pareto/NBD does, while BG/NBD's P(alive) ranks one-time buyers backwards, and "recency over mean gap" says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Reason
from aftershow.model.instants import DAY
from aftershow.model.scorecards import Scorecard
from aftershow.rules.intent import POINTS, Unusable
from aftershow.rules.scorecards import log_odds, logistic

FEATURES = ("recency_days", "purchases", "mean_amount")

VERSION = "prior-1"
# A considered guess for the 90 days to come, in the form that real shops give: the longer ago the less, the oftener the
# more. Money is left out: its unit is the shop's own.
PRIOR_BIAS, PRIOR_RECENCY, PRIOR_PURCHASES = 0.2, -0.55, 1.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A scorecard that is ready to score customers."""

    version: str
    odds: Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Repurchase:
    """How likely a customer is to buy again within the horizon, 0 to 100; by which weights, and why."""

    version: str
    chance: int
    reasons: tuple[Reason, ...]


def trained(card: Scorecard) -> Trained:
    """A scorecard made ready. Raises Unusable where it wants what a history of purchases doesn't say."""
    if card.name != "repurchase":
        raise Unusable(f"it scores {card.name}, not repurchase")
    if card.features != FEATURES:
        raise Unusable(f"it wants {', '.join(card.features)}; a history of purchases says {', '.join(FEATURES)}")
    return Trained(card.version, log_odds(card))


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


def score(purchases: Iterable[tuple[int, float]], now: int, by: Trained | None = None) -> Repurchase | None:
    """Score a customer; None for whoever had not bought yet."""
    said = features(purchases, now)
    if said is None:
        return None
    odds = prior_odds if by is None else by.odds
    total = odds(said)
    # Against somebody who bought once, a month ago.
    usual = (30.0, 1.0, said[2])
    reasons = (
        Reason(code="bought_days_ago", amount=int(said[0]), points=_apart(odds, said, usual, 0)),
        Reason(code="bought_on_days", amount=int(said[1]), points=_apart(odds, said, usual, 1)),
    )
    return Repurchase(VERSION if by is None else by.version, round(100 * logistic(total)), reasons)


def prior_odds(said: Sequence[float]) -> float:
    """The log odds that the default weights give to values in the order of FEATURES."""
    return PRIOR_BIAS + PRIOR_RECENCY * math.log1p(said[0]) + PRIOR_PURCHASES * math.log1p(said[1])


def _apart(odds: Callable[[Sequence[float]], float], said: Sequence[float], usual: Sequence[float], place: int) -> int:
    without = [usual[number] if number == place else value for number, value in enumerate(said)]
    return round(POINTS * (odds(said) - odds(without)))
