"""Requests of other wires through the real handler, from the route to the records."""

from __future__ import annotations

import base64
import gzip
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import MINUTE, iso, parse_instant
from aftershow.model.orders import Order
from aftershow.model.viewers import Address, Head
from aftershow.ports import keys
from aftershow.rules.douyin import signature
from aftershow.rules.people import may_be_written
from aftershow.services.dead_letters import DeadLetter
from aftershow.services.wires import judged_again
from infra.local import catalog
from infra.local.embedded import EmbeddedState
from infra.local.faults import Fault, Faults
from infra.local.gateway import HttpReply
from infra.local.host import LocalHost
from tests.unit.samples import examples

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
SHARED = TEMPLATE.parent / "shared"
START = parse_instant("2026-03-06T12:00:30+00:00")
NOW = "2026-03-06T12:00:00Z"
SIGNS_WITH = "123abc"
STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
KEY = {"authorization": f"Basic {base64.b64encode(b'local:').decode()}"}


def shop(faults: Faults | None = None, **parameters: str) -> LocalHost:
    given = {"DueShards": "2", "DouyinSecret": SIGNS_WITH, **parameters}
    state = EmbeddedState(":memory:", lambda: START)
    host = LocalHost(TEMPLATE, state, parameters=given, seed=7, start_at=START, faults=faults)
    catalog.load(host.store)
    return host


@pytest.fixture
def host() -> Iterator[LocalHost]:
    opened = shop()
    yield opened
    opened.state.close()


def ask(
    host: LocalHost, path: str, body: object, headers: Mapping[str, str] = KEY, method: str = "POST"
) -> tuple[int, Any]:
    """One request, worked off at once: status and body."""
    reply = _asked(host, path, body, headers, method)
    return reply.status, json.loads(reply.body)


def _asked(host: LocalHost, path: str, body: object, headers: Mapping[str, str], method: str) -> HttpReply:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    reply = host.request(method, path, headers, raw)
    host.drain()
    return reply


def head(host: LocalHost, user: str) -> Head:
    item = host.store.get(keys.head(viewer_id("user", user)))
    assert item is not None
    return Head.read(item.body)


def counts(host: LocalHost, kind: Any, value: str, show: str = "s1") -> dict[Kind, int]:
    item = host.store.get(keys.engagement(viewer_id(kind, value), keys.about_show(show)))
    return Engagement.read(item.body).counts() if item else {}


def dead(host: LocalHost) -> list[tuple[str, str, bytes]]:
    """Reason, source and original bytes of every dead letter."""
    parts: dict[str, list[DeadLetter]] = {}
    for row in host.backend.scan("dead_letters"):
        parts.setdefault(row["pk"]["S"], []).append(DeadLetter.read(row["body"]["S"]))
    return sorted((one[0].reason, one[0].source, DeadLetter.original(one)) for one in parts.values())


def nothing_kept(host: LocalHost) -> bool:
    """Whether a request left nothing behind."""
    tables = ("viewers", "engagements", "orders", "dead_letters")
    return not [row for table in tables for row in host.backend.scan(table)]


def cloud_event(number: int = 1, kind: str = "com.shop.live.liked", **more: object) -> dict[str, Any]:
    attributes = {
        "specversion": "1.0",
        "id": str(number),
        "source": "/app",
        "type": kind,
        "subject": "lan",
        "time": NOW,
    }
    return {**attributes, "data": {"show_id": "s1"}, **more}


def test_cloud_events_in_three_modes_are_one_event_when_they_are_repeated(host: LocalHost) -> None:
    event = cloud_event()
    in_headers = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}
    for _ in range(3):
        assert ask(host, "/v1/cloudevents", event, KEY | STRUCTURED) == (200, {"success": True})
        assert ask(host, "/v1/cloudevents", [event, event], KEY | BATCHED) == (200, {"success": True})
        assert ask(host, "/v1/cloudevents", event["data"], KEY | in_headers) == (200, {"success": True})
    assert counts(host, "user", "lan") == {Kind.LIKED: 1}


