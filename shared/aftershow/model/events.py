"""Domain events: what changed, past tense. An event only says "look again"; its consumer reads the current state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from aftershow.model.base import Record
from aftershow.model.labels import LabelName


class ShowEnded(Record):
    """A show is over: its viewers are looked at."""

    kind: Literal["ShowEnded"] = "ShowEnded"
    id: str = ""
    show: str


class ViewerChanged(Record):
    """Something about a person that decides about reminders: identity, address, consent, follows, erasure."""

    kind: Literal["ViewerChanged"] = "ViewerChanged"
    id: str = ""
    viewer: str
    what: tuple[str, ...]


class TemperatureChanged(Record):
    """An engagement got another temperature."""

    kind: Literal["TemperatureChanged"] = "TemperatureChanged"
    id: str = ""
    viewer: str
    about: str
    temperature: str


class EngagementChanged(Record):
    """An engagement outside a live show says something else of its viewer than before: labels may change by it."""

    kind: Literal["EngagementChanged"] = "EngagementChanged"
    id: str = ""
    viewer: str
    about: str


class OrderChanged(Record):
    """An order was placed, updated, refunded or cancelled; `key` is the order item's partition key."""

    kind: Literal["OrderChanged"] = "OrderChanged"
    id: str = ""
    viewer: str
    key: str


class ReminderEnded(Record):
    """A reminder has its outcome: what follows it may be planned."""

    kind: Literal["ReminderEnded"] = "ReminderEnded"
    id: str = ""
    viewer: str
    reminder: str
    outcome: str


class LabelsChanged(Record):
    """A person is called otherwise: all labels that they have now, and which of them are new, others or gone."""

    kind: Literal["LabelsChanged"] = "LabelsChanged"
    id: str = ""
    viewer: str
    labels: dict[LabelName, str]
    changed: tuple[LabelName, ...]


class BuyersBrought(Record):
    """The new customers whom a viewer's shares brought are others than before."""

    kind: Literal["BuyersBrought"] = "BuyersBrought"
    id: str = ""
    viewer: str


class AlarmRaised(Record):
    """A viewer said words that somebody must look at now: `alarms` are their names in the lexicon, each of them told
    once for an engagement. What was said is not kept."""

    kind: Literal["AlarmRaised"] = "AlarmRaised"
    id: str = ""
    viewer: str
    about: str
    alarms: tuple[str, ...]


DomainEvent = Annotated[
    ShowEnded
    | ViewerChanged
    | TemperatureChanged
    | EngagementChanged
    | OrderChanged
    | ReminderEnded
    | LabelsChanged
    | BuyersBrought
    | AlarmRaised,
    Field(discriminator="kind"),
]
_reader: TypeAdapter[DomainEvent] = TypeAdapter(DomainEvent)


def read_event(detail: str | bytes) -> DomainEvent:
    """The event of a JSON object. Raises pydantic.ValidationError."""
    return _reader.validate_json(detail)
