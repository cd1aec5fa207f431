"""What only the embedded backend has: streams, expiry, notes, threads, processes."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from threading import Barrier as ThreadBarrier

import pytest

from aftershow.ports.store import Conflict, Key, OutboxEvent, Put, Range, Row, Store
from infra.local.embedded import Change, EmbeddedBackend, EmbeddedState
from tests.contract.conftest import Clock, counting_ids

ADA = Key("viewers", "ada")
ORDER = Key("orders", "order#1")
COUNTER = Key("viewers", "counter")


@pytest.fixture
def backend(state: EmbeddedState) -> EmbeddedBackend:
    return EmbeddedBackend(state)


@pytest.fixture
def store(backend: EmbeddedBackend) -> Store:
    return Store(backend, counting_ids())


class TestStream:
    """Every change of a streamed table, once, in order, as DynamoDB would show it."""

    def test_images_are_dynamodbs(self, store: Store, backend: EmbeddedBackend, clock: Clock) -> None:
        put = Put(ADA, "1", None, (OutboxEvent("Done", "{}"),), ("x", "y"), 7)
        first = store.commit([put, Put(ORDER, "not streamed", None)])[ADA]
        inserted_at = clock.now()
        clock.advance(1)
        second = Put(ADA, "2", first)
        store.commit([second])

        old, new = Row.of(put, "c1").attributes, Row.of(second, "c2").attributes
        records = backend.stream("viewers", 0, 10)
        assert records == [
            Change(1, "viewers", inserted_at, None, old),
            Change(2, "viewers", clock.now(), old, new),
        ]
        assert [record.name for record in records] == ["INSERT", "MODIFY"]
        assert old["has_events"] == {"N": "1"}
        assert "has_events" not in new
        assert backend.stream("orders", 0, 10) == []

    def test_a_refused_commit_leaves_no_record(self, store: Store, backend: EmbeddedBackend) -> None:
        store.commit([Put(ORDER, "1", None)])
        with pytest.raises(Conflict):
            store.commit([Put(ADA, "1", None), Put(ORDER, "1", None)])
        assert backend.stream("viewers", 0, 10) == []

    def test_a_reader_goes_on_behind_what_it_saw(self, store: Store, backend: EmbeddedBackend) -> None:
        for number in range(5):
            store.commit([Put(Key("viewers", str(number)), "", None)])
        first = backend.stream("viewers", 0, 2)
        rest = backend.stream("viewers", first[-1].sequence, 10)
        assert [record.sequence for record in (*first, *rest)] == [1, 2, 3, 4, 5]

        backend.trim("viewers", 5)
        assert backend.stream("viewers", 0, 10) == []

        store.commit([Put(ADA, "", None)])
        assert [record.sequence for record in backend.stream("viewers", 5, 10)] == [6]

    def test_expired_items_leave_as_dynamodb_removes_them(
        self, store: Store, backend: EmbeddedBackend, clock: Clock
    ) -> None:
        soon = clock.now() // 1000 + 10
        for key, moment in ((ADA, soon), (Key("viewers", "b"), soon + 1), (ORDER, soon)):
            store.commit([Put(key, "", None, index=("i", key.pk), expires_at=moment)])
        kept = Key("viewers", "kept")
        version = store.commit([Put(kept, "", None, expires_at=soon)])[kept]
        store.commit([Put(kept, "", version)])
        clock.advance(9)
        assert backend.remove_expired(10) == 0
        clock.advance(1)

        assert backend.remove_expired(10) == 2

        assert list(store.get_many([ADA, ORDER, kept])) == [kept]
        assert [row.sk for row in store.query_index("viewers", Range("i")).rows] == ["b"]
        last = backend.stream("viewers", 0, 10)[-1]
        assert (last.name, last.new, last.old and last.old["pk"]) == ("REMOVE", None, {"S": "ada"})


def test_a_mapping_names_the_tables(state: EmbeddedState) -> None:
    backend = EmbeddedBackend(state, {"people": "viewers"})
    store = Store(backend, counting_ids())
    store.commit([Put(Key("people", "ada"), "1", None)])
    assert [record.table for record in backend.stream("viewers", 0, 1)] == ["viewers"]
    assert store.query("people", Range("ada")).items[0].key == Key("people", "ada")
    with pytest.raises(KeyError):
        store.get(Key("viewers", "ada"))


def test_notes_and_numbers_stay_with_the_file(tmp_path: Path, clock: Clock) -> None:
    for expected in (1, 2):
        state = EmbeddedState(tmp_path / "state.db", clock.now)
        assert state.next_number("commit") == expected
        assert state.note("clock") == (None if expected == 1 else "noon")
        state.keep_note("clock", "morning")
        state.keep_note("clock", "noon")
        state.close()


def test_an_interrupted_commit_leaves_nothing(state: EmbeddedState, store: Store) -> None:
    def interrupted() -> None:
        with state.transaction() as database:
            database.execute("INSERT INTO notes VALUES ('half', 'written')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert state.note("half") is None
    store.commit([Put(ADA, "", None)])


def add_one(store: Store) -> None:
    """Read, decide, commit, until it's in."""
    while True:
        item = store.get(COUNTER)
        value = int(item.body) if item else 0
        try:
            store.commit([Put(COUNTER, str(value + 1), item.version if item else None)])
        except Conflict:
            continue
        return


