"""E-mail by SES v2: what goes over the wire, and what every answer means."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from aftershow.adapters import ses
from aftershow.adapters.mime import Letterhead
from aftershow.model.messages import Email, Sms
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing
from tests.channels.conftest import Clients
from tests.channels.stub import Reply, nobody_listens, stubbed

TAKEN = Reply(body=b'{"MessageId": "ses-1"}')
MESSAGE = Outgoing(
    address="lan@example.com",
    content=Email("您挑的还在", "看回放\n", "<p>看回放</p>\n"),
    headers={"List-Unsubscribe": "<https://shop.example/u/x>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    tags={"viewer": "u1", "reminder": "r1", "attempt": "2"},
)
LETTERHEAD = Letterhead("shop@tea.example", "Lan's 茶", lambda: 1_772_800_000_000)


def sent(clients: Clients, *replies: Reply, message: Outgoing = MESSAGE) -> tuple[Answer, list[Any]]:
    """The answer, and the bodies that came."""
    with stubbed(*replies) as stub:
        answer = ses.SesChannel(clients.client("sesv2", stub.url), LETTERHEAD, "aftershow").send(message)
    assert [one.path for one in stub.requests] == ["/v2/email/outbound-emails"] * len(stub.requests)
    return answer, [json.loads(one.body) for one in stub.requests]


def refused(status: int, code: str) -> Reply:
    return Reply(status, b'{"message": "to lan@example.com: no"}', {"x-amzn-ErrorType": code})


def test_the_request_is_one_raw_mail_with_the_tags_that_its_events_repeat(clients: Clients) -> None:
    answer, [request] = sent(clients, TAKEN)
    assert answer == Accepted("ses-1")
    assert request["FromEmailAddress"] == "shop@tea.example"
    assert request["Destination"] == {"ToAddresses": ["lan@example.com"]}
    assert request["ConfigurationSetName"] == "aftershow"
    assert {one["Name"]: one["Value"] for one in request["EmailTags"]} == MESSAGE.tags
    mail = message_from_bytes(base64.b64decode(request["Content"]["Raw"]["Data"]), EmailMessage, policy=policy.default)
    assert mail["Subject"] == "您挑的还在"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (refused(400, "BadRequestException"), Declined("bad_request")),
        (refused(400, "MessageRejected"), Declined("message_rejected")),
        (refused(429, "TooManyRequestsException"), Declined("throttled", 60)),
        (refused(400, "ThrottlingException"), Declined("throttled", 60)),
        (refused(400, "LimitExceededException"), Declined("LimitExceededException", 3600)),
        (refused(400, "AccountSuspendedException"), Declined("AccountSuspendedException", 3600)),
        (refused(400, "SendingPausedException"), Declined("SendingPausedException", 3600)),
        (refused(400, "MailFromDomainNotVerifiedException"), Declined("MailFromDomainNotVerifiedException", 3600)),
        (refused(404, "NotFoundException"), Declined("NotFoundException", 3600)),
        (refused(403, "AccessDeniedException"), Declined("AccessDeniedException", 3600)),
        (refused(500, "InternalServiceErrorException"), Ambiguous("InternalServiceErrorException")),
        (Reply(500), Ambiguous("500")),
        (Reply(503, b"<html>busy</html>"), Ambiguous("503")),
        (Reply(hangs=True), Ambiguous("ReadTimeoutError")),
        (Reply(hangs_up=True), Ambiguous("ConnectionClosedError")),
        (Reply(body=b"<html>a proxy says hello</html>"), Ambiguous("no_message_id")),
        (Reply(body=b'{"message": "something went wrong"}'), Ambiguous("no_message_id")),
        (Reply(body=b""), Ambiguous("no_message_id")),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Declined | Ambiguous) else "",
)
def test_every_answer_means_one_thing_and_is_asked_for_once(clients: Clients, reply: Reply, answer: Answer) -> None:
    told, requests = sent(clients, reply, TAKEN)
    assert (told, len(requests)) == (answer, 1)


def test_nothing_was_sent_where_nobody_listens(clients: Clients) -> None:
    client = clients.client("sesv2", f"http://127.0.0.1:{nobody_listens()}")
    assert ses.SesChannel(client, LETTERHEAD).send(MESSAGE) == Declined("no_connection", 60)


def test_what_is_no_mail_is_refused_before_anything_is_sent(clients: Clients) -> None:
    assert sent(clients, message=Outgoing("lan@example.com", Sms("hello"))) == (Declined("not_an_email"), [])
    twice = Outgoing("lan@example.com, eve@example.com", MESSAGE.content, {}, MESSAGE.tags)
    assert sent(clients, message=twice) == (Declined("address_not_mailable"), [])
