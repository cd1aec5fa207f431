"""What is learnt or measured offline, into the catalog of a shop: scorecards, recommendations, the yardstick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from aftershow.model.instants import DAY
from aftershow.model.labels import Quartet, Yardstick
from aftershow.model.recommendations import Recommendations
from aftershow.model.scorecards import Scorecard
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.store import Key, Put, Range, Store
from aftershow.rules import intent, repurchase
from aftershow.rules.intent import Unusable

# Learnt from fewer buyers, a card says more about chance than about people.
MIN_POSITIVES = 20
MAX_CARD_BYTES = 64 * 1024
# In one commit: far below what a transaction takes in items and bytes.
TOGETHER = 25
# With fewer customers a fifth is a handful of people.
MIN_CUSTOMERS = 100


class BadCard(Exception):
    """A file can't be what a shop scores by: why."""


def read_learnt(path: Path) -> Scorecard | Recommendations:
    """What `aftershow train` wrote, fit to be used. Raises BadCard."""
    try:
        text = path.read_text(encoding="utf-8")
        if '"popular"' in text[:64]:
            return Recommendations.read(text)
        card = Scorecard.read(text)
        _check(card)
    except (OSError, UnicodeDecodeError) as error:
        raise BadCard(f"{path.name} can't be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise BadCard(f"{path.name} is neither a scorecard nor recommendations: {where}: {first['msg']}") from error
    except Unusable as error:
        raise BadCard(f"{path.name} can't be used: {error}") from error
    return card


def _check(card: Scorecard) -> None:
    {"intent": intent.trained, "repurchase": repurchase.trained}[card.name](card)
    if card.positives < MIN_POSITIVES or card.rows - card.positives < MIN_POSITIVES:
        raise Unusable(
            f"it was learnt from {card.positives} of {card.rows}: at least {MIN_POSITIVES} of each are needed"
        )
    if (size := len(card.body())) > MAX_CARD_BYTES:
        raise Unusable(f"it has {size:,} bytes, more than {MAX_CARD_BYTES:,}")


def keep(store: Store, card: Scorecard) -> bool:
    """Put a card into a shop; False where it is there already."""
    return _put(store, [(keys.scorecard(card.name), card.body())]) > 0


def keep_recommendations(store: Store, learnt: Recommendations) -> int:
    """Put recommendations into a shop; how many items changed. Neighbours first: they count from the moment on at which
    what is popular names their version, and until then the former ones of things that were not written again."""
    neighbours = [(keys.neighbours("product", one.of), one.body()) for one in learnt.products]
    neighbours += [(keys.neighbours("show", one.of), one.body()) for one in learnt.shows]
    changed = sum(_put(store, neighbours[at : at + TOGETHER]) for at in range(0, len(neighbours), TOGETHER))
    return changed + _put(store, [(keys.popular(), learnt.popular.body())])


def _put(store: Store, wanted: Sequence[tuple[Key, str]]) -> int:
    known = store.get_many(key for key, _ in wanted)
    puts = [
        Put(key, body, known[key].version if key in known else None)
        for key, body in wanted
        if key not in known or known[key].body != body
    ]
    if puts:
        store.commit(puts)
    return len(puts)


def kept(store: Store) -> dict[str, Scorecard]:
    """The cards of a shop by score."""
    key = keys.scorecard("-")
    page = store.query(key.table, Range(key.pk))
    return {card.name: card for item in page.items if item.body for card in (Scorecard.read(item.body),)}


def measured(heads: Iterable[Head], currency: str, now: int) -> Yardstick:
    """The shop's own fifths of its customers, as they stand. Raises BadCard with too few of them."""
    customers = [head for head in heads if head.merged_into is None and head.orders and head.last_order_at is not None]
    if len(customers) < MIN_CUSTOMERS:
        raise BadCard(
            f"{len(customers)} customers are too few to be told apart by their own fifths: {MIN_CUSTOMERS} are "
            "needed, until then fixed thresholds hold"
        )
    spent = sorted(head.spent.get(currency, 0) for head in customers)
    baskets = sorted(order.minor for head in customers for order in head.recent_orders if order.currency == currency)
    gaps = sorted(gap for head in customers for gap in _gaps(head))
    return Yardstick(
        version=f"measured-{now // DAY}",
        measured_at=now,
        customers=len(customers),
        currency=currency,
        recency_days=_edges(sorted(max(now - (head.last_order_at or now), 0) // DAY for head in customers)),
        orders=_edges(sorted(head.orders for head in customers)),
        spent=_edges(spent),
        top_spent=spent[len(spent) * 9 // 10],
        large_basket=baskets[len(baskets) * 4 // 5] if baskets else spent[len(spent) * 4 // 5],
        gap_days=gaps[len(gaps) // 2] if gaps else None,
    )


def _edges(values: Sequence[int]) -> Quartet:
    one, two, three, four = (values[max(len(values) * fifth // 5 - 1, 0)] for fifth in range(1, 5))
    return one, two, three, four


def _gaps(head: Head) -> Iterable[int]:
    days = sorted({order.at // DAY for order in head.recent_orders})
    return (later - earlier for earlier, later in pairwise(days))


def keep_yardstick(store: Store, yardstick: Yardstick) -> None:
    """Put it into a shop, over the former one."""
    _put(store, [(keys.yardstick(), yardstick.body())])
