"""daily_care: posts what time has done to accounts (lots that ran out, reservations that timed out), and asks for a
look at everybody whose labels time has changed.

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
from aftershow.services import labelling
from aftershow.services.ledger import spender
from aftershow.services.messages import Busy, settle

# Accounts that are worked off together.
PAGE = 50
# Below this nothing new is begun: a page takes some seconds at worst.
LEAST_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Cared:
    """What a run did: accounts posted to, accounts that others kept busy, looks that were asked for. `more`: the time
    ended before the work; `next_due`: when something will next be due, epoch ms, None where nothing will."""

    accounts: int
    busy: int
    looks: int
    more: bool
    next_due: int | None


def care(ports: Ports, remaining_seconds: Callable[[], float]) -> Cared:
    """Ask for looks at people whose labels changed, then post what is due, shard by shard, until the time ends."""
    asked = labelling.ask_for_looks(ports, remaining_seconds)
    cared = _post_due(ports, remaining_seconds)
    moments = [at for at in (asked.next_due, cared.next_due) if at is not None]
    more = asked.more or cared.more
    return _told(ports, Cared(cared.accounts, cared.busy, asked.looks, more, min(moments, default=None)))


def _post_due(ports: Ports, remaining_seconds: Callable[[], float]) -> Cared:
    now, done, busy = ports.now(), 0, 0
    later: list[int] = []
    for shard in range(keys.CARE_SHARDS):
        after: str | None = None
        while True:
            if remaining_seconds() < LEAST_SECONDS:
                return Cared(done, busy, 0, more=True, next_due=now)
            page = ports.store.query_index("ledger", Range(keys.care_shard(shard), limit=PAGE, after=after))
            due = [row for row in page.rows if _moment(row) <= now]
            later += [_moment(row) for row in page.rows[len(due) :]][:1]
            lost = _post(ports, due)
            done, busy = done + len(due) - lost, busy + lost
            after = page.after
            if after is None or len(due) < len(page.rows):
                break
    return Cared(done, busy, 0, more=False, next_due=now if busy else min(later, default=None))


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
    ports.log.info("cared", accounts=cared.accounts, busy=cared.busy, looks=cared.looks)
    return cared
