"""The house rules of the template, each a pure function: the expanded template in, what breaks the rule out.

They look at what SAM made of the template, since SAM adds roles, policies and mappings that nobody wrote down. The
resources of a nested template stand among the others, as `file.Name`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

from tests.deployed.expansion import (
    EVENT_SOURCE,
    Template,
    aliases,
    as_list,
    attribute,
    of_type,
    queue_sources,
    references,
    routes,
    statements,
    target,
    texts,
)
from tests.deployed.rollout_rules import ROLLOUT_RULES

Rule = Callable[[Template], Iterator[str]]

TRIES = 5
HIDDEN_TIMES = 6
# What AWS takes where the template says nothing.
USUAL_VISIBILITY_SECONDS, USUAL_RETENTION_SECONDS, USUAL_TIMEOUT_SECONDS = 30, 345_600, 3
# An HTTP API gives a function up after this.
API_WAITS_SECONDS = 30

# Whoever adds a line here says why it can't be one resource. (role, action, resource) to the reason.
_SES_IDENTITY = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"
_STREAMED = ("ViewersTable", "EngagementsTable", "RemindersTable", "OrdersTable", "CatalogTable")
_LISTS_STREAMS = "it lists the streams of a table, so no single stream can be its resource"
_ANY_ALARM = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
_ANY_IDENTITY = "whether the address or its domain is verified is the owner's choice; the condition names the sender"
_ANY_SENDER = "which pool, number or sender sends texts stands in the channels' secret"
_SMS = "arn:${AWS::Partition}:sms-voice:${AWS::Region}:${AWS::AccountId}"
_ANY_APPLICATION = "which platform applications there are stands in the channels' secret, and SNS names endpoints"
_SNS = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}"
WILDCARDS = {
    **{
        ("SendMessageRole", "sms-voice:SendTextMessage", f"{_SMS}:{kind}/*"): _ANY_SENDER
        for kind in ("pool", "phone-number", "sender-id")
    },
    ("SendMessageRole", "sns:Publish", "*"): "a telephone number is no resource",
    **{
        ("SendMessageRole", action, f"{_SNS}:{kind}/*"): _ANY_APPLICATION
        for action in ("sns:CreatePlatformEndpoint", "sns:Publish")
        for kind in ("app", "endpoint")
    },
    ("SendMessageRole", "ses:SendEmail", _SES_IDENTITY): _ANY_IDENTITY,
    ("SendMessageRole", "ses:SendRawEmail", _SES_IDENTITY): _ANY_IDENTITY,
    ("ScoreUserRole", "s3:PutObject", "${ArchiveBucket.Arn}/events/*"): "objects are named by what is in them",
    ("canary.Role", "cloudwatch:DescribeAlarms", _ANY_ALARM): "nothing says that CodeDeploy asks for alarms by name",
    ("PublishChangesRole", "s3:PutObject", "${RelayFailuresBucket.Arn}/*"): "Lambda chooses the names of the objects",
    **{
        ("PublishChangesRole", "dynamodb:ListStreams", f"${{{table}.Arn}}/stream/*"): _LISTS_STREAMS
        for table in _STREAMED
    },
}
_PINPOINT = "SDKs of Pinpoint sign for another service: the application id is a write key, the function checks it"
# Routes without an authorizer of the API.
PUBLIC_ROUTES = {
    "POST /v1/{kind}": "clients send a write key, also in the body, and Douyin a signature: the function checks them",
    "POST /v1/apps/{app}/events": _PINPOINT,
    "PUT /v1/apps/{app}/endpoints": _PINPOINT,
    "PUT /v1/apps/{app}/endpoints/{endpoint}": _PINPOINT,
    "POST /receipts/{provider}/{token}": "providers that sign nothing: the token is a secret",
    "GET /p/{token}": "a link in a message: the token is signed, and it only shows a page",
    "POST /p/{token}": "whoever has the message chooses what comes next, without signing in: the token is signed",
    "GET /s/{token}": "a link in a message: the token is signed, and it only shows a page",
    "POST /s/{token}": "an answer to a survey, without signing in: the token is signed",
    "GET /q/{token}": "a link in a message: the token is signed, and it only shows a page",
    "POST /q/{token}": "a vote, without signing in: the token is signed",
    "GET /c/{token}": "a link in a message: the token is signed",
    "GET /u/{token}": "a link in a message: the token is signed, and it only shows a page",
    "POST /u/{token}": "one click unsubscribes (RFC 8058), without signing in: the token is signed",
}
OUTPUTS = {
    "ApiUrl",
    "ArchiveBucketName",
    "BusName",
    "ConfigurationSetName",
    "DashboardName",
    "RelayRefusedQueueUrl",
    "RelayFailuresBucketName",
}


def hidden_long_enough(template: Template) -> Iterator[str]:
    """A message is hidden 6 times as long as its function may run: AWS tries a throttled batch again within that."""
    for name, queue, function in queue_sources(template):
        hidden = template["Resources"][queue]["Properties"].get("VisibilityTimeout", USUAL_VISIBILITY_SECONDS)
        timeout = template["Resources"][function]["Properties"].get("Timeout", USUAL_TIMEOUT_SECONDS)
        if hidden < HIDDEN_TIMES * timeout:
            yield f"{name}: {queue} hides messages for {hidden} s, {function} runs up to {timeout} s"


def partial_batches(template: Template) -> Iterator[str]:
    """One message's trouble is its own."""
    for name, _, _ in queue_sources(template):
        if template["Resources"][name]["Properties"].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: doesn't report single failures"


