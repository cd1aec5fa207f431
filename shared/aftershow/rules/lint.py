"""The claims lint: forbidden claims in a rendered message, with the word, the place, why, and the law that says so.

Texts are compared in one form: compatibility forms and capitals folded, traditional characters as simplified ones,
invisible characters and spaces between Chinese characters left out. Each character keeps its place in the text, so a
finding says where it is. Of a page the visible text counts, with what stands for pictures and in tool tips; offsets
are then those of the visible text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html.parser import HTMLParser
from typing import assert_never

from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.model.rule_packs import Words

# Characters on either side of a word in an excerpt.
EXCERPT_CHARACTERS = 12
# Words are looked up by their first two characters.
PREFIX = 2
OWN = "own-words"
SPACE, LINE_END = " ", "\n"
# Elements that begin a new line: what stands in two of them is not one word.
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "br",
        "caption",
        "dd",
        "div",
        "dl",
        "dt",
        "figcaption",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_UNSEEN = frozenset({"script", "style", "template"})
_TOLD = frozenset({"alt", "title", "aria-label", "placeholder"})
# Between invisible characters and accents: category Cf, Mn, Me.
_INVISIBLE = frozenset({"Cf", "Mn", "Me"})


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim in a message: the lexicon's word, its list, why it is forbidden and by which law; where it stands, by
    channel, part and offset; and its surroundings, which may hold a name and never go to a log or a trace."""

    word: str
    list: str
    why: Words
    reference: str
    channel: str
    part: str
    offset: int
    excerpt: str

    @property
    def told(self) -> str:
        """Without personal data, for a trace."""
        return f"{self.word} in {self.part} ({self.list}: {self.reference})"


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a message under its name, as a person sees it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    shown: str
    list: str
    why: Words
    reference: str
    # (harmless text, where the word stands in it).
    harmless: tuple[tuple[str, int], ...]


def findings(content: Content, lexicon: LintLexicon) -> tuple[Finding, ...]:
    """Every forbidden claim in a rendered message, in the order of the text."""
    checker = _checker(_Same(lexicon))
    channel = type(content).__name__.lower()
    return tuple(found for part in parts(content) for found in checker.look(channel, part))


def parts(content: Content) -> Iterator[Part]:
    """The texts of a message that somebody reads."""
    match content:
        case Email():
            yield Part("subject", content.subject)
            yield Part("text", content.text)
            yield Part("html", visible(content.html))
        case Sms():
            yield Part("text", content.text)
            yield from _named("parameters", content.parameters)
        case Push():
            yield Part("title", content.title)
            yield Part("text", content.text)
        case Wechat():
            yield from _named("fields", content.fields)
        case Wecom():
            yield Part("text", content.text)
        case Webhook():
            yield from _named("data", content.data)
        case _:
            assert_never(content)


def _named(name: str, texts: Mapping[str, str]) -> Iterator[Part]:
    return (Part(f"{name}.{key}", text) for key, text in texts.items())


def visible(html: str) -> str:
    """What a reader of a page sees or is told: text, alternatives of pictures, tool tips."""
    page = _Page()
    page.feed(html)
    page.close()
    return "".join(page.pieces)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        if tag in _BLOCKS:
            self.pieces.append("\n")
        self.pieces += [f"\n{value}\n" for name, value in attrs if name in _TOLD and value]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # <style/> is no element that is closed again.
        if tag not in _UNSEEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            # Line ends of the source are spaces to a reader.
            self.pieces.append(data.replace("\n", " "))

    def handle_comment(self, data: str) -> None:
        # A conditional comment is text to some mail programs.
        if data.startswith("[if"):
            self.pieces.append(f"\n{visible(data.partition(']>')[2].rpartition('<![')[0])}\n")


class _Folded(dict[str, str]):
    """A character to its form for comparing: none, one or several characters."""

    def __init__(self, variants: Mapping[str, str]) -> None:
        super().__init__()
        self._variants = variants

    def __missing__(self, character: str) -> str:
        forms = unicodedata.normalize("NFKD", character).casefold()
        kept = "".join(self._variants.get(one, one) for one in forms if unicodedata.category(one) not in _INVISIBLE)
        self[character] = kept
        return kept


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or character >= "\U00020000"


