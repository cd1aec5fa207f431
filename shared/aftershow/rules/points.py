"""Points for orders: what the ledger should hold for an order, as the entry that is missing next.

One point per whole currency unit of the order's total. A refund takes back floor(remaining before) - floor(remaining
after), in whole units; an update moves points by the difference; a cancellation takes back all that remains. Every
entry is keyed by the business event and the rule, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from aftershow.model.ids import body_hash
from aftershow.model.instants import at_zone
from aftershow.model.ledger import (
    DEBT,
    EXPIRED,
    FORGIVEN,
    ISSUED,
    MAX_PENDING,
    NEVER,
    Account,
    Entry,
    Posting,
    of_viewer,
)
from aftershow.model.money import whole_units
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.settings import RefundPolicy, Settings

# How often an order may move between viewers, or be seen otherwise, until somebody has to look.
MAX_AGAIN = 8


@dataclass(frozen=True, slots=True)
class Terms:
    """What the shop promises: `window_days` until points may be spent, `expire_months` whole months after that (0:
    never), days and months of `zone`; and what a refund takes back of points that were spent."""

    window_days: int = 0
    expire_months: int = 12
    zone: str = "UTC"
    refunds: RefundPolicy = "negative"

    @classmethod
    def of(cls, settings: Settings) -> Terms:
        """The terms of a deployment."""
        return cls(
            settings.return_window_days, settings.points_expire_months, settings.shop_zone, settings.refund_policy
        )

    def available_at(self, at: int) -> int:
        """When points earned at `at` may be spent: the end of the last day of the return window; 0: at once.

        Long windows end at the end of a span of days, so that an account never has more than MAX_PENDING of them.
        """
        if self.window_days == 0:
            return 0
        span = -(-self.window_days // (MAX_PENDING - 2))
        last = at_zone(at, self.zone).date().toordinal() + self.window_days
        return self._midnight(date.fromordinal((last // span + 1) * span))

    def expires_at(self, at: int) -> int:
        """When they expire: the end of a month."""
        if self.expire_months == 0:
            return NEVER
        from_day = at_zone(max(at, self.available_at(at)), self.zone).date()
        month = from_day.year * 12 + from_day.month + self.expire_months
        return self._midnight(date(month // 12, month % 12 + 1, 1))

    def lot(self, at: int) -> tuple[int, int]:
        """(available_at, expires_at) of points earned at `at`."""
        return self.available_at(at), self.expires_at(at)

    def _midnight(self, day: date) -> int:
        return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone)).timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry that a business event means: its key, what it was decided on, and how it moves the order's points."""

    key: str
    at: int
    said: str
    why: str
    kind: str
    minor: int

    @property
    def hash(self) -> str:
        """The hash of what it is decided on."""
        return body_hash(self.key, self.said)


@dataclass(frozen=True, slots=True)
class Next:
    """What an account lacks next for an order. `more`: not only this. `contradicted`: what the order says now of an
    entry that stands with other content; then nothing is posted."""

    entry: Entry | None = None
    more: bool = False
    contradicted: Entry | None = None


def entry_keys(order: Order) -> list[str]:
    """The keys of every entry that the words about an order may have."""
    return [wanted.key for wanted in _wanted(order)]


def again_keys(order: Order) -> list[str]:
    """The keys of entries for what no single word says: the order has moved to another viewer, or a word that was sent
    again with an earlier time changed which of two counts."""
    return [f"order:{order.order}:again:{number}" for number in range(1, MAX_AGAIN + 1)]


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


def worth(order: Order) -> int:
    """Points of what remains of an order."""
    return _worth(order, list(_wanted(order)))


def missing(order: Order, posted: Mapping[str, Entry], account: Account, terms: Terms, now: int) -> Next:
    """What the account lacks next, given those of the order's entries that are posted under it.

    What is posted stands. Each missing entry moves the sum to what the order is worth with it, so the sum telescopes
    to floor(total - refunded) whichever word came first. Under a viewer whom the order no longer names it is worth 0.
    """
    if order.currency is None or order.at is None:
        return Next()
    listed = list(_wanted(order))
    for wanted in listed:
        if wanted.key in posted and posted[wanted.key].hash != wanted.hash:
            refused = _order_entry(order, wanted, 0, posted, account, terms, now)
            return Next(contradicted=refused.model_copy(update={"note": wanted.said}))
    included = {wanted.key for wanted in listed if wanted.key in posted}
    there = sum(entry.issued for entry in posted.values())
    open_ones = [wanted for wanted in listed if wanted.key not in posted] if order.viewer == account.viewer else []
    if open_ones:
        first = open_ones[0]
        after = _worth(order, [one for one in listed if one.key in {*included, first.key}])
        entry = _order_entry(order, first, after - there, posted, account, terms, now)
        return Next(entry, more=len(open_ones) > 1)
    target = _worth(order, listed) if order.viewer == account.viewer else 0
    if there == target:
        return Next()
    free = [key for key in again_keys(order) if key not in posted]
    if not free:
        return Next()
    why = "order seen otherwise" if order.viewer == account.viewer else "order belongs to somebody else"
    again = Wanted(free[0], now, f"{account.viewer} {target}", why, "again", 0)
    return Next(_order_entry(order, again, target - there, posted, account, terms, now))


