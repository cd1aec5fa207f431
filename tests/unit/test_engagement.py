"""Behaviour folds into an engagement: any order, repetition and batching end alike, and it stays small."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import MAX_COUNTED, SLOT_SECONDS, Engagement, Kind, slots_of, slots_text
from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.rules.engagement import fold, united
from aftershow.rules.intent import score
from aftershow.rules.segment import Event
from tests.unit.samples import START, examples, read, tracked

NAMES = ["Live Liked", "Live Shared", "Live Comment Sent", "Live Product Clicked", "Checkout Started", "Coupon Denied"]
PRODUCTS = [f"p{number}" for number in range(40)]
MOMENTS = st.integers(0, 90).map(lambda minutes: START + minutes * MINUTE)
CONTEXTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {}, {"timezone": "Asia/Shanghai"}, {"timezone": "Europe/London", "locale": "en-GB"},
    {"locale": "zh-CN", "campaign": {"source": "wechat"}}, {"campaign": {"source": "douyin"}},
])  # fmt: skip


@st.composite
def happenings(draw: st.DrawFn, name: str) -> Event:
    """One event of a viewer in show s1; the same message id is always the same event."""
    kind = draw(st.sampled_from(["count", "count", "beat", "left", "cart", "cart"]))
    at, context = draw(MOMENTS), draw(CONTEXTS)
    said: dict[str, object] = {"show_id": "s1"}
    if kind == "beat":
        event = "Video Content Playing"
    elif kind == "left":
        event = "Live Room Left"
        said["watch_seconds"] = draw(st.sampled_from([0, 5, 600, -5, 10**9, None, "x", True]))
    elif kind == "cart":
        event = draw(st.sampled_from(["Product Added", "Product Removed"]))
        said |= {"product_id": draw(st.sampled_from(PRODUCTS)), "price": "12.50", "quantity": draw(st.integers(-1, 3))}
    else:
        event = draw(st.sampled_from(NAMES))
        said |= {"text": "多少钱 包邮吗", "product_id": draw(st.sampled_from(PRODUCTS))}
    return read("track", at, name, event=event, properties=said, context=context)


@st.composite
def shows(draw: st.DrawFn, most: int = 60) -> list[Event]:
    """The events of one viewer in one show."""
    return [draw(happenings(f"m{number}")) for number in range(draw(st.integers(1, most)))]


def folded(batches: Iterable[Sequence[Event]], viewer: str = "u1") -> Engagement:
    known: Engagement | None = None
    for batch in batches:
        if batch:
            known = fold(viewer, "show#s1", "s1", known, batch).engagement
    assert known is not None
    return known


def cut(events: Sequence[Event], places: Iterable[int]) -> list[Sequence[Event]]:
    edges = [0, *sorted(place % (len(events) + 1) for place in places), len(events)]
    return [events[first:last] for first, last in itertools.pairwise(edges)]


@examples(60)
@given(shows(), st.randoms(use_true_random=False), st.lists(st.integers(0, 200), max_size=8))
def test_any_order_repetition_and_batching_end_alike(
    events: list[Event], chance: random.Random, places: list[int]
) -> None:
    at_once = folded([events])
    again = events + chance.choices(events, k=len(events))
    chance.shuffle(again)
    piecemeal = folded(cut(again, places))
    assert piecemeal == at_once
    assert piecemeal.body() == at_once.body()
    assert score(piecemeal) == score(at_once)


@examples(8)
@given(st.randoms(use_true_random=False), st.integers(MAX_COUNTED - 3, 3 * MAX_COUNTED))
def test_beyond_the_sketch_the_estimate_too_is_the_same_in_any_order(chance: random.Random, number: int) -> None:
    events = [tracked(NAMES[one % len(NAMES)], START + one, f"m{one}", show_id="s1") for one in range(number)]
    at_once = folded([events])
    again = events + chance.choices(events, k=number // 2)
    chance.shuffle(again)
    assert folded(cut(again, [number // 3, number // 2, number])) == at_once
    assert at_once.estimated == (sum(at_once.counts().values()) > 0 and number > MAX_COUNTED)


@examples(40)
@given(shows(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_devices_united_are_one_viewer(events: list[Event], chance: random.Random, devices: int) -> None:
    shares: list[list[Event]] = [[] for _ in range(devices)]
    for event in events:
        chance.choice(shares).append(event)
    parts = [folded([share], viewer=f"a{number}") for number, share in enumerate(shares) if share]
    whole = folded([events], viewer=parts[0].viewer)
    shuffled = chance.sample(parts, len(parts))
    assert united(shuffled) == whole
    assert united(shuffled) == united(parts)


def test_a_device_that_only_watched_unites_with_one_beyond_the_sketch() -> None:
    many = [tracked("Live Liked", START + one, f"m{one}", show_id="s1") for one in range(2 * MAX_COUNTED)]
    watched = [tracked("Video Content Playing", START, "beat", show_id="s1")]
    both = united([folded([watched], viewer="a1"), folded([many], viewer="a2")])
    assert both.counts() == folded([many]).counts()
    assert both.estimated
    assert both.watch_seconds == SLOT_SECONDS


def test_two_sketches_unite_into_the_sketch_of_both() -> None:
    events = [tracked("Live Liked", START + one, f"m{one}", show_id="s1") for one in range(3 * MAX_COUNTED)]
    few, many = events[:20], events[20:]
    both = united([folded([few], viewer="a1"), folded([many], viewer="a2")])
    assert both.counted == folded([events]).counted


@pytest.mark.parametrize("number", [257, 500, 2_000, 10_000])
def test_the_estimate_is_near_the_truth(number: int) -> None:
    events = [tracked("Live Liked", START + one, f"n{one}", show_id="s1") for one in range(number)]
    engagement = folded([events])
    assert engagement.estimated
    # The standard error of 256 minimum values is 1 / sqrt(254), 6.3 %; three of them.
    assert engagement.counts()[Kind.LIKED] == pytest.approx(number, rel=0.19)


def test_up_to_the_sketch_counts_are_exact() -> None:
    events = [tracked("Live Liked", START + one, f"n{one}", show_id="s1") for one in range(MAX_COUNTED)]
    engagement = folded([events, events])
    assert not engagement.estimated
    assert engagement.counts() == {Kind.LIKED: MAX_COUNTED}


def test_it_stays_small_however_much_happens() -> None:
    chance = random.Random(7)  # noqa: S311 (a seeded example, not a secret)
    events = [
        tracked(
            chance.choice([*NAMES, "Video Content Playing", "Product Viewed"]), START + one * SECOND, f"m{one}",
            show_id="s1", product_id=f"product-{one % 50}",
        )
        for one in range(10_000)
    ]  # fmt: skip
    engagement = folded(cut(events, range(0, 10_000, 500)))
    assert len(engagement.body().encode()) <= 6 * 1024


def test_the_longest_cart_still_fits_an_item() -> None:
    events = [
        tracked(
            "Product Added", START + one * SECOND, f"m{one}", show_id="s1", product_id=f"{one}" + "品" * 500,
            name="名" * 500, url="https://example.com/" + "路" * 500, price=10**9, quantity=10**9,
        )
        for one in range(500)
    ]  # fmt: skip
    # DynamoDB's items hold 400 KB; what else is in the commit needs room too.
    assert len(folded([events]).body().encode()) < 100 * 1024


def test_heartbeats_that_overlap_count_once() -> None:
    beats = [tracked("Video Content Playing", START + one * SECOND, f"m{one}", show_id="s1") for one in range(30)]
    jumped_back = [tracked("Video Content Playing", START + 5 * SECOND, "j1", show_id="s1")]
    assert folded([beats]).watch_seconds == 30
    assert folded([beats, jumped_back, beats]).watch_seconds == 30


def test_unknown_watch_time_is_not_zero() -> None:
    entered = tracked("Live Room Entered", message_id="m1", show_id="s1")
    silent = tracked("Live Room Left", message_id="m2", show_id="s1")
    at_once = tracked("Live Room Left", message_id="m3", show_id="s1", watch_seconds=0)
    assert folded([[entered, silent]]).watch_seconds is None
    assert folded([[entered, at_once]]).watch_seconds == 0
    assert score(folded([[entered]])) == score(folded([[entered, silent]]))
    assert score(folded([[entered, at_once]])) != score(folded([[entered]]))


def test_an_observed_zero_stays_known_when_devices_unite() -> None:
    left_at_once = folded([[tracked("Live Room Left", show_id="s1", watch_seconds=0)]], viewer="a1")
    liked = folded([[tracked("Live Liked", message_id="m2", show_id="s1")]], viewer="a2")
    assert united([left_at_once, liked]).watch_seconds == 0
    assert united([liked, liked]).watch_seconds is None


@pytest.mark.parametrize("seconds", [-5, 10**9, "600", True, None, float("inf")])
def test_an_impossible_watch_time_is_unknown(seconds: object) -> None:
    left = read("track", event="Live Room Left", properties={"show_id": "s1", "watch_seconds": seconds})
    assert folded([[left]]).watch_seconds is None


def test_the_longer_of_heartbeats_and_the_clients_own_count() -> None:
    beats = [tracked("Video Content Playing", START + one * 10 * SECOND, f"m{one}", show_id="s1") for one in range(6)]
    assert folded([[*beats, tracked("Live Room Left", show_id="s1", watch_seconds=45)]]).watch_seconds == 60
    assert folded([[*beats, tracked("Live Room Left", show_id="s1", watch_seconds=600)]]).watch_seconds == 600


def test_the_newest_word_about_a_product_decides_the_cart() -> None:
    added = tracked("Product Added", START, "m1", show_id="s1", product_id="p1", quantity=2, price="19.90")
    removed = tracked("Product Removed", START + SECOND, "m2", show_id="s1", product_id="p1")
    assert folded([[removed], [added]]).cart_lines() == {}
    line = folded([[added]]).cart_lines()["p1"]
    assert (line.quantity, line.minor, line.currency) == (2, 1990, "CNY")


def test_the_first_source_is_what_brought_the_viewer() -> None:
    late = read("track", START + HOUR, "m2", event="Live Liked", context={"campaign": {"source": "douyin"}})
    early = read("track", START, "m1", event="Live Liked", context={"campaign": {"source": "wechat"}})
    for order in ([late, early], [early, late]):
        source = folded([order]).source
        assert source is not None
        assert source.value == "wechat"


@given(st.sets(st.integers(0, 4_319)))
def test_slots_survive_being_stored(slots: set[int]) -> None:
    ring = sum(1 << slot for slot in slots)
    assert slots_of(slots_text(ring)) == ring


def test_a_comment_counts_every_topic_once() -> None:
    asked = tracked("Live Comment Sent", show_id="s1", text="多少钱？包邮吗")
    counts = folded([[asked, asked]]).counts()
    assert counts == {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.ASKED_SHIPPING: 1}
    assert "多少钱" not in folded([[asked]]).body()