def test_a_story_in_cloud_events(host: LocalHost) -> None:
    """She signs in, agrees, orders: the same person, head, consent and order as by Segment's wire."""
    story = [
        cloud_event(1, "com.shop.live.room.entered", subject="anonymous/a1"),
        cloud_event(
            2, "com.shop.user.identified", data={"anonymousId": "a1", "userId": "lan", "email": "l@example.com"}
        ),
        cloud_event(3, "MessageConsentUpdated", data={"purpose": "marketing", "channel": "email", "state": "granted"}),
        cloud_event(4, "com.shop.order.completed", data={"order_id": "o1", "total": "12.50", "show_id": "s1"}),
    ]
    assert ask(host, "/v1/cloudevents", story, KEY | BATCHED) == (200, {"success": True})
    lan = head(host, "lan")
    assert lan.trait("email") == "l@example.com"
    assert may_be_written(lan, "marketing", "email")
    assert viewer_id("anonymous", "a1") in lan.people
    item = host.store.get(keys.order("o1"))
    assert item is not None
    assert Order.read(item.body).minor == 1250
    assert dead(host) == []


@pytest.mark.parametrize(
    "headers", [KEY, {"Authorization": "Bearer local"}, {"authorization": "bearer  local"}, {"X-Write-Key": "local"}]
)
def test_the_write_key_of_a_cloud_event_comes_in_a_header(host: LocalHost, headers: dict[str, str]) -> None:
    named = {**headers, "Content-Type": "application/cloudevents+json"}
    assert ask(host, "/v1/cloudevents", cloud_event(), named) == (200, {"success": True})
    assert counts(host, "user", "lan") == {Kind.LIKED: 1}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-write-key": ""}])
def test_without_a_write_key_nothing_is_kept(host: LocalHost, headers: dict[str, str]) -> None:
    status, body = ask(host, "/v1/cloudevents", cloud_event(), STRUCTURED | headers)
    assert (status, body["code"]) == (401, "unauthorized")
    assert nothing_kept(host)


