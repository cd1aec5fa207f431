"""The embedded store and queues: one SQLite database, in memory or a file.

For local runs and mass simulation. It keeps the promises of DynamoDB and SQS that the ports rely
on, and is repeatable: the time is an argument, ids count up, and what is equal in time comes out in
the order it went in.

    EmbeddedState    the database: one connection, one lock, a clock; also small notes of the host
    EmbeddedBackend  `ports.store.Backend`, and the stream of changes of the tables that have one
    EmbeddedQueues   `ports.queues.Queues`, and what a host needs to work the queues off
    EmbeddedArchive  `ports.archive.Archive` and its reader

Several threads may share a state, several processes a file. A process that is killed loses nothing
that was committed (losing the machine's power may: the file is not synced).
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from aftershow.ports.queues import Backlog, Message, check_deferral, check_messages
from aftershow.ports.store import (
    Check,
    IndexPage,
    IndexRow,
    Item,
    Key,
    Page,
    Put,
    Range,
    Refused,
    Row,
    Version,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Image = Mapping[str, Mapping[str, str]]

# How long a commit waits for another process that is writing to the same file: a commit takes
# microseconds, so whoever holds the file for longer has stopped in a debugger.
BUSY_TIMEOUT_SECONDS = 30.0

# Pause before another process is asked again to let go of a new file.
OPENING_PAUSE_SECONDS = 0.01

# A rowid table, since images of a kilobyte make a clustered key three times slower. Sort keys
# compare as UTF-8 bytes, as in DynamoDB.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    tbl TEXT NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, n INTEGER NOT NULL, c TEXT NOT NULL,
    ipk TEXT, isk TEXT, expires_at INTEGER, image BLOB NOT NULL, PRIMARY KEY (tbl, pk, sk)
);
CREATE INDEX IF NOT EXISTS items_index ON items (tbl, ipk, isk, pk, sk) WHERE ipk IS NOT NULL;
CREATE INDEX IF NOT EXISTS items_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, at INTEGER NOT NULL,
    old BLOB, new BLOB
);
CREATE INDEX IF NOT EXISTS changes_of_table ON changes (tbl, sequence);
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, body TEXT NOT NULL,
    sent_at INTEGER NOT NULL, visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL,
    receipt TEXT
);
CREATE INDEX IF NOT EXISTS messages_by_moment ON messages (queue, visible_at, id);
CREATE TABLE IF NOT EXISTS archive (name TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, text TEXT NOT NULL);
"""

_READ = "SELECT image FROM items WHERE tbl = ? AND pk = ? AND sk = ?"
_READ_VERSION = "SELECT n, c, image FROM items WHERE tbl = ? AND pk = ? AND sk = ?"
_WRITE = """
INSERT INTO items (tbl, pk, sk, n, c, ipk, isk, expires_at, image)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tbl, pk, sk) DO UPDATE SET n = excluded.n, c = excluded.c, ipk = excluded.ipk,
    isk = excluded.isk, expires_at = excluded.expires_at, image = excluded.image
"""
_QUERY = """
SELECT image FROM items WHERE tbl = ? AND pk = ? AND sk >= ? AND sk <= ? ORDER BY sk LIMIT ?
"""
_QUERY_INDEX = """
SELECT isk, pk, sk FROM items
WHERE tbl = ? AND ipk = ? AND (isk, pk, sk) > (?, ?, ?) AND isk <= ? ORDER BY isk, pk, sk LIMIT ?
"""
# Greater than every text, since SQLite sorts blobs after texts: the upper end of an open range.
_AFTER_EVERY_TEXT = b""

_SCAN = "SELECT image FROM items WHERE tbl = ? ORDER BY pk, sk"

_KEEP_CHANGE = "INSERT INTO changes (tbl, at, old, new) VALUES (?, ?, ?, ?)"
_CHANGES = """
SELECT sequence, tbl, at, old, new FROM changes WHERE tbl = ? AND sequence > ?
ORDER BY sequence LIMIT ?
"""
_EXPIRED = """
SELECT tbl, pk, sk, image FROM items WHERE expires_at <= ? ORDER BY expires_at, tbl, pk, sk LIMIT ?
"""

_SEND = """
INSERT INTO messages (queue, body, sent_at, visible_at, receive_count) VALUES (?, ?, ?, ?, 0)
"""
_VISIBLE = """
SELECT id, body, receive_count, sent_at FROM messages WHERE queue = ? AND visible_at <= ?
ORDER BY visible_at, id LIMIT ?
"""
_HIDE = "UPDATE messages SET visible_at = ?, receive_count = ?, receipt = ? WHERE id = ?"
_MOVE = "UPDATE messages SET queue = ?, visible_at = ?, receive_count = 0 WHERE id = ?"
_BACKLOG = """
SELECT count(*) FILTER (WHERE visible_at <= :now),
    count(*) FILTER (WHERE visible_at > :now AND receipt IS NULL),
    count(*) FILTER (WHERE visible_at > :now AND receipt IS NOT NULL)
FROM messages WHERE queue = :queue
"""


