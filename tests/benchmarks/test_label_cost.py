"""What labels cost: CPU of one look at a person who has done much, the bytes that are kept, and who writes them."""

from __future__ import annotations

import sys
import time

import pytest

from aftershow.model.engagements import Engagement, Kind, sketch_text
from aftershow.model.instants import DAY, MINUTE
from aftershow.model.labels import Labels
from aftershow.model.orders import Order
from aftershow.model.scorecards import Scorecard, Slope
from aftershow.model.viewers import MAX_RECENT_ORDERS, Facts
from aftershow.rules import intent, people
from aftershow.rules.labels import VERSION, Known, Measure, label
from tests.unit.samples import START

pytestmark = pytest.mark.benchmark
SHOWS, LOOKS, ROUNDS = 40, 20, 5


def engagement(number: int) -> Engagement:
    kinds: dict[int, int] = dict(enumerate(list(Kind) * 6))
    at = START - number * DAY
    return Engagement(
        viewer="u1", about=f"show#s{number:02d}", show=f"s{number:02d}", first_at=at, last_at=at + 90 * MINUTE,
        counted=sketch_text(kinds), left_seconds=5_000, products={f"p{one}": at for one in range(32)},
    )  # fmt: skip


def fastest(work: object, times: int) -> float:
    """CPU seconds of one call, the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(times):
            work()  # type: ignore[operator]
        best = min(best, (time.process_time() - began) / times)
    return best


def test_cost_of_labels_and_of_an_engagements_score() -> None:
    facts = Facts()
    for number in range(MAX_RECENT_ORDERS):
        facts = people.with_order(
            facts, Order(order=f"o{number}", at=START - number * 5 * DAY, minor=9_900, currency="CNY", hash="h")
        )
    there = {one.about: one for one in map(engagement, range(SHOWS))}
    known, shop = Known(facts, there), Measure("CNY", "Asia/Shanghai")
    found = label(known, shop, START)
    kept = Labels(viewer="uabcdefghijklmnop", version=VERSION, values=found.values).body()
    card = Scorecard(
        name="intent", version="benchmark", learnt_from="nothing", rows=1, positives=1, features=intent.FEATURES,
        bias=-2.0, slopes=tuple(Slope(feature=name, points=0.1) for name in intent.FEATURES),
    )  # fmt: skip
    one, by = engagement(0), intent.trained(card)
    said = intent.values(one)
    look, scored, odds = (
        fastest(lambda: label(known, shop, START), LOOKS),
        fastest(lambda: intent.score(one, by), 200),
        fastest(lambda: by.odds(said), 5_000),
    )
    assert len(found.values) >= 8
    assert len(kept) < 1024
    sys.stdout.write(
        f"\nlabels of a person with {SHOWS} shows and {MAX_RECENT_ORDERS} orders: {look * 1e6:.0f} us a look; kept "
        f"{len(kept)} bytes, 1 write unit, only where a label changes; head and engagement: 0 bytes more\n"
        f"intent of an engagement by a card of {len(intent.FEATURES)} features: {odds * 1e6:.2f} us (aim: under 5), "
        f"with counting and reasons {scored * 1e6:.0f} us\n"
    )
