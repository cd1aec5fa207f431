"""Pinpoint's requests become Segment's events, and nothing in them loosens consent."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, iso
from aftershow.model.viewers import Head
from aftershow.rules.intake import MAX_AGE, RequestRefused
from aftershow.rules.people import learn, may_be_written
from aftershow.rules.pinpoint import (
    CHANNELS,
    Thing,
    endpoint_messages,
    endpoints_answer,
    events_answer,
    read_endpoint,
    read_endpoints,
    read_events,
)
from aftershow.rules.segment import AddressSuppressed, Consented, Event, Identified, read_event
from aftershow.rules.wires import Translated, Unusable, judge
from tests.unit.samples import SHOP, START, examples

ENDPOINT = {
    "Address": "an@example.com",
    "ChannelType": "EMAIL",
    "EffectiveDate": "2026-03-04T11:00:00Z",
    "OptOut": "NONE",
    "User": {"UserId": "u1", "UserAttributes": {"name": ["An"], "tier": ["gold"]}},
    "Attributes": {"interests": ["tea", "walnuts"]},
    "Metrics": {"visits": 3.0},
    "Demographic": {"Locale": "zh_CN", "Timezone": "Asia/Shanghai", "Platform": "iOS", "AppVersion": "1.2"},
    "Location": {"Country": "CN", "City": "Hangzhou"},
}


def event(name: str = "Live Liked", **more: object) -> dict[str, Any]:
    return {"EventType": name, "Timestamp": "2026-03-04T12:00:00Z", **more}


def put(endpoint: object, **events: object) -> bytes:
    return json.dumps({"BatchItem": {"e1": {"Endpoint": endpoint, "Events": events}}}).encode()


def messages(things: list[Thing]) -> list[Any]:
    return [message for thing in things for message in thing.translated.messages]


def read(message: Any) -> Event:
    """As the scorer reads it."""
    return read_event(message["type"], msgspec.json.encode(message), {}, START, SHOP)


def test_an_endpoint_is_a_person_with_an_address() -> None:
    [identify] = endpoint_messages("e1", ENDPOINT, START)
    assert identify["userId"] == "u1"
    assert identify["anonymousId"] == "e1"
    assert identify["timestamp"] == "2026-03-04T11:00:00+00:00"
    assert identify["traits"] == {
        "name": "An",
        "tier": "gold",
        "interests": ["tea", "walnuts"],
        "visits": 3,
        "email": "an@example.com",
        "address": {"country": "CN", "city": "Hangzhou"},
    }
    assert identify["context"] == {
        "timezone": "Asia/Shanghai",
        "locale": "zh_CN",
        "device": {"type": "iOS"},
        "app": {"version": "1.2"},
    }
    meaning = read(identify).meaning
    assert isinstance(meaning, Identified)
    assert meaning.traits == {"email": "an@example.com", "name": "An", "country": "CN"}


@pytest.mark.parametrize(
    ("kind", "trait"), [("EMAIL", "email"), ("SMS", "phone"), ("VOICE", "phone"), ("CUSTOM", None), ("IN_APP", None)]
)
def test_the_channel_says_what_an_address_is(kind: str, trait: str | None) -> None:
    said = endpoint_messages("e1", {"Address": "x", "ChannelType": kind, "User": {"UserId": "u1"}}, START)
    assert said[0]["traits"] == ({trait: "x"} if trait else {})


def test_a_push_address_is_a_device_token() -> None:
    [identify] = endpoint_messages("e1", {"Address": "token", "ChannelType": "APNS"}, START)
    assert identify["context"]["device"] == {"token": "token", "service": "APNS"}


def test_the_address_of_an_inactive_endpoint_is_not_taken() -> None:
    for kind in ("EMAIL", "GCM"):
        fields = {"Address": "x@example.com", "ChannelType": kind, "EndpointStatus": "INACTIVE", "OptOut": "ALL"}
        said = [message["type"] for message in endpoint_messages("e1", fields, START)]
        assert "identify" not in said


def test_an_endpoint_that_says_nothing_is_no_event() -> None:
    assert endpoint_messages("e1", {"RequestId": "r", "OptOut": "NONE"}, START) == []


@pytest.mark.parametrize(
    ("kind", "channel"),
    [("EMAIL", "email"), ("SMS", "sms"), ("GCM", "push"), ("CUSTOM", "all"), ("HOLOGRAM", "all"), (None, "all")],
)
def test_opting_out_withdraws_marketing_on_that_channel(kind: str | None, channel: str) -> None:
    said = endpoint_messages("e1", {"ChannelType": kind, "OptOut": "ALL", "User": {"UserId": "u1"}}, START)
    meaning = read(said[1]).meaning
    assert meaning == Consented(f"marketing:{channel}", "withdrawn", "pinpoint", None)


@pytest.mark.parametrize(
    ("kind", "address", "suppressed"),
    [
        ("EMAIL", " An@example.com ", AddressSuppressed("email", "An@example.com", "opted_out")),
        ("SMS", "+8613800138000", AddressSuppressed("sms", "+8613800138000", "opted_out")),
        ("GCM", "token", AddressSuppressed("push", "token", "opted_out")),
        ("EMAIL", "not an address", None),
        ("CUSTOM", "https://shop.example", None),
        ("EMAIL", None, None),
    ],
)
def test_the_address_that_opted_out_is_suppressed_whoever_has_it(
    kind: str, address: str | None, suppressed: AddressSuppressed | None
) -> None:
    said = endpoint_messages("e1", {"ChannelType": kind, "Address": address, "OptOut": "ALL"}, START)
    meanings = [read(message).meaning for message in said]
    assert [one for one in meanings if isinstance(one, AddressSuppressed)] == ([suppressed] if suppressed else [])
    assert endpoint_messages("e1", {"ChannelType": kind, "Address": address}, START) == [
        message for message in said if message["type"] == "identify"
    ]


endpoints = st.fixed_dictionaries(
    {},
    optional={
        "Address": st.text(max_size=20),
        "ChannelType": st.sampled_from([*CHANNELS, "CUSTOM", "IN_APP", "NEW"]),
        "OptOut": st.sampled_from(["ALL", "NONE", "none", "all"]),
        "EndpointStatus": st.sampled_from(["ACTIVE", "INACTIVE"]),
        "EffectiveDate": st.sampled_from(["2026-03-04T11:00:00Z", "1999-01-01T00:00:00Z", "2099-01-01", "soon", ""]),
        "Attributes": st.dictionaries(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=3), max_size=4),
        "Metrics": st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False, allow_infinity=False), max_size=3),
        "User": st.fixed_dictionaries({}, optional={"UserId": st.text(max_size=8)}),
    },
)


@examples(200)
@given(endpoints)
def test_an_endpoint_never_grants_consent(fields: dict[str, Any]) -> None:
    """Whatever it says, nobody may be written to who could not be before; and an opt-out is never lost for a date."""
    head = Head(viewer="uviewer")
    said = endpoint_messages("e1", fields, START)
    assert all(judge_one(message) == "" for message in said)
    for message in said:
        head = learn(head, "uviewer", read(message))
    assert not any(may_be_written(head, "marketing", channel) for channel in ("email", "sms", "push"))
    opted_out = fields.get("OptOut", "").upper() == "ALL"
    assert any(isinstance(read(message).meaning, Consented) for message in said) == opted_out


def judge_one(message: Any) -> str:
    return judge([Translated(b"{}", (message,))], START).reasons[0]


def test_the_same_endpoint_has_the_same_message_id_and_another_one_another() -> None:
    first, again = (endpoint_messages("e1", dict(ENDPOINT), START + hours)[0]["messageId"] for hours in (0, DAY))
    assert first == again
    assert endpoint_messages("e2", ENDPOINT, START)[0]["messageId"] != first
    assert endpoint_messages("e1", {**ENDPOINT, "Address": "bo@example.com"}, START)[0]["messageId"] != first


def test_a_date_that_is_long_past_is_brought_to_the_oldest_that_is_safely_taken() -> None:
    """Also when it gets to the door only days later."""
    [identify] = endpoint_messages("e1", {**ENDPOINT, "EffectiveDate": "2019-01-01T00:00:00Z"}, START)
    assert identify["timestamp"] == iso(START - MAX_AGE + 35 * DAY)
    assert judge([Translated(b"{}", (identify,))], START + 30 * DAY).reasons == ("",)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Address": 5}, "Endpoint: Address has the wrong type"),
        ({"User": {"UserId": ["u1"]}}, "Endpoint: User.UserId has the wrong type"),
        ({"Metrics": {"visits": "many"}}, "Endpoint: Metrics has the wrong type"),
        ({"OptOut": "MAYBE"}, "Endpoint: OptOut must be ALL or NONE"),
    ],
)
def test_what_an_endpoint_can_not_be(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable, match=f"^{reason}$"):
        endpoint_messages("e1", fields, START)


def test_events_are_tracked_for_the_endpoint_and_its_user() -> None:
    attributes = {"show_id": "s1", "product_id": "p1", "livestream": "true"}
    liked = event("order_completed", Attributes=attributes, Metrics={"total": 12.5, "quantity": 2.0})
    things = read_events(put(ENDPOINT, v1=liked), START)
    assert [(thing.endpoint, thing.event) for thing in things] == [("e1", None), ("e1", "v1")]
    tracked = messages(things)[1]
    assert tracked == {
        "type": "track",
        "event": "Order Completed",
        "messageId": tracked["messageId"],
        "anonymousId": "e1",
        "userId": "u1",
        "timestamp": "2026-03-04T12:00:00Z",
        "properties": {"show_id": "s1", "product_id": "p1", "livestream": True, "total": 12.5, "quantity": 2},
        "context": {"timezone": "Asia/Shanghai", "locale": "zh_CN"},
    }


def test_types_that_are_not_ours_stay_as_they_are() -> None:
    things = read_events(put({}, v1=event("_session.start"), v2=event("_monetization.purchase")), START)
    assert [message["event"] for message in messages(things)] == ["_session.start", "_monetization.purchase"]


def test_endpoint_and_event_id_name_the_message() -> None:
    def ids(body: bytes) -> list[str]:
        return [message["messageId"] for message in messages(read_events(body, START)) if message["type"] == "track"]

    once = ids(put({}, v1=event()))
    assert ids(put({"Address": "new"}, v1=event("Live Shared"))) == once
    assert ids(put({}, v2=event())) != once
    assert ids(put({}, v1=event()).replace(b'"e1"', b'"e2"')) != once
    assert all(len(one) <= 100 for one in once)


def test_an_undated_endpoint_is_dated_by_its_newest_event() -> None:
    newer = event(Timestamp="2026-03-04T20:30:00+08:00")
    things = read_events(put({"User": {"UserId": "u1"}}, v1=event(), v2=newer, v3=event(Timestamp="soon")), START)
    assert messages(things)[0]["timestamp"] == "2026-03-04T12:30:00+00:00"


BAD_EVENTS = {
    "no type": ({"Timestamp": "2026-03-04T12:00:00Z"}, "EventType is missing"),
    "no time": ({"EventType": "Live Liked"}, "Timestamp is missing"),
    "a list": ([], "not an object"),
    "a number": (event(EventType=5), "EventType has the wrong type"),
    "metrics": (event(Metrics={"x": "y"}), "Metrics has the wrong type"),
    "time": (event(Timestamp="yesterday"), "timestamp is not ISO 8601"),
    "old": (event(Timestamp="2001-01-01T00:00:00Z"), "timestamp is more than 400 days old"),
    "huge": (event(Attributes={"x": "y" * 33_000}), "larger than 32 KB"),
    "deep": (event(Attributes={"x": json.loads("[" * 70 + "]" * 70)}), "nested more than 64 levels deep"),
    "NaN": (event(Metrics={"x": float("nan")}), "NaN or infinity is not JSON"),
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_a_bad_event_spoils_only_itself(name: str) -> None:
    """Refused with its reason, kept as a request that can be sent again; its neighbours and endpoint are taken."""
    bad, reason = BAD_EVENTS[name]
    things = read_events(put(ENDPOINT, good=event(), bad=bad), START)
    judged = judge([thing.translated for thing in things], START)
    assert judged.reasons == ("", "", reason)
    assert (len(judged.intake.facts), len(judged.intake.behaviour)) == (1, 1)
    [rejected] = judged.intake.rejected
    again = read_events(rejected.raw, START)
    assert [(thing.endpoint, thing.event) for thing in again] == [("e1", None), ("e1", "bad")]
    assert judge([thing.translated for thing in again], START).reasons == ("", reason)
    answer = events_answer(things, judged.reasons)
    assert answer == {
        "Results": {
            "e1": {
                "EndpointItemResponse": {"StatusCode": 202, "Message": "Accepted"},
                "EventsItemResponse": {
                    "good": {"StatusCode": 202, "Message": "Accepted"},
                    "bad": {"StatusCode": 400, "Message": reason},
                },
            }
        }
    }


def test_a_bad_endpoint_does_not_spoil_its_events() -> None:
    things = read_events(put({"Address": 5}, v1=event()), START)
    judged = judge([thing.translated for thing in things], START)
    assert judged.reasons == ("Endpoint: Address has the wrong type", "")
    assert json.loads(judged.intake.rejected[0].raw) == {
        "BatchItem": {"e1": {"Endpoint": {"Address": 5}, "Events": {}}}
    }


def test_half_an_emoji_is_mended() -> None:
    body = rb'{"BatchItem":{"e1":{"Endpoint":{},"Events":{"v1":{"EventType":"Live Comment Sent",'
    body += rb'"Timestamp":"2026-03-04T12:00:00Z","Attributes":{"text":"\ud83d"}}}}}}'
    [_, tracked] = read_events(body, START)
    assert tracked.translated.messages[0]["properties"] == {"text": "\ufffd"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b"{}", b'{"BatchItem":[]}', b'{"BatchItem":{"e1":5}}', b"[" * 100_000]
)
def test_what_is_no_request_is_refused_whole(body: bytes) -> None:
    with pytest.raises(RequestRefused):
        read_events(body, START)
    with pytest.raises(RequestRefused):
        read_endpoints(body, START)


@pytest.mark.parametrize("body", [b"", b"[]", b'"e1"', b"null", b"{", b'{"Address": }', b"{}]"])
def test_an_update_must_be_an_object(body: bytes) -> None:
    with pytest.raises(RequestRefused):
        read_endpoint("e1", body, START)


def test_limits_of_a_request() -> None:
    with pytest.raises(RequestRefused, match="500 KB"):
        read_events(b" " * (500 * 1024 + 1), START)
    many = {f"v{number}": event() for number in range(2_501)}
    with pytest.raises(RequestRefused, match="2500 events"):
        read_events(put({}, **many), START)


def test_updates_of_endpoints() -> None:
    one = read_endpoint("e/1", json.dumps(ENDPOINT).encode(), START)
    [same] = read_endpoints(json.dumps({"Item": [{"Id": "e/1", **ENDPOINT}]}).encode(), START)
    assert messages([one]) == messages([same]) == endpoint_messages("e/1", ENDPOINT, START)


@pytest.mark.parametrize("raw", [b'{"Address": 5}', b"{ }", b'{"OptOut":"MAYBE"}'])
def test_a_refused_update_can_be_sent_again(raw: bytes) -> None:
    """It carries the id that stood in the path, and its own bytes."""
    thing = read_endpoint('e"1', raw, START)
    [again] = read_endpoints(thing.translated.original, START)
    assert again.endpoint == 'e"1'
    assert again.translated == thing.translated or raw == b"{ }"
    assert raw[1:].strip() in thing.translated.original


def test_a_batch_of_endpoints_says_how_many_were_refused() -> None:
    things = read_endpoints(json.dumps({"Item": [{"Id": "e1", **ENDPOINT}, ENDPOINT, 5]}).encode(), START)
    judged = judge([thing.translated for thing in things], START)
    assert judged.reasons == ("", "Id is missing", "not an object")
    assert endpoints_answer(judged.reasons, "r1") == {
        "Message": "2 of 3 refused and kept: Id is missing",
        "RequestID": "r1",
    }
    assert endpoints_answer(("", ""), "r1")["Message"] == "Accepted"
