"""The house rules of the template, each a pure function: the expanded template in, what breaks the rule out.

They look at what SAM made of the template, since SAM adds roles, policies and mappings that nobody wrote down. The
resources of a nested template stand among the others, as `file.Name`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Template = Mapping[str, Any]
Rule = Callable[[Template], Iterator[str]]

TRIES = 5
ALIAS = "live"
HIDDEN_TIMES = 6
# What AWS takes where the template says nothing.
USUAL_VISIBILITY_SECONDS, USUAL_RETENTION_SECONDS, USUAL_TIMEOUT_SECONDS = 30, 345_600, 3
# An HTTP API gives a function up after this.
API_WAITS_SECONDS = 30
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

# Whoever adds a line here says why it can't be one resource. (role, action, resource) to the reason.
_SES_IDENTITY = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"
_STREAMED = ("ViewersTable", "EngagementsTable", "RemindersTable", "OrdersTable", "CatalogTable")
_LISTS_STREAMS = "it lists the streams of a table, so no single stream can be its resource"
_ANY_ALARM = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
_ANY_IDENTITY = "whether the address or its domain is verified is the owner's choice; the condition names the sender"
WILDCARDS = {
    ("SendMessageRole", "ses:SendEmail", _SES_IDENTITY): _ANY_IDENTITY,
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
_EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"


def of_type(template: Template, *types: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Names and properties of the resources of these types, whatever their condition."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def hidden_long_enough(template: Template) -> Iterator[str]:
    """A message is hidden 6 times as long as its function may run: AWS tries a throttled batch again within that."""
    for name, queue, function in _queue_sources(template):
        hidden = template["Resources"][queue]["Properties"].get("VisibilityTimeout", USUAL_VISIBILITY_SECONDS)
        timeout = template["Resources"][function]["Properties"].get("Timeout", USUAL_TIMEOUT_SECONDS)
        if hidden < HIDDEN_TIMES * timeout:
            yield f"{name}: {queue} hides messages for {hidden} s, {function} runs up to {timeout} s"


def partial_batches(template: Template) -> Iterator[str]:
    """One message's trouble is its own."""
    for name, _, _ in _queue_sources(template):
        if template["Resources"][name]["Properties"].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name}: doesn't report single failures"


def dead_letters(template: Template) -> Iterator[str]:
    """What fails five times goes to a queue that keeps it longer than its source."""
    for _, name, _ in _queue_sources(template):
        queue = template["Resources"][name]["Properties"]
        redrive = queue.get("RedrivePolicy")
        if redrive is None:
            yield f"{name}: has no dead-letter queue"
            continue
        if redrive["maxReceiveCount"] < TRIES:
            yield f"{name}: gives up after {redrive['maxReceiveCount']} tries"
        dead = template["Resources"][_target(redrive["deadLetterTargetArn"])]["Properties"]
        kept = queue.get("MessageRetentionPeriod", USUAL_RETENTION_SECONDS)
        if dead.get("MessageRetentionPeriod", USUAL_RETENTION_SECONDS) <= kept:
            yield f"{name}: its dead-letter queue keeps messages no longer than itself"


def own_roles(template: Template) -> Iterator[str]:
    """Each function has a role of its own, written in the template."""
    users: dict[str, str] = {}
    for name, function in of_type(template, "AWS::Lambda::Function"):
        role = _target(function.get("Role"))
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
    for role, statement in _statements(template):
        if "NotAction" in statement or "NotResource" in statement or statement["Effect"] != "Allow":
            yield f"{role}: a statement that doesn't simply allow"
            continue
        for action in _list(statement["Action"]):
            if "*" in action:
                yield f"{role}: allows {action}"
            for resource in filter(_is_wide, _texts(statement["Resource"])):
                used.add((role, action, resource))
                if (role, action, resource) not in WILDCARDS:
                    yield f"{role}: allows {action} on {resource}"
    for listed in WILDCARDS.keys() - used:
        yield f"{listed[0]}: {listed[1]} on {listed[2]} is listed and not used"


