"""What is wrong with what clients send spoils itself and nothing else.

The real ingest handler behind the real template on the local host: the answer to the caller, the good neighbours, the
dead letter with its original bytes, the records, and the log.
"""

from __future__ import annotations

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, HOUR, SECOND, parse_instant
from aftershow.model.ledger import Account
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.ports import keys
from aftershow.ports.channels import Answer, Declined, Outgoing
from aftershow.ports.queues import Backlog, Message, NotHandedOver
from aftershow.ports.store import Put
from aftershow.rules.intake import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from aftershow.services.dead_letters import DeadLetter
from infra.local import catalog
from infra.local.embedded import EmbeddedState
from infra.local.faults import Fault, Faults
from infra.local.gateway import HttpReply
from infra.local.host import LocalHost
from infra.local.invoking import load

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


@pytest.mark.parametrize("case", [*ANYWHERE, *ONLY_IN_BATCHES])
def test_a_bad_event_in_a_good_batch(host: LocalHost, case: str) -> None:
    """200; its neighbours count; its bytes are kept as they came; nothing else is written of it."""
    raw, reason = (ANYWHERE | ONLY_IN_BATCHES)[case]
    reference = shop()
    post(reference, batch_of())

    reply = post(host, batch_of(raw))

    assert (reply.status, json.loads(reply.body)) == (200, {"success": True})
    assert kept(host) == [Kept(raw, reason, "local", START)]
    assert_neighbours_counted(host)
    bodies, wanted = (
        [(row["pk"], row["body"]) for rows in records(one).values() for row in rows] for one in (host, reference)
    )
    assert bodies == wanted
    assert host.errors == []
    assert waiting(host) == 0
    reference.state.close()


@pytest.mark.parametrize("case", ANYWHERE)
def test_a_bad_event_alone(host: LocalHost, case: str) -> None:
    """A well-formed request is answered with 200, since sending it again would change nothing."""
    raw, reason = ANYWHERE[case]
    before = records(host)
    path = "/v1/alias" if b'"alias"' in raw else "/v1/track"

    reply = post(host, raw, path)

    assert (reply.status, json.loads(reply.body)) == (200, {"success": True})
    assert kept(host) == [Kept(raw, reason, "local", START)]
    assert records(host) == before
    assert host.errors == []
    assert waiting(host) == 0


def test_a_bad_event_that_comes_again_is_kept_once(host: LocalHost) -> None:
    """Clients send a batch again when the answer got lost."""
    raw, _ = ANYWHERE["NaN"]
    for _ in range(3):
        assert post(host, batch_of(raw)).status == 200
    assert len(kept(host)) == 1
    assert_neighbours_counted(host)


def test_every_bad_event_at_once(host: LocalHost) -> None:
    """Each has its own dead letter, and the good ones still count."""
    everything = (ANYWHERE | ONLY_IN_BATCHES).values()
    assert post(host, batch_of(*(raw for raw, _ in everything))).status == 200
    assert sorted((one.original, one.reason) for one in kept(host)) == sorted(everything)
    assert_neighbours_counted(host)


# Odd, but to be understood.

COMMENT = written(event("Live Comment Sent", text="多少钱"))


def more(raw: bytes) -> bytes:
    """The comment with one more property."""
    return COMMENT.replace(b'"s1"', b'"s1",' + raw)


UNDERSTOOD = {
    "half an emoji": COMMENT.replace("多少钱".encode(), rb"\u591a\u5c11\u94b1 \ud83d"),
    "both halves": COMMENT.replace("多少钱".encode(), rb"\u591a\u5c11\u94b1 \ud83d\ude00"),
    "emoji": written(event("Live Comment Sent", text="多少钱 😀👩‍👩‍👧‍👦")),
    "control characters": written(event("Live Comment Sent", text="多少钱\u0000\u001b[31m\u007f\u0085\u2028")),
    "characters that queues refuse": written(event("Live Comment Sent", text="多少钱 \uffff\ufffe")),
    "bytes that are no UTF-8": COMMENT.replace("多少钱".encode(), "多少钱".encode() + b"\xf0\x9f\x98"),
    "duplicate keys": b'{"userId":"anonymous","event":"x",' + COMMENT[1:],
    "a number beyond all use": more(b'"x":1e400'),
    "5,000 digits": more(b'"x":' + b"1" * 5_000),
    "60 levels": more(b'"x":' + b"[" * 60 + b"]" * 60),
    "an empty message id": written({**json.loads(COMMENT), "messageId": ""}),
    "nulls": written({**json.loads(COMMENT), "anonymousId": None, "context": None, "traits": None}),
}


