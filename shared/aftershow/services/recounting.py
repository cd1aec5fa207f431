"""The ledger recounted from its entries alone: what each account, budget and order should hold, and where that is not
what stands there. It shares no arithmetic with the services that post."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from aftershow.model.ledger import (
    EXPIRED,
    FORFEITED,
    FORGIVEN,
    FUNDS,
    GRANTED,
    ISSUED,
    MAX_LOTS,
    MAX_OPEN,
    MAX_PENDING,
    MOVED,
    POINTS,
    SPENT,
    Account,
    Budget,
    Entry,
    Shard,
    of_shard,
    of_viewer,
    set_aside,
)
from aftershow.model.orders import Order
from aftershow.ports import keys
from aftershow.ports.store import Item
from aftershow.rules import accounts as account_rules
from aftershow.rules.points import why_no_points, worth

SYSTEM = (ISSUED, GRANTED, FUNDS, SPENT, EXPIRED, FORGIVEN, FORFEITED, MOVED)
ENDS = ("confirm", "release", "unhold", "time_out")


class Disagreement(NamedTuple):
    """Something that the recount finds otherwise: where, what, how it should be and how it is."""

    where: str
    what: str
    should_be: str
    found: str


@dataclass(frozen=True, slots=True)
class Liability:
    """What viewers may still ask for, in points, at `at`: available + pending + reserved + held - owed is the sum of
    all viewers' balances. `run_out` is the part of those that time has taken and nobody has posted yet."""

    at: int
    available: int
    pending: int
    reserved: int
    held: int
    owed: int
    run_out: int
    budgets: int

    @property
    def balances(self) -> int:
        """What the viewers' accounts hold together."""
        return self.available + self.pending + self.reserved + self.held - self.owed + self.run_out


@dataclass(slots=True)
class Recount:
    """A recount. `system` is each system account's sum of points, `handed_out` what budgets gave by unit."""

    entries: int = 0
    accounts: int = 0
    budgets: int = 0
    system: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYSTEM, 0))
    handed_out: dict[str, int] = field(default_factory=dict)
    liability: Liability = field(default_factory=lambda: Liability(0, 0, 0, 0, 0, 0, 0, 0))
    disagreements: list[Disagreement] = field(default_factory=list)
    # Entries that were refused because their key stands with other content: home, key.
    refused: list[tuple[str, str]] = field(default_factory=list)

    def disagree(self, where: str, what: str, should_be: object, found: object) -> None:
        """Note it, unless it agrees."""
        if should_be != found:
            self.disagreements.append(Disagreement(where, what, str(should_be), str(found)))


@dataclass(slots=True)
class _Books:
    """The sums of all postings."""

    entries: list[Entry] = field(default_factory=list)
    by_home: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    # account -> (unit, expires_at, available_at) -> units
    lots: dict[str, Counter[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(Counter))
    # viewer -> lot that ran out -> points
    ran_out: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))

    def total(self, account: str, unit: str = POINTS) -> int:
        """The sum of an account."""
        return sum(points for (one, _, _), points in self.lots.get(account, {}).items() if one == unit)


def recount(ledger: Iterable[Item], orders: Iterable[Order], shop_currency: str, now: int) -> Recount:
    """Recount a whole ledger against its orders. What is being posted at this moment may disagree until it is."""
    told, books = Recount(), _Books()
    accounts, budgets, shards = _read(ledger, told, books)
    _books_balance(told, books)
    for account in accounts.values():
        _account_agrees(told, books, account)
    named = {name for name in books.lots if name.startswith("viewer:")}
    for name in sorted(named):
        viewer = name.removeprefix("viewer:").partition("#")[0]
        if viewer not in accounts:
            told.disagree(viewer, "account", "an account, since entries name it", "none")
    for budget in budgets.values():
        _budget_agrees(told, books, budget, shards)
    _orders_agree(told, books, orders, shop_currency, accounts)
    _figures(told, books, accounts.values(), now)
    return told


