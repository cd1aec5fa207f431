"""People: what is known of a person from facts, told as any of their viewer ids.

Convergence: traits and follows are decided by their newest statement, consent is kept by origin and the strictest of a
person's origins decides, moments are minima and maxima, sums are guarded by the order items. What was told as which
viewer id is kept apart and united, so the same facts in any order, before or after a merge, end in the same person.
Who is one person: `rules.merging`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from aftershow.model.base import Stamped
from aftershow.model.ids import short_hash
from aftershow.model.orders import Order
from aftershow.model.viewers import (
    MAX_ACCEPTS,
    MAX_COMPLAINTS,
    MAX_FOLLOWS,
    MAX_RECENT_ORDERS,
    MAX_RING,
    Consent,
    Facts,
    Head,
    Purpose,
    RecentOrder,
    Send,
    Trait,
)
from aftershow.rules import subscriptions
from aftershow.rules.segment import Complained, Consented, Event, Followed, Identified, Subscribed

# A head, or the facts of one viewer id.
F = TypeVar("F", bound=Facts)


def told(head: Head, viewer: str, change: Callable[[Facts], Facts]) -> Head:
    """The head after facts that were told as `viewer`, one of its person's ids."""
    if not head.parts and viewer == head.viewer:
        return head.model_copy(update=_fields(change(_facts(head))))
    parts = parts_of(head)
    return with_parts(head, {**parts, viewer: change(parts.get(viewer, Facts()))})


def parts_of(head: Head) -> dict[str, Facts]:
    """What was told as each of a person's viewer ids."""
    return dict(head.parts) if head.parts else {head.viewer: _facts(head)}


def with_parts(head: Head, parts: Mapping[str, Facts]) -> Head:
    """The head of a person of whom this was told: kept apart where it was told as others than the head's own id."""
    said = {viewer: facts for viewer, facts in sorted(parts.items()) if facts != Facts()}
    united = Facts()
    for facts in said.values():
        united = _united(united, facts)
    if set(said) <= {head.viewer}:
        said = {}
    elif len(united.follows) == MAX_FOLLOWS:
        # Bounded over the whole person: what is not among their last ones is forgotten by its part too.
        said = {viewer: facts.model_copy(update={"follows": {
            host: word for host, word in facts.follows.items() if host in united.follows
        }}) for viewer, facts in said.items()}  # fmt: skip
    if len(united.accepts) == MAX_ACCEPTS:
        said = {viewer: facts.model_copy(update={"accepts": tuple(
            one for one in facts.accepts if one in united.accepts
        )}) for viewer, facts in said.items()}  # fmt: skip
    return head.model_copy(update={**_fields(united), "parts": said})


def _facts(head: Head) -> Facts:
    return Facts.model_construct(**_fields(head))


def _fields(facts: Facts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in Facts.model_fields}


def _united(one: Facts, other: Facts) -> Facts:
    traits, follows = dict(one.traits), dict(one.follows)
    for name, said in other.traits.items():
        traits[name] = said.newest(traits.get(name))
    for host, said in other.follows.items():
        follows[host] = said.newest(follows.get(host))
    return Facts(
        traits=traits,
        consent=_united_consent(one, other),
        wishes=_united_wishes(one, other),
        complaints=_last_complaints(one.complaints, other.complaints),
        stated_reason=other.stated_reason.newest(one.stated_reason) if other.stated_reason else one.stated_reason,
        follows=_last_follows(follows),
        first_order_at=min(filter(None, (one.first_order_at, other.first_order_at)), default=None),
        last_order_at=max(filter(None, (one.last_order_at, other.last_order_at)), default=None),
        orders=one.orders + other.orders,
        spent=_summed(one.spent, other.spent),
        recent_orders=_last_orders((*one.recent_orders, *other.recent_orders)),
        accepts=subscriptions.united(one.accepts, other.accepts),
    )


def _united_consent(one: Facts, other: Facts) -> dict[str, dict[str, Consent]]:
    united = {scope: dict(origins) for scope, origins in one.consent.items()}
    for scope, origins in other.consent.items():
        for origin, said in origins.items():
            kept = united.setdefault(scope, {})
            kept[origin] = said.newest(kept.get(origin))
    return united


def _united_wishes(one: Facts, other: Facts) -> dict[str, dict[str, Stamped]]:
    united = {name: dict(origins) for name, origins in one.wishes.items()}
    for name, origins in other.wishes.items():
        for origin, said in origins.items():
            kept = united.setdefault(name, {})
            kept[origin] = said.newest(kept.get(origin))
    return united


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


def learn(head: F, origin: str, event: Event) -> F:
    """What is known after a fact about the person. `origin` is the viewer id that the event itself names."""
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
    if isinstance(meaning, Subscribed):
        account = event.external_ids.get("wechat_openid")
        said_yes = [subscriptions.accept(template, event.at, event.id, account) for template in meaning.templates]
        return subscriptions.with_accepts(head, said_yes)
    if isinstance(meaning, Complained):
        said_of_it = Stamped(value=meaning.state, at=event.at, id=event.id)
        return head.model_copy(
            update={"complaints": _last_complaints(head.complaints, {meaning.complaint: said_of_it})}
        )
    if isinstance(meaning, Followed):
        said_of_host = Stamped(value=meaning.state, at=event.at, id=event.id)
        newest = said_of_host.newest(head.follows.get(meaning.host))
        return head.model_copy(update={"follows": _last_follows({**head.follows, meaning.host: newest})})
    return head


