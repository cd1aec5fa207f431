"""The hours of their own day at which a viewer is likely to be there: what was seen of them, smoothed by a prior."""

from __future__ import annotations

import math
from collections.abc import Sequence

# How attention spreads over the day where nothing is known of somebody: most in the evening, some at noon.
_PRIOR = (1, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 4, 5, 4, 3, 3, 3, 4, 6, 9, 12, 12, 9, 4)
# Pieces of ten minutes that the prior is worth (a Dirichlet prior): less than one that was seen.
PRIOR_PIECES = 0.5
# Whoever is there at eight may as well be there at nine.
NEIGHBOUR = 0.5
# Hours below this share of the best one are left out: one night out of fifty evenings is no habit.
LEAST_SHARE = 0.1


def weights(histogram: Sequence[int]) -> list[float]:
    """How likely somebody is to be there in each hour of their day, up to a factor, from in how many pieces of ten
    minutes of each they did something. An hour in which they were six times as long is not six times as likely."""
    whole, seen = sum(_PRIOR), [math.sqrt(pieces) for pieces in histogram]
    return [
        PRIOR_PIECES * _PRIOR[hour] / whole + seen[hour] + NEIGHBOUR * (seen[hour - 1] + seen[(hour + 1) % 24])
        for hour in range(24)
    ]


def usual_hours(histogram: Sequence[int]) -> int:
    """Those hours as a mask; where nothing was seen the waking ones."""
    found = weights(histogram)
    best = max(found)
    return sum(1 << hour for hour, weight in enumerate(found) if weight >= LEAST_SHARE * best)
