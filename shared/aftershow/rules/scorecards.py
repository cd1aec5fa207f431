"""Scoring by a scorecard, in plain Python: microseconds a viewer, no library.

A sum of points in log odds, so that every part of it can be told as a reason.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from aftershow.model.scorecards import Scorecard

Values = Sequence[float]


def probability(card: Scorecard) -> Callable[[Values], float]:
    """The function that gives a viewer's probability (0 to 1) from the values of `card.features`, in their order."""
    score = log_odds(card)

    def chance(values: Values) -> float:
        return logistic(score(values))

    return chance


def logistic(odds: float) -> float:
    """The probability of log odds."""
    # Two forms of one formula: neither overflows.
    return 1 / (1 + math.exp(-odds)) if odds >= 0 else math.exp(odds) / (1 + math.exp(odds))


def log_odds(card: Scorecard) -> Callable[[Values], float]:
    """The sum of points, as a function of the values. Names are looked up once, here."""
    place = {name: number for number, name in enumerate(card.features)}
    rows = {one.feature: number for number, one in enumerate(card.steps)}
    bias = card.bias
    plain = [(place[one.feature], one.points) for one in card.slopes if not one.log]
    logs = [(place[one.feature], one.points) for one in card.slopes if one.log]
    steps = [(place[one.feature], one.edges, one.points) for one in card.steps]
    pairs = [
        (rows[first], rows[second], len(card.steps[rows[second]].points), pair.points)
        for pair in card.pairs
        for first, second in (pair.features,)
    ]

    def score(values: Values) -> float:
        total = bias
        for number, points in plain:
            total += points * values[number]
        for number, points in logs:
            total += points * math.log1p(values[number])
        found = []
        for number, edges, row in steps:
            step = bisect_left(edges, values[number])
            found.append(step)
            total += row[step]
        for first, second, width, table in pairs:
            total += table[found[first] * width + found[second]]
        return total

    return score
