"""Cells are read as they were meant, and what a spreadsheet has destroyed is refused, never made up."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.importing.amounts import DecimalMark, amount, decimal_mark, quantity
from infra.local.importing.moments import date_order, moment
from infra.local.importing.values import (
    Unusable,
    cleaned,
    consent_channel,
    consent_purpose,
    email,
    identifier,
    phone,
    said,
    suppression,
)
from tests.unit.samples import examples

ZONE = "Asia/Shanghai"
# Day 0 of Excel's count.
WALL_CLOCK = datetime(1899, 12, 30)  # noqa: DTZ001 (a wall clock has no zone)


def epoch(*fields: int) -> int:
    return int(datetime(*fields, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("2026-03-06", epoch(2026, 3, 6)),
        ("2026-03-06 15:59", epoch(2026, 3, 6, 15, 59)),
        ("2026-03-06T15:59:07+08:00", epoch(2026, 3, 6, 15, 59, 7)),
        ("2026-03-06T07:59:07Z", epoch(2026, 3, 6, 15, 59, 7)),
        ("2026/3/6 15:59", epoch(2026, 3, 6, 15, 59)),
        ("2026/3/6 15:59:07", epoch(2026, 3, 6, 15, 59, 7)),
        ("2026.3.6", epoch(2026, 3, 6)),
        ("2026年3月6日 15:59:07", epoch(2026, 3, 6, 15, 59, 7)),
        ("2026年3月6日下午3点59分", epoch(2026, 3, 6, 15, 59)),
        ("2026/3/6 下午 3:59:07", epoch(2026, 3, 6, 15, 59, 7)),
        ("２０２６/３/６　１５：５９", epoch(2026, 3, 6, 15, 59)),
        ("6 Mar 2026 3:59 PM", epoch(2026, 3, 6, 15, 59)),
        ("Mar 6, 2026, 12:05 AM", epoch(2026, 3, 6, 0, 5)),
        ("31.12.2025", epoch(2025, 12, 31)),
        ("12/31/2025 8:00", epoch(2025, 12, 31, 8)),
        ("20260306", epoch(2026, 3, 6)),
        ("20260306155907", epoch(2026, 3, 6, 15, 59, 7)),
        ("46087", epoch(2026, 3, 6)),
        ("46087.6660532407", epoch(2026, 3, 6, 15, 59, 7)),
        ("1772783947", epoch(2026, 3, 6, 15, 59, 7)),
        ("1772783947000", epoch(2026, 3, 6, 15, 59, 7)),
    ],
)
def test_a_moment_is_read(cell: str, meant: int) -> None:
    assert moment(cell, ZONE) == meant


@pytest.mark.parametrize(
    "cell",
    ["yesterday", "2026-13-01", "2026-02-30", "31/31/2026", "7", "15:58", "2026-03-06 25:00", "2026-03-06 13:00 PM",
     "1.77278E+12", "0000-00-00", "0001-01-01", "0001-01-01T00:00:00Z", "9999-12-31",
     "9999999999999", "12:00 2026-03-06", "March"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(cell: str) -> None:
    with pytest.raises(Unusable) as refused:
        moment(cell, ZONE)
    assert cell not in str(refused.value)


def test_day_and_month_are_not_guessed() -> None:
    with pytest.raises(Unusable, match="day_first"):
        moment("03/04/2026", ZONE)
    assert moment("03/04/2026", ZONE, "day_first") == epoch(2026, 4, 3)
    assert moment("03/04/2026", ZONE, "month_first") == epoch(2026, 3, 4)
    assert date_order(["03/04/2026", "25/04/2026", ""]) == "day_first"
    assert date_order(["03/04/2026", "04/25/2026"]) == "month_first"
    # A column that shows both shows nothing.
    assert date_order(["25/04/2026", "04/25/2026"]) is None
    assert date_order(["03/04/2026", "2026-04-03"]) is None


@examples(200)
@given(st.datetimes(WALL_CLOCK.replace(year=1970), WALL_CLOCK.replace(year=2099)), st.sampled_from(["/", "-", "."]))
def test_every_form_of_a_moment_is_the_same_moment(at: datetime, mark: str) -> None:
    at = at.replace(microsecond=0)
    excel = (at - WALL_CLOCK) / timedelta(days=1)
    forms = [
        at.isoformat(), at.strftime(f"%Y{mark}%m{mark}%d %H:%M:%S"), at.strftime("%Y年%m月%d日 %H:%M:%S"),
        at.strftime("%Y%m%d%H%M%S"), f"{excel:.10f}",
    ]  # fmt: skip
    meant = int(at.replace(tzinfo=UTC).timestamp() * 1000)
    assert {moment(form, "UTC") for form in forms} == {meant}
    assert moment(at.strftime(f"%d{mark}%m{mark}%Y %H:%M:%S"), "UTC", "day_first") == meant


@pytest.mark.parametrize(
    ("cell", "mark", "meant"),
    [
        ("¥1,299.00", None, ("1299.00", None)),
        ("￥1,299", ".", ("1299", None)),
        ("1.299,00", None, ("1299.00", None)),
        ("1.299,00 €", None, ("1299.00", "EUR")),
        ("1299元", None, ("1299", "CNY")),
        ("1,234,567.89", None, ("1234567.89", None)),
        ("1.234.567", None, ("1234567", None)),
        ("USD 12.50", None, ("12.50", "USD")),
        ("12,5", None, ("12.5", None)),
        ("1 299,00", ",", ("1299.00", None)),
        ("(12.50)", None, ("-12.50", None)),
        ("-3", None, ("-3", None)),
        ("0", None, ("0", None)),
        ("1,299", ",", ("1.299", None)),
    ],
)
def test_an_amount_is_read(cell: str, mark: DecimalMark | None, meant: tuple[str, str | None]) -> None:
    assert amount(cell, mark) == (Decimal(meant[0]), meant[1])


@pytest.mark.parametrize("cell", ["", "free", "1,29,9.0", "1.2.3,4,5", "€5 £3", "1.3E+05", "12-13", "¥"])
def test_what_is_no_amount_is_refused(cell: str) -> None:
    with pytest.raises(Unusable):
        amount(cell)


def test_thousands_and_fractions_are_not_guessed() -> None:
    for cell in ("1,299", "1.299"):
        assert decimal_mark(cell) is None
        with pytest.raises(Unusable, match="decimal"):
            amount(cell)
    assert [decimal_mark(cell) for cell in ("12.5", "1,5", "1.299,00", "1,299,000", "99", "")] == [
        ".", ",", ",", ".", None, None,
    ]  # fmt: skip


@examples(200)
@given(st.decimals(0, 10**9, places=2))
def test_an_amount_is_the_same_in_english_and_in_german(value: Decimal) -> None:
    english = f"{value:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert amount(english, ".")[0] == amount(german, ",")[0] == value


@pytest.mark.parametrize(("cell", "pieces"), [("2", 2), ("2.0", 2), ("1,200", 1200), ("-1", -1), ("3件", 3)])
def test_pieces_are_counted(cell: str, pieces: int) -> None:
    assert quantity(cell) == pieces


@pytest.mark.parametrize("cell", ["1.5", "two", "", "1E+05"])
def test_half_pieces_are_none(cell: str) -> None:
    with pytest.raises(Unusable):
        quantity(cell)


@pytest.mark.parametrize("cell", ["1.38E+10", "1.38e+10", "1.38001E10", "1E+10", "1,38E+10"])
@pytest.mark.parametrize("reader", [phone, identifier])
def test_digits_that_a_spreadsheet_lost_are_not_made_up(cell: str, reader: object) -> None:
    with pytest.raises(Unusable, match="export again"):
        reader(cell)  # type: ignore[operator]


@pytest.mark.parametrize("cell", ["13800138000.0", "null", "0", "anonymous", "a\u0007b", "\ufffd", "x" * 300])
def test_what_names_nobody_is_no_id(cell: str) -> None:
    with pytest.raises(Unusable):
        identifier(cell)


def test_an_id_stays_as_it_is() -> None:
    for cell in ("007", "12E5", "M-1", "会员1", "1.0.2"):
        assert identifier(cell) == cell


@pytest.mark.parametrize("cell", ["138****8000", "abc", "12", "138.0E"])
def test_what_is_no_telephone_number_is_refused(cell: str) -> None:
    with pytest.raises(Unusable):
        phone(cell)


@pytest.mark.parametrize("cell", ["13800138000", "+86 138 0013 8000", "(010) 6552-9988", "020 7946 0018"])
def test_a_telephone_number_stays_as_it_is(cell: str) -> None:
    assert phone(cell) == cell


@pytest.mark.parametrize(
    ("cell", "plain"),
    [('="007"', "007"), ("'007", "007"), ("\t123 ", "123"), ("\u00a0a\u3000", "a"), ('="a""b"', 'a"b'), ("'", "'")],
)
def test_marks_of_spreadsheets_are_taken_off(cell: str, plain: str) -> None:
    assert cleaned(cell) == plain


def test_words_for_yes_and_no() -> None:
    assert [said(cell) for cell in ("Yes", "是", "1", "同意", "no", "退订", "FALSE", "unknown", "未知")] == [
        True, True, True, True, False, False, False, None, None,
    ]  # fmt: skip
    with pytest.raises(Unusable):
        said("maybe")
    assert [suppression(cell) for cell in ("Bounced", "投诉", "退订", "active")] == [
        "bounced", "complained", "opted_out", None,
    ]  # fmt: skip
    with pytest.raises(Unusable):
        suppression("maybe")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("email Mail E-Mail 邮件 邮箱 电子邮件", "email"),
        ("SMS text 短信", "sms"),
        ("push 推送", "push"),
        ("WeChat 微信", "wechat"),
        ("wecom 企业微信 企微", "wecom"),
        ("all 全部", "all"),
    ],
)
def test_words_for_channels(words: str, meant: str) -> None:
    assert {consent_channel(word) for word in words.split()} == {meant}
    with pytest.raises(Unusable):
        consent_channel("fax")


def test_words_for_consent() -> None:
    assert consent_channel("WeChat Work") == "wecom"
    assert all(said(word) for word in ("同意", "已同意", "是", "授权"))
    assert [said(word) for word in ("拒绝", "不同意", "否", "退订", "撤回", "已撤回")] == [False] * 6
    assert [consent_purpose(word) for word in ("营销", "Marketing", "服务", "service")] == ["marketing"] * 2 + [
        "service"
    ] * 2
    with pytest.raises(Unusable):
        consent_purpose("其他")


def test_masked_addresses_reach_nobody() -> None:
    for cell in ("a***@example.com", "nobody", "a b@example.com", "@example.com", "a@localhost"):
        with pytest.raises(Unusable):
            email(cell)
    assert email("a@example.com") == "a@example.com"


@examples(300)
@given(st.text(max_size=30))
def test_any_cell_is_read_or_refused(cell: str) -> None:
    for reader in (identifier, phone, email, said, suppression, quantity, amount, lambda text: moment(text, ZONE)):
        with suppress(Unusable):
            reader(cell)