def test_a_bad_cloud_event_is_named_in_the_answer_and_kept(host: LocalHost) -> None:
    bad = cloud_event(2, subject=None)
    status, body = ask(host, "/v1/cloudevents", [cloud_event(), bad, 5], KEY | BATCHED)
    reason = "no usable userId or anonymousId"
    refused = [{"index": 1, "reason": reason}, {"index": 2, "reason": "not an object"}]
    assert (status, body) == (200, {"success": True, "refused": refused})
    assert counts(host, "user", "lan") == {Kind.LIKED: 1}
    written = json.dumps(bad, ensure_ascii=False).encode()
    assert dead(host) == [(reason, "local", written), ("not an object", "local", b"5")]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b" " * 501 * 1024, 400),
        (b"[" + b"{}," * 2_500 + b"{}]", 400),
        (gzip.compress(b"[]", mtime=0)[:-9], 400),
    ],
)
def test_what_is_no_batch_leaves_nothing(host: LocalHost, body: bytes, code: int) -> None:
    packed = {"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    status, answer = ask(host, "/v1/cloudevents", body, KEY | BATCHED | packed)
    assert (status, answer["code"]) == (code, "invalid_request")
    assert nothing_kept(host)


def test_a_packed_batch(host: LocalHost) -> None:
    packed = gzip.compress(json.dumps([cloud_event()]).encode())
    assert ask(host, "/v1/cloudevents", packed, KEY | BATCHED | {"content-encoding": "gzip"})[0] == 200
    assert counts(host, "user", "lan") == {Kind.LIKED: 1}


ENDPOINT = {
    "Address": "lan@example.com",
    "ChannelType": "EMAIL",
    "EffectiveDate": NOW,
    "User": {"UserId": "lan"},
    "Demographic": {"Timezone": "Asia/Shanghai"},
}


def put_events(endpoint: object = ENDPOINT, **events: object) -> dict[str, Any]:
    return {"BatchItem": {"device-1": {"Endpoint": endpoint, "Events": events}}}


def pinpoint_event(kind: str = "Live Liked", **more: object) -> dict[str, Any]:
    return {"EventType": kind, "Timestamp": NOW, "Attributes": {"show_id": "s1"}, **more}


def test_pinpoint_events_are_behaviour_of_the_endpoints_person(host: LocalHost) -> None:
    for _ in range(3):
        status, body = ask(host, "/v1/apps/local/events", put_events(e1=pinpoint_event(), e2=pinpoint_event()))
        accepted = {"StatusCode": 202, "Message": "Accepted"}
        items = {"EndpointItemResponse": accepted, "EventsItemResponse": {"e1": accepted, "e2": accepted}}
        assert (status, body) == (202, {"Results": {"device-1": items}})
    assert counts(host, "user", "lan") == {Kind.LIKED: 2}
    lan = head(host, "lan")
    assert (lan.trait("email"), lan.trait("context_zone")) == ("lan@example.com", "Asia/Shanghai")
    assert viewer_id("anonymous", "device-1") in lan.people


def test_an_endpoint_that_opts_out_is_not_written_to_and_one_that_does_not_grants_nothing(host: LocalHost) -> None:
    grant: dict[str, Any] = {
        "type": "track",
        "event": "Message Consent Updated",
        "userId": "lan",
        "timestamp": "2026-03-06T11:00:00Z",
    }
    grant |= {"properties": {"purpose": "marketing", "channel": "all", "state": "granted"}}
    path = "/v1/apps/local/endpoints/device-1"
    assert ask(host, path, {**ENDPOINT, "OptOut": "NONE"}, method="PUT")[0] == 202
    assert not may_be_written(head(host, "lan"), "marketing", "email")
    assert ask(host, "/v1/batch", {"batch": [grant]})[0] == 200
    assert may_be_written(head(host, "lan"), "marketing", "email")
    status, body = ask(host, path, {**ENDPOINT, "OptOut": "ALL"}, method="PUT")
    assert (status, body["Message"]) == (202, "Accepted")
    assert body["RequestID"]
    assert not may_be_written(head(host, "lan"), "marketing", "email")
    assert may_be_written(head(host, "lan"), "marketing", "sms")
    assert ask(host, path, {**ENDPOINT, "OptOut": "NONE"}, method="PUT")[0] == 202
    assert not may_be_written(head(host, "lan"), "marketing", "email")


def test_an_address_that_opted_out_is_suppressed_for_everybody(host: LocalHost) -> None:
    """The endpoint has no user: whoever else has the mailbox must not be written to."""
    fields = {"ChannelType": "EMAIL", "Address": "lan@example.com", "OptOut": "ALL"}
    assert ask(host, "/v1/apps/local/endpoints/e1", fields, method="PUT")[0] == 202
    [row] = host.backend.scan("addresses")
    assert Address.read(row["body"]["S"]).suppressed == "opted_out"
    assert dead(host) == []


def test_an_opt_out_of_long_ago_still_counts(host: LocalHost) -> None:
    """Its date is older than any that the door takes."""
    fields = {**ENDPOINT, "EffectiveDate": "2019-01-01T00:00:00Z", "OptOut": "ALL"}
    assert ask(host, "/v1/apps/local/endpoints", {"Item": [{"Id": "device-1", **fields}]}, method="PUT")[0] == 202
    assert "marketing:email" in head(host, "lan").consent
    assert dead(host) == []


def test_refused_items_are_named_and_kept(host: LocalHost) -> None:
    bad = pinpoint_event(Metrics={"total": "much"})
    status, body = ask(host, "/v1/apps/local/events", put_events({"Address": 5}, good=pinpoint_event(), bad=bad))
    assert status == 202
    item = body["Results"]["device-1"]
    assert item["EndpointItemResponse"] == {"StatusCode": 400, "Message": "Endpoint: Address has the wrong type"}
    assert item["EventsItemResponse"]["bad"] == {"StatusCode": 400, "Message": "Metrics has the wrong type"}
    assert counts(host, "anonymous", "device-1") == {Kind.LIKED: 1}
    letters = {reason: (source, json.loads(original)) for reason, source, original in dead(host)}
    assert letters == {
        "Endpoint: Address has the wrong type": ("local", put_events({"Address": 5})),
        "Metrics has the wrong type": ("local", put_events({"Address": 5}, bad=bad)),
    }
    status, body = ask(host, "/v1/apps/local/endpoints", {"Item": [{"Id": "e1"}, {}]}, method="PUT")
    assert (status, body["Message"]) == (202, "1 of 2 refused and kept: Id is missing")


@pytest.mark.parametrize(
    ("path", "method", "body", "status", "name"),
    [
        ("/v1/apps/wrong/events", "POST", put_events(), 404, "NotFoundException"),
        ("/v1/apps/wrong/endpoints/e1", "PUT", ENDPOINT, 404, "NotFoundException"),
        ("/v1/apps/local/events", "POST", b"{", 400, "BadRequestException"),
        ("/v1/apps/local/endpoints", "PUT", {"Item": {}}, 400, "BadRequestException"),
        ("/v1/apps/local/endpoints/e1", "PUT", [], 400, "BadRequestException"),
        ("/v1/apps/local/events", "POST", b" " * 501 * 1024, 413, "PayloadTooLargeException"),
        (
            "/v1/apps/local/events",
            "POST",
            put_events(**{f"e{number}": {} for number in range(2_501)}),
            400,
            "BadRequestException",
        ),
    ],
)
def test_errors_are_those_that_an_sdk_knows(
    host: LocalHost, path: str, method: str, body: object, status: int, name: str
) -> None:
    reply = _asked(host, path, body, {}, method)
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (status, name)
    assert set(json.loads(reply.body)) == {"Message", "RequestID"}
    assert nothing_kept(host)


def test_other_paths_of_pinpoint_are_not_there(host: LocalHost) -> None:
    for method, path in (("GET", "/v1/apps/local/endpoints/e1"), ("POST", "/v1/apps/local/messages")):
        assert host.request(method, path, KEY).status == 404
    assert ask(host, "/v1/apps", {})[0] == 404
    assert ask(host, "/v1/POST%20%2Fv1%2Fapps%2F%7Bapp%7D%2Fevents", put_events())[0] == 404


def push(kind: str, *messages: object, at: int = START, by: str = SIGNS_WITH) -> tuple[dict[str, str], bytes]:
    """A push as the platform sends it."""
    body = json.dumps(messages, ensure_ascii=False).encode()
    headers = {"x-msg-type": kind, "x-nonce-str": "n1", "x-roomid": "268", "x-timestamp": str(at)}
    return {**headers, "x-signature": signature(headers, body, by), "content-type": "application/json"}, body


def danmu(number: int, text: str = "多少钱", **more: object) -> dict[str, Any]:
    return {"msg_id": f"m{number}", "sec_openid": "o1", "content": text, "nickname": "兰", "timestamp": START, **more}


def test_pushes_are_counted_once_in_the_rooms_show(host: LocalHost) -> None:
    for _ in range(2):
        for kind in ("live_comment", "live_like", "live_gift", "live_fansclub"):
            headers, body = push(kind, danmu(1, msg_id=f"{kind}-1"), danmu(2, msg_id=f"{kind}-2"))
            assert ask(host, "/v1/douyin", body, headers) == (200, {"success": True})
    assert counts(host, "anonymous", "douyin:o1", "douyin-268") == {
        Kind.COMMENTED: 2,
        Kind.ASKED_PRICE: 2,
        Kind.QUESTION_PRODUCT: 2,
        Kind.LIKED: 2,
        Kind.GIFTED: 2,
        Kind.OTHER: 2,
    }
    assert dead(host) == []


def test_a_running_show_of_the_room_may_be_announced(host: LocalHost) -> None:
    announced: dict[str, Any] = {"type": "track", "event": "Live Show Started", "timestamp": iso(START - MINUTE)}
    announced |= {"properties": {"show_id": "douyin-268", "title": "春茶", "host_id": "h1"}}
    assert ask(host, "/v1/batch", {"batch": [announced]})[0] == 200
    headers, body = push("live_like", danmu(1))
    assert ask(host, "/v1/douyin", body, headers)[0] == 200
    assert counts(host, "anonymous", "douyin:o1", "douyin-268") == {Kind.LIKED: 1}
    item = host.store.get(keys.show("douyin-268"))
    assert item is not None
    assert "春茶" in item.body


@pytest.mark.parametrize(
    ("push_of", "reason"),
    [
        (push("live_like", danmu(1), by="wrong"), "x-signature is wrong"),
        (push("live_like", danmu(1), at=START - 11 * MINUTE), "x-timestamp is more than 10 minutes off"),
        (({"x-roomid": "268"}, b"[]"), "x-msg-type is missing"),
    ],
)
def test_a_push_that_is_not_the_platforms_leaves_nothing(
    host: LocalHost, push_of: tuple[dict[str, str], bytes], reason: str
) -> None:
    headers, body = push_of
    status, answer = ask(host, "/v1/douyin", body, headers)
    assert (status, answer) == (401, {"code": "unauthorized", "message": reason})
    assert nothing_kept(host)


def test_without_a_secret_the_route_says_so() -> None:
    host = shop(DouyinSecret="")
    headers, body = push("live_like", danmu(1), by="")
    status, answer = ask(host, "/v1/douyin", body, headers)
    assert (status, answer["code"]) == (404, "not_configured")
    assert "DouyinSecret" in answer["message"]
    assert nothing_kept(host)
    host.state.close()


def test_a_bad_message_of_a_push_is_kept_with_what_it_belongs_to(host: LocalHost) -> None:
    headers, body = push("live_comment", danmu(1), danmu(2, sec_openid=None))
    assert ask(host, "/v1/douyin", body, headers)[0] == 200
    assert counts(host, "anonymous", "douyin:o1", "douyin-268")[Kind.COMMENTED] == 1
    [(reason, source, original)] = dead(host)
    assert (reason, source) == ("sec_openid is missing", "douyin")
    kept = json.loads(original)
    assert (kept["x-roomid"], kept["message"]["msg_id"]) == ("268", "m2")
    headers, body = push("live_comment")
    body = b"{}]"
    headers["x-signature"] = signature(headers, body, SIGNS_WITH)
    assert ask(host, "/v1/douyin", body, headers)[0] == 400


ORDERS = [f"Order Completed {number}" for number in (1, 2, 3)]
HAPPENED = st.lists(
    st.tuples(st.sampled_from(["Live Liked", "Live Shared", "Product Viewed", "Product Added", "Order Completed"]),
              st.integers(1, 3), st.sampled_from(["segment", "cloudevents", "pinpoint"])),
    min_size=1, max_size=8, unique_by=lambda one: one[:2],
)  # fmt: skip


def said_by(wire: str, name: str, number: int) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The same thing as a request of a wire: path, body, headers."""
    key = f"{name} {number}"
    properties: dict[str, Any] = {"show_id": "s1", "product_id": f"p{number}"}
    if name == "Order Completed":
        properties |= {"order_id": key, "total": 10.5 * number}
    if wire == "cloudevents":
        kind = "com.shop." + name.lower().replace(" ", ".")
        return "/v1/cloudevents", cloud_event(0, kind, id=key, data=properties), KEY | STRUCTURED
    if wire == "pinpoint":
        texts = {one: value for one, value in properties.items() if one != "total"}
        total = {"total": properties["total"]} if "total" in properties else {}
        event = {"EventType": name, "Timestamp": NOW, "Attributes": texts, "Metrics": total}
        return "/v1/apps/local/events", put_events({"User": {"UserId": "lan"}}, **{key: event}), {}
    track = {"event": name, "userId": "lan", "messageId": key, "timestamp": NOW, "properties": properties}
    return "/v1/track", track, KEY


def outcome(things: Sequence[tuple[str, int, str]]) -> tuple[object, ...]:
    """What is known after them: counts, cart, orders, points."""
    host = shop()
    for name, number, wire in things:
        path, body, headers = said_by(wire, name, number)
        assert ask(host, path, body, headers)[0] in (200, 202)
    item = host.store.get(keys.engagement(viewer_id("user", "lan"), keys.about_show("s1")))
    known = Engagement.read(item.body) if item else None
    cart = sorted((product, line.quantity) for product, line in known.cart.items()) if known else []
    items = [item for order in ORDERS if (item := host.store.get(keys.order(order)))]
    # Which message told of it first is each wire's own.
    orders = [Order.read(item.body).model_dump(exclude={"told"}) for item in items]
    account = host.store.get(keys.ledger_account(viewer_id("user", "lan")))
    assert dead(host) == []
    host.state.close()
    return known.counts() if known else {}, cart, orders, account.body if account else None


@examples(25)
@given(HAPPENED, st.randoms(use_true_random=False))
def test_whatever_wire_says_it_in_whatever_order_and_however_often_it_is_the_same(
    happened: list[tuple[str, int, str]], chance: Random
) -> None:
    """Against Segment's wire, in order, once."""
    repeated = happened + chance.choices(happened, k=3)
    chance.shuffle(repeated)
    plain = [(name, number, "segment") for name, number, _ in happened]
    assert outcome(repeated) == outcome(plain)


def requests_of_all() -> list[tuple[str, str, dict[str, str], bytes]]:
    headers, body = push("live_like", danmu(1))
    return [
        ("POST", "/v1/cloudevents", KEY | STRUCTURED, json.dumps(cloud_event()).encode()),
        ("POST", "/v1/apps/local/events", {}, json.dumps(put_events({}, e1=pinpoint_event())).encode()),
        ("PUT", "/v1/apps/local/endpoints/e1", {}, json.dumps(ENDPOINT).encode()),
        ("POST", "/v1/douyin", headers, body),
    ]


def test_one_request_is_one_call_of_a_queue() -> None:
    for method, path, headers, body in requests_of_all():
        faults = Faults()
        host = shop(faults)
        assert host.request(method, path, headers, body).status in (200, 202)
        assert [call.name for call in faults.calls].count("queues.send") == 1, path
        host.state.close()


def test_what_the_queue_does_not_take_is_not_acknowledged_and_counts_once_when_it_comes_again() -> None:
    """429 with Retry-After: on it the clients come again."""
    for method, path, headers, body in requests_of_all():
        calm = Faults()
        first = shop(calm)
        first.request(method, path, headers, body)
        number = next(call.number for call in calm.calls if call.name == "queues.send")
        host = shop(Faults(at=number, kind=Fault.LOST_REPLY))
        reply = host.request(method, path, headers, body)
        assert (reply.status, int(reply.headers["retry-after"]) > 0) == (429, True), path
        assert host.request(method, path, headers, body).status in (200, 202)
        first.drain()
        host.drain()
        for table in ("engagements", "viewers", "dead_letters"):
            rows = [[row["body"] for row in one.backend.scan(table)] for one in (first, host)]
            assert rows[0] == rows[1], path
        first.state.close()
        host.state.close()


def test_what_was_refused_can_be_judged_anew_and_is_refused_for_the_same_reason(host: LocalHost) -> None:
    """From the bytes that were kept alone: the wire, the thing in it, and the reason."""
    old = {"time": "2001-01-01T00:00:00Z", "Timestamp": "2001-01-01T00:00:00Z", "timestamp": 1}
    ask(host, "/v1/cloudevents", cloud_event() | {"time": old["time"]}, KEY | STRUCTURED)
    ask(host, "/v1/apps/local/events", put_events({}, e1=pinpoint_event() | {"Timestamp": old["Timestamp"]}))
    ask(host, "/v1/apps/local/endpoints", {"Item": [{"Id": "e1", "OptOut": "MAYBE"}]}, method="PUT")
    headers, body = push("live_like", danmu(1) | {"timestamp": old["timestamp"]})
    ask(host, "/v1/douyin", body, headers)
    letters = dead(host)
    assert len(letters) == 4
    for reason, _, original in letters:
        judged = judged_again(original, START)
        assert judged is not None
        assert [one.reason for one in judged.intake.rejected] == [reason]
        assert [one.raw for one in judged.intake.rejected] == [original]
    # Without their own moments they are taken.
    late = [original for reason, _, original in letters if "days old" in reason]
    undated = [judged_again(original, START, undated=True) for original in late]
    assert [one.reasons for one in undated if one] == [("",)] * 3
    # Twenty-five years ago they would have been taken.
    then = parse_instant("2001-01-01T00:00:00Z")
    taken = [judged_again(original, then) for original in late]
    assert [one.intake.size for one in taken if one] == [1, 1, 1]
    assert [one.intake.rejected for one in taken if one and one.intake.behaviour] == [[], []]


def test_an_event_is_judged_anew_whatever_is_wrong_with_its_endpoint() -> None:
    kept = json.dumps(put_events({"Address": 5}, e1=pinpoint_event())).encode()
    judged = judged_again(kept, START)
    assert judged is not None
    assert (judged.reasons, len(judged.intake.behaviour)) == (("",), 1)


@pytest.mark.parametrize("kept", [b"", b"5", b"{", b'{"type":"track","event":"Live Liked"}', b"[" * 9_999])
def test_what_segments_wire_left_is_none_of_these(kept: bytes) -> None:
    assert judged_again(kept, START) is None


NAMES = st.sampled_from(
    ["BatchItem", "Item", "specversion", "id", "source", "x-msg-type", "x-roomid", "message", "data"]
)
ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@examples(200)
@given(st.dictionaries(NAMES, ANYTHING, max_size=5))
def test_whatever_was_kept_can_be_looked_at(kept: dict[str, object]) -> None:
    """A dead letter holds what somebody sent: nothing in it may break the look at it."""
    judged = judged_again(json.dumps(kept).encode(), START)
    assert judged is None or judged.intake.size >= 0


def test_only_the_wire_that_comes_is_imported() -> None:
    """A function that sees Segment's wire alone starts as fast as without the others."""
    code = "import sys, aftershow.services.ingesting; print(*sys.modules)"
    asked = [sys.executable, "-P", "-c", code]
    run = subprocess.run(asked, env={"PYTHONPATH": str(SHARED)}, capture_output=True, check=True)  # noqa: S603 (our own words)
    imported = set(run.stdout.decode().split())
    assert "aftershow.rules.intake" in imported
    wires = {f"aftershow.rules.{name}" for name in ("wires", "cloudevents", "pinpoint", "douyin", "segment")}
    assert not imported & (wires | {"aftershow.services.wires"})


@pytest.mark.parametrize("path", ["/v1/cloudevents", "/v1/apps/local/events"])
def test_what_is_packed_is_bounded_and_whole(host: LocalHost, path: str) -> None:
    """A small bomb stays small; what is cut off is refused."""
    packed = KEY | STRUCTURED | {"content-encoding": "gzip"}
    bomb = gzip.compress(b"[" * 50_000_000)
    tracemalloc.start()
    status, _ = ask(host, path, bomb, packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status in (400, 413)
    assert peak < 10_000_000
    assert ask(host, path, gzip.compress(b"{}" + b" " * 1_000)[:-8], packed)[0] == 400
    assert ask(host, path, b"not gzip", packed)[0] == 400
    assert nothing_kept(host)


def test_no_log_line_holds_a_person(host: LocalHost) -> None:
    for method, path, headers, body in requests_of_all():
        host.request(method, path, headers, body)
    host.drain()
    written = " ".join(str(line) for line in host.log_lines)
    for private in ("lan@example.com", "多少钱", "o1", "device-1", SIGNS_WITH):
        assert private not in written
