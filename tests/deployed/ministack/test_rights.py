"""What the roles allow is what the functions did: runs after the other tests of this folder, on the calls they made.

ministack checked each call against the role of its function, so nothing went beyond the roles unnoticed. The other
direction: a right that nothing used is too much, but for those listed here with a reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.deployed.ministack.cloud import STACK, Cloud

# What Lambda does itself with a function's role; ministack does it without asking.
BY_LAMBDA = {
    "logs:CreateLogStream": "Lambda writes the log",
    "logs:PutLogEvents": "Lambda writes the log",
    "sqs:ReceiveMessage": "Lambda reads the event source",
    "sqs:DeleteMessage": "Lambda reads the event source",
    "dynamodb:DescribeStream": "Lambda reads the event source",
    "dynamodb:GetRecords": "Lambda reads the event source",
    "dynamodb:GetShardIterator": "Lambda reads the event source",
    "dynamodb:ListStreams": "Lambda reads the event source",
    "s3:ListBucket": "Lambda delivers what the relay could not work off",
    # Also what a function does with a message after five lost races (services.messages.give_back).
    "sqs:ChangeMessageVisibility": "Lambda returns what it received and did not hand over",
}
# What functions do only when something goes wrong that ministack can't be made to do wrong, or not yet at all.
SELDOM = {
    ("ScoreUser", "sqs:SendMessage", "FactsQueue"): "events are given back when the time runs out",
    ("ScoreUser", "sqs:SendMessage", "BehaviourQueue"): "events are given back when the time runs out",
    ("PublishChanges", "sqs:SendMessage", "RelayRefusedQueue"): "the bus refused an event twice",
    ("PublishChanges", "s3:PutObject", "RelayFailuresBucket/*"): "Lambda delivers what the relay could not work off",
    ("SendMessage", "dynamodb:PutItem", "table/CatalogTable"): "a channel whose provider gave no clear answer",
    **{
        ("DailyCare", f"dynamodb:{action}", f"table/{table}"): "points run out after months"
        for action, table in (
            ("GetItem", "LedgerTable"),
            ("BatchGetItem", "LedgerTable"),
            ("PutItem", "LedgerTable"),
            ("GetItem", "ViewersTable"),
            ("BatchGetItem", "ViewersTable"),
        )
    },
    ("DailyCare", "sqs:SendMessage", "RemindersQueue"): "somebody's labels change by time alone, after days",
    **{
        (
            "SendMessage",
            f"dynamodb:{action}",
            f"table/{table}",
        ): "no template that ships shows points or picks products"
        for action in ("GetItem", "BatchGetItem")
        for table in ("LedgerTable", "OrdersTable")
    },
    **{
        ("SendMessage", "ses:SendRawEmail", resource): "AWS asks for it where the content is raw; ministack does not"
        for resource in ("configuration-set/aftershow", "identity/*")
    },
    **{
        (
            "TrackOutcome",
            f"dynamodb:{action}",
            "table/CatalogTable",
        ): "tasks of staff: a complaint, a doubt in a reply"
        for action in ("GetItem", "BatchGetItem", "PutItem")
    },
    ("TrackOutcome", "sqs:SendMessage", "BehaviourQueue"): "a survey or a vote was answered on its page",
    ("ReleaseDue", "sqs:SendMessage", "EmailServiceQueue"): "no playbook that ships sends service messages",
    ("ReleaseDue", "sqs:GetQueueAttributes", "EmailServiceQueue"): "no playbook that ships sends service messages",
}
# The port reads one key with the one call and several with the other.
READS = frozenset({"dynamodb:GetItem", "dynamodb:BatchGetItem"})
WRITE = "dynamodb:PutItem"
RELEASES = "ReleaseDue"


@dataclass(frozen=True, slots=True)
class Right:
    """An action of a function on a resource; the resource may hold `*`."""

    function: str
    action: str
    resource: str


def granted(cloud: Cloud) -> Iterator[Right]:
    """What the deployed roles allow. They carry policies of their own and nothing else."""
    iam = cloud.server.client("iam")
    roles = {name: role for name, role in cloud.resources.items() if name.endswith("Role")}
    assert set(roles) == {f"{name}Role" for name in functions(cloud).values()}
    for name, role in roles.items():
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for statement in document["Statement"]:
                assert statement["Effect"] == "Allow"
                for action in _listed(statement["Action"]):
                    for resource in _listed(statement["Resource"]):
                        yield Right(name.removesuffix("Role"), action, resource)


def used(cloud: Cloud) -> set[Right]:
    """What the functions did so far."""
    names = functions(cloud)
    calls = cloud.server.calls()
    return {Right(names[call["who"].rpartition("/")[2]], call["action"], call["resource"]) for call in calls}


def functions(cloud: Cloud) -> Mapping[str, str]:
    """Logical ids by deployed names."""
    kinds = cloud.processed["Resources"]
    return {
        physical: logical
        for logical, physical in cloud.resources.items()
        if kinds.get(logical, {}).get("Type") == "AWS::Lambda::Function"
    }


def named(cloud: Cloud, resource: str) -> str:
    """The end of an ARN with the logical id in the place of the deployed name."""
    end = resource.split(":", 5)[5]
    deployed = {physical.rpartition("/")[2]: logical for logical, physical in cloud.resources.items()}
    for physical in sorted(deployed, key=len, reverse=True):
        # The bus and the configuration set are named as the stack is.
        if physical != STACK and physical in end:
            return end.replace(physical, deployed[physical])
    return end


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_needed(right: Right, done: set[Right]) -> bool:
    """Whether a function used the right, or would have if a reply had been lost: then it reads what it wrote."""
    actions = READS | {WRITE} if right.action in READS else {right.action}
    return any(
        one.function == right.function and one.action in actions and fnmatchcase(one.resource, right.resource)
        for one in done
    )


def test_every_function_ran(cloud: Cloud) -> None:
    assert {right.function for right in used(cloud)} == set(functions(cloud).values())


def test_nothing_was_refused(cloud: Cloud) -> None:
    refused = [(call["who"], call["action"], call["resource"]) for call in cloud.server.calls() if call["denied"]]
    assert refused == []


def test_nothing_is_granted_that_is_not_used(cloud: Cloud) -> None:
    done = used(cloud)
    left = {
        (right.function, right.action, named(cloud, right.resource))
        for right in granted(cloud)
        if right.action not in BY_LAMBDA and not _polls(right) and not is_needed(right, done)
    }
    too_many = sorted(left - SELDOM.keys())
    assert not too_many, "\n".join(map(str, too_many))


def _polls(right: Right) -> bool:
    """Lambda asks how full an event source is; release_due asks itself."""
    return right.action == "sqs:GetQueueAttributes" and right.function != RELEASES


def test_the_exceptions_are_granted(cloud: Cloud) -> None:
    """A list of exceptions that nobody needs any more would hide the next right that is too much."""
    rights = {(right.function, right.action, named(cloud, right.resource)) for right in granted(cloud)}
    assert SELDOM.keys() - rights == set()
    assert BY_LAMBDA.keys() - {action for _, action, _ in rights} == set()