@pytest.mark.parametrize("way", ["alone", "in a batch"])
@pytest.mark.parametrize("case", UNDERSTOOD)
def test_odd_events_are_understood(host: LocalHost, case: str, way: str) -> None:
    """As far as they can be: the question about the price is heard."""
    raw = UNDERSTOOD[case]
    reply = post(host, raw, "/v1/track") if way == "alone" else post(host, batch_of(raw))
    assert reply.status == 200
    assert kept(host) == []
    assert counts(host, "bad-1") == {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1}
    if way != "alone":
        assert_neighbours_counted(host)
    assert host.errors == []


def test_a_byte_order_mark_before_a_request(host: LocalHost) -> None:
    """Some clients on Windows write one."""
    assert post(host, b"\xef\xbb\xbf" + batch_of()).status == 200
    assert post(host, b"\xef\xbb\xbf\n " + written(event(user="good-3")), "/v1/track").status == 200
    assert_neighbours_counted(host)
    assert counts(host, "good-3") == {Kind.LIKED: 1}
    assert kept(host) == []


@pytest.mark.parametrize(
    "context",
    [
        b'{"timezone":"Europe/Paris","x":NaN}',
        b'{"timezone":"Europe/Paris","x":1e400}',
        b'{"timezone":"Europe/Paris","x":"\\ud83d"}',
        b'{"timezone":"Europe/Paris","x":"\xff"}',
        '{"timezone":"Europe/Paris","x":"\uffff"}'.encode(),
        b'{"timezone":"Europe/Paris","x":' + b"1" * 5_000 + b"}",
    ],
    ids=["NaN", "1e400", "half an emoji", "no UTF-8", "U+FFFF", "5,000 digits"],
)
def test_an_odd_context_spoils_nothing(host: LocalHost, context: bytes) -> None:
    """It is the whole batch's: what can be read of it counts."""
    assert post(host, batch_of().replace(b'{"batch"', b'{"context":' + context + b',"batch"')).status == 200
    assert_neighbours_counted(host)
    found = engagement(host, "good-1")
    assert found is not None
    assert found.zone is not None
    assert found.zone.value == "Europe/Paris"
    assert host.errors == []


