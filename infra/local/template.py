"""What `template.yaml` says, as plain values for a local run.

The template is the one description of how functions, queues, rules and streams hang together; this
reads it, and refuses what it doesn't understand (`vocabulary`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.local import vocabulary as words
from infra.local.intrinsics import Scope, TemplateError, name_in, parse, refuse
from infra.local.wiring import (
    DEFAULT_BUS,
    FOR_EVER,
    Cors,
    EmailEvents,
    Function,
    Queue,
    QueueSource,
    Route,
    Rule,
    Schedule,
    StreamSource,
    Table,
    Template,
)

__all__ = ["Template", "TemplateError", "read_template"]

PARTIAL_FAILURES = "ReportBatchItemFailures"
# What AWS takes where the template says nothing.
_USUAL_FUNCTION_SECONDS = 3
_USUAL_VISIBILITY_SECONDS = 30
_USUAL_RETENTION_SECONDS = 345_600
_USUAL_QUEUE_BATCH = 10
_USUAL_STREAM_BATCH = 100
_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


def read_template(path: Path, parameters: Mapping[str, str] | None = None) -> Template:
    """The template at `path`, with these parameters over its defaults. Raises TemplateError."""
    sections = words.read(parse(path.read_text(encoding="utf-8")), words.SECTIONS, "template")
    values = _parameters(sections.get("Parameters", {}), parameters or {})
    conditions = _conditions(sections.get("Conditions", {}), values)
    resources = {
        name: words.read(resource, words.RESOURCE, name)
        for name, resource in words.require(sections, "Resources", "template").items()
        if "Condition" not in resource or _holds(conditions, resource["Condition"], name)
    }
    kinds = {name: words.require(resource, "Type", name) for name, resource in resources.items()}
    shared = words.read(sections.get("Globals", {}), words.GLOBALS, "Globals")
    scope = Scope(values, conditions, kinds, dict(_aliases(resources, shared)))
    return _Reader(path.parent, scope, shared, resources).template()


def _aliases(resources: Mapping[str, words.Properties], shared: words.Properties) -> Iterator[tuple[str, str]]:
    """The functions that are called through an alias, and its name. A local run has one version of each."""
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = _merged(shared.get("Function", {}), resource.get("Properties", {}))
            if "AutoPublishAlias" in properties:
                yield name, properties["AutoPublishAlias"]


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, object]:
    for name in given:
        if name not in declared:
            refuse("Parameters", f"the template has no parameter {name}")
    values: dict[str, object] = {}
    for name, raw in declared.items():
        where = f"Parameters.{name}"
        declaration = words.read(raw, words.PARAMETER, where)
        if name not in given and "Default" not in declaration:
            refuse(where, "has no default and was not given")
        text = str(given.get(name, declaration.get("Default")))
        _check_parameter(declaration, text, where)
        commas = declaration["Type"] == "CommaDelimitedList"
        values[name] = [part.strip() for part in text.split(",")] if commas else text
    return values


def _check_parameter(declaration: words.Properties, text: str, where: str) -> None:
    allowed = [str(value) for value in declaration.get("AllowedValues", ())]
    if allowed and text not in allowed:
        refuse(where, f"{text!r} is none of {', '.join(allowed)}")
    if not re.fullmatch(declaration.get("AllowedPattern", "(?s).*"), text):
        refuse(where, f"{text!r} doesn't match {declaration['AllowedPattern']}")
    if len(text) < declaration.get("MinLength", 0):
        refuse(where, f"needs at least {declaration['MinLength']} characters")
    if len(text) > declaration.get("MaxLength", len(text)):
        refuse(where, f"takes at most {declaration['MaxLength']} characters")
    if declaration["Type"] == "Number":
        number = _number(text, where)
        if not declaration.get("MinValue", number) <= number <= declaration.get("MaxValue", number):
            refuse(where, f"{text} is out of range")


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        refuse(where, f"{text!r} is not a number")


def _conditions(declared: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, bool]:
    """In the order of the template: a condition may use those above it."""
    known: dict[str, bool] = {}
    for name, expression in declared.items():
        known[name] = bool(Scope(values, known, {}).resolve(expression, f"Conditions.{name}"))
    return known


def _holds(conditions: Mapping[str, bool], name: str, where: str) -> bool:
    return Scope({}, conditions, {}).condition(name, where)


class _Reader:
    """Reads the resources that exist in this run."""

    def __init__(
        self,
        folder: Path,
        scope: Scope,
        shared: words.Properties,
        resources: Mapping[str, words.Properties],
    ) -> None:
        self._folder = folder
        self._scope = scope
        self._shared = shared.get("Function", {})
        self._properties = {name: self._known(name, resource) for name, resource in resources.items()}

    def template(self) -> Template:
        """All of it."""
        functions = tuple(self._functions())
        names = {function.id: function.name for function in functions}
        events = [
            (f"{identity}.{name}", names[identity], event)
            for identity, function in self._of("AWS::Serverless::Function")
            for name, event in function.get("Events", {}).items()
        ]
        return Template(
            functions=functions,
            queues=tuple(_queue(name, each) for name, each in self._of("AWS::SQS::Queue")),
            tables=tuple(self._tables(functions)),
            rules=tuple(_rule(name, each) for name, each in self._of("AWS::Events::Rule")),
            queue_sources=(
                *(_queue_source(*each, "Queue") for each in _only(events, "SQS")),
                *self._mappings(names),
            ),
            stream_sources=tuple(_stream_source(*each) for each in _only(events, "DynamoDB")),
            schedules=tuple(self._schedules(events)),
            routes=tuple(_route(*each) for each in _only(events, "HttpApi")),
            email_events=tuple(self._email_events()),
            cors=self._cors(),
        )

    def _known(self, name: str, resource: words.Properties) -> tuple[str, words.Properties]:
        kind = resource["Type"]
        if kind in words.IGNORED_RESOURCES:
            return kind, {}
        if kind not in words.RESOURCES:
            refuse(name, f"a local run doesn't know resources of type {kind}")
        given = resource.get("Properties", {})
        if kind == "AWS::Serverless::Function":
            given = _merged(self._shared, given)
        known = words.read(given, words.RESOURCES[kind], name)
        read = {key: value for key, value in known.items() if key in words.RESOURCES[kind].read}
        if kind == "AWS::CloudFormation::Stack":
            _check_nested(self._folder / words.require(read, "TemplateURL", name), name)
        return kind, self._scope.resolve(read, name)

    def _of(self, wanted: str) -> Iterator[tuple[str, words.Properties]]:
        for name, (kind, properties) in self._properties.items():
            if kind == wanted:
                yield name, properties

    def _functions(self) -> Iterator[Function]:
        for name, properties in self._of("AWS::Serverless::Function"):
            words.expect(properties.get("Handler"), "app.handler", f"{name}.Handler")
            folder = self._folder / words.require(properties, "CodeUri", name)
            environment = words.read(properties.get("Environment", {}), words.ENVIRONMENT, f"{name}.Environment")
            variables = environment.get("Variables", {})
            yield Function(
                id=name,
                name=folder.name,
                folder=folder,
                environment={key: str(value) for key, value in variables.items()},
                timeout_seconds=int(properties.get("Timeout", _USUAL_FUNCTION_SECONDS)),
            )

    def _tables(self, functions: tuple[Function, ...]) -> Iterator[Table]:
        names: dict[str, str] = {}
        for function in functions:
            for name, place in json.loads(function.environment.get("TABLES", "{}")).items():
                if names.setdefault(place, name) != name:
                    refuse(function.id, f"{place} is called {names[place]} elsewhere, here {name}")
        for place, properties in self._of("AWS::DynamoDB::Table"):
            if place not in names:
                refuse(place, "no function's TABLES gives this table a name")
            _check_keys(place, properties)
            yield Table(
                id=place,
                name=names[place],
                indexed="GlobalSecondaryIndexes" in properties,
                streamed="StreamSpecification" in properties,
            )

    def _mappings(self, names: Mapping[str, str]) -> Iterator[QueueSource]:
        for name, properties in self._of("AWS::Lambda::EventSourceMapping"):
            function = words.require(properties, "FunctionName", name)
            yield _queue_source(name, names[_function_id(function)], properties, "EventSourceArn")

    def _schedules(self, events: list[tuple[str, str, Any]]) -> Iterator[Schedule]:
        for where, function, properties in _only(events, "Schedule"):
            identity = where.partition(".")[0]
            invoke = self._properties[identity][1].get("EventInvokeConfig", {})
            words.read(invoke, words.INVOKE, f"{identity}.EventInvokeConfig")
            # A local run doesn't call again what failed: the next tick does.
            words.expect(invoke.get("MaximumRetryAttempts"), 0, f"{identity}.MaximumRetryAttempts")
            rate = _RATE.fullmatch(words.require(properties, "Schedule", where))
            if rate is None:
                refuse(where, "a local run knows only rate(N minutes|hours|days)")
            yield Schedule(where, function, int(rate[1]) * _UNIT_MS[rate[2]])

    def _email_events(self) -> Iterator[EmailEvents]:
        for name, properties in self._of("AWS::SES::ConfigurationSetEventDestination"):
            given = words.require(properties, "EventDestination", name)
            destination = words.read(given, words.EMAIL_EVENTS, name)
            words.expect(destination.get("Enabled"), wanted=True, where=f"{name}.Enabled")
            kinds = words.require(destination, "MatchingEventTypes", name)
            yield EmailEvents(properties["ConfigurationSetName"], frozenset(kinds))

    def _cors(self) -> Cors:
        cors: words.Properties = {}
        for name, properties in self._of("AWS::Serverless::HttpApi"):
            words.expect(properties.get("StageName", "$default"), "$default", f"{name}.StageName")
            cors = words.read(properties.get("CorsConfiguration", {}), words.CORS, f"{name}.CorsConfiguration")
        return Cors(
            origins=tuple(cors.get("AllowOrigins", ())),
            methods=tuple(cors.get("AllowMethods", ())),
            headers=tuple(name.lower() for name in cors.get("AllowHeaders", ())),
            exposed=tuple(cors.get("ExposeHeaders", ())),
            max_age_seconds=int(cors.get("MaxAge", -1)),
        )


def _check_nested(path: Path, where: str) -> None:
    """State and what works on it stand in one template; a nested one may only watch."""
    for name, resource in parse(path.read_text(encoding="utf-8"))["Resources"].items():
        if resource["Type"] not in words.WATCHING_RESOURCES:
            refuse(f"{where}.{name}", f"a nested stack may only watch, and this is {resource['Type']}")


def _merged(shared: Any, own: Any) -> Any:
    """SAM's way with Globals: mappings are merged, lists joined, the function's own value wins."""
    if isinstance(shared, dict) and isinstance(own, dict):
        both = {key: _merged(shared[key], own[key]) for key in shared if key in own}
        return {**shared, **own, **both}
    if isinstance(shared, list) and isinstance(own, list):
        return shared + own
    return own


def _only(events: list[tuple[str, str, Any]], wanted: str) -> Iterator[tuple[str, str, words.Properties]]:
    for where, function, raw in events:
        event = words.read(raw, words.EVENT, where)
        kind = words.require(event, "Type", where)
        if kind not in words.EVENTS:
            refuse(where, f"a local run doesn't know events of type {kind}")
        if kind == wanted:
            properties = event.get("Properties", {})
            yield where, function, words.read(properties, words.EVENTS[kind], where)


def _queue(name: str, properties: words.Properties) -> Queue:
    redrive = words.read(properties.get("RedrivePolicy", {}), words.REDRIVE, f"{name}.RedrivePolicy")
    return Queue(
        id=name,
        visibility_seconds=int(properties.get("VisibilityTimeout", _USUAL_VISIBILITY_SECONDS)),
        delay_seconds=int(properties.get("DelaySeconds", 0)),
        retention_seconds=int(properties.get("MessageRetentionPeriod", _USUAL_RETENTION_SECONDS)),
        max_receive_count=int(redrive["maxReceiveCount"]) if redrive else None,
        dead_letter_queue=name_in(redrive["deadLetterTargetArn"]) if redrive else None,
    )


def _rule(name: str, properties: words.Properties) -> Rule:
    targets = words.require(properties, "Targets", name)
    arns = [words.read(each, words.TARGET, f"{name}.Targets")["Arn"] for each in targets]
    for arn in arns:
        if not arn.startswith("arn:aws:sqs:"):
            refuse(f"{name}.Targets", f"a local run knows only queues as targets, not {arn}")
    bus = properties.get("EventBusName", DEFAULT_BUS)
    pattern = words.require(properties, "EventPattern", name)
    return Rule(name, bus, pattern, tuple(name_in(arn) for arn in arns))


def _queue_source(where: str, function: str, properties: words.Properties, arn: str) -> QueueSource:
    responses = properties.get("FunctionResponseTypes", [])
    words.expect([each for each in responses if each != PARTIAL_FAILURES], [], where)
    return QueueSource(
        id=where,
        function=function,
        queue=name_in(words.require(properties, arn, where)),
        batch_size=int(properties.get("BatchSize", _USUAL_QUEUE_BATCH)),
        partial_failures=bool(responses),
    )


def _stream_source(where: str, function: str, properties: words.Properties) -> StreamSource:
    words.expect(properties.get("StartingPosition"), "TRIM_HORIZON", f"{where}.StartingPosition")
    destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    filters = properties.get("FilterCriteria", {}).get("Filters", [])
    return StreamSource(
        id=where,
        function=function,
        table=name_in(words.require(properties, "Stream", where)),
        filters=tuple(json.loads(each["Pattern"]) for each in filters),
        batch_size=int(properties.get("BatchSize", _USUAL_STREAM_BATCH)),
        bisect=bool(properties.get("BisectBatchOnFunctionError", False)),
        max_retries=int(properties.get("MaximumRetryAttempts", FOR_EVER)),
        max_age_seconds=int(properties.get("MaximumRecordAgeInSeconds", FOR_EVER)),
        on_failure=name_in(destination) if destination else None,
    )


def _route(where: str, function: str, properties: words.Properties) -> Route:
    version = properties.get("PayloadFormatVersion", "2.0")
    words.expect(version, "2.0", f"{where}.PayloadFormatVersion")
    method = words.require(properties, "Method", where).upper()
    return Route(method, words.require(properties, "Path", where), function)


def _check_keys(place: str, properties: words.Properties) -> None:
    """The embedded store has one layout of keys, index and expiry for all tables."""
    words.expect(_key(properties["KeySchema"]), ["pk", "sk"], f"{place}.KeySchema")
    for index in properties.get("GlobalSecondaryIndexes", ()):
        where = f"{place}.GlobalSecondaryIndexes"
        words.expect(index["IndexName"], "index", where)
        words.expect(_key(index["KeySchema"]), ["ipk", "isk"], where)
    expiry = properties.get("TimeToLiveSpecification", {}).get("AttributeName", "expires_at")
    words.expect(expiry, "expires_at", f"{place}.TimeToLiveSpecification")


def _key(schema: list[Mapping[str, str]]) -> list[str]:
    return [part["AttributeName"] for part in schema]


def _function_id(reference: str) -> str:
    """A function's logical id, by its ARN, by its alias or by itself."""
    return reference.split(":")[6] if reference.startswith("arn:") else reference