def _last_complaints(one: Mapping[str, Stamped], other: Mapping[str, Stamped]) -> dict[str, Stamped]:
    united = {**one, **{name: said.newest(one.get(name)) for name, said in other.items()}}
    kept = sorted(united.items(), key=lambda item: (-item[1].at, item[0]))[:MAX_COMPLAINTS]
    return dict(sorted(kept))


def _last_follows(follows: dict[str, Stamped]) -> dict[str, Stamped]:
    kept = sorted(follows.items(), key=lambda item: (-item[1].at, item[0]))[:MAX_FOLLOWS]
    return dict(sorted(kept))


def _with_circumstances(head: F, event: Event) -> F:
    said = {"context_zone": event.context.zone, "context_locale": event.context.locale, **event.external_ids}
    return _with_traits(head, event, said)


def _with_traits(head: F, event: Event, said: Mapping[str, str | None]) -> F:
    traits = dict(head.traits)
    for name, value in said.items():
        if value is None:
            continue
        trait: Trait = name  # type: ignore[assignment]
        stated = Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")
        traits[trait] = stated.newest(traits.get(trait))
    return head if traits == head.traits else head.model_copy(update={"traits": traits})


def with_consent(head: F, origin: str, scope: str, said: Consent) -> F:
    """The facts with a statement of consent for purpose:channel, made as `origin`."""
    origins = head.consent.get(scope, {})
    newest = {**origins, origin: said.newest(origins.get(origin))}
    return head.model_copy(update={"consent": {**head.consent, scope: newest}})


def withdrawn(head: Head, channel: str, said: Consent, now: int) -> Head:
    """The head after its person withdrew, by answering a message, what was granted for marketing on the channel. Later
    than a consent that was stamped by a clock that runs ahead."""
    ahead = latest_grant(head, channel)
    later = said.model_copy(update={"state": "withdrawn", "at": 1 + ahead if ahead > now else said.at})
    scope = f"marketing:{channel}"
    return told(head, head.viewer, lambda facts: with_consent(facts, head.viewer, scope, later))


def may_be_written(head: Head, purpose: Purpose, channel: str) -> bool:
    """Whether the person allows messages of this purpose on this channel.

    Of the words that count one withdrawal decides. Without any record: no marketing, but service.
    """
    states = {said.state for said in counting(head, purpose, channel)}
    if "withdrawn" in states:
        return False
    return purpose == "service" or "granted" in states


def counting(head: Head, purpose: Purpose, channel: str) -> list[Consent]:
    """The words of consent that count for a channel: of each origin the newest about it or about all channels (of two
    at one moment the withdrawal). An answer to a message is no origin of its own: what it withdrew, the person may
    grant anew under any of their ids, but no file can.
    """
    by_origin: dict[str, Consent] = {}
    for scope in (f"{purpose}:all", f"{purpose}:{channel}"):
        for origin, said in head.consent.get(scope, {}).items():
            by_origin[origin] = said.newest(by_origin.get(origin))
    own = [said.at for said in by_origin.values() if said.state == "granted" and not said.is_imported_grant]
    since = max(own, default=0)
    return [said for said in by_origin.values() if not (said.is_by_link and said.at < since)]


def latest_grant(head: Head, channel: str, *, imported: bool = True) -> int:
    """The moment of the newest consent to marketing on a channel, whichever identity gave it; 0 where there is none.
    `imported`: whether a file's word counts."""
    scopes = (f"marketing:{channel}", "marketing:all")
    said = [one for scope in scopes for one in head.consent.get(scope, {}).values()]
    granted = [one.at for one in said if one.state == "granted" and (imported or not one.is_imported_grant)]
    return max(granted, default=0)


def with_order(facts: F, order: Order) -> F:
    """The facts with an order that counts for the first time."""
    if order.at is None or order.currency is None:
        return facts
    brief = RecentOrder(order=order.order, at=order.at, show=order.show, minor=order.minor, currency=order.currency)
    return facts.model_copy(
        update={
            "orders": facts.orders + 1,
            "first_order_at": min(order.at, facts.first_order_at or order.at),
            "last_order_at": max(order.at, facts.last_order_at or order.at),
            "spent": {**facts.spent, order.currency: facts.spent.get(order.currency, 0) + order.minor},
            "recent_orders": _last_orders((*facts.recent_orders, brief)),
        }
    )


def without_order(facts: F, order: Order) -> F:
    """The facts without an order that was counted: it turns out to be another's, or of another moment.

    Exact as long as all orders are among the recent ones; of more, the first and last moments stay as they are.
    """
    if order.at is None or order.currency is None:
        return facts
    left = tuple(one for one in facts.recent_orders if one.order != order.order)
    spent = {**facts.spent, order.currency: facts.spent.get(order.currency, 0) - order.minor}
    changes: dict[str, Any] = {
        "orders": facts.orders - 1,
        "spent": {name: minor for name, minor in spent.items() if minor or name != order.currency},
        "recent_orders": left,
    }
    if facts.orders == len(left) + 1:
        changes["first_order_at"] = left[0].at if left else None
        changes["last_order_at"] = left[-1].at if left else None
    return facts.model_copy(update=changes)


def _last_orders(orders: Iterable[RecentOrder]) -> tuple[RecentOrder, ...]:
    return tuple(sorted(orders, key=lambda one: (one.at, one.order))[-MAX_RECENT_ORDERS:])


def ring(*rings: Iterable[Send]) -> tuple[Send, ...]:
    """Rings of sends united by reminder id, oldest first, at most MAX_RING."""
    by_reminder = {send.reminder: send for one in rings for send in one}
    return tuple(sorted(by_reminder.values(), key=lambda send: (send.at, send.reminder))[-MAX_RING:])
