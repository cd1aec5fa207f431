"""Comments are read on arrival in both languages; odd characters hide no word, and longer words mean what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import TOPICS, Kind
from aftershow.model.lexicons import MAX_ALARMS, Lexicon, NamedWords
from aftershow.rules.comments import Comment, CommentReader, Question, plain_text
from infra.local import catalog
from tests.unit.samples import comment_reader

READER = comment_reader()


def topics(text: str) -> set[Kind]:
    return set(READER.read(text).kinds) & set(TOPICS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("多少钱", {Kind.ASKED_PRICE}),
        ("How much is shipping?", {Kind.ASKED_PRICE, Kind.ASKED_SHIPPING}),
        ("ＨＯＷ　ＭＵＣＨ", {Kind.ASKED_PRICE}),
        ("多\u200b少\u200d钱", {Kind.ASKED_PRICE}),
        ("多 少.钱", {Kind.ASKED_PRICE}),
        ("多少錢 包郵嗎", {Kind.ASKED_PRICE, Kind.ASKED_SHIPPING}),
        ("太貴了", {Kind.ASKED_PRICE, Kind.FOUND_EXPENSIVE}),
        ("不贵", set()),
        ("再看看，有优惠吗", {Kind.HESITATED, Kind.ASKED_PROMOTION}),
        ("主播讲慢一点", {Kind.ASKED_HOST}),
        ("画面好卡", {Kind.MINDED_ATMOSPHERE}),
        ("付不了款 急急急", {Kind.HAD_TROUBLE}),
        ("Has anyone tried it?", {Kind.ASKED_QUALITY, Kind.ASKED_REVIEWS}),
        ("I can\u2019t hear anything", {Kind.MINDED_ATMOSPHERE}),
        ("costume party", set()),
        ("leftovers", set()),
        ("", set()),
        ("😀" * 100, set()),
        ("\u200b\u200d\ufe0f", set()),
        ("x" * 10_000 + "多少钱", set()),
    ],
)
def test_topics(text: str, found: set[Kind]) -> None:
    assert topics(text) == found


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("这个多少钱？", Question("product", 2)),
        ("什么时候发货", Question("logistics", 1)),
        ("有优惠券吗", Question("promotion", 2)),
        ("怎么付不了款", Question("technical", 3)),
        ("Where is the link? it doesn't work", Question("technical", 3)),
        ("什么时候发货 很急", Question("logistics", 3)),
        ("主播叫什么", Question("other", 1)),
        ("包邮", None),
        ("好看", None),
    ],
)
def test_questions_are_sorted_with_their_urgency(text: str, question: Question | None) -> None:
    said = READER.read(text)
    assert said.question == question
    assert (Kind.QUESTION_URGENT in said.kinds) == (question is not None and question.urgency == 3)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("好看！", {Kind.PRAISED}),
        ("不好看", {Kind.COMPLAINED}),
        ("❤️❤️", {Kind.PRAISED}),
        ("👎", {Kind.COMPLAINED}),
        ("love it but the worst host", {Kind.PRAISED, Kind.COMPLAINED}),
        ("glove", set()),
    ],
)
def test_sentiment(text: str, kinds: set[Kind]) -> None:
    assert set(READER.read(text).kinds) & {Kind.PRAISED, Kind.COMPLAINED} == kinds


@pytest.mark.parametrize(
    ("text", "alarms"),
    [
        ("卖的是假货", ("counterfeit",)),
        ("賣的是假貨", ("counterfeit",)),
        ("假\u200b货", ("counterfeit",)),
        ("假 货", ("counterfeit",)),
        ("这是欺诈，我要举报", ("authorities", "fraud")),
        ("FAKE!!! scam", ("counterfeit", "fraud")),
        ("我打12315", ("authorities",)),
        ("ta的号码1123150", ()),
        ("真的假的", ()),
        ("不是假货，放心", ()),
        ("假一赔十", ()),
        ("not fake at all", ()),
        ("faked", ()),
    ],
)
def test_alarm_words(text: str, alarms: tuple[str, ...]) -> None:
    said = READER.read(text)
    assert said.alarms == alarms
    assert (Kind.ALARMED in said.kinds) == bool(alarms)


@pytest.mark.parametrize(
    ("text", "interests"),
    [
        ("想要乌龙茶", ("tea",)),
        ("那个茶具", ("teaware",)),
        ("茶具和茶", ("tea", "teaware")),
        ("any silk scarf?", ("silk",)),
        ("team spirit", ()),
    ],
)
def test_interests(text: str, interests: tuple[str, ...]) -> None:
    assert READER.read(text).interests == interests
    assert READER.interests(text) == interests


def test_abuse_is_counted_and_says_nothing_of_taste() -> None:
    said = READER.read("傻逼主播 茶太贵了 好看？")
    assert said == Comment((Kind.ABUSED,))
    assert READER.read("idiot, this tea is fake") == Comment((Kind.ALARMED, Kind.ABUSED), alarms=("counterfeit",))


@given(st.text(max_size=600))
def test_every_text_can_be_read(text: str) -> None:
    said = READER.read(text)
    assert len(said.kinds) == len(set(said.kinds))
    assert READER.read(plain_text(text)).alarms == said.alarms or len(text) > 500


def test_an_empty_lexicon_finds_nothing() -> None:
    empty = Lexicon.model_validate(
        {"name": "comments", "version": "1", "date": "2026-01-01", "source": "x", "topics": ()}
    )
    assert CommentReader(empty).read("多少钱 fake") == Comment()


def test_the_lexicon_says_where_it_is_from_and_fits_an_item() -> None:
    lexicon = catalog.comment_lexicon()
    assert lexicon.source
    assert str(lexicon.date) in lexicon.version
    assert len(lexicon.alarms) <= MAX_ALARMS
    # Read every five seconds by each busy function: eight read units at most.
    assert len(lexicon.body().encode()) <= 32 * 1024
    assert "假貨" in next(one for one in lexicon.alarms if one.name == "counterfeit").words
    assert isinstance(lexicon.interests[0], NamedWords)


def test_no_word_stands_for_two_topics() -> None:
    seen: dict[str, str] = {}
    for one in catalog.comment_lexicon().topics:
        for word in {plain_text(word) for word in one.words}:
            assert seen.setdefault(word, one.topic) == one.topic, word
