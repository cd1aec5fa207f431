"""The handlers over moto's AWS: the main way from the first event to the points, with the SDK in between."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import address_hash, viewer_id
from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.ledger import Account
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.model.shows import Show
from aftershow.model.viewers import Address, Head
from aftershow.ports import keys
from aftershow.ports.store import Range
from infra.local.clock import iso
from infra.local.lambda_events import of_schedule
from tests.functional.moto_shop import ROOT, START, MotoShop, granted, moto_shop

KEY = base64.b64encode(b"local:").decode()
HEADERS = {"content-type": "application/json", "authorization": f"Basic {KEY}"}
EMAIL = "lan@example.com"
USER, DEVICE = viewer_id("user", "lan"), viewer_id("anonymous", "device-1")


@pytest.fixture
def shop() -> Iterator[MotoShop]:
    with moto_shop() as opened:
        yield opened


def track(event: str, at: int, /, **properties: object) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "anonymousId": "device-1",
        "messageId": f"{event} {at}",
        "timestamp": iso(at),
        "properties": {"show_id": "spring", **properties},
    }


def send(shop: MotoShop, *messages: Mapping[str, Any]) -> None:
    body = json.dumps({"batch": messages, "context": {"timezone": "Asia/Shanghai", "locale": "zh-CN"}}).encode()
    reply = shop.request("POST", "/v1/batch", HEADERS, body)
    assert (reply.status, json.loads(reply.body)) == (200, {"success": True})


def watch(shop: MotoShop) -> None:
    """An anonymous viewer enters, watches, asks, fills her cart, says who she is, consents, and leaves."""
    send(shop, track("Live Show Started", START, host_id="h1", title="春茶", replay_url="https://shop.example/replay"))
    beats = [
        track("Video Content Playing", START + number * 10 * SECOND, asset_id="spring", livestream=True)
        for number in range(60)
    ]
    send(
        shop,
        track("Live Room Entered", START),
        *beats,
        track("Live Comment Sent", START + 2 * MINUTE, text="多少钱"),
        track("Product Added", START + 3 * MINUTE, product_id="p1", name="龙井", price=88, quantity=1),
        track("Checkout Started", START + 4 * MINUTE),
        {
            **track("", START + 5 * MINUTE),
            "type": "identify",
            "userId": "lan",
            "traits": {"email": EMAIL, "name": "Lan"},
        },
        {
            **track("Message Consent Updated", START + 5 * MINUTE, purpose="marketing", channel="all", state="granted"),
            "userId": "lan",
        },
    )


def end_show(shop: MotoShop) -> None:
    shop.now = START + 20 * MINUTE
    send(shop, track("Live Show Ended", shop.now))


def reminders(shop: MotoShop) -> list[Reminder]:
    found = [item for viewer in (USER, DEVICE) for item in shop.store.query("reminders", Range(viewer)).items]
    return sorted((Reminder.read(item.body) for item in found), key=lambda one: one.due)


def read(shop: MotoShop, key: Any, kind: Any) -> Any:
    item = shop.store.get(key)
    assert item is not None
    return kind.read(item.body)


def test_the_main_way(shop: MotoShop) -> None:
    """Ingest, score, relay, plan, release, send, click, order, points, refund, opt-out."""
    go_the_main_way(shop)


def go_the_main_way(shop: MotoShop) -> None:
    watch(shop)
    # One message of news; then facts and behaviour of one request in their own queues.
    assert (shop.waiting("FactsQueue"), shop.waiting("BehaviourQueue")) == (2, 1)
    shop.settle()
    assert_scored(shop)
    assert reminders(shop) == []

    end_show(shop)
    shop.settle()
    assert read(shop, keys.show("spring"), Show).closed_at == shop.now
    # Two walks over 32 shards of the show's viewers, the second for those whose events come late.
    assert (shop.sqs.delays.count(10), shop.sqs.delays.count(900)) == (32, 32)
    [first] = reminders(shop)
    assert (first.state, first.channel, first.playbook, first.step) == ("pending", "email", "hot-replay", "at-once")

    assert shop.tick()["admitted"] == 1
    assert shop.waiting("EmailMarketingQueue") == 1
    # Its marker must come out of the queue of facts before marketing may be claimed.
    shop.settle("FactsQueue", "EmailMarketingQueue")
    assert_sent(shop, first.id)
    [mail] = shop.mails
    shop.ses_says("Email Sent", mail, send={})
    shop.ses_says("Email Delivered", mail, delivery={"recipients": [EMAIL]})
    shop.settle()
    first, second = reminders(shop)
    assert first.outcome == "delivered"
    assert (second.state, second.step) == ("pending", "last-call")

    click(shop, mail, first.id)
    order_and_refund(shop)
    assert read(shop, keys.order("o1"), Order).won_by == first.id
    assert [(one.outcome, one.reason) for one in reminders(shop)][1] == ("cancelled", "ordered")
    opt_out(shop, mail)
    shop.settle()
    assert waiting_anywhere(shop) == {}


def assert_scored(shop: MotoShop) -> None:
    engagement = read(shop, keys.engagement(DEVICE, "show#spring"), Engagement)
    assert engagement.watch_seconds == 600
    assert engagement.counts()[Kind.ASKED_PRICE] == 1
    assert engagement.score.temperature == "hot"
    head = read(shop, keys.head(USER), Head)
    assert (head.members, head.trait("email")) == ((DEVICE,), EMAIL)
    assert read(shop, keys.head(DEVICE), Head).merged_into == USER


def assert_sent(shop: MotoShop, reminder: str) -> None:
    row = read(shop, keys.reminder(USER, reminder), Reminder)
    assert row.outcome == "sent"
    [mail], [taken] = shop.mails, shop.sent_by_ses()
    assert set(taken.destinations) == {EMAIL}
    assert taken.id == row.provider_id
    assert "龙井" in read_mail(mail).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    tags = {tag["Name"]: tag["Value"] for tag in mail["EmailTags"]}
    assert tags == {"viewer": USER, "reminder": reminder, "attempt": "1"}


def read_mail(mail: Mapping[str, Any]) -> EmailMessage:
    return message_from_bytes(mail["Content"]["Raw"]["Data"], EmailMessage, policy=policy.default)


def click(shop: MotoShop, mail: Mapping[str, Any], reminder: str) -> None:
    text = read_mail(mail).get_body(("plain",)).get_content()  # type: ignore[union-attr]
    [button] = re.findall(r"https://shop\.example(/c/\S+)", text)
    # Whoever follows a link at once is a scanner.
    shop.pass_time(60)
    clicked = shop.request("GET", button, {})
    campaign = f"utm_source=aftershow&utm_medium=email&utm_campaign=hot-replay&utm_content={reminder}"
    assert (clicked.status, clicked.headers["location"]) == (302, f"https://shop.example/replay?{campaign}")
    assert read(shop, keys.reminder(USER, reminder), Reminder).feedback.clicked_at == shop.now


def order_and_refund(shop: MotoShop) -> None:
    shop.now += HOUR
    lines = [{"product_id": "p1", "quantity": 2}]
    send(shop, track("Order Completed", shop.now, order_id="o1", total="188.80", currency="CNY", products=lines))
    shop.settle()
    account = read(shop, keys.ledger_account(DEVICE), Account)
    assert (account.balance, account.entries) == (188, 1)
    send(shop, track("Order Refunded", shop.now, order_id="o1", total=100))
    shop.settle()
    account = read(shop, keys.ledger_account(DEVICE), Account)
    assert (account.balance, account.earned, account.reversed) == (88, 188, 100)


def opt_out(shop: MotoShop, mail: Mapping[str, Any]) -> None:
    headers = read_mail(mail)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = headers["List-Unsubscribe"].strip("<>").removeprefix("https://shop.example")
    assert shop.request("GET", path, {}).status == 200
    assert suppressed(shop) == ""
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert shop.request("POST", path, form, b"List-Unsubscribe=One-Click").status == 200
    assert suppressed(shop) == "opted_out"


def suppressed(shop: MotoShop) -> str:
    hashed = address_hash(shop.ports("send_message").settings.address_secret, "email", EMAIL)
    found: Address = read(shop, keys.address(hashed), Address)
    return found.suppressed


def waiting_anywhere(shop: MotoShop) -> dict[str, int]:
    counted = {queue.id: shop.waiting(queue.id) for queue in shop.template.queues}
    return {name: number for name, number in counted.items() if number}


def spends_points(shop: MotoShop) -> None:
    """What the shop's till asks of the rewards API."""
    place = "/rewards/viewers/lan"
    assert shop.request("GET", f"{place}/balance", {}).status == 200
    assert shop.request("GET", f"{place}/statement", {}).status == 200
    body = json.dumps({"id": "till-1", "points": {"value": 5, "unit": "points"}}).encode()
    for what, said in (("reservations", body), ("reservations/till-1/confirm", b"")):
        headers = {"content-type": "application/json", "Idempotency-Key": what}
        assert shop.request("POST", f"{place}/{what}", headers, said).status < 300


