"""How the synthetic audience reacts to a message that arrives in the local mailbox.

A policy over the truth, apart from the stream: whether a viewer is written to is the product's
doing, so what follows cannot be generated beforehand. The rates are invented.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from infra.local.behaviour import completed
from infra.local.chance import happens
from infra.local.people import Order, Person, Truth
from infra.local.programme import DAY_MS, HOUR_MS, MINUTE_MS
from infra.local.show import SERVER_CONTEXT
from infra.local.wire import Request, iso, single_request

_NETWORK_MS = 300
# Who has ordered, complained or stopped listening still opens a message now and then.
_CLICKS_AFTER_ORDER = 0.08
_UNSUBSCRIBES = 0.025
_UNSUBSCRIBES_UNINTERESTED = 0.08
_UNINTERESTED = 0.1


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a viewer does, `after_ms` milliseconds after the message arrived.

    click: follows the message's link; order: places an order (a click always comes before);
    unsubscribe: uses the message's own way out; nothing: has seen it, or has not.
    """

    kind: Literal["click", "order", "unsubscribe", "nothing"]
    after_ms: int


def react(truth: Truth, viewer_address: str, sent_at: int, random_source: random.Random) -> list[Reaction]:
    """What the owner of `viewer_address` does about a message that came at `sent_at` (epoch ms).

    Reactions in order of time, never empty. Addresses of nobody, and those that bounce, do nothing;
    a mailbox that complains does so by itself.
    """
    person = truth.by_address.get(viewer_address)
    after_ms = _reading_delay(random_source)
    if person is None or viewer_address.startswith(("bounce+", "complaint+")):
        return [Reaction("nothing", 0)]
    if _ordered_before(person, sent_at):
        return _of_a_customer(after_ms, random_source)
    bored = person.propensity < _UNINTERESTED
    if happens(random_source, _UNSUBSCRIBES_UNINTERESTED if bored else _UNSUBSCRIBES):
        return [Reaction("unsubscribe", after_ms)]
    if not happens(random_source, 0.12 + 0.6 * person.propensity):
        return [Reaction("nothing", after_ms)]
    reactions = [Reaction("click", after_ms)]
    if happens(random_source, 0.1 + 0.6 * person.propensity):
        thinking_ms = random_source.randint(3 * MINUTE_MS, 3 * HOUR_MS)
        reactions.append(Reaction("order", after_ms + thinking_ms))
    return reactions


def order_request(truth: Truth, viewer_address: str, at: int, random_source: random.Random) -> Request:
    """The request that tells of the order of a Reaction, placed at `at` (epoch ms).

    Raises KeyError for an address of nobody.
    """
    person = truth.by_address[viewer_address]
    quantity = random_source.choice((1, 1, 2))
    order = Order(
        order_id=f"SYN-{truth.programme.seed}-{person.number}-{at}",
        at=at,
        lines=((person.cart[0], quantity),),
        coupon=None,
        show=None,
        show_id=None,
    )
    message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"syn-{order.order_id}",
        "userId": person.user_id,
        "timestamp": iso(at),
        "properties": completed(order, order.total),
    }
    return single_request(at + _NETWORK_MS, message, SERVER_CONTEXT, at + _NETWORK_MS)


def _reading_delay(source: random.Random) -> int:
    """Most mail is read within an hour or two, some the next day."""
    return MINUTE_MS + min(DAY_MS, int(40 * MINUTE_MS * source.lognormvariate(0, 1)))


def _ordered_before(person: Person, at: int) -> bool:
    return any(order.at <= at for order in person.orders)


def _of_a_customer(after_ms: int, source: random.Random) -> list[Reaction]:
    clicks = happens(source, _CLICKS_AFTER_ORDER)
    return [Reaction("click" if clicks else "nothing", after_ms)]
