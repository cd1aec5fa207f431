"""How fast the embedded backend is: figures to read, nothing that fails on a slow machine."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aftershow.ports.queues import Message
from aftershow.ports.store import Key, Put, Store
from infra.local.embedded import EmbeddedBackend, EmbeddedQueues, EmbeddedState, QueueShape

pytestmark = pytest.mark.benchmark

ITEMS = 6_000
# About a kilobyte, as an engagement is.
BODY = json.dumps({f"field{number}": number for number in range(60)})


def per_second(times: int, work: Callable[[int], object]) -> int:
    started = time.perf_counter()
    for number in range(times):
        work(number)
    return round(times / (time.perf_counter() - started))


def put(table: str, number: int) -> Put:
    return Put(Key(table, f"viewer#{number}"), BODY, None, index=("due", f"{number:06d}"))


@pytest.mark.parametrize("place", ["memory", "file"])
def test_embedded_speed(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ":memory:" if place == "memory" else tmp_path / "state.db"
    state = EmbeddedState(path, lambda: 0, streamed=["streamed"])
    ids = itertools.count()
    store = Store(EmbeddedBackend(state), lambda: f"commit-{next(ids)}")
    queues = EmbeddedQueues(state)
    queues.create("work", QueueShape())

    def three(number: int) -> None:
        store.commit([put("a", number), put("b", number), put("streamed", number + ITEMS)])

    def read_three(number: int) -> None:
        store.get_many(put(table, number).key for table in ("a", "b", "c"))

    def through_the_queue(_number: int) -> None:
        queues.send("work", [Message(BODY)])
        queues.delete("work", queues.receive("work", 1)[0].receipt)

    figures = {
        "commits of 1 item": per_second(ITEMS, lambda n: store.commit([put("plain", n)])),
        "commits of 1 streamed item": per_second(ITEMS, lambda n: store.commit([put("streamed", n)])),
        "commits of 3 items": per_second(ITEMS, three),
        "reads of 1 item": per_second(ITEMS, lambda n: store.get(put("plain", n).key)),
        "reads of 3 items": per_second(ITEMS, read_three),
        "messages sent, received, deleted": per_second(ITEMS, through_the_queue),
    }
    state.close()
    with capsys.disabled():
        sys.stdout.write(f"\nembedded store, {place}, per second:\n")
        for name, figure in figures.items():
            sys.stdout.write(f"  {name}: {figure}\n")
