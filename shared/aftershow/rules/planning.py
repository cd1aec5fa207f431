"""Planning: which reminders a person should have open now, and why not.

The planner doesn't react to an event, it looks at the whole person: what is wanted is computed from the state, and the
planned rows are made equal to it. So doing it twice is doing it once, and an event that is lost is made good by the
next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aftershow.model.channels import ADDRESSES
from aftershow.model.engagements import Engagement
from aftershow.model.ids import reminder_id
from aftershow.model.instants import DAY
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Head, RecentOrder
from aftershow.rules import timing
from aftershow.rules.intent import Trained, score, why
from aftershow.rules.launching import OUTSIDE_SHARE, Launched, share_text
from aftershow.rules.people import may_be_written

# An order that names no show belongs to the last show that its customer entered within a day.
ATTRIBUTION = DAY
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Person:
    """Everything about a person that planning looks at. Engagements are united over the person's devices, by `about`;
    `reminders` are all rows of all members."""

    head: Head
    engagements: Mapping[str, Engagement]
    reminders: Sequence[Reminder]


@dataclass(frozen=True, slots=True)
class Shop:
    """What is shared by all people: playbooks, shows by id, settings."""

    playbooks: Sequence[Launched]
    shows: Mapping[str, Show]
    settings: Settings
    # The shop's own scorecard of intent; None: the default weights.
    intent: Trained | None = None


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A reminder that is not planned, and why; `share` is named to those outside of it."""

    playbook: str
    about: str
    reason: str
    share: str = ""


@dataclass(slots=True)
class Plan:
    """What to write (new, reopened, moved and cancelled rows), and who is left alone why."""

    rows: list[Reminder] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Occasion:
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


def attributed_show(order: RecentOrder, engagements: Iterable[Engagement]) -> str | None:
    """The show that an order belongs to: the one that it names, else the last entered within 24 h before it."""
    if order.show is not None:
        return order.show
    entered = [one for one in engagements if one.show and order.at - ATTRIBUTION <= one.first_at <= order.at]
    return max(entered, key=lambda one: (one.first_at, one.about)).show if entered else None


def ordered_in(person: Person, show: str) -> bool:
    """Whether an order of the person belongs to the show."""
    engagements = person.engagements.values()
    return any(attributed_show(order, engagements) == show for order in person.head.recent_orders)


def plan(person: Person, shop: Shop, now: int) -> Plan:
    """Decide what a person should have planned at the moment `now`."""
    result = Plan()
    rows = _by_place(person.reminders)
    wanted: set[str] = set()
    reasons: dict[tuple[str, str], str] = {}
    for occasion in _occasions(person, shop, now):
        reason = _against(person.head, occasion, shop.settings)
        place = (occasion.playbook.id, occasion.about)
        if reason is not None:
            reasons[place] = reason
            share = share_text(occasion.launched.share) if reason == OUTSIDE_SHARE else ""
            result.left_alone.append(LeftAlone(*place, reason, share))
            continue
        row = _next_row(person, shop, occasion, rows, now)
        if row is None:
            reasons[place] = "series_over"
            continue
        wanted.add(row.id)
        if row != rows.get(_place(row)):
            result.rows.append(row)
    for row in person.reminders:
        if row.state == "pending" and row.id not in wanted and not _still_open(row, shop):
            reason = reasons.get((row.playbook, row.about), "not_wanted")
            result.rows.append(row.ended(now, "cancelled", reason))
    return result


def _against(head: Head, occasion: _Occasion, settings: Settings) -> str | None:
    reason = occasion.reason_against
    if reason in (None, EXPIRED):
        # That nobody could write to her says more than that it is too late by now.
        reason = _unreachable(head, occasion, settings) or reason
    # Last, so that the people outside the share are those who would have got it.
    return reason or (None if occasion.launched.takes(head) else OUTSIDE_SHARE)


def _still_open(row: Reminder, shop: Shop) -> bool:
    """Whether a row's show looks open: whoever planned it knew of the end, this look at the catalog is older."""
    show = shop.shows.get(row.show or "")
    return show is not None and show.closed_at is None


