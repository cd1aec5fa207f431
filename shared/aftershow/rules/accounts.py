"""A viewer's account: what an entry makes of it, what it is worth at a moment, and what time has made due.

Time needs no job: points mature, expire and time out by `now` in `standing`, whether or not somebody has posted it.
Before an account is spent from, what is due is posted (`caught_up`), so a balance stays the fold of its entries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from functools import partial
from typing import Literal

from aftershow.model.ids import body_hash
from aftershow.model.ledger import (
    DEBT,
    EXPIRED,
    FORFEITED,
    FORGIVEN,
    MAX_LOTS,
    NEVER,
    SPENT,
    Account,
    Aside,
    Entry,
    Lot,
    Part,
    Posting,
    of_viewer,
    set_aside,
)

_OPENS = ("reserve", "hold")


@dataclass(frozen=True, slots=True)
class Standing:
    """What a person's points are at a moment. `lots` may be spent, the first to expire first: (expires_at, points),
    what is owed already taken off them. `balance` is available + pending + reserved + held - owed."""

    available: int = 0
    pending: int = 0
    reserved: int = 0
    held: int = 0
    owed: int = 0
    expired: int = 0
    lots: tuple[tuple[int, int], ...] = ()

    @property
    def balance(self) -> int:
        """All of it; below zero where more was taken back than was there."""
        return self.available + self.pending + self.reserved + self.held - self.owed


def applied(account: Account, entry: Entry) -> Account:
    """The account after one more entry that names it. Entries commute: in any order they make the same account."""
    as_of = max(account.as_of, entry.posted_at)
    home = entry.home == account.viewer
    lots: dict[tuple[int, int], Lot] = {}

    def add(available_at: int, expires_at: int, points: int, expired: int) -> None:
        key = (expires_at, available_at if available_at > as_of else 0)
        lot = lots.get(key) or Lot(expires_at=key[0], available_at=key[1])
        lots[key] = lot.model_copy(update={"points": lot.points + points, "expired": lot.expired + expired})

    for lot in account.lots:
        add(lot.available_at, lot.expires_at, lot.points, lot.expired)
    mine = of_viewer(account.viewer)
    for posting in entry.postings:
        if posting.account == mine:
            add(posting.available_at, posting.expires_at, posting.points, 0)
        elif home and posting.account == EXPIRED:
            add(0, posting.expires_at, 0, posting.points)
    changes: dict[str, object] = {"as_of": as_of, "lots": _kept(lots.values())}
    if home:
        changes |= {
            "asides": _asides(account, entry),
            "earned": account.earned + max(entry.issued, 0),
            "reversed": account.reversed + max(-entry.issued, 0),
            "spent": account.spent + entry.sum(SPENT),
            "expired": account.expired + entry.sum(EXPIRED),
            "entries": account.entries + 1,
        }
    if entry.rule == "close":
        changes["closed_at"] = entry.posted_at
    return account.model_copy(update=changes)


def _kept(lots: Iterable[Lot]) -> tuple[Lot, ...]:
    """Lots in the order in which they expire. Of those with nothing left, only the latest are remembered."""
    listed = sorted(
        (lot for lot in lots if lot.points or lot.expired), key=lambda lot: (lot.expires_at, lot.available_at)
    )
    forget = sum(lot.available_at == 0 for lot in listed) - MAX_LOTS
    kept: list[Lot] = []
    for lot in listed:
        if forget > 0 and not lot.points:
            forget -= 1
        else:
            kept.append(lot)
    return tuple(kept)


def _asides(account: Account, entry: Entry) -> tuple[Aside, ...]:
    if entry.reservation is None:
        return account.asides
    others = tuple(aside for aside in account.asides if aside.id != entry.reservation)
    if entry.rule not in _OPENS:
        return others
    opened = Aside(id=entry.reservation, parts=parts_of(entry), until=entry.until)
    return tuple(sorted((*others, opened), key=lambda aside: aside.id))


def parts_of(entry: Entry) -> tuple[Part, ...]:
    """What a reservation or hold took, and from which lots."""
    return tuple(
        Part(viewer=posting.account.removeprefix("viewer:"), expires_at=posting.expires_at, points=-posting.points)
        for posting in entry.postings
        if posting.points < 0
    )


def standing(accounts: Sequence[Account], now: int) -> Standing:
    """What these accounts of one person are worth together at `now`, epoch ms."""
    # What time has made due counts as posted.
    accounts, _ = caught_up(accounts, now)
    lots: dict[int, int] = defaultdict(int)
    pending = reserved = held = debt = 0
    for account in accounts:
        moment = max(now, account.as_of)
        for lot in account.lots:
            if lot.available_at > moment:
                pending += lot.points
            elif lot.expires_at == DEBT:
                debt -= lot.points
            else:
                lots[lot.expires_at] += lot.points
        reserved += sum(aside.points for aside in account.asides if aside.until is not None)
        held += sum(aside.points for aside in account.asides if aside.until is None)
    left: list[tuple[int, int]] = []
    for expires_at, points in sorted(lots.items()):
        paid = min(points, debt)
        debt -= paid
        if points > paid:
            left.append((expires_at, points - paid))
    expired = sum(account.expired for account in accounts)
    return Standing(sum(points for _, points in left), pending, reserved, held, debt, expired, tuple(left))


def caught_up(accounts: Sequence[Account], now: int) -> tuple[list[Account], list[Entry]]:
    """A person's accounts with what time has done to them, and the entries that say so and that nobody has posted yet:
    reservations that timed out, then lots that ran out."""
    by_viewer = {account.viewer: account for account in accounts}
    entries: list[Entry] = []
    for due in (_timed_out, _run_out):
        for viewer in list(by_viewer):
            for decide in due(by_viewer[viewer], now):
                entry = decide(by_viewer[viewer])
                entries.append(entry)
                touched = named(entry) & set(by_viewer)
                by_viewer |= {name: applied(by_viewer[name], entry) for name in touched}
    return list(by_viewer.values()), entries


def _timed_out(account: Account, now: int) -> list[Callable[[Account], Entry]]:
    moment = max(now, account.as_of)
    overdue = [aside for aside in account.asides if aside.until is not None and aside.until <= moment]
    return [
        partial(ending, aside=aside, rule="time_out", reason="reservation timed out", now=moment) for aside in overdue
    ]


def _run_out(account: Account, now: int) -> list[Callable[[Account], Entry]]:
    moment = max(now, account.as_of)
    over = [lot for lot in account.lots if DEBT < lot.expires_at <= moment and lot.points > 0]
    return [partial(_expiry, lot=lot, now=moment) for lot in over]


def named(entry: Entry) -> set[str]:
    """The viewers whose accounts an entry changes."""
    accounts = (posting.account.partition("#")[0] for posting in entry.postings)
    return {name.removeprefix("viewer:") for name in accounts if name.startswith("viewer:")} | (
        set() if entry.home.startswith("budget#") else {entry.home}
    )


def forfeiting(entry: Entry, closed: Set[str]) -> Entry:
    """The entry without postings on accounts of others that were closed meanwhile: those points are forfeited."""
    if not closed:
        return entry
    gone = {of_viewer(viewer) for viewer in closed}
    postings = (Posting(account=FORFEITED, points=one.points) if one.account in gone else one for one in entry.postings)
    return entry.model_copy(update={"postings": tuple(postings)})


def next_due(account: Account) -> int | None:
    """When something will next be due, epoch ms; None: never as things are."""
    moments = [lot.expires_at for lot in account.lots if lot.points > 0 and DEBT < lot.expires_at < NEVER]
    moments += [aside.until for aside in account.asides if aside.until is not None]
    return min(moments, default=None)


def _expiry(account: Account, lot: Lot, now: int) -> Entry:
    """The rest of a lot goes; what is owed is paid from it first, so that nobody owes for points that ran out."""
    owed = -sum(other.points for other in account.lots if other.expires_at == DEBT)
    paid = min(owed, lot.points)
    mine = of_viewer(account.viewer)
    postings = (
        Posting(account=mine, points=-lot.points, expires_at=lot.expires_at, available_at=lot.available_at),
        Posting(account=mine, points=paid, expires_at=DEBT),
        Posting(account=EXPIRED, points=lot.points - paid, expires_at=lot.expires_at),
    )
    # A lot can run out twice: points may come back to it late.
    key = f"expire:{lot.expires_at}:{account.entries}"
    return Entry(
        key=key,
        rule="expire",
        hash=body_hash(key, str(lot.points)),
        home=account.viewer,
        at=lot.expires_at,
        posted_at=now,
        postings=tuple(posting for posting in postings if posting.points),
        reason="points expired" if paid < lot.points else "points owed were paid",
    )


def ending(
    account: Account,
    aside: Aside,
    rule: Literal["confirm", "release", "time_out", "unhold"],
    reason: str,
    now: int,
    author: str | None = None,
    *,
    forgiving: bool = False,
) -> Entry:
    """The end of a reservation or hold: confirmed points are spent, else they go back to their lots. All ends have one
    key, so there is only one. `forgiving`: what is owed and would now be missing is let be."""
    key = end_key(aside.id)
    missing = aside.points - account.balance if forgiving else 0
    forgiven = max(min(missing, -sum(lot.points for lot in account.lots if lot.expires_at == DEBT)), 0)
    paid = Posting(account=of_viewer(account.viewer), points=forgiven, expires_at=DEBT)
    to = (
        (Posting(account=SPENT, points=aside.points), *_both(paid, FORGIVEN))
        if rule == "confirm"
        else tuple(
            Posting(account=of_viewer(part.viewer), points=part.points, expires_at=part.expires_at)
            for part in aside.parts
        )
    )
    return Entry(
        key=key,
        rule=rule,
        hash=body_hash(key, rule),
        home=account.viewer,
        at=now if aside.until is None else min(now, aside.until),
        posted_at=now,
        postings=(Posting(account=set_aside(account.viewer), points=-aside.points), *to),
        reason=reason,
        author=author,
        reservation=aside.id,
    )


def end_key(opened: str) -> str:
    """The key of the end of a reservation or hold. No id that a caller gives makes it: theirs come after a word."""
    return f"end:{opened}"


def _both(posting: Posting, other: str) -> tuple[Posting, ...]:
    """A posting with its other side; nothing where it moves nothing."""
    return (posting, Posting(account=other, points=-posting.points)) if posting.points else ()


def take(accounts: Sequence[Account], points: int, now: int) -> tuple[Part, ...] | None:
    """So many points from a person's lots, the first to expire first; None where less is available. What is due must be
    posted already."""
    if points > standing(accounts, now).available:
        return None
    lots = sorted(
        (lot.expires_at, number, lot.points, account.viewer)
        for number, account in enumerate(accounts)
        for lot in account.lots
        if lot.expires_at != DEBT and lot.available_at <= max(now, account.as_of) and lot.points > 0
    )
    parts: list[Part] = []
    for expires_at, _, there, viewer in lots:
        taken = min(points, there)
        if taken:
            parts.append(Part(viewer=viewer, expires_at=expires_at, points=taken))
            points -= taken
    return tuple(parts)
