"""What a comment asks about is found in both languages, and not hidden by odd characters."""

from __future__ import annotations

import pytest

from aftershow.model.engagements import Kind
from aftershow.rules.topics import topics_of


@pytest.mark.parametrize(
    ("text", "topics"),
    [
        ("多少钱", {Kind.ASKED_PRICE}),
        ("How much is shipping?", {Kind.ASKED_PRICE, Kind.ASKED_SHIPPING}),
        ("ＨＯＷ　ＭＵＣＨ", {Kind.ASKED_PRICE}),
        ("多\u200b少\u200d钱", {Kind.ASKED_PRICE}),
        ("再看看，有优惠吗", {Kind.HESITATED, Kind.ASKED_PROMOTION}),
        ("costume party", set()),
        ("leftovers", set()),
        ("", set()),
        ("😀" * 100, set()),
        ("x" * 10_000 + "多少钱", set()),
    ],
)
def test_topics(text: str, topics: set[Kind]) -> None:
    found = topics_of(text)
    assert set(found) == topics
    assert len(found) == len(topics)
