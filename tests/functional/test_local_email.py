"""The local SES takes what the real adapter sends, and reports what became of it."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Outgoing
from aftershow.ports.queues import Message
from infra.local.host import LocalHost
from tests.functional.tiny import START, tiny_host

MAIL = """
    from aftershow.model.messages import Email
    from aftershow.ports.channels import Outgoing

    def handle(event, context, ports):
        for record in event["Records"]:
            answer = ports.channels["email"].send(Outgoing(
                address=record["body"], content=Email(subject="回放", html="<p>茶</p>", text="茶"),
                headers={"List-Unsubscribe": "<https://shop.example/u/x>"},
                tags={"reminder": "r1", "attempt": "1"},
            ))
            ports.log.info("sent", provider_id=answer.provider_id)
"""


def mailed(folder: Path, address: str) -> LocalHost:
    """A host that has sent one message and waited for what SES says."""
    host = tiny_host(folder, {"worker": MAIL})
    host.ports("worker").queues.send("WorkQueue", [Message(address)])
    host.advance(10 * 60_000)
    return host


def reports(host: LocalHost) -> list[dict[str, Any]]:
    """What came over the default bus, through the rule for our configuration set."""
    return [json.loads(message.body) for message in host.queues.waiting("CopyQueue")]


def test_a_message_is_kept_as_it_was_sent(tmp_path: Path) -> None:
    """With the headers and tags that the provider would see."""
    [message] = mailed(tmp_path, "lan@example.com").mailbox
    assert message.address == "lan@example.com"
    assert (message.subject, message.html.strip(), message.text.strip()) == ("回放", "<p>茶</p>", "茶")
    assert message.headers["List-Unsubscribe"] == "<https://shop.example/u/x>"
    assert message.tags == {"reminder": "r1", "attempt": "1"}
    assert message.time == START
    assert parsedate_to_datetime(message.headers["Date"]).timestamp() * 1000 == START


@pytest.mark.parametrize(
    ("address", "fate"),
    [
        ("lan@example.com", ["Email Sent", "Email Delivered"]),
        ("bounce+lan@example.com", ["Email Sent", "Email Bounced"]),
        (
            "complaint+lan@example.com",
            ["Email Sent", "Email Delivered", "Email Complaint Received"],
        ),
    ],
)
def test_what_becomes_of_a_message_follows_from_its_address(tmp_path: Path, address: str, fate: list[str]) -> None:
    """Each report names the message and repeats its tags."""
    host = mailed(tmp_path, address)
    [message] = host.mailbox
    assert [report["detail-type"] for report in reports(host)] == fate
    for report in reports(host):
        assert report["source"] == "aws.ses"
        mail = report["detail"]["mail"]
        assert mail["messageId"] == message.id
        assert mail["destination"] == [address]
        assert mail["tags"]["reminder"] == ["r1"]
        kind = report["detail"]["eventType"]
        assert kind.lower() in report["detail"]
    if "bounce" in address:
        bounce = reports(host)[1]["detail"]["bounce"]
        assert bounce["bounceType"] == "Permanent"
        assert bounce["bouncedRecipients"][0]["emailAddress"] == address


def test_without_a_configuration_set_nothing_is_reported(tmp_path: Path) -> None:
    """As SES does it."""
    host = tiny_host(tmp_path)
    channel = host.ports("web").channels["email"]
    answer = channel.send(Outgoing("a@example.com", Email("s", "t", "h")))
    assert isinstance(answer, Accepted)
    host.advance(60_000)
    assert len(host.mailbox) == 1
    assert reports(host) == []


def test_a_mailbox_is_a_sequence(tmp_path: Path) -> None:
    """Of any length, since its messages stand in the state."""
    host = tiny_host(tmp_path)
    channel = host.ports("web").channels["email"]
    for place in range(12):
        channel.send(Outgoing(f"{place}@example.com", Email("s", "t", "h")))
    assert len(host.mailbox) == 12
    assert host.mailbox[-1].address == "11@example.com"
    assert [each.address for each in host.mailbox[2:4]] == ["2@example.com", "3@example.com"]
    assert [each.address for each in host.mailbox][:2] == ["0@example.com", "1@example.com"]
    assert len({each.id for each in host.mailbox}) == 12
    with pytest.raises(IndexError):
        host.mailbox[12]


def test_a_raw_message_is_read(tmp_path: Path) -> None:
    """MIME as another adapter may hand it over."""
    host = tiny_host(tmp_path)
    raw = (
        b"Subject: hello\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--b--\r\n"
    )
    host.ses.send_email(
        FromEmailAddress="shop@example.com",
        Destination={"ToAddresses": ["a@example.com"]},
        Content={"Raw": {"Data": raw}},
    )
    [message] = host.mailbox
    assert (message.subject, message.text.strip(), message.html.strip()) == (
        "hello",
        "plain",
        "<p>rich</p>",
    )
