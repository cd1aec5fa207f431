"""Features of a purchase history: only the past, whatever its order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY
from aftershow.rules.repurchase import features
from tests.unit.samples import START, examples

PURCHASES = st.lists(st.tuples(st.integers(START - 300 * DAY, START + 300 * DAY), st.floats(0.01, 1e4)), max_size=12)


@examples(100)
@given(PURCHASES, st.randoms())
def test_the_future_and_the_order_of_telling_change_nothing(purchases: list[tuple[int, float]], chance: object) -> None:
    past = [one for one in purchases if one[0] < START]
    shuffled = sorted(purchases, key=lambda _: chance.random())  # type: ignore[attr-defined]
    told, known = features(shuffled, START), features(past, START)
    assert (told is None) == (known is None) == (not past)
    if told and known:
        assert told[:2] == known[:2]
        assert abs(told[2] - known[2]) < 1e-6


def test_a_day_with_two_parcels_is_one_purchase() -> None:
    midnight = START // DAY * DAY
    bought = [(midnight - 3 * DAY, 10.0), (midnight - 3 * DAY + 1000, 30.0), (midnight - DAY, 20.0)]
    assert features(bought, midnight) == (1.0, 2.0, 30.0)


def test_nobody_is_scored_before_they_bought() -> None:
    assert features([(START, 10.0)], START) is None
