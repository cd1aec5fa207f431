"""Events per second from ingest to scored, and how large a viewer's engagement grows."""

from __future__ import annotations

import base64
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aftershow.model.ids import viewer_id
from aftershow.model.instants import SECOND, parse_instant
from aftershow.ports import keys
from infra.local import catalog
from infra.local.clock import iso_ms
from infra.local.embedded import EmbeddedState
from infra.local.host import LocalHost

pytestmark = pytest.mark.benchmark

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
START = parse_instant("2026-03-06T12:00:30+00:00")
HEADERS = {"content-type": "application/json", "authorization": f"Basic {base64.b64encode(b'local:').decode()}"}
VIEWERS = 300
EVENTS = {1: 2_000, 10: 8_000, 100: 20_000}
AIM_PER_SECOND = 2_000
# DynamoDB: a write unit is 1 KB begun.
WRITE_UNIT_BYTES = 1024
_LARGE = ("watched", "counted", "products", "cart", "score")


def opened() -> LocalHost:
    host = LocalHost(
        TEMPLATE, EmbeddedState(":memory:", lambda: START), seed=7, start_at=START,
        parameters={"EventsPerSecond": "1000000", "DueShards": "8"},
    )  # fmt: skip
    catalog.load(host.store, approved_at=host.now)
    return host


def events(number: int, viewers: int, seconds: int, seed: int, products: int = 40) -> Iterator[dict[str, Any]]:
    """What viewers of a show do, mostly watching."""
    source = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    names = ["Live Liked", "Live Comment Sent", "Product Clicked", "Product Added", "Live Shared", "Product Viewed"]
    for count in range(number):
        watching = source.random() < 0.7
        yield {
            "type": "track",
            "event": "Video Content Playing" if watching else source.choice(names),
            "anonymousId": f"device-{source.randrange(viewers)}",
            "messageId": f"{seed}-{count:08d}-0000-4000-8000-000000000000",
            "timestamp": iso_ms(START + source.randrange(seconds) * SECOND),
            "properties": {
                "show_id": "spring", "asset_id": "spring", "livestream": True, "text": "这个多少钱",
                "product_id": f"p{source.randrange(products)}", "name": "龙井", "price": 88.5, "quantity": 1,
            },
        }  # fmt: skip


def bodies(size: int, listed: Sequence[dict[str, Any]]) -> list[bytes]:
    context = {"library": {"name": "probe", "version": "1"}, "timezone": "Asia/Shanghai", "locale": "zh-CN"}
    starts = range(0, len(listed), size)
    return [json.dumps({"batch": listed[at : at + size], "context": context}).encode() for at in starts]


def deliver(host: LocalHost, requests: Sequence[bytes]) -> None:
    for body in requests:
        assert host.request("POST", "/v1/batch", HEADERS, body).status == 200
        host.drain()


@pytest.mark.parametrize("size", EVENTS)
def test_events_per_second(size: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Each request is worked off before the next: no queue packs more together."""
    host = opened()
    deliver(host, bodies(size, list(events(200, VIEWERS, 600, seed=1))))  # everything is loaded
    requests = bodies(size, list(events(EVENTS[size], VIEWERS, 3_600, seed=2)))
    started = time.perf_counter()
    deliver(host, requests)
    seconds = time.perf_counter() - started
    assert host.tally["scored.events"] == EVENTS[size] + 200
    assert host.tally["scored.dead"] == 0
    assert host.errors == []
    host.state.close()
    with capsys.disabled():
        sys.stdout.write(
            f"\nfrom ingest to scored, batches of {size}: {EVENTS[size] / seconds:.0f} events per second"
            f" (aim: {AIM_PER_SECOND})\n"
        )


@pytest.mark.parametrize("products", [3, 40])
def test_engagement_size(products: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One viewer who does far more than anybody in a show of three hours, with a few products or with all of them."""
    host, figures = opened(), []
    listed = list(events(10_000, 1, 3 * 3_600, seed=3, products=products))
    key = keys.engagement(viewer_id("anonymous", "device-0"), "show#spring")
    for first, last in ((0, 100), (100, 10_000)):
        deliver(host, bodies(100, listed[first:last]))
        [row] = [one for one in host.backend.scan("engagements") if one["pk"]["S"] == key.pk]
        size = sum(len(name) + len(text.encode()) for name, value in row.items() for text in value.values())
        found = json.loads(row["body"]["S"])
        parts = {name: len(json.dumps(found.get(name, ""), ensure_ascii=False)) for name in _LARGE}
        figures.append((last, size, -(-size // WRITE_UNIT_BYTES), parts))
    host.state.close()
    with capsys.disabled():
        sys.stdout.write(f"\nan engagement's item, {products} products:\n")
        for count, size, units, parts in figures:
            listing = ", ".join(f"{name} {bytes_}" for name, bytes_ in parts.items())
            sys.stdout.write(f"  after {count} events: {size} bytes ({listing}), {units} write units (aim: about 3)\n")
