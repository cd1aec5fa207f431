"""Reading a comment of the live room on arrival: topics, question, sentiment, taste and alarm words. Its text is not
kept.

The words are the shop's lexicon. All of them are found in one pass (Aho and Corasick 1975, pyahocorasick). Of words
that stand inside of longer ones only the longest counts, so that "not fake" is no "fake".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from aftershow.model.engagements import Kind
from aftershow.model.lexicons import AT_ONCE, Lexicon, QuestionClass, Topic, TopicWords

# Longer comments are read to here: a danmaku is a line, not a page.
MAX_READ_CHARACTERS = 500

_Group = Literal["topic", "question", "urgent", "praise", "complaint", "alarm", "abuse", "harmless", "interest"]
# These say how something is said, not what: they count inside of longer words too.
_MANNER: frozenset[_Group] = frozenset({"question", "urgent"})

# Who finds it expensive has a word about the price, and who asks for reviews asks about quality.
KINDS_OF_TOPIC: dict[Topic, tuple[Kind, ...]] = {
    "price": (Kind.ASKED_PRICE,),
    "expensive": (Kind.ASKED_PRICE, Kind.FOUND_EXPENSIVE),
    "shipping": (Kind.ASKED_SHIPPING,),
    "promotion": (Kind.ASKED_PROMOTION,),
    "quality": (Kind.ASKED_QUALITY,),
    "reviews": (Kind.ASKED_QUALITY, Kind.ASKED_REVIEWS),
    "trust": (Kind.ASKED_TRUST,),
    "stock": (Kind.ASKED_STOCK,),
    "host": (Kind.ASKED_HOST,),
    "atmosphere": (Kind.MINDED_ATMOSPHERE,),
    "technical": (Kind.HAD_TROUBLE,),
    "hesitation": (Kind.HESITATED,),
}
KIND_OF_QUESTION: dict[QuestionClass, Kind] = {
    "product": Kind.QUESTION_PRODUCT,
    "promotion": Kind.QUESTION_PROMOTION,
    "logistics": Kind.QUESTION_LOGISTICS,
    "technical": Kind.QUESTION_TECHNICAL,
    "other": Kind.QUESTION_OTHER,
}


@dataclass(frozen=True, slots=True)
class Question:
    """What a question is about, and how soon somebody should answer it (3: at once)."""

    about: QuestionClass
    urgency: int


@dataclass(frozen=True, slots=True)
class Comment:
    """What a comment says: kinds to count, without the comment itself; a question; names of interests and alarms."""

    kinds: tuple[Kind, ...] = ()
    question: Question | None = None
    interests: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


class _Label(NamedTuple):
    group: _Group
    name: str


class _Match(NamedTuple):
    start: int
    end: int
    labels: frozenset[_Label]


class CommentReader:
    """A lexicon, made ready for reading: some 2 ms, kept for as long as the lexicon stays the same."""

    def __init__(self, lexicon: Lexicon) -> None:
        import ahocorasick  # only score_user has it

        self._topics: dict[str, TopicWords] = {one.topic: one for one in lexicon.topics}
        labels: dict[str, set[_Label]] = {}
        for label, word in _labelled(lexicon):
            if plain := plain_text(word):
                labels.setdefault(plain, set()).add(label)
        self._automaton = ahocorasick.Automaton()
        for word, those in labels.items():
            self._automaton.add_word(word, (len(word), frozenset(those)))
        self._automaton.make_automaton()

    def read(self, text: str) -> Comment:
        """What a comment says."""
        found = self._labels(plain_text(text[:MAX_READ_CHARACTERS]))
        alarms = _names(found, "alarm")
        alarmed = (Kind.ALARMED,) if alarms else ()
        if _names(found, "abuse"):
            return Comment((*alarmed, Kind.ABUSED), alarms=alarms)
        topics = [one for name, one in self._topics.items() if _Label("topic", name) in found]
        question = _question(found, topics)
        kinds = list(dict.fromkeys(kind for one in topics for kind in KINDS_OF_TOPIC[one.topic]))
        if question is not None:
            kinds.append(KIND_OF_QUESTION[question.about])
            kinds += [Kind.QUESTION_URGENT] if question.urgency == AT_ONCE else []
        kinds += [Kind.PRAISED] if _names(found, "praise") else []
        kinds += [Kind.COMPLAINED] if _names(found, "complaint") else []
        return Comment((*kinds, *alarmed), question, _names(found, "interest"), alarms)

    def interests(self, text: str) -> tuple[str, ...]:
        """The interests that a text names: the option of a vote says what somebody likes."""
        return _names(self._labels(plain_text(text[:MAX_READ_CHARACTERS])), "interest")

    def _labels(self, plain: str) -> set[_Label]:
        if not plain or not len(self._automaton):
            return set()
        matches = list(self._matches(plain))
        found = {label for one in _longest(matches) for label in one.labels}
        return found | {label for one in matches for label in one.labels if label.group in _MANNER}

    def _matches(self, plain: str) -> Iterator[_Match]:
        for last, (length, labels) in self._automaton.iter(plain):
            match = _Match(last + 1 - length, last + 1, labels)
            if _is_whole(plain, match):
                yield match


def plain_text(text: str) -> str:
    """A text without what hides words: zero-width characters, full-width forms, variants of signs, capitals, and
    spaces, dots or stars between Chinese characters."""
    visible = "".join(one for one in text if not _is_invisible(one))
    plain = " ".join(unicodedata.normalize("NFKC", visible).casefold().replace("\u2019", "'").split())
    return _BETWEEN_HAN.sub("", plain)


_HAN = "\u3400-\u9fff"
_BETWEEN_HAN = re.compile(rf"(?<=[{_HAN}])[ .*_\-~|·]+(?=[{_HAN}])")
# They choose between a sign's colourful and plain form.
_VARIANTS = range(0xFE00, 0xFE10)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or ord(character) in _VARIANTS


def _is_whole(plain: str, match: _Match) -> bool:
    """Whether a word of letters isn't only a part of another."""
    begins = match.start == 0 or not (_is_letter(plain[match.start - 1]) and _is_letter(plain[match.start]))
    ends = match.end == len(plain) or not (_is_letter(plain[match.end]) and _is_letter(plain[match.end - 1]))
    return begins and ends


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _longest(matches: Iterable[_Match]) -> Iterator[_Match]:
    """Matches that don't stand inside of a longer one."""
    content = [one for one in matches if any(label.group not in _MANNER for label in one.labels)]
    reached = -1
    for match in sorted(content, key=lambda one: (one.start, -one.end)):
        if match.end > reached:
            yield match
            reached = match.end