def _worth(order: Order, included: Sequence[Wanted]) -> int:
    """Points of what remains of the order, as far as these words say."""
    if any(wanted.kind == "cancel" for wanted in included):
        return 0
    updates = [wanted for wanted in included if wanted.kind == "update"]
    total = max(updates, key=lambda one: (one.at, one.key)).minor if updates else order.minor
    refunded = sum(wanted.minor for wanted in included if wanted.kind == "refund")
    return whole_units(max(total - refunded, 0), order.currency or "")


def _order_entry(
    order: Order,
    wanted: Wanted,
    points: int,
    posted: Mapping[str, Entry],
    account: Account,
    terms: Terms,
    now: int,
) -> Entry:
    earn = posted.get(f"order:{order.order}:earn")
    lot = _lot_of(earn) or terms.lot(order.at or 0)
    return Entry(
        key=wanted.key,
        rule="earn" if wanted.kind == "earn" else "reverse" if points <= 0 else "correct",
        hash=wanted.hash,
        home=account.viewer,
        at=wanted.at,
        posted_at=max(now, account.as_of),
        postings=_given(account, points, lot) if points >= 0 else _taken(account, -points, lot, terms.refunds, now),
        reason=wanted.why,
        order=order.order,
        corrects=None if wanted.kind == "earn" else f"order:{order.order}:earn",
    )


def _lot_of(earn: Entry | None) -> tuple[int, int] | None:
    """The lot that an order's points went to: what the shop's terms are now doesn't matter."""
    if earn is None:
        return None
    return next(
        ((one.available_at, one.expires_at) for one in earn.postings if one.account == of_viewer(earn.home)), None
    )


def _given(account: Account, points: int, lot: tuple[int, int]) -> tuple[Posting, ...]:
    return (
        Posting(account=of_viewer(account.viewer), points=points, available_at=lot[0], expires_at=lot[1]),
        Posting(account=ISSUED, points=-points),
    )


def _taken(account: Account, points: int, lot: tuple[int, int], policy: RefundPolicy, now: int) -> tuple[Posting, ...]:
    """Take points back from where they are now: the rest of their lot, then what of the lot expired; what was spent is
    owed, or forgiven, as the policy says. So a refund that comes late ends as one that came in time."""
    (available_at, expires_at), moment = lot, max(now, account.as_of)
    pending = available_at > moment
    same = [one for one in account.lots if one.expires_at == expires_at and expires_at != DEBT]
    rest = sum(
        one.points for one in same if (one.available_at == available_at if pending else one.available_at <= moment)
    )
    ran_out = sum(one.expired for one in same)
    from_lot = 0 if policy == "pending" and not pending else min(points, rest)
    from_expired = min(points - from_lot, ran_out)
    left = points - from_lot - from_expired
    owed = left if policy == "negative" else min(left, _spare(account) - from_lot) if policy == "zero" else 0
    mine = of_viewer(account.viewer)
    listed = (
        Posting(account=mine, points=-from_lot, available_at=available_at, expires_at=expires_at),
        Posting(account=EXPIRED, points=-from_expired, expires_at=expires_at),
        Posting(account=mine, points=-owed, expires_at=DEBT),
        Posting(account=FORGIVEN, points=owed - left),
        Posting(account=ISSUED, points=points),
    )
    return tuple(posting for posting in listed if posting.points)


def _spare(account: Account) -> int:
    """What an account can give before it is below zero. What is set aside counts: it may come back. A lot that gives
    more (its points stood for what was owed) lets so much be of what is owed."""
    return max(account.balance, 0)


def unnamed(refund: UnnamedRefund, account: Account, terms: Terms, now: int) -> Entry:
    """The entry of a refund that names no order: takes back at once, whatever the points came from."""
    points = whole_units(refund.minor, refund.currency)
    wanted = Wanted(
        unnamed_key(refund), refund.at, str(refund.minor), "refund without an order", "refund", refund.minor
    )
    return Entry(
        key=wanted.key,
        rule="reverse",
        hash=wanted.hash,
        home=account.viewer,
        at=wanted.at,
        posted_at=max(now, account.as_of),
        postings=_taken(account, points, (0, DEBT), terms.refunds, now),
        reason=wanted.why,
    )


def unnamed_key(refund: UnnamedRefund) -> str:
    """The key of its entry."""
    return f"refund:{refund.id}"
