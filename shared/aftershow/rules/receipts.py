"""What providers report about messages, and the replies that they pass on, read into one form, each by a declared table
of its words.

Sources, as of 2026-11-29: Amazon SES developer guide, "Examples of event data" (over EventBridge); AWS End User
Messaging SMS user guide, "Event types" and "Example event data"; Aliyun SMS, "SmsReport" and "SmsUp"; Tencent Cloud
SMS, "SMS Sending Status Notification" and "SMS Reply". Words that say nothing about a message are in no table, and are
not heard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aftershow.model.instants import SECOND, parse_instant
from aftershow.rules.bots import made_by_machine
from aftershow.rules.feedback import BUTTON, Word
from aftershow.rules.replies import Reply

# SES, by its own names and by those of EventBridge. Bounces, opens and clicks need a second look.
_SES: dict[str, Word] = {
    "Send": "accepted",
    "Email Sent": "accepted",
    "Delivery": "delivered",
    "Email Delivered": "delivered",
    "DeliveryDelay": "delayed",
    "Email Delivery Delayed": "delayed",
    "Bounce": "bounced",
    "Email Bounced": "bounced",
    "Complaint": "complained",
    "Email Complaint Received": "complained",
    "Reject": "rejected",
    "Email Rejected": "rejected",
    "Rendering Failure": "rejected",
    "Email Rendering Failed": "rejected",
    "Open": "opened",
    "Email Opened": "opened",
    "Subscription": "unsubscribed",
    "Email Subscribed": "unsubscribed",
}
_SES_CLICKS = frozenset({"Click", "Email Clicked"})

# AWS End User Messaging: where a carrier can't tell for now, the number may be good another time.
_AWS_SMS: dict[str, Word] = {
    "TEXT_QUEUED": "accepted",
    "TEXT_SENT": "accepted",
    "TEXT_PENDING": "accepted",
    # Which of the two comes depends on the country.
    "TEXT_SUCCESSFUL": "delivered",
    "TEXT_DELIVERED": "delivered",
    "TEXT_INVALID": "bounced",
    "TEXT_UNREACHABLE": "soft_bounced",
    "TEXT_CARRIER_UNREACHABLE": "soft_bounced",
    "TEXT_TTL_EXPIRED": "soft_bounced",
    # The telephone or its carrier lets nothing of ours through.
    "TEXT_BLOCKED": "soft_bounced",
    "TEXT_CARRIER_BLOCKED": "rejected",
    "TEXT_PROTECT_BLOCKED": "rejected",
    "TEXT_INVALID_MESSAGE": "rejected",
    "TEXT_SPAM": "rejected",
}

# What Chinese receipts give as the reason of a failure, by how it begins. Most of it (MK:0001, UNDELIV, EXPIRED) may be
# a number that is gone, or a telephone that was off: whatever isn't here failed for this time, and several in a row
# give the number up.
_FAILURES: dict[str, Word] = {
    "MOBILE_NUMBER_ILLEGAL": "bounced",
    "INVALID_NUMBER": "bounced",
    "PHONEERR": "bounced",
    # The carrier's or the person's blacklist; words or a signature that aren't let through.
    "MOBILE_IN_BLACK": "rejected",
    "USER_REJECT": "rejected",
    "BLACK": "rejected",
    "MBBLACK": "rejected",
    "BLOCKED": "rejected",
    "REJECT": "rejected",
    "KEYWORD": "rejected",
    "CONTENT": "rejected",
    "SIGN": "rejected",
}

# Both vendors write the time of Beijing, without saying so.
_BEIJING = "+08:00"
# China's numbers: eleven digits from 1.
_CHINESE_MOBILE = re.compile(r"(?:\+?86)?(1[0-9]{10})")
# How the id of a reminder looks.
_REMINDER = re.compile(r"\br[a-z2-7]{16}\b")


@dataclass(frozen=True, slots=True)
class Receipt:
    """A provider's word about one message, `at` epoch milliseconds. It is found by our own ids where the provider
    repeats both, else by the one or by the provider's own id among what was last sent to `address`. `link`: which link
    was followed."""

    channel: str
    at: int
    word: Word | None = None
    link: str | None = None
    machine: bool = False
    viewer: str | None = None
    reminder: str | None = None
    # Which attempt it is about, where the provider repeats that.
    attempt: int | None = None
    provider_id: str | None = None
    address: str | None = None


def of_ses(event: Mapping[str, Any]) -> Receipt | None:
    """The receipt in an event of SES; None where it says nothing about a message of ours. Raises KeyError, ValueError
    for an event that is none."""
    detail = event["detail"]
    mail = detail.get("mail", {})
    tags = mail.get("tags", {})
    viewer, reminder, attempt = (next(iter(tags.get(name, ())), None) for name in ("viewer", "reminder", "attempt"))
    kind = detail.get("eventType") or event["detail-type"]
    at = parse_instant(event["time"])
    if viewer is None or reminder is None:
        return None
    about = Receipt(
        channel="email", at=at, viewer=viewer, reminder=reminder, attempt=_number(attempt),
        provider_id=mail.get("messageId"),
    )  # fmt: skip
    if kind in _SES_CLICKS:
        agent = str(detail.get("click", {}).get("userAgent", ""))
        return replace(about, link=BUTTON, machine=made_by_machine("GET", agent, None, at))
    word = _ses_word(kind, detail, at)
    return replace(about, word=word) if word is not None else None


def _ses_word(kind: str, detail: Mapping[str, Any], at: int) -> Word | None:
    word = _SES.get(kind)
    if word == "bounced" and detail.get("bounce", {}).get("bounceType") != "Permanent":
        # A full mailbox today is no reason to give up an address.
        return "soft_bounced"
    if word == "opened" and made_by_machine("GET", str(detail.get("open", {}).get("userAgent", "")), None, at):
        return "machine_opened"
    if word == "unsubscribed":
        wanted = detail.get("subscription", {}).get("newTopicPreferences", {})
        return word if wanted.get("unsubscribeAll") is True else None
    return word


def of_aws_sms(event: Mapping[str, Any]) -> Receipt | None:
    """The receipt in an event of AWS End User Messaging SMS; None where it says nothing of a message of ours."""
    detail = event["detail"]
    context = detail.get("context") or {}
    word = _AWS_SMS.get(detail.get("eventType", ""))
    if word is None or "viewer" not in context or "reminder" not in context:
        return None
    return Receipt(
        channel="sms",
        at=int(detail["eventTimestamp"]),
        word=word,
        viewer=str(context["viewer"]),
        reminder=str(context["reminder"]),
        attempt=_number(context.get("attempt")),
        provider_id=detail.get("messageId"),
        address=detail.get("destinationPhoneNumber"),
    )


def of_aliyun(entry: Mapping[str, Any]) -> Receipt:
    """The receipt in an entry of Aliyun's SmsReport. Raises KeyError, ValueError for an entry that is none."""
    return Receipt(
        channel="sms",
        at=_beijing(entry.get("report_time") or entry["send_time"]),
        word="delivered" if entry["success"] is True else _failure(str(entry.get("err_code", ""))),
        reminder=_our_reminder(entry.get("out_id")),
        provider_id=str(entry["biz_id"]),
        address=e164(str(entry["phone_number"])),
    )


