"""The store port: read, decide, commit.

The port knows no business and has no condition expressions. Every condition is pure code on what was read; a commit
only says on which versions it was decided:

    read  items at their versions ─▶ decide ─▶ commit puts ("at the version I read") and checks ("unchanged")

A lost reply is the normal case: the SDK's own retry of a put that had succeeded reports a failed condition. So after a
refusal or a silence the store reads again; its own commit id on an item means success, anything else is a `Conflict`,
and the caller decides again, recognising its own effect.

Errors:
    LimitExceeded   the commit is larger than the port allows: a bug or an unbounded input, never retried
    Conflict        another writer was first: read and decide again
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

# DynamoDB's own limits, kept by every backend so that a local run can't do what AWS would refuse.
MAX_ITEMS_PER_COMMIT = 100
MAX_COMMIT_BYTES = 4 * 1024 * 1024
# 400 KB, read the smaller way: backends disagree by up to 9,600 bytes.
MAX_ITEM_BYTES = 400_000
MAX_PARTITION_KEY_BYTES = 2048
MAX_SORT_KEY_BYTES = 1024
# A relay publishes at most this much for one change; more means a decision that should have been a cursor.
MAX_OUTBOX_EVENTS = 16
MAX_OUTBOX_BYTES = 32 * 1024


class LimitExceeded(ValueError):
    """A commit breaks a limit of the port. The message names the limit, its unit and the key."""


class Conflict(Exception):
    """Something the commit was decided on has changed. Read again, decide again."""


class Refused(Exception):
    """A backend's word: a condition did not hold. Never leaves the store."""


class NoReply(Exception):
    """A backend's word: the request may or may not have been carried out. Never leaves the store."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Where an item lives. `table` is the logical name; a backend knows the physical one."""

    table: str
    pk: str
    sk: str = "-"


@dataclass(frozen=True, slots=True)
class Version:
    """(counter, commit id), compared whole: a counter alone could be re-used after an item's end."""

    counter: int
    commit: str


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A domain event that a change carries until the relay has published it. `detail` is a JSON object."""

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class Item:
    """What a read returns. `body` is a JSON text; the index pair is None where the item is not in its table's index."""

    key: Key
    version: Version
    body: str
    events: tuple[OutboxEvent, ...] = ()
    index: tuple[str, str] | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """Write `body` if the item is still at `expected` (None: still absent). Replaces outbox, index and expiry.

    `index` is (partition, sort) in the table's one sparse index. `expires_at` is in epoch seconds; cleaning only,
    since DynamoDB removes days late: code filters by time.
    """

    key: Key
    body: str
    expected: Version | None
    events: tuple[OutboxEvent, ...] = ()
    index: tuple[str, str] | None = None
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """The item must still be at `expected` (None: absent); it is not written."""

    key: Key
    expected: Version | None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query, in sort order. `after` continues it, perhaps with an empty page; None: there was no more."""

    items: tuple[Item, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A row of a table's index: the index pair and the key of the item behind it."""

    pk: str
    sk: str
    key: Key


@dataclass(frozen=True, slots=True)
class IndexPage:
    """One page of an index query, in sort order. `after` continues it, perhaps with an empty page; None: no more."""

    rows: tuple[IndexRow, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """A query: partition, sort keys from `first` (inclusive) to `last` (inclusive, None: open), at most `limit` rows.

    Raises ValueError for a limit below 1: DynamoDB refuses it, SQLite would take it for "all".
    """

    pk: str
    first: str = ""
    last: str | None = None
    limit: int = 100
    after: str | None = None

    def __post_init__(self) -> None:
        """No page without room."""
        if self.limit < 1:
            raise ValueError("a page has room for at least one row")


class Backend(Protocol):
    """What a database must do for the store; every call may raise its own transport error before it has an effect."""

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        """The items that exist, read consistently. At most 100 different keys a call."""

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        """All or nothing, with `commit_id` as the version's second half and the idempotency token.

        Raises Refused where a condition did not hold, NoReply where it can't be known what happened.
        """

    def query(self, table: str, where: Range) -> Page:
        """Items of one partition of a table: a hint, possibly a moment old."""

    def query_index(self, table: str, where: Range) -> IndexPage:
        """Rows of one partition of a table's index: a hint, possibly a moment old."""


@dataclass(frozen=True, slots=True)
class Store:
    """The port itself, over any backend. `new_id` gives a fresh commit id at each call."""

    backend: Backend
    new_id: Callable[[], str]

    def get(self, key: Key) -> Item | None:
        """The item as it is now (consistent), or None."""
        return self.backend.read([key]).get(key)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Item]:
        """Those of the items that exist, each consistent by itself; not a snapshot of all of them."""
        wanted = sorted(set(keys))
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), MAX_ITEMS_PER_COMMIT):
            found.update(self.backend.read(wanted[start : start + MAX_ITEMS_PER_COMMIT]))
        return found

    def query(self, table: str, where: Range) -> Page:
        """A hint of what stands in a partition: decide on `get`, not on this."""
        return self.backend.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        """A hint of what stands in an index: decide on `get`, not on this."""
        return self.backend.query_index(table, where)

    def commit(self, puts: Sequence[Put], checks: Sequence[Check] = ()) -> dict[Key, Version]:
        """Write all puts or none, if every put and check still holds. Returns the new versions.

        Raises Conflict, LimitExceeded.
        """
        check_limits(puts, checks)
        commit_id = self.new_id()
        try:
            self.backend.write(puts, checks, commit_id)
        except (Refused, NoReply) as doubt:
            # Either may hide a success: see the module's docstring.
            now = self.backend.read([put.key for put in puts])
            if not any(item.version.commit == commit_id for item in now.values()):
                raise Conflict(str(doubt)) from doubt
        return {put.key: next_version(put.expected, commit_id) for put in puts}


