"""The viewers of a show, in pages: who did not order, why each is on the list, what held them back, whether they can be
written to.

A page looks at a bounded number of places of the show's sharded index, and reads what stands behind them in a handful
of batches, so that it costs the same in a room of a million viewers as in one of a hundred. Each person stands where
the first of their ids does.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Engagement, Score
from aftershow.model.instants import DAY
from aftershow.model.orders import Order
from aftershow.model.viewers import MAX_CHAIN, MAX_RECENT_ORDERS, Address, Head, RecentOrder
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Key, Range
from aftershow.rules import engagement as engagements
from aftershow.rules.attribution import attributed_show
from aftershow.rules.intent import score
from aftershow.rules.obstacle import HeldBack, held_back
from aftershow.rules.path import Place, left_at
from aftershow.rules.reachability import Reach, hashes, reachability
from aftershow.services import catalog, people

# At once in the memory of whoever asks: some 5 KB each.
MAX_PAGE = 1_000
# Of somebody with more orders than their head keeps, so many are looked through for one of the show.
MAX_ORDERS = 1_000


class BadCursor(ValueError):
    """What should continue a list is no place in it."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """A person in a show: `viewer` is the surviving id, `engagement` united over their devices; `held` is what held
    them back, None where they ordered."""

    viewer: str
    head: Head | None
    engagement: Engagement
    orders: tuple[RecentOrder, ...]
    score: Score
    left_at: Place
    held: HeldBack | None
    reach: tuple[Reach, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels on which marketing may reach them."""
        return tuple(one.channel for one in self.reach if one.purpose == "marketing" and one.reachable)

    @property
    def unreachable(self) -> str:
        """Why no channel reaches them, as a code of the word list; empty where one does."""
        if self.channels:
            return ""
        if self.head is None:
            return "no_identity"
        codes = {one.code for each in self.reach if each.purpose == "marketing" for one in each.against}
        return next((code for code in _WORST_FIRST if code in codes), "no_address")


# What outweighs what, where several things stand against writing.
_WORST_FIRST = ("erased", "complained", "bounced", "withdrawn", "opted_out", "no_address", "no_consent")


@dataclass(frozen=True, slots=True)
class AudiencePage:
    """A page of the list. `looked_at` counts places of the index (ids, not people); `after` continues it, None ends."""

    rows: tuple[Attendee, ...]
    looked_at: int
    after: str | None


def page(
    ports: Ports, show: str, *, size: int, after: str | None = None, everybody: bool = False, secret: str
) -> AudiencePage:
    """The next `size` places of a show's audience: those who did not order, or everybody. `secret` keys the hashes of
    addresses. Raises BadCursor."""
    shard, token = _place(after)
    viewers: list[str] = []
    size = min(size, MAX_PAGE)
    while shard < keys.SHOW_SHARDS and len(viewers) < size:
        where = Range(keys.show_shard(show, shard), limit=size - len(viewers), after=token)
        part = ports.store.query_index("engagements", where)
        viewers += [row.sk for row in part.rows]
        shard, token = (shard + 1, None) if part.after is None else (shard, part.after)
    rows = tuple(one for one in _attendees(ports, show, viewers, secret) if everybody or not one.orders)
    return AudiencePage(rows, len(viewers), _cursor(shard, token) if shard < keys.SHOW_SHARDS else None)


