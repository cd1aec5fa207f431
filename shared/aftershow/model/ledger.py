"""The ledger: append-only double entry in integers.

An entry moves units between accounts; its postings sum to zero. A viewer's account is an item, since it can refuse:
the fold of the entries that name it, in lots by the month in which they expire. A budget's shards are items for the
same reason. A system account has no item: its balance is the sum of its postings.

    system:issued      what orders gave, less what they took back (below zero: points in circulation come from here)
    system:granted     what staff gave or took, with their reason
    system:funds       what budgets were filled with
    system:spent       confirmed reservations
    system:expired     rests of lots whose month ended
    system:forgiven    taken back from an order, but not from the viewer: the refund policy let it be (below zero)
    system:forfeited   what stood on accounts that were closed
    system:moved       on its way between two viewers; zero after every commit
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from aftershow.model.base import Record

ISSUED = "system:issued"
GRANTED = "system:granted"
FUNDS = "system:funds"
SPENT = "system:spent"
EXPIRED = "system:expired"
FORGIVEN = "system:forgiven"
FORFEITED = "system:forfeited"
MOVED = "system:moved"

POINTS = "points"
# A lot that never expires: the greatest moment that sorts.
NEVER = 10**15 - 1
# The one lot that stands below zero: what was taken back beyond what was there. The next points pay it.
DEBT = 0

# Lots by month: three years. Beyond it the oldest, whose rest has expired, is forgotten.
MAX_LOTS = 36
# Days (or longer spans, see aftershow.rules.points) until which points are pending.
MAX_PENDING = 36
# Open reservations and holds of an account: more is a client that never confirms, and each makes the item larger.
MAX_OPEN = 16
# The largest amount that may be asked for. Sums of many may be larger, and nothing may stop them from running out.
MAX_POINTS = 10**15
# Identifiers that a caller gives (reservation, adjustment, claim ...), in characters.
MAX_NAME = 128
MAX_NOTE = 200

Rule = Literal[
    "earn", "reverse", "correct",  # orders
    "reserve", "confirm", "release", "time_out",  # spending
    "hold", "unhold", "give", "receive", "adjust", "expire", "close",
    "fund", "claim", "code",  # budgets
]  # fmt: skip


def of_viewer(viewer: str) -> str:
    """A viewer's account: what may be spent, what is pending, and what is owed."""
    return f"viewer:{viewer}"


def set_aside(viewer: str) -> str:
    """What of a viewer's account is reserved or held."""
    return f"viewer:{viewer}#aside"


def of_shard(budget: str, shard: int) -> str:
    """One shard of a budget."""
    return f"budget:{budget}#{shard}"


def handed_out(budget: str) -> str:
    """What a budget gave that is not points: coupons, red packets."""
    return f"handed_out:{budget}"


class Posting(Record):
    """One side of an entry, in whole units. On a viewer's account it names the lot: when its points may be spent and
    when they expire (epoch ms; DEBT; NEVER). On system:expired it names the lot that they came from."""

    account: str
    points: int
    available_at: int = 0
    expires_at: int = 0


class Entry(Record):
    """A business event in the books. `key` is the event and the rule, for ever; `hash` what it was decided on.

    home        whose entry it is: the viewer id (or "budget#id") under which it stands
    at          when it happened; posted_at: when it was posted, epoch ms
    reason      why, words that aftershow.rules.wording translates; note: somebody's own words, and their name in author
    reservation the reservation or hold that the entry opens or ends; until: when it times out
    corrects    the key of the entry that it corrects
    """

    key: str
    rule: Rule
    hash: str
    home: str
    at: int
    posted_at: int = 0
    unit: str = POINTS
    postings: tuple[Posting, ...]
    reason: str
    note: str | None = None
    author: str | None = None
    order: str | None = None
    corrects: str | None = None
    reservation: str | None = None
    until: int | None = None

    @model_validator(mode="after")
    def _balanced(self) -> Entry:
        if sum(posting.points for posting in self.postings):
            raise ValueError("an entry's postings must sum to zero")
        return self

    def sum(self, *accounts: str) -> int:
        """What the entry adds to these accounts together."""
        return sum(posting.points for posting in self.postings if posting.account in accounts)

    @property
    def issued(self) -> int:
        """Points that orders gave with this entry; below zero: took back."""
        return -self.sum(ISSUED)

    @property
    def points(self) -> int:
        """What the entry gives to (or takes from) viewers, what is set aside included."""
        return sum(posting.points for posting in self.postings if posting.account.startswith("viewer:"))


class Lot(Record):
    """Points that expire together. `points` may still be spent (below zero only in the DEBT lot); `expired` is how much
    of the lot ran out, since a late refund takes from there."""

    expires_at: int = DEBT
    available_at: int = 0
    points: int = 0
    expired: int = 0


class Part(Record):
    """Points taken from a lot of an account."""

    viewer: str
    expires_at: int
    points: int


class Aside(Record):
    """An open reservation (it has `until`) or hold, with the lots that its points came from and go back to."""

    id: str
    parts: tuple[Part, ...]
    until: int | None = None

    @property
    def points(self) -> int:
        """What is set aside."""
        return sum(part.points for part in self.parts)


class Account(Record):
    """A viewer's account: the fold of the entries that name it.

    `as_of` is the latest moment of posting: a clock that goes back doesn't make points pending again or unexpire them.
    `entries` counts those that stand under this viewer. A closed account takes no more entries.
    """

    viewer: str
    as_of: int = 0
    lots: tuple[Lot, ...] = ()
    asides: tuple[Aside, ...] = ()
    earned: int = 0
    reversed: int = 0
    spent: int = 0
    expired: int = 0
    entries: int = 0
    closed_at: int | None = None

    @property
    def balance(self) -> int:
        """All points of the account: spendable, pending, set aside, less what is owed."""
        return sum(lot.points for lot in self.lots) + sum(aside.points for aside in self.asides)


class Budget(Record):
    """A budget as it was opened. `unit` is "points", or a name of what is claimed (coupon, red packet ...)."""

    budget: str
    unit: str
    shards: int
    per_claim: int


class Shard(Record):
    """What is left of a budget's shard: it can refuse."""

    budget: str
    shard: int
    left: int
    claims: int = 0


class Code(Record):
    """A redeem code, under its hash: what it draws on, and who used it."""

    budget: str
    used_by: str | None = None
    used_at: int | None = None