def dead_letters(template: Template) -> Iterator[str]:
    """What fails five times goes to a queue that keeps it longer than its source."""
    for _, name, _ in queue_sources(template):
        queue = template["Resources"][name]["Properties"]
        redrive = queue.get("RedrivePolicy")
        if redrive is None:
            yield f"{name}: has no dead-letter queue"
            continue
        if redrive["maxReceiveCount"] < TRIES:
            yield f"{name}: gives up after {redrive['maxReceiveCount']} tries"
        dead = template["Resources"][target(redrive["deadLetterTargetArn"])]["Properties"]
        kept = queue.get("MessageRetentionPeriod", USUAL_RETENTION_SECONDS)
        if dead.get("MessageRetentionPeriod", USUAL_RETENTION_SECONDS) <= kept:
            yield f"{name}: its dead-letter queue keeps messages no longer than itself"


def own_roles(template: Template) -> Iterator[str]:
    """Each function has a role of its own, written in the template."""
    users: dict[str, str] = {}
    for name, function in of_type(template, "AWS::Lambda::Function"):
        role = target(function.get("Role"))
        if template["Resources"].get(role, {}).get("Type") != "AWS::IAM::Role" or role != f"{name}Role":
            yield f"{name}: has no role {name}Role of its own"
        if users.setdefault(role, name) != name:
            yield f"{name}: shares {role} with {users[role]}"


def no_managed_policies(template: Template) -> Iterator[str]:
    """Managed policies grant more than is used, and change without us."""
    for name, role in of_type(template, "AWS::IAM::Role"):
        if role.get("ManagedPolicyArns"):
            yield f"{name}: has managed policies"
    for name, _ in of_type(template, "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"):
        yield f"{name}: a policy that doesn't stand in its role"


def listed_rights(template: Template) -> Iterator[str]:
    """Actions and resources are named one by one; the exceptions are listed with reasons."""
    used = set()
    for role, statement in statements(template):
        if "NotAction" in statement or "NotResource" in statement or statement["Effect"] != "Allow":
            yield f"{role}: a statement that doesn't simply allow"
            continue
        for action in as_list(statement["Action"]):
            if "*" in action:
                yield f"{role}: allows {action}"
            for resource in filter(_is_wide, texts(statement["Resource"])):
                used.add((role, action, resource))
                if (role, action, resource) not in WILDCARDS:
                    yield f"{role}: allows {action} on {resource}"
    for listed in WILDCARDS.keys() - used:
        yield f"{listed[0]}: {listed[1]} on {listed[2]} is listed and not used"