def _cursor(shard: int, token: str | None) -> str:
    return urlsafe_b64encode(f"{shard}:{token or ''}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> tuple[int, str | None]:
    if cursor is None:
        return 0, None
    try:
        shard, colon, token = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
        place = int(shard)
    except ValueError as error:
        raise BadCursor(f"{cursor} continues no list") from error
    if not colon or not 0 <= place < keys.SHOW_SHARDS:
        raise BadCursor(f"{cursor} continues no list")
    return place, token or None


def _attendees(ports: Ports, show: str, viewers: Sequence[str], secret: str) -> list[Attendee]:
    about = keys.about_show(show)
    leading = _leading(ports, viewers)
    members = {viewer: leading[viewer].people if viewer in leading else (viewer,) for viewer in viewers}
    wanted = {keys.engagement(name, about) for names in members.values() for name in names}
    found = {key.pk: Engagement.read(item.body) for key, item in ports.store.get_many(wanted).items()}
    addresses = _addresses(ports, leading.values(), secret)
    listed: list[Attendee] = []
    for viewer, names in members.items():
        there = [found[name] for name in names if name in found]
        # Others of this person's ids were there too: whoever comes first in the person stands for them.
        if there and there[0].viewer == viewer:
            listed.append(_attendee(ports, leading.get(viewer), engagements.united(there), secret, addresses))
    return listed


def _attendee(
    ports: Ports, head: Head | None, engagement: Engagement, secret: str, addresses: Mapping[str, Address]
) -> Attendee:
    orders = tuple(_orders(ports, head, engagement)) if head is not None else ()
    return Attendee(
        viewer=head.viewer if head is not None else engagement.viewer,
        head=head,
        engagement=engagement,
        orders=orders,
        score=score(engagement, catalog.intent(ports)),
        left_at=left_at(engagement, orders),
        held=held_back(engagement, orders),
        reach=tuple(reachability(head, ports.settings, secret, addresses)),
    )


def _leading(ports: Ports, viewers: Iterable[str]) -> dict[str, Head]:
    """The surviving head behind each viewer id; nothing for those of whom only behaviour is known."""
    names = {viewer: viewer for viewer in viewers}
    heads: dict[str, Head] = {}
    for _ in range(MAX_CHAIN):
        missing = set(names.values()) - heads.keys()
        read = ports.store.get_many(keys.head(name) for name in missing)
        heads.update({key.pk: Head.read(item.body) for key, item in read.items()})
        onward = {viewer: into for viewer, name in names.items() if name in heads and (into := heads[name].merged_into)}
        if not onward:
            break
        names.update(onward)
    return {viewer: heads[name] for viewer, name in names.items() if name in heads}


def _addresses(ports: Ports, heads: Iterable[Head], secret: str) -> dict[str, Address]:
    wanted: set[Key] = {
        keys.address(hashed)
        for head in heads
        for channel in ports.settings.channels
        for hashed in hashes(head, channel, secret)
    }
    return {key.pk: Address.read(item.body) for key, item in ports.store.get_many(wanted).items()}


def _orders(ports: Ports, head: Head, engagement: Engagement) -> list[RecentOrder]:
    """The person's orders that belong to the engagement's show. Other shows are only read where an order named none."""
    recent = list(head.recent_orders)
    if len(recent) == MAX_RECENT_ORDERS and head.orders > MAX_RECENT_ORDERS and recent[0].at > engagement.first_at:
        recent = _all_orders(ports, head, engagement.first_at) + recent
    near = [order for order in recent if order.show is None and engagement.first_at <= order.at]
    within = [order for order in near if order.at - engagement.first_at <= DAY]
    others = people.engagements_of(ports, head.people) if within else {engagement.about: engagement}
    found = {order.order: order for order in recent if attributed_show(order, others.values()) == engagement.show}
    return sorted(found.values(), key=lambda order: (order.at, order.order))


def _all_orders(ports: Ports, head: Head, since: int) -> list[RecentOrder]:
    found: list[RecentOrder] = []
    for member in head.people:
        where = Range(member, first=f"{since:015d}", limit=MAX_ORDERS)
        rows = ports.store.query_index("orders", where).rows
        items = ports.store.get_many(row.key for row in rows if row.key.pk.startswith("order#"))
        orders = [Order.read(item.body) for item in items.values()]
        found += [
            RecentOrder(order=one.order, at=one.at, show=one.show, minor=one.minor, currency=one.currency or "")
            for one in orders
            if one.at is not None and one.hash is not None
        ]
    return found
