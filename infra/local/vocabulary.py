"""Which parts of a template a local run understands, and which it rightly ignores.

Whatever is in neither list is refused: a property that changes how things behave in AWS and is
passed over here would make the local run a lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.local.intrinsics import refuse

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """The property names of one kind of thing: read by the local run, or without meaning for it."""

    read: frozenset[str]
    ignored: frozenset[str] = field(default_factory=frozenset)


def _known(read: str, ignored: str = "") -> Known:
    return Known(frozenset(read.split()), frozenset(ignored.split()))


SECTIONS = _known(
    "Parameters Conditions Globals Resources",
    # Mappings: a value that is looked up in one is refused where it would be read.
    "AWSTemplateFormatVersion Transform Description Metadata Mappings Outputs",
)
PARAMETER = _known(
    "Type Default AllowedValues AllowedPattern MinValue MaxValue MinLength MaxLength",
    "Description ConstraintDescription NoEcho",
)
GLOBALS = _known("Function")
# How a resource is kept or removed doesn't matter to a run; when it's made does.
RESOURCE = _known("Type Condition Properties", "DeletionPolicy UpdateReplacePolicy Metadata DependsOn")
# Cost, size, rights and where logs go are AWS's. Handlers run on the Python at hand, in one version.
FUNCTION = _known(
    "Handler CodeUri Timeout Environment Events EventInvokeConfig AutoPublishAlias",
    "Description Role Runtime Architectures MemorySize Layers LoggingConfig Tags Tracing "
    "AutoPublishAliasAllProperties VersionDeletionPolicy VersionDescription DeploymentPreference",
)
ENVIRONMENT = _known("Variables")
INVOKE = _known("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
EVENT = _known("Type Properties")

EVENTS = {
    # One thread works everything off, so it never needs to be held back.
    "SQS": _known("Queue BatchSize FunctionResponseTypes", "ScalingConfig"),
    "DynamoDB": _known(
        "Stream StartingPosition BatchSize BisectBatchOnFunctionError MaximumRetryAttempts "
        "MaximumRecordAgeInSeconds DestinationConfig FilterCriteria"
    ),
    # Who may call is AWS's to know: a local server listens to this machine only.
    "HttpApi": _known("ApiId Method Path PayloadFormatVersion", "Auth"),
    "Schedule": _known("Schedule", "Name Description"),
}

RESOURCES = {
    "AWS::Serverless::Function": FUNCTION,
    "AWS::Serverless::HttpApi": _known(
        "StageName CorsConfiguration", "Auth DefaultRouteSettings AccessLogSettings Tags"
    ),
    "AWS::Lambda::EventSourceMapping": _known(
        "FunctionName EventSourceArn BatchSize FunctionResponseTypes", "ScalingConfig"
    ),
    "AWS::DynamoDB::Table": _known(
        "AttributeDefinitions KeySchema GlobalSecondaryIndexes StreamSpecification TimeToLiveSpecification",
        "BillingMode PointInTimeRecoverySpecification SSESpecification Tags",
    ),
    "AWS::SQS::Queue": _known(
        "VisibilityTimeout MessageRetentionPeriod DelaySeconds RedrivePolicy",
        "SqsManagedSseEnabled Tags",
    ),
    # Everything refers to a bus by its logical id.
    "AWS::Events::EventBus": _known("", "Name Tags"),
    "AWS::Events::Rule": _known("EventBusName EventPattern Targets", "Description Name"),
    "AWS::SES::ConfigurationSetEventDestination": _known("ConfigurationSetName EventDestination"),
    "AWS::CloudFormation::Stack": _known("TemplateURL", "Parameters Tags"),
}
# Rights, logs, packaging and storage of what failed: no part of how a local run behaves.
IGNORED_RESOURCES = frozenset(
    {
        "AWS::IAM::Role",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SES::ConfigurationSet",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::Secret",
        "AWS::Serverless::LayerVersion",
    }
)
# A nested stack that only watches changes nothing, nor does a role for who acts on what is seen. One that holds
# anything else is refused.
WATCHING_RESOURCES = frozenset(
    {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Logs::MetricFilter", "AWS::IAM::Role"}
)

CORS = _known("AllowOrigins AllowMethods AllowHeaders ExposeHeaders MaxAge")
REDRIVE = _known("deadLetterTargetArn maxReceiveCount")
# A queue on this machine always takes what a rule sends it.
TARGET = _known("Id Arn", "DeadLetterConfig RetryPolicy")
EMAIL_EVENTS = _known("MatchingEventTypes Enabled", "Name EventBridgeDestination")


def read(properties: object, known: Known, where: str) -> Properties:
    """The properties, if each is known. Raises TemplateError naming the first that isn't."""
    if not isinstance(properties, dict):
        refuse(where, "must be a mapping")
    for name in properties:
        if name not in known.read and name not in known.ignored:
            refuse(where, f"a local run doesn't know the property {name}")
    return properties


def require(properties: Properties, name: str, where: str) -> Any:
    """A property that must be there."""
    if name not in properties:
        refuse(where, f"the property {name} is missing")
    return properties[name]


def expect(actual: object, wanted: object, where: str) -> None:
    """A property that a local run knows with one value only."""
    if actual != wanted:
        refuse(where, f"a local run knows only {wanted!r} here, not {actual!r}")
