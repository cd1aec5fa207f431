"""What `init` proves of channels beside SES, by calls that only read, and a test message over one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

from infra.local import answers, channel_proofs, cli, sample_message
from infra.local.sample_message import Target
from infra.local.stack import Connect
from tests.contract.conftest import make_client

APPLICATION = "arn:aws:sns:eu-central-1:123456789012:app/APNS/tea"
Answers = Mapping[str, Mapping[str, Any] | str]


def aws(secret: Mapping[str, Any] | str | None, **answered: Answers) -> Connect:
    """Clients that give these answers (a text is an error's code) to these operations, in any order, once each."""
    told = {"secretsmanager": {"get_secret_value": "ResourceNotFoundException"}, **answered}
    if secret is not None:
        text = secret if isinstance(secret, str) else json.dumps(secret)
        told["secretsmanager"] = {"get_secret_value": {"SecretString": text, "Name": "x"}}

    def connect(service: str, _region: str | None) -> Any:
        client = make_client(service)
        stubber = Stubber(client)
        for operation, answer in told.get(service.replace("-", "_"), {}).items():
            if isinstance(answer, str):
                stubber.add_client_error(operation, answer, "no", 400)
            else:
                stubber.add_response(operation, dict(answer))
        stubber.activate()
        return client

    return connect


def seen(connect: Connect, **parameters: str) -> tuple[dict[str, tuple[str, str]], set[str]]:
    said = {"ChannelSecret": "on", "Sender": "shop@tea.example", **parameters}
    done = channel_proofs.prove(said, "shop", "eu-central-1", connect)
    return {one.what: (one.state, one.words) for one in done.proofs}, set(done.channels)


def test_a_shop_without_options_has_nothing_to_prove() -> None:
    assert channel_proofs.prove({"ChannelSecret": "off", "Channels": "email"}, "shop", "x", aws(None)).proofs == []


def test_a_missing_or_broken_secret_says_what_to_do() -> None:
    told, channels = seen(aws(None), Channels="sms", SmsProvider="aws")
    assert told["Channel secret"][0] == "wrong"
    assert "aws secretsmanager create-secret --name shop-channels" in told["Channel secret"][1]
    assert channels == set()
    assert seen(aws("not json"), Channels="sms", SmsProvider="aws")[0]["Channel secret"][0] == "wrong"


def test_texts_by_aws_are_proved_by_tier_and_limit() -> None:
    told, channels = seen(
        aws(
            {"aws": {"origination_identity": "pool-1"}},
            pinpoint_sms_voice_v2={
                "describe_account_attributes": {"AccountAttributes": [{"Name": "ACCOUNT_TIER", "Value": "SANDBOX"}]},
                "describe_spend_limits": {
                    "SpendLimits": [
                        {"Name": "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT", "EnforcedLimit": 5, "MaxLimit": 10,
                         "Overridden": False}
                    ]
                },
            },
        ),
        Channels="sms", SmsProvider="aws",
    )  # fmt: skip
    state, words = told["sms by aws"]
    assert (state, channels) == ("proved", {"sms"})
    assert "only verified numbers get texts; at most 5 USD a month; whether pool-1 may send" in words


def test_texts_and_notifications_by_sns_are_proved() -> None:
    told, _ = seen(
        aws(
            {"sns": {"ios": APPLICATION}},
            sns={"get_sms_sandbox_account_status": {"IsInSandbox": False},
                 "get_sms_attributes": {"attributes": {"MonthlySpendLimit": "20"}}},
        ),
        Channels="sms", SmsProvider="sns",
    )  # fmt: skip
    assert told["sms by sns"] == ("proved", "in production; at most 20 USD a month")
    disabled = {"get_platform_application_attributes": {"Attributes": {"Enabled": "false"}}}
    told, _ = seen(aws({"sns": {"ios": APPLICATION}}, sns=disabled), Channels="push", PushProvider="sns")
    assert told["push by sns"] == ("wrong", "the application for ios is disabled: look at its keys in the SNS console")
    refused = {"get_platform_application_attributes": "AuthorizationError"}
    told, _ = seen(aws({"sns": {"ios": APPLICATION}}, sns=refused), Channels="push", PushProvider="sns")
    assert told["push by sns"][0] == "not proved"


def test_options_that_can_not_be_used_are_wrong_and_what_needs_a_message_is_not_proved() -> None:
    told, channels = seen(
        aws({"webhook": {"url": "http://x.example", "secret": "whsec_AAAA"},
             "aliyun": {"access_key_id": "a", "access_key_secret": "b", "sign_name": "c"}}),
        Channels="sms,webhook", SmsProvider="aliyun", WebhookProvider="webhook",
    )  # fmt: skip
    assert told["webhook by webhook"] == (
        "wrong", "webhook needs as its option url an https address without a user in it",
    )  # fmt: skip
    assert told["sms by aliyun"] == ("not proved", "its keys can only be proved by a message: --test-to")
    assert channels == {"sms"}


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_what_nobody_opens_is_not_proved_and_no_secret_is_told() -> None:
    told, _ = seen(
        aws({"smtp": {"host": "127.0.0.1", "port": "1", "user": "shop", "password": "secret"}}),
        Channels="email", EmailProvider="smtp",
    )  # fmt: skip
    assert told["email by smtp"] == ("not proved", "no connection from this machine")
    assert all("secret" not in words for what, (_, words) in told.items() if what != "Channel secret")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("me@tea.example", Target("email", "me@tea.example")),
        ("+8613812345678", Target("sms", "+8613812345678")),
        ("ios:abc", Target("push", "abc", "ios")),
        ("android:a:b", Target("push", "a:b", "android")),
        ("wechat:o1", Target("wechat", "o1")),
        ("wecom:wm1", Target("wecom", "wm1")),
        ("webhook", Target("webhook", "test")),
    ],
)
def test_a_test_goes_over_the_channel_that_its_address_belongs_to(text: str, target: Target) -> None:
    assert sample_message.target(text) == target


