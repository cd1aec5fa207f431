"""Labels: thresholds of the shop's own words, reasons for each, and time that changes them at moments known before."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.base import Stamped
from aftershow.model.engagements import CartLine, Engagement, Kind, sketch_text
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.labels import LabelName, Sharing, Yardstick
from aftershow.model.orders import Order
from aftershow.model.viewers import Facts
from aftershow.rules import people
from aftershow.rules.churn import basket_decline
from aftershow.rules.customers import rfm_points
from aftershow.rules.habits import STAGES, marks, stage_of
from aftershow.rules.labels import Known, Labelled, Measure, label, next_window
from aftershow.rules.sharing import bought_by_share, with_buyer
from infra.local.label_words import WORDS
from infra.local.labels_report import SAID_AS_IT_IS
from infra.local.words import WORDS as REPORT_WORDS
from tests.unit.samples import START, examples

SHOP = Measure("CNY", "Asia/Shanghai")


def facts(*orders: tuple[int, int] | tuple[int, int, str | None]) -> Facts:
    """A head's facts after orders of (moment, whole yuan, show)."""
    found = Facts()
    for number, (at, yuan, *show) in enumerate(orders):
        order = Order(
            order=f"o{number}-{at}", at=at, minor=yuan * 100, currency="CNY", hash="h", show=show[0] if show else None
        )
        found = people.with_order(found, order)
    return found


def engagement(about: str, at: int, *kinds: Kind, minutes: float | None = 5, **more: Any) -> Engagement:
    """What somebody did in a show ("s1") or on a day ("2026-03-04")."""
    show = None if about.startswith("20") else about
    said: dict[str, Any] = {
        "viewer": "u1", "about": f"show#{show}" if show else f"day#{about}", "show": show, "first_at": at,
        "last_at": at + int((minutes or 0) * MINUTE), "counted": sketch_text(dict(enumerate(kinds))),
        "left_seconds": None if minutes is None else int(minutes * 60),
    }  # fmt: skip
    return Engagement(**{**said, **more})


def called(orders: Facts, *engagements: Engagement, now: int = START, brought: int = 0, by: Measure = SHOP) -> Labelled:
    return label(Known(orders, {one.about: one for one in engagements}, brought), by, now)


def value(labelled: Labelled, name: LabelName) -> str | None:
    return labelled.values.get(name)


KINDS = st.lists(st.sampled_from(list(Kind)), max_size=6)
MOMENTS = st.integers(-200, 0).map(lambda days: START + days * DAY + 7 * HOUR)
ORDERS = st.lists(st.tuples(MOMENTS, st.integers(1, 2_000), st.sampled_from(["s1", "s2", None])), max_size=8)
THERE = st.lists(
    st.tuples(st.sampled_from(["s1", "s2", "s3", "2026-02-01", "2026-03-01"]), MOMENTS, KINDS,
              st.one_of(st.none(), st.floats(0, 90))),
    max_size=5, unique_by=lambda one: one[0],
)  # fmt: skip
YARDSTICK = Yardstick(
    version="y-1", measured_at=START, customers=500, currency="CNY", recency_days=(5, 12, 40, 80), orders=(1, 2, 3, 6),
    spent=(5_000, 20_000, 90_000, 200_000), top_spent=300_000, large_basket=40_000, gap_days=20,
)  # fmt: skip
MEASURES = st.sampled_from([SHOP, Measure("CNY", "Asia/Shanghai", YARDSTICK)])


def of(orders: Sequence[Any], there: Sequence[Any]) -> Known:
    engagements = [engagement(about, at, *kinds, minutes=minutes) for about, at, kinds, minutes in there]
    return Known(facts(*orders), {one.about: one for one in engagements})


@examples(150)
@given(ORDERS, THERE, MEASURES, st.floats(0, 0.999))
def test_nothing_changes_before_the_moment_that_is_named(
    orders: list[Any], there: list[Any], by: Measure, part: float
) -> None:
    known = of(orders, there)
    now = START
    for _ in range(12):
        found = label(known, by, now)
        if found.next_at is None:
            assert label(known, by, now + 900 * DAY).values == found.values
            return
        assert found.next_at > now
        between = now + int((found.next_at - now) * part)
        assert label(known, by, between).values == found.values
        assert label(known, by, between).next_at == found.next_at
        now = found.next_at


