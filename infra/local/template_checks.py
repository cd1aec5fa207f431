"""Checks of templates before anybody gets them: each finding names file, locale, channel and line.

What can be told from the text alone (syntax, unknown variables, filters and snippets, languages and channels that are
missing) and what shows when it is written to sample viewers (an empty subject, a text message of too many segments, a
field that WeChat refuses, no way to end the messages).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from aftershow.model.instants import HOUR
from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.messages import Content, Email, Push, Sms
from aftershow.model.reminders import MessageClass
from aftershow.model.rule_packs import Marker, Rulebook
from aftershow.model.settings import Settings
from aftershow.model.templates import CouponOffer, EmailPart, Part, SmsPart, Snippets, Template
from aftershow.model.tiers import Tiers
from aftershow.rules import content, lint
from aftershow.rules.snippets import web_address
from aftershow.rules.templating import FILTERS, NotLiquid, liquid
from infra.local import template_samples

# Gmail shows no more of a page, and so hides its footer.
MAX_PAGE_BYTES = 102_000
# Quotation marks with nothing between them: a name that isn't known, or that a text message had no room for.
_NOTHING_QUOTED = re.compile('《》|“”|「」|『』|‘’|""')
# What is passed to snippets by `render`, and to the layout.
_PASSED = re.compile(r"unknown variable (items|title|label|to|content|subject|preheader)\b")
_ANY_COUPON = CouponOffer(code="ANY", valid=HOUR, offer={"en": "any"})
_STOPS = ("STOP",)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where; `line` is None where it isn't one line's fault."""

    file: str
    what: str
    locale: str = ""
    channel: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = " ".join(filter(None, (self.locale, self.channel)))
        return ": ".join(part for part in (place, where, self.what) if part)

    def told(self) -> dict[str, object]:
        """For --json."""
        return {"file": self.file, "line": self.line, "locale": self.locale, "channel": self.channel, "what": self.what}


@dataclass(frozen=True)
class Shelf:
    """The templates of a folder, with all that they are checked against. `classes` is template to message class."""

    folder: Path
    templates: Sequence[Template]
    shared: Snippets
    tiers: Tiers
    classes: Mapping[str, MessageClass]
    rulebook: Rulebook
    lexicon: LintLexicon
    settings: Settings

    def file_of(self, template: Template) -> Path:
        """Where a template stands: named like it, else whichever file says its name."""
        named = self.folder / f"{template.name}.yaml"
        if named.exists():
            return named
        texts = ((path, path.read_text(encoding="utf-8")) for path in sorted(self.folder.glob("*.yaml")))
        return next((path for path, text in texts if f"name: {template.name}" in text), named)

    @cached_property
    def locales(self) -> frozenset[str]:
        """Every locale that any template has."""
        return frozenset(locale for template in self.templates for locale in template.texts)

    @cached_property
    def stops(self) -> frozenset[str]:
        """What a text message may say so that its reader knows how to end them, by the rule packs."""
        markers = (
            text
            for pack in self.rulebook.packs
            for one in pack.decides
            if isinstance(one, Marker) and "sms" in pack.applies.channels and one.place != "start"
            for text in one.texts
        )
        return frozenset({*markers, *_STOPS})


def findings(shelf: Shelf, only: Iterable[str] | None = None) -> list[Finding]:
    """All that is wrong with the templates, or with those named."""
    names = None if only is None else set(only)
    found = [] if names is not None else [*_of_snippets(shelf)]
    for template in shelf.templates:
        if names is None or template.name in names:
            found += _of_template(shelf, template)
    return found


def _of_template(shelf: Shelf, template: Template) -> Iterator[Finding]:
    path = shelf.file_of(template)
    lines = _lines(path)
    yield from _missing(shelf, template, path.name)
    for locale, channel in template_samples.each(template, None, None):
        part = content.part_of(template.texts[locale], channel)
        at = ("texts", locale, channel)
        static = [
            Finding(path.name, what, locale, channel, line)
            for what, line in _static(shelf, template, locale, part, lines, at)
        ]
        yield from static
        yield from () if static else _rendered(shelf, template, locale, channel, path.name, lines.get(at))


def _missing(shelf: Shelf, template: Template, file: str) -> Iterator[Finding]:
    for locale in sorted(shelf.locales - set(template.texts)):
        yield Finding(file, "is missing: other templates have this language", locale)
    channels = {channel for texts in template.texts.values() for channel in texts.channels}
    for locale, texts in template.texts.items():
        for channel in sorted(channels - set(texts.channels)):
            yield Finding(file, "is missing: another language of the template has this channel", locale, channel)
    if template.coupon is not None:
        for locale in sorted(set(template.texts) - set(template.coupon.offer)):
            yield Finding(file, "the coupon's offer has no words in this language", locale)


def _static(
    shelf: Shelf, template: Template, locale: str, part: Part, lines: Mapping[tuple[str, ...], int], at: tuple[str, ...]
) -> Iterator[tuple[str, int | None]]:
    known = template_samples.everything(template, locale, shelf.settings, shelf.tiers)
    for name, source in content.sources(part).items():
        first = lines.get((*at, *name.split(".")), lines.get(at))
        for what, line in _unknown(shelf, source, known, html=name == "html"):
            yield f"{name}: {what}", first + line if first is not None else None
    if isinstance(part, EmailPart) and not part.html:
        # The page is made of the same text, with other snippets.
        for what, line in _unknown(shelf, part.text, known, html=True):
            yield f"text, as a page: {what}", lines.get((*at, "text"), 0) + line


