"""Spending: reserve, confirm, release; hold, transfer, adjust, close. Each answers what now stands in the ledger, or a
Refusal with its reason; doing it twice is doing it once. Each raises messages.Busy where too many others write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aftershow.model.ids import body_hash
from aftershow.model.instants import MINUTE
from aftershow.model.ledger import Account, Aside, Entry, set_aside
from aftershow.ports.ports import Ports
from aftershow.ports.store import Conflict
from aftershow.rules import accounts as rules
from aftershow.rules import spending
from aftershow.rules.points import Terms
from aftershow.rules.spending import Reason, Refusal, refused_amount, refused_name, refused_note
from aftershow.services.ledger import Holder, attempted, holder, known, post, spender

State = Literal["open", "confirmed", "released", "timed_out"]
_ENDED: dict[str, State] = {
    "confirm": "confirmed",
    "release": "released",
    "unhold": "released",
    "time_out": "timed_out",
}
_REASONS: dict[State, Reason] = {"confirmed": "confirmed", "released": "released", "timed_out": "timed_out"}
_Decide = Callable[[Holder, int], Entry | Refusal]


@dataclass(frozen=True, slots=True)
class Reservation:
    """A reservation or hold as it stands. `viewer` is under whose account; `until` is None for a hold, epoch ms."""

    id: str
    viewer: str
    points: int
    state: State
    at: int
    until: int | None


def reserve(ports: Ports, viewer: str, name: str, points: int) -> Reservation | Refusal:
    """Set points aside for something that is being bought; they time out after the shop's reservation_minutes."""
    refused = refused_amount(points) or refused_name(name)
    return refused or _set_aside(
        ports,
        viewer,
        f"reserve:{name}",
        points,
        lambda found, now: spending.reserve(
            found.accounts, name, points, now + ports.settings.reservation_minutes * MINUTE, now
        ),
    )


def confirm(ports: Ports, viewer: str, name: str) -> Reservation | Refusal:
    """Spend what was reserved. Refused after its time-out, and after its release."""
    return _end(ports, viewer, f"reserve:{name}", "confirm", "points spent", None)


def release(ports: Ports, viewer: str, name: str) -> Reservation | Refusal:
    """Give back what was reserved. After its time-out the points are back already: nothing is refused."""
    return _end(ports, viewer, f"reserve:{name}", "release", "reservation released", None)


def reservation(ports: Ports, viewer: str, name: str) -> Reservation | Refusal:
    """A reservation as it stands now."""
    return _standing(ports, viewer, f"reserve:{name}")


def hold(ports: Ports, viewer: str, name: str, points: int, note: str, author: str) -> Reservation | Refusal:
    """Set points aside without a time-out, say while something is looked into."""
    refused = refused_amount(points) or refused_name(name) or refused_note(note, author)
    return refused or _set_aside(
        ports,
        viewer,
        f"hold:{name}",
        points,
        lambda found, now: spending.hold(found.accounts, name, points, now, note, author),
    )


def unhold(ports: Ports, viewer: str, name: str, author: str) -> Reservation | Refusal:
    """End a hold: the points go back."""
    return refused_note(author) or _end(ports, viewer, f"hold:{name}", "unhold", "hold ended", author)


def transfer(ports: Ports, giver: str, taker: str, name: str, points: int, note: str, author: str) -> Entry | Refusal:
    """Points of one person to another; they expire when they would have. Returns the giver's entry."""
    refused = refused_amount(points) or refused_name(name) or refused_note(note, author)
    if refused:
        return refused
    keys = (f"transfer:{name}:give", f"transfer:{name}:receive")

    def attempt() -> Entry | Refusal:
        giving, taking = spender(ports, giver, keys), spender(ports, taker, keys)
        received = taking.entry(keys[1])
        if received is not None and giving.entry(keys[0]) is None:
            # It came from somebody else, unless it was made between the two reads.
            giving = spender(ports, giver, keys)
        posted = giving.entry(keys[0])
        stands = posted or received
        if stands is not None:
            hashed = spending.transfer_hash(name, points, note, author)
            if posted is None or received is None:
                # It went to somebody else, or came from there.
                hashed = body_hash(hashed, giving.viewer, taking.viewer)
            return known(ports, stands, stands.model_copy(update={"hash": hashed})) or stands
        if giving.closed or taking.closed:
            return Refusal("closed")
        decided = spending.transfer(giving.accounts, taking.accounts, name, points, _now(ports, giving), note, author)
        if isinstance(decided, Refusal):
            return decided
        both = (*giving.accounts, *taking.accounts)
        post(ports, decided, both, {**giving.items, **taking.items}, (giving.check, taking.check))
        return decided[0]

    return attempted(ports, attempt)


