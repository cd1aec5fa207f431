"""Whoever is woken by an alarm finds its paragraph; what should be empty has an alarm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra.local.building import NESTED
from infra.local.intrinsics import parse

INFRA = Path(__file__).parents[2] / "infra"
RUNBOOK = (INFRA / "runbook.md").read_text(encoding="utf-8")
WATCHING = [parse(path.read_text(encoding="utf-8")) for path in NESTED]
TEMPLATE = parse((INFRA.parent / "template.yaml").read_text(encoding="utf-8"))
ALARMS: Mapping[str, Any] = {
    name: resource["Properties"]
    for template in WATCHING
    for name, resource in template["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}


def paragraphs() -> dict[str, str]:
    """The text under each heading of the third level."""
    found = re.split(r"^#{2,3} (.+)$", RUNBOOK, flags=re.MULTILINE)[1:]
    return {title: text for title, text in zip(found[::2], found[1::2], strict=True) if text.strip()}


def test_every_alarm_has_its_paragraph_and_no_paragraph_is_left_over() -> None:
    """A renamed alarm renames its paragraph."""
    assert set(paragraphs()) == set(ALARMS)


@pytest.mark.parametrize("name", ALARMS)
def test_a_paragraph_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    """In this order; and the alarm's own text leads to it."""
    text = paragraphs()[name]
    places = [text.find(f"**{word}**") for word in ("Means", "Look")]
    assert 0 < places[0] < places[1]
    assert re.search(r"\*\*[Dd]o\*\*", text)
    said = ALARMS[name]["AlarmDescription"]
    assert (said["Fn::Sub"] if isinstance(said, dict) else said).endswith(f"Runbook: {name}")


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_is_told_to_the_topic_of_the_owner(name: str) -> None:
    """When it begins and when it ends."""
    for actions in ("AlarmActions", "OKActions"):
        assert ALARMS[name][actions]["Fn::If"] == ["WithTopic", [{"Ref": "AlarmTopic"}], {"Ref": "AWS::NoValue"}]


def test_runbook_names_only_what_there_is() -> None:
    """Logical ids in the text exist in the template."""
    known = TEMPLATE["Resources"].keys() | TEMPLATE["Parameters"].keys() | {"ReleaseDueEveryMinute"}
    ids = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", RUNBOOK)) - {"PutEvents", "WarmThroughput"}
    assert ids
    assert ids <= known


def test_every_queue_that_should_be_empty_has_an_alarm() -> None:
    """The dead-letter queues, and the one of refused events. A local channel's needs none."""
    dimensions = (each for alarm in ALARMS.values() for each in alarm.get("Dimensions", ()))
    watched = {each["Value"]["Ref"] for each in dimensions if each["Name"] == "QueueName"}
    empty = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
        and "Condition" not in resource
        and "RedrivePolicy" not in resource["Properties"]
    }
    assert empty <= watched


def test_errors_and_throttles_are_those_of_every_function() -> None:
    """A new function is watched too."""
    functions = {name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
    for name in ("FunctionErrors", "FunctionThrottles"):
        [total, *parts] = ALARMS[name]["Metrics"]
        assert {part["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"] for part in parts} == functions
        assert {part["Id"] for part in parts} == set(re.findall(r"FILL\((\w+), 0\)", total["Expression"]))
