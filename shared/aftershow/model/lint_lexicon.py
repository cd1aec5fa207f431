"""The lexicon of the claims lint: words that no advertisement may use, the law that says so, as data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from aftershow.model.base import Record
from aftershow.model.rule_packs import Source, Words

# One character would be met everywhere.
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=80)]
MAX_WORDS = 2_000


class WordList(Record):
    """Words that are forbidden for one reason. `harmless` are longer texts in which one of them is harmless."""

    id: str = Field(pattern=r"^[a-z0-9-]{2,40}$")
    title: Words
    reference: str
    why: Words
    words: tuple[Phrase, ...] = Field(min_length=1, max_length=MAX_WORDS)
    harmless: tuple[Phrase, ...] = Field(default=(), max_length=MAX_WORDS)


class OwnWord(Record):
    """A shop's own word or exception, and why."""

    text: Phrase
    why: str = Field(min_length=1)


class OwnWords(Record):
    """What a shop adds: words that it doesn't want, and texts in which a word of the lexicon is harmless."""

    words: tuple[OwnWord, ...] = Field(default=(), max_length=MAX_WORDS)
    harmless: tuple[OwnWord, ...] = Field(default=(), max_length=MAX_WORDS)


class LintLexicon(Record):
    """All lists. `variants` are other forms of a character: traditional to simplified. `own` is filled in by a push."""

    version: int = Field(ge=1)
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    sources: tuple[Source, ...] = Field(min_length=1)
    variants: dict[str, str] = {}
    lists: tuple[WordList, ...] = Field(min_length=1)
    own: OwnWords = OwnWords()

    @property
    def name(self) -> str:
        """As a trace names it."""
        return f"lexicon {self.version}"
