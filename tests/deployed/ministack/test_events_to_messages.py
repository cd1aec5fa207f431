"""The whole template on ministack: from an HTTP request to a message in a mailbox, and to points in the ledger.

What ministack can't do and a test does for it: it makes the routes of the HTTP API itself (`cloud.make_routes`), sends
SES's events nowhere, and its clock is the real one. So only what is due at once is awaited, and `release_due` is called
by hand where nobody wants to wait for the next minute; one test waits for the schedule.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from aftershow.model.engagements import Engagement
from aftershow.model.ids import viewer_id
from aftershow.model.instants import MINUTE, SECOND
from aftershow.model.ledger import Account, Entry
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.keys import SHOW_SHARDS
from aftershow.ports.store import Range
from aftershow.rules.bots import QUICKEST_PERSON
from aftershow.rules.intake import pack
from aftershow.services.scheduling import FIRST_WALK_SECONDS
from aftershow.services.scoring import Watermark
from tests.deployed.ministack.cloud import Cloud, Mail, wait_for
from tests.functional.story import FORM, ONE_CLICK, Said, Show, Viewer, almost_buys

# The schedule's minute, and what a slow machine adds.
NEXT_TICK_SECONDS = 90
# Time for a second message to come out, if there were one.
QUIET_SECONDS = 4


def ago(minutes: float) -> int:
    return int(time.time() * 1000 - minutes * MINUTE)


def user(viewer: Viewer) -> str:
    """The viewer's surviving id: she signed in on a device that nothing else was known of."""
    return viewer_id("user", viewer.user_id)


def almost_bought(cloud: Cloud, show: Show, *viewers: Viewer) -> None:
    """A show with viewers that are hot, reachable and known at its end, which is now."""
    cloud.hears(show.scheduled(ago(60), ago(45)))
    for viewer in viewers:
        cloud.hears(*almost_buys(viewer, show, ago(40)))
    for viewer in viewers:
        wait_for(lambda one=viewer: _folded(cloud, one, show), f"{viewer.name} is folded")  # type: ignore[misc]


def _folded(cloud: Cloud, viewer: Viewer, show: Show) -> bool:
    """All that a viewer did and said is in her engagement and her head."""
    item = cloud.store.get(keys.engagement(user(viewer), keys.about_show(show.id)))
    first = cloud.store.get(keys.engagement(viewer_id("anonymous", viewer.anonymous_id), keys.about_show(show.id)))
    head = cloud.store.get(keys.head(user(viewer)))
    known = [Engagement.read(one.body) for one in (item, first) if one is not None]
    return bool(known) and head is not None and "marketing:email" in Head.read(head.body).consent


def ends(cloud: Cloud, show: Show) -> None:
    """The show ends, and the first walk over its viewers is done.

    Until then workers that remember the show as open may cancel what others have planned: the walk starts when none of
    them does any more.
    """
    before = cloud.delayed("RemindersQueue")
    cloud.hears(show.ended(ago(0)))
    wait_for(lambda: cloud.delayed("RemindersQueue") >= before + SHOW_SHARDS, "the walks wait")
    time.sleep(FIRST_WALK_SECONDS)
    wait_for(lambda: cloud.waiting("RemindersQueue") == cloud.delayed("RemindersQueue"), "the first walk")


def planned(cloud: Cloud, viewer: Viewer, show: Show) -> Reminder:
    """The first reminder about a show."""
    return next(row for row in cloud.reminders(user(viewer)) if row.show == show.id and row.open)


def mail_of(cloud: Cloud, viewer: Viewer, reminder: str) -> Mail:
    """The message of a reminder, once it is in the mailbox."""
    look = lambda: next((one for one in cloud.mails(viewer.mailbox) if one.reminder == reminder), None)  # noqa: E731
    return wait_for(look, f"a message to {viewer.name}")


@pytest.fixture
def released(cloud: Cloud) -> None:
    """Marketing waits until the mark that release_due sends through the queue of facts has come out of it."""
    cloud.invoke("ReleaseDue")
    wait_for(lambda: cloud.store.get(keys.facts_watermark()), "the mark of folded facts")


@pytest.fixture
def no_schedule(cloud: Cloud) -> Iterator[None]:
    """Nothing is released but by hand."""
    events, rule = cloud.server.client("events"), cloud.resources["ReleaseDueEveryMinute"]
    events.disable_rule(Name=rule)
    yield
    events.enable_rule(Name=rule)


def test_an_address_that_bounced_elsewhere_is_suppressed(cloud: Cloud) -> None:
    properties = {"channel": "email", "address": "gone@example.com", "reason": "bounced"}
    message = {"type": "track", "event": "Message Address Suppressed", "messageId": "gone-1", "properties": properties}
    cloud.hears(Said(ago(0), (message,)))
    wait_for(lambda: _suppressed(cloud), "the address is suppressed")


def _suppressed(cloud: Cloud) -> bool:
    items = cloud.server.client("dynamodb").scan(TableName=cloud.resources["AddressesTable"])["Items"]
    return any('"suppressed":"bounced"' in item["body"]["S"] for item in items)


