"""Tiers of the loyalty programme, as data: what they are called and from how many points they begin."""

from __future__ import annotations

from pydantic import Field, model_validator

from aftershow.model.base import Record
from aftershow.model.playbooks import Words


class Tier(Record):
    """One tier; `from_points` are points earned so far, whether or not they were spent."""

    name: Words = Field(min_length=1)
    from_points: int = Field(ge=0)


class Tiers(Record):
    """All tiers of a shop, the lowest first."""

    tiers: tuple[Tier, ...] = Field(default=(), max_length=16)

    @model_validator(mode="after")
    def _ascending(self) -> Tiers:
        points = [tier.from_points for tier in self.tiers]
        if points != sorted(set(points)):
            raise ValueError("tiers stand in the order of their from_points, each with more than the one before")
        return self