def _read(
    ledger: Iterable[Item], told: Recount, books: _Books
) -> tuple[dict[str, Account], dict[str, Budget], dict[tuple[str, int], Shard]]:
    accounts: dict[str, Account] = {}
    budgets: dict[str, Budget] = {}
    shards: dict[tuple[str, int], Shard] = {}
    for item in ledger:
        kind = item.key.sk.partition("#")[0]
        where = f"{item.key.pk} {item.key.sk}"
        try:
            if kind == "entry":
                _add(told, books, Entry.read(item.body), item)
            elif kind == "refused":
                refused = Entry.read(item.body)
                told.refused.append((refused.home, refused.key))
            elif kind == "account":
                accounts[item.key.pk] = Account.read(item.body)
            elif kind == "budget":
                budget = Budget.read(item.body)
                budgets[budget.budget] = budget
            elif kind == "shard":
                shard = Shard.read(item.body)
                shards[shard.budget, shard.shard] = shard
        except ValidationError as error:
            told.disagree(where, "content", "readable and balanced", error.errors()[0]["msg"])
    told.accounts, told.budgets = len(accounts), len(budgets)
    return accounts, budgets, shards


def _add(told: Recount, books: _Books, entry: Entry, item: Item) -> None:
    told.entries += 1
    told.disagree(f"{item.key.pk} {entry.key}", "place", keys.ledger_entry(entry.home, entry.key), item.key)
    books.entries.append(entry)
    books.by_home[entry.home].append(entry)
    for one in entry.postings:
        books.lots[one.account][entry.unit, one.expires_at, one.available_at] += one.points
        if one.account == EXPIRED:
            books.ran_out[entry.home][one.expires_at] += one.points


def _books_balance(told: Recount, books: _Books) -> None:
    units = {unit for lots in books.lots.values() for unit, _, _ in lots}
    for unit in sorted(units):
        told.disagree("all accounts", f"sum of {unit}", 0, sum(books.total(account, unit) for account in books.lots))
    told.disagree(MOVED, "sum", 0, books.total(MOVED))
    known = {(entry.home, entry.key) for entry in books.entries}
    names = {key for _, key in known}
    for entry in books.entries:
        if entry.corrects is not None and entry.corrects not in names:
            told.disagree(entry.home, f"{entry.key} corrects", entry.corrects, "no such entry")
        if entry.rule in ENDS and (entry.home, entry.reservation) not in known:
            told.disagree(entry.home, f"{entry.key} ends", entry.reservation, "no such entry")


def _account_agrees(told: Recount, books: _Books, account: Account) -> None:
    viewer = account.viewer
    own = books.by_home[viewer]
    lots: Counter[tuple[int, int]] = Counter()
    for (_, expires_at, available_at), points in books.lots.get(of_viewer(viewer), {}).items():
        lots[expires_at, available_at if available_at > account.as_of else 0] += points
    found = Counter({(lot.expires_at, lot.available_at): lot.points for lot in account.lots if lot.points})
    told.disagree(viewer, "lots", _sorted(lots), _sorted(found))
    remembered = {lot.expires_at: lot.expired for lot in account.lots if lot.expired}
    told.disagree(viewer, "expired lots", {lot: books.ran_out[viewer][lot] for lot in remembered}, remembered)
    told.disagree(viewer, "set aside", books.total(set_aside(viewer)), sum(one.points for one in account.asides))
    ended = {entry.reservation for entry in own if entry.rule in ENDS}
    opened = {entry.reservation for entry in own if entry.rule in ("reserve", "hold")}
    told.disagree(viewer, "open", sorted(map(str, opened - ended)), sorted(one.id for one in account.asides))
    told.disagree(viewer, "entries", len(own), account.entries)
    told.disagree(viewer, "earned", sum(max(entry.issued, 0) for entry in own), account.earned)
    told.disagree(viewer, "reversed", sum(max(-entry.issued, 0) for entry in own), account.reversed)
    told.disagree(viewer, "spent", sum(entry.sum(SPENT) for entry in own), account.spent)
    told.disagree(viewer, "expired", sum(entry.sum(EXPIRED) for entry in own), account.expired)
    for what, there, most in (
        ("lots", sum(lot.available_at == 0 for lot in account.lots), MAX_LOTS + 1),
        ("pending spans", sum(lot.available_at > 0 for lot in account.lots), 2 * MAX_PENDING),
        ("open reservations", len(account.asides), MAX_OPEN),
    ):
        if there > most:
            told.disagree(viewer, what, f"at most {most}", there)
    below = [lot.expires_at for lot in account.lots if lot.points < 0 and lot.expires_at]
    told.disagree(viewer, "lots below zero", [], below)