@examples(60)
@given(ORDERS, THERE, MEASURES, st.randoms())
def test_the_order_of_orders_changes_no_label(
    orders: list[Any], there: list[Any], by: Measure, source: random.Random
) -> None:
    numbered = list(enumerate(orders))
    shuffled = source.sample(numbered, len(numbered))

    def told(listed: Sequence[tuple[int, Any]]) -> Facts:
        found = Facts()
        for number, (at, yuan, show) in listed:
            found = people.with_order(
                found, Order(order=f"o{number}", at=at, minor=yuan, currency="CNY", hash="h", show=show)
            )
        return found

    engagements = of([], there).engagements
    one, other = (label(Known(told(each), engagements), by, START) for each in (numbered, shuffled))
    assert one == other


@examples(60)
@given(ORDERS, THERE, MEASURES)
def test_every_label_has_a_reason_and_words_in_both_languages(orders: list[Any], there: list[Any], by: Measure) -> None:
    for name, one in label(of(orders, there), by, START).labels.items():
        assert name in get_args(LabelName)
        assert one.reasons or name == "stage"
        assert name in WORDS
        assert name in SAID_AS_IT_IS or f"{name}:{one.value}" in WORDS, f"{name}:{one.value}"
        for reason in one.reasons:
            assert reason.code in WORDS or reason.code in REPORT_WORDS, reason.code


@pytest.mark.parametrize(
    ("one", "stage"),
    [
        (engagement("s1", START, minutes=0.4), "glance"),
        (engagement("s1", START, minutes=0.5), "deep_browse"),
        (engagement("s1", START, Kind.ENTERED, minutes=None), "glance"),
        (engagement("s1", START, Kind.PRODUCT_CLICKED, minutes=None), "deep_browse"),
        (engagement("s1", START, Kind.CART_ADDED, minutes=0.1), "cart"),
    ],
)
def test_the_steps_before_an_order(one: Engagement, stage: str) -> None:
    """C8: below thirty seconds it's a glance; watch time that nobody counted is unknown."""
    assert stage_of(one).value == stage
    assert value(called(Facts(), one), "stage") == stage


def test_the_steps_from_the_order_on() -> None:
    there = engagement("s1", START - DAY, Kind.CART_ADDED)
    once, twice = facts((START - DAY, 100)), facts((START - 3 * DAY, 100), (START - DAY, 100))
    found = [called(once, there), called(twice, there), called(twice, there, brought=1)]
    assert [value(one, "stage") for one in found] == ["order", "repurchase", "advocate"]
    assert list(STAGES) == sorted(STAGES, key=STAGES.index)


def after(days: int, orders: Facts, name: LabelName) -> str | None:
    return value(called(orders, now=START + days * DAY), name)


def test_the_life_cycle_of_a_customer() -> None:
    once = facts((START, 100))
    days = {day: after(day, once, "life_cycle") for day in (0, 29, 30, 89, 90, 400)}
    assert days == {0: "new", 29: "new", 30: "at_risk", 89: "at_risk", 90: "lapsed", 400: "lapsed"}
    grown = facts((START - 100 * DAY, 100), (START - 40 * DAY, 100), (START, 100))
    assert after(1, grown, "life_cycle") == "mature"
    assert after(1, facts((START - 50 * DAY, 100), (START, 100)), "life_cycle") == "active"


def test_activity_is_by_the_shops_own_words() -> None:
    """C1: bought within 7 days, dormant after 30 without, loyal with five orders a month."""
    once = facts((START, 100))
    assert [after(day, once, "activity") for day in (6, 7, 29, 30)] == ["active", "quiet", "quiet", "dormant"]
    five = facts(*((START - number * DAY, 100) for number in range(5)))
    assert [after(day, five, "activity") for day in (0, 25, 26)] == ["loyal", "loyal", "quiet"]


def test_rfm_by_thresholds_then_by_the_shops_own_fifths() -> None:
    bought = facts((START - 6 * DAY, 2_500), (START - 50 * DAY, 600))
    assert value(called(bought), "rfm") == "525"
    own = called(bought, by=Measure("CNY", "Asia/Shanghai", YARDSTICK))
    assert value(own, "rfm") == "425"
    assert "by_own_fifths" in [reason.code for reason in own.labels["rfm"].reasons]
    other = Measure("EUR", "UTC", YARDSTICK)
    assert "by_thresholds" in [reason.code for reason in called(bought, by=other).labels["rfm"].reasons]


def test_promotion_days_weigh_the_amount_and_ordinary_days_the_frequency() -> None:
    often, much = "351", "315"
    double_eleven, ordinary = START + 252 * DAY, START
    assert rfm_points(often, ordinary, "Asia/Shanghai")[0] > rfm_points(much, ordinary, "Asia/Shanghai")[0]
    assert rfm_points(often, double_eleven, "Asia/Shanghai")[0] < rfm_points(much, double_eleven, "Asia/Shanghai")[0]
    assert rfm_points("555", ordinary, "UTC") == (100, False)