def of_tencent(entry: Mapping[str, Any]) -> Receipt:
    """The receipt in an entry of Tencent's status callback. Raises KeyError, ValueError for an entry that is none."""
    delivered = entry["report_status"] == "SUCCESS"
    return Receipt(
        channel="sms",
        at=_beijing(entry["user_receive_time"]),
        word="delivered" if delivered else _failure(str(entry.get("errmsg", ""))),
        reminder=_our_reminder(entry.get("ext")),
        provider_id=str(entry["sid"]),
        address=e164(str(entry["mobile"]), str(entry["nationcode"])),
    )


def reply_of_aws(message: Mapping[str, Any], at: int) -> Reply:
    """A reply as two-way SMS publishes it to its topic. It says nothing of when: the topic does."""
    return Reply(
        id=str(message["inboundMessageId"]),
        channel="sms",
        address=str(message["originationNumber"]),
        text=str(message["messageBody"]),
        at=at,
    )


def reply_of_aliyun(entry: Mapping[str, Any]) -> Reply:
    """A reply in an entry of Aliyun's SmsUp."""
    number = e164(str(entry["phone_number"]))
    return Reply(
        id=f"{number} {entry['sequence_id']}",
        channel="sms",
        address=number,
        text=str(entry["content"]),
        at=_beijing(entry["send_time"]),
    )


def reply_of_tencent(entry: Mapping[str, Any]) -> Reply:
    """A reply of Tencent's callback, which numbers none: the same words in the same second are the same reply."""
    number, at = e164(str(entry["mobile"]), str(entry["nationcode"])), int(entry["time"])
    return Reply(
        id=f"{number} {at} {entry['text']}", channel="sms", address=number, text=str(entry["text"]), at=at * SECOND
    )


def _number(text: object) -> int | None:
    return int(text) if isinstance(text, str) and text.isdecimal() else None


def _failure(code: str) -> Word:
    return next((word for start, word in _FAILURES.items() if code.upper().startswith(start)), "soft_bounced")


def _our_reminder(text: object) -> str | None:
    """Our id in what a provider hands back, whatever stands around it."""
    found = _REMINDER.search(str(text or ""))
    return found[0] if found else None


def e164(number: str, country_code: str = "") -> str:
    """A number as a provider writes it in E.164: a Chinese one may come without its country's code."""
    digits = re.sub(r"[^0-9+]", "", number)
    if country_code:
        return f"+{country_code.lstrip('+')}{digits.lstrip('+')}"
    chinese = _CHINESE_MOBILE.fullmatch(digits)
    return f"+86{chinese[1]}" if chinese else f"+{digits.lstrip('+')}"


def _beijing(text: str) -> int:
    return parse_instant(text.strip() + _BEIJING)
