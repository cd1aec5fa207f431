"""The queues over SQS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from botocore import exceptions as sdk

from aftershow.adapters.batches import batches
from aftershow.ports.queues import (
    MAX_BATCH_MESSAGES,
    MAX_MESSAGE_BYTES,
    Backlog,
    Message,
    NotHandedOver,
    body_bytes,
    check_deferral,
    check_messages,
)

# What SQS answers when a message is deferred that is no longer in flight, or was received again
# since. The last one also stands for a time out of range, which is checked before.
_DELIVERY_IS_OVER = frozenset(
    {
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
        "InvalidParameterValue",
    }
)


class SqsQueues:
    """`ports.queues.Queues` over a boto3 SQS client; a queue's name is its URL."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # The SDK's writer takes a quarter of a whole ingest of 100 events for the one text of its message, msgspec a
        # tenth of that. Both events are the SDK's own points of extension.
        client.meta.events.register("before-parameter-build.sqs.SendMessage", _hold_back, unique_id="hold back")
        client.meta.events.register("before-call.sqs.SendMessage", _put_in, unique_id="put in")

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Hand over all messages: SendMessage for one, else full batches; refused ones once more.

        Raises NotHandedOver, ValueError.
        """
        check_messages(messages)
        try:
            refused = self._send(queue, messages)
            refused = self._send(queue, refused)
        except (sdk.ClientError, sdk.BotoCoreError) as error:
            raise NotHandedOver(str(error)) from error
        if refused:
            raise NotHandedOver(f"{len(refused)} of {len(messages)} messages were refused twice")

    def backlog(self, queue: str) -> Backlog:
        """How much waits there, about."""
        answer = self._client.get_queue_attributes(
            QueueUrl=queue,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        count = answer["Attributes"]
        return Backlog(
            visible=int(count["ApproximateNumberOfMessages"]),
            delayed=int(count["ApproximateNumberOfMessagesDelayed"]),
            in_flight=int(count["ApproximateNumberOfMessagesNotVisible"]),
        )

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        """Let a message come back after `seconds`; nothing happens if its delivery is over."""
        check_deferral(seconds)
        try:
            self._client.change_message_visibility(QueueUrl=queue, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except sdk.ClientError as error:
            if error.response["Error"]["Code"] not in _DELIVERY_IS_OVER:
                raise

    def _send(self, queue: str, messages: Sequence[Message]) -> list[Message]:
        """Send once; returns the messages that SQS refused."""
        refused: list[Message] = []
        grouped = batches(messages, body_bytes, MAX_BATCH_MESSAGES, MAX_MESSAGE_BYTES)
        # A single one was measured already.
        for batch in [messages] if len(messages) == 1 else grouped:
            if len(batch) == 1:
                self._client.send_message(QueueUrl=queue, **_entry(batch[0]))
                continue
            answer = self._client.send_message_batch(
                QueueUrl=queue,
                Entries=[{"Id": str(place), **_entry(each)} for place, each in enumerate(batch)],
            )
            refused.extend(batch[int(entry["Id"])] for entry in answer.get("Failed", ()))
        return refused


def _hold_back(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["message body"] = params["MessageBody"]
    params["MessageBody"] = "-"


def _put_in(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    request = msgspec.json.decode(params["body"])
    request["MessageBody"] = context["message body"]
    params["body"] = msgspec.json.encode(request)


def _entry(message: Message) -> Mapping[str, Any]:
    # A delay of 0 would override the queue's own.
    delay = {"DelaySeconds": message.delay_seconds} if message.delay_seconds else {}
    return {"MessageBody": message.body, **delay}
