"""Requests that are refused as a whole: broken, too large, of an unknown key, too many. Nothing of them is written."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from aftershow.model.engagements import Kind
from aftershow.model.instants import SECOND
from aftershow.ports.queues import Backlog, Message, NotHandedOver
from aftershow.rules.intake import MAX_BATCH_BYTES, MAX_BATCH_EVENTS, MAX_EVENT_BYTES
from infra.local.faults import Fault, Faults
from infra.local.host import LocalHost
from infra.local.invoking import load
from tests.functional.bad_input import (
    ANYWHERE,
    BROKEN,
    KEY,
    REFUSED_BATCHES,
    WRITTEN,
    assert_neighbours_counted,
    basic,
    batch_of,
    counts,
    event,
    host,
    kept,
    post,
    problem,
    records,
    shop,
    waiting,
    with_,
    written,
)

__all__ = ["host"]


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
    [
        gzip.compress(batch_of())[:-20],
        gzip.compress(batch_of())[:5],
        b"",
        batch_of(),
        b"\x1f\x8b\x08" + b"\xff" * 50,
        gzip.compress(batch_of()) + b"more",
        gzip.compress(b"") * 100_000,
    ],
    ids=["cut off", "only a head", "nothing", "plain", "noise", "something behind it", "100,000 empty members"],
)
def test_broken_gzip(host: LocalHost, body: bytes) -> None:
    before = records(host)
    assert problem(post(host, body, content_encoding="gzip")) == (400, "invalid_request")
    assert (records(host), kept(host), waiting(host), host.errors) == (before, [], 0, [])


def test_gzip_in_several_members(host: LocalHost) -> None:
    """What a client writes piece by piece."""
    body = batch_of()
    pieces = [body[start : start + 50] for start in range(0, len(body), 50)]
    assert post(host, b"".join(map(gzip.compress, pieces)), content_encoding="gzip").status == 200
    assert_neighbours_counted(host)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "lan@example.com"])
def test_other_encodings_are_refused_in_words(host: LocalHost, encoding: str) -> None:
    reply = post(host, gzip.compress(batch_of()), content_encoding=encoding)
    assert problem(reply) == (400, "invalid_request")
    assert b"gzip" in reply.body
    assert encoding.encode() not in reply.body or encoding == "gzip, gzip"


def test_a_zip_bomb_of_many_members_stays_small(host: LocalHost) -> None:
    member = gzip.compress(b" " * 400_000)
    bomb = member * 1_000
    post(host, batch_of())  # everything is loaded
    tracemalloc.start()
    reply = post(host, bomb, content_encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert problem(reply) == (400, "invalid_request")
    assert peak < 8 * MAX_BATCH_BYTES


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