class UnknownQueue(LookupError):
    """No queue of that name was created: SQS would refuse the call too."""


@dataclass(frozen=True, slots=True)
class Change:
    """A record of a table's stream: `new` is None for a removal, `old` for an insertion."""

    sequence: int
    table: str
    # Epoch milliseconds.
    at: int
    old: Image | None
    new: Image | None

    @property
    def name(self) -> str:
        """DynamoDB's name for what happened."""
        if self.new is None:
            return "REMOVE"
        return "INSERT" if self.old is None else "MODIFY"


@dataclass(frozen=True, slots=True)
class QueueShape:
    """What a queue is created with. Without a dead-letter queue a message returns for ever.

    Raises ValueError where only one of `max_receive_count` and `dead_letter_queue` is given.
    """

    visibility_seconds: int = 30
    max_receive_count: int | None = None
    dead_letter_queue: str | None = None
    delay_seconds: int = 0
    # SQS keeps messages for 4 days unless told otherwise.
    retention_seconds: int = 345_600

    def __post_init__(self) -> None:
        """Redrive needs both its halves."""
        if (self.max_receive_count is None) != (self.dead_letter_queue is None):
            raise ValueError("max_receive_count and dead_letter_queue belong together")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as a worker gets it. `receipt` belongs to this delivery; `sent_at` is epoch ms."""

    id: str
    receipt: str
    body: str
    receive_count: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message as it stands in its queue, for a person or a test to look at."""

    id: str
    body: str
    receive_count: int
    sent_at: int
    visible_at: int


class EmbeddedState:
    """The database at `path` (":memory:": nothing outlives the process), made when it's missing.

    `now` gives epoch milliseconds; it is asked inside commits, so it must not use the state itself.
    `streamed` names the (physical) tables whose changes are kept for `stream`.
    """

    def __init__(self, path: str | Path, now: Callable[[], int], streamed: Collection[str] = ()) -> None:
        self.now = now
        self.streamed = frozenset(streamed)
        self._lock = Lock()
        # Any thread may use the connection, one at a time: `_lock` sees to that.
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        _keep_a_write_ahead_log(self._connection)
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)

    def survive_power_loss(self) -> None:
        """From here on the file stays whole whatever happens to the machine; its last commits may be missing then."""
        with self._lock:
            self._connection.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def synced(self) -> Iterator[None]:
        """What is committed inside is on the disk before the commit returns."""
        with self._lock:
            [(usual,)] = self._connection.execute("PRAGMA synchronous").fetchall()
            self._connection.execute("PRAGMA synchronous = FULL")
        try:
            yield
        finally:
            with self._lock:
                self._connection.execute(f"PRAGMA synchronous = {usual:d}")

    def close(self) -> None:
        """Give the file back; the state can't be used any more."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing of what is executed inside; nobody else writes meanwhile."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                # Whatever went wrong, an interrupt included: the next caller finds no open end.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def rows(self, statement: str, arguments: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        """All rows of one reading statement."""
        with self._lock:
            return self._connection.execute(statement, arguments).fetchall()

    def note(self, name: str) -> str | None:
        """A note of the host's (its clock, a cursor), or None."""
        found = self.rows("SELECT text FROM notes WHERE name = ?", (name,))
        return found[0][0] if found else None

    def keep_note(self, name: str, text: str) -> None:
        """Write a note, over the old one."""
        with self.transaction() as database:
            database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, text))

    def next_number(self, name: str) -> int:
        """1, 2, 3 ... by `name`, never the same twice, whoever asks."""
        with self.transaction() as database:
            [(number,)] = database.execute(
                "INSERT INTO notes VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET text = text + 1 RETURNING text",
                (f"number of {name}",),
            ).fetchall()
            return int(number)


