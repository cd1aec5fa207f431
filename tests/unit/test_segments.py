"""Segments: what a text message costs, at every edge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.rules.segments import is_gsm, length
from tests.unit.samples import examples


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "segments"),
    [
        ("", "GSM", 0, 0),
        ("a" * 160, "GSM", 160, 1),
        ("a" * 161, "GSM", 161, 2),
        ("a" * 306, "GSM", 306, 2),
        ("a" * 307, "GSM", 307, 3),
        ("€" * 80, "GSM", 160, 1),
        ("€" * 81, "GSM", 162, 2),
        # 153 is odd: the 77th pair doesn't fit into the first segment, nor the 153rd into the second.
        ("€" * 152, "GSM", 304, 2),
        ("€" * 153, "GSM", 306, 3),
        ("茶" * 70, "UCS-2", 70, 1),
        ("茶" * 71, "UCS-2", 71, 2),
        ("茶" * 134, "UCS-2", 134, 2),
        ("茶" * 135, "UCS-2", 135, 3),
        ("😀" * 35, "UCS-2", 70, 1),
        # 67 is odd as well: 33 pairs a segment.
        ("😀" * 66, "UCS-2", 132, 2),
        ("😀" * 67, "UCS-2", 134, 3),
        # One character that the alphabet lacks makes all of it UCS-2.
        ("a" * 159 + "ç", "UCS-2", 160, 3),
        ("a" * 159 + "Ç", "GSM", 160, 1),
        ("a" * 70 + "’", "UCS-2", 71, 2),
    ],
)
def test_the_standard_rule(text: str, alphabet: str, units: int, segments: int) -> None:
    found = length(text)
    assert (found.alphabet, found.units, found.segments) == (alphabet, units, segments)


@pytest.mark.parametrize(("characters", "segments"), [(70, 1), (71, 2), (134, 2), (135, 3)])
def test_chinese_providers_count_letters_like_characters(characters: int, segments: int) -> None:
    assert length("a" * characters, "chinese").segments == segments
    assert length("茶" * characters, "chinese").segments == segments


def test_a_signature_counts() -> None:
    assert length("【云雾茶】" + "茶" * 65, "chinese").segments == 1
    assert length("【云雾茶】" + "茶" * 66, "chinese").segments == 2


@examples(200)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_text_fits_into_what_is_charged(text: str) -> None:
    for found in (length(text), length(text, "chinese")):
        room = {"GSM": (160, 153), "UCS-2": (70, 67)}[found.alphabet]
        whole = room[0] if found.segments <= 1 else room[1] * found.segments
        # At most one unit is lost at the end of each segment but the last.
        assert 0 <= whole - found.units - found.left < max(found.segments, 1)
        assert found.left >= 0
    assert is_gsm(text) == (length(text).alphabet == "GSM")


@examples(100)
@given(st.text(max_size=200), st.text(max_size=20))
def test_more_text_never_costs_less(text: str, more: str) -> None:
    assert length(text + more).segments >= length(text).segments


@examples(100)
@given(st.text("abc€", min_size=1, max_size=400))
def test_what_is_left_can_be_used(text: str) -> None:
    found = length(text)
    assert length(text + "a" * found.left).segments == found.segments
    assert length(text + "a" * (found.left + 1)).segments == found.segments + 1