def shows(*names: str) -> list[Engagement]:
    return [engagement(name, START - (len(names) - number) * DAY, Kind.LIKED) for number, name in enumerate(names)]


def test_high_value_is_steady_and_one_off_luck_is_not() -> None:
    """C2: three orders in one show, 500 a show, or the tenth that spends most; over their last three shows."""
    in_show = [(START - 2 * DAY + number * MINUTE, 50, "s2") for number in range(3)]
    steady = facts(*in_show, (START - DAY + MINUTE, 60, "s3"), (START - DAY + 2 * MINUTE, 60, "s3"))
    assert value(called(steady, *shows("s1", "s2", "s3")), "value") == "high"
    assert value(called(facts(*in_show), *shows("s1", "s2", "s3")), "value") == "one_off"
    lucky = facts((START - DAY, 5_000, "s3"), (START - 2 * DAY, 50, "s2"), (START - 3 * DAY, 50, "s1"))
    found = called(lucky, *shows("s1", "s2", "s3"))
    assert value(found, "value") == "one_off"
    assert found.labels["value"].reasons[-1].code == "one_large_order"
    assert value(called(facts((START - DAY, 90, "s3")), *shows("s3")), "value") == "ordinary"


def test_segments() -> None:
    assert value(called(Facts(), engagement("s1", START)), "segment") == "new"
    assert value(called(facts((START, 90))), "segment") == "new"
    assert value(called(facts((START, 900))), "segment") == "potential"
    assert value(called(facts(*((START - day * DAY, 90) for day in range(3)))), "segment") == "returning"


def test_churn_counts_signs_and_says_by_what_to_win_back() -> None:
    bought = facts((START, 100))
    fresh = called(bought)
    assert (value(fresh, "churn"), fresh.labels["churn"].reasons[0].code) == ("low", "no_sign")
    assert after(15, bought, "churn") == "medium"
    gone = called(bought, now=START + 30 * DAY)
    assert value(gone, "churn") == "high"
    assert [one.code for one in gone.labels["churn"].reasons] == ["last_order_days", "absent_days", "won_back_by_news"]
    failed = called(bought, engagement("2026-03-05", START + DAY, Kind.PAYMENT_FAILED), now=START + 2 * DAY)
    assert [one.code for one in failed.labels["churn"].reasons] == ["payment_failed", "won_back_by_help"]
    asked = called(bought, engagement("s1", START, Kind.ASKED_PRICE, Kind.COUPON_DENIED), now=START + 40 * DAY)
    assert asked.labels["churn"].reasons[-1].code == "won_back_by_price"
    # Who never ordered can't be lost as a customer.
    assert value(called(Facts(), engagement("s1", START - 90 * DAY)), "churn") is None


def test_a_basket_that_is_half_of_what_it_was() -> None:
    def declined(*yuan: int) -> int | None:
        return basket_decline(facts(*((START + number * DAY, one) for number, one in enumerate(yuan))).recent_orders)

    assert declined(100, 100, 50, 50) == 50
    assert declined(100, 100, 100, 120) == 0
    assert declined(100, 10, 10) is None


def test_who_spoke_and_falls_silent() -> None:
    spoke = engagement("s1", START - 3 * DAY, Kind.COMMENTED)
    quiet = [engagement(name, START - day * DAY, Kind.ENTERED) for name, day in (("s2", 2), ("s3", 1))]
    bought = facts((START - 3 * DAY, 100, "s1"))
    codes = [one.code for one in called(bought, spoke, *quiet).labels["churn"].reasons]
    assert "fell_silent" in codes
    never = [engagement(name, START - day * DAY, Kind.ENTERED) for name, day in (("s1", 3), ("s2", 2), ("s3", 1))]
    assert "fell_silent" not in [one.code for one in called(bought, *never).labels["churn"].reasons]


def test_price_and_doubt_need_two_signs_or_one_word_of_their_own() -> None:
    once, twice = engagement("s1", START, Kind.ASKED_PRICE), engagement("s2", START, Kind.COUPON_TRIED)
    assert value(called(Facts(), once), "price_sensitive") is None
    assert value(called(Facts(), once, twice), "price_sensitive") == "yes"
    assert value(called(Facts(), engagement("s1", START, Kind.STATED_PRICE)), "price_sensitive") == "yes"
    assert value(called(Facts(), engagement("s1", START, Kind.STATED_HESITATION)), "hesitant") == "yes"
    assert value(called(Facts(), engagement("s1", START, Kind.LIKED)), "hesitant") is None


