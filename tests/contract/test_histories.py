"""Random histories end alike in a plain dict, the embedded backend and moto."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.ports.store import (
    Backend,
    Check,
    Conflict,
    IndexPage,
    IndexRow,
    Item,
    Key,
    OutboxEvent,
    Page,
    Put,
    Range,
    Refused,
    Store,
    Version,
    next_version,
)
from infra.local.embedded import EmbeddedBackend, EmbeddedState
from tests.contract.conftest import TABLES, counting_ids, make_client, make_tables, no_sleep

KEYS = [Key(table, pk, sk) for table in TABLES for pk, sk in (("a", "1"), ("a", "2"), ("b", "1"))]


@dataclass(frozen=True, slots=True)
class Step:
    """One put or check of a commit: on the current version, or on one of the past."""

    key: Key
    writes: bool
    # How many versions ago it was decided; more than there were: decided on absence.
    age: int
    body: str
    index: tuple[str, str] | None
    events: tuple[OutboxEvent, ...]
    expires_at: int | None


STEPS = st.builds(
    Step,
    key=st.sampled_from(KEYS),
    writes=st.sampled_from([True, True, False]),
    age=st.sampled_from([0, 0, 0, 0, 1, 9]),
    body=st.text(max_size=3),
    index=st.none() | st.tuples(st.sampled_from("xy"), st.sampled_from(["1", "2", "é"])),
    events=st.sampled_from([(), (OutboxEvent("Done", "{}"),)]),
    expires_at=st.none() | st.just(1_800_000_000),
)
COMMITS = st.lists(STEPS, min_size=1, max_size=3, unique_by=lambda step: step.key).filter(
    lambda steps: any(step.writes for step in steps)
)
HISTORIES = st.lists(COMMITS, max_size=12)


@dataclass
class DictBackend:
    """The model: what the port says, in as few words as possible."""

    items: dict[Key, Item] = field(default_factory=dict)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return {key: self.items[key] for key in keys if key in self.items}

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        changes: list[Put | Check] = [*puts, *checks]
        for change in changes:
            found = self.items.get(change.key)
            if (found.version if found else None) != change.expected:
                raise Refused
        for put in puts:
            version = next_version(put.expected, commit_id)
            self.items[put.key] = Item(put.key, version, put.body, put.events, put.index, put.expires_at)

    def query(self, table: str, where: Range) -> Page:
        keys = [key for key in sorted(self.items) if (key.table, key.pk) == (table, where.pk)]
        return Page(tuple(self.items[key] for key in keys if _within(key.sk, where))[: where.limit], None)

    def query_index(self, table: str, where: Range) -> IndexPage:
        rows = [
            IndexRow(*item.index, item.key)
            for item in self.items.values()
            if item.index and item.key.table == table and item.index[0] == where.pk
        ]
        found = sorted((row.sk, row.key, row) for row in rows if _within(row.sk, where))
        return IndexPage(tuple(row for _, _, row in found[: where.limit]), None)


def _within(sort: str, where: Range) -> bool:
    return where.first <= sort and (where.last is None or sort <= where.last)


@contextmanager
def embedded() -> Iterator[Backend]:
    state = EmbeddedState(":memory:", lambda: 0, streamed=["viewers"])
    yield EmbeddedBackend(state)
    state.close()


@contextmanager
def dynamodb() -> Iterator[Backend]:
    with mock_aws():
        client = make_client("dynamodb")
        make_tables(client)
        yield DynamoDbBackend(client, TABLES, no_sleep)


def outcomes(backend: Backend, history: list[list[Step]]) -> list[object]:
    """Everything that a caller could see of a history."""
    store = Store(backend, counting_ids())
    return [*commits(store, history), store.get_many(KEYS), *queries(store)]


def commits(store: Store, history: list[list[Step]]) -> list[object]:
    """Carry a history out: the new versions of each commit, or that it was refused."""
    versions: dict[Key, list[Version]] = {key: [] for key in KEYS}
    return [_commit(store, versions, steps) for steps in history]


def queries(store: Store) -> list[object]:
    """What queries find."""
    seen: list[object] = []
    for table, pk in itertools.product(TABLES, "ab"):
        seen.append(store.query(table, Range(pk)).items)
        seen.append(store.query(table, Range(pk, "1", "1")).items)
    for table, pk in itertools.product(TABLES, "xy"):
        # Rows at one place of an index come in any order.
        for where in (Range(pk), Range(pk, "2"), Range(pk, "", "2")):
            rows = store.query_index(table, where).rows
            seen.append(sorted((row.sk, row.key) for row in rows))
            assert [row.sk for row in rows] == sorted(row.sk for row in rows)
    return seen


def _commit(store: Store, versions: dict[Key, list[Version]], steps: list[Step]) -> dict[Key, Version] | str:
    puts: list[Put] = []
    checks: list[Check] = []
    for step in steps:
        known = versions[step.key]
        expected = known[-1 - step.age] if step.age < len(known) else None
        if step.writes:
            puts.append(Put(step.key, step.body, expected, step.events, step.index, step.expires_at))
        else:
            checks.append(Check(step.key, expected))
    try:
        written = store.commit(puts, checks)
    except Conflict:
        return "conflict"
    for key, version in written.items():
        versions[key].append(version)
    return written


@given(HISTORIES)
@settings(deadline=None, max_examples=150)
def test_the_embedded_backend_is_the_model(history: list[list[Step]]) -> None:
    with embedded() as backend:
        assert outcomes(backend, history) == outcomes(DictBackend(), history)


@given(HISTORIES)
@settings(deadline=None, max_examples=25)
def test_dynamodb_is_the_embedded_backend(history: list[list[Step]]) -> None:
    with embedded() as here, dynamodb() as there:
        assert outcomes(there, history) == outcomes(here, history)
