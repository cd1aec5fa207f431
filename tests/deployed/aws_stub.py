"""An AWS that takes everything and remembers what was put: enough for a function to start, work and answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.deployed.lambda_runtime import body_of, reply

Item = Mapping[str, Mapping[str, str]]


@dataclass
class AwsStub:
    """DynamoDB without conditions and indexes, S3's objects, SQS, EventBridge and SES by their names only."""

    items: dict[tuple[str, str, str], Item] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """The server's side of it."""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                # SES speaks REST, the others name their action in a header.
                action = self.headers.get("X-Amz-Target", "SES.SendEmail").rpartition(".")[2]
                stub.calls[action] += 1
                asked = json.loads(body_of(self) or b"{}")
                reply(self, 200, stub.answer(action, asked))

            def do_PUT(self) -> None:
                # An object of S3: bucket and name are the path.
                stub.calls["PutObject"] += 1
                stub.objects[self.path] = body_of(self)
                reply(self, 200, {})

            def log_message(self, *_: object) -> None:
                """Nothing."""

        return Handler

    def put(self, table: str, item: Item) -> None:
        """Keep an item under its key."""
        self.items[table, item["pk"]["S"], item["sk"]["S"]] = item

    def answer(self, action: str, asked: Mapping[str, Any]) -> object:
        """What a service says to a request."""
        match action:
            case "GetItem":
                found = self._get(asked["TableName"], asked["Key"])
                return {"Item": found} if found else {}
            case "BatchGetItem":
                tables = {table: each["Keys"] for table, each in asked["RequestItems"].items()}
                read = {table: [self._get(table, key) for key in keys] for table, keys in tables.items()}
                return {"Responses": {table: [item for item in found if item] for table, found in read.items()}}
            case "PutItem":
                self.put(asked["TableName"], asked["Item"])
                return {}
            case "TransactWriteItems":
                for each in asked["TransactItems"]:
                    if "Put" in each:
                        self.put(each["Put"]["TableName"], each["Put"]["Item"])
                return {}
            case "Query":
                return {"Items": [], "Count": 0, "ScannedCount": 0}
            case _:
                return self._answer_beside(action, asked)

    def _answer_beside(self, action: str, asked: Mapping[str, Any]) -> object:
        match action:
            case "SendMessage":
                return {"MessageId": "1"}
            case "SendMessageBatch":
                return {"Successful": [{"Id": each["Id"], "MessageId": "1"} for each in asked["Entries"]], "Failed": []}
            case "GetQueueAttributes":
                return {"Attributes": dict.fromkeys(asked["AttributeNames"], "0")}
            case "PutEvents":
                return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in asked["Entries"]]}
            case "SendEmail":
                return {"MessageId": "1"}
            case _:
                return {}

    def _get(self, table: str, key: Item) -> Item | None:
        return self.items.get((table, key["pk"]["S"], key["sk"]["S"]))
