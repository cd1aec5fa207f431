"""AWS calls and write units of each step, counted at the SDK: numbers that a bill is made of, so they are asserted."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aftershow.model.instants import MINUTE
from aftershow.model.viewers import MAX_CLAIMANTS
from infra.local.clock import iso
from tests.functional.moto_shop import START, MotoShop, moto_shop

pytestmark = pytest.mark.benchmark

HEADERS = {"content-type": "application/json", "authorization": f"Basic {base64.b64encode(b'local:').decode()}"}
WRITE_UNIT_BYTES = 1024


@pytest.fixture
def shop() -> Iterator[MotoShop]:
    with moto_shop() as opened:
        track(opened, "Live Show Started", user="crew", host_id="h1", title="春茶", replay_url="https://shop.example/r")
        # What a source delivers is noted once a day: not by what is counted here.
        send(opened, {**message("x", "crew"), "type": "identify", "anonymousId": "crew-device"})
        for event in ("Live Liked", "Product Added", "Checkout Started", "Live Comment Sent", "Live Show Ended"):
            track(opened, event, user="crew")
        track(opened, "Message Consent Updated", user="crew", purpose="marketing", state="granted")
        track(opened, "Order Completed", user="crew", order_id="o0", total=1)
        track(opened, "Order Refunded", user="crew", order_id="o0", total=1)
        opened.settle()
        yield opened


def message(event: str, user: str = "lan", /, **properties: object) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "userId": user,
        "messageId": f"{event} {user} {json.dumps(properties)}",
        "timestamp": iso(START),
        "properties": {"show_id": "spring", **properties},
    }


def send(shop: MotoShop, *messages: Mapping[str, Any]) -> None:
    assert shop.request("POST", "/v1/batch", HEADERS, json.dumps({"batch": messages}).encode()).status == 200


def track(shop: MotoShop, event: str, /, user: str = "lan", **properties: object) -> None:
    send(shop, message(event, user, **properties))


class Counted:
    """The calls of a function since the last look."""

    def __init__(self, shop: MotoShop) -> None:
        self._shop = shop
        self._seen = len(shop.requests)

    def calls(self, function: str) -> Counter[str]:
        new = self._shop.requests[self._seen :]
        self._seen = len(self._shop.requests)
        self.units = sum(units(operation, request) for name, operation, request in new if name == function)
        return Counter(operation for name, operation, _ in new if name == function)


def units(operation: str, request: Mapping[str, Any]) -> int:
    """Write units; what a transaction writes or checks costs double."""
    if operation == "PutItem":
        return item_units(request["Item"])
    if operation != "TransactWriteItems":
        return 0
    written = [item_units(one["Put"]["Item"]) if "Put" in one else 1 for one in request["TransactItems"]]
    return 2 * sum(written)


def item_units(item: Mapping[str, Mapping[str, str]]) -> int:
    size = sum(len(name) + len(text.encode()) for name, value in item.items() for text in value.values())
    return -(-size // WRITE_UNIT_BYTES)


def show(capsys: pytest.CaptureFixture[str], what: str, calls: Counter[str], units: int, about: str = "") -> None:
    listed = ", ".join(f"{number} {name}" for name, number in sorted(calls.items()))
    with capsys.disabled():
        sys.stdout.write(f"\n{what}: {calls.total()} calls ({listed}), {units} write units{about}\n")


@pytest.mark.parametrize(
    ("what", "messages", "expected"),
    [
        ("one event", [message("Live Liked")], 1),
        ("100 events", [message("Live Liked", f"u{number}") for number in range(100)], 1),
        ("facts and behaviour", [message("Live Liked"), message("Order Completed", order_id="o", total=1)], 2),
        ("a rejected event", [message("Live Liked"), message("Live Liked", "null")], 1),
    ],
)
def test_ingest(
    shop: MotoShop, what: str, messages: list[Any], expected: int, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = Counted(shop)
    send(shop, *messages)
    calls = counted.calls("ingest_event")
    assert calls == {"SendMessage": expected}
    show(capsys, f"ingest, {what}", calls, counted.units)


@pytest.mark.parametrize("viewers", [1, 10, 90])
def test_scored_viewers(shop: MotoShop, viewers: int, capsys: pytest.CaptureFixture[str]) -> None:
    """One batch read for all of them, one commit each, for new engagements and for known ones. And one object of the
    archive for a batch of up to ten queue messages."""
    for turn in ("new", "known"):
        send(shop, *(message("Live Liked", f"u{number}", turn=turn) for number in range(viewers)))
        counted = Counted(shop)
        shop.deliver("BehaviourQueue")
        calls = counted.calls("score_user")
        assert calls.pop("GetItem", 0) + calls.pop("BatchGetItem", 0) == 1
        assert calls == {"PutItem": viewers, "PutObject": 1}
        show(capsys, f"score {viewers} {turn} viewers, beside one read", calls, counted.units)


def test_a_viewer_of_a_new_show(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    """The show's own item is read, touched and read again: once a minute, whatever the number of viewers."""
    send(shop, *({**message("Live Liked", f"u{n}"), "properties": {"show_id": "summer"}} for n in range(10)))
    counted = Counted(shop)
    shop.deliver("BehaviourQueue")
    calls = counted.calls("score_user")
    assert calls == {"GetItem": 3, "BatchGetItem": 1, "PutItem": 11, "PutObject": 1}
    show(capsys, "score 10 viewers of a show not seen for a minute", calls, counted.units)


