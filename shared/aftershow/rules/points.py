"""Points for orders: what the ledger should hold for an order, as entries that are still missing.

One point per whole currency unit of the order's total. A refund takes back floor(remaining before) - floor(remaining
after), in whole units; an update moves points by the difference; a cancellation takes back all that remains. Every
entry is keyed by the business event and the rule, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.ids import body_hash
from aftershow.model.instants import DAY
from aftershow.model.ledger import ISSUED, Account, Entry, Leg
from aftershow.model.money import whole_units
from aftershow.model.orders import Amendment, Order, UnnamedRefund


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry that a business event means: its key, what it was decided on, and how it moves the order's points."""

    key: str
    at: int
    said: str
    why: str
    kind: str
    minor: int


def entry_keys(order: Order) -> list[str]:
    """The keys of every entry that the order as it is may have."""
    return [wanted.key for wanted in _wanted(order)]


def _wanted(order: Order) -> Iterator[Wanted]:
    if order.hash is None or order.at is None:
        return
    name = f"order:{order.order}"
    yield Wanted(f"{name}:earn", order.at, f"{order.minor} {order.currency}", "order completed", "earn", order.minor)
    for update in order.updates:
        yield Wanted(
            f"{name}:update:{update.id}", update.at, str(update.minor), "order updated", "update", update.minor
        )
    for refund in order.refunds:
        yield Wanted(
            f"{name}:refund:{refund.id}", refund.at, str(refund.minor), "order refunded", "refund", refund.minor
        )
    if order.cancelled is not None:
        yield Wanted(f"{name}:cancel", order.cancelled.at, "all", "order cancelled", "cancel", 0)


def why_no_points(order: Order | UnnamedRefund, shop_currency: str) -> str | None:
    """Why an order earns no points; None where it does."""
    if order.currency is not None and order.currency != shop_currency:
        return f"in {order.currency}, the shop's points are for {shop_currency}"
    return None


def missing(order: Order, posted: Mapping[str, Entry], viewer: str, window_days: int) -> list[Entry]:
    """Entries to post, in order, given those of the order's keys that are posted.

    What is posted stands. Each missing entry moves the sum to what the order is worth with it, so the sum telescopes
    to floor(total - refunded) whichever word came first.
    """
    if order.currency is None or order.at is None:
        return []
    listed = list(_wanted(order))
    included = {wanted.key for wanted in listed if wanted.key in posted}
    worth = sum(entry.points for entry in posted.values())
    entries: list[Entry] = []
    for wanted in listed:
        if wanted.key in posted:
            continue
        included.add(wanted.key)
        after = _worth(order, [one for one in listed if one.key in included])
        entries.append(_entry(wanted, after - worth, viewer, order.order, window_days, order.at))
        worth = after
    return entries


def _worth(order: Order, included: Sequence[Wanted]) -> int:
    """Points of what remains of the order, as far as these words say."""
    if any(wanted.kind == "cancel" for wanted in included):
        return 0
    updates = [wanted for wanted in included if wanted.kind == "update"]
    total = max(updates, key=lambda one: (one.at, one.key)).minor if updates else order.minor
    refunded = sum(wanted.minor for wanted in included if wanted.kind == "refund")
    return whole_units(max(total - refunded, 0), order.currency or "")


def _entry(wanted: Wanted, points: int, viewer: str, order: str, window_days: int, ordered_at: int) -> Entry:
    return Entry(
        key=wanted.key,
        rule="earn" if wanted.kind == "earn" else "reverse" if points <= 0 else "correct",
        hash=body_hash(wanted.key, wanted.said),
        at=wanted.at,
        available_at=ordered_at + window_days * DAY,
        legs=(Leg(account=f"viewer:{viewer}", points=points), Leg(account=ISSUED, points=-points)),
        reason=wanted.why,
        order=order,
        corrects=None if wanted.kind == "earn" else f"order:{order}:earn",
    )


def unnamed(refund: UnnamedRefund) -> Entry:
    """The entry of a refund that names no order: takes back at once."""
    points = -whole_units(refund.minor, refund.currency)
    word = Amendment(id=refund.id, at=refund.at, minor=refund.minor)
    wanted = Wanted(f"refund:{refund.id}", word.at, str(word.minor), "refund without an order", "refund", word.minor)
    entry = _entry(wanted, points, refund.viewer, "", 0, refund.at)
    return entry.model_copy(update={"order": None, "corrects": None})


def posted_to(account: Account, entry: Entry) -> Account:
    """The account after one more entry."""
    points = entry.points
    return account.model_copy(
        update={
            "balance": account.balance + points,
            "earned": account.earned + max(points, 0),
            "reversed": account.reversed + max(-points, 0),
            "entries": account.entries + 1,
        }
    )
