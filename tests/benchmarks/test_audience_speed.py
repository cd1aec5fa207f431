"""A room of 100,000 viewers, listed: calls, time and memory of a page, wherever in the list it stands."""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from aftershow.model.base import Stamped
from aftershow.model.engagements import Engagement, Kind, sketch_text
from aftershow.model.ids import address_hash, viewer_id
from aftershow.model.viewers import Address, Consent, Head, RecentOrder
from aftershow.ports import keys
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, Page, Put, Range, Store
from aftershow.services.audience import MAX_PAGE, page
from infra.local.host import LocalHost
from tests.functional.bad_input import shop
from tests.unit.samples import START

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

VIEWERS = 100_000
PAGE = 500
TRACED_PAGES = 3
SHOW = "spring"
KINDS = (Kind.ENTERED, Kind.LIKED, Kind.ASKED_PRICE, Kind.PRODUCT_CLICKED)


@dataclass
class Counting:
    """A backend that counts calls, and the items that they read."""

    behind: Backend
    calls: Counter[str] = field(default_factory=Counter)

    def read(self, wanted: Sequence[Key]) -> Mapping[Key, Item]:
        """Counted."""
        self.calls["read"] += 1
        return self.behind.read(wanted)

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """Counted."""
        self.calls["write"] += 1
        self.behind.write(puts, checks, commit_id)

    def query(self, table: str, where: Range) -> Page:
        """Counted."""
        self.calls["query"] += 1
        return self.behind.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """Counted."""
        self.calls["query_index"] += 1
        return self.behind.query_index(table, where)


@pytest.fixture
def host() -> Iterator[LocalHost]:
    opened = shop()
    yield opened
    opened.state.close()


def person(number: int, secret: str) -> Iterator[Put]:
    """Two of five never identify; one of seven ordered; one of eleven bounced."""
    known = number % 5 > 1
    viewer = viewer_id("user" if known else "anonymous", f"v{number}")
    engagement = Engagement(
        viewer=viewer, about=keys.about_show(SHOW), show=SHOW, first_at=START + number, last_at=START + number + 60_000,
        counted=sketch_text({one + number * 4: kind for one, kind in enumerate(KINDS[: 1 + number % 4])}),
        left_seconds=number % 3_000,
    )  # fmt: skip
    index = keys.show_index(SHOW, viewer)
    yield Put(keys.engagement(viewer, engagement.about), engagement.body(), None, (), index)
    if not known:
        return
    mailbox = f"v{number}@example.com"
    facts: dict[str, Any] = {"traits": {"email": Stamped(value=mailbox, at=START, id="m")}}
    if number % 2:
        facts["consent"] = {"marketing:all": {viewer: Consent(state="granted", at=START, id="c")}}
    if number % 7 == 0:
        order = RecentOrder(order=f"o{number}", at=START + number + 1, show=SHOW, minor=100, currency="CNY")
        facts |= {"orders": 1, "recent_orders": (order,)}
    yield Put(keys.head(viewer), Head(viewer=viewer, **facts).body(), None)
    if number % 11 == 0:
        hashed = address_hash(secret, "email", mailbox)
        yield Put(keys.address(hashed), Address(hashed=hashed, channel="email", suppressed="bounced").body(), None)


def test_a_page_costs_the_same_in_any_room(host: LocalHost, capsys: pytest.CaptureFixture[str]) -> None:
    ports = host.ports("send_message")
    secret = ports.settings.address_secret
    waiting: list[Put] = []
    for number in range(VIEWERS):
        waiting += person(number, secret)
        if len(waiting) > 90 or number == VIEWERS - 1:
            host.store.commit(waiting)
            waiting = []
    counting = Counting(host.store.backend)
    ports = replace(ports, store=Store(counting, ports.store.new_id))
    listed, after, most, pages = 0, None, Counter[str](), 0
    peak, seconds = 0, 0.0
    while True:
        counting.calls.clear()
        # Memory is traced on the first pages, which makes them slow: the others are timed.
        if pages < TRACED_PAGES:
            tracemalloc.start()
        began = time.perf_counter()
        found = page(ports, SHOW, size=PAGE, after=after, secret=secret)
        if tracemalloc.is_tracing():
            peak = max(peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        else:
            seconds += time.perf_counter() - began
        listed, pages = listed + len(found.rows), pages + 1
        most |= counting.calls
        after = found.after
        if after is None:
            break
    ordered = sum(number % 7 == 0 and number % 5 > 1 for number in range(VIEWERS))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{VIEWERS:,} viewers, {listed:,} of them without an order, in {pages} pages of {PAGE}: "
            f"at most {dict(most)} calls a page, {1000 * seconds / (pages - TRACED_PAGES):.0f} ms a page, "
            f"{peak / 1024 / 1024:.0f} MiB at most\n"
        )
    assert listed == VIEWERS - ordered
    assert PAGE <= MAX_PAGE
    # Places in at most three shards; heads, engagements and addresses in batches of 100; the shop's scorecard.
    assert most["query_index"] <= 3
    assert most["read"] <= 3 * PAGE // 100 + 1
    assert most["query"] == most["write"] == 0
