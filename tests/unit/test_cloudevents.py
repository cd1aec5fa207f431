"""CloudEvents in all three modes say the same, and what they say is read as Segment's."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.rules.cloudevents import read
from aftershow.rules.intake import RequestRefused
from aftershow.rules.wires import judge
from tests.unit.samples import START, examples

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "7",
    "source": "/shop",
    "type": "com.shop.product.viewed",
    "subject": "u1",
    "time": "2026-03-04T12:00:00Z",
    "datacontenttype": "application/json",
    "data": {"show_id": "s1", "product_id": "p1"},
}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}


def said(**changes: Any) -> dict[str, Any]:
    """The Segment message of the event with these changes (None: left out)."""
    fields = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    [translated] = read(STRUCTURED, json.dumps(fields).encode())
    assert translated.reason == ""
    [message] = translated.messages
    return dict(message)


def refused(**changes: Any) -> str:
    fields = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    judged = judge(read(STRUCTURED, json.dumps(fields).encode()), START)
    return judged.reasons[0]


def binary(event: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """As the HTTP binding puts it: attributes in headers, percent-encoded, the data in the body."""
    headers = {f"ce-{name}": quote(value) for name, value in event.items() if name not in ("data", "datacontenttype")}
    if "datacontenttype" in event:
        headers["content-type"] = event["datacontenttype"]
    return headers, json.dumps(event["data"]).encode() if "data" in event else b""


def test_an_event_is_tracked_for_its_subject() -> None:
    assert said() == {
        "type": "track",
        "event": "Product Viewed",
        "messageId": said()["messageId"],
        "userId": "u1",
        "timestamp": "2026-03-04T12:00:00Z",
        "properties": {"show_id": "s1", "product_id": "p1"},
    }


texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=1, max_size=12)
events = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "id": texts, "source": texts, "type": texts},
    optional={
        "subject": texts,
        "time": st.just("2026-03-04T12:00:00+08:00"),
        "datacontenttype": st.just("application/json"),
        "data": st.dictionaries(texts, st.one_of(texts, st.integers(0, 9), st.booleans()), max_size=4),
    },
)


@examples(150)
@given(events)
def test_all_three_modes_say_the_same(event: dict[str, Any]) -> None:
    """Structured, one of a batch, and binary."""
    whole = json.dumps(event).encode()
    [structured] = read(STRUCTURED, whole)
    [_, batched] = read(BATCHED, b"[" + json.dumps(EVENT).encode() + b", " + whole + b"]")
    [in_headers] = read(*binary(event))
    assert structured.messages == batched.messages == in_headers.messages
    assert structured.reason == batched.reason == in_headers.reason


@examples(100)
@given(events, events)
def test_source_and_id_name_the_message(one: dict[str, Any], other: dict[str, Any]) -> None:
    [first], [second] = (read(STRUCTURED, json.dumps(event).encode()) for event in (one, other))
    same = (one["source"], one["id"]) == (other["source"], other["id"])
    if first.messages and second.messages:
        assert (first.messages[0]["messageId"] == second.messages[0]["messageId"]) == same


@pytest.mark.parametrize(
    ("changes", "who"),
    [
        ({"subject": "u1"}, {"userId": "u1"}),
        ({"subject": "users/u1"}, {"userId": "u1"}),
        ({"subject": "/Customer/u1"}, {"userId": "u1"}),
        ({"subject": "anonymous/a1"}, {"anonymousId": "a1"}),
        ({"subject": "orders/77"}, {}),
        ({"subject": None}, {}),
        ({"subject": "orders/77", "data": {"userId": "u1"}}, {"userId": "u1"}),
        ({"subject": "77", "data": {"user_id": "u1", "anonymous_id": "a1"}}, {"userId": "u1", "anonymousId": "a1"}),
        ({"subject": "77", "data": {"anonymousId": "a1"}}, {"anonymousId": "a1"}),
        ({"subject": "s1", "type": "live.show.started", "data": {"show_id": "s1"}}, {}),
    ],
)
def test_data_names_the_viewer_before_the_subject(changes: dict[str, Any], who: dict[str, str]) -> None:
    message = said(**changes)
    assert {name: message[name] for name in ("userId", "anonymousId") if name in message} == who
    assert not {"userId", "user_id", "anonymousId", "anonymous_id"} & set(message["properties"])


@pytest.mark.parametrize("given", ["com.shop.identify", "user.identified", "com.shop.customer.updated.v1"])
def test_what_is_said_of_a_person_is_an_identify(given: str) -> None:
    message = said(type=given, data={"email": "an@example.com"})
    assert (message["type"], message["traits"]) == ("identify", {"email": "an@example.com"})
    message = said(type="x", data={"traits": {"email": "an@example.com"}, "context": {"timezone": "Asia/Shanghai"}})
    assert (message["type"], message["traits"]) == ("identify", {"email": "an@example.com"})
    assert message["context"] == {"timezone": "Asia/Shanghai"}


def test_what_only_looks_like_a_person_is_behaviour() -> None:
    assert said(type="com.shop.basket.updated")["event"] == "com.shop.basket.updated"


def test_an_alias_joins_two_identities() -> None:
    message = said(type="com.shop.alias", data={"userId": "u1", "previousId": "a1"})
    assert message["type"] == "alias"
    assert (message["userId"], message["previousId"]) == ("u1", "a1")


def test_an_order_with_its_properties() -> None:
    message = said(type="OrderCompleted", data={"properties": {"order_id": "o1", "total": "12.50"}, "currency": "CNY"})
    assert message["properties"] == {"order_id": "o1", "total": "12.50", "currency": "CNY"}


def test_data_may_be_packed() -> None:
    packed = said(data=None, data_base64="eyJwcm9kdWN0X2lkIjoicDEifQ==")
    assert packed["properties"] == {"product_id": "p1"}
    assert said(data='{"product_id": "p1"}')["properties"] == {"product_id": "p1"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": None}, "specversion is missing"),
        ({"specversion": "0.3"}, "specversion must be 1.0"),
        ({"id": None}, "id is missing"),
        ({"id": ""}, "id is missing"),
        ({"id": 7}, "id must be a text"),
        ({"source": None}, "source is missing"),
        ({"type": ["x"]}, "type must be a text"),
        ({"time": 5}, "time must be a text"),
        ({"time": "soon"}, "timestamp is not ISO 8601"),
        ({"time": "2001-01-01T00:00:00Z"}, "timestamp is more than 400 days old"),
        ({"data": [1]}, "data must be an object"),
        ({"data": "<xml/>"}, "not JSON"),
        ({"data": None, "data_base64": "?"}, "data_base64 is not base64"),
        ({"data": None, "data_base64": "//4="}, "not JSON"),
        ({"subject": None}, "no usable userId or anonymousId"),
        ({"subject": "null"}, "no usable userId or anonymousId"),
        ({"data": {"userId": ["u1"]}}, "a field has the wrong type"),
        ({"data": {"x": "y" * 33_000}}, "larger than 32 KB"),
        ({"data": json.loads('{"x":' * 70 + "1" + "}" * 70)}, "nested more than 64 levels deep"),
        ({"data": {"x": float("nan")}}, "NaN or infinity is not JSON"),
    ],
)
def test_a_bad_event_is_refused_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assert refused(**changes) == reason


def test_a_bad_event_spoils_only_itself_and_can_be_sent_again() -> None:
    good, bad = json.dumps(EVENT).encode(), b'{"specversion" : "1.0", "id":"8","type":"x"}'
    judged = judge(read(BATCHED, b"[" + good + b" , " + bad + b",5]"), START)
    assert judged.reasons == ("", "source is missing", "not an object")
    assert [one.raw for one in judged.intake.rejected] == [bad, b"5"]


def test_a_refused_binary_event_is_kept_as_one_that_can_be_sent_again() -> None:
    headers, body = binary({**EVENT, "source": "/s p%", "subject": "orders/77"})
    [translated] = read(headers, body)
    [again] = read(STRUCTURED, translated.original)
    assert again.messages == translated.messages
    assert body in translated.original
    for unreadable in (b"\xff\x00", b"<xml/>", b"[" * 3_000):
        [translated] = read(headers, unreadable)
        assert json.loads(translated.original)["data_base64"]
        assert translated.reason == "not JSON" if unreadable[:1] != b"[" else translated.reason


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"{}"),
        ({"content-type": "application/json"}, json.dumps(EVENT).encode()),
        ({"content-type": "application/cloudevents+xml"}, b"<event/>"),
        ({"content-type": "application/cloudevents-batch+protobuf"}, b""),
        (STRUCTURED, b"{"),
        (STRUCTURED, b""),
        (BATCHED, b"{}"),
        (BATCHED, b"[{]"),
    ],
)
def test_what_is_no_request_is_refused_whole(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(RequestRefused):
        read(headers, body)


def test_limits_of_a_request() -> None:
    with pytest.raises(RequestRefused, match="500 KB"):
        read(STRUCTURED, b" " * (500 * 1024 + 1))
    with pytest.raises(RequestRefused, match="2500 events"):
        read(BATCHED, b"[" + b"{}," * 2_500 + b"{}]")
    assert len(read(BATCHED, b"[" + b"{}," * 2_499 + b"{}]")) == 2_500


def test_no_events_are_no_trouble() -> None:
    assert read(BATCHED, b"[]") == []
