"""A deployed shop as commands see it: found by the name of its stack, reached with the person's own AWS credentials.

    stack = stack.find("aftershow", region=None)
    stack.store, stack.queues       the ports, over the stack's tables and queues
    stack.queue("FactsDeadQueue")   the URL of a queue of template.yaml
    stack.client("s3")              a client of any service in the stack's region

Nothing is kept: neither credentials nor names are written anywhere.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any
from uuid import uuid4

import typer

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.adapters.sqs import SqsQueues
from aftershow.model.settings import Settings
from aftershow.ports.store import Item, Row, Store

StackOption = Annotated[
    str | None,
    typer.Option("--stack", help="A deployed shop, by the name of its stack, with your own AWS credentials."),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", help="AWS region of the stack, if your environment or profile names none.")
]

# (service, region) to a botocore client; region None: what environment and profile say.
Connect = Callable[[str, str | None], Any]

_NO_SUCH_STACK = "does not exist"
_NOT_KNOWN = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"}
    | {"UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId", "InvalidSignatureException"}
)
_NOT_ALLOWED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_WITHOUT_RESOURCES = ("DELETE_", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS")
_TABLE, _QUEUE = "AWS::DynamoDB::Table", "AWS::SQS::Queue"
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
# What a stack of ours has and others hardly do.
_OURS = "CatalogTableName"


class StackError(Exception):
    """A deployed shop can't be reached or used: why, and what to do about it."""


@dataclass(frozen=True)
class Stack:
    """One deployed shop. `parameters`, `outputs` by name; `resources` is logical id to (type, physical id)."""

    name: str
    region: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    resources: Mapping[str, tuple[str, str]]
    connect: Connect = field(repr=False)

    def client(self, service: str) -> Any:
        """A botocore client in the stack's region."""
        return self.connect(service, self.region)

    @cached_property
    def tables(self) -> Mapping[str, str]:
        """Logical name ("dead_letters") to physical name, for all tables that the stack has."""
        return {
            _CAPITAL.sub("_", logical.removesuffix("Table")).lower(): physical
            for logical, (kind, physical) in self.resources.items()
            if kind == _TABLE
        }

    @cached_property
    def store(self) -> Store:
        """The store over the stack's tables."""
        return Store(DynamoDbBackend(self.client("dynamodb"), self.tables, time.sleep), lambda: uuid4().hex)

    @cached_property
    def queues(self) -> SqsQueues:
        """The queues port; queues are named by URL, see `queue`."""
        return SqsQueues(self.client("sqs"))

    def queue(self, logical: str) -> str:
        """The URL of a queue, by its name in template.yaml. Raises StackError where the stack has none such."""
        return self.physical(logical, _QUEUE)

    @property
    def queue_urls(self) -> Mapping[str, str]:
        """All queues: name in template.yaml to URL."""
        return {logical: physical for logical, (kind, physical) in self.resources.items() if kind == _QUEUE}

    @cached_property
    def settings(self) -> Settings:
        """What the functions of the stack are told, as far as parameters, tables and queues say it; no secrets."""
        given = {_CAPITAL.sub("_", name).upper(): value for name, value in self.parameters.items()}
        given |= {"BASE_URL": given.get("BASE_URL") or self.api_url, "TABLES": json.dumps(dict(self.tables))}
        return Settings.of(given | {"QUEUE_REMINDERS": self.queue("RemindersQueue")})

    @cached_property
    def identity(self) -> str:
        """Who is asking, as AWS knows them: the ARN of the caller."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    def items(self, table: str, prefix: str = "") -> Iterator[Item]:
        """Every item of a table whose partition begins so: a scan, which reads (and costs) the whole table."""
        only = {
            "FilterExpression": "begins_with(pk, :prefix)",
            "ExpressionAttributeValues": {":prefix": {"S": prefix}},
        }
        scan = self.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=self.tables[table], ConsistentRead=True, **(only if prefix else {}))
        return (Row(row).item(table) for page in pages for row in page["Items"])

    @property
    def api_url(self) -> str:
        """Where events are sent, without a final slash."""
        return self.outputs.get("ApiUrl", "").rstrip("/")

    def physical(self, logical: str, kind: str) -> str:
        """The physical id of a resource, by its name and type in template.yaml. Raises StackError."""
        found = self.resources.get(logical)
        if found is None or found[0] != kind:
            raise StackError(f"stack {self.name} has no {logical}: it was deployed by another version, deploy again")
        return found[1]


def find(name: str, region: str | None = None, connect: Connect | None = None) -> Stack:
    """The deployed shop of this name: two read-only calls of CloudFormation. Raises StackError."""
    with explained():
        connect = connect or connected()
        client = connect("cloudformation", region)
        return _read(client, name, client.meta.region_name, connect)


def connected() -> Connect:
    """Clients with the person's own credentials: environment, profile, SSO, instance role. Raises StackError."""
    from botocore.config import Config
    from botocore.session import get_session

    session = get_session()
    # A person waits in front of it.
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
    return lambda service, region: session.create_client(service, region_name=region, config=config)


