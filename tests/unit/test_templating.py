"""Templating: no template runs for ever or grows without end, and none of them knows the time."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.templates import MAX_SOURCE_CHARACTERS
from aftershow.rules.templating import MAX_OUTPUT_BYTES, Liquid, NotLiquid, TooMuch
from tests.unit.samples import examples

# Far below the minute that a worker has; a machine that is busy with other things is slow.
MOST_SECONDS = 8
SNIPPETS = {
    "again": "{% render 'again' %}",
    "thrice": "{% render 'thrice' %}{% render 'thrice' %}{% render 'thrice' %}",
    "one": "{{ x }}",
    "both.html": "<b>{{ x }}</b>",
    "both.text": "*{{ x }}*",
}
PLAIN, PAGE = Liquid(SNIPPETS, html=False), Liquid(SNIPPETS, html=True)
ENDLESS = [
    "{% for a in (1..100000000) %}x{% endfor %}",
    "{% for a in (1..1000) %}{% for b in (1..1000) %}x{% endfor %}{% endfor %}",
    "{% for a in (1..900) %}{{ '' }}{% endfor %}" * 300,
    "{% for a in (1..900) %}" + "{{ '' }}{% if a %}{% endif %}" * 2_000 + "{% endfor %}",
    "{% render 'again' %}",
    "{% render 'thrice' %}",
    "{% assign a = 'x' %}{% for i in (1..64) %}{% assign a = a | append: a %}{% endfor %}{{ a }}",
    "{% assign a = 9 %}{% for i in (1..900) %}{% assign a = a | times: a %}{% endfor %}{{ a }}",
    "{% assign a = 'aaaaaaaaaa' %}{% for i in (1..40) %}{% assign a = a | replace: 'a', a %}{% endfor %}",
    "{{ 'x' | replace: '', long }}",
    "{{ long | replace: '', long }}",
    "{{ (1..1000000000) | join: long }}",
    "{{ (1..1000000000) | reverse | first }}",
    "{{ (1..100000000000000000000000000) | size }}",
    "{% for a in (1..100000000000000000000000000) %}{% endfor %}",
    "{{ '1e999999999' | floor }}",
    "{{ 10 | divided_by: 0 }}",
    "{% capture a %}{% for i in (1..900) %}{{ long }}{% endfor %}{% endcapture %}{{ a }}",
    "{% capture a %}" * 40 + "x" + "{% endcapture %}" * 40,
    "{% if a %}" * 200 + "{% endif %}" * 200,
    "{{ a" + "[a" * 5_000 + "]" * 5_000 + " }}",
    "{% if a " + "and a " * 9_000 + "%}{% endif %}",
    "{% include 'one' %}",
    "{% tablerow a in (1..900) %}x{% endtablerow %}",
    "{% render 'no-such' %}",
    "{{ 'now' | date: '%Y' }}",
    "{% layout 'x' %}",
    "x" * (MAX_SOURCE_CHARACTERS + 1),
]


@pytest.mark.parametrize("source", ENDLESS, ids=range(len(ENDLESS)))
def test_what_never_ends_ends_with_a_reason(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(NotLiquid):
        PLAIN.render(source, {"long": "y" * 3_000})
    assert time.perf_counter() - started < MOST_SECONDS


def test_a_page_of_four_products_is_far_from_the_bounds() -> None:
    page = "{% for item in items %}" + "<p>{{ item.name | upcase }}</p>" * 50 + "{% endfor %}"
    shown = PAGE.render(page, {"items": [{"name": "tea"}] * 4})
    assert shown.count("TEA") == 200


def test_nobody_knows_the_time() -> None:
    assert PLAIN.render("[{{ now }}{{ today }}]", {}) == "[]"


def test_an_unknown_value_is_empty_and_an_unknown_filter_is_not() -> None:
    assert PLAIN.render("[{{ a.b.c }}{{ a[0].d }}]", {}) == "[]"
    with pytest.raises(NotLiquid):
        PLAIN.render("{{ 'x' | no_such }}", {})


def test_a_snippet_has_a_form_for_each_kind_of_text() -> None:
    assert PLAIN.render("{% render 'both' %}", {"x": "<i>"}) == "*<i>*"
    assert PAGE.render("{% render 'both' %}", {"x": "<i>"}) == "<b>&lt;i&gt;</b>"
    assert PAGE.render("{% render 'one' %}", {"x": "<i>"}) == "&lt;i&gt;"


@pytest.mark.parametrize("name", ["../words", "/etc/passwd", "both.html.liquid", ""])
def test_a_snippet_is_a_name_of_the_catalog_and_no_file(name: str) -> None:
    with pytest.raises(NotLiquid):
        PLAIN.render("{% render '" + name + "' %}", {})


def test_words_are_filled_in() -> None:
    source = "{{ w | fill: count: 3, name: who }}"
    assert PLAIN.render(source, {"w": "{name}: {count} left {other}", "who": "Mei"}) == "Mei: 3 left {other}"
    # What is put in is not looked at again, and is escaped like any value.
    assert PAGE.render(source, {"w": "<b>{name}", "who": "<i>{count}"}) == "&lt;b&gt;&lt;i&gt;{count}"


def test_what_a_text_uses_is_known_before_it_is_rendered() -> None:
    use = PLAIN.use("{{ a.b }}\n{% for x in list %}{{ x.y | upcase }}{% endfor %}\n{% render 'one' %}")
    assert use.names == {"a", "list", "x"}
    assert use.own == {"a.b": 0, "list": 1}
    assert use.filters == {"upcase": 1}


PIECES = [
    "{% for a in (1..9) %}", "{% for b in list %}", "{% endfor %}", "{% if a %}", "{% else %}", "{% endif %}",
    "{{ a | append: a }}", "{{ list | join: a }}", "{% assign a = a | times: 99 %}", "{% assign a = list | first %}",
    "{% capture a %}", "{% endcapture %}", "{% render 'one' %}", "{% render 'one', x: a %}", "{% case a %}", "{{ a }}",
    "{% when 1 %}", "{% endcase %}", "{{ a | slice: 1, 99 }}", "{{ list | map: 'n' | sort | first }}", "{{", "}}",
    "{% cycle 'x', a %}", "{%", "%}", "{{ 'é' | size }}", "{% comment %}", "{% endcomment %}", "{% raw %}",
    "{% endraw %}", "{% increment a %}", "{% liquid assign a = 1 %}", "{{ a | split: '' | reverse | join: '' }}",
    "{% break %}", "{{ forloop.index }}", "\ud800",
]  # fmt: skip


@examples(150)
@given(st.lists(st.sampled_from(PIECES), max_size=20), st.sampled_from([PLAIN, PAGE]))
def test_whatever_is_written_renders_or_says_why(pieces: list[str], engine: Liquid) -> None:
    values = {"a": "x", "list": [{"n": 1}, {"n": 2}]}
    shown = ""
    with suppress(NotLiquid):
        shown = engine.render("".join(pieces), values)
    assert len(shown.encode("utf-8", "surrogatepass")) <= MAX_OUTPUT_BYTES


def test_too_much_is_said_in_words() -> None:
    with pytest.raises(TooMuch, match="loops and snippets"):
        PLAIN.render("{% for a in (1..900) %}" + "x" * 2_000 + "{% endfor %}", {})
