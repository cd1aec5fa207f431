"""What only the DynamoDB backend has: the SDK between us and the table, and its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.stub import Stubber

from aftershow.adapters.dynamodb import PAUSES_SECONDS, DynamoDbBackend, KeysLeftUnread
from aftershow.ports.store import (
    Check,
    Key,
    NoReply,
    OutboxEvent,
    Put,
    Range,
    Refused,
    Store,
    Version,
)
from tests.contract.conftest import TABLES, counting_ids, make_client, make_tables, no_sleep

ADA = Key("viewers", "ada")
ORDER = Key("orders", "order#1")
ONE = [Put(ADA, "1", None)]
TWO = [Put(ADA, "1", None), Put(ORDER, "1", None)]


class Wire:
    """Sees each request of a client before it leaves, and can make the first ones go wrong."""

    def __init__(self, client: Any) -> None:
        self.operations: list[str] = []
        self.faults: list[tuple[bool, BaseException]] = []
        # A second client's way to moto, without this hook.
        self._way = make_client("dynamodb").meta.events
        client.meta.events.register_first("before-send.dynamodb.*", self._send)

    def lose_reply(self, error: BaseException) -> None:
        """The next request is carried out, then `error` happens."""
        self.faults.append((True, error))

    def lose_request(self, error: BaseException) -> None:
        """`error` happens before the next request is carried out."""
        self.faults.append((False, error))

    def _send(self, request: Any, event_name: str, **_more: object) -> None:
        self.operations.append(event_name.rpartition(".")[2])
        if not self.faults:
            return
        arrives, error = self.faults.pop(0)
        if arrives:
            self._way.emit_until_response(event_name, request=request)
        raise error


@pytest.fixture
def client(aws: Callable[..., Any]) -> Any:
    """A client with one retry of the SDK's own."""
    client = aws("dynamodb", attempts=2)
    make_tables(client)
    return client


@pytest.fixture
def wire(client: Any) -> Wire:
    return Wire(client)


@pytest.fixture
def backend(client: Any) -> DynamoDbBackend:
    return DynamoDbBackend(client, TABLES, no_sleep)


@pytest.fixture
def store(backend: DynamoDbBackend) -> Store:
    return Store(backend, counting_ids())


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def time_out() -> sdk.ReadTimeoutError:
    return sdk.ReadTimeoutError(endpoint_url="https://dynamodb")


class Crash(BaseException):
    """The process ends here."""


class TestCalls:
    """One call a read, one call a commit."""

    @pytest.mark.parametrize(
        ("puts", "checks", "operation"),
        [
            (ONE, [], "PutItem"),
            (ONE, [Check(ORDER, None)], "TransactWriteItems"),
            (TWO, [], "TransactWriteItems"),
        ],
    )
    def test_a_commit(self, store: Store, wire: Wire, puts: list[Put], checks: list[Check], operation: str) -> None:
        store.commit(puts, checks)
        assert wire.operations == [operation]

    def test_a_read(self, store: Store, wire: Wire) -> None:
        store.get(ADA)
        store.get_many([ADA, ORDER])
        assert wire.operations == ["GetItem", "BatchGetItem"]

    def test_reads_are_consistent(self, store: Store, client: Any) -> None:
        asked: list[dict[str, Any]] = []
        client.meta.events.register("provide-client-params.dynamodb.*", lambda params, **_more: asked.append(params))
        store.get(ADA)
        store.get_many([ADA, ORDER])
        single, batch = asked
        assert single["ConsistentRead"]
        assert [one["ConsistentRead"] for one in batch["RequestItems"].values()] == [True, True]

    def test_an_empty_range_needs_none(self, store: Store, wire: Wire) -> None:
        assert store.query("viewers", Range("p", "b", "a")).items == ()
        assert wire.operations == []

    @pytest.mark.parametrize("commit_id", ["c" * 36, "c" * 37, "直播"])
    def test_the_token_follows_from_the_commit_id(self, client: Any, backend: DynamoDbBackend, commit_id: str) -> None:
        tokens: list[str] = []
        client.meta.events.register(
            "provide-client-params.dynamodb.TransactWriteItems",
            lambda params, **_more: tokens.append(params["ClientRequestToken"]),
        )
        backend.write(TWO, [], commit_id)
        [token] = tokens
        assert 1 <= len(token) <= 36
        assert (token == commit_id) == (len(commit_id) <= 36)

    def test_a_row_shows_the_stream_that_it_has_events(self, store: Store, client: Any) -> None:
        event = OutboxEvent("Done", '{"title": "直播"}')
        version = store.commit([Put(ADA, "1", None, (event,), ("x", "y"), 7)])[ADA]
        [row] = client.scan(TableName=TABLES["viewers"])["Items"]
        assert row == {
            "pk": {"S": "ada"},
            "sk": {"S": "-"},
            "n": {"N": "1"},
            "c": {"S": "c1"},
            "body": {"S": "1"},
            "ipk": {"S": "x"},
            "isk": {"S": "y"},
            "events": {"S": r'[["Done", "{\"title\": \"直播\"}"]]'},
            "has_events": {"N": "1"},
            "expires_at": {"N": "7"},
        }
        store.commit([Put(ADA, "2", version)])
        [row] = client.scan(TableName=TABLES["viewers"])["Items"]
        assert sorted(row) == ["body", "c", "n", "pk", "sk"]