def test_each_function_needs_no_more_than_its_role_allows(shop: MotoShop) -> None:
    """Every call of the main way, a bounce and a dead letter, against the template's roles."""
    go_the_main_way(shop)
    [mail] = shop.mails
    shop.ses_says("Email Bounced", mail, bounce={"bounceType": "Permanent"})
    send(shop, track("Order Completed", shop.now, total=5))
    shop.settle()
    spends_points(shop)
    # Over a year later her points have run out.
    shop.now += 500 * DAY
    cared = shop.invoke("daily_care", of_schedule("DailyCare.EveryHour", shop.new_id(), shop.now))
    assert cared["accounts"] == 1
    ids = {function.name: function.id for function in shop.template.functions}
    used: dict[str, set[tuple[str, str]]] = {}
    for function, action, resource in shop.calls:
        if function != "test":
            used.setdefault(function, set()).add((action, resource))
    assert used.keys() == ids.keys()
    beyond = {function: sorted(rights - granted(ids[function])) for function, rights in used.items()}
    assert {function: rights for function, rights in beyond.items() if rights} == {}


def test_what_comes_twice_counts_once(shop: MotoShop) -> None:
    """The client repeats its request, and SQS a message that was worked off."""
    watch(shop)
    watch(shop)
    event = shop.receive("FactsQueue")
    assert event is not None
    for _ in range(2):
        assert shop.invoke("score_user", event) == {"batchItemFailures": []}
    shop.settle()
    engagement = read(shop, keys.engagement(DEVICE, "show#spring"), Engagement)
    assert set(engagement.counts().values()) == {1}
    said = {Kind.ENTERED, Kind.COMMENTED, Kind.ASKED_PRICE, Kind.CART_ADDED, Kind.CHECKOUT_STARTED}
    assert said < set(engagement.counts())
    end_show(shop)
    shop.settle()
    shop.tick()
    shop.deliver("FactsQueue")
    event = shop.receive("EmailMarketingQueue")
    assert event is not None
    for _ in range(3):
        assert shop.invoke("send_message", event) == {"batchItemFailures": []}
    assert len(shop.sent_by_ses()) == 1


