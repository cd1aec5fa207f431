"""Planning: which reminders a person should have open now, and why not.

The planner doesn't react to an event, it looks at the whole person: what is wanted is computed from the state, and the
planned rows are made equal to it. So doing it twice is doing it once, and an event that is lost is made good by the
next look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aftershow.model.engagements import Engagement
from aftershow.model.ids import reminder_id
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.model.reminders import Feedback, Recall, Reminder
from aftershow.model.rule_packs import ContentKind
from aftershow.model.settings import Settings
from aftershow.model.viewers import Head
from aftershow.rules import drafts, responses, timing
from aftershow.rules.choosing import (
    Case,
    Choice,
    against_person,
    all_channels,
    choose,
    has_address,
    said_stop,
)
from aftershow.rules.launching import OUTSIDE_SHARE, share_text
from aftershow.rules.lawful import Judgement, case_of, judge
from aftershow.rules.occasions import EXPIRED, Occasion, Person, Shop, occasions, ordered_in
from aftershow.rules.preferences import preferences

__all__ = [
    "EXPIRED", "LeftAlone", "Person", "Plan", "Shop", "locale_of", "ordered_in", "plan", "zone_of",
]  # fmt: skip

# Why a series has no row to be open.
SERIES_OVER, RESPONDED, NO_CHANNEL = "series_over", "responded", "no_channel"
# The rule packs bar what the playbook says from every channel that reaches the person.
RULE_PACK = "rule_pack"


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
class _View:
    """What one look sees: the person, the shop, rows by place, how the person answered so far, the moment."""

    person: Person
    shop: Shop
    rows: Mapping[tuple[str, str, str, int], Reminder]
    answers: Mapping[str, responses.Tally]
    answered_at: tuple[int, ...]
    now: int


def plan(person: Person, shop: Shop, now: int) -> Plan:
    """Decide what a person should have planned at the moment `now`."""
    result = Plan()
    rows = _by_place(person.reminders)
    answers = responses.by_channel(person.reminders, now), responses.moments(person.reminders)
    view = _View(person, shop, rows, *answers, now)
    wanted: set[str] = set()
    reasons: dict[tuple[str, str], str] = {}
    for occasion in occasions(person, shop, now):
        reason = _against(person.head, occasion, shop)
        place = (occasion.playbook.id, occasion.about)
        if reason is not None:
            reasons[place] = reason
            share = share_text(occasion.launched.share) if reason == OUTSIDE_SHARE else ""
            result.left_alone.append(LeftAlone(*place, reason, share))
            continue
        row, reasons[place] = _next_row(view, occasion)
        if row is None:
            continue
        wanted.add(row.id)
        if row != rows.get(_place(row)):
            result.rows.append(row)
    for row in person.reminders:
        if row.id not in wanted and not _still_open(row, shop):
            over = _unwanted(row, reasons.get((row.playbook, row.about), "not_wanted"), now)
            result.rows += [over] if over != row else []
    return result


def _unwanted(row: Reminder, reason: str, now: int) -> Reminder:
    """A row that is not wanted any more: over, or its draft is to be taken back. What is being sent is left alone."""
    if row.state == "pending":
        return row.ended(now, "cancelled", reason)
    if row.state == "awaiting" and row.recall is None:
        return drafts.to_take_back(row, Recall(outcome="cancelled", reason=reason, since=now))
    return row


def _against(head: Head, occasion: Occasion, shop: Shop) -> str | None:
    reason = occasion.reason_against
    if reason in (None, EXPIRED):
        # That nobody could write to her says more than that it is too late by now.
        reason = _unreachable(head, occasion, shop) or reason
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


def _unreachable(head: Head, occasion: Occasion, shop: Shop) -> str | None:
    """Why none of the playbook's channels may or can reach the person; None where one does."""
    if head.erased_at is not None:
        return "erased"
    if preferences(head).refuses(occasion.playbook):
        return "topic_off"
    playbook, settings = occasion.playbook, shop.settings
    allowed = [one for one in all_channels(playbook) if not against_person(head, playbook, settings, one)]
    unsaid = [one for one in allowed if not said_stop(head, playbook, one, occasion.reference)]
    if unsaid:
        ways = [(one, step.id) for step in playbook.steps for one in playbook.channels_of(step.id) if one in unsaid]
        barred = all(_judged(head, playbook, shop, one, playbook.kinds_of(step)).barred for one, step in ways)
        return RULE_PACK if barred else None
    if allowed:
        return "opted_out"
    if not any(has_address(head, channel) for channel in all_channels(playbook) if channel in settings.channels):
        return "no_address"
    said = any(scope.startswith(f"{playbook.message_class}:") for scope in head.consent)
    return "opted_out" if said else "no_consent"