class TestLostReplies:
    """The SDK repeats by itself; moto knows no tokens, so its second answer is a refusal."""

    @pytest.mark.parametrize("puts", [ONE, TWO])
    def test_a_repeated_commit_is_one_commit(self, store: Store, wire: Wire, puts: list[Put]) -> None:
        wire.lose_reply(time_out())

        assert store.commit(puts)[ADA] == Version(1, "c1")

        write = "PutItem" if puts is ONE else "TransactWriteItems"
        read = "GetItem" if puts is ONE else "BatchGetItem"
        assert wire.operations == [write, write, read]

    @pytest.mark.parametrize("arrives", [True, False])
    def test_two_silences_in_a_row(self, backend: DynamoDbBackend, wire: Wire, *, arrives: bool) -> None:
        (wire.lose_reply if arrives else wire.lose_request)(time_out())
        wire.lose_request(sdk.ConnectionClosedError(endpoint_url="https://dynamodb"))
        with pytest.raises(NoReply):
            backend.write(ONE, [], "c1")
        assert bool(backend.read([ADA])) == arrives

    @pytest.mark.parametrize("arrives", [True, False])
    def test_a_crash_passes_through(self, backend: DynamoDbBackend, wire: Wire, *, arrives: bool) -> None:
        (wire.lose_reply if arrives else wire.lose_request)(Crash())
        with pytest.raises(Crash):
            backend.write(TWO, [], "c1")
        assert len(backend.read([ADA, ORDER])) == (2 if arrives else 0)


REFUSAL = {"http_status_code": 400}
REFUSED_RETRY = {"http_status_code": 400, "response_meta": {"RetryAttempts": 1}}
FAILURE = {"http_status_code": 500}


