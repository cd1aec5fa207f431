"""Text messages by AWS End User Messaging: what goes over the wire, and what every answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aftershow.adapters import aws_sms
from aftershow.adapters.providers import Outside
from aftershow.model.messages import Push, Sms
from aftershow.model.settings import Settings
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing
from tests.channels.conftest import Clients
from tests.channels.stub import Reply, nobody_listens, stubbed

OPTIONS = {"origination_identity": "pool-1", "configuration_set": "aftershow", "max_price": "0.10"}
TAGS = {"viewer": "u1", "reminder": "r1", "attempt": "1"}
MESSAGE = Outgoing("+8613812345678", Sms("看回放 https://shop.example/c/x 拒收请回复R"), {}, TAGS)
TAKEN = Reply(body=b'{"MessageId": "sms-1"}')


def channel(clients: Clients, url: str) -> aws_sms.AwsSms:
    return aws_sms.make(Outside(Settings(), OPTIONS, lambda service: clients.client(service, url), lambda: 0, str))


def sent(clients: Clients, *replies: Reply, message: Outgoing = MESSAGE) -> tuple[Answer, list[Any]]:
    with stubbed(*replies) as stub:
        answer = channel(clients, stub.url).send(message)
    targets = {one.headers["x-amz-target"] for one in stub.requests}
    assert targets <= {"PinpointSMSVoiceV2.SendTextMessage"}
    return answer, [json.loads(one.body) for one in stub.requests]


def refused(key: str, status: int = 400) -> Reply:
    code, _, reason = key.partition(":")
    said = {"__type": f"com.amazonaws.pinpointsmsvoicev2#{code}", "Message": "to +8613812345678"}
    return Reply(status, json.dumps(said | ({"Reason": reason} if reason else {})).encode())


def test_the_request_names_sender_purpose_price_and_whose_reminder_it_is(clients: Clients) -> None:
    answer, [request] = sent(clients, TAKEN)
    assert answer == Accepted("sms-1")
    assert request == {
        "DestinationPhoneNumber": "+8613812345678",
        "MessageBody": "看回放 https://shop.example/c/x 拒收请回复R",
        "MessageType": "PROMOTIONAL",
        "Context": TAGS,
        "OriginationIdentity": "pool-1",
        "ConfigurationSetName": "aftershow",
        "MaxPrice": "0.10",
    }
    service = Outgoing(MESSAGE.address, MESSAGE.content, {}, TAGS, message_class="service")
    assert sent(clients, TAKEN, message=service)[1][0]["MessageType"] == "TRANSACTIONAL"


@pytest.mark.parametrize("key", aws_sms.VERDICTS)
def test_every_line_of_the_table_is_reached_by_its_own_answer(clients: Clients, key: str) -> None:
    answer, requests = sent(clients, refused(key), TAKEN)
    assert (answer, len(requests)) == (aws_sms.VERDICTS[key].answer(), 1)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (refused("ConflictException:RESOURCE_NOT_ACTIVE"), Declined("ConflictException", 3600)),
        (refused("ValidationException:SOMETHING_NEW"), Declined("bad_request")),
        (refused("ThrottlingException"), Declined("throttled", 60)),
        (refused("AccessDeniedException:ACCOUNT_DISABLED"), Declined("AccessDeniedException", 3600)),
        (refused("ResourceNotFoundException"), Declined("ResourceNotFoundException", 3600)),
        (refused("InternalServerException", 500), Ambiguous("InternalServerException")),
        (Reply(500), Ambiguous("500")),
        (Reply(hangs=True), Ambiguous("ReadTimeoutError")),
        (Reply(hangs_up=True), Ambiguous("ConnectionClosedError")),
        (Reply(body=b"<html>"), Ambiguous("no_message_id")),
        (Reply(body=b'{"__type": "ThrottlingException"}'), Ambiguous("no_message_id")),
        (Reply(), Ambiguous("no_message_id")),
    ],
)
def test_what_stands_in_no_table_is_the_owners_or_unclear(clients: Clients, reply: Reply, answer: Answer) -> None:
    told, requests = sent(clients, reply, TAKEN)
    assert (told, len(requests)) == (answer, 1)


def test_nothing_was_sent_where_nobody_listens_or_nothing_can_be_sent(clients: Clients) -> None:
    nowhere = channel(clients, f"http://127.0.0.1:{nobody_listens()}")
    assert nowhere.send(MESSAGE) == Declined("no_connection", 60)
    assert sent(clients, message=Outgoing("+86", Push("t", "x", ""))) == (Declined("not_a_text_message"), [])
    assert sent(clients, message=Outgoing("+86", Sms("茶" * 1601))) == (Declined("too_long"), [])
    # The SDK refuses an empty text by the service's own description.
    assert sent(clients, message=Outgoing("+8613812345678", Sms(""))) == (Declined("not_sendable"), [])


def test_a_shop_says_who_sends() -> None:
    with pytest.raises(ValueError, match="aws needs its options origination_identity"):
        aws_sms.make(Outside(Settings(), {"max_price": "0.10"}, lambda _: None, lambda: 0, str))
