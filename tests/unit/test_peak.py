"""The moment of peak interest and the usual hours: from what is kept, with a sensible answer where little is."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement, slot_bit, slots_text
from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.rules.hours import usual_hours
from aftershow.rules.peak import WINDOW, peak
from tests.unit.samples import START, examples


def there(**more: Any) -> Engagement:
    said: dict[str, Any] = {
        "viewer": "u1",
        "about": "show#s1",
        "show": "s1",
        "first_at": START,
        "last_at": START + HOUR,
    }
    return Engagement(**{**said, **more})


def watched(*spans: tuple[int, int]) -> Engagement:
    """Watched in these spans of minutes since START."""
    slots = 0
    for begins, ends in spans:
        for at in range(START + begins * MINUTE, START + ends * MINUTE, 10 * SECOND):
            slots |= slot_bit(at)
    return there(watched=slots_text(slots), last_at=START + max(ends for _, ends in spans) * MINUTE)


def test_a_cart_line_outweighs_clicks_and_the_last_of_equal_moments_counts() -> None:
    line = CartLine(quantity=1, at=START + 40 * MINUTE, id="m")
    clicked = {"a": START + MINUTE, "b": START + 2 * MINUTE}
    found = peak(there(products=clicked, cart={"c": line}))
    assert found is not None
    assert (found.at, [one.code for one in found.reasons]) == (START + 40 * MINUTE, ["in_cart"])
    found = peak(there(products={**clicked, "c": START + 30 * MINUTE, "d": START + 31 * MINUTE}))
    assert found is not None
    assert (found.at, found.reasons[0].amount) == (START + 31 * MINUTE, 2)


def test_who_only_watched_was_most_interested_at_the_end_of_their_longest_watching() -> None:
    found = peak(watched((0, 3), (10, 22), (30, 35)))
    assert found is not None
    assert (found.at, found.reasons[0].amount) == (START + 22 * MINUTE, 12)


def test_what_nobody_observed_has_no_peak() -> None:
    assert peak(there()) is None


@examples(60)
@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 90), max_size=12), st.randoms())
def test_it_lies_where_most_was_done(touched: dict[str, int], source: random.Random) -> None:
    products = {name: START + minute * MINUTE for name, minute in touched.items()}
    names = source.sample(sorted(products), len(products))
    found = peak(there(products={name: products[name] for name in names}))
    assert found == peak(there(products=products))
    if found is None:
        assert not products
        return
    many = [sum(end - WINDOW < at <= end for at in products.values()) for end in products.values()]
    assert found.reasons[0].amount == max(many)


def hours(mask: int) -> list[int]:
    return [hour for hour in range(24) if mask >> hour & 1]


def seen(**pieces: int) -> list[int]:
    return [pieces.get(f"h{hour}", 0) for hour in range(24)]


def test_without_anything_seen_people_are_awake_by_day() -> None:
    assert hours(usual_hours([0] * 24)) == list(range(7, 24))


def test_an_evening_that_was_seen_is_the_evening_and_an_hour_on_either_side() -> None:
    assert hours(usual_hours(seen(h20=6, h21=2))) == [19, 20, 21, 22]


def test_one_night_among_many_evenings_is_no_habit() -> None:
    assert hours(usual_hours(seen(h3=1, h20=200, h21=180))) == [19, 20, 21, 22]
    assert 3 in hours(usual_hours(seen(h3=4, h20=6)))


@examples(60)
@given(st.lists(st.integers(0, 60), min_size=24, max_size=24))
def test_the_hour_in_which_most_was_done_or_one_beside_it_is_always_among_them(histogram: list[int]) -> None:
    mask = usual_hours(histogram)
    best = max(range(24), key=lambda hour: histogram[hour])
    assert mask
    assert not histogram[best] or mask >> best & 1
