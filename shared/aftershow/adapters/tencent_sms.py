"""Text messages through Tencent Cloud SMS: SendSms of 2021-01-11, signed by TC3-HMAC-SHA256.

Tencent sends by template: of a text its template's id and, in order, its parameters go out. Each number has an answer
of its own, and all errors come with status 200.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, Calls, Reply, judged, needed
from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.instants import iso
from aftershow.model.messages import Sms
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="sms", provider="tencent", per_second=100, currency="CNY", micros=55_000, per="segment", as_of="2026-11",
    source="Tencent Cloud SMS, small packages: about 0.055 CNY a segment, unless your contract differs; the rate is "
    "this product's choice, SendSms allows 3,000 requests a second",
)  # fmt: skip

ENDPOINT = "https://sms.tencentcloudapi.com"
REGION = "ap-guangzhou"
_ACTION, _VERSION, _SERVICE, _ALGORITHM = "SendSms", "2021-01-11", "sms", "TC3-HMAC-SHA256"
_CONTENT_TYPE = "application/json; charset=utf-8"

# Codes of a number's own answer, of the call, and of the gateway (API reference of SendSms, "Error codes").
ERRORS: dict[str, Verdict] = {
    "LimitExceeded.PhoneNumberDailyLimit": Verdict("too_many_to_this_number", MENDED_SECONDS),
    "LimitExceeded.PhoneNumberOneHourLimit": Verdict("too_many_to_this_number", MENDED_SECONDS),
    "LimitExceeded.PhoneNumberThirtySecondLimit": Verdict("too_many_to_this_number", SOON_SECONDS),
    "LimitExceeded.PhoneNumberSameContentDailyLimit": Verdict("too_many_to_this_number", MENDED_SECONDS),
    "LimitExceeded.DeliveryFrequencyLimit": Verdict("throttled", SOON_SECONDS),
    # All other limits are a day's, of an application or an account.
    "LimitExceeded": Verdict("daily_limit", MENDED_SECONDS),
    "RequestLimitExceeded": Verdict("throttled", SOON_SECONDS),
    "InvalidParameterValue.IncorrectPhoneNumber": Verdict("bad_number", gives_up_address=True),
    "FailedOperation.PhoneNumberInBlacklist": Verdict("refused_by_recipient", gives_up_address=True),
    "FailedOperation.ContainSensitiveWord": Verdict("content_refused"),
    "FailedOperation.InsufficientBalanceInSmsPackage": Verdict("no_credit", MENDED_SECONDS),
    # Marketing leaves between 08:00 and 22:00 only.
    "FailedOperation.MarketingSendTimeConstraint": Verdict("quiet_hours_of_provider", MENDED_SECONDS),
    "FailedOperation.SignatureIncorrectOrUnapproved": Verdict("signature_not_approved", MENDED_SECONDS),
    "FailedOperation.TemplateIncorrectOrUnapproved": Verdict("template_not_approved", MENDED_SECONDS),
    "FailedOperation.TemplateUnapprovedOrNotExist": Verdict("template_not_approved", MENDED_SECONDS),
    "FailedOperation.TemplateParamSetNotMatchApprovedTemplate": Verdict("template_parameters"),
    "FailedOperation.JsonParseFail": Verdict("bad_request"),
    "InvalidParameterValue.TemplateParameterFormatError": Verdict("template_parameters"),
    "InvalidParameterValue.TemplateParameterLengthLimit": Verdict("template_parameters"),
    "InvalidParameterValue.ContentLengthLimit": Verdict("too_long"),
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": Verdict("no_links_allowed"),
    "InvalidParameter": Verdict("bad_request"),
    "MissingParameter": Verdict("bad_request"),
    "UnsupportedOperation.UnsupportedRegion": Verdict("number_not_served"),
    "UnauthorizedOperation": Verdict("not_permitted", MENDED_SECONDS),
    "AuthFailure": Verdict("not_permitted", MENDED_SECONDS),
    "InternalError": Verdict("provider_error", ambiguous=True),
}


@dataclass(frozen=True, slots=True)
class TencentSms:
    """The channel `sms` over Tencent Cloud."""

    calls: Calls
    secret_id: str
    secret_key: str
    sdk_app_id: str
    sign_name: str
    region: str
    now: Callable[[], int]

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        sms = message.content
        if not isinstance(sms, Sms):
            return Declined("not_a_text_message")
        template = sms.template_ids.get("tencent")
        if template is None:
            return Declined("no_template_id")
        reply = self._call(
            {
                "PhoneNumberSet": [message.address],
                "SmsSdkAppId": self.sdk_app_id,
                "SignName": self.sign_name,
                "TemplateId": template,
                "TemplateParamSet": list(sms.parameters.values()),
                "SessionContext": message.tags.get("reminder", ""),
            }
        )
        return _answer(reply) if isinstance(reply, Reply) else reply

    def _call(self, said: Mapping[str, object]) -> Reply | Answer:
        body = json.dumps(said).encode()
        seconds = self.now() // 1000
        signed = {"content-type": _CONTENT_TYPE, "host": self.calls.host, "x-tc-action": _ACTION.lower()}
        headers = {
            "Content-Type": _CONTENT_TYPE,
            "Host": self.calls.host,
            "X-TC-Action": _ACTION,
            "X-TC-Version": _VERSION,
            "X-TC-Timestamp": str(seconds),
            "X-TC-Region": self.region,
            "Authorization": authorization(self.secret_id, self.secret_key, _SERVICE, signed, body, seconds),
        }
        return self.calls.post("/", body, headers)


def make(outside: Outside) -> TencentSms:
    """The channel."""
    options = outside.options
    own = needed("tencent", options, "secret_id", "secret_key", "sdk_app_id", "sign_name")
    secret_id, secret_key, app_id, sign_name = own
    calls = Calls(options.get("endpoint", ENDPOINT), outside.now)
    return TencentSms(calls, secret_id, secret_key, app_id, sign_name, options.get("region", REGION), outside.now)


def _answer(reply: Reply) -> Answer:
    """The call's own error, else the number's answer."""
    said = reply.said.get("Response")
    if not isinstance(said, dict):
        return Ambiguous("unreadable_answer")
    error, numbers = said.get("Error"), said.get("SendStatusSet")
    if isinstance(error, dict):
        return judged(str(error.get("Code") or ""), ERRORS)
    if not (isinstance(numbers, list) and len(numbers) == 1 and isinstance(numbers[0], dict)):
        return Ambiguous("unreadable_answer")
    number = Reply(reply.status, numbers[0])
    return Accepted(number.text("SerialNo")) if number.text("Code") == "Ok" else judged(number.text("Code"), ERRORS)


def authorization(
    secret_id: str, secret_key: str, service: str, headers: Mapping[str, str], body: bytes, seconds: int
) -> str:
    """The Authorization header of a POST to "/" ("Signature method v3"); `seconds` since the epoch."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    signed_headers = ";".join(names)
    request = "\n".join(("POST", "/", "", lines, signed_headers, hashlib.sha256(body).hexdigest()))
    day = iso(seconds * 1000)[:10]
    scope = f"{day}/{service}/tc3_request"
    to_sign = "\n".join((_ALGORITHM, str(seconds), scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{_ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
