"""Rule packs: what law, providers and platforms ask of a message, as versioned data with date and source.

A pack says to whom it applies (channels, providers, countries of the recipient) and what it decides: hours, barred
contents, markers, footers, headers, words, lengths. Figures that nobody checks by itself are kept beside them, to be
shown. It is an engineer's reading of public rules, not legal advice.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from aftershow.model.base import Record
from aftershow.model.instants import is_zone
from aftershow.model.reminders import MessageClass

# What a message is about or offers. Providers and platforms bar whole kinds; the shop's sales of anything that isn't
# named here are "product".
ContentKind = Literal[
    "live", "replay", "product", "coupon", "points", "recall", "recruiting", "survey", "lottery", "game", "order",
    "care", "finance", "loan", "insurance", "medical", "cosmetics", "education", "property", "alcohol", "adult",
    "other_platform", "paid_share", "external_link",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(ContentKind)
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
HOURS_OF_A_DAY = 24
Span = tuple[Annotated[int, Field(ge=0, le=23)], Annotated[int, Field(ge=1, le=24)]]
Words = dict[str, str]


class Source(Record):
    """Where a rule is written down, and when somebody last looked."""

    title: str
    url: str = ""
    seen: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class Provision(Record):
    """One thing that a pack decides. `reference` is the article or section; `why` is for whoever asks."""

    classes: tuple[MessageClass, ...] = ("marketing",)
    reference: str
    why: Words


class Hours(Provision):
    """Hours of the day, [from, until), in which a message may arrive; other ones, or none, on single days.

    In `zone` where the rule names one; else where the recipient is. With `state`, only there.
    """

    what: Literal["hours"]
    hours: Span
    days: dict[Day, Span | None] = {}
    zone: str = ""
    state: str = ""
    # Area codes whose numbers are presumed to be held by somebody of that state: "305".
    area_codes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Hours:
        for first, until in (self.hours, *filter(None, self.days.values())):
            if first >= until:
                raise ValueError("hours are [from, until), from before until")
        if self.zone and not is_zone(self.zone):
            raise ValueError(f"{self.zone} is no time zone")
        return self

    @property
    def week(self) -> int:
        """The hours as a mask of the 168 hours of a week, Monday 00:00 first."""
        return _week(tuple(self.days.get(day, self.hours) for day in get_args(Day)))


@lru_cache(maxsize=256)
def _week(spans: tuple[Span | None, ...]) -> int:
    hours = [number * HOURS_OF_A_DAY + hour for number, span in enumerate(spans) for hour in range(*(span or (0, 0)))]
    return sum(1 << hour for hour in hours)


class Barred(Provision):
    """Contents that may not go there at all."""

    what: Literal["barred"]
    kinds: tuple[ContentKind, ...] = Field(min_length=1)


class Marker(Provision):
    """A text that the message must have: any one of `texts`, at the start or end, or anywhere. "{sign}" stands for a
    sign name in 【】."""

    what: Literal["marker"]
    texts: tuple[str, ...] = Field(min_length=1)
    place: Literal["start", "end", "anywhere"] = "anywhere"
    part: Literal["subject", "text"] = "text"


class Footer(Provision):
    """What every version of the text must show: the shop's postal address, the link that ends these messages."""

    what: Literal["footer"]
    shows: tuple[Literal["postal_address", "unsubscribe", "shop_name"], ...] = Field(min_length=1)


class Headers(Provision):
    """Headers that the message must carry."""

    what: Literal["headers"]
    names: tuple[str, ...] = Field(min_length=1)


class BarredWords(Provision):
    """Words that may not stand in the message."""

    what: Literal["words"]
    words: tuple[str, ...] = Field(min_length=1)


class Length(Provision):
    """The most characters that a message may have."""

    what: Literal["length"]
    most: int = Field(ge=1)


class Figure(Provision):
    """A number to watch that no single message decides: a complaint rate, days until an opt-out must be done."""

    what: Literal["figure"]
    name: str
    value: float
    unit: str


class Lexicon(Provision):
    """The message is checked against the lexicon of claims (infra/rules/lexicon.yaml)."""

    what: Literal["lexicon"]


Decides = Annotated[
    Hours | Barred | Marker | Footer | Headers | BarredWords | Length | Figure | Lexicon, Field(discriminator="what")
]


class Applies(Record):
    """Whom a pack is about. An empty list is no condition."""

    channels: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    # ISO 3166, of the recipient.
    countries: tuple[str, ...] = ()


class RulePack(Record):
    """Rules of one law, provider or platform. A change of what it decides is another version."""

    id: str = Field(pattern=r"^[A-Za-z0-9-]{2,40}$")
    version: int = Field(ge=1)
    # The day from which this reading holds.
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    title: Words
    sources: tuple[Source, ...] = Field(min_length=1)
    applies: Applies = Applies()
    decides: tuple[Decides, ...] = Field(min_length=1)
    # Where the recipient may be if only the country is known: a zone for each clock, with others that show the same.
    zones: dict[str, tuple[str, ...]] = {}
    # State to the zones that it lies in, of those.
    states: dict[str, tuple[str, ...]] = {}

    @property
    def name(self) -> str:
        """Id and version, as a reminder's trace names the pack."""
        return f"{self.id} {self.version}"

    @field_validator("zones")
    @classmethod
    def _known(cls, zones: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        unknown = [zone for first, others in zones.items() for zone in (first, *others) if not is_zone(zone)]
        if unknown:
            raise ValueError(f"no time zones: {', '.join(unknown)}")
        return zones

    @model_validator(mode="after")
    def _whole(self) -> RulePack:
        for state, zones in self.states.items():
            if not zones or not set(zones) <= set(self.zones):
                raise ValueError(f"{state}: its zones must be among the pack's own")
        for one in self.decides:
            if isinstance(one, Hours):
                if not one.zone and not self.zones:
                    raise ValueError("hours need a zone, or the pack needs zones")
                if one.state and one.state not in self.states:
                    raise ValueError(f"{one.state} is not among the pack's states")
            if {"en", "zh-CN"} - set(one.why):
                raise ValueError("every why is told in en and zh-CN")
        return self


class Rulebook(Record):
    """All packs of a shop, and which country a telephone number's first digits mean (ITU-T E.164, after the plus)."""

    packs: tuple[RulePack, ...] = ()
    calling_codes: dict[str, str] = {}

    def country_of(self, phone: str) -> str | None:
        """The country of an E.164 number: the longest code that it begins with."""
        digits = re.sub(r"\D", "", phone)
        found = (self.calling_codes.get(digits[:length]) for length in range(MAX_CODE_DIGITS, 0, -1))
        return next(filter(None, found), None)


# +1 and an area code.
MAX_CODE_DIGITS = 4
