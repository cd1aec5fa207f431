"""E-mail through Amazon SES v2: one attempt, and what its answers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftershow.adapters.mime import Letterhead, NotMailable
from aftershow.adapters.providers import Outside
from aftershow.adapters.refusals import attempted, taken
from aftershow.model.channels import RateCard
from aftershow.model.messages import Email
from aftershow.ports.channels import Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="email", provider="ses", per_second=14, by_account=True, currency="USD", micros=100, as_of="2026-11",
    source="Amazon SES pricing: 0.10 USD per 1,000 e-mails; 14 a second is the usual first production quota",
)  # fmt: skip

# SES v2 SendEmail's errors (API reference): what is wrong with this very message. Throttling is every service's; the
# rest (rights, sender, quota, a paused account) is the owner's to mend.
VERDICTS = {
    "BadRequestException": Verdict("bad_request"),
    "MessageRejected": Verdict("message_rejected"),
}


@dataclass(frozen=True, slots=True)
class SesChannel:
    """The channel `email`. `client` is a boto3 sesv2 client whose own retries are off."""

    client: Any
    letterhead: Letterhead
    configuration_set: str = ""

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Email):
            return Declined("not_an_email")
        try:
            request = self._request(message, message.content)
        except NotMailable as error:
            return error.declined()
        return taken(attempted(lambda: self.client.send_email(**request), VERDICTS))

    def _request(self, message: Outgoing, mail: Email) -> dict[str, Any]:
        request: dict[str, Any] = {
            "FromEmailAddress": self.letterhead.address,
            "Destination": {"ToAddresses": [message.address]},
            "Content": {"Raw": {"Data": self.letterhead.mail(message, mail)}},
            "EmailTags": [{"Name": name, "Value": value} for name, value in message.tags.items()],
        }
        if self.configuration_set:
            request["ConfigurationSetName"] = self.configuration_set
        return request


def make(outside: Outside) -> SesChannel:
    """The channel."""
    settings = outside.settings
    letterhead = Letterhead(settings.sender, settings.shop_name, outside.now)
    return SesChannel(outside.client("sesv2"), letterhead, settings.configuration_set)
