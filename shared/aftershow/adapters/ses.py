"""E-mail through Amazon SES v2: one attempt, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing

CARD = RateCard(
    channel="email", provider="ses", per_second=14, currency="USD", micros=100, as_of="2026-11",
    source="Amazon SES pricing: 0.10 USD per 1,000 e-mails; 14 a second is the usual first production quota",
)  # fmt: skip

# SES v2 SendEmail's errors (API reference). Never again: what is wrong with this message. Throttled: soon again.
# Everything else that is refused is the owner's to mend (rights, sender, quota, a paused account): hourly, until the
# reminder's deadline.
_NEVER = {"BadRequestException": "bad_request", "MessageRejected": "message_rejected"}
_THROTTLED = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
_THROTTLED_AGAIN_SECONDS, _MENDED_AGAIN_SECONDS = 60, 3600
_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class SesChannel:
    """The channel `email`. `client` is a boto3 sesv2 client whose own retries are off."""

    client: Any
    sender: str
    configuration_set: str = ""

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Email):
            return Declined("not_an_email")
        try:
            answer = self.client.send_email(**self._request(message, message.content))
        except ClientError as error:
            return _refusal(error)
        except (ConnectTimeoutError, EndpointConnectionError):
            return Declined("no_connection", again_after_seconds=60)
        except BotoCoreError as error:
            return Ambiguous(type(error).__name__)
        return Accepted(answer["MessageId"])

    def _request(self, message: Outgoing, mail: Email) -> dict[str, Any]:
        request: dict[str, Any] = {
            "FromEmailAddress": self.sender,
            "Destination": {"ToAddresses": [message.address]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": mail.subject, "Charset": "UTF-8"},
                    "Body": {
                        "Text": {"Data": mail.text, "Charset": "UTF-8"},
                        "Html": {"Data": mail.html, "Charset": "UTF-8"},
                    },
                    "Headers": [{"Name": name, "Value": value} for name, value in message.headers.items()],
                }
            },
            "EmailTags": [{"Name": name, "Value": value} for name, value in message.tags.items()],
        }
        if self.configuration_set:
            request["ConfigurationSetName"] = self.configuration_set
        return request


def make(outside: Outside) -> SesChannel:
    """The channel."""
    settings = outside.settings
    return SesChannel(outside.client("sesv2"), settings.sender, settings.configuration_set)


def _refusal(error: ClientError) -> Answer:
    code = error.response["Error"]["Code"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _THROTTLED:
        return Declined(code, again_after_seconds=_THROTTLED_AGAIN_SECONDS)
    if status >= _FIRST_SERVER_ERROR:
        return Ambiguous(code)
    if code in _NEVER:
        return Declined(_NEVER[code])
    return Declined(code, again_after_seconds=_MENDED_AGAIN_SECONDS)