def _normalised(text: str, folded: _Folded) -> tuple[str, list[int]]:
    """The text in its form for comparing, and the place in `text` of each of its characters."""
    out: list[str] = []
    places: list[int] = []
    gap = ""
    for place, character in enumerate(text):
        for one in folded[character]:
            if one.isspace():
                # The end of a line parts Chinese words too.
                gap = LINE_END if LINE_END in (one, gap) else SPACE
                continue
            if gap:
                if out and not (gap == SPACE and _is_chinese(one) and _is_chinese(out[-1])):
                    out.append(" ")
                    places.append(place)
                gap = ""
            out.append(one)
            places.append(place)
    return "".join(out), places


class _Same:
    """A lexicon as a key of a cache: the catalog gives the same object until its text changes."""

    __slots__ = ("lexicon",)

    def __init__(self, lexicon: LintLexicon) -> None:
        self.lexicon = lexicon

    def __hash__(self) -> int:
        return id(self.lexicon)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.lexicon is other.lexicon


@lru_cache(maxsize=4)
def _checker(same: _Same) -> _Checker:
    return _Checker(same.lexicon)


class _Checker:
    """A lexicon, ready to look for its words."""

    def __init__(self, lexicon: LintLexicon) -> None:
        self._folded = _Folded(lexicon.variants)
        own_harmless = [one.text for one in lexicon.own.harmless]
        # Harmless texts of every list count for all: a product's name is harmless whichever list has a word of it.
        harmless = [self._form(text) for one in lexicon.lists for text in one.harmless] + [
            *map(self._form, own_harmless)
        ]
        self._by_prefix: dict[str, list[_Word]] = {}
        for one in lexicon.lists:
            for word in one.words:
                self._add(word, one.id, one.why, one.reference, harmless)
        for own in lexicon.own.words:
            self._add(own.text, OWN, {"en": own.why, "zh-CN": own.why}, "the shop's own list", harmless)
        for words in self._by_prefix.values():
            words.sort(key=lambda one: -len(one.text))

    def _form(self, text: str) -> str:
        return _normalised(text, self._folded)[0]

    def _add(self, word: str, name: str, why: Words, reference: str, harmless: Iterable[str]) -> None:
        text = self._form(word)
        inside = tuple((longer, place) for longer in harmless for place in _places(longer, text))
        self._by_prefix.setdefault(text[:PREFIX], []).append(_Word(text, word, name, why, reference, inside))

    def look(self, channel: str, part: Part) -> Iterator[Finding]:
        """The findings of one part."""
        text, places = _normalised(part.text, self._folded)
        until, by_prefix = 0, self._by_prefix
        for start in range(len(text) - 1):
            candidates = by_prefix.get(text[start : start + PREFIX])
            if candidates is None:
                continue
            word = next((one for one in candidates if _stands(one, text, start)), None)
            # A word within one that was found says nothing more.
            if word is None or start + len(word.text) <= until:
                continue
            until = start + len(word.text)
            first, last = places[start], places[until - 1] + 1
            excerpt = part.text[max(0, first - EXCERPT_CHARACTERS) : last + EXCERPT_CHARACTERS]
            yield Finding(word.shown, word.list, word.why, word.reference, channel, part.name, first, excerpt)


def _stands(word: _Word, text: str, start: int) -> bool:
    """Whether a word stands there as a word of its own, and not within a harmless text."""
    end = start + len(word.text)
    if not text.startswith(word.text, start):
        return False
    if _joined(text[start - 1 : start], word.text[0]) or _joined(word.text[-1], text[end : end + 1]):
        return False
    return not any(place <= start and text.startswith(longer, start - place) for longer, place in word.harmless)


def _joined(one: str, other: str) -> bool:
    """Whether two neighbours belong to one word of a language with spaces between words."""
    return one.isascii() and one.isalnum() and other.isascii() and other.isalnum()


def _places(longer: str, word: str) -> list[int]:
    return [place for place in range(len(longer) - len(word) + 1) if longer.startswith(word, place)]
