"""Text messages through Aliyun (Alibaba Cloud SMS): SendSms of 2017-05-25, signed by ACS3-HMAC-SHA256.

Aliyun sends by template: of a text its template's id and parameters go out. Its errors come with status 200.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, Calls, Reply, judged, needed
from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.instants import iso
from aftershow.model.messages import Sms
from aftershow.ports.channels import Accepted, Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="sms", provider="aliyun", per_second=100, currency="CNY", micros=45_000, per="segment", as_of="2026-11",
    source="Aliyun SMS, pay as you go below 100,000 a month: about 0.045 CNY a segment, unless your contract differs; "
    "the rate is this product's choice, accounts allow more",
)  # fmt: skip

ENDPOINT = "https://dysmsapi.aliyuncs.com"
_ACTION, _VERSION, _ALGORITHM = "SendSms", "2017-05-25", "ACS3-HMAC-SHA256"

# Codes of SendSms and of the gateway (Aliyun's API reference, "Error codes").
ERRORS: dict[str, Verdict] = {
    # This number got too many within the minute, hour or day.
    "isv.BUSINESS_LIMIT_CONTROL": Verdict("too_many_to_this_number", MENDED_SECONDS),
    "isv.DAY_LIMIT_CONTROL": Verdict("daily_limit", MENDED_SECONDS),
    "isv.MONTH_LIMIT_CONTROL": Verdict("monthly_limit", MENDED_SECONDS),
    "Throttling": Verdict("throttled", SOON_SECONDS),
    "isv.MOBILE_NUMBER_ILLEGAL": Verdict("bad_number", gives_up_address=True),
    "isv.DOMESTIC_NUMBER_NOT_SUPPORTED": Verdict("number_not_served"),
    "isv.TEMPLATE_MISSING_PARAMETERS": Verdict("template_parameters"),
    "isv.TEMPLATE_PARAMS_ILLEGAL": Verdict("template_parameters"),
    "isv.INVALID_PARAMETERS": Verdict("bad_request"),
    "isv.INVALID_JSON_PARAM": Verdict("template_parameters"),
    "isv.PARAM_LENGTH_LIMIT": Verdict("template_parameters"),
    "isv.PARAM_NOT_SUPPORT_URL": Verdict("no_links_allowed"),
    "isv.BLACK_KEY_CONTROL_LIMIT": Verdict("content_refused"),
    "isv.SMS_CONTENT_ILLEGAL": Verdict("content_refused"),
    "isv.SMS_TEMPLATE_ILLEGAL": Verdict("template_not_approved", MENDED_SECONDS),
    "isv.SMS_SIGNATURE_ILLEGAL": Verdict("signature_not_approved", MENDED_SECONDS),
    "isv.SMS_SIGN_ILLEGAL": Verdict("signature_not_approved", MENDED_SECONDS),
    "isv.OUT_OF_SERVICE": Verdict("no_credit", MENDED_SECONDS),
    "isv.AMOUNT_NOT_ENOUGH": Verdict("no_credit", MENDED_SECONDS),
    "isv.PRODUCT_UN_SUBSCRIPT": Verdict("not_subscribed", MENDED_SECONDS),
    "isv.ACCOUNT_NOT_EXISTS": Verdict("not_permitted", MENDED_SECONDS),
    "isv.ACCOUNT_ABNORMAL": Verdict("not_permitted", MENDED_SECONDS),
    "isv.DENY_IP_RANGE": Verdict("not_permitted", MENDED_SECONDS),
    "isp.RAM_PERMISSION_DENY": Verdict("not_permitted", MENDED_SECONDS),
    "Forbidden": Verdict("not_permitted", MENDED_SECONDS),
    "InvalidAccessKeyId": Verdict("not_permitted", MENDED_SECONDS),
    "SignatureDoesNotMatch": Verdict("not_permitted", MENDED_SECONDS),
    # Their system failed somewhere; or they know this very request, so an earlier copy of it got through.
    "isp.SYSTEM_ERROR": Verdict("provider_error", ambiguous=True),
    "SignatureNonceUsed": Verdict("request_repeated", ambiguous=True),
}


@dataclass(frozen=True, slots=True)
class AliyunSms:
    """The channel `sms` over Aliyun."""

    calls: Calls
    key_id: str
    key_secret: str
    sign_name: str
    now: Callable[[], int]
    new_id: Callable[[], str]

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        sms = message.content
        if not isinstance(sms, Sms):
            return Declined("not_a_text_message")
        template = sms.template_ids.get("aliyun")
        if template is None:
            return Declined("no_template_id")
        reply = self._call(
            {
                "PhoneNumbers": message.address.removeprefix("+"),
                "SignName": self.sign_name,
                "TemplateCode": template,
                "TemplateParam": json.dumps(dict(sms.parameters), ensure_ascii=False, separators=(",", ":")),
                "OutId": message.tags.get("reminder", ""),
            }
        )
        if not isinstance(reply, Reply):
            return reply
        return Accepted(reply.text("BizId")) if reply.text("Code") == "OK" else judged(reply.text("Code"), ERRORS)

    def _call(self, parameters: Mapping[str, str]) -> Reply | Answer:
        query = query_string(parameters)
        headers = {
            "host": self.calls.host,
            "x-acs-action": _ACTION,
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
            "x-acs-date": iso(self.now() // 1000 * 1000).replace("+00:00", "Z"),
            "x-acs-signature-nonce": self.new_id(),
            "x-acs-version": _VERSION,
        }
        signed = authorization(self.key_id, self.key_secret, query, headers)
        return self.calls.post(f"/?{query}", b"", {**headers, "Authorization": signed})


def make(outside: Outside) -> AliyunSms:
    """The channel."""
    options = outside.options
    key_id, key_secret, sign_name = needed("aliyun", options, "access_key_id", "access_key_secret", "sign_name")
    calls = Calls(options.get("endpoint", ENDPOINT), outside.now)
    return AliyunSms(calls, key_id, key_secret, sign_name, outside.now, outside.new_id)


def query_string(parameters: Mapping[str, str]) -> str:
    """Parameters as the signature covers them: sorted, all but unreserved characters escaped."""
    return "&".join(f"{quote(name, safe='~')}={quote(parameters[name], safe='~')}" for name in sorted(parameters))


def authorization(key_id: str, secret: str, query: str, headers: Mapping[str, str]) -> str:
    """The Authorization header of a POST to "/" without a body ("Request structure and signature method V3")."""
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    signed_headers = ";".join(names)
    request = "\n".join(("POST", "/", query, lines, signed_headers, headers["x-acs-content-sha256"]))
    to_sign = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return f"{_ALGORITHM} Credential={key_id},SignedHeaders={signed_headers},Signature={signature}"
