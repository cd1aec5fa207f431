"""A preview of a template: every channel written to sample viewers, or to a real one, side by side on one page.

Nothing is sent and nothing is loaded from elsewhere: a picture that only a shop has is drawn. Each e-mail stands there
three times: light, dark, and without pictures.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aftershow.adapters.providers import cards
from aftershow.model.channels import RateCard
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.rules.content import charged
from infra.local.template_checks import Finding
from infra.local.template_samples import PICTURE

_PAGE = Path(__file__).with_name("template_preview.html.liquid")
_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72"><rect width="72" height="72" fill="#e9dfc9"/>'
    '<circle cx="36" cy="38" r="22" fill="#c9b287"/><circle cx="36" cy="38" r="15" fill="#8a6a3b"/></svg>'
)
_DRAWN = "data:image/svg+xml;base64," + b64encode(_DRAWING.encode()).decode()
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_IMAGE = re.compile(r"(<img\b[^>]*\bsrc=\")[^\"]*")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a preview: to whom, in which language, on which channel."""

    viewer: str
    title: str
    locale: str
    channel: str
    content: Content

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.locale}-{self.viewer}-{self.channel}"


def written(messages: Sequence[Message], findings: Sequence[Finding], name: str, folder: Path) -> Path:
    """Write all files into the folder; returns the page that shows them side by side."""
    from liquid import Environment

    folder.mkdir(parents=True, exist_ok=True)
    for message in messages:
        for ending, text in files_of(message).items():
            (folder / f"{message.name}{ending}").write_text(text, encoding="utf-8")
    page = folder / "index.html"
    template = Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8"))
    shown = template.render(name=name, rows=_rows(messages), findings=[str(one) for one in findings])
    page.write_text(shown, encoding="utf-8")
    return page


def files_of(message: Message) -> dict[str, str]:
    """Ending to text of the files of a message."""
    found = message.content
    if isinstance(found, Email):
        page = drawn(found)
        return {
            ".html": page,
            "-dark.html": darkened(page),
            "-no-pictures.html": without_pictures(page),
            ".txt": f"Subject: {found.subject}\n\n{found.text}",
        }
    if isinstance(found, Sms):
        return {".txt": found.text + "\n", ".json": _json(told(found))}
    return {".json": _json(told(found))}


def told(found: Content) -> dict[str, Any]:
    """A message as JSON; of a text message also what it costs, of a webhook its data alone."""
    if isinstance(found, Webhook):
        return dict(found.data)
    facts = {name: value for name, value in asdict(found).items() if name != "pictures"}
    return {**facts, **cost(found.text)} if isinstance(found, Sms) else facts


def cost(text: str) -> dict[str, Any]:
    """What a text message costs: its alphabet, segments by the standard and by the Chinese rule, and the price by each
    provider's list."""
    standard, chinese = charged(text), charged(text, "chinese")
    rates = [card for card in cards() if card.channel == "sms"]
    segments = {card.provider: chinese if card.currency == "CNY" else standard for card in rates}
    prices = {card.provider: _price(card, segments[card.provider].segments) for card in rates}
    return {
        "alphabet": standard.alphabet,
        "units": standard.units,
        "left": standard.left,
        "segments": standard.segments,
        "segments_by_chinese_rule": chinese.segments,
        "prices": prices,
    }


def _price(card: RateCard, segments: int) -> str:
    micros = card.micros * (segments if card.per == "segment" else 1)
    return f"{micros / _MILLION:.4f} {card.currency}"


def drawn(mail: Email) -> str:
    """The page with the pictures that travel in the mail, and a drawing where the samples' picture would be."""
    page = mail.html.replace(PICTURE, _DRAWN)
    for picture in mail.pictures:
        data = f"data:{picture.media_type};base64,{b64encode(picture.content).decode()}"
        page = page.replace(f"cid:{picture.name}", data)
    return page


def darkened(page: str) -> str:
    """The page as a mail client in dark mode shows it."""
    dark = _DARK.sub("@media all", page).replace("color-scheme:light dark", "color-scheme:dark")
    return dark.replace('content="light dark"', 'content="dark"')


def without_pictures(page: str) -> str:
    """The page as a mail client that loads no pictures shows it."""
    return _IMAGE.sub(r"\1data:,", page)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _rows(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """A row for each viewer and language, with its messages."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for message in messages:
        row = rows.setdefault(
            (message.viewer, message.locale), {"title": message.title, "locale": message.locale, "messages": []}
        )
        row["messages"].append(_shown(message))
    return list(rows.values())


def _shown(message: Message) -> Mapping[str, Any]:
    found = message.content
    facts: dict[str, Any] = {"channel": message.channel, "name": message.name}
    match found:
        case Email():
            return {**facts, "subject": found.subject, "text": found.text}
        case Sms():
            what = cost(found.text)
            prices = ", ".join(f"{provider} {price}" for provider, price in what["prices"].items())
            return {**facts, "text": found.text, **what, "prices": prices}
        case Push():
            return {**facts, "title": found.title, "text": found.text, "picture": _DRAWN if found.picture else ""}
        case Wechat():
            fields = [{"name": name, "text": text} for name, text in found.fields.items()]
            return {**facts, "fields": fields, "page": found.page, "template_id": found.template_id}
        case Wecom():
            return {**facts, "text": found.text, "link": found.link}
        case Webhook():
            return {**facts, "json": _json(dict(found.data))}
