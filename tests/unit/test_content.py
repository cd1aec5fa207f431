"""Content: nothing that a viewer or a host wrote breaks a header or a page, and every template says what it must."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import CartLine, Engagement
from aftershow.model.messages import Email, Sms
from aftershow.model.products import Product
from aftershow.model.settings import Settings
from aftershow.model.templates import EmailPart, Template, Texts
from aftershow.rules.content import MAX_SUBJECT_CHARACTERS, Links, NotRendered, Occasion, pick, render, variables
from aftershow.rules.launching import content_hash
from aftershow.rules.segments import is_gsm
from aftershow.rules.snippets import cart_cards
from infra.local import catalog
from tests.unit.samples import START, ended_show, examples, reachable, said
from tests.unit.test_feedback import claimed

TEMPLATES = catalog.templates()
SHARED = catalog.snippets()
LINKS = Links("https://shop.example/c/token", "https://shop.example/u/token")
SHOP = Settings(shop_name="The Shop", postal_address="1 Street, City")
EVIL = "\"><script>alert('x')</script>\r\nBcc: everybody\u2028{{ unsubscribe }}{% for %}"


def values(
    name: str = "", title: str = "Spring", product: str = "p1", template: Template | None = None
) -> dict[str, Any]:
    """What a template may say of somebody with one line in her cart."""
    head = reachable(traits={"name": said(name)} if name else {})
    line = CartLine(quantity=2, minor=1990, currency="CNY", name=product, at=START, id="m")
    engagement = Engagement(viewer="u1", about="show#s1", first_at=START, last_at=START, cart={"p1": line})
    occasion = Occasion(claimed(), head, ended_show(title=title), cart_cards(engagement, {}, ()))
    return variables(occasion, template or one(), "en", SHOP, LINKS)


def one(subject: str = "s", text: str = "t", html: str = "h") -> Template:
    return Template(name="x", texts={"en": Texts(email=EmailPart(subject=subject, text=text, html=html))})


def mail(template: Template, locale: str, values: dict[str, Any]) -> Email:
    """The template's e-mail."""
    rendered = render(template, "email", locale, values, SHARED if template in TEMPLATES else None)
    assert isinstance(rendered, Email)
    return rendered


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("name", ["", "Mei"])
def test_every_template_renders_in_both_languages(template: Template, locale: str, name: str) -> None:
    assert {"en", "zh-CN"} <= set(template.texts)
    rendered = mail(template, locale, values(name))
    for part in (rendered.subject, rendered.text, rendered.html):
        assert part.strip()
        assert not re.search(r"\{[{%]|[%}]\}", part)
    for part in (rendered.text, rendered.html):
        assert LINKS.unsubscribe in part
        assert LINKS.button in part
        assert "The Shop" in part
        assert "1 Street, City" in part
    assert ("zh" in re.findall(r'<html lang="(\w+)', rendered.html)[0]) == (locale == "zh-CN")


def test_whoever_approves_a_playbook_approves_what_all_templates_share() -> None:
    before = catalog.current()
    words = {**SHARED.words, "en": {**SHARED.words["en"], "unsubscribe": "Never mind"}}
    layout = {**SHARED.sources, "layout.html": SHARED.sources["layout.html"] + " "}
    for shared in (SHARED.model_copy(update={"words": words}), SHARED.model_copy(update={"sources": layout})):
        assert all(
            content_hash(one) != content_hash(was) for one, was in zip(catalog.current(shared), before, strict=True)
        )
    assert catalog.current(SHARED) == before


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("country", "begins", "ends"), [("CN", "【", "拒收请回复R"), ("US", "", "Reply STOP to opt out")]
)
def test_a_text_message_follows_the_customs_of_its_country(
    template: Template, country: str, begins: str, ends: str
) -> None:
    told = values("Mei", template=template) | {"country": country}
    sms = render(template, "sms", "en", told, SHARED)
    assert isinstance(sms, Sms)
    assert sms.text.startswith(begins)
    assert sms.text.endswith(ends)
    assert is_gsm(sms.text) == (country == "US")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_text_and_page_say_the_same(template: Template, locale: str) -> None:
    """Every paragraph that the operator wrote stands in both."""
    rendered = mail(template, locale, values("Mei", template=template))
    page = unescape(re.sub(r"<[^>]+>", "\n", rendered.html))
    for line in template.texts[locale].email.text.splitlines():  # type: ignore[union-attr]
        if line and "{" not in line:
            assert line in rendered.text
            assert line in page


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_a_page_fits_every_screen_and_works_in_the_dark_and_without_pictures(template: Template) -> None:
    for locale in template.texts:
        page = mail(template, locale, values("Mei", template=template)).html
        assert 'name="viewport"' in page
        assert "prefers-color-scheme:dark" in page
        assert "max-width:560px" in page
        # No width that a telephone doesn't have, and no letter whose colour or ground is left to chance.
        assert all(int(width) <= 100 for width in re.findall(r"(?<!max-)width:(\d+)px", page))
        assert all("alt=" in picture for picture in re.findall(r"<img[^>]*>", page))
        assert "background:#ffffff;color:#22201d" in page


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_a_template_without_anything_to_say_still_renders(template: Template) -> None:
    nothing = variables(Occasion(claimed(), reachable(traits={})), template, "en", Settings(), LINKS)
    for locale in template.texts:
        rendered = mail(template, locale, nothing)
        assert LINKS.unsubscribe in rendered.text
        assert "None" not in rendered.subject + rendered.text + rendered.html


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)
def test_what_others_wrote_stays_text(template: Template) -> None:
    for locale in template.texts:
        rendered = mail(template, locale, values(EVIL, EVIL, EVIL))
        assert "<script" not in rendered.html
        assert not re.search(r"[\x00-\x1f\x7f\u0085\u2028\u2029]", rendered.subject)
        # Liquid in a variable is not Liquid.
        assert EVIL[-len("{% for %}") :] in rendered.text


