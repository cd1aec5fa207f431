"""The report: every word in both languages, nothing unescaped, nothing from elsewhere."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.cells import cell_len
from rich.console import Console

from infra.local.page import PAGE_ROWS, render_page
from infra.local.programme import DAY_MS, HOUR_MS, MINUTE_MS, USUAL_START
from infra.local.report import TERMINAL_ROWS, print_report
from infra.local.summary import (
    Because,
    Count,
    Events,
    Ledger,
    MessageRow,
    NonOrderer,
    ReminderRow,
    Story,
    StoryLine,
    Summary,
)
from infra.local.words import LOCALES, WORDS, compound, money, phrase, share, word

END = USUAL_START + 90 * MINUTE_MS
NASTY = "<script>alert(1)</script>\"'&{{ x }}[bold]\x1b[31m"
WHY = (Because("in_cart", 2), Because("asked_price", 3), Because("watched_minutes", 14))
SHANGHAI = "Asia/Shanghai"


def reminder(number: int, outcome: str | None, reason: str | None) -> ReminderRow:
    temperature = ("hot", "considering", "cold")[number % 3]
    playbook = ("tonight", "next-day", "every-few-days")[number % 3]
    due = END + number * 3 * HOUR_MS
    zone = SHANGHAI if number % 4 else "America/Los_Angeles"
    who = f"u{number:04}kq7m3x"
    because = WHY[: 1 + number % 3]
    return ReminderRow(who, playbook, "email", temperature, because, due, zone, outcome, reason, due + 4000)


ENDS = (
    ("delivered", "delivered"),
    ("sent", "sent"),
    ("skipped", "ordered"),
    (None, None),
    ("cancelled", "opted_out"),
    ("failed", "bounced"),
    ("skipped", "capped"),
)

STORY = Story(
    viewer="u0042kq7m3x",
    zone=SHANGHAI,
    lines=(
        StoryLine(USUAL_START + 4 * MINUTE_MS, "entered", None, "synthetic-video"),
        StoryLine(USUAL_START + 9 * MINUTE_MS, "asked_price", 2),
        StoryLine(USUAL_START + 14 * MINUTE_MS, "added", None, "桂花乌龙茶 · Osmanthus oolong tea"),
        StoryLine(USUAL_START + 16 * MINUTE_MS, "identified"),
        StoryLine(USUAL_START + 16 * MINUTE_MS, "consented", None, "email, synthetic-2026-01"),
        StoryLine(USUAL_START + 22 * MINUTE_MS, "left", None),
        StoryLine(END, "show_ended"),
        StoryLine(END + MINUTE_MS, "planned", None, "78", WHY),
        StoryLine(END + MINUTE_MS, "moment", None, "2026-03-06T20:31:00+08:00 Asia/Shanghai: at once"),
        StoryLine(END + 2 * MINUTE_MS, "sent", None, "email"),
        StoryLine(END + 20 * MINUTE_MS, "clicked"),
        StoryLine(END + 31 * MINUTE_MS, "order", None, "178.00 CNY"),
        StoryLine(END + 31 * MINUTE_MS, "points_earned", 178),
        StoryLine(END + 2 * DAY_MS, "refunded", None, "89.00 CNY"),
        StoryLine(END + 2 * DAY_MS, "points_reversed", 89),
        StoryLine(END + 2 * DAY_MS, "skipped: ordered"),
    ),
)


def sample(reminders: int = 30) -> Summary:
    return Summary(
        synthetic=True,
        shop="Synthetic tea house",
        shows=("Synthetic show · 模拟直播", "Synthetic show · 模拟直播 (2)"),
        begins_at=USUAL_START - 3 * HOUR_MS,
        ends_at=USUAL_START + 7 * DAY_MS,
        zone=SHANGHAI,
        currency="CNY",
        viewers=200,
        customers=60,
        orders=70,
        ordered_in_show=41,
        funnel=(
            Count("watched", 200),
            Count("no_order", 159),
            Count("almost_bought", 68),
            Count("reachable", 57),
            Count("reminded", 49),
            Count("clicked", 21),
            Count("won_back", 11),
        ),
        left_alone=(
            Count("no_address", 58),
            Count("no_consent", 27),
            Count("ordered", 9),
            Count("opted_out", 8),
            Count("unfollowed", 5),
            Count("a_new_reason", 3),
        ),
        won_back_orders=11,
        won_back_minor=345_650,
        events=Events(accepted=19_567, duplicate=358, dead=59),
        ledger=Ledger(earned=18_240, reversed=1_310, balance_sum=16_930, entries=96),
        non_orderers=tuple(
            NonOrderer(
                f"u{number:04}kq7m3x",
                ("hot", "considering", "cold")[number % 3],
                91 - number,
                WHY[: number % 4],
                ("", "", "no_consent")[number % 3],
            )
            for number in range(60)
        ),
        reminders=tuple(reminder(number, *ENDS[number % 7]) for number in range(reminders)),
        messages=(MessageRow("u0042kq7m3x", "email", "marketing", END + MINUTE_MS, SHANGHAI),),
        story=STORY,
        playbooks={
            "tonight": {"en": "Tonight", "zh-CN": "今晚就提醒"},
            "next-day": {"en": "The next day", "zh-CN": "次日提醒"},
            "every-few-days": {"en": "Every few days", "zh-CN": "隔几天提醒"},
        },
    )


def nasty() -> Summary:
    row = replace(reminder(1, NASTY, NASTY), viewer=NASTY, playbook=NASTY, channel=NASTY)
    row = replace(row, temperature=NASTY, because=(Because(NASTY, 2),))
    return replace(
        sample(),
        shop=NASTY,
        shows=(NASTY, NASTY),
        funnel=(Count(NASTY, 3),),
        left_alone=(Count(NASTY, 1),),
        reminders=(row,),
        non_orderers=(NonOrderer(NASTY, NASTY, 1, (Because(NASTY),), NASTY),),
        messages=(MessageRow(NASTY, NASTY, NASTY, END, SHANGHAI),),
        story=Story(NASTY, SHANGHAI, (StoryLine(END, NASTY, None, NASTY),)),
    )


def printed(summary: Summary, locale: str) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=False, color_system=None)
    print_report(summary, locale, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Reader(HTMLParser):
    """Checks that tags close in order, and notes what stands in them."""

    VOID = frozenset({"meta", "polygon", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack[-1:] != ["style"]:
            self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.stack == []
    return reader


def test_every_word_is_there_in_every_language() -> None:
    for code, texts in WORDS.items():
        assert len(texts) == len(LOCALES), code
        assert all(text.strip() == text and text for text in texts), code
        assert len({"{n}" in text for text in texts}) == 1, code


def test_words_with_numbers() -> None:
    assert phrase("asked_price", 1, "en") == "asked the price"
    assert phrase("asked_price", 3, "en") == "asked the price ×3"
    assert phrase("watched_minutes", 14, "zh-CN") == "看了 14 分钟"
    assert phrase("in_cart", None, "en") == "in the cart"
    assert compound("skipped: ordered", "en") == "not sent: has ordered"
    assert compound("later: capped", "zh-CN") == "推迟：已达频次上限"
    assert word("a_new_reason", "zh-CN") == "a_new_reason"


def test_amounts_and_shares() -> None:
    assert money(345_650, "CNY") == "3,456.50 CNY"
    assert money(0, "CNY") == "0.00 CNY"
    assert [share(n, 200) for n in (0, 1, 3, 200)] == ["0 %", "<1 %", "2 %", "100 %"]
    assert share(1, 0) == "0 %"


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_stands_alone(locale: str) -> None:
    page = render_page(sample(), locale)
    reader = read(page)
    assert not re.search(r"https?://|//[a-z]", page)
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(reader.tags)
    names = {name for name, _ in reader.attributes}
    assert not {"src", "href", "style", "srcset"} & names
    assert "url(" not in page
    assert "@import" not in page
    assert ("lang", locale) in reader.attributes


@pytest.mark.parametrize("locale", LOCALES)
def test_what_comes_from_outside_is_escaped(locale: str) -> None:
    reader = read(render_page(nasty(), locale))
    assert "script" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert any("<script>alert(1)</script>" in text for text in reader.text)
    assert not any("alert" in value for name, value in reader.attributes if name == "class")


@pytest.mark.parametrize("locale", LOCALES)
def test_the_terminal_prints_names_and_not_markup(locale: str) -> None:
    text = printed(nasty(), locale)
    assert "\x1b" not in text
    assert "[bold]" in text


@pytest.mark.parametrize("locale", LOCALES)
def test_the_terminal_keeps_to_its_width_and_says_what_matters(locale: str) -> None:
    text = printed(sample(), locale)
    assert max(cell_len(line) for line in text.splitlines()) <= 100
    for expected in ("200", "41", "3,456.50 CNY", "16,930", "19,567", "a_new_reason"):
        assert expected in text
    assert word("synthetic_note", locale)[:12] in text
    assert f"({TERMINAL_ROWS} / 30)" in text
    assert word("balanced", locale) in text


def test_the_two_languages_do_not_mix() -> None:
    # Proper names aside, Chinese has no English left.
    text = " ".join(read(render_page(sample(), "zh-CN")).text)
    for english, chinese in WORDS.values():
        if english != chinese and len(english) > 9 and "{n}" not in english:
            assert english not in text


def test_a_long_list_ends_with_a_word_about_the_rest() -> None:
    page = render_page(sample(reminders=PAGE_ROWS + 34), "en")
    assert "34 more, in the JSON output" in page
    assert page.count('data-label="outcome"') == PAGE_ROWS


@pytest.mark.parametrize("locale", LOCALES)
def test_an_empty_run_is_told_too(locale: str) -> None:
    nothing = replace(
        sample(reminders=0),
        synthetic=False,
        shows=(),
        viewers=0,
        customers=0,
        orders=0,
        funnel=(Count("watched", 0),),
        left_alone=(),
        non_orderers=(),
        messages=(),
        story=None,
        ledger=Ledger(earned=5, reversed=1, balance_sum=3, entries=2, disagreements=1),
    )
    read(render_page(nothing, locale))
    assert word("not_balanced", locale) in render_page(nothing, locale)
    assert word("not_balanced", locale) in printed(nothing, locale)
    assert word("synthetic_note", locale) not in render_page(nothing, locale)


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    lines = tuple(StoryLine(END + n * MINUTE_MS, "liked", None, f"line {n}") for n in range(60))
    text = printed(replace(sample(), story=Story("u1", SHANGHAI, lines)), "en")
    assert "36 more" in text
    assert [f"line {n}\n" in re.sub(" +\n", "\n", text) for n in (0, 11, 12, 47, 48, 59)] == [
        True,
        True,
        False,
        False,
        True,
        True,
    ]


def test_another_locale_is_refused() -> None:
    with pytest.raises(ValueError, match="fr"):
        render_page(sample(), "fr")
    with pytest.raises(ValueError, match="fr"):
        printed(sample(), "fr")


def test_the_same_summary_gives_the_same_bytes() -> None:
    assert render_page(sample(), "en") == render_page(sample(), "en")
