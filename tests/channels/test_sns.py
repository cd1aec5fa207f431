"""Text messages and notifications by Amazon SNS: what goes over the wire, and what every answer means."""

from __future__ import annotations

import json

import pytest

from aftershow.adapters import sns_push, sns_sms
from aftershow.adapters.providers import Outside
from aftershow.model.messages import Push, Sms
from aftershow.model.settings import Settings
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Channel, Declined, Outgoing
from tests.channels.conftest import Clients
from tests.channels.stub import Reply, Request, nobody_listens, stubbed

TAGS = {"viewer": "u1", "reminder": "r1", "attempt": "1"}
TEXT = Outgoing("+8613812345678", Sms("看回放 https://shop.example/c/x"), {}, TAGS)
APPS = "arn:aws:sns:eu-central-1:123456789012:app"
OPTIONS = {"sender_id": "TEA", "max_price": "0.10", "ios": f"{APPS}/APNS/tea", "android": f"{APPS}/GCM/tea"}
ENDPOINT = "arn:aws:sns:eu-central-1:123456789012:endpoint/APNS/tea/5e3e9847"
BAD = "Invalid parameter:"
PUSH = Push("您挑的还在", "看回放", "https://shop.example/c/x", "https://shop.example/tea.jpg")
ON_IOS = Outgoing("token-1", PUSH, {}, TAGS, platform="iOS")
ON_ANDROID = Outgoing("token-1", PUSH, {}, TAGS, platform="android")


def xml(action: str, inside: str) -> Reply:
    space = 'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'
    return Reply(
        body=f"<{action}Response {space}><{action}Result>{inside}</{action}Result></{action}Response>".encode()
    )


def refused(code: str, words: str = "to +8613812345678", status: int = 400) -> Reply:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>"
    space = 'xmlns="http://sns.amazonaws.com/doc/2010-03-31/"'
    return Reply(status, f"<ErrorResponse {space}>{error}<RequestId>1</RequestId></ErrorResponse>".encode())


TAKEN = xml("Publish", "<MessageId>sns-1</MessageId>")
MADE = xml("CreatePlatformEndpoint", f"<EndpointArn>{ENDPOINT}</EndpointArn>")
UNCLEAR = [
    (refused("InternalError", status=500), Ambiguous("InternalError")),
    (Reply(500), Ambiguous("500")),
    (Reply(hangs=True), Ambiguous("ReadTimeoutError")),
    (Reply(hangs_up=True), Ambiguous("ConnectionClosedError")),
    (Reply(body=b"not xml"), Ambiguous("unreadable_answer")),
    (Reply(), Ambiguous("unreadable_answer")),
    (Reply(body=refused("Throttling").body), Ambiguous("unreadable_answer")),
    (xml("Publish", ""), Ambiguous("no_message_id")),
]
REFUSED = [
    (refused("Throttling"), Declined("throttled", 60)),
    (refused("Throttled", status=429), Declined("throttled", 60)),
    (refused("AuthorizationError", status=403), Declined("AuthorizationError", 3600)),
    (refused("KMSDisabled"), Declined("KMSDisabled", 3600)),
]


def outside(clients: Clients, url: str, **options: str) -> Outside:
    return Outside(Settings(), options or OPTIONS, lambda service: clients.client(service, url), lambda: 0, str)


def sent(clients: Clients, message: Outgoing, *replies: Reply) -> tuple[Answer, list[Request]]:
    with stubbed(*replies) as stub:
        made = sns_sms.make if isinstance(message.content, Sms) else sns_push.make
        channel: Channel = made(outside(clients, stub.url))
        answer = channel.send(message)
    return answer, stub.requests


def attributes(form: dict[str, str]) -> dict[str, str]:
    names = {key: value for key, value in form.items() if key.endswith(".Name")}
    return {name: form[key.replace(".Name", ".Value.StringValue")] for key, name in names.items()}


def test_a_text_goes_to_the_number_with_its_purpose(clients: Clients) -> None:
    answer, [request] = sent(clients, TEXT, TAKEN)
    assert answer == Accepted("sns-1")
    form = request.form
    assert (form["Action"], form["PhoneNumber"], form["Message"]) == ("Publish", TEXT.address, TEXT.content.text)  # type: ignore[union-attr]
    assert attributes(form) == {
        "AWS.SNS.SMS.SMSType": "Promotional", "AWS.SNS.SMS.SenderID": "TEA", "AWS.SNS.SMS.MaxPrice": "0.10",
    }  # fmt: skip
    service = Outgoing(TEXT.address, TEXT.content, {}, TAGS, message_class="service")
    assert attributes(sent(clients, service, TAKEN)[1][0].form)["AWS.SNS.SMS.SMSType"] == "Transactional"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [*UNCLEAR, *REFUSED, *((refused(code), verdict.answer()) for code, verdict in sns_sms.VERDICTS.items())],
)
def test_every_answer_to_a_text_means_one_thing(clients: Clients, reply: Reply, answer: Answer) -> None:
    told, requests = sent(clients, TEXT, reply, TAKEN)
    assert (told, len(requests)) == (answer, 1)


