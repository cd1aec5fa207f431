"""Content: a template, a person and an occasion become what each channel carries.

Liquid with bounds (aftershow.rules.templating), values escaped in pages, and what others wrote made harmless
(aftershow.rules.quoting). A variable that isn't known is empty at send; `templates check` names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never

from aftershow.model.engagements import Engagement
from aftershow.model.ledger import Account
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import (
    EmailPart,
    Part,
    PushPart,
    SmsPart,
    Snippets,
    Template,
    Texts,
    WebhookPart,
    WechatPart,
    WecomPart,
)
from aftershow.model.tiers import Tiers
from aftershow.model.viewers import Head
from aftershow.rules import quoting, snippets
from aftershow.rules.obstacle import UNKNOWN, held_back
from aftershow.rules.quoting import Quoted
from aftershow.rules.segments import Length, Rule, is_gsm, length
from aftershow.rules.subscribe_fields import fitted

if TYPE_CHECKING:
    from aftershow.rules.templating import Liquid

MAX_SUBJECT_CHARACTERS = 120
# What telephones show of a notification before they cut it off themselves.
MAX_PUSH_TITLE, MAX_PUSH_TEXT = 65, 240
# The channel that takes whatever there is.
FILE = "file"
# Characters that a quoted text may have, by channel.
ROOM = {"email": 80, "push": 40, "wechat": 20, "wecom": 80, "webhook": 200}
# In a text message each of them is cut to the first of these with which the message fits; at 0 it stands without them.
SMS_ROOM = (40, 24, 16, 10, 6, 0)
# A signature in China: 2 to 12 characters in brackets, put before the text by the provider, and charged.
SIGNATURE_CHARACTERS = 14
_IDEOGRAPHS = re.compile("[\u4e00-\u9fff]")
_LAYOUT = "layout"


class NotRendered(Exception):
    """The template can't be rendered: its name and the reason, without personal data."""


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute addresses of ours: the button's, those of pages that every message has, and `counted` ones by where they
    lead."""

    button: str
    unsubscribe: str
    preferences: str = ""
    survey: str = ""
    quiz: str = ""
    counted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a message is about. `cart` and `suggested` are product cards; `accounts` are None, and so are tiers, where
    the template doesn't use them."""

    reminder: Reminder
    head: Head
    show: Show | None = None
    cart: Sequence[snippets.Card] = ()
    suggested: Sequence[snippets.Card] = ()
    accounts: Sequence[Account] | None = None
    tiers: Tiers | None = None
    engagement: Engagement | None = None
    now: int = 0


def pick(template: Template, locale: str, channel: str) -> tuple[str, Texts]:
    """(locale, texts) that has the channel: the locale itself, its language, English, else whatever there is first.
    Raises NotRendered."""
    texts = {name: one for name, one in template.texts.items() if channel == FILE or channel in one.channels}
    if not texts:
        raise NotRendered(f"template {template.name} has no text for {channel}")
    name = snippets.spoken(texts, locale)
    return name, texts[name]


def part_of(texts: Texts, channel: str) -> Part:
    """The part for a channel; a file takes the first there is."""
    part: Part = getattr(texts, texts.channels[0] if channel == FILE else channel)
    return part


def sources(part: Part) -> dict[str, str]:
    """The Liquid in a part, by where it stands: "subject", "fields.thing1"."""
    found: dict[str, str] = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, str) and name != "template_id":
            found[name] = value
        elif isinstance(value, dict) and name != "template_ids":
            found |= {f"{name}.{key}": text for key, text in value.items()}
    return found


def used(template: Template, channel: str, locale: str, shared: Snippets) -> frozenset[str]:
    """The values that the texts for a channel use, so that only those are read. Raises NotRendered."""
    name, _ = pick(template, locale, channel)
    return _used(template.body(), channel, name, shared.body())


