"""How the rules look at an expanded template: what refers to what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]

ALIAS = "live"
EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"


def of_type(template: Template, *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and properties of the resources of these types, whatever their condition."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def queue_sources(template: Template) -> Iterator[tuple[str, str, str]]:
    """Mapping, queue and function."""
    functions = aliases(template)
    for name, source in of_type(template, EVENT_SOURCE):
        queue = target(source["EventSourceArn"])
        if template["Resources"][queue]["Type"] == "AWS::SQS::Queue":
            called = target(source["FunctionName"])
            yield name, queue, functions.get(called, called)


def aliases(template: Template) -> dict[str, str]:
    """The aliases of the right name, with their functions."""
    return {
        name: target(alias["FunctionName"])
        for name, alias in of_type(template, "AWS::Lambda::Alias")
        if alias["Name"] == ALIAS
    }


def routes(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for _, api in of_type(template, "AWS::ApiGatewayV2::Api"):
        for path, operations in api["Body"]["paths"].items():
            for method, operation in operations.items():
                yield f"{method.upper()} {path}", operation


def statements(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The statements of the roles, both branches of a condition among them."""
    for name, role in of_type(template, "AWS::IAM::Role"):
        for policy in role.get("Policies", ()):
            for given in policy["PolicyDocument"]["Statement"]:
                for statement in given["Fn::If"][1:] if "Fn::If" in given else [given]:
                    if statement != {"Ref": "AWS::NoValue"}:
                        yield name, statement


def references(value: object) -> set[str]:
    """The logical ids that are named anywhere in a value."""
    if isinstance(value, dict):
        found = {target(value)} if value.keys() & {"Ref", "Fn::GetAtt"} else set()
        if "Fn::Sub" in value:
            found |= {name for text in texts(value["Fn::Sub"]) for name in re.findall(r"\$\{(\w+)", text)}
        return found.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def told(template: Template, value: object) -> set[str]:
    """The parameters on which a value depends, also by conditions."""
    named = {*references(value), *_conditions_in(value)}
    conditions = template["Conditions"].keys() & named
    parameters: set[str] = template["Parameters"].keys() & named
    return parameters.union(*(told(template, template["Conditions"][name]) for name in conditions))


def _conditions_in(value: object) -> set[str]:
    """The conditions that are named anywhere in a value."""
    if isinstance(value, dict):
        found = {str(value["Fn::If"][0])} if "Fn::If" in value else set()
        found |= {value["Condition"]} if isinstance(value.get("Condition"), str) else set()
        return found.union(*map(_conditions_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(_conditions_in, value))
    return set()


def texts(value: object) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def target(reference: object) -> str:
    """The logical id that a reference points at; empty for anything else."""
    if isinstance(reference, dict):
        if "Ref" in reference:
            return str(reference["Ref"])
        if "Fn::GetAtt" in reference:
            return str(reference["Fn::GetAtt"][0])
    return ""


def attribute(reference: object) -> str:
    return str(reference["Fn::GetAtt"][1]) if isinstance(reference, dict) and "Fn::GetAtt" in reference else ""
