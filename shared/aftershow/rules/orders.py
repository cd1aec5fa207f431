"""Orders: a fact counts once for ever by its order id; later words about it are facts of their own."""

from __future__ import annotations

from dataclasses import dataclass

from aftershow.model.orders import MAX_AMENDMENTS, Amendment, Order
from aftershow.rules.segment import Amended, Event, Ordered


class OrderRefused(Exception):
    """The event contradicts what is known of the order: kept as a dead letter with this reason, and visible."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An order after an event. `first`: the order itself counts only now. `changed`: the event said something new.
    `seen_as`: how it was counted before, where an earlier word on viewer, time and show became known."""

    order: Order
    changed: bool
    first: bool = False
    seen_as: Order | None = None


def place(known: Order | None, viewer: str, show: str | None, event: Event, said: Ordered) -> Taken:
    """Take an order. The same id with the same body is the same order, whoever sends it again; of what they say of
    viewer, time and show the earliest word counts. With another body it is refused. Raises OrderRefused."""
    if known is not None and known.hash is not None:
        if known.hash != said.hash:
            raise OrderRefused("this order id is known with another amount, currency or lines")
        if (known.at or 0, known.told) <= (event.at, event.id):
            return Taken(known, changed=False)
        return Taken(_said_earlier(known, viewer, show, event), changed=True, seen_as=known)
    base = known or Order(order=said.order)
    if base.currency not in (None, said.currency):
        base = _without_words(base)
    order = base.model_copy(
        update={
            "viewer": viewer,
            "hash": said.hash,
            "at": event.at,
            "told": event.id,
            "minor": said.minor,
            "currency": said.currency,
            "show": show,
            "products": said.products,
            "coupon": said.coupon,
        }
    )
    return Taken(order, changed=True, first=True)


def _said_earlier(known: Order, viewer: str, show: str | None, event: Event) -> Order:
    former = tuple(sorted({*known.former, *filter(None, (known.viewer,))} - {viewer}))
    changes = {"viewer": viewer, "former": former, "at": event.at, "told": event.id, "show": show}
    return known.model_copy(update=changes)


def amend(known: Order | None, viewer: str | None, event: Event, said: Amended) -> Taken:
    """Take a refund, update or cancellation of a named order; one that comes before its order leaves a tombstone.
    Raises OrderRefused."""
    order = known or Order(order=said.order or "")
    if said.what != "cancel":
        _same_currency(order, said.currency)
    word = Amendment(id=said.id, at=event.at, minor=said.minor)
    if order.viewer is None:
        order = order.model_copy(update={"viewer": viewer})
    if said.what == "cancel":
        earliest = min(filter(None, (word, order.cancelled)), key=lambda one: (one.at, one.id))
        changed = earliest != order.cancelled
        return Taken(order.model_copy(update={"cancelled": earliest}), changed=changed)
    return _with_word(order, said, word)


def _with_word(order: Order, said: Amended, word: Amendment) -> Taken:
    field = "refunds" if said.what == "refund" else "updates"
    words: tuple[Amendment, ...] = getattr(order, field)
    same = next((one for one in words if one.id == word.id), None)
    if same is not None:
        if same.minor != word.minor:
            raise OrderRefused(f"this {said.what} is known with another amount")
        if same.at <= word.at:
            return Taken(order, changed=False)
        # Sent again with an earlier moment: the earliest counts, whichever came first.
        words = tuple(one for one in words if one is not same)
    if len(words) == MAX_AMENDMENTS:
        raise OrderRefused(f"an order takes at most {MAX_AMENDMENTS} {field}")
    changes: dict[str, object] = {field: tuple(sorted((*words, word), key=lambda one: (one.at, one.id)))}
    if order.currency is None:
        changes["currency"] = said.currency
    return Taken(order.model_copy(update=changes), changed=True)


def _without_words(tombstone: Order) -> Order:
    """A tombstone whose refunds and updates are in another currency than the order that came: refused like later ones,
    they are noted. Refusing the order instead would remind somebody who ordered."""
    words = {word.id for word in (*tombstone.refunds, *tombstone.updates)}
    noted = tuple(sorted({*tombstone.conflicts, *words}))[:MAX_AMENDMENTS]
    return tombstone.model_copy(update={"refunds": (), "updates": (), "conflicts": noted})


def _same_currency(order: Order, currency: str) -> None:
    if order.currency is not None and order.currency != currency:
        raise OrderRefused("this order is known in another currency")


def with_conflict(order: Order, message_id: str) -> Order:
    """The order with a note of a contradicting event, so that whoever looks at it sees that there was one."""
    return order.model_copy(update={"conflicts": tuple(sorted({*order.conflicts, message_id}))[:MAX_AMENDMENTS]})
