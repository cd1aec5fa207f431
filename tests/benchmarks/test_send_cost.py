"""What send_message costs per 1,000 messages, by channel: AWS calls, counted at an endpoint that does nothing and so
asserted, and the CPU time of the thread that sends, which is printed.

The tables, SES and AWS's text messages are called with the real clients over loopback. For the other channels a stub
takes the messages in the process: their provider's call comes on top.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.config import Config
from botocore.session import get_session

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.adapters.providers import Outside, provider
from aftershow.model.channels import ADDRESSES, Terms
from aftershow.model.instants import DAY, HOUR, MINUTE, parse_instant
from aftershow.model.launches import WHOLE
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.templates import (
    EmailPart,
    PushPart,
    SmsPart,
    Template,
    Texts,
    WebhookPart,
    WechatPart,
    WecomPart,
)
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Answer, Channel, Outgoing
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put, Store
from aftershow.rules import subscriptions
from aftershow.services.launching import Signature, approve
from aftershow.services.messages import Received, work_off
from aftershow.services.scoring import Watermark
from aftershow.services.sending import Pace, send
from infra.local import catalog
from tests.deployed.aws_stub import AwsStub, Item
from tests.deployed.lambda_runtime import serving
from tests.unit.samples import ended_show, granted, said

pytestmark = [pytest.mark.benchmark, pytest.mark.enable_socket]

TABLES = {name: f"{name}-table" for name in ("viewers", "addresses", "reminders", "catalog", "engagements", "orders")}
NOON = parse_instant("2026-03-06T12:00:00+08:00")
MESSAGES, BATCH = 100, 10
WORDS = "{{ name }}, {{ show.title }}: {{ link }}"
FOOT = "{{ shop.name }}, {{ shop.postal_address }} {{ unsubscribe }}"
TEXTS = Texts(
    email=EmailPart(subject="{{ show.title }}", text=f"{WORDS} {FOOT}", html=f"<p>{WORDS} {FOOT}</p>"),
    sms=SmsPart(text="【{{ shop.name }}】{{ show.title }}: {{ link }} 拒收请回复R"),
    push=PushPart(title="{{ show.title }}", text="{{ name }}"),
    wechat=WechatPart(template_id="t", fields={"thing1": "{{ show.title }}"}),
    wecom=WecomPart(text=WORDS),
    webhook=WebhookPart(data={"text": WORDS}),
)
PROVIDERS = {"email": "ses", "sms": "aws"}


@dataclass
class QueriedStub(AwsStub):
    """The stub, with queries of a partition: playbooks and launches are listed. It names every message."""

    by_partition: dict[tuple[str, str], list[Item]] = field(default_factory=dict)

    def put(self, table: str, item: Item) -> None:
        """Keep an item; those of the catalog can be listed."""
        super().put(table, item)
        if table == TABLES["catalog"]:
            listed = self.by_partition.setdefault((table, item["pk"]["S"]), [])
            listed[:] = [*(one for one in listed if one["sk"] != item["sk"]), item]

    def answer(self, action: str, asked: Mapping[str, Any]) -> object:
        """What a service says to a request."""
        if action == "Query":
            partition = next(iter(asked["ExpressionAttributeValues"].values()))["S"]
            found = self.by_partition.get((asked["TableName"], partition), [])
            return {"Items": found, "Count": len(found), "ScannedCount": len(found)}
        return {"MessageId": "1"} if action == "SendTextMessage" else super().answer(action, asked)


class Taken:
    """A provider that takes everything at once."""

    def send(self, _message: Outgoing) -> Answer:
        """One attempt."""
        return Accepted("1")


class Silent:
    """No log."""

    def info(self, message: str, **fields: object) -> None:
        """Nothing."""

    def warning(self, message: str, **fields: object) -> None:
        """What must not happen here."""
        raise AssertionError(message, fields)


@pytest.fixture
def stub() -> Iterator[tuple[QueriedStub, int]]:
    stub = QueriedStub()
    with serving(stub.handler()) as port:
        yield stub, port


def shop(port: int, channel: str) -> Ports:
    session = get_session()
    session.set_credentials("testing", "testing")

    def client(service: str) -> Any:
        once = Config(retries={"total_max_attempts": 1}, user_agent="aftershow")
        return session.create_client(
            service, region_name="eu-central-1", endpoint_url=f"http://127.0.0.1:{port}", config=once
        )

    numbers = iter(range(10**9))
    settings = Settings(
        channels=(channel,), base_url="https://shop.example", postal_address="1 Road", link_secret="x" * 32,
        address_secret="y" * 32, send_rate_per_second=1e9, send_rates={channel: 1e9},
        providers=json.dumps({channel: PROVIDERS.get(channel, channel)}),
    )  # fmt: skip
    return Ports(
        store=Store(DynamoDbBackend(client("dynamodb"), TABLES, lambda _: None), lambda: f"{next(numbers):032x}"),
        queues=cast(Any, None), bus=cast(Any, None), settings=settings,
        channels={channel: _channel(channel, settings, client)},
        log=Silent(), now=lambda: NOON, sleep=lambda _: None, random=lambda: 0.5,
        new_id=lambda: f"{next(numbers):032x}",
    )  # fmt: skip


def _channel(channel: str, settings: Settings, client: Any) -> Channel:
    name = PROVIDERS.get(channel)
    found = provider(channel, name) if name else None
    if found is None:
        return Taken()
    made = found.make(Outside(settings, {"origination_identity": "shop"}, client, lambda: NOON, lambda: "1"))
    assert made is not None
    return made


def fill(ports: Ports, channel: str) -> list[Received]:
    """A playbook, its texts, a show, and people with a reminder that is due; the queue's messages about them."""
    plan = Playbook(
        id="cost", version=1, author="A", title={"en": "t"}, why={"en": "w"}, trigger="show_ended",
        temperatures=("hot",), kinds=("live",), channels=(channel,), deadline=3 * DAY,
        steps=(PlannedStep(id="only", template="cost"),),
    )  # fmt: skip
    store, template = ports.store, Template(name="cost", texts={"en": TEXTS})
    show = ended_show()
    for key, body in (
        (keys.playbook("cost"), plan.body()), (keys.template("cost"), template.body()),
        (keys.show(show.show), show.body()), (keys.facts_watermark(), Watermark(at=NOON).body()),
        (keys.channel_terms(), Terms(caps={}).body()), (keys.rulebook(), catalog.rulebook().body()),
        (keys.lexicon(), catalog.lexicon().body()),
    ):  # fmt: skip
        store.commit([Put(key, body, None)])
    approve(store, "cost", WHOLE, Signature("the owner", NOON, "a test"))
    return [_person(ports, channel, number) for number in range(MESSAGES)]


