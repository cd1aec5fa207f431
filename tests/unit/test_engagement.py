"""Behaviour folds into an engagement: any order, repetition and batching end alike, and it stays small."""

from __future__ import annotations

import itertools
import json
import random
from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import (
    MAX_COMPARED,
    MAX_COUNTED,
    SLOT_SECONDS,
    Engagement,
    Kind,
    sketch_of,
    slots_of,
    slots_text,
)
from aftershow.model.ids import short_hash
from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.model.packing import packed, unpacked
from aftershow.rules.engagement import fold, hour_histogram, united
from aftershow.rules.intent import score
from aftershow.rules.segment import Event
from tests.unit.samples import START, examples, read, tracked

NAMES = ["Live Liked", "Live Shared", "Live Comment Sent", "Live Product Clicked", "Checkout Started", "Coupon Denied"]
TEXTS = ["多少钱 包邮吗", "假货！退款", "想要乌龙茶", "傻逼", "付不了款 怎么办", "好看 ❤️", "😀"]
PRODUCTS = [f"p{number}" for number in range(40)]
MOMENTS = st.integers(0, 90).map(lambda minutes: START + minutes * MINUTE)
CONTEXTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from([
    {}, {"timezone": "Asia/Shanghai"}, {"timezone": "Europe/London", "locale": "en-GB"},
    {"locale": "zh-CN", "campaign": {"source": "wechat"}}, {"campaign": {"source": "douyin", "medium": "paid"}},
    {"page": {"referrer": "https://search.example.com/?q=me"}}, {"referrer": {"id": "clip-7"}},
])  # fmt: skip


@st.composite
def happenings(draw: st.DrawFn, name: str) -> Event:
    """One event of a viewer in show s1; the same message id is always the same event."""
    kind = draw(st.sampled_from(["count", "count", "beat", "left", "cart", "cart", "way"]))
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
    elif kind == "way":
        event = draw(st.sampled_from(["Checkout Step Viewed", "Products Compared", "Live Poll Voted"]))
        listed = draw(st.lists(st.sampled_from(PRODUCTS), max_size=4))
        said |= {
            "step": draw(st.integers(-1, 5)), "products": [{"product_id": one} for one in listed],
            "poll_id": draw(st.sampled_from([f"poll-{one}" for one in range(12)])),
            "option": draw(st.sampled_from("ab")),
        }  # fmt: skip
    else:
        event = draw(st.sampled_from(NAMES))
        said |= {"text": draw(st.sampled_from(TEXTS)), "product_id": draw(st.sampled_from(PRODUCTS))}
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
            show_id="s1", product_id=f"product-{one % 50}", text=chance.choice(TEXTS),
        )
        for one in range(10_000)
    ]  # fmt: skip
    engagement = folded(cut(events, range(0, 10_000, 500)))
    assert len(engagement.body().encode()) <= 3 * 1024
    assert Engagement.read(engagement.body()) == engagement


@given(st.text(max_size=3_000))
def test_what_was_packed_comes_out_as_it_went_in(text: str) -> None:
    stored = packed(json.dumps(text, ensure_ascii=False))
    assert json.loads(unpacked(stored)) == text
    assert isinstance(json.loads(stored), (dict, str))
    assert len(stored.encode()) <= len(json.dumps(text, ensure_ascii=False).encode())


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


def test_a_single_checkout_is_not_forgotten_among_thousands_of_likes() -> None:
    likes = [tracked("Live Liked", START + one, f"m{one}", show_id="s1") for one in range(3_000)]
    for number in range(20):
        checkout = tracked("Checkout Started", START, f"c{number}", show_id="s1")
        assert folded([likes, [checkout]]).counts()[Kind.CHECKOUT_STARTED] >= 1


def test_the_furthest_step_of_the_checkout_is_kept() -> None:
    steps = [
        tracked("Checkout Step Viewed", START + at, f"m{at}", show_id="s1", step=step) for at, step in ((0, 3), (1, 2))
    ]
    assert folded([steps]).checkout_step == 3
    odd = [
        tracked("Checkout Step Completed", message_id=f"o{one!r}", step=one)
        for one in (0, -1, 99, "x", True, None, 2.5)
    ]
    assert folded([odd]).checkout_step is None
    assert folded([[tracked("Checkout Step Completed", step="4")]]).checkout_step == 4


def test_a_coupon_that_was_refused_is_told_from_one_that_was_taken() -> None:
    tried = [tracked(name, START, name, show_id="s1") for name in ("Coupon Entered", "Coupon Denied")]
    assert folded([tried]).counts() == {Kind.COUPON_TRIED: 1, Kind.COUPON_DENIED: 1}
    taken = tracked("Coupon Applied", START, "m3", show_id="s1")
    assert folded([tried, [taken]]).counts()[Kind.COUPON_APPLIED] == 1


