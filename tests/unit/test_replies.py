"""Replies: "stop" is understood however it is written, a doubt with its obstacle; thanks are thanks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.rules import reply_words
from aftershow.rules.replies import MAX_READ_CHARACTERS, read
from tests.unit.samples import examples


@pytest.mark.parametrize("text", [
    "退订", "TD", "td", "ＴＤ", " T ", "T D", "R", "r.", "STOP", "Stop!", "ｓｔｏｐ", "S T O P", "unsubscribe",
    "UNSUBSCRIBE.", "拒收", "【拒收】", "退訂", "回复退订", "请不要再发了", "stop texting me", "Stop, please",
    "Please stop", "opt-out", "OPT OUT", "don't text me", "TD。", "\u200btd\u200b",
    "STOP\n\nSent from my iPhone", "退订 谢谢", "什么? 退订!",
])  # fmt: skip
def test_stop_is_understood(text: str) -> None:
    assert read(text).meaning == "stop"


@pytest.mark.parametrize("text", [
    "谢谢", "好的", "OK", "Thanks!", "收到", "👍", "", "   ", "...",
])  # fmt: skip
def test_thanks_are_thanks(text: str) -> None:
    assert read(text).meaning == "thanks"


@pytest.mark.parametrize(("text", "obstacle"), [
    ("有点贵", "price"), ("is it too expensive", "price"), ("How much?", "price"),
    ("运费多少", "shipping"),
    ("when does it arrive", "shipping"), ("是正品吗", "trust"), ("can I return it", "trust"),
    ("有优惠券吗", "promotion"),
    ("质量怎么样", "reviews"), ("还有货吗", "scarcity"), ("我再看看", "hesitation"), ("maybe later", "hesitation"),
    ("who is the host?", None), ("这个呢", None),
])  # fmt: skip
def test_a_doubt_names_what_holds_her_back(text: str, obstacle: str | None) -> None:
    assert (read(text).meaning, read(text).obstacle) == ("doubt", obstacle)


@pytest.mark.parametrize("text", ["nice show today", "我喜欢你们的直播", "starting tomorrow", "friendship costume"])
def test_other_words_are_no_keywords(text: str) -> None:
    assert read(text).meaning == "other"


@pytest.mark.parametrize("text", ["START", "start", "unstop", "恢复", "订阅"])
def test_start_again(text: str) -> None:
    assert read(text).meaning == "start"


def test_the_words_have_a_version_and_a_source() -> None:
    assert reply_words.VERSION
    assert reply_words.SOURCE
    # A word can mean one thing only.
    assert not reply_words.STOP & (reply_words.START | reply_words.THANKS)


@examples(200)
@given(
    st.text(max_size=50), st.sampled_from(sorted(reply_words.STOP)), st.sampled_from([" ", ".", "!", "\u3000", "\n"])
)
def test_nothing_breaks_it_and_punctuation_hides_no_stop(text: str, word: str, around: str) -> None:
    read(text)
    assert read(f"{around}{word.upper()}{around}{around}").meaning == "stop"


def test_a_very_long_reply_is_read_to_an_end() -> None:
    assert read("a " * MAX_READ_CHARACTERS * 50).meaning == "other"
