"""Sample viewers for looking at templates: with a name and without, with a cart and without, very long ones."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from aftershow.model.base import Stamped
from aftershow.model.ids import reminder_id, viewer_id
from aftershow.model.instants import HOUR, parse_instant
from aftershow.model.ledger import NEVER, Account, Lot
from aftershow.model.playbooks import MAX_MESSAGES
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import Template
from aftershow.model.tiers import Tiers
from aftershow.model.viewers import Head
from aftershow.rules import content, snippets
from aftershow.services.rendering import signed

# A Wednesday evening in Shanghai.
NOW = parse_instant("2026-03-04T12:30:00Z")
REPLAY = "https://live.example.com/replay/spring"
# As long as an address of an HTTP API of AWS without a domain of one's own: it decides what a text message costs.
BASE_URL = "https://abcdefghij.execute-api.eu-west-1.amazonaws.com"
_STEP = re.compile(r"step\.id == '([a-z0-9-]+)'")
_SETTINGS = {"base_url": BASE_URL, "link_secret": "sample", "postal_address": "1 Sample Road, Hangzhou"}
_TITLE = "春茶上新 · Spring tea"
_LONG = "A very long name of a product, 一个非常长的商品名称 👩\u200d👩\u200d👧 "
# Nothing is there: a preview shows a drawing in its place.
PICTURE = "https://shop.example.com/pictures/sample.png"


@dataclass(frozen=True, slots=True)
class Sample:
    """A viewer to look at a template with."""

    id: str
    title: str
    name: str
    cart: tuple[snippets.Card, ...] = ()
    points: int = 0
    number: int = 1
    step: str = "first"


def settings_for_samples(settings: Settings | None = None) -> Settings:
    """A shop with all that a message may show; a shop's own settings with a secret for the links where it has none."""
    if settings is None:
        return Settings(shop_name="Aftershow", **_SETTINGS)
    return settings if settings.link_secret else settings.model_copy(update={"link_secret": "sample"})


def samples(template: Template) -> list[Sample]:
    """The viewers; of a series, one for each message."""
    tea = _card("p1", "桂花乌龙茶 · Osmanthus oolong", "89.00", "高山手采", "https://shop.example.com/videos/p1")
    pot = _card("p2", "便携旅行茶壶 · Travel teapot", "158.00")
    long = dataclasses.replace(tea, product="p3", name=_LONG * 4, quantity=12)
    found = [
        Sample("name-and-cart", "with a name and a cart", "Mei 李梅", (tea, pot), points=380),
        Sample("nothing-known", "nothing is known of her", ""),
        Sample("long", "long names", "María Magdalena Theresia von und zu Hohenstein-Löwenberg the Third", (long,) * 4),
    ]
    if "step.number" in template.body():
        found += [
            Sample(f"message-{number}", f"message {number} of the series", "Mei", (tea,), 380, number)
            for number in range(2, MAX_MESSAGES + 1)
        ]
    steps = sorted(set(_STEP.findall(template.body())))
    return found + [Sample(f"step-{step}", f"step {step}", "Mei", (tea,), 380, step=step) for step in steps]


def _card(product: str, name: str, price: str, selling_point: str = "", video: str = "") -> snippets.Card:
    return snippets.Card(
        product, name, 1, price, "CNY", address=f"https://shop.example.com/products/{product}", picture=PICTURE,
        selling_point=selling_point, video=video,
    )  # fmt: skip


def occasion(sample: Sample, template: Template, channel: str, settings: Settings, tiers: Tiers) -> content.Occasion:
    """What a message to a sample viewer is about: everything that a template may speak of is there."""
    viewer = viewer_id("user", sample.id)
    row = Reminder(
        id=reminder_id(template.name, sample.step, viewer, "show#spring", sample.number - 1), viewer=viewer,
        playbook="preview", playbook_version=1, step=sample.step, occurrence=sample.number - 1, about="show#spring",
        show="spring", channel=channel, message_class="marketing", template=template.name, locale="en",
        zone=settings.shop_zone, created=NOW, reference=NOW, due=NOW, deadline=NOW + HOUR, claimed_at=NOW,
        links=snippets.destinations(REPLAY, sample.cart),
    )  # fmt: skip
    if template.coupon is not None:
        row = row.model_copy(update={"coupon": snippets.coupon(template.coupon, settings.link_secret, row.id, NOW)})
    head = Head(viewer=viewer, traits={"name": _said(sample.name)} if sample.name else {})
    fields: dict[Any, Stamped] = {"title": _said(_TITLE), "host": _said("Lan"), "replay_url": _said(REPLAY)}
    lots = (Lot(expires_at=NEVER, points=sample.points),) if sample.points else ()
    account = Account(viewer=viewer, lots=lots, earned=sample.points)
    return content.Occasion(
        row, head, Show(show="spring", fields=fields), sample.cart, accounts=(account,), tiers=tiers, now=NOW
    )


def values(
    sample: Sample, template: Template, channel: str, locale: str, settings: Settings, tiers: Tiers
) -> dict[str, Any]:
    """What the template may say to a sample viewer."""
    about = occasion(sample, template, channel, settings, tiers)
    return content.variables(about, template, locale, settings, signed(settings, about.reminder))


def everything(template: Template, locale: str, settings: Settings, tiers: Tiers) -> dict[str, Any]:
    """The values of somebody of whom all is known: what isn't in them is an unknown variable."""
    [first, *_] = samples(template)
    return {**values(first, template, "email", locale, settings, tiers), "words": {}}


def each(template: Template, locales: set[str] | None, channels: set[str] | None) -> Iterator[tuple[str, str]]:
    """The (locale, channel) pairs of a template that are asked for."""
    for locale, texts in template.texts.items():
        for channel in texts.channels:
            if (locales is None or locale in locales) and (channels is None or channel in channels):
                yield locale, channel


def _said(value: str) -> Stamped:
    return Stamped(value=value, at=NOW, id="sample")
