"""Learning recommendations, and measuring them on the last order of each customer, by what was known before its day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from aftershow.model.ids import body_hash
from aftershow.model.instants import DAY
from aftershow.model.recommendations import Neighbours, Popular, Recommendations
from aftershow.rules.recommending import BOUGHT, BOUGHT_WITH, MAX_ACTS, MOST, TOUCHED, Act, Learnt, recommend
from infra.local.learning.baskets import read_baskets
from infra.local.learning.co_occurrence import Basket, CoOccurrence, begins
from infra.local.learning.samples import MIN_OF_EACH, BadData

SEEN = "seen_with"


def train_recommendations(path: Path, form: str) -> Recommendations:
    """What goes with what, as of the end of a file. Raises BadData, OSError."""
    products, shows = read_baskets(path, form)
    things, watched = _counted(products), _counted(shows)
    file = Recommendations(
        popular=Popular(
            version="learnt-0", learnt_from=path.name, learnt_until=products[-1].at, baskets=len(products),
            products=things.popular(), shows=watched.popular(),
        ),
        products=tuple(Neighbours(version="learnt-0", of=one, near=things.near(one)) for one in sorted(things.own)),
        shows=tuple(Neighbours(version="learnt-0", of=one, near=watched.near(one)) for one in sorted(watched.own)),
    )  # fmt: skip
    return _named(file, f"learnt-{body_hash('recommendations', file.body())[:10]}")


def _named(file: Recommendations, version: str) -> Recommendations:
    """Everything under a version that follows from what it says."""

    def under(listed: Sequence[Neighbours]) -> tuple[Neighbours, ...]:
        return tuple(one.model_copy(update={"version": version}) for one in listed)

    popular = file.popular.model_copy(update={"version": version})
    return Recommendations(popular=popular, products=under(file.products), shows=under(file.shows))


def _counted(baskets: Sequence[Basket]) -> CoOccurrence:
    counts = CoOccurrence(begins(baskets) if baskets else 0)
    counts.add(baskets)
    return counts


@dataclass(frozen=True, slots=True)
class Hits:
    """Of ten places for each customer: how many held something of the last order that they had not bought before
    (`rate`), for how many customers at least one did, and how much of those orders stood in them."""

    rate: float
    customers: float
    recall: float


@dataclass(frozen=True, slots=True)
class Measured:
    """How good recommendations are, and beside them what is popular: for each customer without what they have, and the
    same ten for all."""

    customers: int
    recommended: Hits
    popular: Hits
    same_for_all: Hits

    def named(self) -> tuple[tuple[str, Hits], ...]:
        """What was measured, by name."""
        return (
            ("recommended", self.recommended),
            ("popular, without what they have", self.popular),
            ("popular, the same ten for all", self.same_for_all),
        )

    def told(self) -> dict[str, object]:
        """As JSON."""
        return {
            "rows": self.customers,
            "hit_rate_at_10": self.recommended.rate,
            "popularity": self.popular.rate,
            "times_popularity": self.recommended.rate / max(self.popular.rate, 1e-12),
            "recommended": _json(self.recommended),
            "popular_without_what_they_have": _json(self.popular),
            "popular_the_same_for_all": _json(self.same_for_all),
        }


def _json(hits: Hits) -> dict[str, float]:
    return {"hit_rate_at_10": hits.rate, "customers_with_a_hit": hits.customers, "recall_at_10": hits.recall}


def measure(path: Path, form: str) -> Measured:
    """Recommend to every customer just before their last order, by what was known when its day began; customers
    without an earlier order are left out. Raises BadData, OSError."""
    baskets, _ = read_baskets(path, form)
    last = {one.person: one for one in baskets if one.ordered}
    counts, had = CoOccurrence(begins(baskets)), defaultdict[str, dict[str, Act]](dict)
    plain: dict[str, int] = defaultdict(int)
    tallies: list[tuple[list[int], int]] = []
    for _, of_day in groupby(baskets, key=lambda one: one.at // DAY):
        day = list(of_day)
        everybody = sorted(plain, key=lambda name: (-plain[name], name))
        for basket in day:
            acts = had[basket.person]
            if last.get(basket.person) is basket and any(act.why == BOUGHT_WITH for act in acts.values()):
                tallies.append(_hits(basket, acts, counts, everybody))
            _note(acts, basket)
        counts.add(day)
        for thing in (thing for basket in day for thing in set(basket.things)):
            plain[thing] += 1
    if len(tallies) < MIN_OF_EACH:
        raise BadData(f"{path.name}: {len(tallies)} customers ordered twice; at least {MIN_OF_EACH} are needed")
    shown, popular, same = (_rates([(hits[place], new) for hits, new in tallies]) for place in range(3))
    return Measured(len(tallies), shown, popular, same)


def _note(acts: dict[str, Act], basket: Basket) -> None:
    weight, why = (BOUGHT, BOUGHT_WITH) if basket.ordered else (TOUCHED, SEEN)
    for thing in basket.things:
        if basket.ordered or thing not in acts:
            acts[thing] = Act(thing, basket.at, weight, why)


def _hits(
    basket: Basket, acts: dict[str, Act], counts: CoOccurrence, everybody: Sequence[str]
) -> tuple[list[int], int]:
    """(hits among ten of: ours, what is popular without what they have, what is popular), new things in the order."""
    bought = {act.id for act in acts.values() if act.why == BOUGHT_WITH}
    new = set(basket.things) - bought
    newest = sorted(acts.values(), key=lambda act: (-act.at, act.id))[:MAX_ACTS]
    by = Learnt({act.id: counts.near(act.id) for act in newest}, ())
    ours = {one.id for one in recommend(list(acts.values()), by, {}, basket.at)}
    popular = [name for name in everybody[: MOST + len(bought)] if name not in bought][:MOST]
    return [len(new & ours), len(new.intersection(popular)), len(new.intersection(everybody[:MOST]))], len(new)


def _rates(tallies: Sequence[tuple[int, int]]) -> Hits:
    people = len(tallies)
    return Hits(
        sum(hits for hits, _ in tallies) / (MOST * people),
        sum(hits > 0 for hits, _ in tallies) / people,
        sum(hits / max(new, 1) for hits, new in tallies) / people,
    )
