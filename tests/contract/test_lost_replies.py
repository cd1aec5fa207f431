"""A lost reply is the normal case: what the store makes of it, on every backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from aftershow.ports.store import (
    Backend,
    Check,
    Conflict,
    IndexPage,
    Item,
    Key,
    NoReply,
    Page,
    Put,
    Range,
    Refused,
    Store,
    Version,
)
from tests.contract.conftest import counting_ids

ADA = Key("viewers", "ada")
ORDER = Key("orders", "order#1")
TWO = [Put(ADA, "mine", None), Put(ORDER, "mine", None)]


@dataclass
class Unreliable:
    """A backend whose next write goes wrong: `before` or `after` it is carried out, with `error`.

    `meanwhile` runs just before the store hears of it: another writer.
    """

    inner: Backend
    error: Exception | None = None
    after: bool = False
    meanwhile: Callable[[], object] = field(default=lambda: None)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return self.inner.read(keys)

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        error, self.error = self.error, None
        if error is None or self.after:
            self.inner.write(puts, checks, commit_id)
        if error is not None:
            self.meanwhile()
            raise error

    def query(self, table: str, where: Range) -> Page:
        return self.inner.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        return self.inner.query_index(table, where)


@pytest.fixture
def unreliable(backend: Backend) -> Unreliable:
    return Unreliable(backend)


@pytest.fixture
def mine(unreliable: Unreliable) -> Store:
    return Store(unreliable, counting_ids())


@pytest.fixture
def other(backend: Backend) -> Store:
    """Another writer, on the reliable backend."""
    return Store(backend, lambda: "other")


# A refusal after the effect is the SDK's own retry of a put that was carried out.
@pytest.mark.parametrize("error", [NoReply(), Refused()])
@pytest.mark.parametrize("puts", [TWO[:1], TWO])
def test_its_own_commit_id_means_success(
    mine: Store, unreliable: Unreliable, error: Exception, puts: list[Put]
) -> None:
    unreliable.error, unreliable.after = error, True

    versions = mine.commit(puts)

    assert versions == {put.key: Version(1, "c1") for put in puts}
    assert {key: item.version for key, item in mine.get_many(versions).items()} == versions


def test_a_request_that_never_arrived_is_decided_again(mine: Store, unreliable: Unreliable) -> None:
    unreliable.error = NoReply()

    with pytest.raises(Conflict):
        mine.commit(TWO)

    assert mine.get_many([ADA, ORDER]) == {}
    assert mine.commit(TWO)[ADA] == Version(1, "c2")


def test_one_item_of_a_commit_proves_the_commit(mine: Store, other: Store, unreliable: Unreliable) -> None:
    unreliable.error, unreliable.after = NoReply(), True
    unreliable.meanwhile = lambda: other.commit([Put(ADA, "theirs", Version(1, "c1"))])

    assert mine.commit(TWO)[ADA] == Version(1, "c1")

    # The version is stale already, as after any commit: the next put on it is refused.
    with pytest.raises(Conflict):
        mine.commit([Put(ADA, "again", Version(1, "c1"))])


def test_a_commit_that_was_overwritten_at_once_is_decided_again(
    mine: Store, other: Store, unreliable: Unreliable
) -> None:
    unreliable.error, unreliable.after = NoReply(), True
    unreliable.meanwhile = lambda: other.commit([Put(ADA, "theirs", Version(1, "c1"))])

    with pytest.raises(Conflict):
        mine.commit(TWO[:1])

    assert mine.get(ADA) == Item(ADA, Version(2, "other"), "theirs")


def test_what_definitely_had_no_effect_is_not_a_conflict(mine: Store, unreliable: Unreliable) -> None:
    unreliable.error = ConnectionRefusedError()
    with pytest.raises(ConnectionRefusedError):
        mine.commit(TWO)
