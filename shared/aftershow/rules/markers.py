"""Markers: what rule packs require in a rendered message, or forbid there, and what of it is amiss.

Provisions are checked on the text as the recipient reads it, so a template, a snippet or a value that breaks a rule is
found whichever it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wecom
from aftershow.model.rule_packs import BarredWords, Footer, Headers, Length, Marker, Provision
from aftershow.model.settings import Settings
from aftershow.rules import lint
from aftershow.rules.lawful import Required

SIGN = "{sign}"
_SIGN = re.compile(r"【[^【】]{1,20}】")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a message has to show of its sender: the shop's name and postal address, the link that ends these
    messages."""

    shop_name: str
    postal_address: str
    unsubscribe: str

    @classmethod
    def of(cls, settings: Settings, unsubscribe: str) -> Shown:
        """What a shop shows."""
        return cls(settings.shop_name, settings.postal_address, unsubscribe)


@dataclass(frozen=True, slots=True)
class Objection:
    """What a pack objects to in a message, in words without personal data."""

    pack: str
    what: str
    provision: Provision

    @property
    def told(self) -> str:
        """For a trace: "CN-SMS-aliyun 1: must end with 拒收请回复R"."""
        return f"{self.pack}: {self.what}"


def objections(
    required: Sequence[tuple[str, Required]], content: Content, headers: Mapping[str, str], shown: Shown
) -> tuple[Objection, ...]:
    """Everything that the packs of a judgement object to in a rendered message."""
    # What a partner's endpoint gets is no message to a person.
    if isinstance(content, Webhook):
        return ()
    return tuple(Objection(pack, what, one) for pack, one in required for what in _amiss(one, content, headers, shown))


def _amiss(one: Required, content: Content, headers: Mapping[str, str], shown: Shown) -> Iterator[str]:
    match one:
        case Marker():
            yield from _marker(one, content)
        case Footer():
            yield from _footer(one, content, shown)
        case Headers():
            known = {name.lower() for name, value in headers.items() if value}
            yield from (f"has no header {name}" for name in one.names if name.lower() not in known)
        case BarredWords():
            seen = "\n".join(_compact(part.text) for part in lint.parts(content))
            yield from (f"says {word}" for word in one.words if _compact(word) in seen)
        case Length():
            length = max(len(part.text) for part in lint.parts(content))
            if length > one.most:
                yield f"has {length} characters, at most {one.most} are allowed"


def _marker(one: Marker, content: Content) -> Iterator[str]:
    tests: dict[str, Callable[[str], bool]] = {
        text: _test(text, one.place) for text in one.texts
    }  # fmt: skip
    for part in _bodies(content, subject=one.part == "subject"):
        if not any(test(part.strip()) for test in tests.values()):
            places = {"start": "must begin with", "end": "must end with", "anywhere": "must have"}
            signs = " or ".join("a sign name in 【】" if text == SIGN else text for text in one.texts)
            yield f"{places[one.place]} {signs}" + (" in its subject" if one.part == "subject" else "")
            return


def _test(text: str, place: str) -> Callable[[str], bool]:
    if text == SIGN:
        return lambda body: any(place != "start" or found.start() == 0 for found in _SIGN.finditer(body))
    if place == "start":
        return lambda body: body.startswith(text)
    if place == "end":
        return lambda body: body.endswith(text)
    word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(text)}(?![0-9A-Za-z])", re.IGNORECASE)
    return lambda body: word.search(body) is not None


def _footer(one: Footer, content: Content, shown: Shown) -> Iterator[str]:
    words = {
        "shop_name": ("the shop's name", shown.shop_name),
        "postal_address": ("a postal address", shown.postal_address),
    }
    for what in one.shows:
        if what == "unsubscribe":
            if not _has_link(content, shown.unsubscribe):
                yield "does not show the link that ends these messages"
            continue
        name, text = words[what]
        if not text.strip() or not all(_compact(text) in _compact(body) for body in _bodies(content)):
            yield f"does not show {name}"


def _has_link(content: Content, link: str) -> bool:
    if not link:
        return False
    if isinstance(content, Email):
        return link in content.text and any(form in content.html for form in (link, escape(link)))
    return any(link in body for body in _bodies(content))


def _bodies(content: Content, *, subject: bool = False) -> list[str]:
    """What a person reads beside the subject: of an e-mail both versions, since a reader sees only one of them."""
    match content:
        case Email():
            return [content.subject] if subject else [content.text, lint.visible(content.html)]
        case Sms() | Push() | Wecom():
            return [content.text]
        case _:
            return ["\n".join(part.text for part in lint.parts(content))]


def _compact(text: str) -> str:
    """For comparing what may be broken over lines."""
    return re.sub(r"\s+", "", text).casefold()