def test_the_schedule_releases_every_minute(cloud: Cloud) -> None:
    def mark() -> int:
        item = cloud.store.get(keys.facts_watermark())
        return Watermark.read(item.body).at if item else 0

    before = mark()
    wait_for(lambda: mark() > before, "the schedule's call", NEXT_TICK_SECONDS)


@pytest.mark.usefixtures("released")
def test_an_event_comes_out_as_a_message(cloud: Cloud) -> None:
    ada, show = Viewer("ada"), Show("evening-1")
    almost_bought(cloud, show, ada)
    ends(cloud, show)
    row = planned(cloud, ada, show)
    assert (row.playbook, row.step) == ("hot-replay", "at-once")

    cloud.invoke("ReleaseDue")
    mail = mail_of(cloud, ada, row.id)

    assert mail.address == ada.mailbox
    sent = wait_for(lambda: next(one for one in cloud.reminders(user(ada)) if one.id == row.id and not one.open), "end")
    assert (sent.outcome, sent.attempt) == ("sent", 1)
    assert sent.provider_id == mail.id

    # Whoever follows a link at once is a scanner.
    time.sleep(QUICKEST_PERSON / SECOND)
    reply = cloud.request("GET", urlsplit(mail.button).path)
    assert reply.status == 302
    assert (reply.location or "").startswith(f"https://shop.example/replay/{show.id}?utm_source=aftershow&")
    clicked = next(one for one in cloud.reminders(user(ada)) if one.id == row.id)
    assert clicked.feedback.clicked_at is not None

    cloud.hears(ada.orders(ago(0), "order-0", "80.00"))
    won = wait_for(lambda: _order(cloud, "order-0"), "the order is won back")
    assert won.won_by == row.id


def _order(cloud: Cloud, order: str) -> Order | None:
    """An order that a message has won back."""
    item = cloud.store.get(keys.order(order))
    found = Order.read(item.body) if item else None
    return found if found and found.won_by else None


def test_an_order_comes_out_as_points_once(cloud: Cloud) -> None:
    ben, show = Viewer("ben"), Show("evening-2")
    signed_in = ben.identifies(ago(2))
    order = ben.orders(ago(1), "order-1", "120.00", show)
    [message] = order.messages
    under_another_id = Said(order.at, ({**message, "messageId": "another-id"},))

    cloud.hears(signed_in, order, order, under_another_id)

    account = wait_for(lambda: cloud.store.get(keys.ledger_account(user(ben))), "an account")
    wait_for(lambda: cloud.waiting("FactsQueue", "AwardsQueue", "OutcomesQueue") == 0, "empty queues")
    assert Account.read(account.body).balance == 120
    rows = cloud.rows("ledger", user(ben))
    entries = [Entry.read(row.body) for row in rows if row.key.sk.startswith("entry#")]
    assert [(entry.rule, entry.points, entry.order) for entry in entries] == [("earn", 120, "order-1")]


def test_points_are_spent_over_http(cloud: Cloud) -> None:
    """Reserved, confirmed, told. ministack doesn't ask who calls; the house rules see that AWS does."""
    path = "/rewards/viewers/ben-user"
    wanted = json.dumps({"id": "order-2", "points": {"value": 100}}).encode()
    made = cloud.request("POST", f"{path}/reservations", {"idempotency-key": "k1"}, wanted)
    again = cloud.request("POST", f"{path}/reservations", {"idempotency-key": "k1"}, wanted)
    assert (made.status, again.status, again.body) == (201, 201, made.body)
    assert cloud.request("POST", f"{path}/reservations/order-2/confirm", {"idempotency-key": "k2"}).status == 200
    told = json.loads(cloud.request("GET", f"{path}/balance").body)
    assert told["balance"] == {"value": 20, "unit": "points"}
    lines = json.loads(cloud.request("GET", f"{path}/statement").body)["lines"]
    assert [line["points"]["value"] for line in lines] == [-100, 0, 120]
    assert cloud.request("POST", f"{path}/codes", {"idempotency-key": "k3"}, b'{"code": "none"}').status == 404


@pytest.mark.usefixtures("released", "no_schedule")
def test_an_opt_out_stops_the_next_message(cloud: Cloud) -> None:
    """Both have a message about the first show and a planned one about the second; then one of them opts out."""
    eve, fay = Viewer("eve"), Viewer("fay")
    first, second = Show("evening-3"), Show("evening-4", host="mo")
    almost_bought(cloud, first, eve, fay)
    ends(cloud, first)
    rows = {viewer.name: planned(cloud, viewer, first) for viewer in (eve, fay)}
    cloud.invoke("ReleaseDue")
    mail = mail_of(cloud, eve, rows["eve"].id)
    mail_of(cloud, fay, rows["fay"].id)
    almost_bought(cloud, second, eve, fay)
    ends(cloud, second)
    planned(cloud, eve, second)
    control = planned(cloud, fay, second)

    page = cloud.request("GET", urlsplit(mail.unsubscribe).path)
    assert page.status == 200
    assert not _opted_out(cloud, eve)
    reply = cloud.request("POST", urlsplit(mail.unsubscribe).path, FORM, ONE_CLICK)
    assert reply.status == 200
    assert _opted_out(cloud, eve)

    cloud.invoke("ReleaseDue")
    assert cloud.invoke("DailyCare")["accounts"] == 0
    mail_of(cloud, fay, control.id)
    wait_for(lambda: not any(row.open for row in cloud.reminders(user(eve))), "no reminder of hers is open")
    wait_for(lambda: cloud.waiting("EmailMarketingQueue") == 0, "an empty send queue")
    assert [one.reminder for one in cloud.mails(eve.mailbox)] == [rows["eve"].id]
    others = [row for row in cloud.reminders(user(eve)) if row.id != rows["eve"].id]
    ends_of_hers = {(row.outcome, row.reason) for row in others}
    assert ends_of_hers == {("cancelled", "opted_out")}


