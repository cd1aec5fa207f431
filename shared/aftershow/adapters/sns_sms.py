"""Text messages through Amazon SNS: the small way, without sender pools or events by message.

SNS gives a message no tags. Who wants to know what became of it takes AWS End User Messaging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aftershow.adapters.providers import Outside
from aftershow.adapters.refusals import attempted, taken
from aftershow.model.channels import RateCard
from aftershow.model.messages import Sms
from aftershow.ports.channels import Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="sms", provider="sns", per_second=20, currency="USD", micros=74_510, per="segment", as_of="2026-05",
    source="Amazon SNS sends texts at the prices of AWS End User Messaging: to Japan, a part; every country has its "
    "own price. 20 a second is the usual quota of Publish to telephone numbers",
)  # fmt: skip

# SNS cuts a text of more bytes into several messages, up to this sum.
MAX_BYTES = 1600

# Errors of Publish to a telephone number (API reference). A number on the account's opt-out list is accepted and
# dropped without a word.
VERDICTS = {
    "InvalidParameter": Verdict("bad_request"),
    "ParameterValueInvalid": Verdict("bad_request"),
    "ValidationException": Verdict("bad_request"),
}


@dataclass(frozen=True, slots=True)
class SnsSms:
    """The channel `sms`. `client` is a boto3 sns client whose own retries are off."""

    client: Any
    attributes: Mapping[str, str]

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Sms):
            return Declined("not_a_text_message")
        if len(message.content.text.encode()) > MAX_BYTES:
            return Declined("too_long")
        kind = "Transactional" if message.message_class == "service" else "Promotional"
        attributes = {"AWS.SNS.SMS.SMSType": kind, **self.attributes}
        request = {
            "PhoneNumber": message.address,
            "Message": message.content.text,
            "MessageAttributes": {name: attribute(value) for name, value in attributes.items()},
        }
        return taken(attempted(lambda: self.client.publish(**request), VERDICTS))


def attribute(value: str) -> dict[str, str]:
    """A message attribute as SNS takes it."""
    return {"DataType": "String", "StringValue": value}


def make(outside: Outside) -> SnsSms:
    """The channel."""
    names = {
        "sender_id": "AWS.SNS.SMS.SenderID",
        "origination_number": "AWS.MM.SMS.OriginationNumber",
        "max_price": "AWS.SNS.SMS.MaxPrice",
    }
    given = {name: outside.options[option] for option, name in names.items() if outside.options.get(option)}
    return SnsSms(outside.client("sns"), given)
