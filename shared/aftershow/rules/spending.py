"""What a person's points may be used for: reserve, hold, transfer, adjust, close. Each answer is the entries to post,
or a refusal with its reason. The accounts are a person's own, the surviving viewer's first, nothing due in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aftershow.model.ids import body_hash
from aftershow.model.ledger import (
    FORFEITED,
    GRANTED,
    MAX_NAME,
    MAX_NOTE,
    MAX_OPEN,
    MAX_POINTS,
    MOVED,
    Account,
    Entry,
    Part,
    Posting,
    of_viewer,
    set_aside,
)
from aftershow.rules.accounts import take

Reason = Literal[
    "bad_amount", "bad_name", "bad_note", "insufficient", "too_many_open", "closed", "same_person", "key_reused",
    "not_found", "timed_out", "confirmed", "released", "unknown_budget", "exhausted", "unknown_code", "code_used",
]  # fmt: skip
WORDS: dict[Reason, str] = {
    "bad_amount": f"an amount is a whole number from 1 to {MAX_POINTS}",
    "bad_name": f"an id has 1 to {MAX_NAME} printable characters",
    "bad_note": f"a reason and an author are needed, each of 1 to {MAX_NOTE} printable characters",
    "insufficient": "fewer points are available",
    "too_many_open": f"an account has at most {MAX_OPEN} open reservations and holds: confirm or release one first",
    "closed": "the account is closed",
    "same_person": "both are the same person",
    "key_reused": "this id stands in the ledger with other content",
    "not_found": "there is no such reservation or hold",
    "timed_out": "the reservation timed out, its points went back: reserve again",
    "confirmed": "it was confirmed, its points are spent",
    "released": "it was released, its points went back",
    "unknown_budget": "there is no such budget",
    "exhausted": "nothing is left of the budget",
    "unknown_code": "there is no such code",
    "code_used": "somebody else has used this code",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done; nothing was posted."""

    reason: Reason

    @property
    def words(self) -> str:
        """The reason as a sentence."""
        return WORDS[self.reason]


def refused_amount(points: object) -> Refusal | None:
    """A refusal for what is no amount: negative, zero, huge, fractional, not a number."""
    fits = isinstance(points, int) and not isinstance(points, bool) and 0 < points <= MAX_POINTS
    return None if fits else Refusal("bad_amount")


def refused_name(*names: str) -> Refusal | None:
    """A refusal for what can't name something."""
    return None if all(0 < len(name) <= MAX_NAME and name.isprintable() for name in names) else Refusal("bad_name")


def refused_note(*texts: str) -> Refusal | None:
    """A refusal where a reason or an author is missing."""
    fits = all(0 < len(text.strip()) <= MAX_NOTE and text.isprintable() for text in texts)
    return None if fits else Refusal("bad_note")


def reserve(accounts: Sequence[Account], name: str, points: int, until: int, now: int) -> Entry | Refusal:
    """Set points aside until they are confirmed (spent) or released, at the latest until `until`."""
    return _set_aside(accounts, f"reserve:{name}", points, until, now, None, None)


def hold(accounts: Sequence[Account], name: str, points: int, now: int, note: str, author: str) -> Entry | Refusal:
    """Set points aside until somebody ends it."""
    return _set_aside(accounts, f"hold:{name}", points, None, now, note, author)


def _set_aside(
    accounts: Sequence[Account],
    key: str,
    points: int,
    until: int | None,
    now: int,
    note: str | None,
    author: str | None,
) -> Entry | Refusal:
    lead = accounts[0]
    if _closed(accounts):
        return Refusal("closed")
    if len(lead.asides) >= MAX_OPEN:
        return Refusal("too_many_open")
    parts = take(accounts, points, now)
    if parts is None:
        return Refusal("insufficient")
    return Entry(
        key=key,
        rule="reserve" if until is not None else "hold",
        hash=set_aside_hash(key, points),
        home=lead.viewer,
        at=now,
        posted_at=now,
        postings=(*_from(parts), Posting(account=set_aside(lead.viewer), points=points)),
        reason="points reserved" if until is not None else "points held",
        note=note,
        author=author,
        reservation=key,
        until=until,
    )