def _unknown(shelf: Shelf, source: str, known: Mapping[str, Any], *, html: bool) -> Iterator[tuple[str, int]]:
    try:
        use = liquid(shelf.shared.body(), html=html).use(source)
    except NotLiquid as error:
        place = error.context()
        own = place is not None and not error.template_name
        inside = f" (in snippet {error.template_name})" if error.template_name else ""
        kind = "there is no snippet " if type(error).__name__ == "TemplateNotFoundError" else ""
        yield f"{kind}{error.message}{inside}", place[0] - 1 if place is not None and own else 0
        return
    for path, line in use.own.items():
        if not _is_known(path, known):
            yield f"unknown variable {path}", line
    for name, line in use.filters.items():
        if name not in FILTERS:
            yield f"unknown filter {name}", line


def _is_known(path: str, known: Mapping[str, Any]) -> bool:
    """Whether a path of a variable leads to something in the values of somebody of whom all is known."""
    value: Any = known
    for segment in path.replace("]", "").replace("[", ".").split("."):
        if isinstance(value, (list, tuple, str)) and segment == "size":
            return True
        if isinstance(value, (list, tuple)):
            if not value or not (segment in ("first", "last") or segment.isdigit()):
                return False
            value = value[0]
        elif isinstance(value, Mapping) and segment in value:
            value = value[segment]
        else:
            return False
    return True


def _of_snippets(shelf: Shelf) -> Iterator[Finding]:
    if not shelf.templates:
        return
    words = {name: "" for texts in shelf.shared.words.values() for name in texts}
    offering = shelf.templates[0].model_copy(update={"coupon": _ANY_COUPON})
    known = template_samples.everything(offering, "en", shelf.settings, shelf.tiers) | {"words": words}
    for name, source in shelf.shared.sources.items():
        for what, line in _unknown(shelf, source, known, html=name.endswith("html")):
            if not _PASSED.match(what):
                yield Finding(f"snippets/{name}.liquid", what, line=line + 1)
    for locale, texts in shelf.shared.words.items():
        for word in sorted(set(words) - set(texts)):
            yield Finding("snippets/words.yaml", f"{word} is missing", locale)


def _rendered(
    shelf: Shelf, template: Template, locale: str, channel: str, file: str, line: int | None
) -> Iterator[Finding]:
    seen: set[str] = set()
    for sample in template_samples.samples(template):
        for what in _of_message(shelf, template, locale, channel, sample):
            if what not in seen:
                seen.add(what)
                yield Finding(file, f"{what} ({sample.title})", locale, channel, line)


def _of_message(
    shelf: Shelf, template: Template, locale: str, channel: str, sample: template_samples.Sample
) -> Iterator[str]:
    values = template_samples.values(sample, template, channel, locale, shelf.settings, shelf.tiers)
    try:
        message = content.render(template, channel, locale, values, shelf.shared)
    except content.NotRendered as error:
        yield str(error)
        return
    part = content.part_of(template.texts[locale], channel)
    yield from _wrong(message, part, values)
    yield from (f"{one.told}: {one.why['en']}" for one in lint.findings(message, shelf.lexicon))
    if shelf.classes.get(template.name, "marketing") == "marketing":
        yield from _no_way_out(message, str(values["unsubscribe"]), shelf.stops)


def _wrong(message: Content, part: Part, values: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(part, EmailPart) and isinstance(message, Email):
        yield from _wrong_email(message, part, values)
    elif isinstance(part, SmsPart) and isinstance(message, Sms):
        segments = content.charged(message.text).segments
        if segments > part.segments:
            yield f"{segments} segments, at most {part.segments} (`segments:` allows more)"
    elif isinstance(message, Push) and not (message.title and message.text):
        yield "title or text of the notification is empty"
    if _NOTHING_QUOTED.search(_readable(message)):
        yield "quotation marks have nothing between them"
    for name in ("picture", "video"):
        source = getattr(part, name, "")
        if source and "{" not in source and not web_address(source, secure=True):
            yield f"{name} is no https address"


def _readable(message: Content) -> str:
    texts = (getattr(message, name, "") for name in ("subject", "title", "text"))
    return "\n".join((*texts, *getattr(message, "fields", {}).values()))


def _wrong_email(message: Email, part: EmailPart, values: Mapping[str, Any]) -> Iterator[str]:
    if not liquid("{}", html=False).render(part.subject, values).strip():
        yield "the subject is empty"
    size = len(message.html.encode())
    if size > MAX_PAGE_BYTES:
        yield f"the page has {size} bytes; Gmail hides what comes after {MAX_PAGE_BYTES}"


def _no_way_out(message: Content, unsubscribe: str, stops: frozenset[str]) -> Iterator[str]:
    if isinstance(message, Email):
        for name, text in (("text", message.text), ("page", message.html)):
            if unsubscribe not in text:
                yield f"the {name} of a marketing e-mail has no unsubscribe link"
    elif isinstance(message, Sms) and not any(stop in message.text for stop in (unsubscribe, *stops)):
        yield "a marketing text message must say how to end them: " + " / ".join(sorted(stops))


def _lines(path: Path) -> dict[tuple[str, ...], int]:
    """Where each value of a YAML file begins, by its path of keys; of a block, its first line of text."""
    found: dict[tuple[str, ...], int] = {}

    def walk(node: yaml.Node, at: tuple[str, ...]) -> None:
        block = isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")
        found[at] = node.start_mark.line + (2 if block else 1)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                walk(value, (*at, key.value))

    if path.exists():
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        if root is not None:
            walk(root, ())
    return found
