"""The moment of peak interest in an engagement, from what it keeps: so any order of events gives the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aftershow.model.engagements import RING_SLOTS, SLOT_SECONDS, Engagement, Reason, slots_of
from aftershow.model.instants import MINUTE, SECOND

# Things that are done within so long of each other belong to one moment.
WINDOW = 10 * MINUTE
IN_CART, COMPARED, TOUCHED = 3, 2, 1
_RING = RING_SLOTS * SLOT_SECONDS * SECOND
_SLOT = SLOT_SECONDS * SECOND


@dataclass(frozen=True, slots=True)
class Peak:
    """The moment (epoch ms), and what was done around it."""

    at: int
    reasons: tuple[Reason, ...]


def peak(engagement: Engagement) -> Peak | None:
    """When the viewer was most interested: the end of the ten minutes in which most was done with products (a line of
    the cart weighs three times a click), of equal ones the last; of who only watched, the end of their longest unbroken
    watching. None where neither was observed."""
    acts = sorted(_acts(engagement))
    if not acts:
        return _watched(engagement)

    def within(end: int) -> list[tuple[int, int, str]]:
        return [act for act in acts if end - WINDOW < act[0] <= end]

    at = max((act[0] for act in acts), key=lambda end: (sum(act[1] for act in within(end)), end))
    codes = [code for _, _, code in within(at)]
    return Peak(at, tuple(Reason(code=code, amount=codes.count(code), points=0) for code in dict.fromkeys(codes)))


def _acts(engagement: Engagement) -> Iterator[tuple[int, int, str]]:
    for line in engagement.cart_lines().values():
        yield line.at, IN_CART, "in_cart"
    for at in engagement.compared.values():
        yield at, COMPARED, "compared"
    for at in engagement.products.values():
        yield at, TOUCHED, "products_touched"


def _watched(engagement: Engagement) -> Peak | None:
    """The ring knows a moment within twelve hours; which twelve follows from when they were there."""
    slots = slots_of(engagement.watched)
    if not slots:
        return None
    longest, ended, length, at = 0, 0, 0, engagement.first_at - engagement.first_at % _SLOT
    # A ring that was gone round once has nothing more to tell.
    last = min(engagement.last_at, at + _RING - _SLOT)
    while at <= last:
        length = length + 1 if slots >> (at // _SLOT % RING_SLOTS) & 1 else 0
        if length and length >= longest:
            longest, ended = length, at + _SLOT
        at += _SLOT
    minutes = longest * SLOT_SECONDS // 60
    return Peak(ended, (Reason(code="watched_unbroken", amount=minutes, points=0),)) if longest else None
