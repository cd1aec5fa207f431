"""What is wrong with what clients send spoils itself and nothing else.

The real ingest handler behind the real template on the local host: the answer to the caller, the good neighbours, the
dead letter with its original bytes, and the records.
"""

from __future__ import annotations

import json

import pytest

from aftershow.model.engagements import Kind
from aftershow.model.ids import viewer_id
from aftershow.model.ledger import Account
from aftershow.model.orders import Order
from aftershow.ports import keys
from infra.local.host import LocalHost
from tests.functional.bad_input import (
    ANYWHERE,
    ONLY_IN_BATCHES,
    START,
    Kept,
    assert_neighbours_counted,
    batch_of,
    counts,
    engagement,
    event,
    host,
    kept,
    post,
    records,
    shop,
    waiting,
    written,
)

__all__ = ["host"]


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
    assert counts(host, "bad-1") == {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1}
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