def _sorted(lots: Mapping[tuple[int, int], int]) -> list[tuple[tuple[int, int], int]]:
    return sorted((lot, points) for lot, points in lots.items() if points)


def _budget_agrees(told: Recount, books: _Books, budget: Budget, shards: Mapping[tuple[str, int], Shard]) -> None:
    for number in range(budget.shards):
        name, shard = of_shard(budget.budget, number), shards.get((budget.budget, number))
        told.disagree(name, "left", books.total(name, budget.unit), shard.left if shard else None)
        if shard is not None and shard.left < 0:
            told.disagree(name, "left", "not below zero", shard.left)


def _orders_agree(
    told: Recount, books: _Books, orders: Iterable[Order], shop_currency: str, accounts: Mapping[str, Account]
) -> None:
    given: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in books.entries:
        if entry.order is not None:
            given[entry.order][entry.home] += entry.issued
    by_name = {order.order: order for order in orders}
    for name in sorted(given.keys() - by_name.keys()):
        told.disagree(f"order {name}", "order", "in the orders table, since entries name it", "none")
    for name, order in sorted(by_name.items()):
        if order.hash is None or why_no_points(order, shop_currency):
            continue
        account = accounts.get(order.viewer or "")
        if account is not None and account.closed_at is not None:
            continue
        for viewer in sorted({*given[name], order.viewer or ""}):
            should_be = worth(order) if viewer == order.viewer else 0
            told.disagree(f"order {name}", f"points of {viewer}", should_be, given[name][viewer])


def _figures(told: Recount, books: _Books, accounts: Iterable[Account], now: int) -> None:
    told.system = {name: books.total(name) for name in SYSTEM}
    for name, lots in sorted(books.lots.items()):
        if name.startswith("handed_out:"):
            for (unit, _, _), points in lots.items():
                told.handed_out[unit] = told.handed_out.get(unit, 0) + points
    listed: Sequence[Account] = list(accounts)
    each = [account_rules.standing([account], now) for account in listed]
    posted = sum(account.expired for account in listed)
    told.liability = Liability(
        at=now,
        available=sum(one.available for one in each),
        pending=sum(one.pending for one in each),
        reserved=sum(one.reserved for one in each),
        held=sum(one.held for one in each),
        owed=sum(one.owed for one in each),
        run_out=sum(one.expired for one in each) - posted,
        budgets=sum(books.total(name) for name in books.lots if name.startswith("budget:")),
    )
    # Everything that was ever given is with viewers, in budgets, or gone to a system account.
    viewers = sum(books.total(name) for name in books.lots if name.startswith("viewer:"))
    told.disagree("liability", "viewers' balances", viewers, told.liability.balances)
    told.disagree("liability", "given and not yet gone", -sum(told.system.values()), viewers + told.liability.budgets)


def figures(told: Recount) -> Iterator[tuple[str, int]]:
    """What a liability report lists: where every point came from, and where it is."""
    yield from ((name.removeprefix("system:"), points) for name, points in told.system.items())
    yield "with_viewers", told.liability.balances
    yield "in_budgets", told.liability.budgets
