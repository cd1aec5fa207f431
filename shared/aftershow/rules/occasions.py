"""Occasions: what a person may be reminded of now, by which playbook, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aftershow.model.engagements import Engagement
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.rule_packs import Rulebook
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Head
from aftershow.rules.attribution import attributed_show
from aftershow.rules.choosing import Standing
from aftershow.rules.intent import Trained, score, why
from aftershow.rules.launching import Launched
from aftershow.rules.obstacle import HeldBack, held_back

EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Person:
    """Everything about a person that planning looks at. Engagements are united over the person's devices, by `about`;
    `reminders` are all rows of all members."""

    head: Head
    engagements: Mapping[str, Engagement]
    reminders: Sequence[Reminder]

    def held_back(self, about: str) -> HeldBack | None:
        """What held the person back in one of their engagements; None where they ordered."""
        show = self.engagements[about].show
        every = self.engagements.values()
        orders = [order for order in self.head.recent_orders if show and attributed_show(order, every) == show]
        return held_back(self.engagements[about], orders)


@dataclass(frozen=True, slots=True)
class Shop:
    """What is shared by all people: playbooks, shows by id, settings."""

    playbooks: Sequence[Launched]
    shows: Mapping[str, Show]
    settings: Settings
    # The shop's own scorecard of intent; None: the default weights.
    intent: Trained | None = None
    # How its channels stand.
    standing: Standing = field(default_factory=Standing)
    # Its rule packs; without them no marketing goes anywhere.
    rulebook: Rulebook | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that a playbook may remind of: a show that ended, a first order."""

    launched: Launched
    about: str
    base: int
    reference: int
    show: Show | None
    why: str
    reason_against: str | None

    @property
    def playbook(self) -> Playbook:
        """What may remind of it."""
        return self.launched.playbook


def ordered_in(person: Person, show: str) -> bool:
    """Whether an order of the person belongs to the show."""
    engagements = person.engagements.values()
    return any(attributed_show(order, engagements) == show for order in person.head.recent_orders)


def occasions(person: Person, shop: Shop, now: int) -> Iterator[Occasion]:
    """Everything that a person might be reminded of at the moment `now`."""
    for launched in shop.playbooks:
        if launched.playbook.trigger == "show_ended":
            for about in sorted(person.engagements):
                yield from _show_occasion(person, shop, launched, about, now)
        else:
            yield from _order_occasion(person, launched, now)


def _show_occasion(person: Person, shop: Shop, launched: Launched, about: str, now: int) -> Iterator[Occasion]:
    playbook, engagement = launched.playbook, person.engagements[about]
    show = shop.shows.get(engagement.show or "")
    if show is None or show.closed_at is None or engagement.show is None:
        return
    scored = score(engagement, shop.intent)
    if scored.temperature not in playbook.temperatures:
        return
    against = (
        launched.off
        or ("show_cancelled" if show.text("cancelled") else None)
        or _ended_by(person, playbook, engagement, show)
        or (EXPIRED if now > show.closed_at + playbook.deadline else None)
    )  # fmt: skip
    reasons = ", ".join(one.code if one.amount is None else f"{one.code} {one.amount}" for one in why(scored))
    words = f"{scored.temperature} {scored.intent}: {reasons}"
    yield Occasion(launched, about, show.closed_at, _reference(engagement, show), show, words, against)


def _reference(engagement: Engagement, show: Show) -> int:
    """The start of the engagement. One that seems to begin after the show has a clock that runs ahead, or came for the
    replay: orders are stamped by the shop, so the show's own start decides for it."""
    if show.closed_at is None or engagement.first_at <= show.closed_at:
        return engagement.first_at
    return min(show.moment("started_at") or show.closed_at, show.closed_at)


def _ended_by(person: Person, playbook: Playbook, engagement: Engagement, show: Show) -> str | None:
    head = person.head
    ordered = ordered_in(person, show.show) or (head.last_order_at or 0) >= _reference(engagement, show)
    if "order" in playbook.until and ordered:
        return "ordered"
    host = head.follows.get(show.text("host") or "")
    if "unfollow" in playbook.until and host is not None and host.value == "unfollowed":
        return "unfollowed"
    return None


def _order_occasion(person: Person, launched: Launched, now: int) -> Iterator[Occasion]:
    playbook, head = launched.playbook, person.head
    if head.first_order_at is None or not head.recent_orders:
        return
    first = head.recent_orders[0]
    about = f"order#{first.order}"
    known = {row.about for row in person.reminders if row.playbook == playbook.id}
    if head.orders > 1 and not known:
        return
    against = (
        launched.off if launched.off is not None
        else "ordered" if head.orders > 1
        else EXPIRED if now > head.first_order_at + playbook.deadline
        else None
    )  # fmt: skip
    for place in sorted(known | {about}) if head.orders > 1 else (about,):
        yield Occasion(launched, place, head.first_order_at, head.first_order_at + 1, None, "first order", against)
