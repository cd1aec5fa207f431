"""Notifications on telephones through Amazon SNS: an endpoint of the platform's application for the token, then one
message to it in the platform's own form."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, needed
from aftershow.adapters.providers import Outside
from aftershow.adapters.refusals import attempted, taken
from aftershow.adapters.sns_sms import attribute
from aftershow.model.channels import RateCard
from aftershow.model.messages import Push
from aftershow.ports.channels import Ambiguous, Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="push", provider="sns", per_second=100, currency="USD", micros=1, as_of="2026-11",
    source="Amazon SNS pricing: 0.50 USD per million mobile push notifications, rounded up; its quotas of Publish and "
    "CreatePlatformEndpoint are in the hundreds a second",
)  # fmt: skip

# Apple's and Google's limit of a notification's payload.
MAX_PAYLOAD_BYTES = 4096
# What `context.device` says of a telephone, to the option that names its application.
_PLATFORMS = {"ios": "ios", "ipados": "ios", "android": "android"}

# Errors of Publish to an endpoint and of CreatePlatformEndpoint (API reference).
VERDICTS = {
    "EndpointDisabled": Verdict("endpoint_disabled", gives_up_address=True),
    "InvalidParameter": Verdict("bad_request"),
    "ParameterValueInvalid": Verdict("bad_request"),
    "ValidationException": Verdict("bad_request"),
    # Somebody removed it in between: the next attempt makes it anew.
    "NotFound": Verdict("endpoint_gone", SOON_SECONDS),
    "PlatformApplicationDisabled": Verdict("application_disabled", MENDED_SECONDS),
}
# A token of another form than the platform's is none. A missing application is the owner's to mend.
MAKING_VERDICTS = VERDICTS | {
    "InvalidParameter:Token": Verdict("bad_token", gives_up_address=True),
    "InvalidParameter": Verdict("no_application", MENDED_SECONDS),
    "NotFound": Verdict("no_application", MENDED_SECONDS),
}
# SNS names the parameter that it refuses in its words, and nowhere else.
_REFUSED = re.compile(r"Invalid parameter: (\w+) Reason")
# A token that has an endpoint with other attributes: SNS names the endpoint in its words, and nowhere else.
_KNOWN = re.compile(r"Endpoint (arn:[\w-]+:sns:[\w:/.-]+) already exists")


@dataclass(frozen=True, slots=True)
class SnsPush:
    """The channel `push`. `applications`: `ios` and `android` to the ARN of the platform application."""

    client: Any
    applications: Mapping[str, str]

    def send(self, message: Outgoing) -> Answer:
        """One attempt. Making an endpoint is safe to repeat: a token has one."""
        push = message.content
        if not isinstance(push, Push):
            return Declined("not_a_notification")
        application = self.applications.get(_PLATFORMS.get(message.platform.lower(), ""))
        if application is None:
            return Declined("no_application_for_platform")
        payload = _payload(application, push, message)
        if len(payload.encode()) > MAX_PAYLOAD_BYTES:
            return Declined("too_large")
        endpoint = self._endpoint(application, message.address)
        if not isinstance(endpoint, str):
            return endpoint
        request = {
            "TargetArn": endpoint,
            "MessageStructure": "json",
            "Message": json.dumps({"default": push.text, platform(application): payload}, ensure_ascii=False),
            "MessageAttributes": _attributes(application, message),
        }
        return taken(attempted(lambda: self.client.publish(**request), VERDICTS))

    def _endpoint(self, application: str, token: str) -> str | Declined | Ambiguous:
        known: list[str] = []

        def made() -> Mapping[str, Any]:
            try:
                return self.client.create_platform_endpoint(PlatformApplicationArn=application, Token=token)  # type: ignore[no-any-return]
            except self.client.exceptions.InvalidParameterException as error:
                words = error.response["Error"].get("Message", "")
                known.extend(_KNOWN.findall(words))
                error.response |= {"Reason": "".join(_REFUSED.findall(words)[:1])}
                raise

        answer = attempted(made, MAKING_VERDICTS)
        if known:
            return known[0]
        if isinstance(answer, Ambiguous):
            # Nothing was published yet.
            return Declined(answer.reason, again_after_seconds=SOON_SECONDS)
        if isinstance(answer, Declined):
            return answer
        return str(answer["EndpointArn"]) if answer.get("EndpointArn") else Declined("no_endpoint", SOON_SECONDS)


def platform(application: str) -> str:
    """The platform of an application's ARN: APNS, APNS_SANDBOX, GCM (`arn:...:app/APNS/name`)."""
    return application.partition(":app/")[2].partition("/")[0]


def make(outside: Outside) -> SnsPush:
    """The channel. Raises ValueError for an ARN that is no platform application."""
    applications = {name: outside.options[name] for name in ("ios", "android") if outside.options.get(name)}
    if not applications:
        needed("sns", outside.options, "ios", "android")
    for name, arn in applications.items():
        if platform(arn) not in ("APNS", "APNS_SANDBOX", "GCM"):
            raise ValueError(f"sns needs the ARN of a platform application as its option {name}")
    return SnsPush(outside.client("sns"), applications)


def _payload(application: str, push: Push, message: Outgoing) -> str:
    """In the platform's form; of two with one reminder's id a telephone shows one."""
    data = {"link": push.link, "picture": push.picture, "reminder": message.tags.get("reminder", "")}
    data = {name: value for name, value in data.items() if value}
    if platform(application) == "GCM":
        android = {"collapse_key": data.get("reminder", ""), "priority": "HIGH"}
        said = {"title": push.title, "body": push.text} | ({"image": push.picture} if push.picture else {})
        told: dict[str, Any] = {"fcmV1Message": {"message": {"notification": said, "data": data, "android": android}}}
    else:
        aps: dict[str, Any] = {"alert": {"title": push.title, "body": push.text}, "sound": "default"}
        # The app's own extension fetches the picture before it is shown.
        told = {"aps": aps | ({"mutable-content": 1} if push.picture else {}), **data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _attributes(application: str, message: Outgoing) -> dict[str, dict[str, str]]:
    if platform(application) == "GCM":
        return {}
    attributes = {"AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert", "AWS.SNS.MOBILE.APNS.PRIORITY": "10"}
    if message.tags.get("reminder"):
        attributes["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"] = message.tags["reminder"]
    return {name: attribute(value) for name, value in attributes.items()}
