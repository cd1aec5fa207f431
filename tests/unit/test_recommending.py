"""What is shown: what goes with what somebody did, never what they have, popular where nothing is known."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.instants import DAY
from aftershow.model.orders import Order
from aftershow.model.products import Product
from aftershow.model.recommendations import Near, Neighbours, Popular
from aftershow.model.shows import Show
from aftershow.rules.recommending import (
    BOUGHT_WITH,
    IN_CART_WITH,
    MOST,
    POPULAR,
    Act,
    Learnt,
    acts_with_products,
    acts_with_shows,
    learnt,
    recommend,
    recommend_shows,
)
from infra.local.learning.co_occurrence import Basket, CoOccurrence, in_time
from tests.unit.samples import START, ended_show, examples, said

THINGS = [f"p{number}" for number in range(30)]


def near(**of: int) -> tuple[Near, ...]:
    return tuple(Near(id=name, permille=permille) for name, permille in of.items())


def bought(*products: str, at: int = START) -> Order:
    return Order(order=f"o{at}", at=at, hash="h", products=products, currency="CNY")


def product(name: str, **fields: str) -> Product:
    return Product.model_validate({"product": name, "fields": {field: said(value) for field, value in fields.items()}})


LEARNT = Learnt({"tea": near(cup=500, pot=300), "pot": near(tea=400, tray=200)}, near(silk=1000, tea=900, cup=10))


def shown(*orders: Order, catalog: tuple[Product, ...] = (), by: Learnt = LEARNT, **more: Any) -> list[str]:
    there = Engagement(viewer="u1", about="show#s1", show="s1", first_at=START, last_at=START, **more)
    acts = acts_with_products([there], orders)
    return [one.id for one in recommend(acts, by, {one.product: one for one in catalog}, START)]


def test_cold_start_is_what_is_popular() -> None:
    assert shown() == ["silk", "tea", "cup"]
    assert shown(by=learnt(None, [])) == []


def test_what_goes_with_an_order_comes_first_and_what_they_bought_not_at_all() -> None:
    assert shown(bought("tea")) == ["cup", "pot", "silk"]


def test_a_consumable_is_shown_again() -> None:
    assert "tea" in shown(bought("tea"), catalog=(product("tea", consumable="true"),))


def test_what_is_in_the_cart_or_sold_out_is_not_shown() -> None:
    cart = {"pot": CartLine(quantity=1, at=START, id="m")}
    assert shown(cart=cart) == ["tea", "tray", "silk", "cup"]
    assert shown(cart=cart, catalog=(product("tea", stock="0"), product("tray", stock="3"))) == ["tray", "silk", "cup"]


def test_a_click_and_an_order_shift_what_is_shown() -> None:
    """E2: responses count at once; what was ordered says more than what was clicked."""
    clicked, ordered = {"tea": START}, bought("pot")
    assert shown(products=clicked)[:2] == ["cup", "pot"]
    assert shown(ordered, products=clicked)[:3] == ["tea", "cup", "tray"]


def test_what_was_done_long_ago_says_less() -> None:
    assert shown(bought("tea", at=START - 200 * DAY), bought("pot"))[0] == "tray"
    assert shown(bought("tea"), bought("pot", at=START - 200 * DAY))[0] == "cup"


def test_reasons_name_what_it_goes_with() -> None:
    acts = [Act("tea", START, 1.0, BOUGHT_WITH), Act("pot", START, 1.0, IN_CART_WITH)]
    found = {one.id: (one.why, one.because) for one in recommend(acts, LEARNT, {}, START)}
    assert found == {"cup": (BOUGHT_WITH, "tea"), "tray": (IN_CART_WITH, "pot"), "silk": (POPULAR, None)}


def test_neighbours_of_another_version_are_not_looked_at() -> None:
    popular = Popular(version="two", learnt_from="x", learnt_until=START, baskets=1, products=near(silk=1000))
    rows = [Neighbours(version=version, of=version, near=near(cup=1)) for version in ("one", "two")]
    assert learnt(popular, rows).neighbours == {"two": near(cup=1)}


def test_shows_that_can_be_watched_and_were_not() -> None:
    coming = Show.model_validate({"show": "next", "fields": {"starts_at": said(str(START + DAY))}})
    replays = {name: ended_show(name, replay_url="https://x.example/") for name in ("s1", "s2")}
    shows = {**replays, "gone": ended_show("gone"), "next": coming}
    there = Engagement(viewer="u1", about="show#s1", show="s1", first_at=START, last_at=START)
    by = Learnt({"s1": near(gone=900, s2=500, next=400)}, near(s1=1000, unheard=500))
    found = [one.id for one in recommend_shows(acts_with_shows([there]), by, shows, START)]
    assert found == ["s2", "next"]


ACTS = st.lists(
    st.builds(
        Act, st.sampled_from(THINGS), st.integers(START - 90 * DAY, START), st.floats(0.1, 1),
        st.sampled_from([BOUGHT_WITH, IN_CART_WITH, "seen_with"]),
    ),
    max_size=12, unique_by=lambda act: act.id,
)  # fmt: skip
ONE_NEAR = st.builds(Near, id=st.sampled_from(THINGS), permille=st.integers(0, 1000))
NEAR = st.lists(ONE_NEAR, max_size=20, unique_by=lambda one: one.id).map(
    lambda listed: tuple(sorted(listed, key=lambda one: -one.permille))
)
LEARNTS = st.builds(
    Learnt, st.dictionaries(st.sampled_from(THINGS), NEAR, max_size=12), NEAR
)  # fmt: skip


@examples(150)
@given(ACTS, LEARNTS, st.randoms())
def test_never_what_they_have_never_twice_best_first_and_the_same_in_any_order(
    acts: list[Act], by: Learnt, source: random.Random
) -> None:
    found = recommend(acts, by, {}, START)
    names = [one.id for one in found]
    assert len(set(names)) == len(names) <= MOST
    assert set(names).isdisjoint(act.id for act in acts if act.why in (BOUGHT_WITH, IN_CART_WITH))
    assert [one.points for one in found] == sorted((one.points for one in found), reverse=True)
    assert recommend(source.sample(acts, len(acts)), by, {}, START) == found


BASKETS = st.lists(
    st.builds(
        Basket, st.sampled_from("abc"), st.integers(0, 60).map(lambda day: START + day * DAY),
        st.lists(st.sampled_from(THINGS[:8]), min_size=1, max_size=6).map(tuple),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


@examples(60)
@given(BASKETS, st.integers(1, 20))
def test_counting_day_by_day_or_at_once_is_the_same(baskets: list[Basket], cut: int) -> None:
    listed = in_time(baskets)
    at_once, by_parts = CoOccurrence(START), CoOccurrence(START)
    at_once.add(listed)
    by_parts.add(listed[:cut])
    by_parts.near("p1")
    by_parts.add(listed[cut:])
    assert at_once.popular() == by_parts.popular()
    assert {name: at_once.near(name) for name in at_once.own} == {name: by_parts.near(name) for name in by_parts.own}


def test_newer_baskets_count_more_and_a_thing_is_not_near_itself() -> None:
    counts = CoOccurrence(START)
    counts.add([Basket("a", START, ("tea", "old")), Basket("b", START + 40 * DAY, ("tea", "new"))])
    assert [one.id for one in counts.near("tea")] == ["new", "old"]
    assert counts.popular()[0].id == "tea"
    assert counts.near("nobody heard of it") == ()
