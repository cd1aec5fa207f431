"""An upgrade and the way back, as the README tells them; after the other tests of this folder.

ministack has no CodeDeploy, so the aliases move at once. What a canary does is AWS's alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deployed.ministack.cloud import PARAMETERS, SENDER, Cloud, sam_deploy
from tests.deployed.ministack.test_rights import functions

OTHER_SENDER = "tea@example.com"


def live(cloud: Cloud, function: str) -> Any:
    """The configuration of the version that the alias points at."""
    client = cloud.server.client("lambda")
    return client.get_function_configuration(FunctionName=cloud.resources[function], Qualifier="live")


def live_versions(cloud: Cloud) -> dict[str, str]:
    """By function."""
    client = cloud.server.client("lambda")
    return {
        name: client.get_alias(FunctionName=physical, Name="live")["FunctionVersion"]
        for physical, name in functions(cloud).items()
    }


@pytest.fixture(scope="module")
def told(cloud: Cloud, built: Path) -> Iterator[dict[str, dict[str, str]]]:
    """The live versions before a deployment with another sender, after it, and after the way back."""
    template = built / "template.yaml"
    seen = {"before": live_versions(cloud)}
    sam_deploy(cloud.server, template, {"Sender": OTHER_SENDER})
    seen["after"] = live_versions(cloud)
    assert live(cloud, "SendMessage")["Environment"]["Variables"]["SENDER"] == OTHER_SENDER
    # What the deployment didn't name stayed.
    assert live(cloud, "SendMessage")["Environment"]["Variables"]["QUIET_FROM_HOUR"] == PARAMETERS["QuietFromHour"]
    sam_deploy(cloud.server, template, {"Sender": SENDER})
    seen["back"] = live_versions(cloud)
    yield seen
    cloud.mend_concurrency()


def test_every_event_source_calls_the_alias(cloud: Cloud) -> None:
    """Queues, streams, the schedule and the API's routes."""
    lambdas, events = cloud.server.client("lambda"), cloud.server.client("events")
    called = [each["FunctionArn"] for each in lambdas.list_event_source_mappings()["EventSourceMappings"]]
    [target] = events.list_targets_by_rule(Rule=cloud.resources["ReleaseDueEveryMinute"])["Targets"]
    routed = cloud.server.client("apigatewayv2").get_integrations(ApiId=cloud.resources["Api"])["Items"]
    called += [target["Arn"], *(each["IntegrationUri"] for each in routed)]
    assert len(called) > len(routed) > 1
    assert [each for each in called if not each.endswith(":live")] == []


def test_a_changed_parameter_is_live_in_the_functions_that_are_told(told: dict[str, dict[str, str]]) -> None:
    """Only send_message knows it."""
    moved = [name for name, version in told["before"].items() if told["after"][name] != version]
    assert moved == ["SendMessage"]


def test_the_way_back_is_a_new_version_too(told: dict[str, dict[str, str]], cloud: Cloud) -> None:
    """Lambda never publishes an old number again."""
    assert told["back"]["SendMessage"] not in {told["before"]["SendMessage"], told["after"]["SendMessage"]}
    assert live(cloud, "SendMessage")["Environment"]["Variables"]["SENDER"] == SENDER


def test_functions_work_after_it(told: dict[str, dict[str, str]], cloud: Cloud) -> None:
    """Through their aliases."""
    assert told
    assert cloud.invoke("ReleaseDue")["admitted"] == 0
