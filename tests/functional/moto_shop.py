"""A shop on moto's AWS: tables, queues, bus, rules and e-mail as the template has them, and the real handlers.

What AWS does between the functions is done here step by step: an HTTP request becomes an event, messages are received
and handed over in batches, written rows become stream records. Time stands still unless a test moves it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from moto import mock_aws
from moto.core.models import botocore_stubber
from moto.ses.models import ses_backends

from aftershow.adapters.dynamodb import INDEX, DynamoDbBackend
from aftershow.adapters.eventbridge import EventBridgeBus
from aftershow.adapters.mime import Letterhead
from aftershow.adapters.s3 import S3Archive
from aftershow.adapters.ses import SesChannel
from aftershow.adapters.sqs import SqsQueues
from aftershow.model.instants import MINUTE, parse_instant
from aftershow.model.settings import Settings
from aftershow.ports.archive import NoArchive
from aftershow.ports.channels import Channel
from aftershow.ports.ports import Ports
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, Page, Put, Range, Store
from infra.local import catalog
from infra.local.clock import iso
from infra.local.gateway import Gateway, HttpReply, HttpRequest
from infra.local.intrinsics import parse
from infra.local.invoking import Handle, load
from infra.local.lambda_events import of_schedule
from infra.local.template import read_template
from tests.contract.conftest import SESSION, make_client

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
PARAMETERS = {"DueShards": "2", "BaseUrl": "https://shop.example", "PostalAddress": "1 Road"}
# 19:00 in the shop's zone.
START = parse_instant("2026-03-06T11:00:00+00:00")
REGION, ACCOUNT = "eu-central-1", "123456789012"
SERVICES = ("dynamodb", "sqs", "events", "sesv2", "s3")

# Buckets are named in small letters, by CloudFormation too.
BUCKET = "ArchiveBucket"
BUCKET_URL = f"https://{BUCKET.lower()}.s3.{REGION}.amazonaws.com"

_ARN_OF = re.compile(r"\$\{(\w+)\.Arn\}(.*)")


@dataclass
class Log:
    """Log lines, as they would be written."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, message: str, **fields: object) -> None:
        """Keep a line."""
        self.lines.append((message, fields))

    def warning(self, message: str, **fields: object) -> None:
        """Keep a line."""
        self.lines.append((message, fields))


@dataclass(frozen=True)
class Context:
    """What the handlers use of Lambda's context."""

    seconds: float = 60

    aws_request_id = "request-1"
    function_version = "7"

    def get_remaining_time_in_millis(self) -> int:
        """As if the invocation had just begun."""
        return int(self.seconds * 1000)


class Prompt:
    """An SQS client that keeps the delays of messages in a list instead of waiting for them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.delays: list[int] = []

    def send_message(self, **request: Any) -> Any:
        """Without its delay."""
        self.delays.append(request.pop("DelaySeconds", 0))
        return self._client.send_message(**request)

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **request: Any) -> Any:  # noqa: N803 (SQS's)
        """Without their delays."""
        self.delays += [entry.pop("DelaySeconds", 0) for entry in Entries]
        return self._client.send_message_batch(Entries=Entries, **request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class MotoHttp:
    """A sender of signed requests to moto, in place of connections to S3; tells each object's name before it is put."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def send(self, request: AWSPreparedRequest) -> Any:
        """The answer of moto's S3."""
        self._note(request.url.partition(".amazonaws.com/")[2])
        answer = botocore_stubber(event_name="before-send", request=request)
        assert answer is not None
        return answer


