"""A deployed shop found by the name of its stack; and clear words where it can't be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.stub import Stubber

from aftershow.ports import keys
from aftershow.ports.queues import Message
from infra.local import stack
from tests.contract.conftest import make_client
from tests.functional.deployed_stack import API_URL, STACK, connect_to, described
from tests.functional.moto_shop import REGION, moto_shop


def test_tables_queues_and_address_come_from_the_stack() -> None:
    with moto_shop() as deployed:
        shop = stack.find(STACK, REGION, connect_to(deployed, {"ShopZone": "Asia/Shanghai"}))
        assert shop.tables == {table.name: table.id for table in deployed.template.tables}
        assert shop.queue_urls == deployed.urls
        assert (shop.region, shop.api_url, shop.parameters["ShopZone"]) == (REGION, API_URL, "Asia/Shanghai")
        assert shop.store.get(keys.playbook("hot-replay")) is not None
        shop.queues.send(shop.queue("FactsDeadQueue"), [Message("{}")])
        assert deployed.waiting("FactsDeadQueue") == 1
        with pytest.raises(stack.StackError, match="deployed by another version"):
            shop.queue("ElsewhereQueue")


def finding(prepare: Callable[[Stubber], None], name: str = STACK) -> str:
    """What a person reads when CloudFormation answers so."""

    def connect(service: str, _region: str | None) -> Any:
        client = make_client(service)
        stubber = Stubber(client)
        prepare(stubber)
        stubber.activate()
        return client

    with pytest.raises(stack.StackError) as refused:
        stack.find(name, REGION, connect)
    return str(refused.value)


def test_another_region_or_name_is_told_with_the_shops_that_are_there() -> None:
    other = {"StackName": "web", "CreationTime": "2026-03-01T00:00:00Z", "StackStatus": "CREATE_COMPLETE"}
    with moto_shop() as deployed:

        def nothing_so_named(stubber: Stubber) -> None:
            stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist", 400)
            stubber.add_response("describe_stacks", {"Stacks": [other, described(deployed, {})]}, {})

        assert finding(nothing_so_named, "x") == f"there is no stack x in {REGION}; shops there: {STACK}"

    def nothing_at_all(stubber: Stubber) -> None:
        stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist", 400)
        stubber.add_response("describe_stacks", {"Stacks": [other]}, {})

    assert finding(nothing_at_all).endswith("there is no shop at all: another --region?")

    def may_not_list(stubber: Stubber) -> None:
        stubber.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist", 400)
        stubber.add_client_error("describe_stacks", "AccessDenied", "no", 403)

    assert finding(may_not_list).endswith("look at the name, and at --region")


def test_a_stack_of_somebody_else_is_left_alone() -> None:
    other = {"StackName": STACK, "CreationTime": "2026-03-01T00:00:00Z", "StackStatus": "CREATE_COMPLETE"}
    words = finding(lambda stubber: stubber.add_response("describe_stacks", {"Stacks": [other]}))
    assert "is no shop of Aftershow" in words


def test_a_stack_that_was_never_made_is_to_be_deployed_first() -> None:
    with moto_shop() as deployed:
        told = described(deployed, {}, "ROLLBACK_COMPLETE")
    words = finding(lambda stubber: stubber.add_response("describe_stacks", {"Stacks": [told]}))
    assert "is ROLLBACK_COMPLETE: deploy it first" in words


@pytest.mark.parametrize(
    ("code", "words"),
    [("ExpiredToken", "have they expired"), ("AccessDenied", "lack a right"), ("InternalFailure", "InternalFailure")],
)
def test_what_aws_refuses_is_told(code: str, words: str) -> None:
    assert words in finding(lambda stubber: stubber.add_client_error("describe_stacks", code, "no", 403))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sdk.NoCredentialsError(), "no AWS credentials"),
        (sdk.NoRegionError(), "Give --region"),
        (sdk.ProfileNotFound(profile="shop"), "look at AWS_PROFILE"),
        (sdk.EndpointConnectionError(endpoint_url="https://x"), "is the region's name right"),
        (sdk.ReadTimeoutError(endpoint_url="https://x"), "could not be asked"),
    ],
)
def test_what_keeps_the_sdk_from_asking_is_told(error: Exception, words: str) -> None:
    def connect(_service: str, _region: str | None) -> Any:
        raise error

    with pytest.raises(stack.StackError, match=words):
        stack.find(STACK, None, connect)
