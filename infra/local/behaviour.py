"""What one person of the synthetic audience does, as the messages that tell of it.

`messages(person, programme)` gives two lists in time order: what the person's own client says, and
what the shop's server says of the person's orders. When and how they travel is `show`'s business.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.local import danmaku
from infra.local.chance import count, happens, seeded
from infra.local.people import Order, Person, Visit
from infra.local.programme import (
    CURRENCY,
    DAY_MS,
    HOST_ID,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Product,
    Programme,
)
from infra.local.wire import iso

Message = dict[str, object]
HEARTBEAT_MS = 10 * SECOND_MS
# A heartbeat is lost here and there, and some viewers pause.
_LOST_HEARTBEATS = 0.02
_PAUSES = 0.1
CONSENT_WORDING = "synthetic-2026-01"
_SHARE_TARGETS = ("wechat_friend", "wechat_moments", "copy_link")


@dataclass
class Voice:
    """Collects messages of one person. Every message gets an id of its own, in order of telling."""

    person: Person
    seed: int
    source: random.Random
    client: list[tuple[int, Message]] = field(default_factory=list)
    server: list[tuple[int, Message]] = field(default_factory=list)
    told: int = 0

    def new_id(self) -> str:
        """A message id, unique in all shows of all seeds."""
        self.told += 1
        return f"syn-{self.seed}-{self.person.number}-{self.told}"

    def says(self, at: int, event: str, properties: Message) -> None:
        """The client tracks `event`."""
        self.client.append((at, self.message(at, "track", event=event, properties=properties)))

    def shop_says(self, at: int, event: str, properties: Message) -> None:
        """The shop's server tracks `event`."""
        ids: Message = {"userId": self.person.user_id} if self.known(at) else self.anonymous()
        message: Message = {"type": "track", "event": event, "messageId": self.new_id(), **ids}
        message |= {"timestamp": iso(at), "properties": properties}
        self.server.append((at, message))

    def message(self, at: int, kind: str, **rest: object) -> Message:
        """A message of the client with the identity that it knows at that time."""
        return {
            "type": kind,
            "messageId": self.new_id(),
            **self.identity(at),
            "timestamp": self.clock(at),
            **rest,
        }

    def clock(self, at: int) -> str:
        """What the client's clock shows at that time."""
        return iso(at + self.person.clock_ahead_ms)

    def known(self, at: int) -> bool:
        """Whether the person has identified by then."""
        identified_at = self.person.identified_at
        return identified_at is not None and at >= identified_at

    def anonymous(self) -> Message:
        """The anonymous id alone."""
        return {"anonymousId": self.person.anonymous_id}

    def identity(self, at: int) -> Message:
        """Browsers go on sending the anonymous id beside the user id; apps here do not."""
        if not self.known(at):
            return self.anonymous()
        if self.person.identity == "alias" or self.person.number % 3 == 0:
            return {"userId": self.person.user_id}
        return {**self.anonymous(), "userId": self.person.user_id}


def messages(person: Person, programme: Programme) -> tuple[list[tuple[int, Message]], list[tuple[int, Message]]]:
    """All messages of `person` with their moments (epoch ms): the client's, and the server's."""
    source = seeded(person.seed)
    voice = Voice(person, programme.seed, source)
    _reserve(voice, programme)
    _identify(voice)
    for visit in person.visits:
        _stay(voice, visit)
    for order in person.orders:
        _order(voice, order)
    _change_of_mind(voice)
    _come_back(voice, programme)
    end = programme.ends_at
    return (
        sorted((said for said in voice.client if said[0] < end), key=_moment),
        sorted((said for said in voice.server if said[0] < end), key=_moment),
    )


def _moment(said: tuple[int, Message]) -> int:
    return said[0]


def _reserve(voice: Voice, programme: Programme) -> None:
    person, first = voice.person, programme.shows[0]
    if person.reserved_at is not None:
        voice.says(person.reserved_at, "Live Show Reserved", {"show_id": first.show_id})
    for visit in person.visits[1:]:
        if happens(voice.source, 0.3):
            at = voice.source.randint(visit.show.announced_at, visit.show.starts_at)
            voice.says(at, "Live Show Reserved", {"show_id": visit.show.show_id})


def _identify(voice: Voice) -> None:
    """Identification, then consent, as this person gives them."""
    person = voice.person
    at = person.identified_at
    if at is None:
        return
    traits: Message = {"email": person.email, "name": person.name, "locale": person.locale}
    if person.phone:
        traits["phone"] = person.phone
    if happens(voice.source, 0.5):
        traits["timezone"] = person.zone
    ids: Message = {**voice.anonymous(), "userId": person.user_id}
    if person.identity == "alias":
        alias: Message = {
            "type": "alias",
            "messageId": voice.new_id(),
            "timestamp": voice.clock(at),
        }
        alias |= {"previousId": person.anonymous_id, "userId": person.user_id}
        voice.client.append((at, alias))
        ids = {"userId": person.user_id}
    identify: Message = {"type": "identify", "messageId": voice.new_id(), **ids}
    voice.client.append((at, {**identify, "timestamp": voice.clock(at), "traits": traits}))
    if person.consented_at is not None:
        _consent(voice, person.consented_at, "granted", "member_sign_up")


