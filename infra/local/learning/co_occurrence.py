"""What goes with what: learnt from baskets in the order of time, newer ones counting more.

A basket is what somebody ordered at once, looked at on one day, or the shows that they watched. Each pair in it counts
by the basket's weight over the root of its size (of a large one each pair says less), halved every two weeks; nearness
is that count over the first one's own, a little damped for what is in every basket.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aftershow.model.instants import DAY
from aftershow.model.recommendations import MAX_NEAR, MAX_POPULAR, Near

HALF_LIFE = 14 * DAY
DAMPING = 0.1
# Pairs grow with the square: of a basket of thousands the first ones are looked at.
MAX_BASKET = 100


@dataclass(frozen=True, slots=True)
class Basket:
    """Things of one person at one moment (epoch ms), with the weight of what was done with them."""

    person: str
    at: int
    things: tuple[str, ...]
    weight: float = 1.0
    # An order, which can be predicted; not only a look.
    ordered: bool = True


@dataclass(slots=True)
class CoOccurrence:
    """Counts over the baskets so far. They must come in the order of time."""

    begins: int
    pairs: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(float)))
    own: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _near: dict[str, tuple[Near, ...]] = field(default_factory=dict)

    def add(self, baskets: Iterable[Basket]) -> None:
        """Count baskets; what was asked before is asked anew after them."""
        for basket in baskets:
            things = tuple(dict.fromkeys(basket.things))[:MAX_BASKET]
            if not things:
                continue
            # A newer basket counts more, in the place of halving everything that is older.
            weight = basket.weight * 2.0 ** ((basket.at - self.begins) / HALF_LIFE) / len(things) ** 0.5
            for one in things:
                self.own[one] += weight
                row = self.pairs[one]
                for other in things:
                    if other != one:
                        row[other] += weight
            self._near.clear()

    def near(self, thing: str) -> tuple[Near, ...]:
        """The nearest of a thing, the nearest first."""
        if thing not in self._near:
            own = self.own.get(thing, 0.0)
            row = self.pairs.get(thing, {})
            best = heapq.nlargest(
                MAX_NEAR, ((count / (own * self.own[other] ** DAMPING), other) for other, count in row.items())
            )
            scale = self._scale
            self._near[thing] = tuple(Near(id=other, permille=round(1000 * worth * scale)) for worth, other in best)
        return self._near[thing]

    @property
    def _scale(self) -> float:
        """Damping leaves the unit of the counts: taken out again, so that files of all times look alike."""
        return float(max(self.own.values(), default=1.0) ** DAMPING)

    def popular(self) -> tuple[Near, ...]:
        """What is had most, lately."""
        best = heapq.nlargest(MAX_POPULAR, ((count, thing) for thing, count in self.own.items()))
        most = best[0][0] if best else 1.0
        return tuple(Near(id=thing, permille=round(1000 * count / most)) for count, thing in best)


def in_time(baskets: Iterable[Basket]) -> list[Basket]:
    """Baskets in the order of time; of one moment by person."""
    return sorted(baskets, key=lambda one: (one.at, one.person, one.things))


def begins(baskets: Sequence[Basket]) -> int:
    """The first moment."""
    return min(one.at for one in baskets)
