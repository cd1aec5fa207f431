"""What tests of bad input share: a shop, requests that are wrong in every way, and what became of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import parse_instant
from aftershow.ports import keys
from aftershow.ports.channels import Answer, Outgoing
from aftershow.rules.intake import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from aftershow.services.dead_letters import DeadLetter
from infra.local import catalog
from infra.local.embedded import EmbeddedState
from infra.local.faults import Faults
from infra.local.gateway import HttpReply
from infra.local.host import LocalHost

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
PARAMETERS = {"DueShards": "2", "BaseUrl": "https://shop.example"}
# Half a minute past, so that the clock's ticks don't fall together with the requests.
START = parse_instant("2026-03-06T12:00:30+00:00")
WRITTEN = {"content-type": "application/json"}
SHOW = "s1"


def basic(key: str | bytes) -> dict[str, str]:
    """The headers of a client with this write key."""
    raw = key if isinstance(key, bytes) else key.encode()
    return {**WRITTEN, "authorization": f"Basic {base64.b64encode(raw + b':').decode()}"}


KEY = basic("local")


def shop(
    *, faults: Faults | None = None, channel: Channel | None = None, parameters: Mapping[str, str] | None = None
) -> LocalHost:
    """A shop with the catalog of the repository and nothing else."""
    host = LocalHost(
        TEMPLATE,
        EmbeddedState(":memory:", lambda: START),
        parameters={**PARAMETERS, **(parameters or {})},
        seed=7,
        start_at=START,
        faults=faults,
        channels={"email": lambda: channel} if channel else None,
    )
    catalog.load(host.store, approved_at=host.now)
    return host


@dataclass
class Channel:
    """A provider that says no to everything."""

    answer: Answer

    def send(self, message: Outgoing) -> Answer:  # noqa: ARG002 (the port's)
        """One attempt."""
        return self.answer


@pytest.fixture
def host() -> Iterator[LocalHost]:
    opened = shop()
    yield opened
    opened.state.close()


def post(
    host: LocalHost, body: bytes, path: str = "/v1/batch", headers: Mapping[str, str] = KEY, **more: str
) -> HttpReply:
    """One request, worked off at once."""
    named = {name.replace("_", "-"): text for name, text in more.items()}
    reply = host.request("POST", path, {**headers, **named}, body)
    host.drain()
    return reply


def event(name: str = "Live Liked", /, user: object = "bad-1", **properties: object) -> dict[str, Any]:
    """A track message of the show."""
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"m-{name}-{user}",
        "timestamp": "2026-03-06T12:00:00Z",
        "properties": {"show_id": SHOW, **properties},
    }


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def batch_of(*raws: bytes, **more: object) -> bytes:
    """A batch of events as they stand, between two good ones."""
    good = (written(event(user="good-1")), written(event(user="good-2")))
    head = b"".join(b"%s:%s," % (written(name), written(value)) for name, value in more.items())
    return b"{" + head + b'"batch":[' + b" ,\n".join((good[0], *raws, good[1])) + b"]}"


def engagement(host: LocalHost, user: str) -> Engagement | None:
    item = host.store.get(keys.engagement(viewer_id("user", user), keys.about_show(SHOW)))
    return Engagement.read(item.body) if item else None


def counts(host: LocalHost, user: str) -> dict[Kind, int]:
    found = engagement(host, user)
    return found.counts() if found else {}


def assert_neighbours_counted(host: LocalHost) -> None:
    for user in ("good-1", "good-2"):
        assert counts(host, user) == {Kind.LIKED: 1}


@dataclass(frozen=True)
class Kept:
    """A dead letter, put together."""

    original: bytes
    reason: str
    source: str
    at: int


def kept(host: LocalHost) -> list[Kept]:
    parts: dict[str, list[DeadLetter]] = {}
    for row in host.backend.scan("dead_letters"):
        parts.setdefault(row["pk"]["S"], []).append(DeadLetter.read(row["body"]["S"]))
    return [Kept(DeadLetter.original(one), one[0].reason, one[0].source, one[0].at) for one in parts.values()]


def records(host: LocalHost) -> dict[str, list[Mapping[str, Mapping[str, str]]]]:
    """All rows but dead letters."""
    names = [table.name for table in host.template.tables if table.name != "dead_letters"]
    return {name: list(host.backend.scan(name)) for name in names}


def waiting(host: LocalHost) -> int:
    return sum(len(host.queues.waiting(queue.id)) for queue in host.template.queues)


def problem(reply: HttpReply) -> tuple[int, str]:
    """Status and code of an answer that says what is wrong, and nothing about our inside."""
    body = json.loads(reply.body)
    assert set(body) == {"code", "message"}
    assert body["message"]
    assert b"Traceback" not in reply.body
    assert b".py" not in reply.body
    return reply.status, body["code"]


# What one event may be, and what is said of it.

OLD = "timestamp is more than 400 days old"
AHEAD = "timestamp is more than 24 hours ahead"
NOBODY = "no usable userId or anonymousId"
WRONG = "a field has the wrong type"
NO_NUMBER = "NaN or infinity is not JSON"


def with_(**fields: object) -> bytes:
    return written({**event(), **fields})


def at(moment: str) -> bytes:
    return with_(timestamp=moment)


def order(**properties: object) -> bytes:
    return written(event("Order Completed", order_id="o-1", **properties))


REFUSED_AT_THE_DOOR = {
    "NaN": (b'{"type":"track","event":"Order Completed","userId":"bad-1","properties":{"total": NaN }}', NO_NUMBER),
    "infinity": (b'{"type":"track", "userId":"bad-1","properties":{"x":-Infinity}}', NO_NUMBER),
    "no identity": (b'{"type":"track","event":"Live Liked","properties":{"show_id":"s1"}}', NOBODY),
    "null identities": (b'{"type":"track","event":"Live Liked","userId":null,"anonymousId":null}', NOBODY),
    **{f"id {nobody!r}": (with_(userId=nobody), NOBODY) for nobody in ("", "null", "anonymous", "0", "-1", 0, -1, " ")},
    "half an emoji in an id": (written(event()).replace(b'"bad-1"', rb'"bad\ud83d"'), NOBODY),
    "an id that is no UTF-8": (written(event()).replace(b'"bad-1"', b'"bad\xff\xfe"'), NOBODY),
    "an id of 257 characters": (with_(userId="x" * 257), NOBODY),
    "an id with a control character": (with_(userId="a\u0007b"), NOBODY),
    "a list for an id": (with_(userId=["bad-1"]), WRONG),
    "true for an id": (with_(userId=True), WRONG),
    "a fraction for an id": (with_(userId=1.5), WRONG),
    "a number for a name": (with_(event=5), WRONG),
    "a number for a time": (at(5), WRONG),  # type: ignore[arg-type]
    "a number for a message id": (with_(messageId=5), WRONG),
    "an object for a type": (with_(type={}), WRONG),
    "a message id of 101 characters": (with_(messageId="m" * 101), "messageId is longer than 100 characters"),
    "the year 1": (at("0001-01-01T00:00:00+23:59"), OLD),
    "401 days ago": (at("2025-01-29T12:00:00Z"), OLD),
    "the day after tomorrow": (at("2026-03-08T12:00:00Z"), AHEAD),
    "the year 9999": (at("9999-12-31T23:59:59.999-23:59"), AHEAD),
    "no time": (at("yesterday"), "timestamp is not ISO 8601"),
    "an empty time": (at(""), "timestamp is not ISO 8601"),
    "33 KB": (with_(properties={"text": "茶" * 11_000}), "larger than 32 KB"),
    "10,000 brackets": (
        b'{"type":"track","userId":"bad-1","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "nested more than 64 levels deep",
    ),
    "500 brackets": (
        b'{"type":"track","userId":"bad-1","x":' + b'{"y":' * 500 + b"1" + b"}" * 500 + b"}",
        "nested more than 64 levels deep",
    ),
    "no identity, escaped text": (rb'{"type":"track","event":"Live Liked","text":"\u8336 \ud83d\ude00"}', NOBODY),
    "no identity, unusual spaces": (b'{ "type" :\n"track" ,\t"event":"Live Liked" }', NOBODY),
    "no identity, U+FFFF": ('{"type":"track","event":"Live Liked","x":"\uffff\ufffe"}'.encode(), NOBODY),
    "no identity, no UTF-8": (b'{"type":"track","event":"Live Liked","x":"\xff\x80"}', NOBODY),
}  # fmt: skip
ONLY_IN_BATCHES = {
    "unknown type": (with_(type="lottery"), "unknown type"),
    "no type": (b'{"userId":"bad-1","event":"Live Liked"}', "unknown type"),
    "a batch in a batch": (with_(type="batch"), "unknown type"),
    "a number": (b"17", WRONG),
    "null": (b"null", WRONG),
    "a text": (b'"text"', WRONG),
    "a list": (b"[]", WRONG),
}
NOT_MONEY = "an amount must be a number"
NOT_IN_RANGE = "an amount must be finite, not negative, and below 10^15 minor units"
REFUSED_BY_THE_SCORER = {
    "unknown currency": (order(total=5, currency="ZZZ"), "unknown currency"),
    "a currency that is none": (order(total=5, currency="half a tea"), "unknown currency"),
    "a list for a currency": (order(total=5, currency=["CNY"]), "unknown currency"),
    "a number for a currency": (order(total=5, currency=156), "unknown currency"),
    "negative": (order(total=-5), NOT_IN_RANGE),
    "a little negative": (order(total="-0.51"), NOT_IN_RANGE),
    "10^14": (order(total=10**14), NOT_IN_RANGE),
    "a million digits": (order(total="1e999990"), NOT_IN_RANGE),
    "too many digits": (order(total="1" * 5_000), NOT_IN_RANGE),
    "more digits than Python reads": (order().replace(b'"o-1"', b'"o-1","total":' + b"1" * 5_000), NOT_MONEY),
    "1e400": (order().replace(b'"o-1"', b'"o-1", "total": 1e400'), NOT_MONEY),
    "NaN as a text": (order(total="NaN"), NOT_IN_RANGE),
    "a word": (order(total="much"), NOT_MONEY),
    "true": (order(total=True), NOT_MONEY),
    "an object": (order(total={"amount": 5}), NOT_MONEY),
    "no amount": (order(), "needs total or revenue"),
    "no order": (written(event("Order Completed", total=5)), "an order needs an order_id"),
    "a list for an order": (written(event("Order Completed", order_id=[1], total=5)), "an order needs an order_id"),
    "consent to nothing": (
        written(event("Message Consent Updated", state="granted")),
        'consent needs a purpose: "marketing" or "service"',
    ),
    "consent of no kind": (
        written(event("Message Consent Updated", purpose="marketing", state=True)),
        'consent needs a state: "granted" or "withdrawn"',
    ),
    "an unfollow of nobody": (written(event("Live Unfollowed")), "follow and unfollow need a host_id"),
    "a show that starts some time": (
        written(event("Live Show Scheduled", starts_at="soon")),
        "starts_at and ends_at must be ISO 8601",
    ),
    "an alias of nobody": (
        written({"type": "alias", "userId": "bad-1", "previousId": "null"}),
        "alias needs userId and previousId",
    ),
}
ANYWHERE = REFUSED_AT_THE_DOOR | REFUSED_BY_THE_SCORER


# Requests that are refused as a whole.

SO_LONG = written(event(text="x" * 200))
BROKEN = {
    "empty": b"",
    "no JSON": b"not json",
    "cut off": batch_of()[:-20],
    "cut off in a text": written(event())[:-30],
    "one bracket too many": batch_of() + b"]",
    "two values": b"{} {}",
    "a stray comma": batch_of().replace(b"]}", b",]}"),
    "a raw control character": batch_of().replace(b"Live Liked", b"Live\x01Liked"),
    "UTF-16": batch_of().decode().encode("utf-16"),
    "a list": b"[1, 2]",
    "a text": b'"batch"',
    "null": b"null",
    "only brackets": b"[" * 10_000 + b"]" * 10_000,
    "open brackets": b'{"batch":' + b"[" * 10_000,
    "a form": b"batch=%5B%5D",
}  # fmt: skip
REFUSED_BATCHES = {
    "no batch": b'{"events":[]}',
    "an object for a batch": b'{"batch":{}}',
    "null for a batch": b'{"batch":null}',
    "2,501 events": b'{"batch":[' + b",".join([b"{}"] * (MAX_BATCH_EVENTS + 1)) + b"]}",
    "500 KB and a byte": b'{"batch":[' + SO_LONG + b"]" + b" " * (MAX_BATCH_BYTES - len(SO_LONG) - 11) + b"}",
    "a million characters": written(event("Live Comment Sent", text="茶" * 1_000_000)),
}