def _consent(voice: Voice, at: int, state: str, where: str) -> None:
    consent: Message = {"purpose": "marketing", "channel": "email", "state": state}
    consent |= {"source": where, "wording_version": CONSENT_WORDING}
    voice.says(at, "Message Consent Updated", consent)


def _stay(voice: Voice, visit: Visit) -> None:
    """One stay in the room, from entering to leaving, as far as the client can tell."""
    coverage, source = voice.person.coverage, voice.source
    where: Message = {"show_id": visit.show.show_id}
    if coverage != "none" or happens(source, 0.5):
        entered: Message = {**where, "host_id": HOST_ID, "title": visit.show.title}
        voice.says(visit.entered_at, "Live Room Entered", entered)
    if coverage == "heartbeats":
        _watch(voice, visit)
    _interact(voice, visit)
    _consider(voice, visit)
    if coverage == "left" or (coverage == "heartbeats" and happens(source, 0.6)):
        left: Message = {**where, "watch_seconds": visit.watch_seconds}
        voice.says(visit.left_at, "Live Room Left", left)


def _watch(voice: Voice, visit: Visit) -> None:
    """A heartbeat each 10 s. Most of all messages are made here, so it is kept short."""
    source, show_id = voice.source, visit.show.show_id
    begin, end = visit.entered_at, visit.left_at
    pause_from = source.randint(begin, end) if happens(source, _PAUSES) else end
    pause_until = pause_from + source.randint(MINUTE_MS, 6 * MINUTE_MS)
    for at in range(begin + HEARTBEAT_MS, end + 1, HEARTBEAT_MS):
        if pause_from < at < pause_until or happens(source, _LOST_HEARTBEATS):
            continue
        position = (at - visit.show.starts_at) // SECOND_MS
        properties = {"asset_id": show_id, "livestream": True, "position": position}
        voice.says(at, "Video Content Playing", properties)


def _interact(voice: Voice, visit: Visit) -> None:
    """Likes, danmaku, shares, follows: they tell of warmth, not of an intention to buy."""
    person, source, kind = voice.person, voice.source, voice.person.kind
    where: Message = {"show_id": visit.show.show_id}

    def moment() -> int:
        return source.randint(visit.entered_at, visit.left_at)

    for _ in range(count(source, kind.likes)):
        voice.says(moment(), "Live Liked", {**where, "count": source.randint(1, 9)})
    for _ in range(count(source, kind.comments)):
        text = danmaku.comment(source, person.locale, person.obstacle)
        voice.says(moment(), "Live Comment Sent", {**where, "text": text})
    if happens(source, 0.04 + 0.1 * person.propensity):
        target = source.choice(_SHARE_TARGETS)
        voice.says(moment(), "Live Shared", {**where, "target": target})
    if happens(source, 0.02 + 0.12 * person.propensity):
        voice.says(moment(), "Live Followed", {**where, "host_id": HOST_ID})


def _consider(voice: Voice, visit: Visit) -> None:
    """Searches, clicks, a cart, and for some a checkout that stops at their obstacle."""
    person, source, kind = voice.person, voice.source, voice.person.kind
    show = visit.show
    where: Message = {"show_id": show.show_id}
    for _ in range(count(source, kind.searches)):
        query = source.choice(danmaku.SEARCHES[person.locale])
        at = source.randint(visit.entered_at, visit.left_at)
        voice.says(at, "Products Searched", {**where, "query": query})
    for _ in range(count(source, kind.clicks)):
        at = source.randint(visit.entered_at, visit.left_at)
        product = show.shown(at) if happens(source, 0.4) else source.choice(person.cart)
        voice.says(at, "Live Product Clicked", {**where, **product.properties()})
    if any(order.show is show for order in person.orders):
        return  # The cart belongs to the order then, and is told with it.
    adds = min(len(person.cart), count(source, kind.adds))
    for product in person.cart[:adds]:
        _put_in_cart(voice, visit, product)
    if adds and happens(source, kind.checks_out):
        _stop_at_checkout(voice, visit)


