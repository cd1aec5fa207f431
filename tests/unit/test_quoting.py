"""Quoting: whatever somebody writes into a name stays a name, on every channel."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.messages import Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.model.templates import (
    EmailPart,
    PushPart,
    SmsPart,
    Snippets,
    Template,
    Texts,
    WebhookPart,
    WechatPart,
    WecomPart,
)
from aftershow.rules.content import charged, render
from aftershow.rules.quoting import Quoted, cut, harmless, in_gsm
from aftershow.rules.segments import is_gsm, length
from infra.local import catalog
from tests.unit.samples import examples

PIECES = [
    "evil.com", "http://", "https://evil.example/x?y", "www.", "EVIL.COM", "例子.中国", "xn--fiqs8s.cn", "1.2.3.4",
    "javascript:", "weixin://dl", "mailto:a@b.co", "\r\nBcc: x@evil.com", "\n\n", "<script>", "</title>", '"',
    "'><img src=x onerror=1>", "{{ secret }}", "{% for a in b %}", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff",
    "\u00ad", "\U000e0041", "\ud800", "\ue000", "\x00", "\x1b[2J", "\u2028", "\u2488com", "evil\uff0ecom",
    "evil\u3002com", "evil\uff61com", "evil\u2024com", "😀", "👩\u200d👩\u200d👧", "👍🏽", "é", "e\u0301\u0301",
    "’", "“x”", "€", "李娜", "a" * 200, " ", ".",
]  # fmt: skip
HOSTILE = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
# What iOS and Android make a link of: a scheme, a name with a top-level domain, an address of numbers.
LINKS = re.compile(
    r"[a-z][a-z0-9+.-]*:[^\s\d…]|[^\s.][.\u2024\uff0e][^\W\d_]|[^\s.][\u3002\uff61][a-z]|\b\d+\.\d+\.\d+\.\d+\b",
    re.IGNORECASE,
)
SHARED = catalog.snippets()
UNSEEN = {"Cc", "Cs", "Co", "Zl", "Zp"}


def written(texts: Texts, channel: str, name: str) -> object:
    """A message of one channel to somebody of that name."""
    template = Template(name="x", texts={"en": texts})
    return render(template, channel, "en", {"name": Quoted(name), "link": "https://s.example/c/t"}, SHARED)


def is_harmless(text: str) -> bool:
    return not LINKS.search(text) and not any(unicodedata.category(one) in UNSEEN for one in text)


@examples(200)
@given(HOSTILE, st.integers(0, 90))
def test_a_quoted_text_is_only_text(text: str, most: int) -> None:
    found = harmless(text, most)
    assert len(found) <= most
    assert is_harmless(found)
    assert found == " ".join(found.split())
    assert not any(unicodedata.category(one) == "Cf" and one != "\u200d" for one in found)
    assert found[-1:] != "\u200d"
    assert harmless(found, most) == found, "quoting what was quoted changes nothing"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Mei", "Mei"),
        ("  李 娜 ", "李 娜"),
        ("👩\u200d👩\u200d👧 and 👍🏽", "👩\u200d👩\u200d👧 and 👍🏽"),
        ("Tea 3.5 kg, 19.90 at 20:30", "Tea 3.5 kg, 19.90 at 20:30"),
        ("春茶上新。全场包邮", "春茶上新。全场包邮"),
        ("win at evil.com", "win at evil. com"),
        ("https://evil.com", "https: //evil. com"),
        ("a\u202egpj.exe", "agpj. exe"),
        ("a\r\nBcc: b", "a Bcc: b"),
        ("z\u200be\u200br\u200bo", "zero"),
    ],
)
def test_how_it_reads(text: str, shown: str) -> None:
    assert harmless(text, 80) == shown


def test_a_cut_takes_whole_letters_and_emoji() -> None:
    assert cut("e\u0301" * 5, 5) == "e\u0301e\u0301"[:4] + "…"
    assert cut("👍🏽👍🏽👍🏽", 4, end="") == "👍🏽👍🏽"
    assert cut("abc def", 4, end="") == "abc"
    assert cut("abcdef", 3) == "ab…"
    assert cut("春茶 · Spring tea", 5, end="") == "春茶"


@examples(200)
@given(HOSTILE)
def test_the_gsm_form_is_in_the_alphabet_and_still_harmless(text: str) -> None:
    found = in_gsm(harmless(text, 60))
    assert is_gsm(found)
    assert is_harmless(found)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Zoë", "Zoe"), ("José Núñez", "José Nuñez"), ("Łukasz", "Lukasz"), ("“Tea” – 100 g…", '"Tea" - 100 g'),
     ("李娜", ""), ("Mei 李", "Mei"), ("春茶 · Tea, 茶", "Tea"), ("😀", ""), ("Œuvre", "OEuvre")],
)  # fmt: skip
def test_what_the_alphabet_lacks_is_replaced_or_left_out(text: str, shown: str) -> None:
    assert in_gsm(text) == shown


class Tags(HTMLParser):
    """Counts what a page is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))


