"""The built template, deployed by SAM CLI to ministack, and what tests do with it."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.model.reminders import Reminder
from aftershow.ports.store import Item, Range, Store
from aftershow.rules import links
from infra.local import catalog, tools
from infra.local.building import sam_environment
from infra.local.wire import batch_request
from tests.deployed.ministack.server import REGION, Server, clean
from tests.functional.story import Said

T = TypeVar("T")

STACK = "aftershow"
# Any hour of the day is allowed, so that the tests don't depend on when they run. ministack refuses alarms on sums of
# metrics, and has no CodeDeploy: it sees neither nested stack, and aliases move at once. That everything goes through
# them it does show.
PARAMETERS = {
    "DueShards": "8",
    "QuietFromHour": "0",
    "QuietUntilHour": "0",
    "Observability": "off",
    "Rollout": "AllAtOnce",
}
SENDER = "shop@example.com"
WITHIN_SECONDS = 60


def deploy(server: Server, template: Path) -> Cloud:
    """Deploy with SAM CLI, then do by hand what ministack leaves out."""
    sam_deploy(server, template, PARAMETERS)
    cloud = Cloud(server)
    cloud.make_routes()
    cloud.mend_concurrency()
    server.client("sesv2").create_email_identity(EmailIdentity=SENDER)
    catalog.load(cloud.store, approved_at=int(time.time() * 1000))
    return cloud


def sam_deploy(server: Server, template: Path, parameters: Mapping[str, str]) -> None:
    """Deploy, or deploy again: parameters that are not named keep their values then."""
    given = [f"{name}={value}" for name, value in parameters.items()]
    done = subprocess.run(  # noqa: S603 (no shell)
        [tools.tool(*tools.SAM).bin / "sam", "deploy", "--template-file", template, "--stack-name", STACK,
         "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar",
         "--parameter-overrides", *given],
        check=False, capture_output=True, text=True, env={**clean(), **sam_environment(), **in_ministack(server)},
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr}\n{server.log()[-2000:]}"


def in_ministack(server: Server) -> dict[str, str]:
    """Where SAM CLI finds its account."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the HTTP API."""

    status: int
    location: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that SES accepted."""

    id: str
    address: str
    subject: str
    button: str
    unsubscribe: str
    reminder: str


class Cloud:
    """A deployed stack: the ways into it from outside, and a look at what it keeps."""

    def __init__(self, server: Server) -> None:
        self.server = server
        stack = server.client("cloudformation").describe_stack_resources(StackName=STACK)
        self.resources: Mapping[str, str] = {
            one["LogicalResourceId"]: one["PhysicalResourceId"] for one in stack["StackResources"]
        }

    @cached_property
    def processed(self) -> Any:
        """The expanded template."""
        answer = self.server.client("cloudformation").get_template(StackName=STACK, TemplateStage="Processed")
        body = answer["TemplateBody"]
        return json.loads(body) if isinstance(body, str) else body

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The environment that send_message got: the richest one."""
        answer = self.server.client("lambda").get_function_configuration(FunctionName=self.resources["SendMessage"])
        found: Mapping[str, str] = answer["Environment"]["Variables"]
        return found

    @cached_property
    def store(self) -> Store:
        """The store as functions see it, with an administrator's rights."""
        tables = json.loads(self.environment["TABLES"])
        return Store(DynamoDbBackend(self.server.client("dynamodb"), tables, time.sleep), lambda: uuid4().hex)

    def make_routes(self) -> None:
        """ministack drops the routes that the API's body lists: make them from the expanded template."""
        gateway, api = self.server.client("apigatewayv2"), self.resources["Api"]
        for path, methods in self.processed["Resources"]["Api"]["Properties"]["Body"]["paths"].items():
            for method, route in methods.items():
                integration = route["x-amazon-apigateway-integration"]
                [alias] = re.findall(r"/functions/\$\{(\w+)\}/", integration["uri"]["Fn::Sub"])
                made = gateway.create_integration(
                    ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=self.resources[alias],
                    PayloadFormatVersion=integration["payloadFormatVersion"],
                )  # fmt: skip
                gateway.create_route(
                    ApiId=api, RouteKey=f"{method.upper()} {path}", Target=f"integrations/{made['IntegrationId']}"
                )

    def mend_concurrency(self) -> None:
        """ministack keeps a parameter of type Number as text in ScalingConfig, and compares it with a number."""
        functions = self.server.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            workers = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
            if workers is not None:
                scaling = {"MaximumConcurrency": int(workers)}
                functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Reply:
        """A request to the HTTP API. Redirections are answers too."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request(
                method, f"/_aws/execute-api/{self.resources['Api']}/$default{path}", body or None, dict(headers or {})
            )
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers.get("location"), answer.read())
        finally:
            connection.close()

    def hears(self, *listed: Said) -> None:
        """All that is said, in one request after the other as an SDK sends them."""
        now = int(time.time() * 1000)
        for said in listed:
            asked = batch_request(now, said.messages, said.context, now)
            reply = self.request("POST", asked.path, asked.headers, asked.body)
            assert reply.status == 200, reply.body

    def invoke(self, function: str) -> Any:
        """Call a function as a schedule would."""
        client = self.server.client("lambda")
        answer = client.invoke(FunctionName=self.resources[function], Qualifier="live", Payload=b"{}")
        payload = json.load(answer["Payload"])
        assert "FunctionError" not in answer, payload
        return payload

    def send(self, queue: str, *bodies: str) -> None:
        """Messages into a queue, all in one call."""
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        answer = self.server.client("sqs").send_message_batch(QueueUrl=self.resources[queue], Entries=entries)
        assert not answer.get("Failed"), answer

    def waiting(self, *queues: str) -> int:
        """How many messages queues hold, visible or not."""
        return sum(sum(self._counts(queue)) for queue in queues)

    def delayed(self, queue: str) -> int:
        """How many messages of a queue are not to be seen yet."""
        return self._counts(queue)[1]

    def _counts(self, queue: str) -> list[int]:
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "Delayed", "NotVisible")]
        answer = self.server.client("sqs").get_queue_attributes(QueueUrl=self.resources[queue], AttributeNames=names)
        return [int(answer["Attributes"][name]) for name in names]

    def mails(self, address: str | None = None) -> list[Mail]:
        """The messages in SES's mailbox, in order."""
        return [mail for mail in map(self._mail, self._sent()) if address in (None, mail.address)]

    def _mail(self, sent: Mapping[str, Any]) -> Mail:
        """The mailbox keeps neither headers nor tags, so the links in the text say which reminder it was."""
        button, unsubscribe = (re.search(rf"https?://\S+/{way}/(\S+)", sent["BodyText"]) for way in "cu")
        assert button is not None, sent
        assert unsubscribe is not None, sent
        target = links.read(self.environment["LINK_SECRET"], "unsubscribe", unsubscribe[1])
        assert target is not None, sent
        return Mail(sent["MessageId"], sent["To"][0], sent["Subject"], button[0], unsubscribe[0], target.reminder)

    def _sent(self) -> Iterable[Mapping[str, Any]]:
        accounts = self.server.get("/_ministack/ses/messages")["messages"]
        return itertools.chain.from_iterable(accounts.values()) if isinstance(accounts, dict) else accounts

    def rows(self, table: str, of: str) -> list[Item]:
        """The items of one partition."""
        return list(self.store.query(table, Range(of)).items)

    def reminders(self, viewer: str) -> list[Reminder]:
        """A viewer's reminders in the order of their due moments."""
        return sorted((Reminder.read(row.body) for row in self.rows("reminders", viewer)), key=lambda row: row.due)


def wait_for(look: Callable[[], T | None], what: str, seconds: float = WITHIN_SECONDS) -> T:
    """Look again and again until there is something to see."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"not within {seconds} s: {what}")