def streams(template: Template) -> Iterator[str]:
    """A stream must not stand still for one record, nor lose it."""
    for name, source in of_type(template, EVENT_SOURCE):
        if attribute(source["EventSourceArn"]) != "StreamArn":
            continue
        if not source.get("BisectBatchOnFunctionError"):
            yield f"{name}: doesn't halve a failing batch"
        for limit in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
            if not source.get(limit, -1) > 0:
                yield f"{name}: has no {limit}"
        # A queue or a topic would get only where the records were, and the stream forgets them after a day.
        failed = target(source.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        if template["Resources"].get(failed, {}).get("Type") != "AWS::S3::Bucket":
            yield f"{name}: what fails doesn't go to a bucket"


def authorizers(template: Template) -> Iterator[str]:
    """Each route asks for who calls, but the listed ones."""
    known = dict(routes(template))
    for route, operation in known.items():
        if not operation.get("security") and route not in PUBLIC_ROUTES:
            yield f"{route}: is open to everybody"
    for listed in PUBLIC_ROUTES.keys() - known.keys():
        yield f"{listed}: is listed as public, and isn't there"


def kept_rates(template: Template) -> Iterator[str]:
    """A worker keeps its share of a channel's rate, so the number of workers must be bounded."""
    told = template["Resources"]["SendMessage"]["Properties"]["Environment"]["Variables"]["SEND_QUEUES"]
    rated = set(re.findall(r"\$\{(\w+)\}", json.dumps(told)))
    bounded = set()
    for name, queue, _ in queue_sources(template):
        if template["Resources"][name]["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency"):
            bounded.add(queue)
    for queue in sorted(rated - bounded):
        yield f"{queue}: any number of workers may work it off"
    if not rated:
        yield "SendMessage: knows no send queue"


def encrypted(template: Template) -> Iterator[str]:
    """At rest, everywhere."""
    for name, table in of_type(template, "AWS::DynamoDB::Table"):
        if not table.get("SSESpecification", {}).get("SSEEnabled"):
            yield f"{name}: is not encrypted"
    for name, queue in of_type(template, "AWS::SQS::Queue"):
        if not (queue.get("SqsManagedSseEnabled") or queue.get("KmsMasterKeyId")):
            yield f"{name}: is not encrypted"
    for name, bucket in of_type(template, "AWS::S3::Bucket"):
        if not bucket.get("BucketEncryption"):
            yield f"{name}: is not encrypted"
        if set(bucket.get("PublicAccessBlockConfiguration", {}).values()) != {True}:
            yield f"{name}: may be opened to the public"


def recoverable(template: Template) -> Iterator[str]:
    """Tables can be set back to any second of the last 35 days."""
    for name, table in of_type(template, "AWS::DynamoDB::Table"):
        if not table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled"):
            yield f"{name}: has no point-in-time recovery"


def outlives_the_stack(template: Template) -> Iterator[str]:
    """Data and the keys to it stay when the stack goes."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret"}:
            for what in ("DeletionPolicy", "UpdateReplacePolicy"):
                if resource.get(what) != "Retain":
                    yield f"{name}: has no {what}: Retain"


def logs_expire(template: Template) -> Iterator[str]:
    """A function logs JSON into a group of its own, which forgets."""
    users: dict[str, str] = {}
    for name, function in of_type(template, "AWS::Lambda::Function"):
        logging = function.get("LoggingConfig", {})
        group = target(logging.get("LogGroup"))
        if users.setdefault(group, name) != name:
            yield f"{name}: logs where {users[group]} does"
        if "RetentionInDays" not in template["Resources"].get(group, {}).get("Properties", {}):
            yield f"{name}: its log is kept for ever"
        if logging.get("LogFormat") != "JSON":
            yield f"{name}: doesn't log JSON"


def any_partition(template: Template) -> Iterator[str]:
    """ARNs and hosts fit aws-cn and the others too."""
    for section in ("Resources", "Outputs"):
        for name, thing in template[section].items():
            for text in texts(thing):
                if re.search(r"arn:aws\b", text):
                    yield f"{name}: {text} is for one partition"
                # What calls us is called so in every partition.
                if "amazonaws.com" in text and not re.fullmatch(r"[a-z0-9-]+\.amazonaws\.com", text):
                    yield f"{name}: {text} is a host of one partition"


def parameters_described(template: Template) -> Iterator[str]:
    """Whoever deploys is asked for them by these words; each has a default."""
    for name, parameter in template["Parameters"].items():
        if not parameter.get("Description", "").strip():
            yield f"{name}: has no description"
        if "Default" not in parameter:
            yield f"{name}: has no default"


def outputs(template: Template) -> Iterator[str]:
    """What a person needs afterwards: the address, every table, every queue that should be empty."""
    given = template["Outputs"]
    tables = {f"{name}Name" for name, _ in of_type(template, "AWS::DynamoDB::Table")}
    watched = {f"{dead}Url" for dead in unconditional_dead_queues(template)}
    for name in sorted((OUTPUTS | tables | watched) - given.keys()):
        yield f"{name}: is no output"
    for name, output in given.items():
        if not output.get("Description", "").strip():
            yield f"{name}: has no description"


def same_runtime(template: Template) -> Iterator[str]:
    """arm64 and python3.13, for which the layer is built; active tracing is for whoever turns it on."""
    for name, function in of_type(template, "AWS::Lambda::Function"):
        if (function["Runtime"], function["Architectures"]) != ("python3.13", ["arm64"]):
            yield f"{name}: runs on {function['Runtime']}, {function['Architectures']}"
        if function.get("TracingConfig", {}).get("Mode", "PassThrough") != "PassThrough":
            yield f"{name}: is traced"


def answers_in_time(template: Template) -> Iterator[str]:
    """A function behind the API ends no later than the API gives up."""
    functions = aliases(template)
    for _, operation in routes(template):
        uri = operation["x-amazon-apigateway-integration"]["uri"]
        for name in functions.keys() & references(uri):
            function = functions[name]
            timeout = template["Resources"][function]["Properties"].get("Timeout", USUAL_TIMEOUT_SECONDS)
            if timeout > API_WAITS_SECONDS:
                yield f"{function}: runs up to {timeout} s"


def only_known_callers(template: Template) -> Iterator[str]:
    """A service may call or send only for a resource of ours."""
    for name, permission in of_type(template, "AWS::Lambda::Permission"):
        if "SourceArn" not in permission:
            yield f"{name}: anybody's resource of {permission['Principal']} may call"
    for name, policy in of_type(template, "AWS::SQS::QueuePolicy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if "aws:SourceArn" not in statement.get("Condition", {}).get("ArnEquals", {}):
                yield f"{name}: anybody's resource of {statement['Principal']} may send"


RULES: tuple[Rule, ...] = (
    hidden_long_enough,
    partial_batches,
    dead_letters,
    own_roles,
    no_managed_policies,
    listed_rights,
    streams,
    authorizers,
    kept_rates,
    encrypted,
    recoverable,
    outlives_the_stack,
    logs_expire,
    any_partition,
    parameters_described,
    outputs,
    same_runtime,
    answers_in_time,
    only_known_callers,
    *ROLLOUT_RULES,
)


def unconditional_dead_queues(template: Template) -> set[str]:
    """The dead-letter queues of the queues that always exist."""
    return {
        target(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for name, queue in of_type(template, "AWS::SQS::Queue")
        if "RedrivePolicy" in queue and "Condition" not in template["Resources"][name]
    }


def _is_wide(resource: str) -> bool:
    return "*" in resource
