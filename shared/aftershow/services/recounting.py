"""The ledger recounted from its entries alone: what each account, budget and order should hold, and where that is not
what stands there. It shares no arithmetic with the services that post."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from aftershow.model.ids import body_hash
from aftershow.model.ledger import (
    EXPIRED,
    FUNDS,
    MAX_LOTS,
    MAX_OPEN,
    MAX_PENDING,
    MOVED,
    POINTS,
    SPENT,
    Account,
    Aside,
    Budget,
    Code,
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
from aftershow.services.recounted import SYSTEM, Liability, Recount

ENDS = ("confirm", "release", "unhold", "time_out")


@dataclass(slots=True)
class _Books:
    """The sums of all postings."""

    entries: list[Entry] = field(default_factory=list)
    by_home: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    # account -> (unit, expires_at, available_at) -> units
    lots: dict[str, Counter[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(Counter))
    # viewer -> lot that ran out -> points
    ran_out: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    # viewer -> when an entry that names the account was last posted
    last: Counter[str] = field(default_factory=Counter)
    # budget's shard -> how often something was taken from it
    claims: Counter[str] = field(default_factory=Counter)
    # hash of a code -> who used it
    codes: dict[str, str] = field(default_factory=dict)

    def total(self, account: str, unit: str = POINTS) -> int:
        """The sum of an account."""
        return sum(points for (one, _, _), points in self.lots.get(account, {}).items() if one == unit)


@dataclass(slots=True)
class _Rows:
    """What stands beside the entries. A code is its hash, and who used it."""

    accounts: dict[str, Account] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    shards: dict[tuple[str, int], Shard] = field(default_factory=dict)
    codes: dict[str, str | None] = field(default_factory=dict)

    def add(self, kind: str, item: Item) -> None:
        """One row. Raises ValidationError."""
        if kind == "account":
            self.accounts[item.key.pk] = Account.read(item.body)
        elif kind == "budget":
            budget = Budget.read(item.body)
            self.budgets[budget.budget] = budget
        elif kind == "shard":
            shard = Shard.read(item.body)
            self.shards[shard.budget, shard.shard] = shard
        elif kind == "code":
            self.codes[item.key.pk.removeprefix("code#")] = Code.read(item.body).used_by


def recount(ledger: Iterable[Item], orders: Iterable[Order], shop_currency: str, now: int) -> Recount:
    """Recount a whole ledger against its orders. What is being posted at this moment may disagree until it is."""
    told, books = Recount(), _Books()
    rows = _read(ledger, told, books)
    _books_balance(told, books)
    for account in rows.accounts.values():
        _account_agrees(told, books, account)
    named = {name for name in books.lots if name.startswith("viewer:")}
    for name in sorted(named):
        viewer = name.removeprefix("viewer:").partition("#")[0]
        if viewer not in rows.accounts:
            told.disagree(viewer, "account", "an account, since entries name it", "none")
    for name in sorted({name for name in books.lots if name.startswith("budget:")}):
        if name.removeprefix("budget:").rpartition("#")[0] not in rows.budgets:
            told.disagree(name, "budget", "a budget, since entries name it", "none")
    for budget in rows.budgets.values():
        _budget_agrees(told, books, budget, rows.shards)
    for code in sorted({*rows.codes, *books.codes}):
        told.disagree(f"code {code}", "used by", books.codes.get(code), rows.codes.get(code, "no such code"))
    _orders_agree(told, books, orders, shop_currency, rows.accounts)
    _figures(told, books, rows.accounts.values(), now)
    return told


def _read(ledger: Iterable[Item], told: Recount, books: _Books) -> _Rows:
    rows = _Rows()
    for item in ledger:
        kind = item.key.sk.partition("#")[0]
        try:
            if kind == "entry":
                _add(told, books, Entry.read(item.body), item)
            elif kind == "refused":
                refused = Entry.read(item.body)
                told.refused.append((refused.home, refused.key))
            else:
                rows.add(kind, item)
        except ValidationError as error:
            told.disagree(f"{item.key.pk} {item.key.sk}", "content", "readable and balanced", error.errors()[0]["msg"])
    for viewer, account in rows.accounts.items():
        told.disagree(viewer, "viewer", viewer, account.viewer)
    told.accounts, told.budgets = len(rows.accounts), len(rows.budgets)
    return rows


def _add(told: Recount, books: _Books, entry: Entry, item: Item) -> None:
    told.entries += 1
    told.disagree(f"{item.key.pk} {entry.key}", "place", keys.ledger_entry(entry.home, entry.key), item.key)
    books.entries.append(entry)
    books.by_home[entry.home].append(entry)
    for one in entry.postings:
        books.lots[one.account][entry.unit, one.expires_at, one.available_at] += one.points
        if one.account.startswith("budget:") and one.points < 0:
            books.claims[one.account] += 1
        if one.account == EXPIRED:
            books.ran_out[entry.home][one.expires_at] += one.points
    named = {one.account.removeprefix("viewer:").partition("#")[0] for one in entry.postings}
    for viewer in {entry.home, *named}:
        books.last[viewer] = max(books.last[viewer], entry.posted_at)
    if entry.rule == "code":
        books.codes[entry.key.removeprefix("code:")] = entry.home


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
    opened = (entry for entry in own if entry.rule in ("reserve", "hold") and entry.reservation not in ended)
    told.disagree(viewer, "open", sorted(map(_opened, opened)), sorted(map(_aside, account.asides)))
    told.disagree(viewer, "as of", books.last[viewer], account.as_of)
    closed = next((entry.posted_at for entry in own if entry.rule == "close"), None)
    told.disagree(viewer, "closed at", closed, account.closed_at)
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


def _opened(entry: Entry) -> tuple[str, int, list[tuple[str, int, int]]]:
    """A reservation or hold as its entry says: id, until, and from which lots."""
    taken = [one for one in entry.postings if one.points < 0]
    parts = sorted((one.account, one.expires_at, -one.points) for one in taken)
    return entry.reservation or "", entry.until or 0, parts


def _aside(aside: Aside) -> tuple[str, int, list[tuple[str, int, int]]]:
    """The same as the account has it."""
    parts = sorted((of_viewer(part.viewer), part.expires_at, part.points) for part in aside.parts)
    return aside.id, aside.until or 0, parts


def _sorted(lots: Mapping[tuple[int, int], int]) -> list[tuple[tuple[int, int], int]]:
    return sorted((lot, points) for lot, points in lots.items() if points)


def _budget_agrees(told: Recount, books: _Books, budget: Budget, shards: Mapping[tuple[str, int], Shard]) -> None:
    fund = [entry for entry in books.by_home[keys.budget_home(budget.budget)] if entry.rule == "fund"]
    said = (budget.unit, str(budget.shards), str(budget.per_claim))
    now = [body_hash(one.key, *said, str(-one.sum(FUNDS))) for one in fund]
    told.disagree(budget.budget, "as opened", [one.hash for one in fund], now)
    for number in range(budget.shards):
        name, shard = of_shard(budget.budget, number), shards.get((budget.budget, number))
        told.disagree(name, "left", books.total(name, budget.unit), shard.left if shard else None)
        if shard is not None:
            told.disagree(name, "claims", books.claims[name], shard.claims)
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
    # Their points are forfeited, whatever becomes of the order.
    closed = {viewer for viewer, account in accounts.items() if account.closed_at is not None}
    for name in sorted(given.keys() - by_name.keys()):
        told.disagree(f"order {name}", "order", "in the orders table, since entries name it", "none")
    for name, order in sorted(by_name.items()):
        if order.hash is None or why_no_points(order, shop_currency):
            continue
        for viewer in sorted({*given[name], order.viewer or ""} - closed):
            should_be = worth(order) if viewer == order.viewer else 0
            told.disagree(f"order {name}", f"points of {viewer}", should_be, given[name][viewer])


def _figures(told: Recount, books: _Books, accounts: Iterable[Account], now: int) -> None:
    told.system = {name: books.total(name) for name in SYSTEM}
    for name, lots in sorted(books.lots.items()):
        if name.startswith("handed_out:"):
            for (unit, _, _), points in lots.items():
                told.handed_out[unit] = told.handed_out.get(unit, 0) + points
    listed: Sequence[Account] = list(accounts)
    # All at once: what one account has set aside may be another's, and goes back there.
    later, _ = account_rules.caught_up(listed, now)
    each = [account_rules.standing([account], now) for account in later]
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