@pytest.mark.parametrize("context", [b"[]", b"5", b'"x"', b"null", b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"])
def test_a_context_that_is_none_spoils_nothing(host: LocalHost, context: bytes) -> None:
    assert post(host, batch_of().replace(b'{"batch"', b'{"context":' + context + b',"batch"')).status == 200
    assert_neighbours_counted(host)
    assert host.errors == []


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


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track"])
def test_broken_json(host: LocalHost, case: str, path: str) -> None:
    """400, with a word of what is wrong; nothing is written."""
    before = records(host)
    assert problem(post(host, BROKEN[case], path)) == (400, "invalid_request")
    assert (records(host), kept(host), waiting(host), host.errors) == (before, [], 0, [])


@pytest.mark.parametrize("case", REFUSED_BATCHES)
@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_refused_batches(host: LocalHost, case: str, encoding: str) -> None:
    """400, gzipped or not; nothing is written."""
    before = records(host)
    body = gzip.compress(REFUSED_BATCHES[case]) if encoding else REFUSED_BATCHES[case]
    reply = post(host, body, content_encoding=encoding)
    assert problem(reply) == (400, "invalid_request")
    assert (records(host), kept(host), waiting(host), host.errors) == (before, [], 0, [])


def test_the_limits_themselves_are_allowed(host: LocalHost) -> None:
    """2,500 events; 500 KB; an event of 32 KB."""
    many = b'{"batch":[' + b",".join([b"{}"] * MAX_BATCH_EVENTS) + b"]}"
    assert post(host, many).status == 200
    host.advance(SECOND)
    large = written(event(text=""))
    large = large.replace(b'"text": ""', b'"text": "' + b"x" * (MAX_EVENT_BYTES - len(large)) + b'"')
    assert len(large) == MAX_EVENT_BYTES
    body = b'{"batch":[' + large + b"]"
    assert post(host, body + b" " * (MAX_BATCH_BYTES - len(body) - 1) + b"}").status == 200
    assert counts(host, "bad-1") == {Kind.LIKED: 1}
    assert len(kept(host)) == 1  # the empty objects are all alike


@pytest.mark.parametrize(
    "body",
    [gzip.compress(batch_of())[:-20], gzip.compress(batch_of())[:5], b"", batch_of(), b"\x1f\x8b\x08" + b"\xff" * 50],
    ids=["cut off", "only a head", "nothing", "plain", "noise"],
)
def test_broken_gzip(host: LocalHost, body: bytes) -> None:
    before = records(host)
    assert problem(post(host, body, content_encoding="gzip")) == (400, "invalid_request")
    assert (records(host), kept(host), waiting(host), host.errors) == (before, [], 0, [])


def test_a_zip_bomb_stays_small(host: LocalHost) -> None:
    """100 KB that inflate to 100 MB: no more is inflated than a batch may hold."""
    deflater = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    bomb = deflater.compress(b'{"batch":[')
    for _ in range(100):
        bomb += deflater.compress(b" " * 1_000_000)
    bomb += deflater.flush()
    assert len(bomb) < 200_000
    post(host, batch_of())  # everything is loaded
    tracemalloc.start()
    reply = post(host, bomb, content_encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem(reply) == (400, "invalid_request")
    assert peak < 4 * MAX_BATCH_BYTES


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (WRITTEN, batch_of()),
        (WRITTEN, batch_of(writeKey="other")),
        (WRITTEN, batch_of(writeKey=5)),
        (WRITTEN, batch_of(writeKey="")),
        (basic("other"), batch_of()),
        ({**WRITTEN, "authorization": "Basic %%%"}, batch_of()),
        (basic(b"\xff"), batch_of()),
        ({**WRITTEN, "authorization": "Bearer local"}, batch_of()),
    ],
    ids=["none", "unknown", "a number", "empty", "unknown in Basic", "no base64", "no UTF-8", "Bearer"],
)  # fmt: skip
def test_unknown_write_keys(host: LocalHost, headers: Mapping[str, str], body: bytes) -> None:
    before = records(host)
    assert problem(post(host, body, headers=headers)) == (401, "unauthorized")
    assert (records(host), kept(host), waiting(host), host.errors) == (before, [], 0, [])


def test_a_write_key_in_the_body(host: LocalHost) -> None:
    """Browsers can't set the header; also beside an event that the fast parser can't read."""
    assert post(host, batch_of(writeKey="local"), headers={"content-type": "text/plain"}).status == 200
    assert post(host, batch_of(ANYWHERE["10,000 brackets"][0], writeKey="local"), headers=WRITTEN).status == 200
    assert post(host, with_(writeKey="local"), "/v1/t", headers=WRITTEN).status == 200
    deep = ANYWHERE["10,000 brackets"][0].replace(b'{"type"', b'{"writeKey":"local","type"')
    assert post(host, deep, "/v1/t", headers=WRITTEN).status == 200
    assert_neighbours_counted(host)


def test_unknown_paths(host: LocalHost) -> None:
    """Ours answers for what stands under /v1, the HTTP API for the rest."""
    assert problem(post(host, batch_of(), "/v1/lottery")) == (404, "not_found")
    assert problem(post(host, batch_of(), "/v1/" + "x" * 5_000)) == (404, "not_found")
    assert post(host, batch_of(), "/v2/batch").status == 404
    assert host.request("GET", "/v1/batch", KEY).status == 404
    assert host.errors == []


# Too much at once.


def test_over_the_rate() -> None:
    """429 with Retry-After, which keeps the data with the client; the next second has room."""
    slow = shop(parameters={"EventsPerSecond": "4"})
    assert post(slow, batch_of()).status == 200
    assert post(slow, batch_of(written(event(user="third")))).status == 429
    assert post(slow, batch_of()).status == 200
    refused = post(slow, batch_of())
    assert problem(refused) == (429, "slow_down")
    assert int(refused.headers["retry-after"]) > 0
    assert counts(slow, "third") == {}
    slow.advance(SECOND)
    assert post(slow, batch_of(written(event(user="third")))).status == 200
    assert counts(slow, "third") == {Kind.LIKED: 1}
    assert_neighbours_counted(slow)
    slow.state.close()


class FullQueues:
    """Queues that take nothing."""

    def send(self, queue: str, messages: Sequence[Message]) -> None:  # noqa: ARG002 (the port's)
        raise NotHandedOver(f"lan@example.com did not fit into {queue}")

    def backlog(self, queue: str) -> Backlog:  # noqa: ARG002
        return Backlog(0, 0, 0)

    def defer(self, queue: str, receipt: str, seconds: int) -> None:  # noqa: ARG002
        raise AssertionError


def test_a_queue_that_refuses(host: LocalHost) -> None:
    """429 with Retry-After; no event is acknowledged before it is handed over."""
    handle = load(host.template.function("ingest_event"))
    ports = replace(host.ports("ingest_event"), queues=FullQueues())
    request = {"pathParameters": {"kind": "batch"}, "headers": KEY, "body": batch_of().decode()}
    answer = handle(request, None, ports)
    assert answer is not None
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (429, "slow_down")
    assert int(answer["headers"]["retry-after"]) > 0
    assert "lan@example.com" not in str(answer) + str(list(host.log_lines))


def test_a_lost_answer_of_the_queue_counts_once() -> None:
    """The events are in the queue, the client is told to come again, and comes."""
    calm = Faults()
    first = shop(faults=calm)
    post(first, batch_of())
    number = next(call.number for call in calm.calls if call.name == "queues.send")
    host = shop(faults=Faults(at=number, kind=Fault.LOST_REPLY))
    assert problem(post(host, batch_of())) == (429, "slow_down")
    assert post(host, batch_of()).status == 200
    assert_neighbours_counted(host)
    for one in (first, host):
        one.state.close()


# Facts that contradict each other.


def stored_order(host: LocalHost) -> Order:
    item = host.store.get(keys.order("o-1"))
    assert item is not None
    return Order.read(item.body)


def account(host: LocalHost, user: str = "bad-1") -> Account | None:
    item = host.store.get(keys.ledger_account(viewer_id("user", user)))
    return Account.read(item.body) if item else None


def fact(name: str, message_id: str, **properties: object) -> bytes:
    return written({**event(name, **properties), "messageId": message_id})


def test_the_same_order_with_another_amount(host: LocalHost) -> None:
    """The first word stands; the other is kept, and the order says that there was one."""
    first = fact("Order Completed", "m-1", order_id="o-1", total=99.99)
    again = fact("Order Completed", "m-2", order_id="o-1", total="99.990")
    other = fact("Order Completed", "m-3", order_id="o-1", total=1_000_000)
    for raw in (first, again, other, other):
        assert post(host, batch_of(raw)).status == 200
    assert stored_order(host).minor == 9_999
    assert stored_order(host).conflicts == ("m-3",)
    [letter] = kept(host)
    assert letter.original == other
    assert letter.reason == "this order id is known with another amount, currency or lines"
    found = account(host)
    assert found is not None
    assert (found.balance, found.entries) == (99, 1)


def test_amounts_below_the_smallest_unit(host: LocalHost) -> None:
    """Rounded half to even, never refused: a discount of a third gives such numbers."""
    post(host, batch_of(fact("Order Completed", "m-1", order_id="o-1", total="66.665")))
    assert stored_order(host).minor == 6_666
    assert kept(host) == []


def test_a_refund_before_its_order(host: LocalHost) -> None:
    """A tombstone waits for the order; both together come to what they would in the other order."""
    assert post(host, fact("Order Refunded", "m-2", order_id="o-1", total=40.5), "/v1/track").status == 200
    assert stored_order(host).hash is None
    assert account(host) is None
    assert post(host, fact("Order Completed", "m-1", order_id="o-1", total=100), "/v1/track").status == 200
    found = account(host)
    assert found is not None
    assert found.balance == 59
    assert kept(host) == []


# Nobody's data in the log.

MARKERS = (
    "lan.secret@example.com", "bounce+lan.secret@example.com", "兰小姐的名字", "+8613900001234", "13900001234",
    "我的评论内容在这里", "user-secret-77", "device-secret-88", "order-secret-99",
)  # fmt: skip


def say(host: LocalHost, kind: str, **fields: object) -> None:
    message = {
        "type": kind,
        "userId": "user-secret-77",
        "messageId": f"m-{host.now}-{kind}-{len(str(fields))}",
        **fields,
    }
    assert post(host, written(message), f"/v1/{kind}").status == 200
    host.advance(10 * SECOND)


def track(host: LocalHost, name: str, /, **properties: object) -> None:
    say(host, "track", event=name, properties=properties)


def watch_a_show(host: LocalHost, email: str) -> None:
    """A viewer who says everything about herself, nearly buys, and leaves."""
    track(host, "Live Show Started", show_id=SHOW, host_id="h1", title="Tea", replay_url="https://shop.example/replay")
    say(host, "identify", anonymousId="device-secret-88",
        traits={"email": email, "name": "兰小姐的名字", "phone": "+8613900001234"})  # fmt: skip
    track(host, "Message Consent Updated", purpose="marketing", channel="all", state="granted")
    track(host, "Live Room Entered", show_id=SHOW)
    for _ in range(30):
        track(host, "Video Content Playing", asset_id=SHOW, livestream=True)
    track(host, "Live Comment Sent", show_id=SHOW, text="我的评论内容在这里 多少钱")
    track(host, "Product Added", show_id=SHOW, product_id="p1", name="Tea", price=88, quantity=1)
    track(host, "Checkout Started", show_id=SHOW, order_id="order-secret-99")
    track(host, "Live Show Ended", show_id=SHOW)


def reminders(host: LocalHost) -> list[Reminder]:
    return [Reminder.read(row["body"]["S"]) for row in host.backend.scan("reminders")]


def assert_discreet(host: LocalHost) -> None:
    lines = [repr(line) for line in host.log_lines]
    assert lines
    for marker in MARKERS:
        assert [line for line in lines if marker in line] == []
        assert [line for line in lines if json.dumps(marker)[1:-1] in line] == []


def test_no_personal_data_in_the_log_of_the_main_way(host: LocalHost) -> None:
    """From the first event over reminder, click and order to the opt-out."""
    watch_a_show(host, "lan.secret@example.com")
    host.advance(DAY)
    message = host.mailbox[0]
    assert message.address == "lan.secret@example.com"
    button = next(word for word in message.text.split() if "/c/" in word)
    assert host.request("GET", button.removeprefix("https://shop.example"), {}).status == 302
    track(host, "Order Completed", order_id="order-secret-99", total=88, show_id=SHOW)
    track(host, "Order Refunded", order_id="order-secret-99", total=8)
    unsubscribe = message.headers["List-Unsubscribe"].strip("<>").removeprefix("https://shop.example")
    assert host.request("POST", unsubscribe, {}, b"List-Unsubscribe=One-Click").status == 200
    host.advance(2 * DAY)
    assert host.errors == []
    said = {line.message for line in host.log_lines}
    assert said >= {"ingested", "scored", "looked", "sent", "heard", "clicked", "posted", "unsubscribed"}
    assert_discreet(host)


def test_no_personal_data_in_the_log_of_what_fails() -> None:
    """Refused events and requests, a bounce, a provider that says no, records and messages that can't be read."""
    host = shop()
    watch_a_show(host, "bounce+lan.secret@example.com")
    host.advance(6 * HOUR)
    traits = {"email": MARKERS[0], "name": MARKERS[2], "phone": MARKERS[3], "text": MARKERS[5]}
    for raw, _ in (ANYWHERE | ONLY_IN_BATCHES).values():
        marked = raw.replace(b'"type"', b'"traits":' + written(traits) + b',"type"')
        post(host, batch_of(marked.replace(b"bad-1", b"user-secret-77")))
        host.advance(SECOND)
    for body in (*BROKEN.values(), *REFUSED_BATCHES.values()):
        post(host, body.replace(b"good-1", MARKERS[0].encode()) + written(traits))
        post(host, batch_of(), "/v1/" + MARKERS[0])
        post(host, batch_of(), headers=basic(MARKERS[0]))
    for token in (MARKERS[0], "x.y.z", "👋"):
        assert host.request("GET", f"/c/{token}", {}).status == 404
        assert host.request("POST", f"/u/{token}", {}, b"").status == 404
    unread = [Message(json.dumps(traits)), Message(MARKERS[0]), Message(json.dumps({"detail": traits, "source": "x"}))]
    for queue in host.template.queues:
        host.ports("ingest_event").queues.send(queue.id, unread)
    spoil(host, "user-secret-77")
    track(host, "Live Liked", show_id=SHOW)
    say(host, "identify", traits={"name": MARKERS[2] + "!"})
    host.advance(HOUR)
    assert_discreet(host)
    assert "message failed" in {line.message for line in host.log_lines}
    assert host.errors == []

    refusing = shop(channel=Channel(Declined("MessageRejected")))
    watch_a_show(refusing, MARKERS[0])
    refusing.advance(12 * HOUR)
    assert "failed" in {reminder.outcome for reminder in reminders(refusing)}
    assert_discreet(refusing)
    for one in (host, refusing):
        one.state.close()


def spoil(host: LocalHost, user: str) -> None:
    """Make what is stored of a viewer unreadable, with everything in it that must not come out."""
    viewer = viewer_id("user", user)
    for key in (keys.head(viewer), keys.engagement(viewer, keys.about_show(SHOW))):
        item = host.store.get(key)
        assert item is not None
        body = json.dumps({"viewer": list(MARKERS)}, ensure_ascii=False)
        host.store.commit([Put(key, body, item.version, index=item.index)])