def test_motives() -> None:
    at_once = facts((START + 4 * MINUTE, 100, "s1"))
    assert value(called(at_once, engagement("s1", START, Kind.ENTERED)), "motive") == "impulsive"
    looking = engagement("s1", START, Kind.COMPARED, Kind.COMPARED, Kind.SEARCHED)
    assert value(called(at_once, looking), "motive") == "comparing"
    assert value(called(facts((START, 100, "elsewhere")), looking), "motive") is None


def test_silent_in_the_shows_and_active_elsewhere() -> None:
    show, day = engagement("s1", START - 20 * DAY), engagement("2026-03-03", START - DAY)
    assert value(called(Facts(), show), "presence") == "away"
    assert value(called(Facts(), show, day), "presence") == "elsewhere"
    assert value(called(Facts(), engagement("s1", START - DAY)), "presence") == "in_shows"
    assert value(called(Facts(), day), "presence") is None


def test_groups_by_taste_and_region() -> None:
    spoke = [
        engagement("s1", START - 2 * DAY, interests={"green tea": START - 2 * DAY, "cups": START - 2 * DAY}),
        engagement("s2", START - DAY, interests={"cups": START - DAY}),
    ]
    assert value(called(Facts(), *spoke), "taste") == "cups"
    assert value(called(Facts(), spoke[0]), "taste") == "green tea"
    assert value(called(Facts(), engagement("s3", START)), "taste") is None
    living = Facts(traits={"zone": said("Asia/Urumqi"), "context_zone": said("Asia/Tokyo")})
    assert value(called(living), "region") == "Asia/Urumqi"
    assert value(called(Facts()), "region") is None


def test_the_next_purchase_is_expected_after_their_own_gap() -> None:
    assert next_window(Facts(), SHOP) is None
    unknown = next_window(facts((START, 100)), SHOP)
    assert unknown is not None
    assert (unknown.begins, unknown.ends) == (START + 15 * DAY, START + 45 * DAY)
    weekly = next_window(facts(*((START - 7 * week * DAY, 100) for week in range(8))), SHOP)
    assert weekly is not None
    assert START < weekly.begins < START + 7 * DAY < weekly.ends < START + 20 * DAY


SHARER = "uabcdefghijklmnop"


def test_whose_share_brought_a_new_customer() -> None:
    link = Stamped(value=SHARER, at=START, id="m")
    came = engagement("s1", START, link=link)
    assert bought_by_share(Facts(), [came]) is None
    found = bought_by_share(facts((START + HOUR, 100)), [came])
    assert (found.sharer, found.at) == (SHARER, START + HOUR) if found else False
    # A customer before, and a link that is nobody's.
    assert bought_by_share(facts((START - DAY, 100), (START + HOUR, 100)), [came]) is None
    assert bought_by_share(facts((START + HOUR, 100)), [engagement("s1", START, link=said("spring-ad"))]) is None
    koc = called(facts((START, 100)), brought=2)
    assert (value(koc, "sharer"), value(called(Facts(), brought=2), "sharer")) == ("koc_who_buys", "koc")


def said(text: str) -> Stamped:
    return Stamped(value=text, at=START, id="m")


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 200), MOMENTS), max_size=120), st.randoms())
def test_buyers_are_the_same_in_any_order(buyers: list[tuple[int, int]], source: random.Random) -> None:
    def told(listed: Sequence[tuple[int, int]]) -> Mapping[str, int]:
        sharing = Sharing(viewer=SHARER)
        for number, at in listed:
            sharing = with_buyer(sharing, f"u{number:03d}", at)
        return sharing.buyers

    assert told(buyers) == told(source.sample(buyers, len(buyers)))


@examples(60)
@given(KINDS, st.sampled_from(list(Kind)))
def test_what_leaves_the_marks_as_they_were_changes_no_label(kinds: list[Kind], more: Kind) -> None:
    before, then = engagement("2026-03-04", START, *kinds), engagement("2026-03-04", START, *kinds, more)
    if marks(before) == marks(then):
        bought = facts((START - DAY, 100))
        assert called(bought, before).values == called(bought, then).values


def test_a_cart_that_was_emptied_is_still_the_step_that_they_came_to() -> None:
    line = CartLine(quantity=0, at=START, id="m")
    assert stage_of(engagement("s1", START, Kind.CART_ADDED, Kind.CART_REMOVED, cart={"p": line})).value == "cart"
