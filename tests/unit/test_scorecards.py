"""Scorecards: a sum of points by steps, slopes and pairs; what doesn't hang together is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aftershow.model.scorecards import Pair, Scorecard, Slope, Steps
from aftershow.rules.scorecards import log_odds, probability
from tests.unit.samples import examples

VALUES = st.floats(0, 1e9)


def card(**more: object) -> Scorecard:
    given_fields: dict[str, object] = {
        "name": "intent",
        "version": "test-1",
        "learnt_from": "nothing",
        "rows": 10,
        "positives": 2,
        "features": ("clicks", "minutes"),
        "bias": -1.0,
    }
    return Scorecard.model_validate(given_fields | more)


CLICKS = Steps(feature="clicks", edges=(0.5, 3.0), points=(0.0, 1.0, 2.0))
MINUTES = Steps(feature="minutes", edges=(10.0,), points=(-1.0, 1.0))
PAIR = Pair(features=("clicks", "minutes"), points=(0.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0))


def test_an_edge_belongs_to_the_step_below_it() -> None:
    score = log_odds(card(bias=0.0, steps=(CLICKS,)))
    assert [score((clicks, 0.0)) for clicks in (0, 0.5, 0.6, 3.0, 3.1, 1e9)] == [0, 0, 1, 1, 2, 2]


def test_a_pair_adds_the_point_of_both_steps() -> None:
    score = log_odds(card(bias=0.0, steps=(CLICKS, MINUTES), pairs=(PAIR,)))
    assert score((0, 5)) == 0 - 1 + 0
    assert score((1, 5)) == 1 - 1 + 100
    assert score((1, 20)) == 1 + 1 + 1000
    assert score((9, 20)) == 2 + 1 + 100_000


def test_slopes_add_points_per_unit_or_per_logarithm() -> None:
    slopes = (Slope(feature="clicks", points=2.0), Slope(feature="minutes", points=3.0, log=True))
    assert log_odds(card(bias=1.0, slopes=slopes))((4, math.e - 1)) == pytest.approx(1 + 8 + 3)


@examples(100)
@given(st.floats(-1e6, 1e6), VALUES, VALUES)
def test_a_probability_is_one_whatever_the_points(bias: float, clicks: float, minutes: float) -> None:
    assert 0 <= probability(card(bias=bias, steps=(CLICKS, MINUTES)))((clicks, minutes)) <= 1


@examples(100)
@given(VALUES, VALUES)
def test_it_reads_back_as_it_was_written(clicks: float, minutes: float) -> None:
    one = card(steps=(CLICKS, MINUTES), pairs=(PAIR,), slopes=(Slope(feature="clicks", points=0.1),))
    assert log_odds(Scorecard.read(one.body()))((clicks, minutes)) == log_odds(one)((clicks, minutes))


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"steps": (CLICKS, CLICKS)}, "one row of steps"),
        ({"steps": (CLICKS.model_copy(update={"feature": "likes"}),)}, "not among the features: likes"),
        ({"steps": (CLICKS,), "pairs": (PAIR,)}, "needs steps of both"),
        ({"steps": (CLICKS, MINUTES), "pairs": (PAIR.model_copy(update={"points": (1.0,)}),)}, "needs 6 points"),
    ],
)
def test_what_does_not_hang_together_is_refused(fields: dict[str, object], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        card(**fields)


@pytest.mark.parametrize(("edges", "points"), [((2.0, 1.0), (0.0, 0.0, 0.0)), ((1.0, 2.0), (0.0, 0.0))])
def test_steps_rise_and_have_a_point_each(edges: tuple[float, ...], points: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match=r"must rise|one point more"):
        Steps(feature="clicks", edges=edges, points=points)
