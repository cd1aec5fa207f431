"""What to show somebody: products and shows that go with what they bought, put into the cart, clicked or watched.

A sum over what they did: the more of it was often had together with a product, and the newer it is, the higher that
product stands. Whoever did nothing yet gets what is popular. So a click or an order shifts what is shown at once, and
what many people do shifts it with the next learning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.instants import DAY
from aftershow.model.orders import Order
from aftershow.model.products import Product
from aftershow.model.recommendations import Near, Neighbours, Popular
from aftershow.model.shows import Show

MOST = 10
# What each kind of act says of taste, beside an order.
BOUGHT, IN_CART, COMPARED, TOUCHED = 1.0, 1.0, 0.8, 0.5
# Taste moves: what was done three weeks ago says half as much.
HALF_LIFE = 21 * DAY
# Of the last things that somebody did neighbours are read; what they bought before those is only not shown again.
MAX_ACTS = 64
BOUGHT_WITH, IN_CART_WITH, SEEN_WITH, WATCHED_WITH, POPULAR = (
    "bought_with", "in_cart_with", "seen_with", "watched_with", "popular",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done with a product or show, at a moment (epoch ms); `why`: the word for what goes with it."""

    id: str
    at: int
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class Recommended:
    """A product or show to be shown: how strongly (only to be compared), why, and with which of theirs it goes."""

    id: str
    points: float
    why: str
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt, as far as it concerns one person: neighbours of what they did, and what is popular."""

    neighbours: Mapping[str, tuple[Near, ...]]
    popular: tuple[Near, ...]


def learnt(popular: Popular | None, neighbours: Iterable[Neighbours], *, shows: bool = False) -> Learnt:
    """Neighbours of the version in use, and what is popular; nothing where nothing was learnt yet."""
    if popular is None:
        return Learnt({}, ())
    near = {one.of: one.near for one in neighbours if one.version == popular.version}
    return Learnt(near, popular.shows if shows else popular.products)


def acts_with_products(engagements: Iterable[Engagement], orders: Iterable[Order]) -> tuple[Act, ...]:
    """What somebody did with products: of each the strongest act, the newest products first."""
    found: dict[str, Act] = {}
    for one in engagements:
        for product, at in one.products.items():
            _keep(found, Act(product, at, TOUCHED, SEEN_WITH))
        for product, at in one.compared.items():
            _keep(found, Act(product, at, COMPARED, SEEN_WITH))
        for product, line in one.cart_lines().items():
            _keep(found, Act(product, line.at, IN_CART, IN_CART_WITH))
    for order in orders:
        for product in order.products if order.at is not None else ():
            _keep(found, Act(product, order.at or 0, BOUGHT, BOUGHT_WITH))
    return tuple(sorted(found.values(), key=lambda act: (-act.at, act.id)))


def acts_with_shows(engagements: Iterable[Engagement]) -> tuple[Act, ...]:
    """The shows that somebody was in."""
    found = (Act(one.show, one.last_at, BOUGHT, WATCHED_WITH) for one in engagements if one.show)
    return tuple(sorted(found, key=lambda act: (-act.at, act.id)))


def _keep(found: dict[str, Act], act: Act) -> None:
    known = found.get(act.id)
    rank = (act.weight, act.why == BOUGHT_WITH, act.at)
    if known is None or rank > (known.weight, known.why == BOUGHT_WITH, known.at):
        found[act.id] = act


def recommend(
    acts: Collection[Act], by: Learnt, catalog: Mapping[str, Product], now: int, most: int = MOST
) -> tuple[Recommended, ...]:
    """Products for somebody, the best first: never what they bought (unless it's a consumable) or have in the cart,
    never what is known to be sold out. `catalog` may lack products: then nothing is known against them."""
    had = {act.id for act in acts if act.why == BOUGHT_WITH and not _is_consumable(catalog.get(act.id))}
    had |= {act.id for act in acts if act.why == IN_CART_WITH}
    gone = {name for name, product in catalog.items() if product.text("stock") == "0"}
    return _ranked(acts, by, had | gone, now, most)


def recommend_shows(
    acts: Collection[Act], by: Learnt, shows: Mapping[str, Show], now: int, most: int = MOST
) -> tuple[Recommended, ...]:
    """Shows for somebody, the best first: never one that they were in, and only those that can still be watched."""
    watchable = {name for name, show in shows.items() if _can_be_watched(show, now)}
    named = {near.id for listed in (by.popular, *by.neighbours.values()) for near in listed}
    return _ranked(acts, by, {act.id for act in acts} | (named - watchable), now, most)


def _is_consumable(product: Product | None) -> bool:
    return product is not None and product.text("consumable") == "true"


def _can_be_watched(show: Show, now: int) -> bool:
    if show.text("cancelled"):
        return False
    starts = show.moment("starts_at")
    to_come = show.closed_at is None and starts is not None and starts > now
    return to_come or show.text("replay_url") is not None


def _ranked(
    acts: Collection[Act], by: Learnt, without: Collection[str], now: int, most: int
) -> tuple[Recommended, ...]:
    points: dict[str, float] = {}
    best: dict[str, tuple[float, str, str]] = {}
    for act in sorted(acts, key=lambda one: (one.at, one.id)):
        weight = act.weight * 0.5 ** (max(now - act.at, 0) / HALF_LIFE)
        for near in by.neighbours.get(act.id, ()):
            if near.id in without:
                continue
            part = weight * near.permille / 1000
            points[near.id] = points.get(near.id, 0.0) + part
            best[near.id] = max(best.get(near.id, (0.0, "", "")), (part, act.why, act.id))
    ranked = sorted(points, key=lambda name: (-points[name], name))[:most]
    found = [Recommended(name, points[name], best[name][1], best[name][2]) for name in ranked]
    # What is left of the places goes to what is popular: below everything that has a reason of its own.
    rest = [near for near in by.popular if near.id not in without and near.id not in points][: most - len(found)]
    least = found[-1].points if found else 1.0
    return (*found, *(Recommended(near.id, least * near.permille / 1000, POPULAR) for near in rest))