class TestErrors:
    """What the store hears of each answer."""

    @pytest.mark.parametrize(
        ("code", "answer", "heard"),
        [
            ("ConditionalCheckFailedException", REFUSAL, Refused),
            ("ConditionalCheckFailedException", REFUSED_RETRY, Refused),
            ("TransactionConflictException", REFUSAL, Refused),
            ("InternalServerError", FAILURE, NoReply),
            ("ProvisionedThroughputExceededException", REFUSAL, sdk.ClientError),
            ("ThrottlingException", REFUSAL, sdk.ClientError),
            ("ValidationException", REFUSAL, sdk.ClientError),
            ("AccessDeniedException", REFUSAL, sdk.ClientError),
            # The attempt before this one may have been carried out.
            ("ProvisionedThroughputExceededException", REFUSED_RETRY, NoReply),
        ],
    )
    def test_of_a_put(
        self,
        backend: DynamoDbBackend,
        stub: Stubber,
        code: str,
        answer: dict[str, Any],
        heard: type[Exception],
    ) -> None:
        stub.add_client_error("put_item", code, **answer)
        with pytest.raises(heard):
            backend.write(ONE, [], "c1")

    @pytest.mark.parametrize(
        ("code", "reasons", "heard"),
        [
            ("TransactionCanceledException", ["None", "ConditionalCheckFailed"], Refused),
            ("TransactionCanceledException", ["TransactionConflict", "None"], Refused),
            ("TransactionCanceledException", ["ThrottlingError", "None"], sdk.ClientError),
            ("TransactionCanceledException", ["ValidationError", "None"], sdk.ClientError),
            ("TransactionInProgressException", [], NoReply),
            ("IdempotentParameterMismatchException", [], NoReply),
            ("RequestLimitExceeded", [], sdk.ClientError),
        ],
    )
    def test_of_a_transaction(
        self,
        backend: DynamoDbBackend,
        stub: Stubber,
        code: str,
        reasons: list[str],
        heard: type[Exception],
    ) -> None:
        modeled = {"CancellationReasons": [{"Code": reason} for reason in reasons]}
        stub.add_client_error("transact_write_items", code, modeled_fields=modeled if reasons else None)
        with pytest.raises(heard):
            backend.write(TWO, [], "c1")

    @pytest.mark.parametrize(
        "error",
        [
            sdk.ConnectTimeoutError(endpoint_url="https://dynamodb"),
            sdk.EndpointConnectionError(endpoint_url="https://dynamodb"),
            sdk.HTTPClientError(error="reset"),
            sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ],
    )
    def test_of_a_broken_connection(self, backend: DynamoDbBackend, client: Any, error: Exception) -> None:
        def fail(**_more: object) -> None:
            raise error

        client.meta.events.register("before-call.dynamodb.PutItem", fail)
        with pytest.raises(NoReply):
            backend.write(ONE, [], "c1")

    def test_of_a_read(self, backend: DynamoDbBackend, stub: Stubber) -> None:
        stub.add_client_error("get_item", "InternalServerError", http_status_code=500)
        with pytest.raises(sdk.ClientError):
            backend.read([ADA])


LEFT = {TABLES["orders"]: {"ConsistentRead": True, "Keys": [{"pk": {"S": "order#1"}}]}}
ROW = {
    "pk": {"S": "ada"},
    "sk": {"S": "-"},
    "n": {"N": "1"},
    "c": {"S": "c"},
    "body": {"S": ""},
}


class TestUnprocessedKeys:
    """A batch read that leaves keys out goes on, for a while."""

    def test_what_was_left_out_is_read_next(self, client: Any, stub: Stubber) -> None:
        pauses: list[float] = []
        order = {**ROW, "pk": {"S": "order#1"}}
        stub.add_response(
            "batch_get_item",
            {"Responses": {TABLES["viewers"]: [ROW]}, "UnprocessedKeys": LEFT},
        )
        stub.add_response(
            "batch_get_item",
            {"Responses": {TABLES["orders"]: [order]}, "UnprocessedKeys": {}},
            {"RequestItems": LEFT},
        )

        found = DynamoDbBackend(client, TABLES, pauses.append).read([ADA, ORDER])

        assert set(found) == {ADA, ORDER}
        assert pauses == [PAUSES_SECONDS[0]]

    def test_at_last_it_gives_up(self, client: Any, stub: Stubber) -> None:
        pauses: list[float] = []
        for _ in range(len(PAUSES_SECONDS) + 1):
            stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": LEFT})
        with pytest.raises(KeysLeftUnread):
            DynamoDbBackend(client, TABLES, pauses.append).read([ADA, ORDER])
        assert tuple(pauses) == PAUSES_SECONDS
