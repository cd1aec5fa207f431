"""A link's token says what was signed, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.rules.links import LinkTarget, read, sign
from tests.unit.samples import examples

TARGET = LinkTarget("u1", "r1", 0)


@examples(60)
@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 99))
def test_what_was_signed_comes_back(viewer: str, reminder: str, number: int) -> None:
    target = LinkTarget(viewer, reminder, number)
    token = sign("secret", "click", target)
    assert read("secret", "click", token) == target
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_a_token_is_good_for_one_kind_of_link_and_one_secret() -> None:
    token = sign("secret", "click", TARGET)
    assert read("secret", "unsubscribe", token) is None
    assert read("other", "click", token) is None


@examples(150)
@given(st.integers(0, 200), st.characters())
def test_a_changed_token_says_nothing(place: int, character: str) -> None:
    token = sign("secret", "unsubscribe", TARGET)
    at = place % len(token)
    changed = token[:at] + character + token[at + 1 :]
    # The last character of base64 holds bits that count for nothing.
    assert changed == token or at == len(token) - 1 or read("secret", "unsubscribe", changed) is None


@pytest.mark.parametrize("token", ["", ".", "x", "a.b", "..", "\ud800", "😀.😀", "x" * 10_000, "W10.", "%00"])
def test_nonsense_says_nothing(token: str) -> None:
    assert read("secret", "click", token) is None


def test_no_personal_data_can_be_guessed_from_a_token_of_another() -> None:
    assert sign("secret", "click", TARGET) != sign("secret", "click", LinkTarget("u2", "r1", 0))
    assert "@" not in sign("secret", "click", LinkTarget("a@example.com", "r", 0))