def _person(ports: Ports, channel: str, number: int) -> Received:
    viewer, name = f"u{number}", f"r{number}"
    # Everybody has addresses of their own: a shared one would be capped.
    own = {"email": f"u{number}@example.com", "phone": f"+861380{number:07d}", "push_token": f"{number:064x}",
           "wechat_openid": f"o{number}", "wecom_external_userid": f"w{number}", "push_platform": "Android",
           "name": "Lan"}  # fmt: skip
    traits = {key: said(value) for key, value in own.items()}
    agreed = {"marketing:all": {viewer: granted()}}
    head = Head.model_validate({"viewer": viewer, "traits": traits, "consent": agreed})
    openid = head.trait("wechat_openid")
    head = subscriptions.with_accepts(head, [subscriptions.accept("t", NOON - HOUR, viewer, openid)])
    row = Reminder(
        id=name, viewer=viewer, playbook="cost", playbook_version=1, step="only", about="show#s1", show="s1", host="h1",
        channel=channel, message_class="marketing", template="cost", locale="en", zone="Asia/Shanghai",
        created=NOON - HOUR, reference=NOON - HOUR, due=NOON - MINUTE, deadline=NOON + DAY,
    )  # fmt: skip
    ports.store.commit([Put(keys.head(viewer), head.body(), None)])
    ports.store.commit([Put(keys.reminder(viewer, name), row.body(), None)])
    body = json.dumps({"viewer": viewer, "reminder": name, "due": row.due, "channel": channel})
    return Received(name, name, body, "arn:aws:sqs:eu-central-1:123456789012:queue")


@pytest.mark.parametrize("channel", [name for name in ADDRESSES if name != "file"])
def test_a_thousand_messages(channel: str, stub: tuple[QueriedStub, int], capsys: pytest.CaptureFixture[str]) -> None:
    counted, port = stub
    ports = shop(port, channel)
    messages = fill(ports, channel)
    # A warm function: the shared items are remembered, and connections are open.
    warm, rest = messages[:BATCH], messages[BATCH:]
    _sent(ports, warm)
    counted.calls = Counter()
    began = time.thread_time()
    for first in range(0, len(rest), BATCH):
        _sent(ports, rest[first : first + BATCH])
    cpu = (time.thread_time() - began) / len(rest)
    calls = {name: number * 1000 / len(rest) for name, number in sorted(counted.calls.items())}
    outcomes = Counter((row.outcome, row.reason) for row in (Reminder.read(item.body) for item in _rows(ports)))
    with capsys.disabled():
        listed = ", ".join(f"{number:,.0f} {name}" for name, number in calls.items())
        sys.stdout.write(
            f"\n1,000 messages by {channel}: {sum(calls.values()):,.0f} AWS calls ({listed}); {cpu * 1000:,.2f} s CPU\n"
        )
    assert outcomes == {("sent", "sent"): MESSAGES}
    assert calls["TransactWriteItems"] == calls["PutItem"] == 1000
    assert sum(calls.values()) <= 12_000


def _sent(ports: Ports, messages: list[Received]) -> None:
    pace = Pace(ports)
    assert work_off(ports, messages, lambda message: send(message, ports, pace)) == {"batchItemFailures": []}
    pace.rest()


def _rows(ports: Ports) -> list[Any]:
    return list(ports.store.get_many(keys.reminder(f"u{number}", f"r{number}") for number in range(MESSAGES)).values())
