"""Baskets for learning what goes with what: of Online Retail, or of a shop's own recorded Segment events."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from aftershow.model.instants import DAY
from aftershow.rules.segment import Did, Ordered
from aftershow.rules.viewing import is_behaviour
from infra.local.learning.co_occurrence import Basket, in_time
from infra.local.learning.samples import BadData
from infra.local.learning.viewings import events_of, people
from infra.local.recorded import RetailReport, read_online_retail

# Looking at two things on one day says less than ordering them together.
LOOKED_AT = 0.3


def read_baskets(path: Path, form: str) -> tuple[list[Basket], list[Basket]]:
    """Baskets of products, and of shows, in the order of time. Raises BadData, OSError."""
    products, shows = (list(_online_retail(path)), []) if form == "online-retail" else _segment(path)
    if not products:
        raise BadData(f"{path.name}: nobody ordered or looked at anything in it")
    return in_time(products), in_time(shows)


def _online_retail(path: Path) -> Iterator[Basket]:
    try:
        for request in read_online_retail(path, RetailReport()):
            for message in json.loads(request.body)["batch"]:
                if message["event"] == "Order Completed":
                    products = tuple(line["product_id"] for line in message["properties"]["products"])
                    yield Basket(message["userId"], request.at, products)
    except ValueError as error:
        raise BadData(str(error)) from error


def _segment(path: Path) -> tuple[list[Basket], list[Basket]]:
    events = events_of(path)
    users = people(events)
    products: list[Basket] = []
    touched: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    watched: dict[str, dict[str, int]] = defaultdict(dict)
    orders: set[str] = set()
    for event in sorted(events, key=lambda one: (one.at, one.id)):
        person = users.get(event.viewer or "", event.viewer)
        meaning = event.meaning
        if person is None:
            continue
        if isinstance(meaning, Ordered) and meaning.order not in orders:
            orders.add(meaning.order)
            products.append(Basket(person, event.at, meaning.products))
        elif isinstance(meaning, Did) and meaning.product is not None:
            touched[person, event.at // DAY].setdefault(meaning.product, event.at)
        if is_behaviour(event) and event.show is not None:
            watched[person].setdefault(event.show, event.at)
    products += [
        Basket(person, max(things.values()), tuple(things), LOOKED_AT, ordered=False)
        for (person, _), things in touched.items()
    ]
    shows = [Basket(person, max(things.values()), tuple(things)) for person, things in watched.items()]
    return products, shows