def _put_in_cart(voice: Voice, visit: Visit, product: Product) -> None:
    source = voice.source
    at = visit.entered_at + int(source.uniform(0.3, 0.8) * visit.watch_seconds * SECOND_MS)
    line = _cart_line(voice, product, 1)
    voice.says(at, "Product Added", {"show_id": visit.show.show_id, **line})
    if happens(source, 0.15):
        removed_at = source.randint(at + SECOND_MS, max(at + SECOND_MS, visit.left_at))
        voice.says(removed_at, "Product Removed", {"show_id": visit.show.show_id, **line})


def _cart_line(voice: Voice, product: Product, quantity: int) -> Message:
    line: Message = {"cart_id": f"syn-cart-{voice.person.number}", **product.properties()}
    return {**line, "quantity": quantity}


def _stop_at_checkout(voice: Voice, visit: Visit) -> None:
    at = visit.entered_at + int(0.9 * visit.watch_seconds * SECOND_MS)
    where: Message = {"show_id": visit.show.show_id}
    value = sum(product.price for product in voice.person.cart) / 100
    started: Message = {**where, "value": value, "currency": CURRENCY}
    voice.says(at, "Checkout Started", started)
    if voice.person.obstacle in ("promotion", "price"):
        code: Message = {**where, "coupon_name": "OLD50"}
        voice.says(at + 3 * SECOND_MS, "Coupon Entered", code)
        denied: Message = {**code, "reason": "expired"}
        voice.says(at + 4 * SECOND_MS, "Coupon Denied", denied)


def _order(voice: Voice, order: Order) -> None:
    """The way to an order, the order, and what becomes of it."""
    where: Message = {"show_id": order.show.show_id} if order.show else {}
    ahead = 40 * SECOND_MS
    for product, quantity in order.lines:
        ahead -= 5 * SECOND_MS
        voice.says(order.at - ahead, "Product Added", where | _cart_line(voice, product, quantity))
    value: Message = {**where, "value": order.total / 100, "currency": CURRENCY}
    voice.says(order.at - 15 * SECOND_MS, "Checkout Started", value)
    if order.coupon:
        coupon: Message = {**where, "coupon_name": order.coupon, "order_id": order.order_id}
        voice.says(order.at - 10 * SECOND_MS, "Coupon Entered", coupon)
    voice.shop_says(order.at, "Order Completed", completed(order, order.total))
    _after_care(voice, order)


def completed(order: Order, total: int) -> Message:
    """The properties of Order Completed; `total` in fen."""
    properties: Message = {
        "order_id": order.order_id,
        "total": total / 100,
        "currency": CURRENCY,
        "products": [{**product.properties(), "quantity": quantity} for product, quantity in order.lines],
    }
    if order.coupon:
        properties["coupon"] = order.coupon
    if order.show_id:
        properties["show_id"] = order.show_id
    return properties


def _after_care(voice: Voice, order: Order) -> None:
    if order.updated:
        at, total = order.updated
        voice.shop_says(at, "Order Updated", completed(order, total))
    for index, (at, amount) in enumerate(order.refunds):
        refund: Message = {"order_id": order.order_id, "total": amount / 100, "currency": CURRENCY}
        if index == 0:
            refund["refund_id"] = f"{order.order_id}-R1"
        voice.shop_says(at, "Order Refunded", refund)
    if order.cancelled_at is not None:
        whole: Message = {"order_id": order.order_id, "currency": CURRENCY}
        whole["total"] = order.total / 100
        voice.shop_says(order.cancelled_at, "Order Cancelled", whole)


def _change_of_mind(voice: Voice) -> None:
    person = voice.person
    if person.unfollowed_at is not None:
        voice.says(person.unfollowed_at, "Live Unfollowed", {"host_id": HOST_ID})
    if person.withdrawn_at is not None:
        _consent(voice, person.withdrawn_at, "withdrawn", "preference_page")


def _come_back(voice: Voice, programme: Programme) -> None:
    """In the days after: a replay, a look around, by themselves."""
    person, source = voice.person, voice.source
    show, left_at = person.visits[0].show, person.visits[0].left_at
    ways: tuple[tuple[float, Callable[[int], None]], ...] = (
        (0.02 + 0.16 * person.propensity, lambda at: _replay(voice, at, show.show_id)),
        (0.02 + 0.2 * person.propensity, lambda at: _look_around(voice, at)),
    )
    for probability, tell in ways:
        if happens(source, probability):
            at = max(left_at, show.ends_at) + source.randint(HOUR_MS, 3 * DAY_MS)
            if at < programme.ends_at:
                tell(at)


def _replay(voice: Voice, at: int, show_id: str) -> None:
    seconds = voice.source.randint(30, 1500)
    watched: Message = {"show_id": show_id, "watch_seconds": seconds}
    voice.says(at, "Live Replay Watched", watched)


def _look_around(voice: Voice, at: int) -> None:
    for index, product in enumerate(voice.person.cart):
        voice.says(at + index * MINUTE_MS, "Product Viewed", product.properties())
