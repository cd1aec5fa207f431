"""CloudFormation's YAML and its functions, as far as a local run can answer them.

Everything else is refused by name: a template that is read half would run half.

A resource's `Ref` is its logical id, and its ARN ends with it, so that what a function gets from
its environment and what it gets from an event agree, as they do in AWS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

import yaml

REGION = "local"
ACCOUNT = "000000000000"
STACK = "aftershow"

_PSEUDO_PARAMETERS = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()

# By type and attribute, the part of the ARN before the logical id and the part after it.
_ARNS = {
    ("AWS::DynamoDB::Table", "Arn"): (f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/", ""),
    ("AWS::DynamoDB::Table", "StreamArn"): (
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/",
        "/stream/1970-01-01T00:00:00.000",
    ),
    ("AWS::Events::EventBus", "Arn"): (f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/", ""),
    ("AWS::Events::Rule", "Arn"): (f"arn:aws:events:{REGION}:{ACCOUNT}:rule/", ""),
    ("AWS::IAM::Role", "Arn"): (f"arn:aws:iam::{ACCOUNT}:role/", ""),
    ("AWS::Logs::LogGroup", "Arn"): (f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:", ":*"),
    ("AWS::S3::Bucket", "Arn"): ("arn:aws:s3:::", ""),
    ("AWS::S3::Bucket", "RegionalDomainName"): ("", f".s3.{REGION}.amazonaws.com"),
    ("AWS::SQS::Queue", "Arn"): (f"arn:aws:sqs:{REGION}:{ACCOUNT}:", ""),
    ("AWS::Serverless::Function", "Arn"): (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:", ""),
}
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]+)\}")
# A local run has no secrets manager: the value follows from the secret's logical id.
_SECRET = re.compile(r"\{\{resolve:secretsmanager:([A-Za-z0-9]+):SecretString\}\}")


class TemplateError(ValueError):
    """The template holds something that a local run doesn't understand; says where and what."""


def refuse(where: str, what: str) -> NoReturn:
    """Raise TemplateError for the place `where` in the template."""
    message = f"{where}: {what}"
    raise TemplateError(message)


# A bench starts hundreds of hosts over one template, and reading YAML would be most of its time.
@lru_cache(maxsize=4)
def parse(text: str) -> Mapping[str, Any]:
    """A template as plain data, `!Sub x` as {"Fn::Sub": x}; not to be changed. Raises TemplateError."""
    try:
        parsed = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader with the short forms)
    except yaml.YAMLError as error:
        refuse("template", f"is not YAML: {error}")
    if not isinstance(parsed, dict):
        refuse("template", "is not a mapping")
    return parsed


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True, slots=True)
class Scope:
    """What names mean in a template: parameters, conditions, the resources that exist, the aliases of functions."""

    parameters: Mapping[str, object]
    conditions: Mapping[str, bool]
    # Logical id to type.
    resources: Mapping[str, str]
    # Function's logical id to the alias that SAM publishes for it.
    aliases: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, value: object, where: str) -> Any:
        """The value with every function answered. Raises TemplateError."""
        if isinstance(value, dict):
            if len(value) == 1:
                [(name, argument)] = value.items()
                if name == "Ref" or str(name).startswith("Fn::"):
                    return self._answer(name, argument, where)
            pairs = ((key, self.resolve(part, f"{where}.{key}")) for key, part in value.items())
            return {key: part for key, part in pairs if part is not _NO_VALUE}
        if isinstance(value, list):
            parts = (self.resolve(part, where) for part in value)
            return [part for part in parts if part is not _NO_VALUE]
        return value

    def _answer(self, name: str, argument: Any, where: str) -> Any:
        match name:
            case "Ref":
                return self._ref(argument, where)
            case "Fn::GetAtt":
                return self._attribute(argument, where)
            case "Fn::Sub":
                return self._sub(argument, where)
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.condition(condition, where) else no, where)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(self.resolve(parts, where))
            case _:
                return self._truth(name, argument, where)

    def _truth(self, name: str, argument: Any, where: str) -> bool:
        parts = [self._operand(part, where) for part in argument]
        match name:
            case "Fn::Equals":
                return str(parts[0]) == str(parts[1])
            case "Fn::Not":
                return not parts[0]
            case "Fn::And":
                return all(parts)
            case "Fn::Or":
                return any(parts)
            case _:
                refuse(where, f"a local run can't answer {name}")

    def _operand(self, part: object, where: str) -> Any:
        """A part of a condition, which may name another one."""
        if isinstance(part, dict) and list(part) == ["Condition"]:
            return self.condition(part["Condition"], where)
        return self.resolve(part, where)

    def condition(self, name: str, where: str) -> bool:
        """Whether the condition holds."""
        if name not in self.conditions:
            refuse(where, f"there is no condition {name}")
        return self.conditions[name]

    def _ref(self, name: str, where: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO_PARAMETERS:
            return _PSEUDO_PARAMETERS[name]
        if name in self.parameters:
            return self.parameters[name]
        function, _, part = name.partition(".")
        if part == "Alias" and function in self.aliases:
            return f"{self._attribute([function, 'Arn'], where)}:{self.aliases[function]}"
        if name not in self.resources:
            refuse(where, f"refers to {name}, which is no parameter and no resource of this run")
        return name

    def _attribute(self, argument: list[str], where: str) -> str:
        name, attribute = argument
        kind = self.resources.get(name)
        if kind is None:
            refuse(where, f"refers to {name}, which is no resource of this run")
        if (kind, attribute) not in _ARNS:
            refuse(where, f"a local run knows no attribute {attribute} of {kind} ({name})")
        before, after = _ARNS[kind, attribute]
        return f"{before}{name}{after}"

    def _sub(self, argument: Any, where: str) -> str:
        if not isinstance(argument, str):
            refuse(where, "a local run knows Fn::Sub only with a text")

        def fill(found: re.Match[str]) -> str:
            literal, name = found.groups()
            if literal:
                return f"${{{name}}}"
            known = name.startswith("AWS::") or "." not in name
            return str(self._ref(name, where) if known else self._attribute(name.split(".", 1), where))

        return _SECRET.sub(r"local-secret-\1", _PLACEHOLDER.sub(fill, argument))


def name_in(arn: str) -> str:
    """The logical id at which an ARN of this module points."""
    resource = arn.split(":", 5)[5]
    return resource.split("/")[1] if "/" in resource else resource.rpartition(":")[2]
