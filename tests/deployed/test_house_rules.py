"""The house rules hold for the template as CloudFormation gets it, and each of them can be broken."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.deployed import house_rules as rules
from tests.deployed import rollout_rules as rollouts
from tests.deployed.house_rules import RULES, Rule

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(expanded: Mapping[str, Any], rule: Rule) -> None:
    """Nothing of the template breaks it."""
    assert list(rule(expanded)) == []


def test_every_rule_looks_at_something(expanded: Mapping[str, Any]) -> None:
    """The expansion has what the rules are about."""
    kinds = [resource["Type"] for resource in expanded["Resources"].values()]
    assert kinds.count("AWS::Lambda::Function") == 10
    assert kinds.count("AWS::Lambda::EventSourceMapping") == 18
    assert kinds.count("AWS::DynamoDB::Table") == 8
    assert kinds.count("AWS::CodeDeploy::DeploymentGroup") == 10
    assert len(rules.unconditional_dead_queues(expanded)) == 7


def at(*path: str | int) -> Callable[[dict[str, Any]], Any]:
    """The value at a path below the resources."""

    def find(template: dict[str, Any]) -> Any:
        value: Any = template["Resources"]
        for step in path:
            value = value[step]
        return value

    return find


def put(*path: str | int, value: object) -> Change:
    """Put a value at a path below the resources."""
    return lambda template: at(*path[:-1])(template).__setitem__(path[-1], value)


def drop(*path: str | int) -> Change:
    """Remove what is at a path below the resources."""
    return lambda template: at(*path[:-1])(template).pop(path[-1])


def drop_descriptions(template: dict[str, Any]) -> None:
    """Of every version; their names are hashes."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Version":
            del resource["Properties"]["Description"]


RIGHTS = ("ScoreUserRole", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0)
STREAM = ("PublishChangesViewers", "Properties")
ROUTE = ("Api", "Properties", "Body", "paths")
CODEDEPLOY = ("canary.Role", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0)
CLICK = (*ROUTE, "/c/{token}", "get", "x-amazon-apigateway-integration")
GROUP = ("ScoreUserDeploymentGroup", "Properties")
WATCHED = ("ScoreUserCanary", "Properties", "Parameters")
REDRIVE = ("FactsQueue", "Properties", "RedrivePolicy")