@pytest.mark.parametrize("file", [False, True])
def test_threads_lose_no_update(tmp_path: Path, clock: Clock, *, file: bool) -> None:
    state = EmbeddedState(tmp_path / "state.db" if file else ":memory:", clock.now, ["viewers"])
    backend = EmbeddedBackend(state)

    def work(thread: int) -> None:
        ids = counting_ids()
        store = Store(backend, lambda: f"{thread}-{ids()}")
        for _ in range(25):
            add_one(store)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(work, range(16)))

    item = backend.read([COUNTER])[COUNTER]
    assert (item.body, item.version.counter) == ("400", 400)
    bodies = [record.new and record.new["body"]["S"] for record in backend.stream("viewers", 0, 999)]
    assert bodies == [str(number) for number in range(1, 401)]
    state.close()


def write_many(path: Path, name: str, times: int, said: Connection, start: Barrier) -> None:
    """The work of a process: commits, and says each one after it's done."""
    state = EmbeddedState(path, lambda: 0, ["viewers"])
    ids = counting_ids()
    store = Store(EmbeddedBackend(state), lambda: f"{name}-{ids()}")
    start.wait()
    for number in range(times):
        add_one(store)
        said.send(number + 1)


def start_writers(path: Path, names: str, times: int) -> list[tuple[SpawnProcess, Connection]]:
    """One process for each name; they begin to write together."""
    processes = get_context("spawn")
    start = processes.Barrier(len(names) + 1)
    writers = []
    for name in names:
        heard, said = processes.Pipe(duplex=False)
        work = (path, name, times, said, start)
        writer = processes.Process(target=write_many, args=work, daemon=True)
        writer.start()
        said.close()
        writers.append((writer, heard))
    start.wait(timeout=30)
    return writers


def stored_counter(path: Path) -> int:
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    state = EmbeddedState(path, lambda: 0)
    item = Store(EmbeddedBackend(state), counting_ids()).get(COUNTER)
    state.close()
    return int(item.body) if item else 0


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for writer, heard in start_writers(path, "ab", 200):
        writer.join()
        assert writer.exitcode == 0
        heard.close()
    assert stored_counter(path) == 400


def test_a_killed_process_loses_nothing_committed(tmp_path: Path) -> None:
    [(writer, heard)] = start_writers(tmp_path / "state.db", "a", 1_000_000)
    while heard.recv() < 50:
        pass
    writer.kill()
    said = 50
    with suppress(EOFError):
        while True:
            said = heard.recv()
    writer.join()
    heard.close()
    # It may have committed once more than it could say.
    assert stored_counter(tmp_path / "state.db") in (said, said + 1)


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path: Path, clock: Clock) -> None:
    for attempt in range(20):
        path = tmp_path / f"state{attempt}.db"
        start = ThreadBarrier(4)

        def use(_thread: int, path: Path = path, start: ThreadBarrier = start) -> int:
            start.wait(timeout=30)
            state = EmbeddedState(path, clock.now)
            number = state.next_number("opened")
            state.close()
            return number

        with ThreadPoolExecutor(4) as threads:
            assert sorted(threads.map(use, range(4))) == [1, 2, 3, 4]
