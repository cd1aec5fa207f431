"""Providers' reports in the shapes that they document, read by declared tables; what is none is refused."""

from __future__ import annotations

from typing import Any

import pytest

from aftershow.model.instants import parse_instant
from aftershow.rules import receipts
from aftershow.rules.receipts import Receipt, e164

VIEWER, REMINDER = "u" + "a" * 16, "r" + "b" * 16
TAGS = {"viewer": [VIEWER], "reminder": [REMINDER], "attempt": ["2"], "ses:configuration-set": ["aftershow"]}


def ses(kind: str, **detail: Any) -> dict[str, Any]:
    return {
        "source": "aws.ses", "detail-type": f"Email {kind}", "time": "2026-03-06T04:00:00Z",
        "detail": {"eventType": kind, "mail": {"messageId": "m1", "tags": TAGS}, **detail},
    }  # fmt: skip


@pytest.mark.parametrize(("event", "word"), [
    (ses("Send"), "accepted"),
    (ses("Delivery"), "delivered"),
    (ses("DeliveryDelay", deliveryDelay={"delayType": "MailboxFull"}), "delayed"),
    (ses("Bounce", bounce={"bounceType": "Permanent"}), "bounced"),
    (ses("Bounce", bounce={"bounceType": "Transient"}), "soft_bounced"),
    (ses("Bounce", bounce={"bounceType": "Undetermined"}), "soft_bounced"),
    (ses("Complaint"), "complained"),
    (ses("Reject"), "rejected"),
    (ses("Rendering Failure"), "rejected"),
    (ses("Open", open={"userAgent": "Mozilla/5.0 (iPhone) Mobile"}), "opened"),
    (ses("Open", open={"userAgent": "Mozilla/5.0"}), "machine_opened"),
    (ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": True}}), "unsubscribed"),
])  # fmt: skip
def test_ses(event: dict[str, Any], word: str) -> None:
    read = receipts.of_ses(event)
    assert read == Receipt(
        channel="email", at=parse_instant("2026-03-06T04:00:00Z"), word=word, viewer=VIEWER, reminder=REMINDER,  # type: ignore[arg-type]
        attempt=2, provider_id="m1",
    )  # fmt: skip


def test_a_click_at_ses_is_a_link_that_was_followed() -> None:
    read = receipts.of_ses(ses("Click", click={"userAgent": "Barracuda"}))
    assert read is not None
    assert (read.word, read.link, read.machine) == (None, "0", True)


@pytest.mark.parametrize("event", [
    ses("Subscription", subscription={"newTopicPreferences": {"unsubscribeAll": False}}),
    ses("Something New"),
    {**ses("Send"), "detail": {"eventType": "Send", "mail": {"tags": {}}}},
])  # fmt: skip
def test_what_says_nothing_of_a_message_of_ours_is_not_heard(event: dict[str, Any]) -> None:
    assert receipts.of_ses(event) is None


def sms(kind: str, context: dict[str, str] | None) -> dict[str, Any]:
    detail = {
        "eventType": kind, "eventVersion": "1.0", "eventTimestamp": 1772769600000, "isFinal": True,
        "destinationPhoneNumber": "+8613900001234", "messageId": "862a8790", "context": context,
    }  # fmt: skip
    return {"source": "aws.sms-voice", "detail-type": "Text Message Delivery Status Updated", "detail": detail}


OURS = {"viewer": VIEWER, "reminder": REMINDER, "attempt": "1"}


@pytest.mark.parametrize(("kind", "word"), [
    ("TEXT_QUEUED", "accepted"), ("TEXT_SUCCESSFUL", "delivered"), ("TEXT_DELIVERED", "delivered"),
    ("TEXT_INVALID", "bounced"), ("TEXT_UNREACHABLE", "soft_bounced"), ("TEXT_BLOCKED", "soft_bounced"),
    ("TEXT_CARRIER_BLOCKED", "rejected"), ("TEXT_SPAM", "rejected"), ("TEXT_TTL_EXPIRED", "soft_bounced"),
])  # fmt: skip
def test_aws_sms(kind: str, word: str) -> None:
    read = receipts.of_aws_sms(sms(kind, OURS))
    assert read is not None
    assert (read.word, read.viewer, read.reminder, read.attempt) == (word, VIEWER, REMINDER, 1)
    assert (read.provider_id, read.at) == ("862a8790", 1772769600000)


def test_messages_of_others_in_the_account_are_not_heard() -> None:
    assert receipts.of_aws_sms(sms("TEXT_DELIVERED", None)) is None
    assert receipts.of_aws_sms(sms("TEXT_UNKNOWN", OURS)) is None


ALIYUN = {
    "phone_number": "13900001234", "send_time": "2026-03-06 12:00:00", "report_time": "2026-03-06 12:00:05",
    "success": True, "err_code": "DELIVERED", "err_msg": "", "sms_size": "1", "biz_id": "900619746936498440^0",
    "out_id": REMINDER,
}  # fmt: skip
TENCENT = {
    "user_receive_time": "2026-03-06 12:00:05", "nationcode": "86", "mobile": "13900001234", "report_status": "SUCCESS",
    "errmsg": "DELIVRD", "description": "", "sid": "8:abc",
}  # fmt: skip


def test_chinese_receipts_are_in_the_time_of_beijing() -> None:
    at = parse_instant("2026-03-06T12:00:05+08:00")
    assert receipts.of_aliyun(ALIYUN) == Receipt(
        channel="sms", at=at, word="delivered", reminder=REMINDER, provider_id="900619746936498440^0",
        address="+8613900001234",
    )  # fmt: skip
    assert receipts.of_tencent(TENCENT) == Receipt(
        channel="sms", at=at, word="delivered", provider_id="8:abc", address="+8613900001234"
    )


@pytest.mark.parametrize(("code", "word"), [
    ("MOBILE_NUMBER_ILLEGAL", "bounced"), ("MK:0001", "soft_bounced"), ("UNDELIV", "soft_bounced"),
    ("", "soft_bounced"),
    ("REJECTD", "rejected"), ("MBBLACK", "rejected"), ("MOBILE_IN_BLACK", "rejected"), ("CONTENT_KEYWORD", "rejected"),
])  # fmt: skip
def test_why_a_chinese_message_failed(code: str, word: str) -> None:
    assert receipts.of_aliyun({**ALIYUN, "success": False, "err_code": code}).word == word
    assert receipts.of_tencent({**TENCENT, "report_status": "FAIL", "errmsg": code}).word == word


@pytest.mark.parametrize("entry", [{}, {**ALIYUN, "report_time": "yesterday"}, {"phone_number": None}])
def test_what_is_no_receipt_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        receipts.of_aliyun(entry)


@pytest.mark.parametrize(("written", "code", "read"), [
    ("13900001234", "", "+8613900001234"), ("8613900001234", "", "+8613900001234"),
    ("+8613900001234", "", "+8613900001234"), ("13900001234", "86", "+8613900001234"),
    ("2065550152", "1", "+12065550152"), ("+1 206-555-0152", "", "+12065550152"),
    ("852000012345", "", "+852000012345"),
])  # fmt: skip
def test_numbers_in_the_form_in_which_messages_are_sent(written: str, code: str, read: str) -> None:
    assert e164(written, code) == read


def test_replies() -> None:
    aws = {
        "originationNumber": "+12065550152", "destinationNumber": "+12065550100", "messageKeyword": "STOP",
        "messageBody": "Stop", "inboundMessageId": "i1", "previousPublishedMessageId": "p1",
    }  # fmt: skip
    read = receipts.reply_of_aws(aws, 7)
    assert (read.id, read.address, read.text, read.at) == ("i1", "+12065550152", "Stop", 7)
    up = {"phone_number": "13900001234", "content": "TD", "send_time": "2026-03-06 12:00:05", "dest_code": "1234",
          "sequence_id": "77"}  # fmt: skip
    assert receipts.reply_of_aliyun(up).at == parse_instant("2026-03-06T12:00:05+08:00")
    said = {"extend": "", "mobile": "13900001234", "nationcode": "86", "sign": "x", "text": "T", "time": 1772769605}
    assert receipts.reply_of_tencent(said).at == 1772769605000
