"""What a scorecard costs a viewer: CPU of one answer, for as many features and pairs as the intent score learns."""

from __future__ import annotations

import sys
import time

import pytest

from aftershow.model.scorecards import Pair, Scorecard, Steps
from aftershow.rules.scorecards import probability

pytestmark = pytest.mark.benchmark
FEATURES, EDGES, PAIRS, ANSWERS, ROUNDS = 12, 8, 8, 20_000, 5


def test_cost_of_an_answer() -> None:
    names = tuple(f"f{number}" for number in range(FEATURES))
    points = tuple(number / 10 for number in range(EDGES + 1))
    card = Scorecard(
        name="intent", version="benchmark", learnt_from="nothing", rows=1, positives=1, features=names, bias=-2.0,
        steps=tuple(Steps(feature=name, edges=tuple(map(float, range(EDGES))), points=points) for name in names),
        pairs=tuple(Pair(features=(names[n], names[n + 1]), points=points * (EDGES + 1)) for n in range(PAIRS)),
    )  # fmt: skip
    chance = probability(card)
    rows = [tuple(float((row + number) % 10) for number in range(FEATURES)) for row in range(ANSWERS)]
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        answers = [chance(row) for row in rows]
        best = min(best, (time.process_time() - began) / ANSWERS)
    assert len(set(answers)) > 1
    sys.stdout.write(
        f"\nscorecard of {FEATURES} features and {PAIRS} pairs: {best * 1e6:.2f} us an answer (aim: under 5), "
        f"{len(card.body()):,} bytes\n"
    )