@contextmanager
def explained() -> Iterator[None]:
    """What the SDK raises inside, as a StackError that says what to do."""
    from botocore import exceptions as sdk

    try:
        yield
    except sdk.NoRegionError as error:
        raise StackError("which AWS region? Give --region, or set AWS_DEFAULT_REGION") from error
    except (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError) as error:
        raise StackError(f"no AWS credentials ({error}): aws configure, aws sso login, or AWS_PROFILE") from error
    except sdk.ProfileNotFound as error:
        raise StackError(f"{error}: look at AWS_PROFILE") from error
    except (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.InvalidRegionError) as error:
        raise StackError(f"{error}: is the region's name right, and is this machine online?") from error
    except sdk.ClientError as error:
        raise StackError(_refused(error)) from error
    except sdk.BotoCoreError as error:
        # SSO and login tokens, web identities: the SDK's own words name the remedy.
        raise StackError(f"AWS could not be asked: {error}") from error


def _refused(error: Any) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _NOT_KNOWN:
        return f"AWS doesn't take these credentials ({code}): have they expired? aws sso login, or look at AWS_PROFILE"
    if code in _NOT_ALLOWED:
        return f"these AWS credentials lack a right: {error}"
    return str(error)


def _read(client: Any, name: str, region: str, connect: Connect) -> Stack:
    from botocore.exceptions import ClientError

    try:
        [told] = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if _NO_SUCH_STACK in str(error):
            raise StackError(_no_such(client, name, region)) from error
        raise
    status = str(told["StackStatus"])
    if status.startswith(_WITHOUT_RESOURCES):
        raise StackError(f"stack {name} in {region} is {status}: deploy it first (README: Deploying)")
    outputs = {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", ())}
    if _OURS not in outputs:
        raise StackError(f"stack {name} in {region} is no shop of Aftershow: it has no output {_OURS}")
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = {
        each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
        for page in pages
        for each in page["StackResourceSummaries"]
    }
    parameters = {each["ParameterKey"]: each.get("ParameterValue", "") for each in told.get("Parameters", ())}
    return Stack(name, region, parameters, outputs, resources, connect)


def _no_such(client: Any, name: str, region: str) -> str:
    """The usual reasons are a region or a name beside the right one, so name the shops that are there."""
    from botocore.exceptions import ClientError

    try:
        pages = list(client.get_paginator("describe_stacks").paginate())
    except ClientError:
        return f"there is no stack {name} in {region}: look at the name, and at --region"
    shops = sorted(
        str(each["StackName"])
        for page in pages
        for each in page["Stacks"]
        if any(output["OutputKey"] == _OURS for output in each.get("Outputs", ()))
    )
    known = f"shops there: {', '.join(shops)}" if shops else "there is no shop at all: another --region?"
    return f"there is no stack {name} in {region}; {known}"
