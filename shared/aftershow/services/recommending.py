"""What to show a person: reads what was learnt of what they did, and decides by the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aftershow.model.engagements import Engagement
from aftershow.model.orders import Order
from aftershow.model.products import Product
from aftershow.model.recommendations import Neighbours, Popular
from aftershow.model.shows import Show
from aftershow.model.viewers import Facts
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.rules.recommending import (
    MAX_ACTS,
    MOST,
    Act,
    Learnt,
    Recommended,
    acts_with_products,
    acts_with_shows,
    learnt,
    recommend,
    recommend_shows,
)
from aftershow.services import catalog

# As many are looked up in the catalog before those that are sold out are left out.
CANDIDATES = 4 * MOST


def learnt_of(ports: Ports, acts: Sequence[Act], *, shows: bool = False) -> Learnt:
    """What was learnt of what somebody did: what is popular, at most 5 s old, and one batch read of neighbours."""
    text = catalog.body(ports, keys.popular())
    if not text:
        return Learnt({}, ())
    kind = "show" if shows else "product"
    found = ports.store.get_many(keys.neighbours(kind, act.id) for act in acts[:MAX_ACTS])
    return learnt(Popular.read(text), [Neighbours.read(item.body) for item in found.values()], shows=shows)


def products_for(
    ports: Ports, facts: Facts, engagements: Iterable[Engagement], now: int, most: int = MOST
) -> tuple[Recommended, ...]:
    """Products for a person, from the orders that the head remembers and what they did in their engagements."""
    orders = ports.store.get_many(keys.order(one.order) for one in facts.recent_orders)
    acts = acts_with_products(engagements, [Order.read(item.body) for item in orders.values()])
    by = learnt_of(ports, acts)
    candidates = [one.id for one in recommend(acts, by, {}, now, CANDIDATES)]
    known = _products(ports, [*(act.id for act in acts[:MAX_ACTS]), *candidates])
    return recommend(acts, by, known, now, most)


def shows_for(
    ports: Ports, engagements: Iterable[Engagement], shows: Mapping[str, Show], now: int, most: int = MOST
) -> tuple[Recommended, ...]:
    """Shows for a person, among those that the caller knows."""
    acts = acts_with_shows(engagements)
    return recommend_shows(acts, learnt_of(ports, acts, shows=True), shows, now, most)


def _products(ports: Ports, names: Sequence[str]) -> dict[str, Product]:
    found = ports.store.get_many(keys.product(name) for name in dict.fromkeys(names))
    return {product.product: product for product in (Product.read(item.body) for item in found.values())}
