"""One viewer in one show (or on one day outside shows): small however long the show, the same in any order."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from enum import IntEnum
from typing import Literal, Self

from aftershow.model.base import Record, Stamped
from aftershow.model.packing import packed, unpacked

Temperature = Literal["hot", "considering", "cold"]

SLOT_SECONDS = 10
# Watch slots stand in a ring of twelve hours: no show is longer, and the ring needs no start to count from.
RING_SLOTS = 12 * 3600 // SLOT_SECONDS
MAX_COUNTED = 256
# Hashes of 32 bits: of 256 things two are the same with a chance of 1 in 130,000, which under-counts them by one. With
# 64 bits the sketch alone was three of an item's kilobytes.
HASH_BITS = 32
MAX_PRODUCTS = 32
MAX_CART_LINES = 32
# More than anybody compares, votes in or talks about in one show; the newest are kept.
MAX_COMPARED = 8
MAX_VOTES = 8
MAX_INTERESTS = 8
# When something was done, in pieces of ten minutes of the UTC day: every zone's hours begin with one of them.
PIECE_MINUTES = 10
PIECES_OF_HOUR = 60 // PIECE_MINUTES
PIECES_OF_DAY = 24 * PIECES_OF_HOUR
_HASH_BYTES = HASH_BITS // 8
# No sketch of the older form begins with it.
_GROUPED = "."


class Kind(IntEnum):
    """What is counted of behaviour. The numbers are stored: never re-use one."""

    ENTERED = 1
    LIKED = 2
    COMMENTED = 3
    SHARED = 4
    SEARCHED = 5
    COMPARED = 6
    PRODUCT_VIEWED = 7
    PRODUCT_CLICKED = 8
    CART_ADDED = 9
    CART_REMOVED = 10
    CHECKOUT_STARTED = 11
    CHECKOUT_STEP = 12
    PAYMENT_ENTERED = 13
    COUPON_TRIED = 14
    COUPON_DENIED = 15
    WISHED = 16
    POLLED = 17
    GIFTED = 18
    FOLLOWED = 19
    REPLAY_WATCHED = 20
    RESERVED = 21
    ANSWERED = 22
    OTHER = 23
    COUPON_APPLIED = 24
    PAYMENT_FAILED = 25
    ASKED_PRICE = 32
    ASKED_SHIPPING = 33
    ASKED_PROMOTION = 34
    ASKED_QUALITY = 35
    ASKED_TRUST = 36
    ASKED_STOCK = 37
    HESITATED = 38
    FOUND_EXPENSIVE = 39
    ASKED_REVIEWS = 40
    ASKED_HOST = 41
    MINDED_ATMOSPHERE = 42
    HAD_TROUBLE = 43
    # What somebody said when they were asked why they did not order.
    STATED_PRICE = 48
    STATED_SHIPPING = 49
    STATED_PROMOTION = 50
    STATED_REVIEWS = 51
    STATED_TRUST = 52
    STATED_SCARCITY = 53
    STATED_HOST = 54
    STATED_ATMOSPHERE = 55
    STATED_HESITATION = 56
    STATED_NOT_INTERESTED = 57
    STATED_BOUGHT_ELSEWHERE = 58
    QUESTION_PRODUCT = 64
    QUESTION_PROMOTION = 65
    QUESTION_LOGISTICS = 66
    QUESTION_TECHNICAL = 67
    QUESTION_OTHER = 68
    QUESTION_URGENT = 69
    PRAISED = 70
    COMPLAINED = 71
    ALARMED = 72
    ABUSED = 73


# What comments are about, as far as it may hold somebody back.
TOPICS = tuple(kind for kind in Kind if Kind.ASKED_PRICE <= kind <= Kind.HAD_TROUBLE)


class CartLine(Record):
    """A product in the cart; the newest statement about it wins. Quantity 0: taken out. Price in minor units each."""

    quantity: int
    minor: int | None = None
    currency: str | None = None
    name: str | None = None
    url: str | None = None
    at: int
    id: str

    def newest(self, other: CartLine | None) -> CartLine:
        """The one of the two that counts."""
        return self if other is None else max(self, other, key=lambda one: (one.at, one.id, one.quantity))


class Reason(Record):
    """Why a score is what it is: a code of the word list, a number with it, and the points it gave."""

    code: str
    amount: int | None = None
    points: int


class Score(Record):
    """A score with the version of the weights that made it."""

    version: str
    intent: int
    temperature: Temperature
    reasons: tuple[Reason, ...] = ()


class Engagement(Record):
    """What one viewer did there. `watched` is the ring of 10 s slots, `counted` the sketch of other events, both
    base64; `left_seconds` is the longest watch time that the client itself reported."""

    viewer: str
    about: str
    show: str | None = None
    first_at: int
    last_at: int
    watched: str = ""
    left_seconds: int | None = None
    counted: str = ""
    # More events than the sketch holds: counts are estimates from here on.
    estimated: bool = False
    # Bit k: something of kind k was seen. The sketch forgets a single checkout among thousands of likes.
    kinds: int = 0
    products: dict[str, int] = {}
    cart: dict[str, CartLine] = {}
    # The furthest step of the checkout, by the number that the shop gives it.
    checkout_step: int | None = None
    # Products that were put side by side, with the newest moment of each.
    compared: dict[str, int] = {}
    # Poll to the option that was voted for last.
    votes: dict[str, Stamped] = {}
    # By names of the lexicon: what comments and votes show interest in, with the newest moment of each; alarm words,
    # with the first.
    interests: dict[str, int] = {}
    alarms: dict[str, int] = {}
    # Class to the urgency of the newest question.
    questions: dict[str, Stamped] = {}
    # What brought the viewer in: a campaign (UTM) as source/medium/name, a link or code by its id, a site by its name.
    source: Stamped | None = None
    link: Stamped | None = None
    referrer: Stamped | None = None
    zone: Stamped | None = None
    locale: Stamped | None = None
    # Pieces of the day in which something was done: as `watched` is written.
    pieces: str = ""
    # Bit h: something was done in hour h UTC. Written before there were pieces.
    hours: int = 0
    score: Score | None = None

    def body(self) -> str:
        """The JSON text to store; packed where it has grown."""
        return packed(super().body())

    @classmethod
    def read(cls, body: str) -> Self:
        """The value of a stored text. Raises pydantic.ValidationError where it is not one."""
        return super().read(unpacked(body))

    @property
    def watch_seconds(self) -> int | None:
        """Seconds watched; None where nothing was observed."""
        slots = slots_of(self.watched).bit_count() * SLOT_SECONDS
        known = [seconds for seconds in (slots or None, self.left_seconds) if seconds is not None]
        return max(known) if known else None

    def counts(self) -> dict[Kind, int]:
        """How often each kind was seen; estimates where `estimated`, but never none of what was seen."""
        found = count(sketch_of(self.counted), estimated=self.estimated)
        for kind in Kind:
            if self.kinds >> kind & 1 and kind not in found:
                found[kind] = 1
        return found

    def cart_lines(self) -> dict[str, CartLine]:
        """What is in the cart now, by product id."""
        return {product: line for product, line in self.cart.items() if line.quantity > 0}


def slots_of(watched: str) -> int:
    """The ring of slots as one integer, bit i for slot i. Stored without its empty head: first byte number, bytes."""
    if not watched:
        return 0
    data = b64decode(watched)
    return int.from_bytes(data[2:], "little") << (8 * int.from_bytes(data[:2], "big"))


def slots_text(slots: int) -> str:
    """The stored form of a ring of slots."""
    if not slots:
        return ""
    first_byte = ((slots & -slots).bit_length() - 1) // 8
    rest = slots >> (8 * first_byte)
    return b64encode(first_byte.to_bytes(2, "big") + rest.to_bytes((rest.bit_length() + 7) // 8, "little")).decode()


def slot_bit(at: int) -> int:
    """The bit of the slot in which the moment lies."""
    return 1 << (at // (SLOT_SECONDS * 1000) % RING_SLOTS)


def piece_bit(at: int) -> int:
    """The bit of the piece of the UTC day in which the moment lies."""
    return 1 << (at // (PIECE_MINUTES * 60_000) % PIECES_OF_DAY)


def sketch_of(counted: str) -> dict[int, int]:
    """Hash to kind, of the stored form: for each kind its number, how many, and their hashes of four bytes."""
    if counted[:1] != _GROUPED:
        return _sketch_of_64_bits(counted)
    data, at, found = b64decode(counted[1:]), 0, {}
    while at < len(data):
        kind, many = data[at], data[at + 1] + 1
        end = at + 2 + many * _HASH_BYTES
        for start in range(at + 2, end, _HASH_BYTES):
            found[int.from_bytes(data[start : start + _HASH_BYTES], "big")] = kind
        at = end
    return found


def _sketch_of_64_bits(counted: str) -> dict[int, int]:
    """As it was written before: eight bytes of hash and one of kind, each. The first four order them as well."""
    data = b64decode(counted)
    return {int.from_bytes(data[i : i + _HASH_BYTES], "big"): data[i + 8] for i in range(0, len(data), 9)}


def sketch_text(sketch: dict[int, int]) -> str:
    """The stored form of a sketch, sorted."""
    if not sketch:
        return ""
    by_kind: dict[int, list[int]] = {}
    for key in sorted(sketch):
        by_kind.setdefault(sketch[key], []).append(key)
    # At most 256 of a kind: their number less one is a byte.
    groups = (
        bytes((kind, len(keys) - 1)) + b"".join(key.to_bytes(_HASH_BYTES, "big") for key in keys)
        for kind, keys in sorted(by_kind.items())
    )
    return _GROUPED + b64encode(b"".join(groups)).decode()


def count(sketch: dict[int, int], *, estimated: bool) -> dict[Kind, int]:
    """Counts by kind. The sketch keeps the 256 smallest hashes; where it overflowed, the k-minimum-values estimate
    (k - 1) / (k-th smallest hash as a fraction of the range) gives the total (Bar-Yossef et al. 2002), and each kind
    its share. The same for any order and repetition of the events."""
    counts: dict[Kind, int] = {}
    for kind in sketch.values():
        counts[Kind(kind)] = counts.get(Kind(kind), 0) + 1
    if not estimated or not sketch:
        return counts
    scale = (len(sketch) - 1) * math.ldexp(1.0, HASH_BITS) / max(sketch) / len(sketch)
    return {kind: round(number * scale) for kind, number in counts.items()}
