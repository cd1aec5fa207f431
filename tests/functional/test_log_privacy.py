"""Nobody's data in the log, neither of what goes well nor of what fails."""

from __future__ import annotations

import json

from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, HOUR, SECOND
from aftershow.model.reminders import Reminder
from aftershow.ports import keys
from aftershow.ports.channels import Declined
from aftershow.ports.queues import Message
from aftershow.ports.store import Put
from infra.local.host import LocalHost
from tests.functional.bad_input import (
    ANYWHERE,
    BROKEN,
    ONLY_IN_BATCHES,
    REFUSED_BATCHES,
    SHOW,
    Channel,
    basic,
    batch_of,
    host,
    post,
    shop,
    written,
)

__all__ = ["host"]

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
