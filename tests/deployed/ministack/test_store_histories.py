"""Ten thousand random histories of commits end alike on ministack and in the embedded store."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

import pytest

from aftershow.adapters.dynamodb import DynamoDbBackend
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, OutboxEvent, Page, Put, Range, Store
from infra.local.embedded import EmbeddedBackend, EmbeddedState
from tests.contract.conftest import TABLES, make_tables, no_sleep
from tests.contract.test_histories import KEYS, Step, commits, queries
from tests.deployed.ministack.server import Server

HISTORIES = 10_000
# A stop for a slow machine, which then says how many it has seen; too few of them fail.
MOST_SECONDS = 420
LEAST_HISTORIES = 2_000
SEED = 20_261_122
# Looking at the items of so many histories at once takes one call; queries are asked after one history of each group.
GROUP = 100 // len(KEYS)
MOST_COMMITS = 8
BODIES = ("", "0", "直播", "\0", "\U0001f389")


@dataclass(frozen=True, slots=True)
class Prefixed:
    """A part of a backend: every partition, and every partition of the index, begins with `prefix`."""

    inner: Backend
    prefix: str

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """See Backend."""
        found = self.inner.read([self.there(key) for key in keys])
        return {item.key: item for item in map(self.here, found.values())}

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """See Backend."""
        moved = [
            replace(put, key=self.there(put.key), index=put.index and (self.prefix + put.index[0], put.index[1]))
            for put in puts
        ]
        self.inner.write(moved, [replace(check, key=self.there(check.key)) for check in checks], commit_id)

    def query(self, table: str, where: Range) -> Page:
        """See Backend."""
        page = self.inner.query(table, replace(where, pk=self.prefix + where.pk))
        return Page(tuple(map(self.here, page.items)), page.after)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """See Backend."""
        page = self.inner.query_index(table, replace(where, pk=self.prefix + where.pk))
        rows = tuple(replace(row, pk=self._cut(row.pk), key=self._home(row.key)) for row in page.rows)
        return IndexPage(rows, page.after)

    def there(self, key: Key) -> Key:
        """A key as it is in the backend."""
        return replace(key, pk=self.prefix + key.pk)

    def here(self, item: Item) -> Item:
        """An item of the backend as it is here."""
        index = item.index and (self._cut(item.index[0]), item.index[1])
        return replace(item, key=self._home(item.key), index=index)

    def _home(self, key: Key) -> Key:
        return replace(key, pk=self._cut(key.pk))

    def _cut(self, text: str) -> str:
        return text.removeprefix(self.prefix)


def random_history(random: Random) -> list[list[Step]]:
    """Commits of one to three items: on the current version, on an older one, or on absence."""
    return [_random_commit(random) for _ in range(random.randint(1, MOST_COMMITS))]


def _random_commit(random: Random) -> list[Step]:
    keys = random.sample(KEYS, random.choice((1, 1, 1, 2, 3)))
    writers = random.randint(1, len(keys))
    return [
        Step(
            key=key,
            writes=number < writers,
            age=random.choice((0, 0, 0, 0, 1, 9)),
            body=random.choice(BODIES),
            index=random.choice((None, (random.choice("xy"), random.choice(("1", "2", "é"))))),
            events=random.choice(((), (OutboxEvent("Done", "{}"),))),
            expires_at=random.choice((None, 1_800_000_000)),
        )
        for number, key in enumerate(keys)
    ]


@contextmanager
def embedded() -> Iterator[Backend]:
    state = EmbeddedState(":memory:", lambda: 0, streamed=["viewers"])
    yield EmbeddedBackend(state)
    state.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What the commits of several histories answer, the items that they leave, and queries after the first."""

    answers: list[object]
    left: Mapping[Key, Item]
    queried: list[object]


def seen(backend: Backend, histories: Mapping[int, list[list[Step]]]) -> Seen:
    """Carry histories out, each in a part of the backend of its own."""
    parts = {number: Prefixed(backend, f"{number}/") for number in histories}
    stores = {number: Store(part, _ids(number)) for number, part in parts.items()}
    answers = [answer for number, history in histories.items() for answer in commits(stores[number], history)]
    left = Store(backend, str).get_many(part.there(key) for part in parts.values() for key in KEYS)
    return Seen(answers, left, queries(next(iter(stores.values()))))


def _ids(history: int) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"{history}-{next(numbers)}"


def test_random_histories_agree(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    client = server.client("dynamodb", account=200_000_000_001)
    make_tables(client)
    there, started = DynamoDbBackend(client, TABLES, no_sleep), time.monotonic()
    random = Random(SEED)  # noqa: S311 (repeatable on purpose)
    done = written = refused = 0
    while done < HISTORIES and time.monotonic() - started < MOST_SECONDS:
        size = min(GROUP, HISTORIES - done)
        histories = {done + number: random_history(random) for number in range(size)}
        with embedded() as here:
            expected = seen(here, histories)
        assert seen(there, histories) == expected, f"seed {SEED}, histories {done} to {done + size}"
        done, conflicts = done + size, expected.answers.count("conflict")
        refused, written = refused + conflicts, written + len(expected.answers) - conflicts
    with capsys.disabled():
        seconds = time.monotonic() - started
        sys.stdout.write(f"\n{done} histories agree: {written} commits, {refused} refused, {seconds:.0f} s\n")
    assert done >= LEAST_HISTORIES
    assert refused > done / 4
