"""The house rules of rollouts: versions, the aliases that point at them, and what moves those."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.deployed.expansion import (
    ALIAS,
    Template,
    aliases,
    of_type,
    queue_sources,
    references,
    target,
    told,
)

# What may name a function past its alias: what makes the alias, and what watches.
_NAMES_FUNCTIONS = {
    "AWS::Lambda::Version",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::MetricFilter",
}
# Lambda's limit for the description of a version.
DESCRIPTION_LENGTH = 256
# Whoever adds a line here says why a version can't be described by the parameter. (function, parameter) to the reason.
UNDESCRIBED = {("IngestEvent", "DouyinSecret"): "descriptions are no place for secrets; its own description says so"}
# How long CodeDeploy takes, by the names of its ways: a tenth first and the rest after n minutes, or a tenth every n.
_ROLLOUT_MINUTES = {r"AllAtOnce()": 0, r"Canary10Percent(\d+)Minutes": 1, r"Linear10PercentEvery(\d+)Minutes?": 10}


def through_aliases(template: Template) -> Iterator[str]:
    """Whatever calls a function calls its alias: a rollout moves all of its work, and a rollback too."""
    functions = {name for name, _ in of_type(template, "AWS::Lambda::Function")}
    for name in sorted(functions - set(aliases(template).values())):
        yield f"{name}: has no alias"
    for name, resource in template["Resources"].items():
        if resource["Type"] not in _NAMES_FUNCTIONS:
            for function in sorted(functions & references(resource)):
                yield f"{name}: goes past the alias of {function}"
    for name, settings in of_type(template, "AWS::Lambda::EventInvokeConfig"):
        if settings["Qualifier"] != ALIAS:
            yield f"{name}: is not for the alias"


def watched_rollouts(template: Template) -> Iterator[str]:
    """An alias moves under the eyes of alarms on the new version, which roll it back, by a role for it alone."""
    workers = {function for _, _, function in queue_sources(template)}
    for alias, function in aliases(template).items():
        policy = template["Resources"][alias].get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate")
        if policy is None:
            yield f"{function}: moves all at once"
            continue
        group = template["Resources"][target(policy["DeploymentGroupName"])]["Properties"]
        alarms = [alarm["Name"] for alarm in _when_gradual(group["AlarmConfiguration"]).get("Alarms", ())]
        wanted = ["Errors", "Failures"] if function in workers else ["Errors"]
        if alarms != [{"Fn::GetAtt": [f"{function}Canary", f"Outputs.{name}"]} for name in wanted]:
            yield f"{function}: is watched by {alarms}"
        if "DEPLOYMENT_STOP_ON_ALARM" not in group["AutoRollbackConfiguration"]["Events"]:
            yield f"{function}: doesn't go back when an alarm rings"
        if _when_gradual(group["ServiceRoleArn"]) != {"Fn::GetAtt": [f"{function}Canary", "Outputs.Role"]}:
            yield f"{function}: is moved by a role that is not its own"
        watched = template["Resources"][f"{function}Canary"]["Properties"]["Parameters"]
        version = template["Resources"][alias]["Properties"]["FunctionVersion"]
        if (watched["Function"], watched["Version"]) != ({"Ref": function}, version):
            yield f"{function}: alarms look at something else"
        if function in workers and watched.get("Log") != {"Ref": f"{function}Log"}:
            yield f"{function}: failed messages are counted elsewhere"


def rollouts_end_in_time(template: Template) -> Iterator[str]:
    """What the new version wrote, the old one may refuse: a message must outlive the time in which both work."""
    for way in template["Parameters"]["Rollout"]["AllowedValues"]:
        forms = ((re.fullmatch(form, way), factor) for form, factor in _ROLLOUT_MINUTES.items())
        minutes = [factor * int(found[1] or 0) for found, factor in forms if found]
        if not minutes or (way != "AllAtOnce") != (template["Mappings"]["Rollouts"][way]["Gradual"] == "true"):
            yield f"{way}: nobody knows how long it takes"
            continue
        for name, source, _ in queue_sources(template):
            queue = template["Resources"][source]["Properties"]
            last_try = (queue["RedrivePolicy"]["maxReceiveCount"] - 1) * queue["VisibilityTimeout"]
            if last_try < minutes[0] * 60:
                yield f"{name}: the last try comes after {last_try} s, {way} takes longer"


def versions_follow_parameters(template: Template) -> Iterator[str]:
    """A version keeps what its function was told when it was made, so a changed parameter must make another one.

    CloudFormation does so when the version's description changes, or the layer's, whose number the version names.
    """
    for name, version in of_type(template, "AWS::Lambda::Version"):
        function = target(version["FunctionName"])
        described = [version.get("Description", ""), *_layers_named(template, version)]
        named = template["Parameters"].keys() & references(described)
        for parameter in sorted(told(template, template["Resources"][function]["Properties"]) - named):
            if (function, parameter) not in UNDESCRIBED:
                yield f"{name}: stays when {parameter} changes"
        for parameter in sorted(named):
            if template["Parameters"][parameter].get("NoEcho"):
                yield f"{name}: shows {parameter}"
        for text in described:
            longest = sum(_longest(template["Parameters"].get(each, {})) for each in references(text))
            if longest + len(references(text)) > DESCRIPTION_LENGTH:
                yield f"{name}: what it is described by may be longer than {DESCRIPTION_LENGTH} characters"


def _layers_named(template: Template, version: Mapping[str, Any]) -> list[Any]:
    """The descriptions as written: SAM has put values in for the names of parameters."""
    layers = {name for name, _ in of_type(template, "AWS::Lambda::LayerVersion")}
    if not layers & references(version.get("Description")):
        return []
    return [layer["Description"] for _, layer in of_type(template["Written"], "AWS::Serverless::LayerVersion")]


def _when_gradual(value: Any) -> Any:
    """What is behind the condition of a gradual rollout."""
    return value["Fn::If"][1] if "Fn::If" in value and value["Fn::If"][0] == "WithCanary" else value


def _longest(parameter: Mapping[str, Any]) -> int:
    """How long a parameter's value can be. What is no parameter is the number of a layer."""
    if not parameter:
        return len("999999")
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    return int(parameter.get("MaxLength") or len(str(parameter.get("MaxValue", "?" * DESCRIPTION_LENGTH))))


ROLLOUT_RULES = (through_aliases, watched_rollouts, rollouts_end_in_time, versions_follow_parameters)
