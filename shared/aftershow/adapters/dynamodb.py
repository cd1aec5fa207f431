"""The store's backend over DynamoDB.

A write's answer is only the answer to the SDK's last attempt. An earlier attempt may have been
carried out although its reply was lost, so the last answer proves "no effect" only if it was the
first one too:

    condition failed, another transaction on an item     Refused (perhaps by our own first attempt)
    time-out, connection lost, answer unreadable, 5xx    NoReply
    the token is in progress, or was seen otherwise      NoReply (nobody else has our commit id)
    any other error after a retry                        NoReply
    any other error of the first attempt: throttling,    propagates: it had no effect
      validation, missing rights, missing table

Reads change nothing, so all their errors propagate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from aftershow.ports.store import (
    Check,
    IndexPage,
    IndexRow,
    Item,
    Key,
    NoReply,
    Page,
    Put,
    Range,
    Refused,
    Row,
    Version,
)

# The one index of each table: partition `ipk`, sort `isk`, projecting keys only.
INDEX = "index"

# Before each further round of a batch read that left keys out. 100 items of 400 KB need three,
# since DynamoDB returns 16 MB a call; more mean throttling. The sum is far below any time-out.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)

# ClientRequestToken: 1 to 36 characters.
_MAX_TOKEN_CHARACTERS = 36
_FIRST_SERVER_ERROR = 500

_ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}
_LOST_RACES = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_LOST_RACE_ERRORS = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})
_TOKEN_ERRORS = frozenset({"TransactionInProgressException", "IdempotentParameterMismatchException"})
# A connection that was never made is here too: it may have been so for the last attempt only.
_SILENCES = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    sdk.IncompleteReadError,
    sdk.ChecksumError,
    ResponseParserError,
)


class KeysLeftUnread(Exception):
    """DynamoDB left keys of a batch read out, round after round: it is throttling."""


class DynamoDbBackend:
    """`ports.store.Backend` over a boto3 DynamoDB client.

    `tables` is logical to physical name, one to one. `sleep` takes seconds.
    """

    def __init__(self, client: Any, tables: Mapping[str, str], sleep: Callable[[float], None]) -> None:
        self._client = client
        self._tables = tables
        self._logical = {physical: logical for logical, physical in tables.items()}
        self._sleep = sleep

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """The items that exist: one GetItem for one key, BatchGetItem for more.

        Raises KeysLeftUnread, botocore's errors.
        """
        if len(keys) == 1:
            return self._read_one(keys[0])
        found: dict[Key, Item] = {}
        left = self._read_batch(self._batch_request(keys), found)
        for pause in PAUSES_SECONDS:
            if not left:
                return found
            self._sleep(pause)
            left = self._read_batch(left, found)
        if left:
            raise KeysLeftUnread(f"{len(found)} of {len(keys)} keys were found until then")
        return found

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """All or nothing. Raises Refused, NoReply, and what had no effect as botocore's error."""
        try:
            if len(puts) == 1 and not checks:
                self._client.put_item(**self._put(puts[0], commit_id))
            else:
                self._client.transact_write_items(
                    ClientRequestToken=_token(commit_id),
                    TransactItems=[
                        *({"Put": self._put(put, commit_id)} for put in puts),
                        *({"ConditionCheck": self._check(check)} for check in checks),
                    ],
                )
        except sdk.ClientError as error:
            doubt = _doubt(error)
            if doubt is None:
                raise
            raise doubt from error
        except _SILENCES as silence:
            raise NoReply(str(silence)) from silence

    def query(self, table: str, where: Range) -> Page:
        """Items of one partition, in the order of their sort keys. At most 1 MB a page."""
        rows, after = self._query(table, where, ("pk", "sk"))
        return Page(tuple(Row(row).item(table) for row in rows), after)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """Rows of one partition of the table's index, in the order of their index sort keys."""
        found, after = self._query(table, where, ("ipk", "isk", "pk", "sk"), IndexName=INDEX)
        rows = (IndexRow(row["ipk"]["S"], row["isk"]["S"], Key(table, row["pk"]["S"], row["sk"]["S"])) for row in found)
        return IndexPage(tuple(rows), after)

    def _read_one(self, key: Key) -> Mapping[Key, Item]:
        answer = self._client.get_item(**self._place(key), ConsistentRead=True)
        return {key: Row(answer["Item"]).item(key.table)} if "Item" in answer else {}

    def _read_batch(self, request: Mapping[str, Any], found: dict[Key, Item]) -> Mapping[str, Any] | None:
        """Add what was read to `found`; returns the request for what was left out."""
        answer = self._client.batch_get_item(RequestItems=request)
        for table, rows in answer["Responses"].items():
            items = (Row(row).item(self._logical[table]) for row in rows)
            found.update((item.key, item) for item in items)
        left: Mapping[str, Any] | None = answer.get("UnprocessedKeys")
        return left

    def _batch_request(self, keys: Sequence[Key]) -> dict[str, Any]:
        request: dict[str, Any] = {}
        for key in keys:
            place = self._place(key)
            of_table = request.setdefault(place["TableName"], {"ConsistentRead": True, "Keys": []})
            of_table["Keys"].append(place["Key"])
        return request

    def _put(self, put: Put, commit_id: str) -> dict[str, Any]:
        return {
            "TableName": self._tables[put.key.table],
            "Item": Row.of(put, commit_id).attributes,
            **_condition(put.expected),
        }

    def _check(self, check: Check) -> dict[str, Any]:
        return {**self._place(check.key), **_condition(check.expected)}

    def _place(self, key: Key) -> dict[str, Any]:
        return {
            "TableName": self._tables[key.table],
            "Key": {"pk": {"S": key.pk}, "sk": {"S": key.sk}},
        }

    def _query(
        self, table: str, where: Range, names: tuple[str, ...], **index: str
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        # DynamoDB refuses an empty range, and an empty text as the end of one.
        if where.last is not None and (where.last < where.first or not where.last):
            return (), None
        request = {
            "TableName": self._tables[table],
            "Limit": where.limit,
            **_key_condition(where, *names[:2]),
            **index,
        }
        if where.after is not None:
            start = (where.pk, *json.loads(where.after))
            request["ExclusiveStartKey"] = {name: {"S": part} for name, part in zip(names, start, strict=True)}
        answer = self._client.query(**request)
        last = answer.get("LastEvaluatedKey")
        after = json.dumps([last[name]["S"] for name in names[1:]]) if last else None
        return answer["Items"], after


def _condition(expected: Version | None) -> Mapping[str, Any]:
    """The version is compared whole: counter and commit id."""
    if expected is None:
        return _ABSENT
    return {
        "ConditionExpression": "#n = :n AND #c = :c",
        "ExpressionAttributeNames": {"#n": "n", "#c": "c"},
        "ExpressionAttributeValues": {
            ":n": {"N": str(expected.counter)},
            ":c": {"S": expected.commit},
        },
    }


def _key_condition(where: Range, partition: str, sort: str) -> Mapping[str, Any]:
    # A key condition has one clause at most on the sort key, hence BETWEEN.
    condition = f"{partition} = :pk"
    values = {":pk": {"S": where.pk}}
    if where.first:
        values[":first"] = {"S": where.first}
    if where.last is not None:
        values[":last"] = {"S": where.last}
    if where.first and where.last is not None:
        condition += f" AND {sort} BETWEEN :first AND :last"
    elif where.first:
        condition += f" AND {sort} >= :first"
    elif where.last is not None:
        condition += f" AND {sort} <= :last"
    return {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}


def _doubt(error: sdk.ClientError) -> Refused | NoReply | None:
    """What the store shall make of the error; None: it had no effect."""
    code = error.response["Error"]["Code"]
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
    if code in _LOST_RACE_ERRORS or reasons & _LOST_RACES:
        return Refused(str(error))
    metadata = error.response.get("ResponseMetadata", {})
    if (
        code in _TOKEN_ERRORS
        or metadata.get("HTTPStatusCode", 0) >= _FIRST_SERVER_ERROR
        or metadata.get("RetryAttempts", 0) > 0
    ):
        return NoReply(str(error))
    return None


def _token(commit_id: str) -> str:
    """The commit id itself where it fits."""
    if len(commit_id) <= _MAX_TOKEN_CHARACTERS:
        return commit_id
    return hashlib.sha256(commit_id.encode()).hexdigest()[:_MAX_TOKEN_CHARACTERS]