class Streamed:
    """A backend that notes the rows that a write left in tables with a stream, as the stream would."""

    def __init__(self, inner: Backend, client: Any, tables: Mapping[str, str]) -> None:
        self._inner = inner
        self._client = client
        # Logical to physical names of the tables with a stream.
        self._tables = tables
        self._images: dict[Key, Any] = {}
        self._numbers = count(1)
        self.records: list[dict[str, Any]] = []

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """See Backend."""
        return self._inner.read(keys)

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """See Backend."""
        self._inner.write(puts, checks, commit_id)
        for put in puts:
            if put.key.table in self._tables:
                self.records.append(self._record(put.key))

    def query(self, table: str, where: Range) -> Page:
        """See Backend."""
        return self._inner.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """See Backend."""
        return self._inner.query_index(table, where)

    def _record(self, key: Key) -> dict[str, Any]:
        name = self._tables[key.table]
        keys = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
        new = self._client.get_item(TableName=name, Key=keys, ConsistentRead=True)["Item"]
        old, self._images[key] = self._images.get(key), new
        number = next(self._numbers)
        record = {
            "ApproximateCreationDateTime": START / 1000,
            "Keys": keys,
            "NewImage": new,
            "SequenceNumber": f"{number:021d}",
            "SizeBytes": len(json.dumps(new)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
        return {
            "eventID": f"{number:032x}",
            "eventName": "MODIFY" if old else "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": REGION,
            "dynamodb": record | ({"OldImage": old} if old else {}),
            "eventSourceARN": f"{arn}/stream/2026-01-01T00:00:00.000",
        }


class MotoShop:
    """The shop. Make it inside of `mock_aws`: see `moto_shop`."""

    def __init__(self, parameters: Mapping[str, str] | None = None, *, approved: bool = True) -> None:
        self.now = START
        self.template = read_template(TEMPLATE, {**PARAMETERS, **(parameters or {})})
        # For tests, which look and prepare; the functions' own clients tell what they call.
        self.aws = {service: make_client(service) for service in SERVICES}
        self.urls = make_resources(self.aws, self.template)
        self.aws["s3"].create_bucket(Bucket=BUCKET.lower(), CreateBucketConfiguration={"LocationConstraint": REGION})
        self.log = Log()
        # (function, IAM action, resource) of every call; and the calls themselves: (function, operation, request).
        self.calls: Counter[tuple[str, str, str]] = Counter()
        self.requests: list[tuple[str, str, Mapping[str, Any]]] = []
        self._calling = "test"
        self._own = {service: self._noting(make_client(service)) for service in SERVICES if service != "s3"}
        self.archive = S3Archive(BUCKET_URL, REGION, SESSION.get_credentials, MotoHttp(self._note_put), self.pass_time)
        self.sqs = Prompt(self._own["sqs"])
        # SES keeps only a part of a message: the requests have all of it.
        self.mails: list[dict[str, Any]] = []
        tables = {table.name: table.id for table in self.template.tables}
        streamed = {table.name: table.id for table in self.template.tables if table.streamed}
        backend = DynamoDbBackend(self._own["dynamodb"], tables, self.pass_time)
        self.stream = Streamed(backend, self.aws["dynamodb"], streamed)
        self._ids = count(1)
        self.store = Store(self.stream, self.new_id)
        self._handles: dict[str, Handle] = {}
        self._ports: dict[str, Ports] = {}
        self._gateway = Gateway(self.template.routes, self.template.cors)
        catalog.load(self.store, approved_at=START if approved else None)

    def pass_time(self, seconds: float) -> None:
        """Nothing happens meanwhile."""
        self.now += int(seconds * 1000)

    def new_id(self) -> str:
        """A fresh id."""
        return f"{next(self._ids):032x}"

    def environment(self, function: str) -> dict[str, str]:
        """A function's variables, with the queues' URLs in them."""
        return environment_of(self.template.function(function).environment, self.urls)

    def ports(self, function: str) -> Ports:
        """A function's ports; warm functions keep theirs."""
        if function not in self._ports:
            settings = Settings.of(self.environment(function))
            letterhead = Letterhead(settings.sender, settings.shop_name, lambda: self.now)
            email: Channel = SesChannel(self._own["sesv2"], letterhead, settings.configuration_set)
            self._ports[function] = Ports(
                store=self.store,
                queues=SqsQueues(self.sqs),
                bus=EventBridgeBus(self._own["events"], settings.bus_name),
                channels={"email": email},
                settings=settings,
                log=self.log,
                now=lambda: self.now,
                sleep=self.pass_time,
                random=lambda: 0.5,
                new_id=self.new_id,
                archive=self.archive if settings.archive_url else NoArchive(),
            )
        return self._ports[function]

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """What the function's handler answers to an event."""
        if function not in self._handles:
            self._handles[function] = load(self.template.function(function))
        before, self._calling = self._calling, function
        try:
            return self._handles[function](json.loads(json.dumps(event)), Context(), self.ports(function))
        finally:
            self._calling = before

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> HttpReply:
        """What an HTTP client gets."""
        request = HttpRequest(method, path, headers, body)
        found = self._gateway.route(request)
        assert found is not None
        route, parameters = found
        event = self._gateway.event(request, route, parameters, self.new_id(), self.now)
        return self._gateway.reply(self.invoke(route.function, event), None)

    def waiting(self, queue: str) -> int:
        """How many messages a queue holds."""
        counted = self.aws["sqs"].get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=["All"])["Attributes"]
        return int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"])

    def receive(self, queue: str, most: int = 10) -> dict[str, Any] | None:
        """A batch of a queue's messages, as Lambda hands it over; None where there is none."""
        answer = self.aws["sqs"].receive_message(
            QueueUrl=self.urls[queue], MaxNumberOfMessages=most, AttributeNames=["All"], VisibilityTimeout=360
        )
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": md5(message["Body"].encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": REGION,
            }
            for message in answer.get("Messages", ())
        ]
        return {"Records": records} if records else None

    def deliver(self, queue: str) -> int:
        """Work a queue off with the function that reads it; returns how many messages succeeded."""
        [source] = [one for one in self.template.queue_sources if one.queue == queue]
        done = 0
        while (event := self.receive(queue, source.batch_size)) is not None:
            failed = {one["itemIdentifier"] for one in self.invoke(source.function, event)["batchItemFailures"]}
            for record in event["Records"]:
                if record["messageId"] not in failed:
                    self.aws["sqs"].delete_message(QueueUrl=self.urls[queue], ReceiptHandle=record["receiptHandle"])
                    done += 1
        return done

    def relay(self) -> int:
        """Hand the streams' records with an outbox to publish_changes; returns how many there were."""
        records = [one for one in self.stream.records if "has_events" in one["dynamodb"]["NewImage"]]
        self.stream.records.clear()
        for start in range(0, len(records), 100):
            self.invoke("publish_changes", {"Records": records[start : start + 100]})
        return len(records)

    def settle(self, *queues: str) -> None:
        """Relay and deliver until nothing is left but what waits in other queues than these (none: in all)."""
        names = queues or tuple(source.queue for source in self.template.queue_sources)
        while self.relay() + sum(self.deliver(queue) for queue in names):
            pass

    def tick(self) -> Any:
        """One call of release_due, a minute later."""
        self.now += MINUTE
        return self.invoke("release_due", of_schedule("ReleaseDue.EveryMinute", self.new_id(), self.now))

    def ses_says(self, kind: str, mail: Mapping[str, Any], **detail: object) -> None:
        """What SES reports about a message over the account's default bus (SES developer guide)."""
        tags = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
        tags["ses:configuration-set"] = [mail["ConfigurationSetName"]]
        about = {
            "timestamp": iso(self.now),
            "source": mail["FromEmailAddress"],
            "messageId": mail["MessageId"],
            "destination": mail["Destination"]["ToAddresses"],
            "tags": tags,
        }
        event = {
            "version": "0",
            "id": self.new_id(),
            "detail-type": kind,
            "source": "aws.ses",
            "account": ACCOUNT,
            "time": iso(self.now),
            "region": REGION,
            "resources": [],
            "detail": {"mail": about, **detail},
        }
        self.aws["sqs"].send_message(QueueUrl=self.urls["OutcomesQueue"], MessageBody=json.dumps(event))

    def sent_by_ses(self) -> list[Any]:
        """The messages that moto's SES took."""
        return list(ses_backends[ACCOUNT][REGION].sent_messages)

    def _note_put(self, name: str) -> None:
        self.requests.append((self._calling, "PutObject", {"Key": name}))
        self.calls[self._calling, "s3:PutObject", f"{BUCKET}/events/*"] += 1

    def _noting(self, client: Any) -> Any:
        def note(params: Mapping[str, Any], model: Any, **_more: object) -> None:
            self.requests.append((self._calling, model.name, params))
            for action, resource in rights_for(model.service_model.service_name, model.name, params):
                self.calls[self._calling, action, resource] += 1

        def keep(parsed: Mapping[str, Any], context: Mapping[str, Any], **_more: object) -> None:
            self.mails.append({**context["request"], **parsed})

        def remember(params: Mapping[str, Any], context: dict[str, Any], **_more: object) -> None:
            context["request"] = params

        client.meta.events.register("provide-client-params.*.*", note)
        client.meta.events.register("provide-client-params.sesv2.SendEmail", remember)
        client.meta.events.register("after-call.sesv2.SendEmail", keep)
        return client


