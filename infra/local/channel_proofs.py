"""Proofs of channels beside SES, each by a call that only reads or comes to the provider's door; or a word that nothing
can be proved without a message."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from aftershow.adapters.providers import Outside, provider
from aftershow.model.settings import Settings
from aftershow.ports.channels import Channel, Knocking
from infra.local import answers, stack
from infra.local.clock import real_now

State = Literal["proved", "wrong", "not proved"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at, how it stands, and in words what was seen or what to do."""

    what: str
    state: State
    words: str


@dataclass(frozen=True, slots=True)
class Proved:
    """Proofs, and the channels that a test message can go out over."""

    proofs: list[Proof] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)


def prove(parameters: Mapping[str, str], name: str, region: str, connect: stack.Connect) -> Proved:
    """Every channel in use that needs options, by the secret that the stack would read."""
    done = Proved()
    if parameters.get("ChannelSecret") != "on":
        return done
    secret = f"{name}-channels"
    said = _options(secret, region, connect)
    if isinstance(said, str):
        done.proofs.append(Proof("Channel secret", "wrong" if said.startswith("there is no") else "not proved", said))
        return done
    done.proofs.append(
        Proof("Channel secret", "proved", f"{secret} holds options of {', '.join(sorted(said)) or 'none'}")
    )
    settings = Settings(sender=parameters.get("Sender", ""), shop_name=parameters.get("ShopName", ""))
    for channel in parameters.get("Channels", "").split(","):
        parameter, _ = answers.PROVIDERS.get(channel, ("", ()))
        chosen = parameters.get(parameter, "none")
        if chosen in ("none", *answers.WITHOUT_OPTIONS):
            continue
        outside = Outside(
            settings, said.get(chosen, {}), lambda service: connect(service, region), real_now, lambda: uuid4().hex
        )
        done.proofs.append(_proof(channel, chosen, outside, done.channels))
    return done


def _options(secret: str, region: str, connect: stack.Connect) -> dict[str, dict[str, str]] | str:
    """Provider to its options, or why they are not known; never a value of theirs."""
    try:
        with stack.explained():
            text = connect("secretsmanager", region).get_secret_value(SecretId=secret)["SecretString"]
    except stack.StackError as error:
        if "ResourceNotFoundException" in str(error):
            return f"there is no secret {secret}: aws secretsmanager create-secret --name {secret} --secret-string FILE"
        return str(error)
    try:
        said = json.loads(text)
        return {str(one): {str(key): str(value) for key, value in told.items()} for one, told in said.items()}
    except (ValueError, AttributeError):
        return f"there is no JSON in {secret} that names providers and their options"


def _proof(channel: str, chosen: str, outside: Outside, channels: dict[str, Channel]) -> Proof:
    what = f"{channel} by {chosen}"
    found = provider(channel, chosen)
    try:
        made = found.make(outside) if found else None
    except ValueError as error:
        return Proof(what, "wrong", str(error))
    if made is None:
        return Proof(what, "wrong", f"there is no {what}")
    channels[channel] = made
    try:
        with stack.explained():
            state, words = _LOOKS.get((channel, chosen), _knock)(made, outside)
    except stack.StackError as error:
        return Proof(what, "not proved", str(error))
    return Proof(what, state, words)


def _knock(made: Channel, _: Outside) -> tuple[State, str]:
    if not isinstance(made, Knocking):
        return "not proved", "its keys can only be proved by a message: --test-to"
    wrong = made.knock()
    if wrong is None:
        return "proved", "the provider opens; whether it takes a message, a test shows: --test-to"
    if wrong.reason == "no_connection":
        return "not proved", "no connection from this machine"
    return "wrong", wrong.reason.replace("_", " ")


def _aws_sms(_: Channel, outside: Outside) -> tuple[State, str]:
    client = outside.client("pinpoint-sms-voice-v2")
    told = client.describe_account_attributes()["AccountAttributes"]
    tier = {one["Name"]: one["Value"] for one in told}.get("ACCOUNT_TIER", "")
    limits = {one["Name"]: one for one in client.describe_spend_limits()["SpendLimits"]}
    most = limits.get("TEXT_MESSAGE_MONTHLY_SPEND_LIMIT", {}).get("EnforcedLimit", 0)
    where = "in production" if tier == "PRODUCTION" else "in the sandbox: only verified numbers get texts"
    words = (
        f"{where}; at most {most} USD a month; whether {outside.options['origination_identity']} may send, a test shows"
    )
    return "proved", words


def _sns_sms(_: Channel, outside: Outside) -> tuple[State, str]:
    client = outside.client("sns")
    boxed = client.get_sms_sandbox_account_status()["IsInSandbox"]
    most = (
        client.get_sms_attributes(attributes=["MonthlySpendLimit"]).get("attributes", {}).get("MonthlySpendLimit", "1")
    )
    where = "in the sandbox: only verified numbers get texts" if boxed else "in production"
    return "proved", f"{where}; at most {most} USD a month"


def _sns_push(_: Channel, outside: Outside) -> tuple[State, str]:
    client, words = outside.client("sns"), []
    for name in ("ios", "android"):
        arn = outside.options.get(name)
        if not arn:
            continue
        told = client.get_platform_application_attributes(PlatformApplicationArn=arn)["Attributes"]
        if told.get("Enabled", "true") != "true":
            return "wrong", f"the application for {name} is disabled: look at its keys in the SNS console"
        ends = told.get("AppleCertificateExpirationDate")
        words.append(f"{name} is enabled" + (f" until {ends}" if ends else ""))
    return "proved", "; ".join(words)


_LOOKS: dict[tuple[str, str], Callable[[Any, Outside], tuple[State, str]]] = {
    ("sms", "aws"): _aws_sms,
    ("sms", "sns"): _sns_sms,
    ("push", "sns"): _sns_push,
}