def _question(found: set[_Label], topics: list[TopicWords]) -> Question | None:
    """The most urgent one that it may be; urgent words make it one to answer at once."""
    if not _names(found, "question"):
        return None
    asked = [one for one in topics if one.question is not None]
    first = max(asked, key=lambda one: one.urgency, default=None)
    urgency = AT_ONCE if _names(found, "urgent") else first.urgency if first else 1
    return Question(first.question if first and first.question else "other", urgency)


def _names(found: Iterable[_Label], group: _Group) -> tuple[str, ...]:
    return tuple(sorted(label.name for label in found if label.group == group))


def _labelled(lexicon: Lexicon) -> Iterator[tuple[_Label, str]]:
    """Every word with what it stands for."""
    plain: dict[_Group, tuple[str, ...]] = {
        "question": lexicon.questions,
        "urgent": lexicon.urgent,
        "praise": lexicon.praise,
        "complaint": lexicon.complaint,
        "abuse": lexicon.abuse,
        "harmless": lexicon.harmless,
    }
    for group, words in plain.items():
        yield from ((_Label(group, group), word) for word in words)
    for topic in lexicon.topics:
        yield from ((_Label("topic", topic.topic), word) for word in topic.words)
    for alarm in lexicon.alarms:
        yield from ((_Label("alarm", alarm.name), word) for word in alarm.words)
    for interest in lexicon.interests:
        yield from ((_Label("interest", interest.name), word) for word in interest.words)