def next_version(expected: Version | None, commit_id: str) -> Version:
    """The version that a put decided on `expected` leaves behind."""
    return Version((expected.counter if expected else 0) + 1, commit_id)


def item_bytes(put: Put) -> int:
    """About what DynamoDB counts for the item, in bytes: every name and value, as UTF-8."""
    events = len(_outbox_text(put.events).encode()) if put.events else 0
    index = sum(len(part.encode()) + 3 for part in put.index) if put.index else 0
    return len(put.body.encode()) + len(put.key.pk.encode()) + len(put.key.sk.encode()) + events + index + 120


def check_limits(puts: Sequence[Put], checks: Sequence[Check]) -> None:
    """Raise LimitExceeded where a commit is larger than any backend would take."""
    if not puts:
        raise LimitExceeded("a commit needs at least one put")
    keys = [put.key for put in puts] + [check.key for check in checks]
    if len(keys) > MAX_ITEMS_PER_COMMIT:
        raise LimitExceeded(f"a commit takes at most {MAX_ITEMS_PER_COMMIT} items, this one has {len(keys)}")
    if len(set(keys)) < len(keys):
        raise LimitExceeded("a commit may name no key twice")
    for key in keys:
        _check_key(key.table, key.pk, key.sk)
    total = sum(map(_check_put, puts))
    if total > MAX_COMMIT_BYTES:
        raise LimitExceeded(f"a commit takes at most {MAX_COMMIT_BYTES} bytes, this one has {total}")


def _check_put(put: Put) -> int:
    """Check what one put writes; returns its size in bytes."""
    size = item_bytes(put)
    if size > MAX_ITEM_BYTES:
        raise LimitExceeded(f"{put.key}: an item takes at most {MAX_ITEM_BYTES} bytes, this one has {size}")
    _check_outbox(put)
    if put.index:
        _check_key(f"index of {put.key.table}", *put.index)
    return size


def _check_key(place: str, pk: str, sk: str) -> None:
    for name, value, limit in (("pk", pk, MAX_PARTITION_KEY_BYTES), ("sk", sk, MAX_SORT_KEY_BYTES)):
        if not 0 < len(value.encode()) <= limit:
            raise LimitExceeded(f"{place}: {name} must have 1 to {limit} bytes")


def _check_outbox(put: Put) -> None:
    if len(put.events) > MAX_OUTBOX_EVENTS:
        raise LimitExceeded(f"{put.key}: an outbox takes at most {MAX_OUTBOX_EVENTS} events")
    if sum(len(event.detail.encode()) for event in put.events) > MAX_OUTBOX_BYTES:
        raise LimitExceeded(f"{put.key}: an outbox takes at most {MAX_OUTBOX_BYTES} bytes")


def _outbox_text(events: Sequence[OutboxEvent]) -> str:
    return json.dumps([[event.kind, event.detail] for event in events], ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Row:
    """How an item stands in DynamoDB, shared by the DynamoDB backend, the embedded one's stream, and the relay.

    Attributes: pk, sk, n (counter), c (commit id), body, ipk + isk (sparse index), events + has_events (outbox and the
    stream's filter), expires_at (TTL). The body is one JSON string: nothing is ever conditioned on a part of it, and a
    string costs fewer bytes and less time than nested attributes.
    """

    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @staticmethod
    def of(put: Put, commit_id: str) -> Row:
        """The row that a put writes."""
        version = next_version(put.expected, commit_id)
        attributes: dict[str, Mapping[str, str]] = {
            "pk": {"S": put.key.pk},
            "sk": {"S": put.key.sk},
            "n": {"N": str(version.counter)},
            "c": {"S": version.commit},
            "body": {"S": put.body},
        }
        if put.index:
            attributes["ipk"], attributes["isk"] = {"S": put.index[0]}, {"S": put.index[1]}
        if put.events:
            attributes["events"] = {"S": _outbox_text(put.events)}
            attributes["has_events"] = {"N": "1"}
        if put.expires_at is not None:
            attributes["expires_at"] = {"N": str(put.expires_at)}
        return Row(attributes)

    @property
    def version(self) -> Version:
        """The row's version."""
        return Version(int(self.attributes["n"]["N"]), self.attributes["c"]["S"])

    @property
    def events(self) -> tuple[OutboxEvent, ...]:
        """The row's outbox."""
        listed = self.attributes.get("events")
        return tuple(OutboxEvent(kind, detail) for kind, detail in json.loads(listed["S"])) if listed else ()

    def item(self, table: str) -> Item:
        """The row as an item of the logical table `table`."""
        row = self.attributes
        return Item(
            key=Key(table, row["pk"]["S"], row["sk"]["S"]),
            version=self.version,
            body=row["body"]["S"],
            events=self.events,
            index=(row["ipk"]["S"], row["isk"]["S"]) if "ipk" in row else None,
            expires_at=int(row["expires_at"]["N"]) if "expires_at" in row else None,
        )
