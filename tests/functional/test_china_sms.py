"""Aliyun and Tencent SMS over HTTP: what is sent, how it is signed, and what every class of answer means."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

import pytest

from aftershow.adapters import aliyun_sms, tencent_sms
from aftershow.adapters.aliyun_sms import AliyunSms
from aftershow.adapters.calling import Calls
from aftershow.adapters.tencent_sms import TencentSms
from aftershow.model.messages import Push, Sms
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing, Verdict
from tests.functional.provider_stub import NOW, SILENCE_SECONDS, Asked, Says, made, nobody_listens, serving

# The stub listens on the loopback address.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

TEXT = Sms(
    "【小店】回放在这里 https://s.example/x 拒收请回复R",
    template_ids={"aliyun": "SMS_1234567", "tencent": "7654321"},
    parameters={"name": "梅 & Co", "code": "x9~"},
)
MESSAGE = Outgoing("+8613800138000", TEXT, tags={"viewer": "v1", "reminder": "r-42", "attempt": "1"})


@dataclass(frozen=True)
class Vendor:
    """A provider as the tests see it: its options, and how it says yes and no."""

    name: str
    options: Mapping[str, str]
    errors: Mapping[str, Verdict]

    def yes(self) -> Says:
        """Taken, as "taken-1"."""
        if self.name == "aliyun":
            return Says.document({"Message": "OK", "RequestId": "q", "BizId": "taken-1", "Code": "OK"})
        return Says.document({"Response": {"SendStatusSet": [{"SerialNo": "taken-1", "Fee": 1, "Code": "Ok"}]}})

    def no(self, code: str) -> Says:
        """An error with status 200, as these vendors do it."""
        if self.name == "aliyun":
            return Says.document({"Message": "no", "RequestId": "q", "Code": code})
        return Says.document({"Response": {"SendStatusSet": [{"SerialNo": "", "Fee": 0, "Code": code}]}})

    def send(self, url: str, message: Outgoing = MESSAGE) -> Answer:
        """One attempt at a service there."""
        channel = made("sms", self.name, {**self.options, "endpoint": url})
        hasty = Calls(url, lambda: NOW, read_timeout_seconds=SILENCE_SECONDS / 4)
        assert isinstance(channel, (AliyunSms, TencentSms))
        return replace(channel, calls=hasty).send(message)

    def asked(self, *answers: Says) -> tuple[Answer, Asked]:
        """What it answers to one message, and what it was asked."""
        with serving(*answers) as stub:
            answer = self.send(stub.url)
            [request] = stub.asked
        return answer, request


ALIYUN = Vendor(
    "aliyun", {"access_key_id": "key-1", "access_key_secret": "secret-1", "sign_name": "小店"}, aliyun_sms.ERRORS
)
TENCENT = Vendor(
    "tencent",
    {"secret_id": "id-1", "secret_key": "secret-2", "sdk_app_id": "1400006666", "sign_name": "小店"},
    tencent_sms.ERRORS,
)
BOTH = pytest.mark.parametrize("vendor", [ALIYUN, TENCENT], ids=lambda one: one.name)
EVERY_ERROR = [
    pytest.param(vendor, code, verdict, id=f"{vendor.name} {code}")
    for vendor in (ALIYUN, TENCENT)
    for code, verdict in vendor.errors.items()
]


def test_aliyuns_published_signature_example() -> None:
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = aliyun_sms.query_string(
        {"RegionId": "cn-shanghai", "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}
    )
    said = aliyun_sms.authorization("YourAccessKeyId", "YourAccessKeySecret", query, headers)
    assert said.endswith("Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


def test_tencents_published_signature_example() -> None:
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    masked = "*" * 32
    headers = {
        "content-type": "application/json; charset=utf-8",
        "host": "cvm.tencentcloudapi.com",
        "x-tc-action": "describeinstances",
    }
    said = tencent_sms.authorization(f"AKID{masked}", masked, "cvm", headers, body, 1551113065)
    assert said == (
        f"TC3-HMAC-SHA256 Credential=AKID{masked}/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host;x-tc-action, "
        "Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"
    )


def test_aliyun_gets_template_parameters_and_the_reminder_as_out_id() -> None:
    answer, request = ALIYUN.asked(ALIYUN.yes())
    assert answer == Accepted("taken-1")
    said = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
    assert json.loads(said.pop("TemplateParam")) == {"name": "梅 & Co", "code": "x9~"}
    assert said == {
        "PhoneNumbers": "8613800138000", "SignName": "小店", "TemplateCode": "SMS_1234567", "OutId": "r-42"
    }  # fmt: skip
    assert (request.headers["x-acs-action"], request.headers["x-acs-version"]) == ("SendSms", "2017-05-25")
    assert request.headers["x-acs-date"] == "2026-03-06T02:00:00Z"


def test_aliyun_gets_a_signature_over_what_arrives() -> None:
    """Computed anew from the request as it arrived, by the steps of the documentation."""
    _, request = ALIYUN.asked(ALIYUN.yes())
    scheme, _, said = request.headers["Authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in said.split(","))
    names = parts["SignedHeaders"].split(";")
    assert {"host", *(name.lower() for name in request.headers if name.lower().startswith("x-acs-"))} == set(names)
    canonical = "POST\n/\n" + urlsplit(request.path).query + "\n"
    canonical += "".join(f"{name}:{request.headers[name]}\n" for name in names) + "\n" + parts["SignedHeaders"] + "\n"
    canonical += hashlib.sha256(request.body).hexdigest()
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    assert (scheme, parts["Credential"]) == ("ACS3-HMAC-SHA256", "key-1")
    assert parts["Signature"] == hmac.new(b"secret-1", text.encode(), hashlib.sha256).hexdigest()


def test_tencent_gets_the_parameters_in_order_and_the_reminder_as_context() -> None:
    answer, request = TENCENT.asked(TENCENT.yes())
    assert answer == Accepted("taken-1")
    assert request.said == {
        "PhoneNumberSet": ["+8613800138000"], "SmsSdkAppId": "1400006666", "SignName": "小店",
        "TemplateId": "7654321", "TemplateParamSet": ["梅 & Co", "x9~"], "SessionContext": "r-42",
    }  # fmt: skip
    assert (request.headers["X-TC-Action"], request.headers["X-TC-Version"]) == ("SendSms", "2021-01-11")
    assert (request.headers["X-TC-Region"], request.headers["X-TC-Timestamp"]) == ("ap-guangzhou", str(NOW // 1000))


def test_tencent_gets_a_signature_over_what_arrives() -> None:
    _, request = TENCENT.asked(TENCENT.yes())
    canonical = "POST\n/\n\n"
    canonical += f"content-type:{request.headers['Content-Type']}\nhost:{request.headers['Host']}\n"
    canonical += "x-tc-action:sendsms\n\ncontent-type;host;x-tc-action\n" + hashlib.sha256(request.body).hexdigest()
    text = (
        f"TC3-HMAC-SHA256\n{NOW // 1000}\n2026-03-06/sms/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = b"TC3secret-2"
    for part in (b"2026-03-06", b"sms", b"tc3_request"):
        key = hmac.new(key, part, hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    assert request.headers["Authorization"].endswith(f"Signature={signature}")
    assert "Credential=id-1/2026-03-06/sms/tc3_request, " in request.headers["Authorization"]


@pytest.mark.parametrize(("vendor", "code", "verdict"), EVERY_ERROR)
def test_every_row_of_the_error_table(vendor: Vendor, code: str, verdict: Verdict) -> None:
    answer, _ = vendor.asked(vendor.no(code))
    assert answer == verdict.answer()


@BOTH
def test_a_code_that_is_not_in_the_table_is_refused_until_somebody_mended_it(vendor: Vendor) -> None:
    answer, _ = vendor.asked(vendor.no("isv.NEWLY INVENTED"))
    assert answer == Declined("isv.NEWLY_INVENTED", again_after_seconds=3600)


@pytest.mark.parametrize(
    ("vendor", "says", "expected"),
    [
        (ALIYUN, Says.document({"Code": "Throttling.User"}, 400), Declined("throttled", again_after_seconds=60)),
        (ALIYUN, Says.document({"Code": "InvalidAccessKeyId.NotFound"}, 404), Declined("not_permitted", 3600)),
        (TENCENT, Says.document({"Response": {"Error": {"Code": "RequestLimitExceeded"}}}), Declined("throttled", 60)),
        (
            TENCENT,
            Says.document({"Response": {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}}}),
            Declined("not_permitted", 3600),
        ),
        (TENCENT, Says.document({"Response": {"Error": {}}}), Ambiguous("unreadable_answer")),
        (TENCENT, Says.document({"Response": {"SendStatusSet": []}}), Ambiguous("unreadable_answer")),
        (TENCENT, Says.document({"Response": "busy"}), Ambiguous("unreadable_answer")),
        (ALIYUN, Says.document({"BizId": "x"}), Ambiguous("unreadable_answer")),
    ],
)
def test_errors_of_the_call_itself(vendor: Vendor, says: Says, expected: Answer) -> None:
    answer, _ = vendor.asked(says)
    assert answer == expected


@BOTH
@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (Says(status=500), Ambiguous("http_500")),
        (Says(b'{"Code": "OK"}', status=503), Ambiguous("http_503")),
        (Says(b"<html>hello</html>"), Ambiguous("unreadable_answer")),
        (Says(b"[1, 2]"), Ambiguous("unreadable_answer")),
        (Says(b""), Ambiguous("unreadable_answer")),
        (Says(b"x" * 200_000), Ambiguous("unreadable_answer")),
        (Says(b"slow down", status=429), Declined("throttled", again_after_seconds=60)),
        (Says(b"who are you", status=403), Declined("http_403", again_after_seconds=3600)),
        (Says(b"elsewhere", status=302), Declined("http_302", again_after_seconds=3600)),
        (Says(b"{}", silent=True), Ambiguous("ReadTimeoutError")),
    ],
)
def test_answers_that_are_no_answer(vendor: Vendor, says: Says, expected: Answer) -> None:
    answer, _ = vendor.asked(says)
    assert answer == expected


@BOTH
def test_without_a_connection_nothing_was_sent(vendor: Vendor) -> None:
    assert vendor.send(nobody_listens()) == Declined("no_connection", again_after_seconds=60)


@BOTH
def test_a_text_without_a_template_of_this_provider_is_not_sent(vendor: Vendor) -> None:
    bare = Outgoing("+8613800138000", Sms("text"))
    assert vendor.send(nobody_listens(), bare) == Declined("no_template_id")
    assert vendor.send(nobody_listens(), Outgoing("token", Push("t", "t", "l"))) == Declined("not_a_text_message")


@BOTH
def test_missing_options_are_named_and_no_value_is(vendor: Vendor) -> None:
    with pytest.raises(ValueError, match=r"needs its options .*sign_name") as error:
        made("sms", vendor.name, {**vendor.options, "sign_name": ""})
    assert not any(value in str(error.value) for value in vendor.options.values())