@lru_cache(maxsize=256)
def _used(template: str, channel: str, locale: str, shared: str) -> frozenset[str]:
    from aftershow.rules.templating import NotLiquid, liquid

    part = part_of(Template.read(template).texts[locale], channel)
    texts = [("text", source) for source in sources(part).values()]
    if isinstance(part, EmailPart):
        texts += [("html", part.html or part.text)]
        layouts = Snippets.read(shared).sources
        texts += [(kind, layouts.get(f"{_LAYOUT}.{kind}", "")) for kind in ("text", "html")]
    found: frozenset[str] = frozenset()
    for kind, source in texts:
        try:
            found |= liquid(shared, html=kind == "html").use(source).names
        except NotLiquid:
            continue  # Rendering it says why.
    return found


def variables(occasion: Occasion, template: Template, locale: str, settings: Settings, links: Links) -> dict[str, Any]:
    """What a template may say; `locale` is that of the texts."""
    reminder, show = occasion.reminder, occasion.show
    cart = [card.values(links.counted, links.button) for card in occasion.cart]
    products = [card.values(links.counted, links.button) for card in occasion.suggested] or cart
    offer, own, accounts = template.coupon, reminder.coupon, occasion.accounts
    return {
        "name": Quoted(occasion.head.trait("name") or ""),
        "shop": {"name": settings.shop_name, "postal_address": settings.postal_address, "url": settings.base_url},
        "show": {
            "title": Quoted((show.text("title") or "") if show else ""),
            "host": Quoted((show.text("host") or "") if show else ""),
        },
        "cart": cart,
        # A code of rules.obstacle: a template may answer it, or say nothing of it.
        "obstacle": ((held_back(occasion.engagement) if occasion.engagement else None) or UNKNOWN).obstacle,
        "products": products,
        "product": products[0] if products else None,
        "coupon": snippets.coupon_values(offer, own, locale, reminder.zone, occasion.now) if offer and own else None,
        "points": snippets.points_values(accounts, occasion.now) if accounts is not None else None,
        "tier": snippets.tier_values(occasion.tiers or Tiers(), accounts, locale) if accounts is not None else None,
        "link": links.button,
        "unsubscribe": links.unsubscribe,
        "preferences": links.preferences,
        "survey": links.survey,
        "quiz": links.quiz,
        "because": template.because,
        "country": _country(occasion.head, settings),
        "step": {"id": reminder.step, "number": reminder.occurrence + 1},
        "locale": locale,
        "language": locale.partition("-")[0].lower(),
    }


def _country(head: Head, settings: Settings) -> str:
    """Whose customs a text follows: a Chinese telephone's, the profile's, the shop's."""
    chinese = (head.trait("phone") or "").startswith("+86")
    return "CN" if chinese else head.trait("country") or settings.shop_country