class EmbeddedBackend:
    """`ports.store.Backend` over a state, and the streams of its tables.

    `tables` is logical to physical name; without it a table is called what the store calls it.
    """

    def __init__(self, state: EmbeddedState, tables: Mapping[str, str] | None = None) -> None:
        self._state = state
        self._tables = tables

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """The items that exist."""
        found: dict[Key, Item] = {}
        for key in keys:
            for (image,) in self._state.rows(_READ, self._place(key)):
                found[key] = _item(key.table, image)
        return found

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """All or nothing. Raises Refused where a condition did not hold, before any effect."""
        with self._state.transaction() as database:
            for check in checks:
                self._expect(database, check)
            for put in puts:
                old = self._expect(database, put)
                self._put(database, put, old, commit_id)

    def query(self, table: str, where: Range) -> Page:
        """Items of one partition, in the order of their sort keys."""
        # The smallest text after `after`: the page goes on behind it.
        first = where.first if where.after is None else where.after + "\0"
        place = (self._table(table), where.pk, first, _upper(where), where.limit)
        items = tuple(_item(table, image) for (image,) in self._state.rows(_QUERY, place))
        return Page(items, items[-1].key.sk if len(items) == where.limit else None)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """Rows of one partition of the table's index, in the order of their index sort keys."""
        last = msgspec.json.decode(where.after) if where.after else (where.first, "", "")
        place = (self._table(table), where.pk, *last, _upper(where), where.limit)
        found = self._state.rows(_QUERY_INDEX, place)
        rows = tuple(IndexRow(where.pk, isk, Key(table, pk, sk)) for isk, pk, sk in found)
        full = len(rows) == where.limit
        return IndexPage(rows, msgspec.json.encode(found[-1]).decode() if full else None)

    def scan(self, table: str) -> list[Image]:
        """Every row of a table, by key: for reports and recounts."""
        found = self._state.rows(_SCAN, (self._table(table),))
        return [msgspec.json.decode(image) for (image,) in found]

    def stream(self, table: str, after_sequence: int, limit: int) -> list[Change]:
        """The changes of a (physical) table after a sequence number, oldest first."""
        return [
            Change(sequence, name, at, old and _image(old), new and _image(new))
            for sequence, name, at, old, new in self._state.rows(_CHANGES, (table, after_sequence, limit))
        ]

    def trim(self, table: str, up_to_sequence: int) -> None:
        """Forget the changes that every reader has seen."""
        with self._state.transaction() as database:
            database.execute("DELETE FROM changes WHERE tbl = ? AND sequence <= ?", (table, up_to_sequence))

    def remove_expired(self, limit: int) -> int:
        """Remove items whose `expires_at` has passed, as DynamoDB does some day; how many."""
        with self._state.transaction() as database:
            moment = self._state.now()
            expired = database.execute(_EXPIRED, (moment // 1000, limit)).fetchall()
            for table, pk, sk, image in expired:
                database.execute("DELETE FROM items WHERE tbl = ? AND pk = ? AND sk = ?", (table, pk, sk))
                if table in self._state.streamed:
                    database.execute(_KEEP_CHANGE, (table, moment, image, None))
            return len(expired)

    def _table(self, logical: str) -> str:
        return logical if self._tables is None else self._tables[logical]

    def _place(self, key: Key) -> tuple[str, str, str]:
        return self._table(key.table), key.pk, key.sk

    def _expect(self, database: sqlite3.Connection, change: Put | Check) -> bytes | None:
        """The image at the expected version, None where absence was expected; else Refused."""
        found = database.execute(_READ_VERSION, self._place(change.key)).fetchone()
        if (found and Version(found[0], found[1])) != change.expected:
            raise Refused(f"{change.key} is not at the expected version")
        return found[2] if found else None

    def _put(self, database: sqlite3.Connection, put: Put, old: bytes | None, commit_id: str) -> None:
        row = Row.of(put, commit_id)
        image = msgspec.json.encode(row.attributes)
        place = self._place(put.key)
        index = put.index or (None, None)
        database.execute(_WRITE, (*place, row.version.counter, commit_id, *index, put.expires_at, image))
        if place[0] in self._state.streamed:
            database.execute(_KEEP_CHANGE, (place[0], self._state.now(), old, image))


class EmbeddedQueues:
    """`ports.queues.Queues` over a state. Each process creates the queues; messages stay."""

    def __init__(self, state: EmbeddedState) -> None:
        self._state = state
        self._shapes: dict[str, QueueShape] = {}

    def create(self, queue: str, shape: QueueShape) -> None:
        """Make a queue, or change its shape. A dead-letter queue is a queue, created like one."""
        self._shapes[queue] = shape

    def names(self) -> list[str]:
        """The queues that were created."""
        return sorted(self._shapes)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        """Hand over all messages."""
        check_messages(messages)
        delay_seconds = self._shape(queue).delay_seconds
        moment = self._state.now()
        with self._state.transaction() as database:
            for message in messages:
                visible_at = moment + 1000 * (message.delay_seconds or delay_seconds)
                database.execute(_SEND, (queue, message.body, moment, visible_at))

    def backlog(self, queue: str) -> Backlog:
        """How many messages wait, exactly."""
        self._shape(queue)
        place = {"queue": queue, "now": self._state.now()}
        [(visible, delayed, in_flight)] = self._state.rows(_BACKLOG, place)
        return Backlog(visible, delayed, in_flight)

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        """Let a message come back after `seconds`; nothing happens if its delivery is over."""
        check_deferral(seconds)
        self._shape(queue)
        moment = self._state.now()
        with self._state.transaction() as database:
            database.execute(
                "UPDATE messages SET visible_at = ? WHERE queue = ? AND id = ? AND receipt = ? AND visible_at > ?",
                (moment + 1000 * seconds, queue, _id_in(receipt), receipt, moment),
            )

    def receive(self, queue: str, most: int) -> list[Received]:
        """At most `most` visible messages, hidden from now on for the queue's visibility time.

        A message that was received `max_receive_count` times goes to the dead-letter queue instead,
        one that is older than the queue's retention is dropped. Fewer than `most` doesn't say that
        no more are visible; none does.
        """
        shape = self._shape(queue)
        moment = self._state.now()
        received: list[Received] = []
        with self._state.transaction() as database:
            # Again only where all that was visible had come to its end.
            while not received:
                visible = database.execute(_VISIBLE, (queue, moment, most)).fetchall()
                if not visible:
                    break
                deliveries = (_deliver(database, shape, moment, row) for row in visible)
                received = [delivery for delivery in deliveries if delivery]
        return received

    def delete(self, queue: str, receipt: str) -> None:
        """The message is done; nothing happens if it was received again since."""
        self._shape(queue)
        with self._state.transaction() as database:
            database.execute(
                "DELETE FROM messages WHERE queue = ? AND id = ? AND receipt = ?",
                (queue, _id_in(receipt), receipt),
            )

    def next_visible_at(self, *queues: str) -> int | None:
        """When the next message of these queues (none named: of all) can be received, epoch ms.

        In the past where one already can; None where there is none.
        """
        moments = (
            self._state.rows("SELECT min(visible_at) FROM messages WHERE queue = ?", (queue,))[0][0]
            for queue in queues or self._shapes
        )
        return min((moment for moment in moments if moment is not None), default=None)

    def waiting(self, queue: str) -> list[Waiting]:
        """All messages of a queue, visible or not, untouched, in the order they become visible."""
        self._shape(queue)
        found = self._state.rows(
            "SELECT id, body, receive_count, sent_at, visible_at FROM messages WHERE queue = ? ORDER BY visible_at, id",
            (queue,),
        )
        return [Waiting(str(number), *rest) for number, *rest in found]

    def _shape(self, queue: str) -> QueueShape:
        try:
            return self._shapes[queue]
        except KeyError:
            raise UnknownQueue(queue) from None


class EmbeddedArchive:
    """`ports.archive.Archive` and `ArchiveReader` over a state."""

    def __init__(self, state: EmbeddedState) -> None:
        self._state = state

    def keep(self, name: str, data: bytes) -> None:
        """Write an object, over one of the same name."""
        with self._state.transaction() as database:
            database.execute("INSERT OR REPLACE INTO archive VALUES (?, ?)", (name, data))

    def names(self) -> Iterator[str]:
        """The names of all objects, sorted."""
        return iter([name for (name,) in self._state.rows("SELECT name FROM archive ORDER BY name")])

    def read(self, name: str) -> bytes:
        """An object's content. Raises KeyError."""
        found = self._state.rows("SELECT data FROM archive WHERE name = ?", (name,))
        if not found:
            raise KeyError(name)
        return bytes(found[0][0])


def _keep_a_write_ahead_log(database: sqlite3.Connection) -> None:
    """Two processes that open a new file at once: SQLite refuses one of them without waiting."""
    for _ in range(round(BUSY_TIMEOUT_SECONDS / OPENING_PAUSE_SECONDS)):
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(OPENING_PAUSE_SECONDS)
        else:
            return
    raise sqlite3.OperationalError("another process holds the file")


def _deliver(
    database: sqlite3.Connection, shape: QueueShape, moment: int, row: tuple[int, str, int, int]
) -> Received | None:
    number, body, count, sent_at = row
    if sent_at + 1000 * shape.retention_seconds <= moment:
        database.execute("DELETE FROM messages WHERE id = ?", (number,))
        return None
    if shape.max_receive_count is not None and count >= shape.max_receive_count:
        database.execute(_MOVE, (shape.dead_letter_queue, moment, number))
        return None
    delivery = Received(str(number), f"{number}-{count + 1}", body, count + 1, sent_at)
    hidden_until = moment + 1000 * shape.visibility_seconds
    database.execute(_HIDE, (hidden_until, count + 1, delivery.receipt, number))
    return delivery


def _image(stored: bytes) -> Image:
    return msgspec.json.decode(stored, type=dict[str, dict[str, str]])


def _item(table: str, stored: bytes) -> Item:
    return Row(_image(stored)).item(table)


def _upper(where: Range) -> str | bytes:
    return _AFTER_EVERY_TEXT if where.last is None else where.last


def _id_in(receipt: str) -> str:
    return receipt.partition("-")[0]