def test_a_bounce_gives_the_address_up(shop: MotoShop) -> None:
    watch(shop)
    shop.settle()
    end_show(shop)
    shop.settle()
    shop.tick()
    shop.settle()
    shop.ses_says("Email Bounced", shop.mails[0], bounce={"bounceType": "Transient"})
    shop.settle()
    assert suppressed(shop) == ""
    shop.ses_says("Email Bounced", shop.mails[0], bounce={"bounceType": "Permanent"})
    shop.settle()
    assert suppressed(shop) == "bounced"
    assert reminders(shop)[0].outcome == "failed"
    shop.now += 2 * DAY
    while shop.tick()["admitted"]:
        shop.settle()
    assert len(shop.mails) == 1


def test_a_poison_message_comes_alone_again(shop: MotoShop) -> None:
    """Its neighbours are done; the answer names it, as Lambda's partial batch response."""
    watch(shop)
    shop.aws["sqs"].send_message(QueueUrl=shop.urls["FactsQueue"], MessageBody="{}")
    event = shop.receive("FactsQueue")
    assert event is not None
    [poison] = [record["messageId"] for record in event["Records"] if record["body"] == "{}"]
    assert shop.invoke("score_user", event) == {"batchItemFailures": [{"itemIdentifier": poison}]}
    assert read(shop, keys.head(USER), Head).trait("email") == EMAIL


def test_rejected_events_are_filed_with_the_facts(shop: MotoShop) -> None:
    """One queue call for both, and the dead letter stands in its table."""
    send(
        shop, {"type": "track", "event": "Order Completed", "userId": "null"}, track("Order Completed", START, total=1)
    )
    assert (shop.waiting("FactsQueue"), shop.waiting("BehaviourQueue")) == (1, 0)
    shop.settle()
    rows = shop.store.query_index("dead_letters", Range("all")).rows
    assert len(rows) == 2


# Under aws_ports, as in Lambda.

RUNS = "tests.functional.lambda_runs"


def test_the_runtime_makes_working_handlers_from_the_environment() -> None:
    """Each function as Lambda loads it, with the variables of the template, on moto: no call while it initialises."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    path = os.pathsep.join(map(str, (ROOT, ROOT / "shared")))
    ran = subprocess.run(  # noqa: S603 (our own module)
        [sys.executable, "-W", "error", "-m", RUNS],
        cwd=ROOT, env={"PYTHONPATH": path, "PATH": "", **credentials}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    *lines, last = ran.stdout.splitlines()
    found = json.loads(last)
    none: dict[str, list[str]] = {"batchItemFailures": []}
    assert {name: one["calls_at_init"] for name, one in found.items()} == dict.fromkeys(found, 0)
    assert found["ingest_event"]["answer"]["statusCode"] == 200
    assert found["score_user"]["answer"] == none
    [kept] = found["score_user"]["kept"]
    assert kept.startswith("/ArchiveBucket/events/")
    assert kept.endswith(".ndjson.gz")
    assert found["publish_changes"]["answer"] == {"published": 1}
    assert found["schedule_reminder"]["answer"] == none
    assert found["release_due"]["answer"]["admitted"] == 0
    assert found["send_message"]["answer"] == none
    assert found["track_outcome"]["answer"]["statusCode"] == 404
    assert found["award_points"]["answer"] == none
    assert found["daily_care"]["answer"] == {"accounts": 0, "busy": 0, "looks": 0, "more": False, "next_due": None}
    assert found["rewards_api"]["answer"]["statusCode"] == 404
    assert [name for name, one in found.items() if one["channels"]] == ["send_message"]
    # One line of JSON an invocation, with allow-listed fields.
    logged = [json.loads(line) for line in lines]
    assert {line["message"] for line in logged} >= {"ingested", "scored", "published", "released", "dropped"}
    for line in logged:
        assert line["level"] == "INFO"
        assert line["function_request_id"]
        assert line["function_version"] == "7"
        assert "lan@example.com" not in str(line)