@contextmanager
def moto_shop(parameters: Mapping[str, str] | None = None, *, approved: bool = True) -> Iterator[MotoShop]:
    """An empty shop, for as long as the block lasts."""
    with mock_aws():
        yield MotoShop(parameters, approved=approved)


def make_resources(aws: Mapping[str, Any], template: Any) -> dict[str, str]:
    """Tables, queues, bus, rules and the e-mail identity, named by their logical ids. Returns the queues' URLs."""
    for table in template.tables:
        names = ("pk", "sk", "ipk", "isk") if table.indexed else ("pk", "sk")
        index = {"IndexName": INDEX, "KeySchema": _schema("ipk", "isk"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        aws["dynamodb"].create_table(
            TableName=table.id,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            KeySchema=_schema("pk", "sk"),
            **({"GlobalSecondaryIndexes": [index]} if table.indexed else {}),
        )
    urls = {queue.id: aws["sqs"].create_queue(QueueName=queue.id)["QueueUrl"] for queue in template.queues}
    for bus in sorted({rule.bus for rule in template.rules} - {"default"}):
        aws["events"].create_event_bus(Name=bus)
    for rule in template.rules:
        aws["events"].put_rule(Name=rule.id, EventBusName=rule.bus, EventPattern=json.dumps(rule.pattern))
        targets = [{"Id": queue, "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"} for queue in rule.queues]
        aws["events"].put_targets(Rule=rule.id, EventBusName=rule.bus, Targets=targets)
    aws["sesv2"].create_email_identity(EmailIdentity="shop@example.com")
    return urls


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def environment_of(variables: Mapping[str, str], urls: Mapping[str, str]) -> dict[str, str]:
    """A function's variables as CloudFormation would set them: a reference to a queue is its URL."""
    quoted = {f'"{name}"': f'"{url}"' for name, url in urls.items()}

    def resolved(value: str) -> str:
        for name, url in quoted.items():
            value = value.replace(name, url)
        return urls.get(value, value)

    return {name: resolved(value) for name, value in variables.items()}


def rights_for(service: str, operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(IAM action, resource by its logical id) that a call needs."""
    if service == "dynamodb":
        yield from _rights_in_tables(operation, request)
    elif service == "sqs":
        yield f"sqs:{operation.removesuffix('Batch')}", request["QueueUrl"].rpartition("/")[2]
    elif service == "events":
        yield from (("events:PutEvents", entry["EventBusName"]) for entry in request["Entries"])
    else:
        for action in ("ses:SendEmail", "ses:SendRawEmail"):
            yield action, "identity/*"
            yield action, f"configuration-set/{request['ConfigurationSetName']}"


def _rights_in_tables(operation: str, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "BatchGetItem":
        yield from (("dynamodb:BatchGetItem", table) for table in request["RequestItems"])
    elif operation == "TransactWriteItems":
        actions = {"Put": "PutItem", "ConditionCheck": "ConditionCheckItem"}
        for item in request["TransactItems"]:
            yield from ((f"dynamodb:{actions[kind]}", what["TableName"]) for kind, what in item.items())
    else:
        index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
        yield f"dynamodb:{operation}", request["TableName"] + index


def granted(function: str) -> set[tuple[str, str]]:
    """What the template's role of a function (logical id) allows: (action, resource by its logical id)."""
    role = parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"][f"{function}Role"]
    found: set[tuple[str, str]] = set()
    for policy in role["Properties"]["Policies"]:
        for statement in _allowed(policy["PolicyDocument"]["Statement"]):
            actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
            found |= {(action, name) for action in actions for one in resources for name in _named(one)}
    return found


def _allowed(statements: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for statement in statements:
        if "Fn::If" in statement:
            yield from (one for one in statement["Fn::If"][1:] if "Action" in one)
        else:
            assert statement["Effect"] == "Allow"
            yield statement


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(resource: str | Mapping[str, Any]) -> Iterator[str]:
    if isinstance(resource, str):
        yield resource
        return
    [(how, what)] = resource.items()
    if how == "Fn::If":
        yield from (name for one in what[1:] for name in _named(one))
    elif how == "Fn::GetAtt":
        yield what[0] if isinstance(what, list) else what.partition(".")[0]
    elif how == "Fn::Sub":
        found = _ARN_OF.fullmatch(what)
        yield found[1] + found[2] if found else re.sub(r"\$\{(\w+)\}", r"\1", what.rpartition(":")[2])
