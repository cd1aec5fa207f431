"""Playbooks: what operators write about who, when and where, checked when it is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from aftershow.model.base import Record
from aftershow.model.engagements import Temperature
from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.reminders import MessageClass

HOURS_OF_A_DAY = 24
# A quiet series at most; whoever has not answered by then is left alone.
MAX_MESSAGES = 6
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")


def _duration(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError('a duration is a number and one of s, m, h, d: "90s", "4h", "2d"')
    return int(float(match[1]) * _UNITS[match[2]])


# Milliseconds inside; "4h" in a playbook.
Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0, le=400 * DAY)]
Words = dict[str, str]
End = Literal["order", "unfollow", "opt_out"]


class PlannedStep(Record):
    """One message of a playbook. `after` counts from the trigger, `gap` from the step before it being sent.

    `occurrences` > 1 repeats the step; each gap is `widen` times the one before it.
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    after: Duration = 0
    gap: Duration = 0
    occurrences: int = Field(default=1, ge=1, le=6)
    widen: float = Field(default=1.0, ge=1.0, le=4.0)
    template: str


class Playbook(Record):
    """Who is reminded, when, where, with what, until when. The order of `channels` is the order of preference.

    Triggers: `show_ended` (audience by temperature, those who did not order) and `first_order` (customers with exactly
    one order).
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    version: int = Field(ge=1)
    # Who answers for it; somebody else approves it.
    author: str = Field(default="", max_length=100)
    title: Words
    why: Words
    trigger: Literal["show_ended", "first_order"]
    temperatures: tuple[Temperature, ...] = ()
    message_class: MessageClass = "marketing"
    channels: tuple[str, ...] = Field(min_length=1)
    until: tuple[End, ...] = ("order", "unfollow", "opt_out")
    deadline: Duration = 30 * DAY
    # Hours of the viewer's day in which it may arrive, [from, until).
    hours: tuple[int, int] = (0, 24)
    steps: tuple[PlannedStep, ...] = Field(min_length=1, max_length=6)
    # A hash of its templates, filled in by a push: who approves a playbook approves its texts.
    texts: str = ""

    @property
    def most_messages(self) -> int:
        """How many messages one occasion can lead to at most."""
        return sum(step.occurrences for step in self.steps)

    @model_validator(mode="after")
    def _possible(self) -> Playbook:
        if not 0 <= self.hours[0] < self.hours[1] <= HOURS_OF_A_DAY:
            raise ValueError("hours are [from, until) within 0 to 24, from before until")
        if self.trigger == "show_ended" and not self.temperatures:
            raise ValueError("a playbook on show_ended names the temperatures that it is for")
        if self.most_messages > MAX_MESSAGES:
            raise ValueError(f"a series has at most {MAX_MESSAGES} messages")
        if len({step.id for step in self.steps}) < len(self.steps):
            raise ValueError("step ids must differ")
        return self