@pytest.mark.parametrize("text", ["13812345678", "+86", "ios:", "pigeon:1", ""])
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no e-mail address"):
        sample_message.target(text)


@pytest.mark.parametrize(
    ("channels", "said", "found"),
    [
        ("email", {}, {"EmailProvider": "ses", "SmsProvider": "none", "PushProvider": "none", "ChannelSecret": "off"}),
        ("email,sms", {"sms": "tencent"}, {"SmsProvider": "tencent", "ChannelSecret": "on"}),
        ("email", {"sms": "tencent"}, {"SmsProvider": "none", "ChannelSecret": "off"}),
        ("email", {"email": "smtp"}, {"EmailProvider": "smtp", "ChannelSecret": "on"}),
        ("push,webhook", {"push": "none"}, {"PushProvider": "sns", "WebhookProvider": "webhook"}),
        ("push", {}, {"WebhookProvider": "none", "WecomProvider": "none"}),
        ("file", {}, {"FileChannel": "on", "ChannelSecret": "off"}),
    ],
)  # fmt: skip
def test_providers_follow_from_the_channels(channels: str, said: dict[str, str], found: dict[str, str]) -> None:
    assert found.items() <= answers.providers(channels, said).items()


def test_without_credentials_a_text_is_written_to_disk_or_says_what_it_lacks(tmp_path: Path) -> None:
    words = ("--name", "Tea", "--sender", "shop@tea.example", "--channels", "email,sms", "--sms-provider", "tencent")
    where = ("--config", str(tmp_path / "samconfig.toml"), "--data", str(tmp_path / "shop.db"), "--json", "-")

    def nobody(_service: str, _region: str | None) -> Any:
        from botocore import exceptions as sdk

        raise sdk.NoCredentialsError

    done = CliRunner().invoke(cli.app, ["init", *words, *where, "--test-to", "+8613812345678"], obj=nobody)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["parameters"]["SmsProvider"] == "tencent"
    assert "nothing was sent" in told["test"] or told["test"].startswith("not sent: ")
