"""A test message to oneself: a playbook's own first template, filled with the last show and a sample cart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from aftershow.adapters.file import FileChannel
from aftershow.adapters.mime import Letterhead
from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.instants import MINUTE
from aftershow.model.messages import Email
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import Snippets, Template
from aftershow.model.viewers import Head
from aftershow.ports.channels import Accepted, Answer, Channel, Outgoing
from aftershow.rules import content, pictures, snippets

_NAME = "test"
_MARKS = {"zh": "【测试】"}


def sample(
    playbook: Playbook, template: Template, shared: Snippets, settings: Settings, show: Show | None, to: str
) -> Outgoing:
    """The message, marked as a test; its links lead to the shop's address, and end nothing. Raises NotRendered."""
    row = Reminder(
        id=_NAME, viewer=_NAME, playbook=playbook.id, playbook_version=playbook.version, step=playbook.steps[0].id,
        occurrence=0, about=_NAME, channel="email", message_class=playbook.message_class, template=template.name,
        locale=settings.shop_locale, zone=settings.shop_zone, created=0, reference=0, due=0, deadline=MINUTE,
    )  # fmt: skip
    line = CartLine(quantity=1, at=0, id=_NAME, name="Sample product · 示例商品")
    engagement = Engagement(viewer=_NAME, about=_NAME, first_at=0, last_at=0, cart={_NAME: line})
    links = content.Links(button=settings.base_url, unsubscribe=settings.base_url)
    locale, _ = content.pick(template, settings.shop_locale, "email")
    occasion = content.Occasion(row, Head(viewer=_NAME), show, snippets.cart_cards(engagement, {}, ()))
    values = content.variables(occasion, template, locale, settings, links)
    rendered = pictures.attached(content.render(template, "email", locale, values, shared), template)
    if not isinstance(rendered, Email):
        raise content.NotRendered(f"template {template.name} is no e-mail")
    mark = _MARKS.get(settings.shop_locale.partition("-")[0], "[Test] ")
    tags = {"viewer": _NAME, "reminder": _NAME, "attempt": "1"}
    return Outgoing(to, dataclasses.replace(rendered, subject=f"{mark}{rendered.subject}"), {}, tags)


def send(message: Outgoing, channel: Channel | None, folder: Path, letterhead: Letterhead) -> str:
    """Send it, through the real channel where there is one, else into a file; returns what became of it."""
    if channel is None:
        answer: Answer = FileChannel(folder, letterhead).send(message)
        where = folder / answer.provider_id if isinstance(answer, Accepted) else folder
        return f"written to {where}; nothing was sent" if isinstance(answer, Accepted) else f"not written: {answer}"
    answer = channel.send(message)
    if isinstance(answer, Accepted):
        return f"sent to {message.address}, SES calls it {answer.provider_id}"
    return f"not sent: {dataclasses.asdict(answer)}"
