"""A moto shop as commands find it: CloudFormation answers from the template, every other service is moto's.

moto's own CloudFormation can't read a SAM template; these answers go through botocore's Stubber, which refuses what the
service's description doesn't have.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

from infra.local.stack import Connect
from tests.contract.conftest import make_client
from tests.functional.moto_shop import BUCKET, REGION, MotoShop

STACK = "tea-shop"
API_URL = "https://abc123.execute-api.eu-central-1.amazonaws.com"
_CREATED = datetime(2026, 3, 1, tzinfo=UTC)


def connect_to(shop: MotoShop, parameters: Mapping[str, str] | None = None) -> Connect:
    """What `obj` of the command line is in tests: clients for the stack STACK in REGION."""

    def connect(service: str, region: str | None) -> Any:
        assert region in (None, REGION), region
        client = make_client(service)
        if service == "cloudformation":
            answer(client, shop, parameters or {})
        return client

    return connect


def answer(client: Any, shop: MotoShop, parameters: Mapping[str, str]) -> Stubber:
    """Let a CloudFormation client know the stack, for one `stack.find`."""
    stubber = Stubber(client)
    stubber.add_response("describe_stacks", {"Stacks": [described(shop, parameters)]}, {"StackName": STACK})
    # In two pages: a stack of ours has more than CloudFormation lists at once.
    tables, queues = _tables(shop), _queues(shop)
    stubber.add_response(
        "list_stack_resources", {"StackResourceSummaries": tables, "NextToken": "more"}, {"StackName": STACK}
    )
    stubber.add_response(
        "list_stack_resources", {"StackResourceSummaries": queues}, {"StackName": STACK, "NextToken": "more"}
    )
    stubber.activate()
    return stubber


def described(shop: MotoShop, parameters: Mapping[str, str], status: str = "UPDATE_COMPLETE") -> dict[str, Any]:
    """The stack as DescribeStacks tells it."""
    catalog = next(table.id for table in shop.template.tables if table.name == "catalog")
    return {
        "StackName": STACK,
        "CreationTime": _CREATED,
        "StackStatus": status,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Outputs": [
            {"OutputKey": "ApiUrl", "OutputValue": API_URL},
            {"OutputKey": "CatalogTableName", "OutputValue": catalog},
        ],
    }


def _tables(shop: MotoShop) -> list[dict[str, Any]]:
    others = [
        _resource("AddressSecret", "AWS::SecretsManager::Secret", "address-secret"),
        _resource("ArchiveBucket", "AWS::S3::Bucket", BUCKET),
    ]
    return [_resource(table.id, "AWS::DynamoDB::Table", table.id) for table in shop.template.tables] + others


def _queues(shop: MotoShop) -> list[dict[str, Any]]:
    return [_resource(name, "AWS::SQS::Queue", url) for name, url in shop.urls.items()]


def _resource(logical: str, kind: str, physical: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": logical,
        "PhysicalResourceId": physical,
        "ResourceType": kind,
        "LastUpdatedTimestamp": _CREATED,
        "ResourceStatus": "CREATE_COMPLETE",
    }