def render(
    template: Template, channel: str, locale: str, values: Mapping[str, Any], shared: Snippets | None = None
) -> Content:
    """Render the texts of one channel. Raises NotRendered."""
    from aftershow.rules.templating import NotLiquid, liquid  # 190 ms: paid where a message is rendered

    name, texts = pick(template, locale, channel)
    shared = shared or Snippets()
    words = dict(shared.words.get(snippets.spoken(shared.words, name), {})) if shared.words else {}
    body = shared.body()
    writer = _Writer(
        liquid(body, html=False), liquid(body, html=True), shared, {**values, "words": words, "locale": name}
    )
    try:
        return writer.write(part_of(texts, channel))
    except NotLiquid as error:
        reason = f"{type(error).__name__}: {error.message}"
        raise NotRendered(f"template {template.name}: {reason}") from error


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the parts of one message."""

    plain: Liquid
    page: Liquid
    shared: Snippets
    values: dict[str, Any]

    def write(self, part: Part) -> Content:
        match part:
            case EmailPart():
                return self._email(part)
            case SmsPart():
                return self._sms(part)
            case PushPart():
                return self._push(part)
            case WechatPart():
                told = self._for("wechat")
                fields, misfits = fitted({name: self.plain.render(text, told) for name, text in part.fields.items()})
                if misfits:
                    raise NotRendered(f"WeChat takes no {misfits[0].field} like this: {misfits[0].why}")
                return Wechat(part.template_id, fields, _squeezed(self.plain.render(part.page, told)))
            case WecomPart():
                told = self._for("wecom")
                text = _tidy(self.plain.render(part.text, told))
                return Wecom(text, self._link, self._address(part.picture, told), self._address(part.video, told))
            case WebhookPart():
                told = self._for("webhook")
                return Webhook({name: self.plain.render(text, told).strip() for name, text in part.data.items()})
            case _:
                assert_never(part)

    @property
    def _link(self) -> str:
        return str(self.values.get("link", ""))

    def _for(self, channel: str) -> dict[str, Any]:
        """The values with what others wrote made harmless for a channel."""
        most = ROOM[channel]
        told: dict[str, Any] = quoting.mapped(self.values, lambda text: quoting.harmless(text, most))
        return told

    def _address(self, source: str, told: Mapping[str, Any]) -> str:
        return snippets.web_address(self.plain.render(source, told).strip(), secure=True)

    def _email(self, part: EmailPart) -> Email:
        told = self._for("email")
        subject = _one_line(self.plain.render(part.subject, told)) or _one_line(
            str(told.get("shop", {}).get("name", ""))
        )
        text = _tidy(self.plain.render(part.text, told))
        if part.is_whole_page:
            return Email(subject, text + "\n", self.page.render(part.html, told))
        html = self.page.render(part.html, told) if part.html else _paragraphs(self.page.render(part.text, told))
        told |= {"subject": subject, "preheader": _one_line(self.plain.render(part.preheader, told))}
        return Email(subject, self._laid_out("text", text, told) + "\n", self._laid_out("html", html, told))

    def _laid_out(self, kind: str, content: str, told: Mapping[str, Any]) -> str:
        from aftershow.rules.templating import safe

        layout = self.shared.sources.get(f"{_LAYOUT}.{kind}")
        if layout is None:
            return content
        if kind == "html":
            return self.page.render(layout, {**told, "content": safe(content)})
        return _tidy(self.plain.render(layout, {**told, "content": content}))

    def _push(self, part: PushPart) -> Push:
        told = self._for("push")
        title = quoting.cut(_squeezed(self.plain.render(part.title, told)), MAX_PUSH_TITLE)
        text = quoting.cut(_squeezed(self.plain.render(part.text, told)), MAX_PUSH_TEXT)
        return Push(title, text, self._link, self._address(part.picture, told))

    def _sms(self, part: SmsPart) -> Sms:
        own = self._sms_text(part.text, 0, gsm=True)
        gsm = is_gsm(own)
        most = max(part.segments, charged(own).segments)
        for room in SMS_ROOM:
            text = self._sms_text(part.text, room, gsm=gsm)
            if charged(text).segments <= most:
                break
        parameters = {name: self._sms_text(source, room, gsm=gsm) for name, source in part.parameters.items()}
        return Sms(text, part.template_ids, parameters)

    def _sms_text(self, source: str, room: int, *, gsm: bool) -> str:
        def treat(text: str) -> str:
            if not room:
                return ""
            quoted = quoting.harmless(text, room, end="")
            return quoting.in_gsm(quoted) if gsm else quoted

        return _squeezed(self.plain.render(source, quoting.mapped(self.values, treat)))


def charged(text: str, rule: Rule = "standard") -> Length:
    """The length of a text message with the signature that a provider in China puts before it."""
    signed = bool(_IDEOGRAPHS.search(text)) and not text.startswith("【")
    return length("签" * SIGNATURE_CHARACTERS + text if signed else text, rule)


def _one_line(subject: str) -> str:
    """No personalised text may start a new header."""
    return re.sub(r"[\x00-\x1f\x7f\s]+", " ", subject).strip()[:MAX_SUBJECT_CHARACTERS].strip()


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _tidy(text: str) -> str:
    """Lines without spaces at their ends, at most one empty line between paragraphs."""
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines)


def _paragraphs(text: str) -> str:
    """A page's body from the text's paragraphs; what a snippet wrote as HTML stands as it is."""
    blocks = [block for block in _tidy(text).split("\n\n") if block]
    return "\n".join(
        block if block.startswith("<") else "<p>" + block.replace("\n", "<br>") + "</p>" for block in blocks
    )
