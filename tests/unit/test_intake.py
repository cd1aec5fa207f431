"""The door: one bad event spoils nothing, what is good travels on byte for byte, and every message fits its queue."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.ids import NOBODY
from aftershow.model.instants import DAY, HOUR, iso
from aftershow.ports.queues import Message, check_messages
from aftershow.rules.intake import (
    MAX_BATCH_BYTES,
    MAX_BATCH_EVENTS,
    MAX_EVENT_BYTES,
    MAX_PACKED_BYTES,
    MAX_PACKED_VIEWERS,
    Intake,
    Rejected,
    RequestRefused,
    judge,
    pack,
    unpack,
)
from aftershow.rules.segment import Did, read_event
from tests.unit.samples import SHOP, START, examples

NOW = START
GOOD = {"type": "track", "userId": "u1", "event": "Live Liked", "messageId": "m1"}


def event(**more: Any) -> bytes:
    return msgspec.json.encode({**GOOD, **more})


def batch(*events: bytes, **more: Any) -> bytes:
    rest = "".join(f",{json.dumps(name)}:{json.dumps(value)}" for name, value in more.items())
    return b'{"batch":[' + b",".join(events) + b"]" + rest.encode() + b"}"


def judged(*events: bytes) -> Intake:
    return judge("batch", batch(*events), NOW)


def reasons(intake: Intake) -> list[str]:
    return [one.reason for one in intake.rejected]


def packed(intake: Intake) -> list[str]:
    texts = list(pack("web", NOW, intake.context, [*intake.facts, *intake.behaviour], intake.rejected))
    check_messages([Message(text) for text in texts])
    return texts


BAD: dict[str, tuple[bytes, str]] = {
    "NaN": (b'{"type":"track","userId":"u1","event":"x","properties":{"total":NaN}}', "NaN"),
    "infinity": (b'{"type":"track","userId":"u1","event":"x","properties":{"total":-Infinity}}', "NaN"),
    "a number": (b"7", "wrong type"),
    "null": (b"null", "wrong type"),
    "a list": (b"[]", "wrong type"),
    "no type": (b'{"userId":"u1"}', "unknown type"),
    "another type": (event(type="click"), "unknown type"),
    "a batch in a batch": (event(type="batch"), "unknown type"),
    "a type that is no text": (event(type=1), "wrong type"),
    "an event that is no text": (event(event={"a": 1}), "wrong type"),
    "a user that is a list": (event(userId=["u1"]), "wrong type"),
    "a user that is true": (event(userId=True), "wrong type"),
    "a user that is a fraction": (event(userId=1.5), "wrong type"),
    "a message id that is a number": (event(messageId=5), "wrong type"),
    "a long message id": (event(messageId="m" * 101), "messageId"),
    "nobody": (b'{"type":"track","event":"x"}', "no usable"),
    "a time that is none": (event(timestamp="yesterday"), "ISO 8601"),
    "a time that is empty": (event(timestamp=""), "ISO 8601"),
    "a time that is a number": (event(timestamp=1_700_000_000), "wrong type"),
    "the future": (event(timestamp=iso(NOW + DAY + 1)), "24 hours ahead"),
    "the past": (event(timestamp=iso(NOW - 400 * DAY - 1)), "400 days"),
    "the year one": (event(timestamp="0001-01-01T00:00:00+23:59"), "400 days"),
    "the last year": (event(timestamp="9999-12-31T23:59:59-23:59"), "24 hours ahead"),
    "too large": (event(properties={"x": "y" * MAX_EVENT_BYTES}), "32 KB"),
    "too deep": (
        b'{"type":"track","userId":"u1","event":"x","properties":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
        "deep",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_one_bad_event_among_good_ones(case: str) -> None:
    raw, reason = BAD[case]
    intake = judged(event(), raw, event(messageId="m2"))
    assert [body for _, _, body in intake.behaviour] == [event(), event(messageId="m2")]
    (rejected,) = intake.rejected
    assert rejected.raw == raw
    assert reason in rejected.reason
    back = [one for text in packed(intake) for one in unpack(text).rejected]
    assert back == [rejected]


def test_every_bad_event_at_once_leaves_the_good_one() -> None:
    intake = judged(*(raw for raw, _ in BAD.values()), event())
    assert len(intake.rejected) == len(BAD)
    assert [body for _, _, body in intake.behaviour] == [event()]
    assert intake.size == len(BAD) + 1


ODD: dict[str, bytes] = {
    "half an emoji": b'{"type":"track","userId":"u1","event":"x","properties":{"text":"\\ud83d"}}',
    "an emoji as escapes": b'{"type":"track","userId":"u1","event":"x","properties":{"text":"\\ud83d\\ude00"}}',
    "bytes that are no text": b'{"type":"track","userId":"u1","event":"x","properties":{"text":"\xff\xfe"}}',
    "what queues refuse": '{"type":"track","userId":"u1","event":"x","properties":{"text":"\uffff\ufffe"}}'.encode(),
    "delete": b'{"type":"track","userId":"u1","event":"x","properties":{"text":"\x7f"}}',
    "nulls": b'{"type":"track","userId":"u1","anonymousId":null,"event":"x","context":null,"properties":null}',
    "properties that are a list": b'{"type":"track","userId":"u1","event":"x","properties":[1]}',
    "a user that is a number": b'{"type":"track","userId":42,"event":"x"}',
    "spaces": b' { "type" : "track" , "userId" : "u1" , "event" : "x" } ',
    "an escaped quote": b'{"type":"track","userId":"u\\"1","event":"x"}',
    "a name twice": b'{"type":"track","type":"track","userId":"u1","event":"x"}',
}


@pytest.mark.parametrize("case", sorted(ODD))
@pytest.mark.parametrize("alone", [True, False])
def test_odd_events_are_taken_and_keep_their_bytes(case: str, alone: bool) -> None:  # noqa: FBT001 (a parameter)
    raw = ODD[case].strip()
    intake = judge("track", raw, NOW) if alone else judged(raw, event())
    assert reasons(intake) == []
    events = [one for text in packed(intake) for one in unpack(text).events]
    assert ("track", raw) in events
    for kind, body in events:
        assert isinstance(read_event(kind, body, {}, NOW, SHOP).meaning, Did)


def test_a_byte_order_mark_before_the_body() -> None:
    for kind, body in (("track", event()), ("batch", batch(event()))):
        intake = judge(kind, b"\xef\xbb\xbf" + body, NOW)
        assert [raw for _, _, raw in intake.behaviour] == [event()]
        assert len(packed(intake)) == 1


@pytest.mark.parametrize("nobody", [*sorted(NOBODY), "NULL", " 0 ", 0, -1, "x" * 257, "a\u0000b"])
def test_nobody_is_refused_as_an_identity(nobody: object) -> None:
    assert reasons(judged(event(userId=nobody))) == ["no usable userId or anonymousId"]
    intake = judged(event(userId=nobody, anonymousId="d1"))
    assert [who for who, _, _ in intake.behaviour] == ["d1"]


def test_news_of_the_catalog_needs_no_identity() -> None:
    intake = judged(b'{"type":"track","event":"Live Show Started","properties":{"show_id":"s"}}')
    assert len(intake.facts) == 1


def test_facts_have_a_queue_of_their_own() -> None:
    facts = ["Order Completed", "Order Refunded", "Message Consent Updated", "Live Unfollowed", "Live Show Ended"]
    intake = judged(*(event(event=name) for name in facts), event(type="identify"), event(type="alias"), event())
    assert (len(intake.facts), len(intake.behaviour)) == (len(facts) + 2, 1)


def test_the_times_at_the_limits_are_taken() -> None:
    edges = (NOW + DAY, NOW - 400 * DAY, NOW + HOUR)
    assert reasons(judged(*(event(timestamp=iso(at)) for at in edges))) == []
    # What the client said first decides, not what a library made of it.
    both = event(originalTimestamp=iso(NOW + 2 * DAY), timestamp=iso(NOW))
    assert reasons(judged(both)) == ["timestamp is more than 24 hours ahead"]


def test_the_sizes_at_the_limits_are_taken() -> None:
    whole = event(properties={"x": ""})
    largest = event(properties={"x": "y" * (MAX_EVENT_BYTES - len(whole))})
    assert len(largest) == MAX_EVENT_BYTES
    assert reasons(judged(largest)) == []
    assert judge("batch", batch(*[b"1"] * MAX_BATCH_EVENTS), NOW).size == MAX_BATCH_EVENTS
    with pytest.raises(RequestRefused, match="2500 events"):
        judge("batch", batch(*[b"1"] * (MAX_BATCH_EVENTS + 1)), NOW)
    filled = batch(event(), filler="x" * (MAX_BATCH_BYTES - len(batch(event(), filler=""))))
    assert len(filled) == MAX_BATCH_BYTES
    assert judge("batch", filled, NOW).size == 1
    with pytest.raises(RequestRefused, match="500 KB"):
        judge("batch", filled + b" ", NOW)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("batch", b""), ("batch", b"{"), ("batch", b"[]"), ("batch", b'"x"'), ("batch", b"{}"),
        ("batch", b'{"batch":{}}'),
        ("batch", b'{"batch":null}'), ("batch", b'{"batch":[{]}'), ("batch", b'{"batch":[]} x'), ("track", b""),
        ("track", b"nonsense"), ("track", b"[]"), ("track", b"\x00"),
    ],
)  # fmt: skip
def test_what_is_no_request_at_all_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(RequestRefused):
        judge(kind, body, NOW)


@pytest.mark.parametrize("key", ["key", None, 5, ["key"]])
def test_the_write_key_in_the_body(key: object) -> None:
    wanted = key if isinstance(key, str) else None
    assert judge("batch", batch(event(), writeKey=key), NOW).write_key == wanted
    assert judge("track", event(writeKey=key), NOW).write_key == wanted


@pytest.mark.parametrize(
    ("context", "carried"),
    [
        (b'{"locale":"en"}', {"locale": "en"}), (b"null", {}), (b"[]", {}), (b'"x"', {}), (b"7", {}),
        (b'{"a":' + b"[" * 900 + b"]" * 900 + b"}", {}),
    ],
)  # fmt: skip
def test_the_batchs_context_travels_once_a_message(context: bytes, carried: dict[str, Any]) -> None:
    body = b'{"context":' + context + b',"batch":[' + b",".join([event()] * 20) + b"]}"
    (text,) = packed(judge("batch", body, NOW))
    back = unpack(text)
    assert back.context == carried
    assert (len(back.events), back.source, back.received_at) == (20, "web", NOW)
    assert text.count('"locale"') == len(carried)


RAW = st.builds(
    lambda who, text, size: event(userId=who, properties={"text": text, "x": "y" * size}),
    st.integers(1, 700).map(lambda number: f"u{number}"), st.text(max_size=8), st.sampled_from([0, 10, 30_000]),
)  # fmt: skip


@examples(40)
@given(
    st.lists(RAW, max_size=300), st.lists(st.binary(max_size=40_000), max_size=5), st.sampled_from([0, 10, 400_000]),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_packing_keeps_every_byte_and_every_limit(
    raws: list[bytes], refused: list[bytes], context_size: int, chance: random.Random
) -> None:
    events = [(msgspec.json.decode(raw)["userId"], "track", raw) for raw in raws]
    chance.shuffle(events)
    rejected = [Rejected(raw, "why") for raw in refused]
    context = msgspec.json.encode({"x": "c" * context_size})
    texts = list(pack("web", NOW, context, events, rejected))
    check_messages([Message(text) for text in texts])
    back = [unpack(text) for text in texts]
    assert sorted(one for message in back for one in message.events) == sorted(("track", raw) for raw in raws)
    assert [one for message in back for one in message.rejected] == rejected
    for text, message in zip(texts, back, strict=True):
        assert len(text.encode()) <= MAX_PACKED_BYTES + 1_024
        assert len({msgspec.json.decode(raw)["userId"] for _, raw in message.events}) <= MAX_PACKED_VIEWERS
        assert message.context == {"x": "c" * context_size}


def test_a_viewers_events_stay_in_one_message_in_their_order() -> None:
    events = [
        (f"u{number % 300}", "track", event(userId=f"u{number % 300}", messageId=f"m{number}")) for number in range(900)
    ]
    messages = [unpack(text).events for text in pack("web", NOW, b"{}", events, ())]
    assert len(messages) == 2
    for viewer in ("u0", "u299"):
        mine = [raw for _, _, raw in events if msgspec.json.decode(raw)["userId"] == viewer]
        where = [[raw for _, raw in message if msgspec.json.decode(raw)["userId"] == viewer] for message in messages]
        assert mine in where


def test_nothing_is_packed_of_nothing() -> None:
    assert list(pack("web", NOW, b"{}", (), ())) == []


def test_the_largest_request_of_the_worst_bytes_still_fits_the_queue() -> None:
    def filled(filling: bytes, size: int) -> bytes:
        text = filling * (size // len(filling))
        return b'{"type":"track","userId":"u1","event":"x","properties":{"t":"' + text + b'"}}'

    for filling in (b'\\"', b"\xff", "\uffff".encode(), b"\\u0001", b"\x7f"):
        one = judged(filled(filling, 490_000))
        assert reasons(one) == ["larger than 32 KB"]
        assert len(packed(one)) == 1
        small = filled(filling, 31_000)
        many = judged(*[small] * 15)
        assert reasons(many) == []
        assert [raw for text in packed(many) for _, raw in unpack(text).events] == [small] * 15


@examples(200)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_refused_or_judged(body: bytes) -> None:
    for kind, whole in (("track", body), ("batch", body), ("batch", b'{"batch":[' + body + b"]}")):
        try:
            intake = judge(kind, whole, NOW)
        except RequestRefused:
            continue
        assert len([one for text in packed(intake) for one in unpack(text).rejected]) == len(intake.rejected)