def _judged(
    head: Head, playbook: Playbook, shop: Shop, channel: str, kinds: Iterable[ContentKind], zone: str | None = None
) -> Judgement:
    about = case_of(head, channel, playbook.message_class, kinds, zone, shop.rulebook, shop.settings)
    return judge(shop.rulebook, about)


def own_zone(head: Head, engagement: Engagement | None) -> str | None:
    """The person's own zone: profile, then context; None where nothing tells it."""
    seen = engagement.zone.value if engagement and engagement.zone else None
    return head.trait("zone") or head.trait("context_zone") or seen


def zone_of(head: Head, engagement: Engagement | None, settings: Settings) -> str:
    """The person's zone, else the shop's."""
    return own_zone(head, engagement) or settings.shop_zone


def locale_of(head: Head, engagement: Engagement | None, settings: Settings) -> str:
    """The person's locale: profile, then context, then the shop's."""
    seen = engagement.locale.value if engagement and engagement.locale else None
    return head.trait("locale") or head.trait("context_locale") or seen or settings.shop_locale


def _series(view: _View, occasion: Occasion) -> list[tuple[PlannedStep, int, int, Reminder | None]]:
    """(step, occurrence, gap before it, its row) of every message, in order."""
    about, playbook = occasion.about, occasion.playbook
    return [
        (step, number, round(step.gap * step.widen ** max(number - 1, 0)),
         view.rows.get((playbook.id, step.id, about, number)))
        for step in playbook.steps
        for number in range(step.occurrences)
    ]  # fmt: skip


def _next_row(view: _View, occasion: Occasion) -> tuple[Reminder | None, str]:
    """The one row of the series that should be open: the first that has not ended, or that goes on to another channel.
    None: the series is over, and why; the reason is also for rows that are not wanted any more."""
    last_moment, answered, reason = occasion.base, False, "not_wanted"
    series = _series(view, occasion)
    # What comes before a message that was claimed is over: nobody gets the first word after the second.
    claimed = [number for number, (*_, row) in enumerate(series) if row is not None and row.claimed_at is not None]
    for number, (step, occurrence, gap, row) in enumerate(series):
        if step.when == "no_response" and answered:
            return None, RESPONDED
        if row is not None and row.state in ("sending", "awaiting"):
            return row, reason
        if number >= max(claimed, default=0) and _may_open(row):
            earliest = max(occasion.base + step.after, last_moment + gap, view.now)
            wanted = _opened(view, occasion, step, occurrence, row, earliest)
            if wanted is not None:
                return wanted, reason
            reason = NO_CHANNEL
        if row is not None:
            last_moment = row.claimed_at or row.outcome_at or last_moment
            answered = answered or responses.answered(row)
    return None, SERIES_OVER if reason == "not_wanted" else reason


def _may_open(row: Reminder | None) -> bool:
    """Whether a place of the series still waits for its message."""
    return row is None or row.state == "pending" or row.outcome == "cancelled" or goes_on(row)


def goes_on(row: Reminder) -> bool:
    """Whether a reminder that ended may go on to another channel: it reached nobody on its own, and nobody complained.
    What may have been taken is never sent again."""
    ended_so = row.outcome in ("failed", "skipped") and row.channel in row.tried
    return ended_so and row.feedback.complained_at is None


def _opened(
    view: _View, occasion: Occasion, step: PlannedStep, occurrence: int, row: Reminder | None, earliest: int
) -> Reminder | None:
    """The row of a place as it should be; None where no channel can carry it, or not in time on the next one."""
    if row is not None and row.state == "pending":
        return _moved(view, occasion, row)
    return _planned(view, occasion, step, occurrence, row, earliest)


def _solve(
    view: _View, occasion: Occasion, zone: str, earliest: int, channel: str = "", legal: Sequence[timing.Window] = ()
) -> timing.Moment:
    playbook, settings, terms = occasion.playbook, view.shop.settings, view.shop.standing.terms
    allowed = timing.hours(*playbook.hours) & timing.quiet_mask(settings, playbook.message_class)
    sends = view.person.head.sends.get(playbook.message_class, ())
    own = preferences(view.person.head)
    caps = timing.caps(settings, playbook.message_class, playbook.caps) + own.caps(playbook.message_class)
    free = max(
        timing.free_from(sends, caps),
        timing.free_on(sends, channel, terms.caps_of(channel, playbook.message_class)),
    )
    active = timing.active_mask(view.person.engagements.values(), zone, view.answered_at)
    paused, deadline = own.pause(playbook.message_class), occasion.base + playbook.deadline
    begins = max(earliest, free, paused)
    moment = timing.solve(begins, deadline, zone, allowed=allowed, active=active, legal=legal)
    ended_by_pause = moment.at is None and paused > max(earliest, free)
    return replace(moment, reason="paused") if ended_by_pause else moment


