"""What Douyin pushes is believed only with its signature, and read as Segment's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import Kind
from aftershow.model.instants import MINUTE, iso
from aftershow.rules.douyin import FRESH, read, reason_to_doubt, signature
from aftershow.rules.intake import RequestRefused
from aftershow.rules.segment import Did, read_event
from aftershow.rules.wires import judge
from tests.unit.samples import SHOP, START, examples

KEY = "123abc"


def headers_of(kind: str = "live_comment", at: int = START, **more: str) -> dict[str, str]:
    return {"x-msg-type": kind, "x-nonce-str": "n", "x-roomid": "268", "x-timestamp": str(at), **more}


def signed(body: bytes, at: int = START, **more: str) -> dict[str, str]:
    headers = headers_of(at=at, **more)
    return {**headers, "x-signature": signature(headers, body, KEY), "content-type": "application/json"}


def message(kind: str, **fields: object) -> Any:
    pushed = {"msg_id": "m1", "sec_openid": "o1", "nickname": "An", "avatar_url": "x", "timestamp": START, **fields}
    [translated] = read(headers_of(kind), json.dumps([pushed]).encode())
    assert translated.reason == ""
    return translated.messages[0]


@pytest.mark.parametrize(
    ("kind", "expected"), [("user_group", "GAkalGmhzqlUGQO/TgvMug=="), ("live_gift", "PDcKhdlsrKEJif6uMKD2dw==")]
)
def test_vectors_of_the_signature(kind: str, expected: str) -> None:
    """The platform's own examples."""
    headers = {"x-nonce-str": "123456", "x-timestamp": "456789", "x-roomid": "268", "x-msg-type": kind}
    noise = {"content-type": "application/json", "host": "shop.example", "x-forwarded-for": "10.0.0.1"}
    assert signature({**headers, **noise}, "abc123你好".encode(), KEY) == expected


def test_a_signed_push_is_believed() -> None:
    assert reason_to_doubt(signed(b"[]"), b"[]", KEY, START) is None


@examples(100)
@given(st.sampled_from(["x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp", "x-signature"]), st.text(max_size=9))
def test_whatever_was_changed_is_doubted(name: str, value: str) -> None:
    headers = signed(b"[]")
    if headers[name] != value:
        assert reason_to_doubt({**headers, name: value}, b"[]", KEY, START) is not None
    assert reason_to_doubt(headers, b"[] ", KEY, START) == "x-signature is wrong"
    assert reason_to_doubt(headers, b"[]", KEY + "x", START) == "x-signature is wrong"
    del headers[name]
    assert reason_to_doubt(headers, b"[]", KEY, START) is not None


@pytest.mark.parametrize("in_seconds", [False, True])
@pytest.mark.parametrize(("late", "fresh"), [(0, True), (9 * MINUTE, True), (FRESH + MINUTE, False)])
def test_a_push_that_was_recorded_is_doubted_later(*, late: int, fresh: bool, in_seconds: bool) -> None:
    headers = signed(b"[]", at=START // 1000 if in_seconds else START)
    for now in (START + late, START - late):
        assert (reason_to_doubt(headers, b"[]", KEY, now) is None) == fresh


def test_a_comment() -> None:
    assert message("live_comment", content="多少钱") == {
        "type": "track",
        "event": "Live Comment Sent",
        "messageId": message("live_comment", content="x")["messageId"],
        "anonymousId": "douyin:o1",
        "timestamp": iso(START),
        "properties": {"show_id": "douyin-268", "text": "多少钱"},
    }


@pytest.mark.parametrize(
    ("kind", "fields", "name", "properties", "counted"),
    [
        ("live_comment", {"content": "hi"}, "Live Comment Sent", {"text": "hi"}, Kind.COMMENTED),
        ("live_like", {"like_num": 12}, "Live Liked", {"count": 12}, Kind.LIKED),
        ("live_like", {"like_num": "many"}, "Live Liked", {"count": 1}, Kind.LIKED),
        (
            "live_gift",
            {"sec_gift_id": "g1", "gift_num": 2, "gift_value": 1905, "test": False},
            "Live Gift Sent",
            {"count": 2, "gift_id": "g1", "value": "19.05", "currency": "CNY"},
            Kind.GIFTED,
        ),
        (
            "live_fansclub",
            {"fansclub_reason_type": 2, "fansclub_level": 1},
            "Live Fan Club Joined",
            {"level": 1},
            Kind.FOLLOWED,
        ),
        (
            "live_fansclub",
            {"fansclub_reason_type": 1, "fansclub_level": 7},
            "Live Fan Club Levelled Up",
            {"level": 7},
            Kind.OTHER,
        ),
        ("live_fansclub", {"fansclub_reason_type": 16}, "Live Fan Club Left", {}, Kind.OTHER),
        ("live_follow", {"user_follow_action": 1}, "live_follow", {}, Kind.OTHER),
    ],
)
def test_what_each_message_says(
    kind: str, fields: dict[str, Any], name: str, properties: dict[str, Any], counted: Kind
) -> None:
    said = message(kind, **fields)
    assert said["event"] == name
    assert said["properties"] == {"show_id": "douyin-268", **properties}
    event = read_event("track", msgspec.json.encode(said), {}, START, SHOP)
    assert isinstance(event.meaning, Did)
    assert event.meaning.kinds == (counted,)
    assert event.show == "douyin-268"


def test_nothing_of_the_person_but_their_id_travels_on() -> None:
    written = json.dumps(message("live_like"))
    assert "An" not in written
    assert "avatar" not in written


def test_the_message_id_of_the_platform_names_the_message() -> None:
    assert message("live_like")["messageId"] == message("live_comment", content="x")["messageId"]
    assert message("live_like", msg_id="m2")["messageId"] != message("live_like")["messageId"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"msg_id": None}, "msg_id is missing"),
        ({"sec_openid": ""}, "sec_openid is missing"),
        ({"timestamp": "soon"}, "timestamp must be epoch milliseconds"),
        ({"timestamp": 10**15}, "timestamp must be epoch milliseconds"),
        ({"timestamp": 1}, "timestamp is more than 400 days old"),
        ({"content": 5}, "content must be a text"),
        ({"content": "长" * 100_000}, "larger than 32 KB"),
    ],
)
def test_a_bad_message_spoils_only_itself(fields: dict[str, Any], reason: str) -> None:
    good = {"msg_id": "m1", "sec_openid": "o1", "timestamp": START, "content": "hi"}
    body = json.dumps([good, {**good, "msg_id": "m2", **fields}], ensure_ascii=False).encode()
    judged = judge(read(headers_of(), body), START)
    assert judged.reasons == ("", reason)
    [rejected] = judged.intake.rejected
    assert b'"x-roomid":"268"' in rejected.raw
    assert len(judged.intake.behaviour) == 1


def test_a_gift_of_a_test_is_not_counted() -> None:
    gift = {"msg_id": "m1", "sec_openid": "o1", "timestamp": START, "gift_value": 10, "test": True}
    [translated] = read(headers_of("live_gift"), json.dumps([gift]).encode())
    assert translated.reason == "a gift that the platform made for a test"


def test_an_undated_message_has_the_moment_of_its_push() -> None:
    [translated] = read(headers_of("live_like"), b'[{"msg_id": "m1", "sec_openid": "o1"}]')
    assert translated.messages[0]["timestamp"] == iso(START)


@pytest.mark.parametrize("body", [b"", b"5", b'"x"', b"[{]", b" " * 600_000])
def test_what_is_no_push_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RequestRefused):
        read(headers_of(), body)
