"""Content: a template, a person and an occasion become a subject, a text and a page.

Liquid (python-liquid) with escaping on in HTML, and limits on loops and output, so that no template runs for ever. A
variable that isn't known is empty at send.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, assert_never

from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.model.money import display
from aftershow.model.products import Product
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import (
    EmailPart,
    Part,
    PushPart,
    SmsPart,
    Template,
    Texts,
    WebhookPart,
    WechatPart,
    WecomPart,
)
from aftershow.model.viewers import Head
from aftershow.rules.obstacle import UNKNOWN, held_back
from aftershow.rules.subscribe_fields import fitted

MAX_LOOPS = 1_000
MAX_OUTPUT_BYTES = 256 * 1024
MAX_SUBJECT_CHARACTERS = 120
MAX_PRODUCTS = 4
FALLBACK_LOCALE = "en"
# The channel that takes whatever there is.
FILE = "file"


class NotRendered(Exception):
    """The template can't be rendered: its name and the reason, without personal data."""


@dataclass(frozen=True, slots=True)
class Links:
    """Absolute addresses: the button's, and the one that ends these messages."""

    button: str
    unsubscribe: str


def pick(template: Template, locale: str, channel: str) -> tuple[str, Texts]:
    """(locale, texts) that has the channel: the locale itself, its language, English, else whatever there is first.
    Raises NotRendered."""
    texts = {name: one for name, one in template.texts.items() if channel == FILE or channel in one.channels}
    if not texts:
        raise NotRendered(f"template {template.name} has no text for {channel}")
    # Android writes zh_CN.
    language = locale.replace("_", "-").partition("-")[0].lower()
    by_language = {name.partition("-")[0].lower(): name for name in sorted(texts, reverse=True)}
    wanted = (locale, by_language.get(language), FALLBACK_LOCALE, *sorted(texts))
    name = next(name for name in wanted if name in texts)
    return name, texts[name]


def shown_lines(engagement: Engagement | None) -> dict[str, CartLine]:
    """The cart lines that a message shows, by product id."""
    return dict(islice((engagement.cart_lines() if engagement else {}).items(), MAX_PRODUCTS))


def variables(
    reminder: Reminder,
    head: Head,
    show: Show | None,
    engagement: Engagement | None,
    settings: Settings,
    links: Links,
    products: Mapping[str, Product] = MappingProxyType({}),
) -> dict[str, Any]:
    """What a template may say. `products` are those of the catalog that the cart's lines leave unnamed."""
    cart = [_line(product, line, products.get(product)) for product, line in shown_lines(engagement).items()]
    return {
        "name": head.trait("name") or "",
        "shop": {"name": settings.shop_name, "postal_address": settings.postal_address},
        "show": {
            "title": (show.text("title") or "") if show else "",
            "host": (show.text("host") or "") if show else "",
        },
        "cart": cart,
        # A code of rules.obstacle: a template may answer it, or say nothing of it.
        "obstacle": ((held_back(engagement) if engagement else None) or UNKNOWN).obstacle,
        "link": links.button,
        "unsubscribe": links.unsubscribe,
        "step": {"id": reminder.step, "number": reminder.occurrence + 1},
    }


def _line(product_id: str, line: CartLine, product: Product | None) -> dict[str, Any]:
    """A cart line; what it says itself comes first, the catalog may have changed since."""
    own = (line.minor, line.currency) if line.minor is not None and line.currency else None
    price = own or (product.price if product else None)
    return {
        "product_id": product_id,
        "name": line.name or (product.text("name") if product else None) or product_id,
        "quantity": line.quantity,
        "price": display(*price) if price else "",
        "currency": price[1] if price else "",
    }


def render(template: Template, channel: str, locale: str, values: Mapping[str, Any]) -> Content:
    """Render the texts of one channel. Raises NotRendered."""
    import liquid  # 190 ms: paid where a message is rendered, not by every cold start

    class Plain(liquid.Environment):
        loop_iteration_limit = MAX_LOOPS
        output_stream_limit = MAX_OUTPUT_BYTES
        local_namespace_limit = MAX_OUTPUT_BYTES

    def plain(text: str) -> str:
        return Plain().from_string(text).render(**values)

    def page(text: str) -> str:
        return Plain(autoescape=True).from_string(text).render(**values)

    _, texts = pick(template, locale, channel)
    part = getattr(texts, texts.channels[0] if channel == FILE else channel)
    try:
        return _rendered(part, plain, page, str(values.get("link", "")))
    except liquid.exceptions.LiquidError as error:
        raise NotRendered(f"template {template.name}: {type(error).__name__}") from error


def _rendered(part: Part, plain: Callable[[str], str], page: Callable[[str], str], link: str) -> Content:
    match part:
        case EmailPart():
            return Email(_one_line(plain(part.subject)), plain(part.text).strip() + "\n", page(part.html))
        case SmsPart():
            parameters = {name: plain(text).strip() for name, text in part.parameters.items()}
            return Sms(plain(part.text).strip(), part.template_ids, parameters)
        case PushPart():
            return Push(_one_line(plain(part.title)), plain(part.text).strip(), link, plain(part.picture))
        case WechatPart():
            fields, misfits = fitted({name: plain(text) for name, text in part.fields.items()})
            if misfits:
                raise NotRendered(f"WeChat takes no {misfits[0].field} like this: {misfits[0].why}")
            return Wechat(part.template_id, fields, plain(part.page))
        case WecomPart():
            return Wecom(plain(part.text).strip(), link, plain(part.picture), plain(part.video))
        case WebhookPart():
            return Webhook({name: plain(text) for name, text in part.data.items()})
        case _:
            assert_never(part)


def _one_line(subject: str) -> str:
    """No personalised text may start a new header."""
    return re.sub(r"[\x00-\x1f\x7f\s]+", " ", subject).strip()[:MAX_SUBJECT_CHARACTERS]