def test_facts(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    """An order touches its own item and the head: one transaction. Profile and consent: the head alone."""
    track(shop, "Message Consent Updated", purpose="marketing", state="granted")
    counted = Counted(shop)
    shop.deliver("FactsQueue")
    calls = counted.calls("score_user")
    assert calls == {"GetItem": 1, "PutItem": 1, "PutObject": 1}
    show(capsys, "score a consent", calls, counted.units)
    track(shop, "Order Completed", order_id="o1", total=100)
    counted = Counted(shop)
    shop.deliver("FactsQueue")
    calls = counted.calls("score_user")
    assert calls == {"BatchGetItem": 1, "TransactWriteItems": 1, "PutObject": 1}
    show(capsys, "score an order", calls, counted.units)


def test_a_merge(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    """At most three calls of the tables: one more where an identity leads to a head that was merged before."""
    send(shop, {**message("x"), "type": "identify", "anonymousId": "d1"})
    counted = Counted(shop)
    shop.deliver("FactsQueue")
    calls = counted.calls("score_user")
    assert calls == {"BatchGetItem": 1, "TransactWriteItems": 1, "PutObject": 1}
    show(capsys, "score a first merge", calls, counted.units)
    send(shop, {"type": "identify", "anonymousId": "d1", "userId": "lan2", "messageId": "m2"})
    shop.deliver("FactsQueue")
    alias = {"type": "alias", "previousId": "d1", "userId": "lan3", "messageId": "m3"}
    send(shop, alias)
    counted = Counted(shop)
    shop.deliver("FactsQueue")
    calls = counted.calls("score_user")
    assert calls.pop("PutObject") == 1
    assert calls.total() <= 3
    assert calls["TransactWriteItems"] == 1
    show(capsys, "score a merge with a merged one", calls, counted.units)


def test_identifiers(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    """A profile's address and number are two more items once; said again, they are only read. Where people come apart,
    a second read finds everybody's heads."""

    def identified(number: int, turn: int = 0, phone: str = "400-820-1234") -> tuple[Counter[str], int]:
        profile = {"email": f"u{number}@example.com", "phone": phone}
        said = {"type": "identify", "userId": f"u{number}", "traits": profile, "timestamp": iso(START + turn * MINUTE)}
        send(shop, {**said, "messageId": f"{number} {turn}"})
        counted = Counted(shop)
        shop.deliver("FactsQueue")
        calls = counted.calls("score_user")
        del calls["PutObject"]
        return calls, counted.units

    # That the source tells addresses at all is written down once.
    identified(999, 0, "400-820-5678")
    calls, written = identified(0)
    assert calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    show(capsys, "score a profile with an address and a number, both new", calls, written)
    calls, written = identified(0, 1)
    assert calls == {"BatchGetItem": 1, "PutItem": 1}
    show(capsys, "the same again", calls, written)
    for number in range(1, MAX_CLAIMANTS):
        calls, written = identified(number)
    assert calls == {"BatchGetItem": 1, "GetItem": 1, "TransactWriteItems": 1}
    show(capsys, f"one more joined to {MAX_CLAIMANTS - 1} by the number", calls, written)
    calls, written = identified(MAX_CLAIMANTS)
    assert calls == {"BatchGetItem": 2, "GetItem": 1, "TransactWriteItems": 1}
    show(capsys, f"{MAX_CLAIMANTS} come apart: the number is a desk's", calls, written)
    calls, written = identified(MAX_CLAIMANTS + 1)
    assert calls == {"BatchGetItem": 1, "TransactWriteItems": 1}
    show(capsys, "one more with the desk's number", calls, written)


def remind(shop: MotoShop, *users: str) -> None:
    """Some nearly buy, and the show ends: their reminders are in the send queue."""
    for user in users:
        send(
            shop,
            {**message("x", user), "type": "identify", "traits": {"email": f"{user}@example.com", "name": user}},
            message("Message Consent Updated", user, purpose="marketing", state="granted"),
            message("Product Added", user, product_id="p1", name="龙井", price=88),
            message("Checkout Started", user),
            message("Payment Info Entered", user),
            message("Live Comment Sent", user, text="多少钱"),
        )
    shop.settle()
    shop.now += 20 * MINUTE
    send(shop, {**message("Live Show Ended", "crew"), "timestamp": iso(shop.now)})
    shop.settle()
    assert shop.tick()["admitted"] == len(users)
    shop.deliver("FactsQueue")


def test_sent_messages(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    """The first reads the shared items (show, playbooks, launches, template and its layout, terms of channels, rule
    packs, lexicon ...), which the second finds remembered."""
    remind(shop, "lan", "mei")
    for what, shared in (("the first message of a cold function", 11), ("the next", 0)):
        event = shop.receive("EmailMarketingQueue", 1)
        assert event is not None
        counted = Counted(shop)
        shop.invoke("send_message", event)
        calls = counted.calls("send_message")
        assert (calls["SendEmail"], calls["TransactWriteItems"], calls["PutItem"]) == (1, 1, 1)
        assert calls["GetItem"] + calls["Query"] == 6 + shared
        show(capsys, f"send {what}", calls, counted.units)
    assert len(shop.mails) == 2


def test_an_award(shop: MotoShop, capsys: pytest.CaptureFixture[str]) -> None:
    track(shop, "Order Completed", order_id="o1", total=100)
    shop.settle("FactsQueue")
    counted = Counted(shop)
    shop.deliver("AwardsQueue")
    calls = counted.calls("award_points")
    assert calls["TransactWriteItems"] == 1
    show(capsys, "award an order (entry, account, order as a check)", calls, counted.units)
    track(shop, "Order Refunded", order_id="o1", total=40)
    shop.settle("FactsQueue")
    counted = Counted(shop)
    shop.deliver("AwardsQueue")
    calls = counted.calls("award_points")
    assert calls["TransactWriteItems"] == 1
    show(capsys, "award its refund", calls, counted.units)
