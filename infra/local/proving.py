"""Proofs of what a shop can do in AWS, each by a real call that only reads; or a word that it could not be proved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from aftershow.ports.channels import Channel
from infra.local import channel_proofs, stack
from infra.local.channel_proofs import Proof

# SES: a new account may send 200 messages a day, to verified addresses only.
_SANDBOX = "in the sandbox: only verified addresses get mail; ask for production access in the SES console"
# Two send queues take the rate each: see the template's SendRatePerSecond.
_QUEUES = 2


@dataclass(frozen=True, slots=True)
class Account:
    """What a real account told: proofs, whether an e-mail can go out through SES, and the other channels that a test
    can go out over."""

    proofs: list[Proof]
    can_send: bool = False
    known: bool = False
    channels: Mapping[str, Channel] = field(default_factory=dict)
    # Messages a second that each of the two send queues may pass on at most; None where it is not known.
    rate: int | None = None


def prove(
    parameters: Mapping[str, str], name: str, region: str | None, connect: stack.Connect | None = None
) -> Account:
    """Identity, stack, and for e-mail the account, the sender and its quota. Never raises for what AWS says: that is
    what a proof is."""
    try:
        with stack.explained():
            connect = connect or stack.connected()
            client = connect("sts", region or None)
            region = str(client.meta.region_name)
            arn = client.get_caller_identity()["Arn"]
    except stack.StackError as error:
        return Account([Proof("AWS identity", "not proved", f"{error}. Everything local works without it")])
    proofs = [Proof("AWS identity", "proved", f"{arn}, region {region}")]
    proofs.append(_stack(name, region, connect))
    others = channel_proofs.prove(parameters, name, region, connect)
    proofs += others.proofs
    by_ses = parameters.get("EmailProvider", "ses") == "ses"
    if "email" not in parameters.get("Channels", "").split(",") or not by_ses:
        return Account(proofs, known=True, channels=others.channels)
    if region.startswith("cn-"):
        words = "there is no SES in the China regions: --email-provider smtp, or go without e-mail"
        return Account([*proofs, Proof("E-mail", "wrong", words)], known=True, channels=others.channels)
    client = connect("sesv2", region)
    account, may_send, rate = _account(client)
    identity, verified = _identity(client, parameters.get("Sender", ""))
    return Account(
        [*proofs, *account, *identity], may_send and verified, known=True, channels=others.channels, rate=rate
    )


def _stack(name: str, region: str, connect: stack.Connect) -> Proof:
    try:
        found = stack.find(name, region, connect)
    except stack.StackError as error:
        return Proof("Stack", "not proved", str(error))
    return Proof("Stack", "proved", f"{name} is deployed, {found.api_url}")


def _account(client: Any) -> tuple[list[Proof], bool, int | None]:
    told = _asked(client.get_account)
    if isinstance(told, str):
        return [Proof("SES account", "not proved", told)], False, None
    quota = told.get("SendQuota", {})
    most, used, a_second = (float(quota.get(key, 0)) for key in ("Max24HourSend", "SentLast24Hours", "MaxSendRate"))
    mode = "in production" if told.get("ProductionAccessEnabled") else _SANDBOX
    sending = bool(told.get("SendingEnabled")) and told.get("EnforcementStatus", "HEALTHY") != "SHUTDOWN"
    rate = max(1, int(a_second / _QUEUES))
    words = f"{most:,.0f} messages a day, {used:,.0f} used; {a_second:g} a second, so {rate} for each of two queues"
    account = Proof("SES account", "proved" if sending else "wrong", mode if sending else "sending is paused by AWS")
    return [account, Proof("SES quota", "proved", words)], sending, rate


def _identity(client: Any, sender: str) -> tuple[list[Proof], bool]:
    """The sender's address or its domain, whichever is an identity of SES; a verified one counts."""
    domain = sender.rpartition("@")[2]
    answers = {one: _asked(lambda one=one: client.get_email_identity(EmailIdentity=one)) for one in (sender, domain)}  # type: ignore[misc]
    found = {one: told for one, told in answers.items() if not isinstance(told, str)}
    if not found:
        refused = [str(told) for told in answers.values() if told != _MISSING]
        if refused:
            return [Proof("Sender", "not proved", refused[0])], False
        to_do = f"aws sesv2 create-email-identity --email-identity {domain}"
        return [Proof("Sender", "wrong", f"neither {sender} nor {domain} is an identity of SES: {to_do}")], False
    verified = [one for one, told in found.items() if told.get("VerifiedForSendingStatus")]
    name = verified[0] if verified else next(iter(found))
    told = found[name]
    status = str(told.get("VerificationStatus", "PENDING")).lower()
    words = (
        f"{name} is verified"
        if verified
        else f"{name} is not verified yet ({status}): follow SES's mail or DNS records"
    )
    return [Proof("Sender", "proved" if verified else "wrong", words), _dkim(name, told)], bool(verified)


def _dkim(name: str, told: Mapping[str, Any]) -> Proof:
    dkim = told.get("DkimAttributes", {})
    status = str(dkim.get("Status", "NOT_STARTED"))
    if status == "SUCCESS" and dkim.get("SigningEnabled"):
        return Proof("DKIM", "proved", f"messages of {name} are signed")
    if "@" in name:
        return Proof("DKIM", "wrong", "an address alone is not signed: verify its domain, or mailboxes will doubt it")
    return Proof(
        "DKIM", "wrong", f"{status.lower().replace('_', ' ')}: put SES's three CNAME records into the DNS of {name}"
    )


_MISSING = "missing"


def _asked(call: Callable[[], Any]) -> Any:
    """The answer; or why there is none, as a text."""
    try:
        with stack.explained():
            return call()
    except stack.StackError as error:
        cause = error.__cause__
        missing = isinstance(cause, ClientError) and cause.response["Error"]["Code"] == "NotFoundException"
        return _MISSING if missing else str(error)
