"""Text messages through AWS End User Messaging (`pinpoint-sms-voice-v2`, SendTextMessage).

Its events (delivered, blocked by the carrier ...) repeat the `Context`, which says whose reminder it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aftershow.adapters.calling import MENDED_SECONDS, needed
from aftershow.adapters.providers import Outside
from aftershow.adapters.refusals import attempted, taken
from aftershow.model.channels import RateCard
from aftershow.model.messages import Sms
from aftershow.ports.channels import Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="sms", provider="aws", per_second=20, currency="USD", micros=74_510, per="segment", as_of="2026-05",
    source="AWS End User Messaging pricing, outbound text to Japan, a part; every country has a price of its own. "
    "20 a second is its usual quota of SendTextMessage, an origination identity may let through less",
)  # fmt: skip

MAX_CHARACTERS = 1600
# Of at most five, which events repeat.
_TAGS = ("viewer", "reminder", "attempt")

# Codes and reasons of SendTextMessage (API reference, and the enumerations of the service's own model).
VERDICTS = {
    "ConflictException:DESTINATION_PHONE_NUMBER_OPTED_OUT": Verdict("opted_out_at_provider", gives_up_address=True),
    "ConflictException:DESTINATION_PHONE_NUMBER_NOT_VERIFIED": Verdict("sandbox", MENDED_SECONDS),
    "ConflictException:DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": Verdict("country_blocked"),
    "ConflictException:DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": Verdict("number_blocked"),
    "ConflictException:NO_ORIGINATION_IDENTITIES_FOUND": Verdict("no_sender_for_country"),
    "ConflictException:MESSAGE_TYPE_MISMATCH": Verdict("message_type_mismatch", MENDED_SECONDS),
    "ServiceQuotaExceededException:MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": Verdict("spend_limit", MENDED_SECONDS),
    "ValidationException:DESTINATION_COUNTRY_BLOCKED": Verdict("country_blocked"),
    "ValidationException:COUNTRY_NOT_ENABLED": Verdict("country_not_enabled"),
    "ValidationException:INTERNATIONAL_SENDING_NOT_SUPPORTED": Verdict("country_not_enabled"),
    "ValidationException:INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": Verdict("no_sender_for_country"),
    "ValidationException:SENDER_ID_NOT_SUPPORTED": Verdict("no_sender_for_country"),
    "ValidationException:SENDER_ID_REQUIRES_REGISTRATION": Verdict("sender_not_registered", MENDED_SECONDS),
    "ValidationException:SENDER_ID_NOT_REGISTERED": Verdict("sender_not_registered", MENDED_SECONDS),
    "ValidationException:PRICE_OVER_THRESHOLD": Verdict("above_max_price"),
    "ValidationException:MAXIMUM_SIZE_EXCEEDED": Verdict("too_long"),
    "ValidationException:INVALID_ARN": Verdict("bad_options", MENDED_SECONDS),
    # What remains of it is wrong with this number or text: neither will be another.
    "ValidationException": Verdict("bad_request"),
}


@dataclass(frozen=True, slots=True)
class AwsSms:
    """The channel `sms`. `client` is a boto3 pinpoint-sms-voice-v2 client whose own retries are off; `options` are the
    request's fields that the shop gives: identity, configuration set, the most that a part may cost."""

    client: Any
    options: Mapping[str, str]

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Sms):
            return Declined("not_a_text_message")
        if len(message.content.text) > MAX_CHARACTERS:
            return Declined("too_long")
        request = {
            "DestinationPhoneNumber": message.address,
            "MessageBody": message.content.text,
            "MessageType": "TRANSACTIONAL" if message.message_class == "service" else "PROMOTIONAL",
            "Context": {name: message.tags[name] for name in _TAGS if name in message.tags},
            **self.options,
        }
        return taken(attempted(lambda: self.client.send_text_message(**request), VERDICTS))


def make(outside: Outside) -> AwsSms:
    """The channel. Raises ValueError where nobody said who sends: the function may send as what is named only."""
    needed("aws", outside.options, "origination_identity")
    names = {
        "origination_identity": "OriginationIdentity",
        "configuration_set": "ConfigurationSetName",
        "max_price": "MaxPrice",
        "protect_configuration": "ProtectConfigurationId",
    }
    options = {field: outside.options[name] for name, field in names.items() if outside.options.get(name)}
    return AwsSms(outside.client("pinpoint-sms-voice-v2"), options)
