"""daily_care: posts what time has done to accounts: lots that ran out, reservations that timed out.

Nobody waits for it. A balance counts by the moment at which it's asked for, and whoever spends from an account posts
first what is due in it. What is left over when the time ends, or never done, changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import IndexRow, Range
from aftershow.services.ledger import spender
from aftershow.services.messages import Busy, settle

# Accounts that are worked off together.
PAGE = 50
# Below this nothing new is begun: a page takes some seconds at worst.
LEAST_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Cared:
    """What a run did: accounts posted to, accounts that others kept busy. `more`: the time ended before the work;
    `next_due`: when something will next be due, epoch ms, None where nothing will."""

    accounts: int
    busy: int
    more: bool
    next_due: int | None


def care(ports: Ports, remaining_seconds: Callable[[], float]) -> Cared:
    """Post what is due, shard by shard, until the time ends."""
    now, done, busy = ports.now(), 0, 0
    later: list[int] = []
    for shard in range(keys.CARE_SHARDS):
        after: str | None = None
        while True:
            if remaining_seconds() < LEAST_SECONDS:
                return _told(ports, Cared(done, busy, more=True, next_due=now))
            page = ports.store.query_index("ledger", Range(keys.care_shard(shard), limit=PAGE, after=after))
            due = [row for row in page.rows if _moment(row) <= now]
            later += [_moment(row) for row in page.rows[len(due) :]][:1]
            lost = _post(ports, due)
            done, busy = done + len(due) - lost, busy + lost
            after = page.after
            if after is None or len(due) < len(page.rows):
                break
    return _told(ports, Cared(done, busy, more=False, next_due=now if busy else min(later, default=None)))


def _post(ports: Ports, rows: list[IndexRow]) -> int:
    """Post what is due for the people behind these accounts; returns for how many others were in the way."""
    lost: list[str] = []

    def one(viewer: str) -> None:
        try:
            settle(ports, lambda: spender(ports, viewer))
        except Busy:
            lost.append(viewer)

    ports.together([partial(one, row.key.pk) for row in rows])
    return len(lost)


def _moment(row: IndexRow) -> int:
    return int(row.sk.partition("#")[0])


def _told(ports: Ports, cared: Cared) -> Cared:
    ports.log.info("cared", accounts=cared.accounts, busy=cared.busy)
    return cared