def _place(row: Reminder) -> tuple[str, str, str, int]:
    return row.playbook, row.step, row.about, row.occurrence


def _by_place(rows: Iterable[Reminder]) -> dict[tuple[str, str, str, int], Reminder]:
    """One row a place: after a merge two may stand there. One that was or may have been sent comes first, then an open
    one, then the oldest; the other is not wanted any more."""
    best: dict[tuple[str, str, str, int], Reminder] = {}
    for row in sorted(rows, key=lambda one: (one.claimed_at is None, not one.open, one.created, one.id)):
        best.setdefault(_place(row), row)
    return best


def _occasions(person: Person, shop: Shop, now: int) -> Iterator[_Occasion]:
    for launched in shop.playbooks:
        if launched.playbook.trigger == "show_ended":
            for about in sorted(person.engagements):
                yield from _show_occasion(person, shop, launched, about, now)
        else:
            yield from _order_occasion(person, launched, now)


def _show_occasion(person: Person, shop: Shop, launched: Launched, about: str, now: int) -> Iterator[_Occasion]:
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
    yield _Occasion(launched, about, show.closed_at, _reference(engagement, show), show, words, against)


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


def _order_occasion(person: Person, launched: Launched, now: int) -> Iterator[_Occasion]:
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
        yield _Occasion(launched, place, head.first_order_at, head.first_order_at + 1, None, "first order", against)


def _unreachable(head: Head, occasion: _Occasion, settings: Settings) -> str | None:
    """Why none of the playbook's channels may or can reach the person; None where one does."""
    if head.erased_at is not None:
        return "erased"
    if choose_channel(head, occasion.playbook, settings)[0] is not None:
        return None
    if not any(has_address(head, channel) for channel in occasion.playbook.channels if channel in settings.channels):
        return "no_address"
    said = any(scope.startswith(f"{occasion.playbook.message_class}:") for scope in head.consent)
    return "opted_out" if said else "no_consent"


def has_address(head: Head, channel: str) -> bool:
    """Whether the profile holds an address of the channel. A file is nobody's address: it takes everybody."""
    return address_of(head, channel) is not None


def address_of(head: Head, channel: str) -> str | None:
    """The person's address on a channel."""
    if channel not in ADDRESSES:
        return None
    trait = ADDRESSES[channel]
    return head.viewer if trait is None else head.trait(trait)


def may_use(head: Head, playbook: Playbook, channel: str) -> bool:
    """Whether consent allows it. What goes to a file reaches nobody and needs none: it says what would have been
    sent."""
    return channel == "file" or may_be_written(head, playbook.message_class, channel)


def choose_channel(head: Head, playbook: Playbook, settings: Settings) -> tuple[str | None, str]:
    """The first channel of the playbook that is in use, has an address and is allowed; and what was passed over."""
    passed: list[str] = []
    for channel in playbook.channels:
        if channel not in settings.channels:
            passed.append(f"{channel}: not in use")
        elif not has_address(head, channel):
            passed.append(f"{channel}: no address")
        elif not may_use(head, playbook, channel):
            passed.append(f"{channel}: not allowed")
        else:
            return channel, "; ".join(passed)
    return None, "; ".join(passed)


def zone_of(head: Head, engagement: Engagement | None, settings: Settings) -> str:
    """The person's zone: profile, then context, then the shop's."""
    seen = engagement.zone.value if engagement and engagement.zone else None
    return head.trait("zone") or head.trait("context_zone") or seen or settings.shop_zone


def locale_of(head: Head, engagement: Engagement | None, settings: Settings) -> str:
    """The person's locale: profile, then context, then the shop's."""
    seen = engagement.locale.value if engagement and engagement.locale else None
    return head.trait("locale") or head.trait("context_locale") or seen or settings.shop_locale


