"""A link's token says what was signed, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from aftershow.model.ids import reminder_id, viewer_id
from aftershow.rules.links import (
    MAX_SHORT_NUMBER,
    LinkKind,
    LinkTarget,
    callback_token,
    is_callback,
    read,
    sign,
    with_source,
)
from tests.unit.samples import examples

TARGET = LinkTarget("u1", "r1", 0)
VIEWER = viewer_id("user", "lan")
SHORT = LinkTarget(VIEWER, reminder_id("hot", "first", VIEWER, "show#s1", 0), 3)
KINDS: tuple[LinkKind, ...] = ("click", "unsubscribe", "preferences", "survey", "quiz")


@examples(60)
@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 99))
def test_what_was_signed_comes_back(viewer: str, reminder: str, number: int) -> None:
    target = LinkTarget(viewer, reminder, number)
    token = sign("secret", "click", target)
    assert read("secret", "click", token) == target
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()


@examples(60)
@given(st.sampled_from(["user", "anonymous"]), st.text(max_size=30), st.integers(0, 99), st.sampled_from(KINDS))
def test_a_real_message_has_short_links(identity: str, name: str, number: int, kind: LinkKind) -> None:
    """Of a kind that a text message has room for."""
    viewer = viewer_id("user" if identity == "user" else "anonymous", name)
    target = LinkTarget(viewer, reminder_id("hot", "first", viewer, "show#s1", number), number)
    token = sign("secret", kind, target)
    assert len(token) == 39
    assert read("secret", kind, token) == target


def test_a_number_that_has_no_room_in_the_short_form_still_has_a_link() -> None:
    target = LinkTarget(SHORT.viewer, SHORT.reminder, MAX_SHORT_NUMBER + 1)
    assert read("secret", "click", sign("secret", "click", target)) == target


@pytest.mark.parametrize("target", [TARGET, SHORT])
def test_a_token_is_good_for_one_kind_of_link_and_one_secret(target: LinkTarget) -> None:
    token = sign("secret", "click", target)
    assert all(read("secret", kind, token) is None for kind in KINDS if kind != "click")
    assert read("other", "click", token) is None


def test_links_of_messages_that_went_out_before_still_work() -> None:
    """They were signed in the long form, whatever their ids look like."""
    long = URLSafeSerializer("secret", salt="click").dumps([SHORT.viewer, SHORT.reminder, SHORT.number])
    assert read("secret", "click", str(long)) == SHORT


@examples(150)
@given(st.sampled_from([TARGET, SHORT]), st.integers(0, 200), st.characters())
def test_a_changed_token_says_nothing(target: LinkTarget, place: int, character: str) -> None:
    token = sign("secret", "unsubscribe", target)
    at = place % len(token)
    changed = token[:at] + character + token[at + 1 :]
    # The last character of the long form's base64 holds bits that count for nothing.
    slack = target is TARGET and at == len(token) - 1
    assert changed == token or slack or read("secret", "unsubscribe", changed) is None


@pytest.mark.parametrize("cut", [1, 2, 4, 38])
def test_a_cut_or_lengthened_token_says_nothing(cut: int) -> None:
    token = sign("secret", "click", SHORT)
    assert read("secret", "click", token[:-cut]) is None
    assert read("secret", "click", token + "A" * cut) is None
    assert read("secret", "click", token + "=") is None


@pytest.mark.parametrize(
    "token", ["", ".", "x", "a.b", "..", "\ud800", "😀.😀", "😀", "x" * 10_000, "W10.", "%00", "A" * 39]
)
def test_nonsense_says_nothing(token: str) -> None:
    assert read("secret", "click", token) is None


def test_no_personal_data_can_be_guessed_from_a_token_of_another() -> None:
    assert sign("secret", "click", TARGET) != sign("secret", "click", LinkTarget("u2", "r1", 0))
    assert "@" not in sign("secret", "click", LinkTarget("a@example.com", "r", 0))


def test_a_callback_is_good_for_one_provider() -> None:
    token = callback_token("secret", "aliyun")
    assert is_callback("secret", "aliyun", token)
    for secret, provider, said in (
        ("secret", "tencent", token),
        ("other", "aliyun", token),
        ("secret", "aliyun", "😀"),
    ):
        assert not is_callback(secret, provider, said)


@pytest.mark.parametrize(("address", "leads"), [
    ("https://shop.example/replay/1", "https://shop.example/replay/1?utm_source=aftershow&utm_medium=sms&utm_campaign=hot&utm_content=r1"),
    ("https://shop.example/?a=b&c#top", "https://shop.example/?a=b&c&utm_source=aftershow&utm_medium=sms&utm_campaign=hot&utm_content=r1#top"),
    # What the shop says of its own link stands.
    ("https://shop.example/?utm_source=own", "https://shop.example/?utm_source=own"),
])  # fmt: skip
def test_a_link_says_what_brought_her(address: str, leads: str) -> None:
    assert with_source(address, "sms", "hot", "r1") == leads
