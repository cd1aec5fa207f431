"""Viewings to learn from: what was known at a look, and only what came after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aftershow.model.instants import DAY, HOUR, MINUTE, iso
from aftershow.rules.intent import FEATURES
from infra.local.learning.samples import BadData
from infra.local.learning.viewings import read_viewings
from tests.unit.samples import START


def told(name: str, at: int, who: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": who, "messageId": f"{name}-{at}-{who}", "timestamp": iso(at),
            "receivedAt": iso(at), "properties": {"show_id": "s1", **properties}}  # fmt: skip


def written(folder: Path, events: Sequence[dict[str, Any]]) -> Path:
    path = folder / "events.ndjson"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events), encoding="utf-8")
    return path


def ordered(at: int, who: str) -> dict[str, Any]:
    return told("Order Completed", at, who, order_id=f"o-{who}", total="10.00")


ENDS = START + 2 * HOUR
OF_ALL = [
    told("Live Room Entered", START, "early"), told("Live Room Entered", START, "late"),
    told("Live Room Entered", START, "never"), told("Live Liked", START + HOUR, "late"),
    ordered(START + 30 * MINUTE, "early"), ordered(ENDS + DAY, "late"), told("Live Show Ended", ENDS, "host"),
    # Until when the file tells.
    told("Products Searched", ENDS + 7 * DAY, "never", show_id=None),
]  # fmt: skip


def test_everybody_is_looked_at_twice_and_who_ordered_no_more(tmp_path: Path) -> None:
    viewings = read_viewings(written(tmp_path, OF_ALL))
    found = sorted((one.when - START, one.happened) for one in viewings.samples.samples)
    first, over = 10 * MINUTE, ENDS - START
    assert found == [(first, False), (first, True), (first, True), (over, False), (over, True)]
    assert viewings.horizon_days == 7


def test_a_look_knows_nothing_of_what_came_after_it(tmp_path: Path) -> None:
    liked = FEATURES.index("liked")
    samples = read_viewings(written(tmp_path, OF_ALL)).samples.samples
    assert {one.values[liked] for one in samples if one.when == START + 10 * MINUTE} == {0.0}
    assert {one.values[liked] for one in samples if one.when == ENDS} == {0.0, 1.0}
    # What nobody observed is unknown.
    assert {one.values[FEATURES.index("watched_minutes")] for one in samples} == {-1.0}


def test_the_order_of_lines_changes_nothing(tmp_path: Path) -> None:
    assert read_viewings(written(tmp_path, OF_ALL)) == read_viewings(written(tmp_path, [*OF_ALL[::-1], *OF_ALL]))


def test_a_file_without_shows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="nobody is in a show"):
        read_viewings(written(tmp_path, [ordered(START, "early")]))