def test_a_text_has_a_largest_size_and_needs_a_connection(clients: Clients) -> None:
    assert sent(clients, Outgoing("+86", Sms("茶" * 534)))[0] == Declined("too_long")
    nowhere = f"http://127.0.0.1:{nobody_listens()}"
    assert sns_sms.make(outside(clients, nowhere)).send(TEXT) == Declined("no_connection", 60)
    assert sns_push.make(outside(clients, nowhere)).send(ON_IOS) == Declined("no_connection", 60)
    assert sns_push.make(outside(clients, nowhere)).send(TEXT) == Declined("not_a_notification")


def test_a_notification_on_apples_way(clients: Clients) -> None:
    answer, [making, publishing] = sent(clients, ON_IOS, MADE, TAKEN)
    assert answer == Accepted("sns-1")
    assert making.form["Action"] == "CreatePlatformEndpoint"
    assert (making.form["PlatformApplicationArn"], making.form["Token"]) == (OPTIONS["ios"], "token-1")
    form = publishing.form
    assert (form["Action"], form["TargetArn"], form["MessageStructure"]) == ("Publish", ENDPOINT, "json")
    said = json.loads(form["Message"])
    assert said["default"] == "看回放"
    assert json.loads(said["APNS"]) == {
        "aps": {"alert": {"title": "您挑的还在", "body": "看回放"}, "sound": "default", "mutable-content": 1},
        "link": "https://shop.example/c/x", "picture": "https://shop.example/tea.jpg", "reminder": "r1",
    }  # fmt: skip
    assert attributes(form)["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"] == "r1"
    assert attributes(form)["AWS.SNS.MOBILE.APNS.PUSH_TYPE"] == "alert"


def test_a_sandbox_of_apples_gets_its_own_form(clients: Clients) -> None:
    with stubbed(MADE, TAKEN) as stub:
        options = {"ios": f"{APPS}/APNS_SANDBOX/tea"}
        assert sns_push.make(outside(clients, stub.url, **options)).send(ON_IOS) == Accepted("sns-1")
    said = json.loads(stub.requests[1].form["Message"])
    assert said.keys() == {"default", "APNS_SANDBOX"}


def test_a_notification_on_googles_way(clients: Clients) -> None:
    answer, [making, publishing] = sent(clients, ON_ANDROID, MADE, TAKEN)
    assert answer == Accepted("sns-1")
    assert making.form["PlatformApplicationArn"] == OPTIONS["android"]
    message = json.loads(json.loads(publishing.form["Message"])["GCM"])["fcmV1Message"]["message"]
    assert message["notification"] == {"title": PUSH.title, "body": PUSH.text, "image": PUSH.picture}
    assert message["data"] == {"link": PUSH.link, "picture": PUSH.picture, "reminder": "r1"}
    assert message["android"]["collapse_key"] == "r1"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [*UNCLEAR, *REFUSED, *((refused(code), verdict.answer()) for code, verdict in sns_push.VERDICTS.items())],
)
def test_every_answer_to_a_notification_means_one_thing(clients: Clients, reply: Reply, answer: Answer) -> None:
    told, requests = sent(clients, ON_IOS, MADE, reply, TAKEN)
    assert (told, len(requests)) == (answer, 2)


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (refused("InvalidParameter", f"{BAD} Token Reason: hexadecimal"), Declined("bad_token", gives_up_address=True)),
        (refused("InvalidParameter", f"{BAD} PlatformApplicationArn Reason: x"), Declined("no_application", 3600)),
        (refused("NotFound", status=404), Declined("no_application", 3600)),
        (refused("PlatformApplicationDisabled"), Declined("application_disabled", 3600)),
        (refused("InternalError", status=500), Declined("InternalError", 60)),
        (Reply(hangs=True), Declined("ReadTimeoutError", 60)),
        (Reply(), Declined("unreadable_answer", 60)),
        (xml("CreatePlatformEndpoint", ""), Declined("no_endpoint", 60)),
        *REFUSED,
    ],
)  # fmt: skip
def test_without_an_endpoint_nothing_was_sent(clients: Clients, reply: Reply, answer: Answer) -> None:
    told, requests = sent(clients, ON_IOS, reply, TAKEN)
    assert (told, len(requests)) == (answer, 1)


def test_a_token_that_another_system_registered_keeps_its_endpoint(clients: Clients) -> None:
    words = f"{BAD} Token Reason: Endpoint {ENDPOINT} already exists with the same Token, but different attributes."
    answer, [_, publishing] = sent(clients, ON_IOS, refused("InvalidParameter", words), TAKEN)
    assert (answer, publishing.form["TargetArn"]) == (Accepted("sns-1"), ENDPOINT)


def test_a_platform_without_an_application_and_a_large_payload_are_refused(clients: Clients) -> None:
    assert sent(clients, Outgoing("token-1", PUSH, {}, TAGS, platform="HarmonyOS")) == (
        Declined("no_application_for_platform"), [],
    )  # fmt: skip
    large = Outgoing("token-1", Push("t", "茶" * 1400, "https://shop.example"), {}, TAGS, platform="iOS")
    assert sent(clients, large) == (Declined("too_large"), [])


@pytest.mark.parametrize("options", [{"ios": "arn:aws:sns:eu-central-1:1:topic"}, {"sender_id": "TEA"}])
def test_options_that_name_no_application_are_refused(clients: Clients, options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="sns needs"):
        sns_push.make(outside(clients, "http://127.0.0.1:1", **options))