def _chosen(
    view: _View, occasion: Occasion, step: str, row: Reminder | None, template: str, earliest: int
) -> tuple[Choice, Judgement]:
    """The choice for a step, and what the rule packs say of the channel that was chosen."""
    head, playbook = view.person.head, occasion.playbook
    zone, kinds = own_zone(head, view.person.engagements.get(occasion.about)), playbook.kinds_of(step)
    judgements = {one: _judged(head, playbook, view.shop, one, kinds, zone) for one in playbook.channels_of(step)}
    choice = choose(
        Case(
            head=view.person.head,
            playbook=occasion.playbook,
            step=step,
            template=template,
            settings=view.shop.settings,
            standing=view.shop.standing,
            responses=view.answers,
            tried=row.tried if row else (),
            since=occasion.reference,
            earliest=earliest,
            deadline=occasion.base + occasion.playbook.deadline,
            judgements=judgements,
        )
    )
    return choice, judgements.get(choice.channel or "", Judgement())


def _told(choice: Choice, judgement: Judgement) -> str:
    """The choice for the trace, with the packs that had a word in it: "sms [CN-SMS 1] (passed over: ...)"."""
    channel, space, reasons = choice.trace.partition(" ")
    named = f" [{judgement.named}]" if judgement.packs else ""
    return f"{channel}{named}{space}{reasons}"


def _planned(
    view: _View, occasion: Occasion, step: PlannedStep, occurrence: int, before: Reminder | None, earliest: int
) -> Reminder | None:
    playbook, head, now = occasion.playbook, view.person.head, view.now
    engagement = view.person.engagements.get(occasion.about)
    zone = zone_of(head, engagement, view.shop.settings)
    anyhow = _solve(view, occasion, zone, earliest).at or earliest
    template = before.template if before else step.template
    choice, judgement = _chosen(view, occasion, step.id, before, template, anyhow)
    if choice.channel is None:
        return None
    moment = _solve(view, occasion, zone, earliest, choice.channel, judgement.windows)
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
        channel=choice.channel,
        message_class=playbook.message_class,
        template=step.template,
        locale=locale_of(head, engagement, view.shop.settings),
        zone=zone,
        created=now,
        reference=occasion.reference,
        due=moment.at or earliest,
        deadline=occasion.base + playbook.deadline,
    )
    if before is not None and goes_on(before):
        if moment.at is None:
            return None
        row = _on_another_channel(before, now)
    else:
        row = row.with_step(now, "planned", occasion.why)
    opened = {"state": "pending", "outcome": None, "reason": None, "outcome_at": None, "due": moment.at or earliest,
              "zone": zone, "zone_assumed": own_zone(head, engagement) is None, "channel": choice.channel}  # fmt: skip
    row = row.with_step(now, "channel", _told(choice, judgement), **opened).with_step(now, "moment", moment.trace)
    return row if moment.at is not None else row.ended(now, "skipped", moment.reason)


def _on_another_channel(row: Reminder, now: int) -> Reminder:
    """The row without what belongs to the message that reached nobody."""
    forgotten = {"address": None, "claimed_at": None, "sent_at": None, "provider_id": None, "links": (),
                 "feedback": Feedback()}  # fmt: skip
    return row.with_step(now, "fallback", f"{row.channel}: {row.reason}", **forgotten)


def _moved(view: _View, occasion: Occasion, row: Reminder) -> Reminder | None:
    """A row that stands keeps its moment, unless the viewer's zone is another one now, and its channel, unless another
    one is the better choice now."""
    now = view.now
    head, engagement = view.person.head, view.person.engagements.get(occasion.about)
    zone, assumed = zone_of(head, engagement, view.shop.settings), own_zone(head, engagement) is None
    choice, judgement = _chosen(view, occasion, row.step, row, row.template, max(row.due, now))
    if choice.channel is None:
        return None
    if (row.zone, row.zone_assumed, row.channel) == (zone, assumed, choice.channel):
        return row
    row = row.model_copy(update={"zone_assumed": assumed})
    moment = _solve(view, occasion, zone, max(row.due, now), choice.channel, judgement.windows)
    if row.channel != choice.channel:
        row = row.with_step(now, "channel", _told(choice, judgement), channel=choice.channel)
    if moment.at is None:
        return row.ended(now, "skipped", moment.reason, moment.trace)
    if (moment.at, zone) == (row.due, row.zone):
        return row
    return row.with_step(now, "moved", moment.trace, due=moment.at, zone=zone)
