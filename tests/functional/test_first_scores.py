"""A shop without any history: default weights must rank generated viewers as the generator means them.

The generator draws what people do from kinds of people with rates of its own; it knows nothing of the weights.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from aftershow.model.ids import viewer_id
from infra.local import runs
from infra.local.audience import intend
from infra.local.programme import USUAL_START

VIEWERS = 200


def auc(positives: list[int], negatives: list[int]) -> float:
    """How often a positive stands above a negative; ties count half (Mann and Whitney)."""
    above = sum((one > other) + (one == other) / 2 for one in positives for other in negatives)
    return above / (len(positives) * len(negatives))


@pytest.mark.parametrize("seed", [1, 2])
def test_default_weights_rank_a_generated_show(seed: int, tmp_path: Path) -> None:
    run = runs.demo(VIEWERS, seed, 1, tmp_path / "state.db", lambda *_: None)
    intents: dict[str, list[int]] = defaultdict(list)
    for engagement in run.records().engagements:
        if engagement.show and engagement.score:
            intents[engagement.viewer].append(engagement.score.intent)
    run.close()
    likely: list[int] = []
    others: list[int] = []
    for person in intend(VIEWERS, seed, 1, USUAL_START).people:
        names = [viewer_id("anonymous", person.anonymous_id)]
        names += [viewer_id("user", person.user_id)] if person.user_id else []
        if seen := [intent for name in names for intent in intents[name]]:
            (likely if person.propensity >= 0.5 else others).append(max(seen))
    assert len(likely) > 20
    assert len(others) > 20
    assert auc(likely, others) >= 0.70
