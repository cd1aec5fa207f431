"""Rendered messages: what a template, a person and an occasion became, by kind of channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that travels inside an e-mail; the page shows it as `cid:` and its name."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Sms:
    """A text message; `template_ids` by provider and `parameters`, in order, for those that send by template."""

    text: str
    template_ids: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Push:
    """A notification on a telephone, and what a tap on it opens."""

    title: str
    text: str
    link: str
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Wechat:
    """A subscribe message of a mini-program."""

    template_id: str
    fields: Mapping[str, str]
    page: str = ""


@dataclass(frozen=True, slots=True)
class Wecom:
    """A draft for staff, and the link that goes with it."""

    text: str
    link: str
    picture: str = ""
    video: str = ""


@dataclass(frozen=True, slots=True)
class Webhook:
    """What a partner gets, as JSON."""

    data: Mapping[str, str]


Content = Email | Sms | Push | Wechat | Wecom | Webhook
