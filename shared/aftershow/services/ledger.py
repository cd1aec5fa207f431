"""The ledger's doors to the store: a person's accounts, what they are worth, their statement; and the one way to post.

A merge moves nothing: accounts stay where they are and readers unite `head.people`. Whatever spends is committed with
the surviving head as a check and that head's own account as a put, so no two decisions about one person pass each
other, and none passes a merge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aftershow.model.ledger import Account, Entry
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Check, Conflict, Item, Key, Put, Range
from aftershow.rules import accounts as rules
from aftershow.rules.accounts import Standing
from aftershow.rules.spending import Refusal, refused_amount
from aftershow.services.messages import settle
from aftershow.services.people import leading_head

T = TypeVar("T")

# Of one statement page.
MAX_STATEMENT_ENTRIES = 100
# The place in the index, then the viewer under whom it stands; written so that it needs no escape in a URL.
CURSOR = r"[0-9]{15}-[0-9]{10}\.[a-z0-9]{1,64}"
MAX_CURSOR_CHARACTERS = 15 + 1 + 10 + 1 + 64
# In one commit, beside the accounts of a person.
MAX_DUE_ENTRIES = 60


@dataclass(frozen=True, slots=True)
class Holder:
    """A person's accounts as read, the surviving viewer's first, and what time has made due in them."""

    viewer: str
    head: Head | None
    head_item: Item | None
    accounts: tuple[Account, ...]
    items: Mapping[Key, Item] = field(repr=False)
    due: tuple[Entry, ...] = ()

    @property
    def check(self) -> Check:
        """The surviving head, unchanged."""
        return Check(keys.head(self.viewer), self.head_item.version if self.head_item else None)

    @property
    def closed(self) -> bool:
        """Whether the person is erased, or an account closed."""
        erased = self.head is not None and self.head.erased_at is not None
        return erased or any(account.closed_at is not None for account in self.accounts)

    def entry(self, business_key: str) -> Entry | None:
        """The entry of this key under any of the person's viewers, if it was asked for and is posted."""
        return next(self.entries(business_key), None)

    def entries(self, business_key: str) -> Iterator[Entry]:
        """All of this key: several viewers had one each, before they were one person."""
        for account in self.accounts:
            item = self.items.get(keys.ledger_entry(account.viewer, business_key))
            if item is not None:
                yield Entry.read(item.body)


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of a person's entries, the newest first. `cursor` asks for the next one; None: there are no more."""

    entries: tuple[Entry, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Quote:
    """Whether so many points could be reserved now."""

    points: int
    available: int

    @property
    def possible(self) -> bool:
        """Whether they are there. Only a reservation keeps them."""
        return self.points <= self.available


def holder(ports: Ports, viewer: str, business_keys: Sequence[str] = (), more: Sequence[Key] = ()) -> Holder:
    """A person's accounts, by any of their viewer ids; with them the entries of these keys and further items."""
    found = leading_head(ports, viewer)
    head, head_item = found if found else (None, None)
    people = head.people if head else (viewer,)
    wanted = [keys.ledger_account(one) for one in people]
    wanted += [keys.ledger_entry(one, key) for one in people for key in business_keys]
    items = ports.store.get_many([*wanted, *more])
    read = [_account(items, one) for one in people]
    _, due = rules.caught_up(read, ports.now())
    return Holder(people[0], head, head_item, tuple(read), items, tuple(due))


def spender(ports: Ports, viewer: str, business_keys: Sequence[str] = (), more: Sequence[Key] = ()) -> Holder:
    """The same, with everything posted that time has made due. Raises Conflict where somebody else did it first."""
    found = holder(ports, viewer, business_keys, more)
    while found.due:
        post(ports, found.due[:MAX_DUE_ENTRIES], found.accounts, found.items)
        found = holder(ports, viewer, business_keys, more)
    return found


def post(
    ports: Ports,
    entries: Sequence[Entry],
    accounts: Iterable[Account],
    items: Mapping[Key, Item],
    checks: Sequence[Check] = (),
    puts: Sequence[Put] = (),
) -> None:
    """Commit entries together with the accounts that they name. Raises Conflict."""
    after = {account.viewer: account for account in accounts}
    others = {name for entry in entries for name in rules.named(entry)} - after.keys()
    if others:
        # A person was parted since points of this account were set aside: they go back to where they came from.
        items = {**items, **ports.store.get_many(map(keys.ledger_account, others))}
        after |= {name: _account(items, name) for name in others}
        closed = {name for name in others if after[name].closed_at is not None}
        entries = [rules.forfeiting(entry, closed) for entry in entries]
    changed: set[str] = set()
    listed: list[Put] = []
    for entry in entries:
        for viewer in sorted(rules.named(entry)):
            after[viewer] = rules.applied(after[viewer], entry)
            changed.add(viewer)
        number = after[entry.home].entries if entry.home in after else 0
        index = keys.statement_index(entry.home, entry.posted_at, number)
        listed.append(Put(keys.ledger_entry(entry.home, entry.key), entry.body(), None, index=index))
    listed += [_account_put(after[viewer], items.get(keys.ledger_account(viewer))) for viewer in sorted(changed)]
    ports.store.commit([*listed, *puts], checks)
    for entry in entries:
        ports.log.info("posted", entries=1, rule=entry.rule)


def keep_refused(ports: Ports, entry: Entry) -> None:
    """Keep what was refused because its key stands with other content, so that somebody sees it."""
    try:
        ports.store.commit([Put(keys.ledger_refused(entry.home, entry.key, entry.hash), entry.body(), None)])
    except Conflict:
        return
    ports.log.warning("refused: same key, other content", rule=entry.rule)


def known(ports: Ports, posted: Entry, wanted: Entry) -> Refusal | None:
    """None where an entry with this key says the same; else what was wanted is kept and refused."""
    if posted.hash == wanted.hash:
        return None
    keep_refused(ports, wanted.model_copy(update={"home": posted.home}))
    return Refusal("key_reused")


def attempted(ports: Ports, attempt: Callable[[], T]) -> T:
    """Read, decide, commit, and again where the race was lost. Raises messages.Busy: come again in some seconds."""
    return settle(ports, attempt)


def balance(ports: Ports, viewer: str) -> Standing:
    """What a person's points are worth now, whatever was posted when. Somebody unknown has none."""
    return rules.standing(holder(ports, viewer).accounts, ports.now())


def quote(ports: Ports, viewer: str, points: int) -> Quote | Refusal:
    """Whether so many points are available."""
    refused = refused_amount(points)
    if refused:
        return refused
    found = holder(ports, viewer)
    if found.closed:
        return Refusal("closed")
    return Quote(points, rules.standing(found.accounts, ports.now()).available)


def statement(ports: Ports, viewer: str, cursor: str | None = None, limit: int = 20) -> Statement:
    """A page of a person's entries, over all their viewer ids, the newest first.

    A cursor is the place of the last entry seen, so entries posted since then change no later page. Raises ValueError
    for a limit that is not 1 to MAX_STATEMENT_ENTRIES, and for a cursor that no page ended with.
    """
    if cursor is not None and not re.fullmatch(CURSOR, cursor):
        raise ValueError("a cursor is what the page before ended with")
    if not 1 <= limit <= MAX_STATEMENT_ENTRIES:
        raise ValueError(f"a page has 1 to {MAX_STATEMENT_ENTRIES} entries")
    found = leading_head(ports, viewer)
    people = found[0].people if found else (viewer,)
    first, _, seen = (cursor or "").replace("-", "#").partition(".")
    rows: list[tuple[str, str, Key]] = []
    for one in people:
        # One more tells whether there is a next page; another is the last one of the page before.
        where = Range(f"statement#{one}", first=first, limit=limit + 2)
        rows += [(row.sk, row.key.pk, row.key) for row in ports.store.query_index("ledger", where).rows]
    later = sorted(row for row in rows if row[:2] > (first, seen))
    page = later[:limit]
    items = ports.store.get_many(key for _, _, key in page)
    entries = tuple(Entry.read(items[key].body) for _, _, key in page if key in items)
    return Statement(entries, ".".join(page[-1][:2]).replace("#", "-") if len(later) > limit else None)


def _account(items: Mapping[Key, Item], viewer: str) -> Account:
    item = items.get(keys.ledger_account(viewer))
    return Account.read(item.body) if item else Account(viewer=viewer)


def _account_put(account: Account, before: Item | None) -> Put:
    due = rules.next_due(account)
    return Put(
        keys.ledger_account(account.viewer),
        account.body(),
        before.version if before else None,
        index=keys.care_index(account.viewer, due) if due is not None else None,
    )