def adjust(
    ports: Ports, viewer: str, name: str, points: int, note: str, author: str, corrects: str | None = None
) -> Entry | Refusal:
    """Staff gives points, or takes them (below zero), with a reason and an author. Returns the entry."""
    refused = refused_amount(-points if isinstance(points, int) and points < 0 else points)
    refused = refused or refused_name(name, *([corrects] if corrects is not None else [])) or refused_note(note, author)
    if refused:
        return refused
    key = f"adjust:{name}"

    def attempt() -> Entry | Refusal:
        found = spender(ports, viewer, [key])
        now = _now(ports, found)
        lot = (0, Terms.of(ports.settings).expires_at(now))
        posted = found.entry(key)
        if posted is not None:
            hashed = spending.adjust_hash(key, points, note, author, corrects)
            return known(ports, posted, posted.model_copy(update={"hash": hashed, "note": note})) or posted
        if found.closed:
            return Refusal("closed")
        decided = spending.adjust(found.accounts, name, points, lot, now, note, author, corrects)
        if not isinstance(decided, Refusal):
            post(ports, [decided], found.accounts, found.items, [found.check])
        return decided

    return attempted(ports, attempt)


def close(ports: Ports, viewer: str, why: str = "account closed") -> int:
    """Close a person's accounts, also those that are not open yet, so that no award comes after: what stands on them is
    forfeited. Returns how many points. For whoever erases a person, after the head says so."""
    forfeited = 0
    for account in holder(ports, viewer).accounts:
        forfeited += attempted(ports, lambda name=account.viewer: _close(ports, viewer, name, why))  # type: ignore[misc]
    return forfeited


def _close(ports: Ports, viewer: str, name: str, why: str) -> int:
    found = spender(ports, viewer)
    account = next(one for one in found.accounts if one.viewer == name)
    if account.closed_at is not None:
        return 0
    if account.asides:
        ended = [_ending(account, one, found, ports) for one in account.asides]
        post(ports, ended, found.accounts, found.items, [found.check])
        return _close(ports, viewer, name, why)
    entry = spending.closing(account, _now(ports, found), why)
    post(ports, [entry], [account], found.items, [found.check])
    return -entry.points


def _ending(account: Account, one: Aside, found: Holder, ports: Ports) -> Entry:
    rule: Literal["release", "unhold"] = "unhold" if one.until is None else "release"
    return rules.ending(account, one, rule, "account closed", _now(ports, found))


def _now(ports: Ports, *holders: Holder) -> int:
    """Now, but never before what is posted: a clock may go back."""
    return max(ports.now(), *(account.as_of for found in holders for account in found.accounts))


def _set_aside(ports: Ports, viewer: str, key: str, points: int, decide: _Decide) -> Reservation | Refusal:
    def attempt() -> Reservation | Refusal:
        found = spender(ports, viewer, [key, rules.end_key(key)])
        posted, ended = _opened(found, key)
        if posted is not None:
            wanted = posted.model_copy(update={"hash": spending.set_aside_hash(key, points)})
            return known(ports, posted, wanted) or _as_it_stands(posted, ended)
        if found.closed:
            return Refusal("closed")
        decided = decide(found, _now(ports, found))
        if isinstance(decided, Refusal):
            return decided
        post(ports, [decided], found.accounts, found.items, [found.check])
        return _as_it_stands(decided, None)

    return attempted(ports, attempt)


def _standing(ports: Ports, viewer: str, key: str) -> Reservation | Refusal:
    def attempt() -> Reservation | Refusal:
        opened, ended = _opened(spender(ports, viewer, [key, rules.end_key(key)]), key)
        return _as_it_stands(opened, ended) if opened else Refusal("not_found")

    return attempted(ports, attempt)


def _end(
    ports: Ports,
    viewer: str,
    key: str,
    rule: Literal["confirm", "release", "unhold"],
    reason: str,
    author: str | None,
) -> Reservation | Refusal:
    def attempt() -> Reservation | Refusal:
        # What timed out is posted as such first, so whoever confirms too late finds it ended.
        found = spender(ports, viewer, [key, rules.end_key(key)])
        opened, ended = _opened(found, key)
        if opened is None:
            return Refusal("not_found")
        if ended is None:
            account = next(one for one in found.accounts if one.viewer == opened.home)
            aside = next((one for one in account.asides if one.id == key), None)
            if aside is None:
                # Somebody ended it after its entries were read, before its account was.
                raise Conflict
            forgiving = ports.settings.refund_policy == "zero"
            ended = rules.ending(account, aside, rule, reason, _now(ports, found), author, forgiving=forgiving)
            post(ports, [ended], found.accounts, found.items)
            return _as_it_stands(opened, ended)
        stands = _as_it_stands(opened, ended)
        back = {"released", "timed_out"}
        if stands.state == _ENDED[rule] or (rule != "confirm" and stands.state in back):
            return stands
        return Refusal(_REASONS[stands.state])

    return attempted(ports, attempt)


def _opened(found: Holder, key: str) -> tuple[Entry, Entry | None] | tuple[None, None]:
    """A reservation or hold, and its end. Of several that one person's viewers had, the one that is open."""
    ends = {entry.home: entry for entry in found.entries(rules.end_key(key))}
    listed = sorted(found.entries(key), key=lambda entry: entry.home in ends)
    return (listed[0], ends.get(listed[0].home)) if listed else (None, None)


def _as_it_stands(opened: Entry, ended: Entry | None) -> Reservation:
    points = opened.sum(set_aside(opened.home))
    state: State = _ENDED[ended.rule] if ended else "open"
    return Reservation(opened.key.partition(":")[2], opened.home, points, state, opened.at, opened.until)