BREAKS: list[tuple[Rule, Change, str]] = [
    (rules.hidden_long_enough, put("ScoreUser", "Properties", "Timeout", value=61), "ScoreUserFacts: FactsQueue hides"),
    (rules.hidden_long_enough, drop("FactsQueue", "Properties", "VisibilityTimeout"), "messages for 30 s"),
    (rules.partial_batches, drop("ScoreUserFacts", "Properties", "FunctionResponseTypes"), "ScoreUserFacts"),
    (rules.dead_letters, drop(*REDRIVE), "FactsQueue: has no dead-letter queue"),
    (rules.dead_letters, put(*REDRIVE, "maxReceiveCount", value=4), "FactsQueue: gives up after 4"),
    (rules.dead_letters, drop("FactsDeadQueue", "Properties", "MessageRetentionPeriod"), "no longer than itself"),
    (rules.own_roles, drop("ScoreUser", "Properties", "Role"), "ScoreUser: has no role"),
    (
        rules.own_roles,
        put("ScoreUser", "Properties", "Role", value={"Fn::GetAtt": ["IngestEventRole", "Arn"]}),
        "ScoreUser: shares IngestEventRole with IngestEvent",
    ),
    (rules.no_managed_policies, put("ScoreUserRole", "Properties", "ManagedPolicyArns", value=["x"]), "ScoreUserRole"),
    (rules.listed_rights, put(*RIGHTS, "Action", value="logs:*"), "ScoreUserRole: allows logs:*"),
    (rules.listed_rights, put(*RIGHTS, "Resource", value="*"), "ScoreUserRole: allows logs:CreateLogStream on *"),
    (rules.listed_rights, put(*RIGHTS, "NotResource", value="x"), "ScoreUserRole: a statement that doesn't"),
    (rules.listed_rights, drop("PublishChangesRole", "Properties", "Policies"), "is listed and not used"),
    (rules.streams, drop(*STREAM, "BisectBatchOnFunctionError"), "PublishChangesViewers: doesn't halve"),
    (rules.streams, put(*STREAM, "MaximumRetryAttempts", value=-1), "has no MaximumRetryAttempts"),
    (rules.streams, drop(*STREAM, "MaximumRecordAgeInSeconds"), "has no MaximumRecordAgeInSeconds"),
    (
        rules.streams,
        put(*STREAM, "DestinationConfig", "OnFailure", "Destination", value={"Fn::GetAtt": ["FactsDeadQueue", "Arn"]}),
        "doesn't go to a bucket",
    ),
    (rules.authorizers, lambda t: at(*ROUTE)(t).update({"/new": {"get": {}}}), "GET /new: is open to everybody"),
    (rules.authorizers, drop(*ROUTE, "/c/{token}"), "GET /c/{token}: is listed as public"),
    (
        rules.kept_rates,
        drop("SendMessageEmailMarketing", "Properties", "ScalingConfig"),
        "EmailMarketingQueue: any number",
    ),
    (rules.encrypted, drop("ViewersTable", "Properties", "SSESpecification"), "ViewersTable: is not encrypted"),
    (rules.encrypted, drop("FactsQueue", "Properties", "SqsManagedSseEnabled"), "FactsQueue: is not encrypted"),
    (rules.encrypted, drop("RelayFailuresBucket", "Properties", "BucketEncryption"), "is not encrypted"),
    (
        rules.encrypted,
        put("RelayFailuresBucket", "Properties", "PublicAccessBlockConfiguration", "BlockPublicAcls", value=False),
        "may be opened",
    ),
    (rules.recoverable, drop("ViewersTable", "Properties", "PointInTimeRecoverySpecification"), "ViewersTable: has no"),
    (rules.outlives_the_stack, drop("LedgerTable", "DeletionPolicy"), "LedgerTable: has no DeletionPolicy"),
    (rules.outlives_the_stack, put("AddressSecret", "UpdateReplacePolicy", value="Delete"), "AddressSecret: has no"),
    (rules.logs_expire, drop("ScoreUser", "Properties", "LoggingConfig"), "ScoreUser: its log is kept for ever"),
    (rules.logs_expire, drop("ScoreUserLog", "Properties", "RetentionInDays"), "ScoreUser: its log is kept for ever"),
    (
        rules.logs_expire,
        put("ScoreUser", "Properties", "LoggingConfig", "LogGroup", value={"Ref": "IngestEventLog"}),
        "ScoreUser: logs where IngestEvent does",
    ),
    (rules.any_partition, put(*RIGHTS, "Resource", value="arn:aws:logs:x"), "is for one partition"),
    (rules.any_partition, lambda t: t["Outputs"]["ApiUrl"].update(Value="https://x.amazonaws.com/"), "is a host"),
    (rules.parameters_described, lambda t: t["Parameters"]["Sender"].pop("Description"), "Sender: has no description"),
    (rules.parameters_described, lambda t: t["Parameters"]["Sender"].pop("Default"), "Sender: has no default"),
    (rules.outputs, lambda t: t["Outputs"].pop("ApiUrl"), "ApiUrl: is no output"),
    (rules.outputs, lambda t: t["Outputs"].pop("FactsDeadQueueUrl"), "FactsDeadQueueUrl: is no output"),
    (rules.outputs, lambda t: t["Outputs"]["LedgerTableName"].pop("Description"), "LedgerTableName: has no desc"),
    (rules.same_runtime, put("ScoreUser", "Properties", "Architectures", value=["x86_64"]), "ScoreUser: runs on"),
    (rules.same_runtime, put("ScoreUser", "Properties", "TracingConfig", value={"Mode": "Active"}), "is traced"),
    (rules.answers_in_time, put("IngestEvent", "Properties", "Timeout", value=31), "IngestEvent: runs up to 31 s"),
    (rules.only_known_callers, drop("TrackOutcomeClickPermission", "Properties", "SourceArn"), "may call"),
    (
        rules.only_known_callers,
        drop("AwardsQueuePolicy", "Properties", "PolicyDocument", "Statement", 0, "Condition"),
        "may send",
    ),
    (rules.no_managed_policies, put("canary.Role", "Properties", "ManagedPolicyArns", value=["x"]), "canary.Role"),
    (rules.listed_rights, put(*CODEDEPLOY, "Action", value="lambda:*"), "canary.Role: allows lambda:*"),
    (rollouts.through_aliases, drop("ScoreUserAliaslive"), "ScoreUser: has no alias"),
    (
        rollouts.through_aliases,
        put("ScoreUserAliaslive", "Properties", "Name", value="other"),
        "ScoreUser: has no alias",
    ),
    (
        rollouts.through_aliases,
        put("ScoreUserFacts", "Properties", "FunctionName", value={"Ref": "ScoreUser"}),
        "ScoreUserFacts: goes past the alias of ScoreUser",
    ),
    (
        rollouts.through_aliases,
        put("ReleaseDueEveryMinute", "Properties", "Targets", 0, "Arn", value={"Fn::GetAtt": ["ReleaseDue", "Arn"]}),
        "ReleaseDueEveryMinute: goes past",
    ),
    (
        rollouts.through_aliases,
        put(*CLICK, "uri", value={"Fn::Sub": "${IngestEvent.Arn}"}),
        "Api: goes past the alias of IngestEvent",
    ),
    (
        rollouts.through_aliases,
        put("ReleaseDueEventInvokeConfig", "Properties", "Qualifier", value="$LATEST"),
        "is not for",
    ),
    (rollouts.watched_rollouts, drop("ScoreUserAliaslive", "UpdatePolicy"), "ScoreUser: moves all at once"),
    (rollouts.watched_rollouts, put(*GROUP, "AlarmConfiguration", value={}), "ScoreUser: is watched by []"),
    (
        rollouts.watched_rollouts,
        drop(*GROUP, "AlarmConfiguration", "Fn::If", 1, "Alarms", 1),
        "ScoreUser: is watched by [",
    ),
    (
        rollouts.watched_rollouts,
        put(*GROUP, "AutoRollbackConfiguration", "Events", value=[]),
        "ScoreUser: doesn't go back",
    ),
    (rollouts.watched_rollouts, put(*GROUP, "ServiceRoleArn", value={"Ref": "x"}), "a role that is not its own"),
    (rollouts.watched_rollouts, put(*WATCHED, "Version", value="1"), "ScoreUser: alarms look at something else"),
    (rollouts.watched_rollouts, drop(*WATCHED, "Log"), "ScoreUser: failed messages are counted elsewhere"),
    (
        rollouts.rollouts_end_in_time,
        put("AwardsQueue", "Properties", "VisibilityTimeout", value=149),
        "AwardPointsOrders: the last try comes after 596 s, Canary10Percent10Minutes takes longer",
    ),
    (
        rollouts.rollouts_end_in_time,
        lambda t: t["Mappings"]["Rollouts"]["AllAtOnce"].update(Gradual="true"),
        "AllAtOnce: nobody knows",
    ),
    (
        rollouts.rollouts_end_in_time,
        lambda t: t["Parameters"]["Rollout"]["AllowedValues"].append("Slowly"),
        "Slowly: nobody knows",
    ),
    (rollouts.versions_follow_parameters, drop_descriptions, "stays when EventsPerSecond changes"),
    (rollouts.versions_follow_parameters, drop_descriptions, "stays when FileChannel changes"),
    (
        rollouts.versions_follow_parameters,
        lambda t: t["Parameters"]["EventsPerSecond"].update(NoEcho=True),
        "shows EventsPerSecond",
    ),
    (
        rollouts.versions_follow_parameters,
        lambda t: t["Parameters"]["BaseUrl"].pop("MaxLength"),
        "may be longer than 256",
    ),
]


@pytest.mark.parametrize(("rule", "change", "found"), BREAKS, ids=lambda value: getattr(value, "__name__", ""))
def test_rule_can_fail(expanded: Mapping[str, Any], rule: Rule, change: Change, found: str) -> None:
    """A rule that can't be broken would watch nothing."""
    broken = copy.deepcopy(dict(expanded))
    change(broken)
    assert any(found in each for each in rule(broken)), list(rule(broken))


def test_every_rule_is_broken_once() -> None:
    """So that a new rule gets its proof too."""
    assert {rule for rule, _, _ in BREAKS} == set(RULES)
