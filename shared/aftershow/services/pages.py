"""The few pages that a viewer sees, without scripts: in Chinese or English, for a telephone, readable in the dark and
with a screen reader."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs

from aftershow.model.playbooks import TOPICS
from aftershow.model.settings import Settings
from aftershow.rules.preferences import WEEKLY_LIMITS, Preferences
from aftershow.rules.surveys import REASONS, WANTED

# What the person read when they agreed on the page again; another wording is another version.
WORDING_VERSION = "preference-page-1"
# Forms are small; more is no form of ours.
MAX_FORM_BYTES = 8_192

_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;margin:0;background:#f6f5f2;color:#222}"
    "main{max-width:30rem;margin:8vh auto;padding:2rem;background:#fff;border-radius:12px}"
    "h1{font-size:1.3rem}fieldset{border:1px solid #999;border-radius:8px;margin:0 0 1rem;padding:.6rem 1rem}"
    "label{display:block;padding:.35rem 0}input{width:1.1rem;height:1.1rem;vertical-align:-.15rem;margin-right:.5rem}"
    "button{font:inherit;padding:.7rem 1.4rem;border:0;border-radius:8px;background:#b3261e;color:#fff;cursor:pointer}"
    "a{color:inherit}:focus-visible{outline:3px solid #1a73e8;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}main{background:#222}}"
)
_CHANNELS: dict[str, tuple[str, str]] = {
    "email": ("E-mail", "电子邮件"),
    "sms": ("Text message", "短信"),
    "push": ("Push notification", "推送通知"),
    "wechat": ("WeChat", "微信"),
    "wecom": ("WeCom", "企业微信"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer: a page for a person, the way to where a link leads, or what a provider expects."""

    status: int
    body: str = ""
    location: str | None = None
    content_type: str = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request, as far as pages look at it."""

    token: str
    method: str = "GET"
    user_agent: str = ""
    languages: str = ""
    body: bytes = b""
    provider: str = ""
    form: Mapping[str, Sequence[str]] = field(default_factory=dict)


def form_of(body: bytes) -> Mapping[str, Sequence[str]]:
    """The fields of a form; none where it is too large or none."""
    return {} if len(body) > MAX_FORM_BYTES else parse_qs(body.decode("utf-8", "replace"), max_num_fields=50)


def language(visit: Visit, known: str) -> str:
    """The first language that the browser asks for and that there is, else the one that is known of the viewer."""
    asked = re.findall(r"(?:^|,)\s*(zh|en)\b", visit.languages.lower())
    name = asked[0] if asked else known.lower()
    return "zh-CN" if name.startswith("zh") else "en"


class Writer:
    """Writes pages in one language for one shop."""

    def __init__(self, settings: Settings, locale: str) -> None:
        self._settings = settings
        self._locale = locale

    def _say(self, english: str, chinese: str) -> str:
        return escape(chinese if self._locale == "zh-CN" else english)

    def _page(self, title: str, body: str, status: int = 200) -> Page:
        head = (
            f'<!doctype html><html lang="{self._locale}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
            f'<meta name="color-scheme" content="light dark"><title>{title}</title><style>{_STYLE}</style>'
        )
        return Page(
            status, f"{head}<main><p>{escape(self._settings.shop_name)}</p><h1>{title}</h1>{body}</main></html>"
        )

    def _button(self, english: str, chinese: str) -> str:
        return f"<p><button>{self._say(english, chinese)}</button></p>"

    def unknown_link(self) -> Page:
        """For a link that was changed, has run out, or is none of ours: friendly, without detail."""
        text = self._say("This link is not valid, or not any more.", "这个链接无效或已失效。")
        return self._page(self._say("Link not valid", "链接无效"), f"<p>{text}</p>", 404)

    def unsubscribe(self, token: str, preferences_token: str) -> Page:
        """The page behind an unsubscribe link: one button, and the way to finer choices."""
        return self._page(
            self._say("Unsubscribe", "退订"),
            f"<p>{self._say('Stop receiving these messages?', '不再接收这类消息？')}</p>"
            f'<form method="post" action="/u/{escape(token)}">'
            '<input type="hidden" name="List-Unsubscribe" value="One-Click">'
            f"{self._button('Unsubscribe', '退订')}</form>{self._way_to_preferences(preferences_token)}",
        )

    def unsubscribed(self, preferences_token: str) -> Page:
        """After an opt-out."""
        text = self._say("Done. You will not get these messages any more.", "已退订，不会再向您发送这类消息。")
        more = self._way_to_preferences(preferences_token)
        return self._page(self._say("Unsubscribed", "已退订"), f"<p role=status>{text}</p>{more}")

    def _way_to_preferences(self, token: str) -> str:
        text = self._say("Choose what you get, and how often", "选择想收到的内容与频率")
        return f'<p><a href="/p/{escape(token)}">{text}</a></p>'

    def preferences(
        self, token: str, channels: Iterable[tuple[str, bool, bool]], chosen: Preferences, now: int, *, saved: bool
    ) -> Page:
        """The preference page. `channels`: (name, whether it is on, whether it can be changed here)."""
        done = f"<p role=status>{self._say('Saved.', '已保存。')}</p>" if saved else ""
        ways = "".join(self._channel(*one) for one in channels)
        topics = "".join(
            _box("topic", topic, self._say(words["en"], words["zh-CN"]), on=topic not in chosen.topics_off)
            for topic, words in TOPICS.items()
        )
        often = _choice("per_week", "", self._say("As usual", "照常"), on=chosen.per_week is None) + "".join(
            _choice(
                "per_week",
                str(most),
                self._say(f"At most {most} a week", f"每周最多 {most} 条"),
                on=chosen.per_week == most,
            )
            for most in WEEKLY_LIMITS
        )
        paused = _box(
            "pause", "30", self._say("Pause everything for 30 days", "全部暂停 30 天"), on=chosen.paused_until > now
        )
        agree = self._say(
            "By switching a way back on you agree to get marketing messages there again; you can withdraw at any time.",
            "重新打开某个渠道，即表示您同意再次通过它接收营销消息；您可以随时撤回。",
        )
        body = (
            f'{done}<form method="post" action="/p/{escape(token)}">'
            f"{self._group('Ways', '渠道', ways)}<p><small>{agree}</small></p>{self._group('Topics', '内容', topics)}"
            f"{self._group('How often', '频率', often)}{self._group('Pause', '暂停', paused)}"
            f"{self._button('Save', '保存')}</form>"
        )
        return self._page(self._say("Your preferences", "消息偏好"), body)

    def _group(self, english: str, chinese: str, fields: str) -> str:
        return f"<fieldset><legend>{self._say(english, chinese)}</legend>{fields}</fieldset>"

    def _channel(self, name: str, on: bool, changeable: bool) -> str:  # noqa: FBT001 (a row of the form)
        text = self._say(*_CHANNELS.get(name, (name, name)))
        if changeable:
            return _box("channel", name, text, on=on)
        off = self._say("off; you can agree to it in the shop", "未开启；可在商城中同意")
        return f"<p>{text}: {off}</p>"

    def survey(self, token: str) -> Page:
        """Why did you not order?"""
        return self._question(f"/s/{token}", "reason", REASONS, "What kept you from ordering?", "是什么让您没有下单？")

    def quiz(self, token: str) -> Page:
        """What would you like to see?"""
        return self._question(
            f"/q/{token}", "option", WANTED, "What should the next show be about?", "下一场想看什么？"
        )

    def _question(
        self, action: str, field: str, answers: Mapping[str, tuple[str, str]], english: str, chinese: str
    ) -> Page:
        listed = "".join(
            f'<label><input type="radio" name="{field}" value="{escape(name)}" required>{self._say(*words)}</label>'
            for name, words in answers.items()
        )
        body = (
            f'<form method="post" action="{escape(action)}"><fieldset><legend>{self._say(english, chinese)}</legend>'
            f"{listed}</fieldset>{self._button('Send', '提交')}</form>"
        )
        return self._page(self._say("One question", "一个问题"), body)

    def thanks(self) -> Page:
        """After an answer."""
        text = self._say("Thank you, that helps us.", "谢谢您的反馈！")
        return self._page(self._say("Thank you", "谢谢"), f"<p role=status>{text}</p>")


def _box(name: str, value: str, text: str, *, on: bool) -> str:
    checked = " checked" if on else ""
    return f'<label><input type="checkbox" name="{name}" value="{escape(value)}"{checked}>{text}</label>'


def _choice(name: str, value: str, text: str, *, on: bool) -> str:
    checked = " checked" if on else ""
    return f'<label><input type="radio" name="{name}" value="{escape(value)}"{checked}>{text}</label>'
