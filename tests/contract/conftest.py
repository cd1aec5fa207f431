"""The backends of every contract test: embedded in memory and in a file, on moto, and on ministack for the deployed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from moto import mock_aws

from aftershow.adapters.dynamodb import INDEX, DynamoDbBackend
from aftershow.ports.store import Backend, Store
from infra.local.embedded import EmbeddedBackend, EmbeddedState
from tests.deployed.ministack.server import Server, serving

# Logical to physical: different words, so that a mix-up shows.
TABLES = {"viewers": "contract-viewers", "orders": "contract-orders"}
ON_MINISTACK = pytest.param("ministack", marks=[pytest.mark.deployed, pytest.mark.allow_hosts(["127.0.0.1"])])
BACKENDS = ["memory", "file", "moto", ON_MINISTACK]
CLIENTS = {"moto": "dynamodb", "ministack": "dynamodb_on_ministack"}
ACCOUNTS = itertools.count(100_000_000_001)
# One session, since each loads the services' descriptions anew.
SESSION = botocore.session.get_session()
SESSION.set_credentials("testing", "testing")


class Clock:
    """A moment that a test moves by hand."""

    def __init__(self) -> None:
        self.milliseconds = 1_700_000_000_000

    def now(self) -> int:
        return self.milliseconds

    def advance(self, seconds: float) -> None:
        self.milliseconds += int(seconds * 1000)


def make_client(service: str, attempts: int = 1) -> Any:
    """A client of moto's, without the SDK's own retries unless a test is about them."""
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    return SESSION.create_client(service, region_name="eu-central-1", config=config)


def make_tables(client: Any, names: Iterable[str] = TABLES.values()) -> None:
    """The tables as `template.yaml` shapes them: pk, sk, and one sparse index of keys."""
    for name in names:
        client.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in ("pk", "sk", "ipk", "isk")],
            KeySchema=_key_schema("pk", "sk"),
            GlobalSecondaryIndexes=[
                {
                    "IndexName": INDEX,
                    "KeySchema": _key_schema("ipk", "isk"),
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
        )


def counting_ids() -> Callable[[], str]:
    """Commit ids c1, c2 ..."""
    numbers = itertools.count(1)
    return lambda: f"c{next(numbers)}"


def no_sleep(seconds: float) -> None:
    """Tests don't wait."""


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def aws() -> Iterator[Callable[..., Any]]:
    """Moto's AWS for one test, as the maker of its clients."""
    with mock_aws():
        yield make_client


@pytest.fixture
def dynamodb(aws: Callable[..., Any]) -> Any:
    """A DynamoDB client over empty tables."""
    client = aws("dynamodb")
    make_tables(client)
    return client


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running ministack."""
    with serving(tmp_path_factory.mktemp("ministack"), enforced=False) as server:
        yield server


@pytest.fixture
def dynamodb_on_ministack(ministack: Server) -> Any:
    """A DynamoDB client over empty tables, in an account of its own: a token counts for ten minutes in an account."""
    client = ministack.client("dynamodb", attempts=1, account=next(ACCOUNTS))
    make_tables(client)
    return client


@pytest.fixture
def state(clock: Clock) -> Iterator[EmbeddedState]:
    opened = EmbeddedState(":memory:", clock.now, streamed=["viewers"])
    yield opened
    opened.close()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Backend]:
    """Each backend in turn."""
    if request.param in CLIENTS:
        yield DynamoDbBackend(request.getfixturevalue(CLIENTS[request.param]), TABLES, no_sleep)
        return
    state = EmbeddedState(
        ":memory:" if request.param == "memory" else tmp_path / "state.db",
        clock.now,
        streamed=TABLES.values(),
    )
    yield EmbeddedBackend(state, TABLES)
    state.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return Store(backend, counting_ids())
