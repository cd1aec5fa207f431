"""SES on this machine: takes messages, keeps them, and reports what became of them.

`LocalSes.send_email` takes what boto3's sesv2 client takes, so that the real adapter runs over it.
What became of a message follows from its address: `refused+...` SES itself doesn't take, `bounce+...`
is refused by the receiving side, `complaint+...` is reported as spam, everything else is delivered.

Reported as SES does it with a configuration set and EventBridge: source aws.ses on the default
bus; detail types from the "Amazon Simple Email Service events" page of the EventBridge reference, details
from "Examples of event data that Amazon SES publishes" in the SES developer guide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

import msgspec

from infra.local.clock import iso_ms

if TYPE_CHECKING:
    from infra.local.clock import SeededSource, VirtualClock
    from infra.local.embedded import EmbeddedState
    from infra.local.wiring import EmailEvents

# How long after the acceptance SES reports, in seconds.
SENT_AFTER_SECONDS = 1
ARRIVED_AFTER_SECONDS = 3
COMPLAINED_AFTER_SECONDS = 120

# SES's word for what happened, as a configuration set selects it, to EventBridge's detail type.
DETAIL_TYPES = {
    "send": "Email Sent",
    "delivery": "Email Delivered",
    "bounce": "Email Bounced",
    "complaint": "Email Complaint Received",
}

# An event on the default bus: detail type, detail, and the seconds until it is there.
Report = Callable[[str, Mapping[str, Any], int], None]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the local SES took. `time` is epoch ms."""

    id: str
    time: int
    address: str
    subject: str
    headers: Mapping[str, str]
    html: str
    text: str
    tags: Mapping[str, str]


class Mailbox(Sequence[Accepted]):
    """Every message that was accepted, in order. It stands in the state, so it outlives a run."""

    def __init__(self, state: EmbeddedState) -> None:
        self._state = state

    def append(self, message: Accepted) -> None:
        """Keep a message."""
        number = self._state.next_number("mail")
        self._state.keep_note(f"mail {number:09d}", msgspec.json.encode(message).decode())

    def __len__(self) -> int:
        """How many were accepted."""
        return int(self._state.note("number of mail") or 0)

    def __getitem__(self, place: Any) -> Any:
        """One message, or a slice of them."""
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number = place + len(self) if place < 0 else place
        text = self._state.note(f"mail {number + 1:09d}")
        if number < 0 or text is None:
            raise IndexError(place)
        return msgspec.json.decode(text, type=Accepted)

    def __iter__(self) -> Iterator[Accepted]:
        """All of them, one at a time."""
        for place in range(len(self)):
            yield self[place]


class LocalSes:
    """The part of boto3's sesv2 client that sends."""

    def __init__(
        self,
        mailbox: Mailbox,
        clock: VirtualClock,
        source: SeededSource,
        selected: Sequence[EmailEvents],
        report: Report,
    ) -> None:
        self._mailbox = mailbox
        self._clock = clock
        self._source = source
        self._selected = {each.configuration_set: each.kinds for each in selected}
        self._report = report

    def send_email(
        self,
        *,
        FromEmailAddress: str,  # noqa: N803 (the names are SES's)
        Destination: Mapping[str, Sequence[str]],  # noqa: N803
        Content: Mapping[str, Any],  # noqa: N803
        EmailTags: Sequence[Mapping[str, str]] = (),  # noqa: N803
        ConfigurationSetName: str | None = None,  # noqa: N803
    ) -> dict[str, str]:
        """Accept a message to one address. An argument that isn't SES's is a TypeError."""
        [address] = Destination["ToAddresses"]
        if address.startswith("refused+"):
            raise _refusal()
        tags = {tag["Name"]: tag["Value"] for tag in EmailTags}
        message_id = f"{self._source.uuid()}-000000"
        message = _read(Content, message_id, self._clock.now, address, tags)
        self._mailbox.append(message)
        if ConfigurationSetName:
            self._tell(message, FromEmailAddress, ConfigurationSetName)
        return {"MessageId": message_id}

    def _tell(self, message: Accepted, sender: str, configuration_set: str) -> None:
        mail = {
            "timestamp": iso_ms(message.time),
            "source": sender,
            "messageId": message.id,
            "destination": [message.address],
            "headersTruncated": False,
            "headers": [{"name": name, "value": text} for name, text in message.headers.items()],
            "commonHeaders": {
                "from": [sender],
                "to": [message.address],
                "messageId": message.id,
                "subject": message.subject,
            },
            "tags": {
                "ses:configuration-set": [configuration_set],
                **{name: [value] for name, value in message.tags.items()},
            },
        }
        selected = self._selected.get(configuration_set, frozenset())
        for kind, after_seconds in _fate(message.address):
            if kind in selected:
                moment = message.time + 1000 * after_seconds
                detail = {
                    "eventType": kind.capitalize(),
                    "mail": mail,
                    kind: _particulars(kind, message, moment),
                }
                self._report(DETAIL_TYPES[kind], detail, after_seconds)


def _refusal() -> Exception:
    from botocore.exceptions import ClientError  # only with the real adapter, which has loaded it

    error = {"Error": {"Code": "MessageRejected"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    refusal: Exception = ClientError(error, "SendEmail")
    return refusal


def _fate(address: str) -> tuple[tuple[str, int], ...]:
    sent = ("send", SENT_AFTER_SECONDS)
    if address.startswith("bounce+"):
        return sent, ("bounce", ARRIVED_AFTER_SECONDS)
    delivered = ("delivery", ARRIVED_AFTER_SECONDS)
    if address.startswith("complaint+"):
        return sent, delivered, ("complaint", COMPLAINED_AFTER_SECONDS)
    return sent, delivered


def _particulars(kind: str, message: Accepted, moment: int) -> Mapping[str, Any]:
    stamp = iso_ms(moment)
    recipient = {"emailAddress": message.address}
    match kind:
        case "delivery":
            return {
                "timestamp": stamp,
                "processingTimeMillis": moment - message.time,
                "recipients": [message.address],
                "smtpResponse": "250 2.0.0 OK",
                "reportingMTA": "local",
            }
        case "bounce":
            failed = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1"}
            return {
                "feedbackId": f"{message.id}-bounce",
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{**recipient, **failed}],
                "timestamp": stamp,
                "reportingMTA": "dns; local",
            }
        case "complaint":
            return {
                "feedbackId": f"{message.id}-complaint",
                "complaintSubType": None,
                "complainedRecipients": [recipient],
                "timestamp": stamp,
                "complaintFeedbackType": "abuse",
                "arrivalDate": stamp,
            }
        case _:
            return {}


def _read(content: Mapping[str, Any], message_id: str, time: int, address: str, tags: Mapping[str, str]) -> Accepted:
    if "Raw" in content:
        parsed = BytesParser(EmailMessage, policy=policy.default).parsebytes(content["Raw"]["Data"])
        return Accepted(
            id=message_id,
            time=time,
            address=address,
            subject=str(parsed["Subject"] or ""),
            headers={name: str(value) for name, value in parsed.items()},
            html=_part(parsed, "html"),
            text=_part(parsed, "plain"),
            tags=tags,
        )
    simple = content["Simple"]
    body = simple["Body"]
    return Accepted(
        id=message_id,
        time=time,
        address=address,
        subject=simple["Subject"]["Data"],
        headers={each["Name"]: each["Value"] for each in simple.get("Headers", ())},
        html=body.get("Html", {}).get("Data", ""),
        text=body.get("Text", {}).get("Data", ""),
        tags=tags,
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""
