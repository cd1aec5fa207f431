"""People: what a head learns from facts, and how two heads become one.

Convergence: traits and follows are decided by their newest statement, consent is kept by origin and the strictest of a
person's origins decides, moments are minima and maxima, sums are guarded by the order items. So the same facts in any
order, before or after a merge, end in the same person.
"""

from __future__ import annotations

from collections.abc import Iterable

from aftershow.model.base import Stamped
from aftershow.model.ids import short_hash
from aftershow.model.orders import Order
from aftershow.model.viewers import (
    MAX_FOLLOWS,
    MAX_MEMBERS,
    MAX_RECENT_ORDERS,
    MAX_RING,
    Consent,
    Head,
    Purpose,
    RecentOrder,
    Send,
    Trait,
)
from aftershow.rules.segment import Consented, Event, Followed, Identified


def learn(head: Head, origin: str, event: Event) -> Head:
    """The head after a fact about its person. `origin` is the viewer id that the event itself names."""
    head = _with_circumstances(head, event)
    meaning = event.meaning
    if isinstance(meaning, Identified):
        return _with_traits(head, event, dict(meaning.traits))
    if isinstance(meaning, Consented):
        said = Consent(
            state=meaning.state,
            at=event.at,
            id=event.id,
            source=meaning.source,
            wording_version=meaning.wording_version,
        )
        return with_consent(head, origin, meaning.scope, said)
    if isinstance(meaning, Followed):
        said_of_host = Stamped(value=meaning.state, at=event.at, id=event.id)
        newest = said_of_host.newest(head.follows.get(meaning.host))
        return head.model_copy(update={"follows": _last_follows({**head.follows, meaning.host: newest})})
    return head


def _last_follows(follows: dict[str, Stamped]) -> dict[str, Stamped]:
    kept = sorted(follows.items(), key=lambda item: (-item[1].at, item[0]))[:MAX_FOLLOWS]
    return dict(sorted(kept))


def _with_circumstances(head: Head, event: Event) -> Head:
    said = {"context_zone": event.context.zone, "context_locale": event.context.locale}
    return _with_traits(head, event, {name: value for name, value in said.items() if value})


def _with_traits(head: Head, event: Event, said: dict[str, str]) -> Head:
    traits = dict(head.traits)
    for name, value in said.items():
        trait: Trait = name  # type: ignore[assignment]
        stated = Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")
        traits[trait] = stated.newest(traits.get(trait))
    return head if traits == head.traits else head.model_copy(update={"traits": traits})


def with_consent(head: Head, origin: str, scope: str, said: Consent) -> Head:
    """The head with a statement of consent for purpose:channel, made as `origin`."""
    origins = head.consent.get(scope, {})
    newest = {**origins, origin: said.newest(origins.get(origin))}
    return head.model_copy(update={"consent": {**head.consent, scope: newest}})


def may_be_written(head: Head, purpose: Purpose, channel: str) -> bool:
    """Whether the person allows messages of this purpose on this channel.

    Per origin the newest word about the channel or about all channels counts (of two at one moment the withdrawal);
    one origin that withdrew decides. Without any record: no marketing, but service.
    """
    by_origin: dict[str, Consent] = {}
    for scope in (f"{purpose}:all", f"{purpose}:{channel}"):
        for origin, said in head.consent.get(scope, {}).items():
            by_origin[origin] = said.newest(by_origin.get(origin))
    states = {said.state for said in by_origin.values()}
    if "withdrawn" in states:
        return False
    return purpose == "service" or "granted" in states


def latest_grant(head: Head, channel: str, *, imported: bool = True) -> int:
    """The moment of the newest consent to marketing on a channel, whichever identity gave it; 0 where there is none.
    `imported`: whether a file's word counts."""
    scopes = (f"marketing:{channel}", "marketing:all")
    said = [one for scope in scopes for one in head.consent.get(scope, {}).values()]
    granted = [one.at for one in said if one.state == "granted" and (imported or not one.is_imported_grant)]
    return max(granted, default=0)


def with_order(head: Head, order: Order) -> Head:
    """The head after an order that counts for the first time."""
    if order.at is None or order.currency is None:
        return head
    brief = RecentOrder(order=order.order, at=order.at, show=order.show, minor=order.minor, currency=order.currency)
    return head.model_copy(
        update={
            "orders": head.orders + 1,
            "first_order_at": min(order.at, head.first_order_at or order.at),
            "last_order_at": max(order.at, head.last_order_at or order.at),
            "spent": {**head.spent, order.currency: head.spent.get(order.currency, 0) + order.minor},
            "recent_orders": _last_orders((*head.recent_orders, brief)),
        }
    )


def _last_orders(orders: Iterable[RecentOrder]) -> tuple[RecentOrder, ...]:
    return tuple(sorted(orders, key=lambda one: (one.at, one.order))[-MAX_RECENT_ORDERS:])


def ring(*rings: Iterable[Send]) -> tuple[Send, ...]:
    """Rings of sends united by reminder id, oldest first, at most MAX_RING."""
    by_reminder = {send.reminder: send for one in rings for send in one}
    return tuple(sorted(by_reminder.values(), key=lambda send: (send.at, send.reminder))[-MAX_RING:])


def survivor(one: Head, other: Head) -> tuple[Head, Head]:
    """(surviving, merged): a known user before an anonymous visitor, else the smaller id; so order never matters."""
    first, second = sorted((one, other), key=lambda head: (not head.viewer.startswith("u"), head.viewer))
    return first, second


def merge(one: Head, other: Head) -> tuple[Head, Head] | None:
    """(surviving, merged) after a merge that moves nothing: the merged head becomes a pointer and keeps its facts as
    they were; the surviving one unites what decides about messages. None where the person would have more than
    MAX_MEMBERS members."""
    first, second = survivor(one, other)
    members = tuple(sorted({*first.members, second.viewer, *second.members}))
    if len(members) > MAX_MEMBERS:
        return None
    traits = dict(first.traits)
    for name, said in second.traits.items():
        traits[name] = said.newest(traits.get(name))
    follows = dict(first.follows)
    for host, said in second.follows.items():
        follows[host] = said.newest(follows.get(host))
    classes = sorted({*first.sends, *second.sends})
    surviving = first.model_copy(
        update={
            "members": members,
            "refused_merges": tuple(sorted({*first.refused_merges, *second.refused_merges}))[:MAX_MEMBERS],
            "erased_at": min(filter(None, (first.erased_at, second.erased_at)), default=None),
            "traits": traits,
            "consent": _united_consent(first, second),
            "follows": _last_follows(follows),
            "first_order_at": min(filter(None, (first.first_order_at, second.first_order_at)), default=None),
            "last_order_at": max(filter(None, (first.last_order_at, second.last_order_at)), default=None),
            "orders": first.orders + second.orders,
            "spent": _summed(first.spent, second.spent),
            "recent_orders": _last_orders((*first.recent_orders, *second.recent_orders)),
            "sends": {name: ring(first.sends.get(name, ()), second.sends.get(name, ())) for name in classes},
        }
    )
    return surviving, second.model_copy(update={"merged_into": first.viewer})


def _united_consent(first: Head, second: Head) -> dict[str, dict[str, Consent]]:
    united = {scope: dict(origins) for scope, origins in first.consent.items()}
    for scope, origins in second.consent.items():
        for origin, said in origins.items():
            kept = united.setdefault(scope, {})
            kept[origin] = said.newest(kept.get(origin))
    return united


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