def set_aside_hash(key: str, points: int) -> str:
    """What a reservation or hold is decided on."""
    return body_hash(key, str(points))


def transfer(
    givers: Sequence[Account], takers: Sequence[Account], name: str, points: int, now: int, note: str, author: str
) -> tuple[Entry, Entry] | Refusal:
    """Points of one person to another, with the moments at which they expire."""
    if {account.viewer for account in givers} & {account.viewer for account in takers}:
        return Refusal("same_person")
    if _closed(givers) or _closed(takers):
        return Refusal("closed")
    parts = take(givers, points, now)
    if parts is None:
        return Refusal("insufficient")
    giver, taker = givers[0].viewer, takers[0].viewer
    hashed = transfer_hash(name, points, note, author)
    give = Entry(
        key=f"transfer:{name}:give",
        rule="give",
        hash=hashed,
        home=giver,
        at=now,
        posted_at=now,
        postings=(*_from(parts), Posting(account=MOVED, points=points)),
        reason="points given to somebody",
        note=note,
        author=author,
    )
    received = tuple(
        Posting(account=of_viewer(taker), points=part.points, expires_at=part.expires_at) for part in parts
    )
    receive = give.model_copy(
        update={
            "key": f"transfer:{name}:receive",
            "rule": "receive",
            "home": taker,
            "postings": (Posting(account=MOVED, points=-points), *received),
            "reason": "points received from somebody",
        }
    )
    return give, receive


def transfer_hash(name: str, points: int, note: str, author: str) -> str:
    """What a transfer is decided on."""
    return body_hash("transfer", name, str(points), note, author)


def adjust(
    accounts: Sequence[Account],
    name: str,
    points: int,
    lot: tuple[int, int],
    now: int,
    note: str,
    author: str,
    corrects: str | None,
) -> Entry | Refusal:
    """Staff gives points (into `lot`: available_at, expires_at), or takes them (`points` below zero) as far as there
    are some."""
    lead = accounts[0]
    if _closed(accounts):
        return Refusal("closed")
    mine = of_viewer(lead.viewer)
    postings: tuple[Posting, ...] = (
        Posting(account=GRANTED, points=-points),
        Posting(account=mine, points=points, available_at=lot[0], expires_at=lot[1]),
    )
    if points < 0:
        parts = take(accounts, -points, now)
        if parts is None:
            return Refusal("insufficient")
        postings = (*_from(parts), Posting(account=GRANTED, points=-points))
    key = f"adjust:{name}"
    return Entry(
        key=key,
        rule="adjust",
        hash=adjust_hash(key, points, note, author, corrects),
        home=lead.viewer,
        at=now,
        posted_at=now,
        postings=postings,
        reason="adjusted by staff",
        note=note,
        author=author,
        corrects=corrects,
    )


def adjust_hash(key: str, points: int, note: str, author: str, corrects: str | None) -> str:
    """What an adjustment is decided on."""
    return body_hash(key, str(points), note, author, corrects or "")


def closing(account: Account, now: int, why: str) -> Entry:
    """The last entry of an account without open reservations: what stands on it is forfeited, what is owed too."""
    mine, total = of_viewer(account.viewer), sum(lot.points for lot in account.lots)
    postings = [
        Posting(account=mine, points=-lot.points, available_at=lot.available_at, expires_at=lot.expires_at)
        for lot in account.lots
        if lot.points
    ]
    return Entry(
        key="close",
        rule="close",
        hash=body_hash("close"),
        home=account.viewer,
        at=now,
        posted_at=max(now, account.as_of),
        postings=(*postings, Posting(account=FORFEITED, points=total)),
        reason=why,
    )


def _closed(accounts: Sequence[Account]) -> bool:
    return any(account.closed_at is not None for account in accounts)


def _from(parts: Sequence[Part]) -> tuple[Posting, ...]:
    return tuple(
        Posting(account=of_viewer(part.viewer), points=-part.points, expires_at=part.expires_at) for part in parts
    )