def streams(template: Template) -> Iterator[str]:
    """A stream must not stand still for one record, nor lose it."""
    for name, source in of_type(template, _EVENT_SOURCE):
        if _attribute(source["EventSourceArn"]) != "StreamArn":
            continue
        if not source.get("BisectBatchOnFunctionError"):
            yield f"{name}: doesn't halve a failing batch"
        for limit in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds"):
            if not source.get(limit, -1) > 0:
                yield f"{name}: has no {limit}"
        # A queue or a topic would get only where the records were, and the stream forgets them after a day.
        failed = _target(source.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        if template["Resources"].get(failed, {}).get("Type") != "AWS::S3::Bucket":
            yield f"{name}: what fails doesn't go to a bucket"


def authorizers(template: Template) -> Iterator[str]:
    """Each route asks for who calls, but the listed ones."""
    routes = dict(_routes(template))
    for route, operation in routes.items():
        if not operation.get("security") and route not in PUBLIC_ROUTES:
            yield f"{route}: is open to everybody"
    for listed in PUBLIC_ROUTES.keys() - routes.keys():
        yield f"{listed}: is listed as public, and isn't there"


def kept_rates(template: Template) -> Iterator[str]:
    """A worker keeps its share of a channel's rate, so the number of workers must be bounded."""
    told = template["Resources"]["SendMessage"]["Properties"]["Environment"]["Variables"]["SEND_QUEUES"]
    rated = set(re.findall(r"\$\{(\w+)\}", json.dumps(told)))
    bounded = set()
    for name, queue, _ in _queue_sources(template):
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
        group = _target(logging.get("LogGroup"))
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
            for text in _texts(thing):
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
    aliases = _aliases(template)
    for _, operation in _routes(template):
        uri = operation["x-amazon-apigateway-integration"]["uri"]
        for name in aliases.keys() & _references(uri):
            function = aliases[name]
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


def through_aliases(template: Template) -> Iterator[str]:
    """Whatever calls a function calls its alias: a rollout moves all of its work, and a rollback too."""
    functions = {name for name, _ in of_type(template, "AWS::Lambda::Function")}
    for name in sorted(functions - set(_aliases(template).values())):
        yield f"{name}: has no alias"
    for name, resource in template["Resources"].items():
        if resource["Type"] not in _NAMES_FUNCTIONS:
            for function in sorted(functions & _references(resource)):
                yield f"{name}: goes past the alias of {function}"
    for name, settings in of_type(template, "AWS::Lambda::EventInvokeConfig"):
        if settings["Qualifier"] != ALIAS:
            yield f"{name}: is not for the alias"


def watched_rollouts(template: Template) -> Iterator[str]:
    """An alias moves under the eyes of alarms on the new version, which roll it back, by a role for it alone."""
    workers = {function for _, _, function in _queue_sources(template)}
    for alias, function in _aliases(template).items():
        policy = template["Resources"][alias].get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate")
        if policy is None:
            yield f"{function}: moves all at once"
            continue
        group = template["Resources"][_target(policy["DeploymentGroupName"])]["Properties"]
        alarms = [_attribute(alarm["Name"]) for alarm in _when_gradual(group["AlarmConfiguration"]).get("Alarms", ())]
        wanted = ["Outputs.Errors", "Outputs.Failures"] if function in workers else ["Outputs.Errors"]
        if alarms != wanted:
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
        for name, source, _ in _queue_sources(template):
            queue = template["Resources"][source]["Properties"]
            last_try = (queue["RedrivePolicy"]["maxReceiveCount"] - 1) * queue["VisibilityTimeout"]
            if last_try < minutes[0] * 60:
                yield f"{name}: the last try comes after {last_try} s, {way} takes longer"


def versions_follow_parameters(template: Template) -> Iterator[str]:
    """A version keeps what its function was told when it was made, so a changed parameter must make another one.

    CloudFormation does so when the version's description changes, or the layer's, whose number the version names.
    """
    for name, version in of_type(template, "AWS::Lambda::Version"):
        function = _target(version["FunctionName"])
        described = [version.get("Description", ""), *_layers_named(template, version)]
        named = template["Parameters"].keys() & _references(described)
        for parameter in sorted(_told(template, template["Resources"][function]["Properties"]) - named):
            if (function, parameter) not in UNDESCRIBED:
                yield f"{name}: stays when {parameter} changes"
        for parameter in sorted(named):
            if template["Parameters"][parameter].get("NoEcho"):
                yield f"{name}: shows {parameter}"
        for text in described:
            longest = sum(_longest(template["Parameters"].get(each, {})) for each in _references(text))
            if longest + len(_references(text)) > DESCRIPTION_LENGTH:
                yield f"{name}: what it is described by may be longer than {DESCRIPTION_LENGTH} characters"


def _layers_named(template: Template, version: Mapping[str, Any]) -> list[Any]:
    """The descriptions as written: SAM has put values in for the names of parameters."""
    layers = {name for name, _ in of_type(template, "AWS::Lambda::LayerVersion")}
    if not layers & _references(version.get("Description")):
        return []
    return [layer["Description"] for _, layer in of_type(template["Written"], "AWS::Serverless::LayerVersion")]


def _told(template: Template, value: object) -> set[str]:
    """The parameters on which a value depends, also by conditions."""
    named = {*_references(value), *_conditions_in(value)}
    conditions = template["Conditions"].keys() & named
    parameters: set[str] = template["Parameters"].keys() & named
    return parameters.union(*(_told(template, template["Conditions"][name]) for name in conditions))


def _conditions_in(value: object) -> set[str]:
    """The conditions that are named anywhere in a value."""
    if isinstance(value, dict):
        found = {str(value["Fn::If"][0])} if "Fn::If" in value else set()
        found |= {value["Condition"]} if isinstance(value.get("Condition"), str) else set()
        return found.union(*map(_conditions_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(_conditions_in, value))
    return set()


def _longest(parameter: Mapping[str, Any]) -> int:
    """How long a parameter's value can be. What is no parameter is the number of a layer."""
    if not parameter:
        return len("999999")
    if "AllowedValues" in parameter:
        return max(len(str(value)) for value in parameter["AllowedValues"])
    return int(parameter.get("MaxLength") or len(str(parameter.get("MaxValue", "?" * DESCRIPTION_LENGTH))))


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
    through_aliases,
    watched_rollouts,
    rollouts_end_in_time,
    versions_follow_parameters,
)


def unconditional_dead_queues(template: Template) -> set[str]:
    """The dead-letter queues of the queues that always exist."""
    return {
        _target(queue["RedrivePolicy"]["deadLetterTargetArn"])
        for name, queue in of_type(template, "AWS::SQS::Queue")
        if "RedrivePolicy" in queue and "Condition" not in template["Resources"][name]
    }


def _queue_sources(template: Template) -> Iterator[tuple[str, str, str]]:
    """Mapping, queue and function."""
    aliases = _aliases(template)
    for name, source in of_type(template, _EVENT_SOURCE):
        queue = _target(source["EventSourceArn"])
        if template["Resources"][queue]["Type"] == "AWS::SQS::Queue":
            called = _target(source["FunctionName"])
            yield name, queue, aliases.get(called, called)


def _aliases(template: Template) -> dict[str, str]:
    """The aliases of the right name, with their functions."""
    return {
        name: _target(alias["FunctionName"])
        for name, alias in of_type(template, "AWS::Lambda::Alias")
        if alias["Name"] == ALIAS
    }


def _when_gradual(value: Any) -> Any:
    """What is behind the condition of a gradual rollout."""
    return value["Fn::If"][1] if "Fn::If" in value and value["Fn::If"][0] == "WithCanary" else value


def _references(value: object) -> set[str]:
    """The logical ids that are named anywhere in a value."""
    if isinstance(value, dict):
        found = {_target(value)} if value.keys() & {"Ref", "Fn::GetAtt"} else set()
        if "Fn::Sub" in value:
            found |= {name for text in _texts(value["Fn::Sub"]) for name in re.findall(r"\$\{(\w+)", text)}
        return found.union(*map(_references, value.values()))
    if isinstance(value, list):
        return set().union(*map(_references, value))
    return set()


def _routes(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for _, api in of_type(template, "AWS::ApiGatewayV2::Api"):
        for path, operations in api["Body"]["paths"].items():
            for method, operation in operations.items():
                yield f"{method.upper()} {path}", operation


def _statements(template: Template) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The statements of the roles, both branches of a condition among them."""
    for name, role in of_type(template, "AWS::IAM::Role"):
        for policy in role.get("Policies", ()):
            for given in policy["PolicyDocument"]["Statement"]:
                for statement in given["Fn::If"][1:] if "Fn::If" in given else [given]:
                    if statement != {"Ref": "AWS::NoValue"}:
                        yield name, statement


def _is_wide(resource: str) -> bool:
    return "*" in resource


def _texts(value: object) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _target(reference: object) -> str:
    """The logical id that a reference points at; empty for anything else."""
    if isinstance(reference, dict):
        if "Ref" in reference:
            return str(reference["Ref"])
        if "Fn::GetAtt" in reference:
            return str(reference["Fn::GetAtt"][0])
    return ""


def _attribute(reference: object) -> str:
    return str(reference["Fn::GetAtt"][1]) if isinstance(reference, dict) and "Fn::GetAtt" in reference else ""
