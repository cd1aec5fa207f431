"""The events that Lambda hands to a function, in the shapes that AWS documents.

Sources: the AWS Lambda developer guide, "Using Lambda with Amazon SQS", "Process Amazon DynamoDB
records with Lambda", "Invoke Lambda on a schedule".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import md5
from typing import TYPE_CHECKING, Any

from infra.local.clock import iso
from infra.local.intrinsics import ACCOUNT, REGION

if TYPE_CHECKING:
    from infra.local.embedded import Change, Received

Event = dict[str, Any]


def message_id(number: str) -> str:
    """A queue's own number of a message in the form of SQS's message ids."""
    return f"{int(number):08x}-0000-4000-8000-000000000000"


def of_queue(queue: str, batch: Sequence[Received]) -> Event:
    """A batch of messages."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    return {
        "Records": [
            {
                "messageId": message_id(message.id),
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": str(message.receive_count),
                    "SentTimestamp": str(message.sent_at),
                    "SenderId": ACCOUNT,
                    "ApproximateFirstReceiveTimestamp": str(message.sent_at),
                },
                "messageAttributes": {},
                "md5OfBody": md5(message.body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": REGION,
            }
            for message in batch
        ]
    }


def of_change(change: Change) -> Event:
    """One record of a stream."""
    image = change.new or change.old or {}
    record: Event = {
        "ApproximateCreationDateTime": change.at // 1000,
        "Keys": {"pk": image["pk"], "sk": image["sk"]},
        "SequenceNumber": f"{change.sequence:021d}",
        "SizeBytes": len(image.get("body", {}).get("S", "")),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    if change.new is not None:
        record["NewImage"] = change.new
    if change.old is not None:
        record["OldImage"] = change.old
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{change.table}"
    return {
        "eventID": f"{change.sequence:032x}",
        "eventName": change.name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": record,
        "eventSourceARN": f"{arn}/stream/1970-01-01T00:00:00.000",
    }


def of_schedule(identity: str, event_id: str, moment: int) -> Event:
    """A tick of a schedule."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": iso(moment),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{identity.replace('.', '')}"],
        "detail": {},
    }


def failed_messages(answer: object, known: Mapping[str, str]) -> set[str] | None:
    """The message ids that a partial batch response names as failed; None: all of them.

    `known` has the ids of the batch. Lambda takes an answer that it can't read for a failure of the
    whole batch, and an empty one for success.
    """
    if not isinstance(answer, dict):
        return None if answer else set()
    listed = answer.get("batchItemFailures") or []
    named: set[str] = set()
    for each in listed:
        name = each.get("itemIdentifier") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in known:
            return None
        named.add(name)
    return named
