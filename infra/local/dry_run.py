"""A dry run: who of a show's viewers would get what from playbooks if they were approved, who not, and why.

It is decided by the planner itself, as of the moment at which the show was over, and nothing is written. Orders and
messages since then are left out; profiles, consent and addresses are today's.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from aftershow.model.engagements import Engagement
from aftershow.model.instants import SECOND
from aftershow.model.reminders import Reminder
from aftershow.model.shows import Show
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Range
from aftershow.rules.intent import score
from aftershow.rules.launching import Launched
from aftershow.rules.planning import Person, Plan, Shop, plan
from aftershow.services import catalog, people, standing
from aftershow.services.scheduling import FIRST_WALK_SECONDS, PAGE_VIEWERS

# From so many viewers on the rest of a show is estimated: shards are fair samples, and each person costs four reads.
ENOUGH_VIEWERS = 5_000
# So many of those who would get something, and of those who would not, are kept by name.
MAX_LISTED = 2_000


@dataclass(frozen=True, slots=True)
class Would:
    """A first reminder that would be planned."""

    row: Reminder
    temperature: str
    intent: int


@dataclass(frozen=True, slots=True)
class WouldNot:
    """Somebody who would get nothing, and why; `share` belongs to the reason "outside the share"."""

    viewer: str
    reason: str
    temperature: str
    intent: int
    share: str = ""


@dataclass(slots=True)
class DryRun:
    """What came out. Counts are of the viewers that were read: `parts_read` of `keys.SHOW_SHARDS` equal parts."""

    show: Show
    viewers: int = 0
    would: list[Would] = field(default_factory=list)
    would_not: list[WouldNot] = field(default_factory=list)
    reminded: int = 0
    # Messages at most, each series to its end.
    messages: int = 0
    by_playbook: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    parts_read: int = 0

    @property
    def estimated(self) -> bool:
        """Whether only some of the viewers were looked at."""
        return self.parts_read < keys.SHOW_SHARDS

    def whole(self, count: int) -> int:
        """A count of what was read, for all viewers; rounded up."""
        return -(-count * keys.SHOW_SHARDS // max(self.parts_read, 1))


def dry_run(
    ports: Ports,
    show: Show,
    playbooks: Sequence[Launched],
    progress: Callable[[float], None] = lambda _: None,
    *,
    enough: int = ENOUGH_VIEWERS,
) -> DryRun:
    """Plan for the viewers of a show that is over as if `playbooks` stood as they say; nothing is written. After
    `enough` viewers the rest is estimated."""
    result = DryRun(show)
    shop = Shop(
        playbooks,
        {show.show: show},
        ports.settings,
        catalog.intent(ports),
        standing.of_channels(ports, playbooks),
        catalog.rulebook(ports),
    )
    for shard in range(keys.SHOW_SHARDS):
        for viewer in _viewers(ports, keys.show_shard(show.show, shard)):
            _look(ports, shop, show, viewer, result)
        result.parts_read = shard + 1
        progress(result.parts_read / keys.SHOW_SHARDS)
        if result.viewers >= enough:
            break
    return result


def _viewers(ports: Ports, shard: str) -> Iterator[str]:
    after: str | None = None
    while True:
        page = ports.store.query_index("engagements", Range(shard, limit=PAGE_VIEWERS, after=after))
        yield from (row.sk for row in page.rows)
        if page.after is None:
            return
        after = page.after


def _look(ports: Ports, shop: Shop, show: Show, viewer: str, result: DryRun) -> None:
    """One engagement of the show. A person with several is counted with their surviving id's, or the first of them."""
    about = keys.about_show(show.show)
    reading = people.read(ports, viewer)
    if reading is None:
        result.viewers += 1
        unknown = WouldNot(viewer, "no_identity", *_warmth(shop, people.engagements_of(ports, [viewer]).get(about)))
        _count_out(result, unknown)
        return
    person = as_of(reading.person, show.closed_at or 0)
    if viewer != _counted_as(ports, person.head, about, viewer):
        return
    result.viewers += 1
    decided = plan(person, shop, (show.closed_at or 0) + FIRST_WALK_SECONDS * SECOND)
    warmth = _warmth(shop, person.engagements.get(about))
    planned = [row for row in decided.rows if row.open]
    if planned:
        _count_in(result, shop, planned, warmth)
    else:
        _count_out(result, _why_not(person.head, decided, warmth))


def _count_in(result: DryRun, shop: Shop, planned: Sequence[Reminder], warmth: tuple[str, int]) -> None:
    most = {one.playbook.id: one.playbook.most_messages for one in shop.playbooks}
    result.reminded += 1
    for row in planned:
        result.by_playbook[row.playbook] += 1
        result.messages += most[row.playbook]
        if len(result.would) < MAX_LISTED:
            result.would.append(Would(row, *warmth))


def _why_not(head: Head, decided: Plan, warmth: tuple[str, int]) -> WouldNot:
    if decided.left_alone:
        alone = decided.left_alone[0]
        return WouldNot(head.viewer, alone.reason, *warmth, alone.share)
    ended = [row.reason or "" for row in decided.rows]
    return WouldNot(head.viewer, ended[0] if ended else "no_playbook", *warmth)


def _counted_as(ports: Ports, head: Head, about: str, viewer: str) -> str:
    """Which of a person's engagements with the show stands for the person: whose id comes first."""
    found = ports.store.get_many(keys.engagement(member, about) for member in head.people)
    return next((member for member in head.people if keys.engagement(member, about) in found), viewer)


def _count_out(result: DryRun, one: WouldNot) -> None:
    result.reasons[one.reason] += 1
    if len(result.would_not) < MAX_LISTED:
        result.would_not.append(one)


def _warmth(shop: Shop, engagement: Engagement | None) -> tuple[str, int]:
    if engagement is None:
        return "", 0
    scored = score(engagement, shop.intent)
    return scored.temperature, scored.intent


def as_of(person: Person, moment: int) -> Person:
    """The person without orders, messages and reminders after a moment, epoch ms."""
    head = person.head
    orders = tuple(order for order in head.recent_orders if order.at <= moment)
    later = len(head.recent_orders) - len(orders)
    first = head.first_order_at if head.first_order_at is not None and head.first_order_at <= moment else None
    # The head keeps the last orders: where all of them are later, the one before them is not known.
    last = max((order.at for order in orders), default=first)
    sends = {name: tuple(send for send in ring if send.at <= moment) for name, ring in head.sends.items()}
    then = head.model_copy(
        update={
            "recent_orders": orders, "orders": head.orders - later, "first_order_at": first, "last_order_at": last,
            "sends": sends,
        }
    )  # fmt: skip
    return dataclasses.replace(person, head=then, reminders=())