def _opted_out(cloud: Cloud, viewer: Viewer) -> bool:
    item = cloud.store.get(keys.head(user(viewer)))
    assert item is not None
    said = Head.read(item.body).consent["marketing:email"]
    return max(said.values(), key=lambda one: one.at).state == "withdrawn"


@pytest.mark.usefixtures("released", "no_schedule")
def test_one_message_only_per_reminder(cloud: Cloud) -> None:
    """The job of a reminder is in the queue twenty times, and later once more; two workers race for it."""
    gil, show = Viewer("gil"), Show("evening-5", host="ko")
    almost_bought(cloud, show, gil)
    ends(cloud, show)
    row = planned(cloud, gil, show)
    job = json.dumps({"viewer": row.viewer, "reminder": row.id, "due": row.due})

    cloud.send("EmailMarketingQueue", *[job] * 10)
    cloud.send("EmailMarketingQueue", *[job] * 10)
    mail_of(cloud, gil, row.id)
    wait_for(lambda: cloud.waiting("EmailMarketingQueue") == 0, "an empty send queue")
    cloud.send("EmailMarketingQueue", job)
    wait_for(lambda: cloud.waiting("EmailMarketingQueue") == 0, "an empty send queue")
    time.sleep(QUIET_SECONDS)

    assert [mail.reminder for mail in cloud.mails(gil.mailbox)] == [row.id]
    assert cloud.waiting("EmailMarketingDeadQueue") == 0


def test_a_poison_message_ends_in_the_dead_letter_queue_while_its_neighbours_are_processed(cloud: Cloud) -> None:
    """With two receives and two seconds of hiding instead of the template's five and 360."""
    sqs, queue = cloud.server.client("sqs"), cloud.resources["FactsQueue"]
    before = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy", "VisibilityTimeout"])[
        "Attributes"
    ]
    redrive = json.loads(before["RedrivePolicy"])
    assert (int(redrive["maxReceiveCount"]), int(before["VisibilityTimeout"])) == (5, 360)
    hurried = {"RedrivePolicy": json.dumps({**redrive, "maxReceiveCount": 2}), "VisibilityTimeout": "2"}
    neighbours = [Viewer("hal"), Viewer("ida")]
    good = [_packed(viewer) for viewer in neighbours]
    poison = '{"neither": "events", "nor": "a mark"}'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=hurried)
    try:
        cloud.send("FactsQueue", good[0], poison, good[1])

        for viewer in neighbours:
            wait_for(lambda one=viewer: cloud.store.get(keys.head(user(one))), viewer.name)  # type: ignore[misc]
        wait_for(lambda: cloud.waiting("FactsDeadQueue") == 1, "the message in the dead-letter queue")
        assert cloud.waiting("FactsQueue") == 0
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=before)
    dead = sqs.receive_message(QueueUrl=cloud.resources["FactsDeadQueue"])["Messages"]
    assert [message["Body"] for message in dead] == [poison]


def _packed(viewer: Viewer) -> str:
    """What ingest_event hands over for a viewer who signs in."""
    [message] = viewer.identifies(ago(1)).messages
    [text] = pack("local", ago(0), b"{}", [(user(viewer), "identify", json.dumps(message).encode())], ())
    return text


def test_a_broken_event_in_a_good_request_is_kept_and_its_neighbour_counts(cloud: Cloud) -> None:
    jan = Viewer("jan")
    good = jan.identifies(ago(1))
    broken = {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "u", "properties": "none"}

    cloud.hears(Said(good.at, (broken, *good.messages)))

    wait_for(lambda: cloud.store.get(keys.head(user(jan))), "the good event")
    kept = wait_for(lambda: cloud.store.query_index("dead_letters", Range("all")).rows, "the broken one")
    assert len(kept) == 1


def test_nothing_is_left_over(cloud: Cloud) -> None:
    """Runs last: no dead letters but those that a test has made, nothing that the bus refused, no right that lacked."""
    dead = [name for name in cloud.resources if name.endswith("DeadQueue") and name != "FactsDeadQueue"]
    assert cloud.waiting(*dead, "RelayRefusedQueue") == 0
    assert [call for call in cloud.server.calls() if call["denied"]] == []