EMAIL = Texts(
    email=EmailPart(
        subject="For {{ name }}", preheader="{{ name }}", text="{% render 'greeting' %}\n\nHello {{ name }}"
    )
)
PLAIN = written(EMAIL, "email", "Mei")


@examples(60)
@given(HOSTILE)
def test_an_email_keeps_its_headers_and_its_markup(name: str) -> None:
    mail = written(EMAIL, "email", name)
    assert isinstance(mail, Email)
    assert isinstance(PLAIN, Email)
    assert len(mail.subject.splitlines()) <= 1
    assert is_harmless(mail.subject)
    # The same page as for anybody: not one tag or attribute more.
    assert Tags(mail.html).seen == Tags(PLAIN.html).seen
    assert mail.text.count("\n") == PLAIN.text.count("\n")


SHORT = "{% if name != '' %}{{ name }}, what{% else %}What{% endif %} you picked is in the replay: {{ link }} STOP: end"
CHINESE = "{{ name }}您好，回放已上线 {{ link }} 拒收请回复R"


@examples(100)
@given(HOSTILE, st.sampled_from([SHORT, CHINESE]), st.integers(1, 3))
def test_a_name_never_costs_a_segment(name: str, text: str, segments: int) -> None:
    message = written(Texts(sms=SmsPart(text=text, segments=segments)), "sms", name)
    without = written(Texts(sms=SmsPart(text=text, segments=segments)), "sms", "")
    assert isinstance(message, Sms)
    assert isinstance(without, Sms)
    assert charged(message.text).segments <= max(segments, charged(without.text).segments)
    assert length(message.text).alphabet == length(without.text).alphabet
    assert is_harmless(message.text.replace("https://s.example/c/t", ""))
    assert len(message.text.splitlines()) == 1


def test_a_long_name_is_cut_before_a_segment_is_added() -> None:
    message = written(
        Texts(sms=SmsPart(text=SHORT, segments=1)), "sms", "Maria Magdalena Theresia von und zu Hohenstein-" * 3
    )
    assert isinstance(message, Sms)
    assert length(message.text).segments == 1
    assert message.text.startswith("Maria Magdalena")


@examples(100)
@given(HOSTILE)
def test_other_channels_carry_text_only(name: str) -> None:
    source = "For {{ name }}!"
    push = written(Texts(push=PushPart(title=source, text=source, picture="{{ name }}")), "push", name)
    wechat = written(Texts(wechat=WechatPart(template_id="t", fields={"thing1": source})), "wechat", name)
    wecom = written(Texts(wecom=WecomPart(text=source, picture="{{ name }}")), "wecom", name)
    webhook = written(Texts(webhook=WebhookPart(data={"for": source})), "webhook", name)
    assert isinstance(push, Push)
    assert isinstance(wechat, Wechat)
    assert isinstance(wecom, Wecom)
    assert isinstance(webhook, Webhook)
    for text in (push.title, push.text, *wechat.fields.values(), wecom.text, *webhook.data.values()):
        assert is_harmless(text)
        assert len(text.splitlines()) == 1
    # A name is no address of a picture.
    assert (push.picture, wecom.picture) == ("", "")
    assert json.loads(json.dumps(dict(webhook.data)).encode()) == webhook.data


def test_no_snippets_are_needed() -> None:
    template = Template(name="x", texts={"en": Texts(email=EmailPart(subject="s", text="a\n\nb"))})
    mail = render(template, "email", "en", {}, Snippets())
    assert isinstance(mail, Email)
    assert (mail.text, mail.html) == ("a\n\nb\n", "<p>a</p>\n<p>b</p>")
