"""The words for which comments are read: data of the shop, with a version, a date and a source."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from aftershow.model.base import Record

# What may hold a viewer back, as far as comments say it; "technical" holds back without being one of the obstacles.
Topic = Literal[
    "price", "expensive", "shipping", "promotion", "quality", "reviews", "trust", "stock", "host", "atmosphere",
    "technical", "hesitation",
]  # fmt: skip
# Who answers a question.
QuestionClass = Literal["product", "promotion", "logistics", "technical", "other"]
# 1: when there is time, 2: while the product is shown, 3: at once.
Urgency = Annotated[int, Field(ge=1, le=3)]
AT_ONCE = 3

Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Word = Annotated[str, Field(min_length=1, max_length=40)]
# An item of DynamoDB is read every few seconds by each busy function: 20 KB are five read units.
MAX_WORDS = 600
Words = Annotated[tuple[Word, ...], Field(max_length=MAX_WORDS)]
MAX_ALARMS = 8
MAX_INTEREST_NAMES = 200


class TopicWords(Record):
    """The words of a topic; asked, they are a question of this class and urgency (none: a statement)."""

    topic: Topic
    question: QuestionClass | None = None
    urgency: Urgency = 1
    words: Words


class NamedWords(Record):
    """Words under a name of the shop's own."""

    name: Name
    words: Words


class Lexicon(Record):
    """A whole lexicon. `harmless` are phrases in which words of the others mean something else."""

    name: Literal["comments"]
    version: str
    date: date
    source: str
    topics: tuple[TopicWords, ...]
    questions: Words = ()
    urgent: Words = ()
    praise: Words = ()
    complaint: Words = ()
    alarms: Annotated[tuple[NamedWords, ...], Field(max_length=MAX_ALARMS)] = ()
    abuse: Words = ()
    harmless: Words = ()
    interests: Annotated[tuple[NamedWords, ...], Field(max_length=MAX_INTEREST_NAMES)] = ()
