"""Forbidden claims are found in whatever form they are written, with their place, and harmless texts are left alone."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.lint_lexicon import LintLexicon, OwnWord, OwnWords
from aftershow.model.messages import Content, Email, Push, Sms, Webhook, Wechat, Wecom
from aftershow.rules.lint import Part, findings, parts, visible
from infra.local.catalog import lexicon
from tests.unit.samples import examples

LEXICON = lexicon()


def found(text: str, words: LintLexicon = LEXICON) -> list[str]:
    return [one.word for one in findings(Sms(text), words)]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("我们的最佳好茶", "最佳"),
        ("最 佳", "最佳"),
        ("最\u200b佳", "最佳"),
        ("最\u3000佳", "最佳"),
        ("國家級大師", "国家级"),
        ("茶中Ｎｏ．１", "no.1"),
        ("ＴＯＰ１", "top1"),
        ("The WORLD\u2019S best", "world's best"),
        ("clinically\nproven", "clinically proven"),
        ("Clinically   proven", "clinically proven"),
        ("稳赚不赔", "稳赚不赔"),
        ("根治失眠", "根治"),
        ("Risk-free", "risk-free"),
        ("b\u0301est of all time, the best ever", "the best ever"),
    ],
)
def test_a_claim_is_found_in_every_form(text: str, word: str) -> None:
    assert word in [one.casefold() for one in found(text)]


@pytest.mark.parametrize(
    "text",
    [
        "您的第一单用得还好吗", "第一次下单", "第一时间通知您", "room no. 10", "top10", "secures your order",
        "这里最后一件",
        "红包过期提醒", "唯一标识", "最新到货", "The next show", "最\n佳",
    ],
)  # fmt: skip
def test_harmless_texts_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_a_finding_says_where_why_and_by_which_law() -> None:
    message = Email("春茶 最 佳 之选", "text", "<p>好茶</p>")
    (one,) = findings(message, LEXICON)
    assert (one.word, one.channel, one.part, one.offset, one.excerpt) == (
        "最佳",
        "email",
        "subject",
        3,
        "春茶 最 佳 之选",
    )
    assert one.reference == "广告法 art. 9(3)"
    assert {"en", "zh-CN"} <= set(one.why)
    assert one.told == "最佳 in subject (superlatives-zh: 广告法 art. 9(3))"


def test_the_text_around_a_word_is_not_told() -> None:
    (one,) = findings(Sms("林小姐，最佳好茶"), LEXICON)
    assert "林小姐" in one.excerpt
    assert "林小姐" not in one.told


def test_of_a_page_the_visible_text_counts() -> None:
    page = (
        "<style>.a{content:'最佳'}</style><p>最<b>佳</b></p><img alt='顶级好茶'><a title='唯一'>x</a>"
        "<p>最</p><p>佳</p><!-- 极品 --><!--[if mso]><p>独一无二</p><![endif]--><p>&#39030;&#23574;</p>"
    )
    assert [one.word for one in findings(Email("x", "x", page), LEXICON)] == [
        "最佳",
        "顶级",
        "唯一",
        "独一无二",
        "顶尖",
    ]
    assert "content" not in visible(page)


@pytest.mark.parametrize(
    ("message", "part"),
    [
        (Push("顶级", "x", "https://a"), "title"),
        (Push("x", "顶级", "https://a"), "text"),
        (Wechat("t", {"thing1": "顶级"}), "fields.thing1"),
        (Wecom("顶级", "https://a"), "text"),
        (Webhook({"line": "顶级"}), "data.line"),
        (Sms("x", {}, {"name": "顶级"}), "parameters.name"),
    ],
)
def test_every_kind_of_message_is_read(message: Content, part: str) -> None:
    assert [one.part for one in findings(message, LEXICON)] == [part]


def test_a_shop_adds_words_and_harmless_texts_of_its_own() -> None:
    own = OwnWords(
        harmless=(OwnWord(text="最佳拍档", why="trade mark"),), words=(OwnWord(text="老板跑路", why="house style"),)
    )
    mine = LEXICON.model_copy(update={"own": own})
    assert found("最佳拍档礼盒", mine) == []
    assert found("最佳拍档，最佳好茶", mine) == ["最佳"]
    assert found("老板跑路价", mine) == ["老板跑路"]
    assert found("最佳拍档礼盒") == ["最佳"]


def test_a_word_within_a_longer_one_is_told_once() -> None:
    assert found("销量第一") == ["销量第一"]


WORDS = [word for one in LEXICON.lists for word in one.words]
NOISE = st.text(st.sampled_from("茶很好喝,。 \nab1"), max_size=12)


@examples(300)
@given(st.sampled_from(WORDS), NOISE, NOISE, st.lists(st.sampled_from(["", "\u200b", "\u2060"]), max_size=8))
def test_its_place_is_where_it_stands_whatever_is_around_and_in_it(
    word: str, before: str, after: str, hidden: list[str]
) -> None:
    written = "".join(character + (hidden[at] if at < len(hidden) else "") for at, character in enumerate(word))
    text = f"{before}。{written}。{after}"
    places = [one.offset for one in findings(Sms(text), LEXICON)]
    assert len(before) + 1 in places


@examples(200)
@given(st.text(max_size=60))
def test_any_text_can_be_read_and_excerpts_lie_in_it(text: str) -> None:
    for part in parts(Email(text, text, text)):
        assert isinstance(part, Part)
    for one in findings(Sms(text), LEXICON):
        assert one.excerpt in text


@examples(200)
@given(st.text(st.sampled_from("最佳顶级第一次单 茶"), max_size=20))
def test_full_width_forms_change_nothing(text: str) -> None:
    assert found(unicodedata.normalize("NFKC", text)) == found(text)


def test_every_list_says_why_and_by_which_law() -> None:
    for one in LEXICON.lists:
        assert one.reference
        assert {"en", "zh-CN"} <= set(one.why)
        assert len(set(one.words)) == len(one.words)
    assert len(WORDS) > 200


def test_the_lexicon_comes_back_as_it_was_stored() -> None:
    assert LintLexicon.read(LEXICON.body()) == LEXICON
