"""Fields of subscribe messages are cut to what WeChat takes, or named as what it would refuse."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.rules.subscribe_fields import ELLIPSIS, KINDS, Misfit, fitted
from tests.unit.samples import examples


@pytest.mark.parametrize(
    ("field", "text", "sent"),
    [
        ("thing1", "春季茶会回放", "春季茶会回放"),
        ("thing12", "一二三四五六七八九十一二三四五六七八九十末", "一二三四五六七八九十一二三四五六七八九" + ELLIPSIS),
        ("thing1", " two\n lines ", "two lines"),
        ("name1", "王小明", "王小明"),
        ("name1", "Alexander Hamilton", "Alexander Hamilton"),
        ("name2", "阿卜杜勒阿卜杜勒阿卜杜勒", "阿卜杜勒阿卜杜勒阿卜"),
        ("phrase3", "等你回来看看", "等你回来看"),
        ("time2", "2026-03-06 10:00", "2026-03-06 10:00"),
        ("time2", "2026年3月6日 10:00", "2026年3月6日 10:00"),
        ("time2", "15:01", "15:01"),
        ("date4", "2026-03-06", "2026-03-06"),
        ("amount5", "¥120.00", "¥120.00"),
        ("amount5", "88元", "88元"),
        ("number6", "12.5", "12.5"),
        ("character_string7", "A-2026/03", "A-2026/03"),
        ("phone_number8", "+86-10-6655", "+86-10-6655"),
    ],
)
def test_what_is_sent(field: str, text: str, sent: str) -> None:
    assert fitted({field: text}) == ({field: sent}, ())


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("thing1", "  ", "empty"),
        ("thing", "", "empty"),
        ("headline1", "text", "kind"),
        ("number6", "about 12", "form"),
        ("number6", "1" * 33, "too_long"),
        ("character_string7", "中文", "form"),
        ("time2", "tomorrow", "form"),
        ("date4", "10:00", "form"),
        ("amount5", "free", "form"),
        ("phrase3", "sale", "form"),
        ("phone_number8", "1" * 18, "too_long"),
    ],
)
def test_what_is_refused(field: str, text: str, why: str) -> None:
    assert fitted({"thing9": "ok", field: text})[1] == (Misfit(field, why),)


@examples(200)
@given(st.dictionaries(st.sampled_from([f"{kind}1" for kind in KINDS]), st.text(max_size=60), min_size=1))
def test_what_is_not_refused_keeps_its_kinds_rule(fields: dict[str, str]) -> None:
    fit, misfits = fitted(fields)
    refused = {one.field for one in misfits}
    assert set(fit) == set(fields)
    for field, text in fit.items():
        if field not in refused:
            kind = KINDS[field[:-1]]
            assert 0 < len(text) <= (20 if field == "name1" else kind.most)
            assert re.fullmatch(kind.form, text)
    # Once fitted, always fitted.
    assert fitted(fit) == (fit, misfits)
