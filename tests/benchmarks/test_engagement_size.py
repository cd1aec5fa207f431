"""What a fold costs, however long the history: one batch read, one commit, so many write units; and which keys are
written when a million viewers join in a minute."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from aftershow.model.engagements import Engagement
from aftershow.model.ids import viewer_id
from aftershow.model.instants import HOUR
from aftershow.ports import keys
from aftershow.ports.store import Put, Row
from aftershow.rules.engagement import fold
from aftershow.rules.intent import score
from aftershow.rules.segment import Event
from infra.local import catalog
from infra.local.danmaku import COMMENTS
from infra.local.host import LocalHost
from infra.local.wire import headers_of
from tests.functional.bad_input import shop
from tests.unit.samples import START, read

pytestmark = pytest.mark.benchmark

WRITE_UNIT_BYTES = 1024
MOST_WRITES_A_SECOND = 700
JOINS_A_SECOND = 16_667
SHOW = "spring-2026"
SAID = [text for listed in COMMENTS["zh-CN"].values() for text in listed]
# What a lively viewer does, in hundredths.
MIX = {
    "Video Content Playing": 45, "Live Liked": 30, "Live Comment Sent": 10, "Live Product Clicked": 10,
    "Product Added": 2, "Live Poll Voted": 1, "Products Compared": 1, "Checkout Started": 1,
}  # fmt: skip


@pytest.fixture
def host() -> Iterator[LocalHost]:
    opened = shop()
    yield opened
    opened.state.close()


def events(number: int) -> list[Event]:
    chance = random.Random(7)  # noqa: S311 (a seeded example, not a secret)
    names = chance.choices(list(MIX), weights=list(MIX.values()), k=number)
    context = {"timezone": "Asia/Shanghai", "locale": "zh-CN", "campaign": {"source": "douyin", "medium": "paid"}}
    found = []
    for index, name in enumerate(names):
        said: dict[str, object] = {"show_id": SHOW, "product_id": f"sku-{chance.randrange(60):05}"}
        said |= {"text": chance.choice(SAID), "poll_id": f"poll-{chance.randrange(3)}", "option": "乌龙茶"}
        if name == "Product Added":
            said |= {
                "product_id": f"sku-{chance.randrange(5)}",
                "name": "桂花乌龙茶 250g",
                "price": "89.00",
                "quantity": 1,
            }
            said |= {"url": "https://shop.example.com/products/sku"}
        if name == "Products Compared":
            said["products"] = [{"product_id": f"sku-{chance.randrange(60):05}"} for _ in range(3)]
        at = START + index * 2 * HOUR // number
        found.append(read("track", at, f"m{index}", context, event=name, properties=said))
    return found


def units(engagement: Engagement) -> tuple[int, int]:
    """(bytes, write units) of the item as DynamoDB counts it."""
    index = keys.show_index(SHOW, engagement.viewer)
    put = Put(keys.engagement(engagement.viewer, engagement.about), engagement.body(), None, (), index)
    row = Row.of(put, "x" * 26).attributes
    size = sum(len(name) + len(text.encode()) for name, value in row.items() for text in value.values())
    return size, -(-size // WRITE_UNIT_BYTES)


def test_write_units_of_a_fold_by_history(capsys: pytest.CaptureFixture[str]) -> None:
    cost: dict[int, int] = {}
    for number in (1, 10, 100, 1_000, 10_000):
        listed, known = events(number), None
        for first in range(0, number, 250):
            known = fold(viewer_id("user", "lan"), f"show#{SHOW}", SHOW, known, listed[first : first + 250]).engagement
        assert known is not None
        size, cost[number] = units(known.model_copy(update={"score": score(known)}))
        with capsys.disabled():
            sys.stdout.write(f"\nafter {number:6,} events: an item of {size:,} bytes, {cost[number]} write units\n")
    assert max(cost.values()) <= 3
    assert cost[10_000] == cost[1_000]
    assert cost[10_000] - cost[100] <= 1


def batches(joins: int, second: int) -> Iterator[bytes]:
    for first in range(0, joins, 250):
        yield json.dumps({
            "batch": [
                {
                    "type": "track", "event": "Live Room Entered", "anonymousId": f"s{second}-{number}",
                    "messageId": f"j{second}-{number}", "properties": {"show_id": SHOW},
                }
                for number in range(first, min(first + 250, joins))
            ]
        }).encode()  # fmt: skip


@pytest.mark.slow
def test_no_key_is_hot_when_a_million_join(host: LocalHost, capsys: pytest.CaptureFixture[str]) -> None:
    """One second of it through the real functions, counted at the tables; a minute of its ids by the keys alone."""
    before = {name: host.backend.scan(name) for name in ("engagements", "catalog", "viewers")}
    known = {name: {(row["pk"]["S"], row["sk"]["S"]): row["n"]["N"] for row in rows} for name, rows in before.items()}
    # So many sources that none is told to slow down: on AWS they would be instances.
    for number, body in enumerate(batches(JOINS_A_SECOND, 0)):
        source = f"app-{number // 4}"
        if number % 4 == 0:
            catalog.new_write_key(host.store, source, source)
        assert host.request("POST", "/v1/batch", headers_of(source), body).status == 200
    host.drain()
    items: Counter[str] = Counter()
    partitions: Counter[str] = Counter()
    for name, former in known.items():
        for row in host.backend.scan(name):
            key = (row["pk"]["S"], row["sk"]["S"])
            writes = int(row["n"]["N"]) - int(former.get(key, "0"))
            items[f"{name} {key[0]}"] += writes
            if writes and "ipk" in row and key not in former:
                partitions[f"{name} index {row['ipk']['S']}"] += 1
    minute: Counter[tuple[int, str]] = Counter()
    for second in range(60):
        for number in range(JOINS_A_SECOND):
            viewer = viewer_id("anonymous", f"m{second}-{number}")
            minute[second, keys.show_index(SHOW, viewer)[0]] += 1
    busiest, hottest, worst = items.most_common(1)[0], partitions.most_common(1)[0], max(minute.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{JOINS_A_SECOND:,} joins in a second, through the functions: {sum(items.values()):,} puts, "
            f"{busiest[1]} on the busiest item ({busiest[0]}), {hottest[1]} in the busiest index partition"
            f"\n{60 * JOINS_A_SECOND:,} joins in a minute, by their keys: at most {worst} a second in a partition\n"
        )
    assert sum(partitions.values()) >= JOINS_A_SECOND
    assert max(busiest[1], hottest[1], worst) <= MOST_WRITES_A_SECOND