@examples(100)
@given(st.text(max_size=400))
def test_a_subject_is_one_short_line(text: str) -> None:
    subject = mail(one(subject="{{ name }}"), "en", {"name": text}).subject
    assert len(subject) <= MAX_SUBJECT_CHARACTERS
    assert len(subject.splitlines()) <= 1
    assert subject == subject.strip()


@examples(60)
@given(st.text(max_size=60))
def test_html_is_escaped_in_texts_and_attributes(text: str) -> None:
    html = mail(one(html='<a title="{{ name }}">{{ name }}</a>'), "en", {"name": text}).html
    assert html.count("<") == 2
    assert html.count('"') == 2


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in (1..100000000) %}x{% endfor %}",
        "{% for a in (1..1000) %}{% for b in (1..1000) %}{% for c in (1..1000) %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% assign a = 'x' %}{% for i in (1..64) %}{% assign a = a | append: a %}{% endfor %}{{ a }}",
        "{% capture a %}{% for i in (1..900) %}{{ long }}{% endfor %}{% endcapture %}{{ a }}",
        "{% if %}",
        "{% endfor %}",
        "{{ 'x' | no_such_filter }}",
        "{% include 'other' %}",
        "{% render 'other' %}",
        "{{ 1 | divided_by: 0 }}",
        "{% for i in (1..2) %}",
    ],
)
def test_what_can_not_be_rendered_ends_with_a_reason(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(NotRendered, match="template x: "):
        mail(one(text=source), "en", {"name": "Mei", "long": "y" * 1_000})
    assert time.perf_counter() - started < 5


def test_the_reason_names_no_personal_data() -> None:
    with pytest.raises(NotRendered) as refused:
        mail(one(text="{{ name | no_such_filter }}"), "en", {"name": "Mei Zhang"})
    assert "Mei" not in str(refused.value)


def test_an_unknown_variable_is_empty() -> None:
    assert mail(one(subject="a{{ nothing.at.all }}b"), "en", {}).subject == "ab"


@pytest.mark.parametrize(
    ("locale", "found"),
    [("zh-CN", "zh-CN"), ("zh", "zh-CN"), ("zh-TW", "zh-CN"), ("zh_CN", "zh-CN"), ("ZH-Hans-CN", "zh-CN"),
     ("en-GB", "en"), ("en_US", "en"), ("de-DE", "en"), ("", "en"), ("x" * 35, "en")],
)  # fmt: skip
def test_a_locale_falls_back_to_its_language_then_to_english(locale: str, found: str) -> None:
    text = Texts(email=EmailPart(subject="s", text="t", html="h"))
    assert pick(Template(name="x", texts={"en": text, "zh-CN": text}), locale, "email")[0] == found


def test_without_english_there_is_still_a_text() -> None:
    text = Texts(email=EmailPart(subject="s", text="t", html="h"))
    assert pick(Template(name="x", texts={"zh-CN": text, "de": text}), "fr", "email")[0] == "de"


def test_prices_are_shown_and_unknown_ones_left_out() -> None:
    [shown] = values()["cart"]
    assert (shown["name"], shown["quantity"], shown["cost"], shown["price"]) == ("p1", 2, "¥19.90", "19.90")


def test_a_cart_line_without_a_name_has_the_catalogs() -> None:
    engagement = Engagement(
        viewer="u1", about="show#s1", show="s1", first_at=1, last_at=1,
        cart={"p1": CartLine(quantity=1, at=1, id="a"),
              "p2": CartLine(quantity=2, at=1, id="b", name="Own", minor=500, currency="CNY")},
    )  # fmt: skip
    known = {
        name: Product(product=name, fields={"name": said("Pot"), "price": said("129900 CNY")}) for name in ("p1", "p2")
    }
    assert [(card.name, card.price) for card in cart_cards(engagement, known, ())] == [
        ("Pot", "1299.00"),
        ("Own", "5.00"),
    ]
    assert [(card.name, card.price) for card in cart_cards(engagement, {}, ())] == [("p1", ""), ("Own", "5.00")]
