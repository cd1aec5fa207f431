"""What a reply to a message means: stop, start again, a doubt that staff must answer, thanks, or something else."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from aftershow.rules import reply_words as words

Meaning = Literal["stop", "start", "doubt", "thanks", "other"]
# A reply is a line or two; what comes behind doesn't change what it wants.
MAX_READ_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as a provider hands it over. `id` is the provider's own: the same reply may come again. `at` in epoch
    milliseconds."""

    id: str
    channel: str
    address: str
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply means; `obstacle` is what holds the person back, where it names something known."""

    meaning: Meaning
    obstacle: str | None = None


def read(text: str) -> Said:
    """The meaning of a reply. In doubt it is an opt-out rather than none: "stop" weighs most. Width, case, spaces and
    punctuation don't hide a word."""
    plain = unicodedata.normalize("NFKC", text[:MAX_READ_CHARACTERS]).casefold()
    spaced = "".join(one if _counts(one) else " " for one in plain if unicodedata.category(one) != "Cf")
    tokens = spaced.replace("?", " ").split()
    bare = "".join(tokens)
    if bare in words.STOP or (tokens and tokens[0] in words.STOP_FIRST) or _has(tokens, words.STOP_ANYWHERE):
        return Said("stop")
    if bare in words.START:
        return Said("start")
    if not bare or bare in words.THANKS:
        return Said("thanks")
    obstacle = next((name for name, listed in words.DOUBTS.items() if _has(tokens, listed)), None)
    if obstacle is not None or "?" in spaced or _has(tokens, words.QUESTIONS):
        return Said("doubt", obstacle)
    return Said("other")


def _counts(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN" or character == "?"


def _has(tokens: list[str], listed: tuple[str, ...]) -> bool:
    """Chinese words stand without spaces and are found anywhere; others only as whole words."""
    bare, spaced = "".join(tokens), f" {' '.join(tokens)} "
    return any(f" {word} " in spaced if word.isascii() else word in bare for word in listed)
