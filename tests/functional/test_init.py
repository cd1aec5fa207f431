"""`aftershow init`: answers, proofs, a test message, and a look at the last show; nothing is let loose."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from infra.local import answers, cli, proving, runs
from infra.local.init import answered
from infra.local.stack import Connect
from tests.contract.conftest import make_client
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, MotoShop, moto_shop

NAMED = ("--name", "Lan's 茶", "--sender", "shop@tea.example")
SENDING = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
}
VERIFIED = {
    "IdentityType": "DOMAIN",
    "VerifiedForSendingStatus": True,
    "VerificationStatus": "SUCCESS",
    "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
}


def nobody(_service: str, _region: str | None) -> Any:
    """A machine without credentials."""
    raise sdk.NoCredentialsError


class Ses:
    """A sesv2 client whose answers are given; what it is asked to send is kept."""

    def __init__(self, account: Mapping[str, Any], identities: Mapping[str, Mapping[str, Any]]) -> None:
        self.account, self.identities = account, identities
        self.sent: list[Mapping[str, Any]] = []

    def client(self) -> Any:
        client = make_client("sesv2")
        stubber = Stubber(client)
        # botocore checks the shape of every answer; each client is asked once for everything, or once to send.
        stubber.add_response("get_account", dict(self.account))
        for name in ("shop@tea.example", "tea.example"):
            if name in self.identities:
                stubber.add_response("get_email_identity", dict(self.identities[name]), {"EmailIdentity": name})
            else:
                stubber.add_client_error("get_email_identity", "NotFoundException", "no", 404)
        stubber.activate()
        return client

    def sender(self) -> Any:
        client = make_client("sesv2")
        client.meta.events.register("provide-client-params.sesv2.SendEmail", self._keep)
        stubber = Stubber(client)
        stubber.add_response("send_email", {"MessageId": "ses-1"})
        stubber.activate()
        return client

    def _keep(self, params: Mapping[str, Any], **_: object) -> None:
        self.sent.append(params)

    def connect_over(self, inner: Connect) -> Connect:
        clients = iter((self.client(), self.sender()))
        return lambda service, region: next(clients) if service == "sesv2" else inner(service, region)


@pytest.fixture
def deployed() -> Iterator[MotoShop]:
    with moto_shop() as shop:
        yield shop


def init(folder: Path, *words: str, obj: Connect = nobody) -> Result:
    """Where nobody can be asked."""
    where = ("--config", str(folder / "samconfig.toml"), "--data", str(folder / "shop.db"))
    return CliRunner().invoke(cli.app, ["init", *where, *words], obj=obj)


def test_without_credentials_everything_local_works_and_says_what_could_not_be_proved(tmp_path: Path) -> None:
    done = init(tmp_path, *NAMED, "--zone", "Europe/Berlin", "--locale", "en", "--test-to", "me@tea.example")
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    assert "AWS identity not proved no AWS credentials" in output
    assert "No show has ended in this state yet" in output
    assert "Every playbook is off until it is approved" in output
    [file] = (tmp_path / "shop-messages").glob("*.eml")
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert mail["To"] == "me@tea.example"
    assert mail["Subject"].startswith("[Test] ")
    assert "Lan's 茶" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    # `up` goes on with the shop's own settings.
    state = runs.opened(tmp_path / "shop.db")
    settings = state.host.ports("send_message").settings
    state.close()
    assert (settings.shop_name, settings.shop_zone, settings.sender) == (
        "Lan's 茶",
        "Europe/Berlin",
        "shop@tea.example",
    )


def test_again_changes_only_what_is_answered_differently(tmp_path: Path) -> None:
    init(tmp_path, *NAMED, "--locale", "en")
    file = tmp_path / "samconfig.toml"
    before = file.read_bytes()
    assert "nothing changed" in init(tmp_path).output
    assert file.read_bytes() == before
    told = json.loads(init(tmp_path, "--currency", "EUR", "--json", "-").stdout)
    assert told["changed"] == ["ShopCurrency: CNY -> EUR"]
    assert answers.read(file)["ShopName"] == "Lan's 茶"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--name is needed where nobody can be asked"),
        ((*NAMED, "--zone", "Shanghai"), "--zone: 'Shanghai' is no time zone"),
        ((*NAMED, "--channels", "email,pigeon"), "'pigeon' is no channel"),
        ((*NAMED, "--channels", "email,sms"), "who sends your text messages? There are aws, sns, aliyun, tencent"),
        ((*NAMED, "--channels", "sms", "--sms-provider", "pigeon"), "'pigeon' is no provider of sms"),
        ((*NAMED, "--test-to", "me"), "--test-to: 'me' is no e-mail address"),
    ],
)
def test_a_bad_answer_is_refused_before_anything_is_written(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    refused = init(tmp_path, *words)
    assert (refused.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert says in " ".join(refused.output.split())


def test_a_person_is_asked_again_until_the_answer_is_good() -> None:
    said = iter(
        ["", "Lan's 茶", "Shanghai", "Asia/Shanghai", "CNY", "zh-CN", "CN", "shop@tea.example", "", "email,file"]
    )
    asked: list[tuple[str, str]] = []

    def prompt(words: str, stands: str) -> str:
        asked.append((words, stands))
        return next(said)

    given = dict.fromkeys((one.parameter for one in answers.QUESTIONS), None)
    found = answered(given, {"ShopCountry": "DE"}, prompt)
    assert (found["ShopName"], found["ShopZone"], found["FileChannel"]) == ("Lan's 茶", "Asia/Shanghai", "on")
    assert len(asked) == len(answers.QUESTIONS) + 2
    assert "DE" in [stands for _, stands in asked]
    assert found["ShopCountry"] == "CN"
    # What was given as an option is not asked.
    asked.clear()
    assert answered(found, {}, prompt)["ShopName"] == "Lan's 茶"
    assert asked == []


def test_a_demo_is_looked_at_as_the_last_show_and_its_own_approvals_are_lifted(tmp_path: Path) -> None:
    data = tmp_path / "shop.db"
    assert CliRunner().invoke(cli.app, ["demo", "--viewers", "60", "--days", "3", "--data", str(data)]).exit_code == 0
    told = json.loads(init(tmp_path, *NAMED, "--json", "-").stdout)
    dry = told["dry_run"]
    assert dry["reminded"] + sum(dry["left_alone"].values()) == dry["viewers"]
    assert dry["reminded"] > 0
    assert all(one["trace"] for one in dry["would"])
    listed = CliRunner().invoke(cli.app, ["playbooks", "list", "--data", str(data)]).output
    assert listed.count("stopped by aftershow init") == 4


def test_what_aws_says_is_proved_by_real_calls_and_the_message_goes_out(tmp_path: Path, deployed: MotoShop) -> None:
    ses = Ses(SENDING, {"tea.example": VERIFIED})
    words = ("--stack", STACK, "--region", REGION, "--locale", "en", "--test-to", "me@tea.example", "--json", "-")
    done = init(tmp_path, *NAMED, *words, obj=ses.connect_over(connect_to(deployed)))
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    states = {one["what"]: (one["state"], one["words"]) for one in told["proofs"]}
    assert {state for state, _ in states.values()} == {"proved"}
    assert "arn:aws:sts::123456789012" in states["AWS identity"][1]
    assert states["SES account"][1] == "in production"
    assert "50,000 messages a day, 12 used; 14 a second, so 7 for each of two queues" in states["SES quota"][1]
    assert states["Sender"][1] == "tea.example is verified"
    assert states["DKIM"][1] == "messages of tea.example are signed"
    # Two queues share the account's rate.
    assert answers.read(tmp_path / "samconfig.toml")["SendRatePerSecond"] == "7"
    assert told["test"] == "sent to me@tea.example, SES calls it ses-1"
    [sent] = ses.sent
    assert (sent["FromEmailAddress"], sent["Destination"]) == ("shop@tea.example", {"ToAddresses": ["me@tea.example"]})
    assert "ConfigurationSetName" not in sent, "its events would be taken for a viewer's"
    assert told["next"][0] == f"infra/aftershow build && sam deploy --config-file {tmp_path / 'samconfig.toml'}"


def seen(ses: Ses, deployed: MotoShop, **parameters: str) -> tuple[dict[str, tuple[str, str]], proving.Account]:
    account = proving.prove(
        {"Sender": "shop@tea.example", "Channels": "email", **parameters}, STACK, REGION,
        ses.connect_over(connect_to(deployed)),
    )  # fmt: skip
    return {one.what: (one.state, one.words) for one in account.proofs}, account


def test_a_sandbox_says_what_it_lets_through(deployed: MotoShop) -> None:
    told, account = seen(Ses({**SENDING, "ProductionAccessEnabled": False}, {"tea.example": VERIFIED}), deployed)
    assert told["SES account"][0] == "proved"
    assert "only verified addresses get mail" in told["SES account"][1]
    assert account.can_send


def test_a_paused_account_and_an_unknown_sender_are_wrong_and_nothing_is_sent(deployed: MotoShop) -> None:
    told, account = seen(Ses({**SENDING, "SendingEnabled": False}, {}), deployed)
    assert told["SES account"] == ("wrong", "sending is paused by AWS")
    assert told["Sender"][0] == "wrong"
    assert "create-email-identity --email-identity tea.example" in told["Sender"][1]
    assert not account.can_send


def test_an_address_that_is_verified_alone_is_not_signed(deployed: MotoShop) -> None:
    unsigned = {"SigningEnabled": False, "Status": "NOT_STARTED"}
    alone = {**VERIFIED, "IdentityType": "EMAIL_ADDRESS", "DkimAttributes": unsigned}
    told, account = seen(Ses(SENDING, {"shop@tea.example": alone}), deployed)
    assert told["Sender"] == ("proved", "shop@tea.example is verified")
    assert (told["DKIM"][0], "verify its domain" in told["DKIM"][1]) == ("wrong", True)
    assert account.can_send


def test_a_domain_that_waits_for_its_records_can_not_send(deployed: MotoShop) -> None:
    waits = {
        **VERIFIED, "VerifiedForSendingStatus": False, "VerificationStatus": "PENDING",
        "DkimAttributes": {"SigningEnabled": True, "Status": "PENDING"},
    }  # fmt: skip
    told, account = seen(Ses(SENDING, {"tea.example": waits}), deployed)
    assert told["Sender"][0] == "wrong"
    assert "three CNAME records" in told["DKIM"][1]
    assert not account.can_send


def test_a_stack_that_is_not_there_yet_is_no_fault(deployed: MotoShop) -> None:
    inner = connect_to(deployed)

    def connect(service: str, region: str | None) -> Any:
        client = inner(service, region)
        if service == "cloudformation":
            client = make_client(service)
            stubber = Stubber(client)
            stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist", 400)
            stubber.add_response("describe_stacks", {"Stacks": []}, {})
            stubber.activate()
        return client

    account = proving.prove({"Channels": "file"}, STACK, REGION, connect)
    assert [(one.what, one.state) for one in account.proofs] == [("AWS identity", "proved"), ("Stack", "not proved")]
