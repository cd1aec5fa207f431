"""Scorecards: trained scores as small data, with the name, version and origin of what they learnt."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from aftershow.model.base import Record

# A lookup is a few microseconds and the file some KB; larger ones would pay for themselves nowhere.
MAX_FEATURES = 32
MAX_PAIRS = 16
MAX_EDGES = 64


class Steps(Record):
    """A step function of one feature: `points[i]` for the values of which i edges lie below (edge < value)."""

    feature: str
    edges: tuple[float, ...] = Field(max_length=MAX_EDGES)
    points: tuple[float, ...]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges of {self.feature} must rise")
        if len(self.points) != len(self.edges) + 1:
            raise ValueError(f"{self.feature} has {len(self.edges)} edges, so it needs one point more than that")
        return self


class Pair(Record):
    """What two features say together beyond what each says: row by row over the first one's steps."""

    features: tuple[str, str]
    points: tuple[float, ...]


class Slope(Record):
    """Points per unit of a feature, or of log(1 + value)."""

    feature: str
    points: float
    log: bool = False


class Scorecard(Record):
    """A score as a sum of points, in log odds: bias, slopes, steps, and what pairs of steps say together.

    `features` names the values in the order in which they are given. `learnt_from` says from what data, `until` when
    it ended, in words of whoever trained it. `horizon_days` is the time within which what it predicts should happen.
    """

    name: Literal["intent", "repurchase"]
    version: str = Field(pattern=r"^[a-z0-9.-]{1,32}$")
    learnt_from: str
    rows: int = Field(ge=1)
    positives: int = Field(ge=1)
    horizon_days: float | None = Field(default=None, gt=0)
    features: tuple[str, ...] = Field(min_length=1, max_length=MAX_FEATURES)
    bias: float
    slopes: tuple[Slope, ...] = ()
    steps: tuple[Steps, ...] = ()
    pairs: tuple[Pair, ...] = Field(default=(), max_length=MAX_PAIRS)

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        widths = {one.feature: len(one.points) for one in self.steps}
        if len(widths) != len(self.steps):
            raise ValueError("a feature has one row of steps")
        named = {one.feature for one in self.slopes} | set(widths)
        if unknown := sorted(named - set(self.features)):
            raise ValueError(f"not among the features: {', '.join(unknown)}")
        for pair in self.pairs:
            first, second = pair.features
            if first not in widths or second not in widths:
                raise ValueError(f"the pair {first}, {second} needs steps of both")
            if len(pair.points) != widths[first] * widths[second]:
                raise ValueError(f"the pair {first}, {second} needs {widths[first] * widths[second]} points")
        return self