def _series(playbook: Playbook) -> Iterator[tuple[PlannedStep, int, int]]:
    """(step, occurrence, gap before it) of every message, in order."""
    for step in playbook.steps:
        for occurrence in range(step.occurrences):
            yield step, occurrence, round(step.gap * step.widen ** max(occurrence - 1, 0))


def _next_row(
    person: Person, shop: Shop, occasion: _Occasion, rows: Mapping[tuple[str, str, str, int], Reminder], now: int
) -> Reminder | None:
    """The one row of the series that should be open: the first that has not ended. None: the series is over."""
    last_moment = occasion.base
    for step, occurrence, gap in _series(occasion.playbook):
        row = rows.get((occasion.playbook.id, step.id, occasion.about, occurrence))
        if row is not None and row.open:
            return _moved(person, shop, occasion, row, now)
        earliest = max(occasion.base + step.after, last_moment + gap, now)
        if row is None or row.outcome == "cancelled":
            return _planned(person, shop, occasion, step, occurrence, row, earliest, now)
        last_moment = row.claimed_at or row.outcome_at or last_moment
    return None


def _solve(person: Person, shop: Shop, occasion: _Occasion, zone: str, earliest: int) -> timing.Moment:
    playbook, settings = occasion.playbook, shop.settings
    allowed = timing.hours(*playbook.hours) & timing.quiet_mask(settings, playbook.message_class)
    sends = person.head.sends.get(playbook.message_class, ())
    free = timing.free_from(sends, timing.caps(settings, playbook.message_class))
    active = timing.active_mask(person.engagements.values(), zone)
    return timing.solve(max(earliest, free), occasion.base + playbook.deadline, zone, allowed=allowed, active=active)


def _planned(
    person: Person, shop: Shop, occasion: _Occasion, step: PlannedStep, occurrence: int, before: Reminder | None,
    earliest: int, now: int,
) -> Reminder:  # fmt: skip
    playbook, head = occasion.playbook, person.head
    engagement = person.engagements.get(occasion.about)
    zone = zone_of(head, engagement, shop.settings)
    moment = _solve(person, shop, occasion, zone, earliest)
    channel, passed = choose_channel(head, playbook, shop.settings)
    row = before or Reminder(
        id=reminder_id(playbook.id, step.id, head.viewer, occasion.about, occurrence),
        viewer=head.viewer,
        playbook=playbook.id,
        playbook_version=playbook.version,
        step=step.id,
        occurrence=occurrence,
        about=occasion.about,
        show=occasion.show.show if occasion.show else None,
        host=occasion.show.text("host") if occasion.show else None,
        channel=channel or playbook.channels[0],
        message_class=playbook.message_class,
        template=step.template,
        locale=locale_of(head, engagement, shop.settings),
        zone=zone,
        created=now,
        reference=occasion.reference,
        due=moment.at or earliest,
        deadline=occasion.base + playbook.deadline,
    )
    reopened = {"state": "pending", "outcome": None, "reason": None, "outcome_at": None, "due": moment.at or earliest,
                "zone": zone, "channel": channel or row.channel}  # fmt: skip
    row = row.with_step(now, "planned", occasion.why, **(reopened if before else {}))
    row = row.with_step(now, "channel", f"{row.channel}" + (f" (passed over: {passed})" if passed else ""))
    if moment.at is None:
        return row.with_step(now, "moment", moment.trace).ended(now, "skipped", moment.reason)
    return row.with_step(now, "moment", moment.trace)


def _moved(person: Person, shop: Shop, occasion: _Occasion, row: Reminder, now: int) -> Reminder:
    """A row that stands keeps its moment, unless the viewer's zone is another one now."""
    zone = zone_of(person.head, person.engagements.get(occasion.about), shop.settings)
    if row.state != "pending" or row.zone == zone:
        return row
    moment = _solve(person, shop, occasion, zone, max(row.due, now))
    if moment.at is None:
        return row.ended(now, "skipped", moment.reason, moment.trace)
    return row.with_step(now, "moved", moment.trace, due=moment.at, zone=zone)