def test_what_was_put_side_by_side_is_kept_by_name() -> None:
    def compared(*names: str, at: int) -> Event:
        products = [{"product_id": name} for name in names]
        return tracked("Products Compared", START + at, f"m{at}", show_id="s1", products=products)

    first, second = compared("p1", "p2", "p3", at=0), compared("p2", "p4", at=1)
    for order in ([first, second], [second, first, second]):
        assert folded([[one] for one in order]).compared == {"p1": START, "p2": START + 1, "p3": START, "p4": START + 1}
    many = compared(*(f"q{one}" for one in range(20)), at=2)
    assert len(folded([[first, many]]).compared) == MAX_COMPARED
    assert folded([[tracked("Products Compared", products="p1")]]).compared == {}


def test_the_last_vote_in_a_poll_counts() -> None:
    first = tracked("Live Poll Voted", START, "m1", show_id="s1", poll_id="taste", option="green tea")
    changed = tracked("Live Poll Voted", START + 1, "m2", show_id="s1", poll_id="taste", option="oolong")
    for order in ([first, changed], [changed, first]):
        votes = folded([order]).votes
        assert {poll: said.value for poll, said in votes.items()} == {"taste": "oolong"}


def test_sketches_from_before_are_read() -> None:
    """Eight bytes of hash and one of kind for each thing."""
    events = [tracked("Live Liked", START + one, f"n{one}", show_id="s1") for one in range(MAX_COUNTED + 1)]
    hashes = sorted(short_hash(event.id) for event in events)[:MAX_COUNTED]
    older = b64encode(b"".join(one.to_bytes(8, "big") + bytes((Kind.LIKED,)) for one in hashes)).decode()
    now = folded([events])
    assert sketch_of(older) == sketch_of(now.counted)
    before = now.model_copy(update={"counted": older})
    again = fold("u1", "show#s1", "s1", before, events)
    assert again.engagement == now
    assert len(now.counted) < len(older) / 2


def test_hours_are_those_of_the_viewers_own_day() -> None:
    """Half-hour zones too; and where only hours were kept, they count."""
    beats = [tracked("Video Content Playing", START + one * MINUTE, f"m{one}", show_id="s1") for one in range(45)]
    seen = folded([beats])
    # START is 12:00 UTC: 20:00 in Shanghai, 17:30 in Kolkata.
    assert {hour: n for hour, n in enumerate(hour_histogram([seen], "Asia/Shanghai")) if n} == {20: 5}
    assert {hour: n for hour, n in enumerate(hour_histogram([seen], "Asia/Kolkata")) if n} == {17: 3, 18: 2}
    assert hour_histogram([seen, seen], "Asia/Shanghai")[20] == 10
    older = seen.model_copy(update={"pieces": "", "hours": 1 << 12})
    assert hour_histogram([older], "Asia/Shanghai")[20] == 1


def test_campaign_link_and_site_are_told_apart() -> None:
    paid = {"campaign": {"source": "douyin", "medium": "paid", "name": "spring/live"}}
    site = {"page": {"referrer": "https://user:secret@search.example.com/?q=me", "url": "https://shop.example/live"}}
    own = {"page": {"referrer": "https://shop.example/cart", "url": "https://shop.example/live"}}
    events = [
        read("track", START + 3, "m1", event="Live Liked", context=paid),
        read("track", START + 2, "m2", event="Live Liked", context=site),
        read("track", START + 1, "m3", event="Live Liked", context=own),
        read("track", START, "m4", event="Live Liked", context={"referrer": {"id": "clip-7"}}),
        read("track", START + 4, "m5", event="Live Liked", context={"page": {"referrer": "http://[bad"}}),
    ]
    seen = folded([events])
    assert seen.source is not None
    assert seen.link is not None
    assert seen.referrer is not None
    assert (seen.source.value, seen.link.value) == ("douyin/paid/spring live", "clip-7")
    assert seen.referrer.value == "search.example.com"
    named = read("track", event="Live Room Entered", properties={"link_id": "friend-3"})
    assert named.context.link == "friend-3"


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
    topics = {Kind.ASKED_PRICE: 1, Kind.ASKED_SHIPPING: 1}
    assert counts == {Kind.COMMENTED: 1, **topics, Kind.QUESTION_PRODUCT: 1}
    assert "多少钱" not in folded([[asked]]).body()


def test_what_comments_and_votes_show_is_there_at_once() -> None:
    said = tracked("Live Comment Sent", START, "m1", show_id="s1", text="想要乌龙茶，怎么付不了款")
    voted = tracked(
        "Live Poll Voted", START + 1, "m2", show_id="s1", poll_id="next", option_id="b", option="silk scarf"
    )
    seen = folded([[said], [voted]])
    assert seen.interests == {"silk": START + 1, "tea": START}
    assert {name: one.value for name, one in seen.questions.items()} == {"technical": "3"}
    assert {poll: one.value for poll, one in seen.votes.items()} == {"next": "b"}
    abused = tracked("Live Comment Sent", START, "m3", show_id="s1", text="傻逼 茶")
    assert folded([[abused]]).interests == {}


def test_alarm_words_keep_their_first_moment() -> None:
    said = [tracked("Live Comment Sent", START + at, f"m{at}", show_id="s1", text="假货") for at in (5, 2, 9)]
    assert folded([[one] for one in said]).alarms == {"counterfeit": START + 2}
