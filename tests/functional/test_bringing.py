"""A shop's own yardstick, and recommendations in a shop: measured, pushed, told by explain."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, MINUTE
from aftershow.model.recommendations import Near, Neighbours, Popular, Recommendations
from aftershow.model.viewers import Head, RecentOrder
from aftershow.services.recommending import products_for
from infra.local import bringing
from tests.functional.running import aftershow
from tests.functional.story import Said, Shop, Show, Viewer, at
from tests.unit.samples import START

OPENS = at("2026-03-06T19:00+08:00")
SHOW = Show("spring")


def customer(number: int) -> Head:
    """One of many: the n-th spent n yuan, in n // 50 + 1 orders, the last one n days ago."""
    orders = number // 50 + 1
    recent = tuple(
        RecentOrder(order=f"o{number}-{each}", at=START - (number + 10 * each) * DAY, minor=100, currency="CNY")
        for each in reversed(range(orders))
    )
    return Head(
        viewer=f"u{number}", orders=orders, first_order_at=recent[0].at, last_order_at=START - number * DAY,
        spent={"CNY": number * 100}, recent_orders=recent,
    )  # fmt: skip


def test_the_yardstick_is_the_fifths_of_the_shops_own_customers() -> None:
    heads = [customer(number) for number in range(200)]
    found = bringing.measured([*heads, Head(viewer="looked only")], "CNY", START)
    assert (found.customers, found.gap_days) == (200, 10)
    assert found.recency_days == (39, 79, 119, 159)
    assert found.spent == (3_900, 7_900, 11_900, 15_900)
    assert found.top_spent == 18_000
    # A fifth of them stands above the last edge.
    assert sum(head.spent["CNY"] > found.spent[3] for head in heads) == 40


def test_with_few_customers_fixed_thresholds_hold() -> None:
    with pytest.raises(bringing.BadCard, match="99 customers are too few"):
        bringing.measured([customer(number) for number in range(99)], "CNY", START)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def near(**of: int) -> tuple[Near, ...]:
    return tuple(Near(id=name, permille=permille) for name, permille in of.items())


def learnt(version: str, **of: int) -> Recommendations:
    popular = Popular(
        version=version, learnt_from="events.ndjson", learnt_until=START, baskets=9, products=near(silk=1000, tea=900)
    )
    return Recommendations(popular=popular, products=(Neighbours(version=version, of="tea", near=near(**of)),))


def test_recommendations_reach_the_functions_and_a_later_file_replaces_them() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(mei.identifies(OPENS + MINUTE), mei.orders(OPENS + 2 * MINUTE, "order-1", show=SHOW))
    ports = shop.host.ports("schedule_reminder")

    def shown() -> list[str]:
        return [one.id for one in products_for(ports, shop.head(mei), (), shop.now)]

    assert shown() == []
    assert bringing.keep_recommendations(shop.host.store, learnt("one", cup=500)) == 2
    assert bringing.keep_recommendations(shop.host.store, learnt("one", cup=500)) == 0
    shop.until(shop.now + MINUTE)
    # She bought tea: what goes with it, then what is popular, and never tea.
    assert shown() == ["cup", "silk"]
    bringing.keep_recommendations(shop.host.store, learnt("two", pot=500))
    shop.until(shop.now + MINUTE)
    assert shown() == ["pot", "silk"]


def test_what_is_sold_out_is_not_shown_and_a_consumable_is_shown_again() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.hears(mei.identifies(OPENS + MINUTE), mei.orders(OPENS + 2 * MINUTE, "order-1", show=SHOW))
    bringing.keep_recommendations(shop.host.store, learnt("one", cup=500))
    news: list[tuple[str, dict[str, object]]] = [("cup", {"stock": 0}), ("tea", {"consumable": True})]
    for number, (name, fields) in enumerate(news):
        event = {"type": "track", "event": "Product Updated", "messageId": f"n{number}", "userId": "shop"}
        shop.hears(Said(OPENS + 3 * MINUTE, ({**event, "properties": {"product_id": name, **fields}},)))
    shop.until(shop.now + MINUTE)
    ports = shop.host.ports("schedule_reminder")
    assert [one.id for one in products_for(ports, shop.head(mei), (), shop.now)] == ["silk", "tea"]


@pytest.mark.slow
def test_learnt_from_what_was_recorded_pushed_and_explained(tmp_path: Path) -> None:
    data, events, file = tmp_path / "shop.db", tmp_path / "events.ndjson.gz", tmp_path / "goes-with.json"
    aftershow("demo", "--viewers", 60, "--days", 4, "--data", data)
    aftershow("export", "events", events, "--data", data)
    aftershow("train", "recommendations", "--data", events, "--out", file)
    told = aftershow("scores", "push", file, "--data", data).stdout
    assert "recommends by learnt-" in told
    buyer = next(
        message["userId"] for message in map(json.loads, lines(events))
        if message.get("event") == "Order Completed" and message.get("userId")
    )  # fmt: skip
    explained = json.loads(aftershow("explain", buyer, "--data", data, "--json", "-").stdout)
    products = explained["recommended"]["products"]
    assert products
    had = {product for order in explained["orders"] for product in order.get("products", ())}
    assert had
    assert had.isdisjoint(one["id"] for one in products)
    assert {one["why"] for one in products} & {"bought_with", "seen_with", "in_cart_with"}
    english, chinese = (
        aftershow("explain", buyer, "--data", data, "--locale", each).stdout for each in ("en", "zh-CN")
    )
    assert "Would be shown" in english
    assert "推荐展示" in chinese
    assert viewer_id("user", buyer)[:10] in english
    few = aftershow("scores", "measure", "--data", data, status=2).stderr
    assert "too few" in few
