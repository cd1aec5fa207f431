"""A test message to oneself: a playbook's own first template, filled with the last show and a sample cart."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from aftershow.adapters.file import FileChannel
from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.instants import MINUTE
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wecom
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import Snippets, Template
from aftershow.model.viewers import Head
from aftershow.ports.channels import Accepted, Answer, Channel, Drafted, Outgoing
from aftershow.rules import content, pictures, snippets
from infra.local import answers

_NAME = "test"
_MARKS = {"zh": "【测试】"}


@dataclass(frozen=True, slots=True)
class Target:
    """Who gets the test: oneself, on one channel."""

    channel: str
    address: str
    platform: str = ""


def target(text: str) -> Target:
    """An e-mail address, a telephone number like +8613812345678, `ios:` or `android:` and a push token, `wechat:` and
    an openid, `wecom:` and a customer's id, or `webhook`. Raises ValueError."""
    text = text.strip()
    kind, _, rest = text.partition(":")
    if text == "webhook":
        return Target("webhook", _NAME)
    if kind in ("ios", "android") and rest:
        return Target("push", rest, kind)
    if kind in ("wechat", "wecom") and rest:
        return Target(kind, rest)
    if re.fullmatch(r"\+[1-9][0-9]{6,14}", text):
        return Target("sms", text)
    return Target("email", answers.sender(text))


def sample(
    playbook: Playbook, template: Template, shared: Snippets, settings: Settings, show: Show | None, to: Target
) -> Outgoing:
    """The message, marked as a test; its links lead to the shop's address, and end nothing. Raises NotRendered."""
    row = Reminder(
        id=_NAME, viewer=_NAME, playbook=playbook.id, playbook_version=playbook.version, step=playbook.steps[0].id,
        occurrence=0, about=_NAME, channel=to.channel, message_class=playbook.message_class, template=template.name,
        locale=settings.shop_locale, zone=settings.shop_zone, created=0, reference=0, due=0, deadline=MINUTE,
    )  # fmt: skip
    line = CartLine(quantity=1, at=0, id=_NAME, name="Sample product · 示例商品")
    engagement = Engagement(viewer=_NAME, about=_NAME, first_at=0, last_at=0, cart={_NAME: line})
    links = content.Links(button=settings.base_url, unsubscribe=settings.base_url)
    locale, _ = content.pick(template, settings.shop_locale, to.channel)
    occasion = content.Occasion(row, Head(viewer=_NAME), show, snippets.cart_cards(engagement, {}, ()))
    values = content.variables(occasion, template, locale, settings, links)
    rendered = pictures.attached(content.render(template, to.channel, locale, values, shared), template)
    mark = _MARKS.get(settings.shop_locale.partition("-")[0], "[Test] ")
    tags = {"viewer": _NAME, "reminder": _NAME, "attempt": "1"}
    return Outgoing(to.address, _marked(rendered, mark), {}, tags, playbook.message_class, to.platform)


def _marked(message: Content, mark: str) -> Content:
    """A test says so where the reader looks first; what a platform's own template says can't."""
    match message:
        case Email():
            return dataclasses.replace(message, subject=mark + message.subject)
        case Push():
            return dataclasses.replace(message, title=mark + message.title)
        case Sms() | Wecom():
            return dataclasses.replace(message, text=mark + message.text)
        case Webhook():
            return Webhook({**message.data, "test": "true"})
        case _:
            return message


def send(message: Outgoing, channel: Channel | None, provider: str, files: FileChannel) -> str:
    """Send it, through the real channel where there is one, else into a file; returns what became of it."""
    if channel is None:
        answer: Answer = files.send(message)
        where = files.folder / answer.provider_id if isinstance(answer, Accepted) else files.folder
        return f"written to {where}; nothing was sent" if isinstance(answer, Accepted) else f"not written: {answer}"
    answer = channel.send(message)
    if isinstance(answer, Accepted):
        return f"sent to {message.address}, {provider.replace('ses', 'SES')} calls it {answer.provider_id}"
    if isinstance(answer, Drafted):
        return f"drafted for {message.address} as {answer.provider_id}: your staff confirm it in {provider}"
    return f"not sent: {dataclasses.asdict(answer)}"
