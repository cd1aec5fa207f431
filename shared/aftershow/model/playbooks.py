"""Playbooks: what operators write about who, when and where, checked when it is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aftershow.model.base import Record
from aftershow.model.channels import Caps
from aftershow.model.durations import Duration
from aftershow.model.engagements import Temperature
from aftershow.model.instants import DAY
from aftershow.model.reminders import MessageClass
from aftershow.model.rule_packs import ContentKind

HOURS_OF_A_DAY = 24
# A quiet series at most; whoever has not answered by then is left alone.
MAX_MESSAGES = 6
Words = dict[str, str]
# What a playbook's messages are about, in the words of the preference page: people may end one and keep the others.
Topic = Literal["replay", "offers", "care"]
TOPICS: dict[Topic, Words] = {
    "replay": {"en": "Replays of shows that you watched", "zh-CN": "您看过的直播的回放"},
    "offers": {"en": "Offers and coming shows", "zh-CN": "优惠与直播预告"},
    "care": {"en": "Tips and care after an order", "zh-CN": "购买后的使用建议与关怀"},
}
End = Literal["order", "unfollow", "opt_out"]
# Who gets a step: everybody whom the series has reached, or those who answered none of its messages so far.
When = Literal["always", "no_response"]
# How one of several channels is chosen: by what a message on it is worth, or by the order in which they are written.
ChoiceBy = Literal["worth", "order"]


class PlannedStep(Record):
    """One message of a playbook. `after` counts from the trigger, `gap` from the step before it being sent.

    `occurrences` > 1 repeats the step; each gap is `widen` times the one before it. A step with `when: no_response` is
    for those who answered no message of the series before it: an answer ends the series. `channels` are its own, else
    the playbook's.
    """

    id: str = Field(pattern=r"^[a-z0-9-]{1,32}$")
    after: Duration = 0
    gap: Duration = 0
    occurrences: int = Field(default=1, ge=1, le=6)
    widen: float = Field(default=1.0, ge=1.0, le=4.0)
    template: str
    when: When = "always"
    channels: tuple[str, ...] = ()
    # What this message says or offers beside what the whole playbook does.
    kinds: tuple[ContentKind, ...] = ()


class Playbook(Record):
    """Who is reminded, when, where, with what, until when. The order of `channels` is the order of
    preference.

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
    topic: Topic = "replay"
    channels: tuple[str, ...] = Field(min_length=1)
    choice: ChoiceBy = "worth"
    # Only where fewer marketing messages than this reached the person, of whatever playbook: the less somebody wants,
    # the fewer they get.
    caps: Caps = ()
    # What its messages are about or offer: rule packs bar whole kinds from a channel or provider. Undeclared: all.
    kinds: tuple[ContentKind, ...] = ()
    until: tuple[End, ...] = ("order", "unfollow", "opt_out")
    deadline: Duration = 30 * DAY
    # Hours of the viewer's day in which it may arrive, [from, until).
    hours: tuple[int, int] = (0, 24)
    steps: tuple[PlannedStep, ...] = Field(min_length=1, max_length=6)
    # A hash of its templates, filled in by a push: who approves a playbook approves its texts.
    texts: str = ""

    def channels_of(self, step_id: str) -> tuple[str, ...]:
        """The channels of a step, the preferred first."""
        own = next((step.channels for step in self.steps if step.id == step_id), ())
        return own or self.channels

    def kinds_of(self, step: str) -> tuple[ContentKind, ...]:
        """What a step's messages are about or offer."""
        own = next((one.kinds for one in self.steps if one.id == step), ())
        return tuple(sorted({*self.kinds, *own}))

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
