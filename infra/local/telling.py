"""What happened in a run, told from its records: the demo's summary and JSON, and one viewer's explanation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aftershow.model.engagements import Engagement, Kind, Temperature
from aftershow.model.instants import at_zone, iso
from aftershow.model.ledger import ISSUED
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder, Step
from aftershow.rules.intent import score
from aftershow.rules.planning import address_of, attributed_show, choose_channel, plan, zone_of
from aftershow.rules.viewing import lead
from infra.local.records import Human, Records
from infra.local.report import STORY_LINES
from infra.local.summary import (
    Because,
    Count,
    Events,
    Ledger,
    MessageRow,
    NonOrderer,
    ReminderRow,
    Story,
    StoryLine,
    Summary,
)

# As much of a viewer id as a person can compare; `explain` takes it.
SHORT_ID = 10
_WARMTH: Mapping[Temperature, int] = {"hot": 2, "considering": 1, "cold": 0}


@dataclass(frozen=True, slots=True)
class Watcher:
    """A person who was in a show, as the show's end found them."""

    human: Human
    engagement: Engagement
    ordered: bool
    reminders: tuple[Reminder, ...]

    @property
    def messaged(self) -> list[Reminder]:
        """Reminders that left, or may have."""
        return [row for row in self.reminders if row.sent_at is not None]


def watchers(records: Records) -> list[Watcher]:
    """Everybody who was in a show, with their warmest engagement; `ordered`: in a show that they were in, before it
    was over."""
    found: list[Watcher] = []
    for human in records.humans.values():
        engagements = records.engagements_of(human)
        if not engagements:
            continue
        warmest = max(engagements.values(), key=lambda one: (score(one).intent, one.about))
        ordered = _ordered_in_show(records, human, engagements)
        found.append(Watcher(human, warmest, ordered, tuple(records.reminders_of(human))))
    return found


def _ordered_in_show(records: Records, human: Human, engagements: Mapping[str, Engagement]) -> bool:
    for order in human.head.recent_orders if human.head else ():
        show = records.shows.get(attributed_show(order, engagements.values()) or "")
        if show is not None and f"show#{show.show}" in engagements and order.at <= (show.closed_at or records.now):
            return True
    return False


def events(tally: Mapping[str, int]) -> Events:
    """What became of the events of a run, from what the scorer logged."""
    duplicate, dead = tally.get("scored.duplicates", 0), tally.get("scored.dead", 0)
    return Events(accepted=tally.get("scored.events", 0) - duplicate - dead, duplicate=duplicate, dead=dead)


def ledger(records: Records) -> Ledger:
    """The points, recounted from the entries; the balances are the accounts' own."""
    moved = [sum(leg.points for leg in entry.legs if leg.account != ISSUED) for entry in records.entries]
    return Ledger(
        earned=sum(points for points in moved if points > 0),
        reversed=-sum(points for points in moved if points < 0),
        balance_sum=sum(account.balance for account in records.accounts),
        entries=len(records.entries),
    )


def reminder_json(row: Reminder) -> dict[str, object]:
    """A reminder as `--json` has it."""
    return {
        "id": row.id,
        "viewer": row.viewer,
        "playbook": row.playbook,
        "step": row.step,
        "channel": row.channel,
        "created": iso(row.created),
        "due": iso(row.due),
        "outcome": row.outcome,
        "reason": row.reason,
        "outcome_at": iso(row.outcome_at) if row.outcome_at is not None else None,
    }


def run_json(records: Records, tally: Mapping[str, int], *, synthetic: bool) -> dict[str, object]:
    """The whole run as `--json` has it."""
    people = watchers(records)
    told, points = events(tally), ledger(records)
    return {
        "synthetic": synthetic,
        "events": {"accepted": told.accepted, "duplicate": told.duplicate, "dead": told.dead},
        "viewers": len(people),
        "orderers": sum(one.ordered for one in people),
        "non_orderers": sum(not one.ordered for one in people),
        "reminders": [reminder_json(row) for row in records.reminders],
        "messages": [
            {
                "reminder": row.id,
                "channel": row.channel,
                "class": row.message_class,
                "at": iso(row.sent_at),
                "local_time": iso(row.sent_at, row.zone),
            }
            for row in sorted(records.reminders, key=lambda one: (one.sent_at or 0, one.id))
            if row.sent_at is not None
        ],
        "ledger": {
            "earned": points.earned,
            "reversed": points.reversed,
            "balance_sum": points.balance_sum,
            "entries": points.entries,
        },
    }


def summary(records: Records, tally: Mapping[str, int], begins_at: int, *, synthetic: bool) -> Summary:
    """The run as one plain value for the report."""
    people = watchers(records)
    left = [one for one in people if not one.ordered]
    reminded = [one for one in left if one.messaged]
    won = [order for order in records.orders if order.won_by is not None]
    winners = {lead(records.heads, order.viewer or "") for order in won}
    funnel = (
        []
        if not people
        else [
            Count("watched", len(people)),
            Count("no_order", len(left)),
            Count("almost_bought", sum(score(one.engagement).temperature == "hot" for one in left)),
            Count("reachable", sum(_reachable(records, one) == "" for one in left)),
            Count("reminded", len(reminded)),
            Count("clicked", sum(any(row.feedback.clicked_at for row in one.messaged) for one in reminded)),
            Count("won_back", sum(one.human.viewer in winners for one in reminded)),
        ]
    )
    alone = Counter(_why_alone(records, one) for one in left if not one.messaged)
    shows = sorted(records.shows.values(), key=lambda show: (show.closed_at or records.now, show.show))
    return Summary(
        synthetic=synthetic,
        shop=records.settings.shop_name,
        shows=tuple(show.text("title") or show.show for show in shows),
        begins_at=begins_at,
        ends_at=records.now,
        zone=records.settings.shop_zone,
        currency=records.settings.shop_currency,
        viewers=len(people),
        customers=len({lead(records.heads, order.viewer) for order in records.orders if order.viewer and order.hash}),
        orders=sum(order.hash is not None for order in records.orders),
        ordered_in_show=len(people) - len(left),
        funnel=tuple(funnel),
        left_alone=tuple(Count(code, count) for code, count in alone.most_common()),
        won_back_orders=len(won),
        won_back_minor=sum(order.minor for order in won if order.currency == records.settings.shop_currency),
        events=events(tally),
        ledger=ledger(records),
        non_orderers=tuple(_non_orderers(records, left)),
        reminders=tuple(sorted(_reminder_rows(records), key=lambda row: (row.temperature == "", row.due, row.viewer))),
        messages=tuple(_message_rows(records)),
        story=_best_story(records, people),
        playbooks={one.id: one.title for one in records.playbooks},
    )


def _reachable(records: Records, one: Watcher) -> str:
    """Empty where some playbook's channel reaches the person, else why not."""
    head = one.human.head
    if head is None:
        return "no_identity"
    if one.messaged:
        return ""
    if any(choose_channel(head, playbook, records.settings)[0] for playbook in records.playbooks):
        return ""
    if not any(address_of(head, channel) for channel in records.settings.channels):
        return "no_address"
    return "opted_out" if head.consent else "no_consent"


def _why_alone(records: Records, one: Watcher) -> str:
    unreachable = _reachable(records, one)
    if unreachable:
        return unreachable
    rows = sorted(one.reminders, key=lambda row: (row.outcome_at or 0, row.id))
    if rows:
        return rows[-1].reason or "open"
    person = records.person(one.human)
    reasons = [left.reason for left in plan(person, records.shop, records.now).left_alone] if person else []
    return reasons[0] if reasons else "no_playbook"


def because(engagement: Engagement) -> tuple[Because, ...]:
    """The reasons of an engagement's score."""
    return tuple(Because(reason.code, reason.amount) for reason in score(engagement).reasons)


def _non_orderers(records: Records, left: Iterable[Watcher]) -> Iterator[NonOrderer]:
    for one in sorted(left, key=lambda each: (-score(each.engagement).intent, each.human.viewer)):
        scored = score(one.engagement)
        yield NonOrderer(
            viewer=one.human.viewer[:SHORT_ID],
            temperature=scored.temperature,
            intent=scored.intent,
            because=because(one.engagement),
            unreachable=_reachable(records, one),
        )


def _reminder_rows(records: Records) -> Iterator[ReminderRow]:
    for row in records.reminders:
        human = records.of_viewer(row.viewer)
        engagement = records.engagements_of(human).get(row.about) if human else None
        yield ReminderRow(
            viewer=row.viewer[:SHORT_ID],
            playbook=row.playbook,
            channel=row.channel,
            temperature=score(engagement).temperature if engagement else "",
            because=because(engagement) if engagement else (Because("first_order"),),
            due=row.due,
            zone=row.zone,
            outcome=row.outcome,
            reason=row.reason,
            outcome_at=row.outcome_at,
        )


def _message_rows(records: Records) -> Iterator[MessageRow]:
    for row in sorted(records.reminders, key=lambda one: (one.sent_at or 0, one.id)):
        if row.sent_at is not None:
            yield MessageRow(row.viewer[:SHORT_ID], row.channel, row.message_class, row.sent_at, row.zone)


def _best_story(records: Records, people: Iterable[Watcher]) -> Story | None:
    """The story that shows most: won back, refunded, a series that ended early, many reasons."""

    def richness(one: Watcher) -> tuple[bool, int, int, str]:
        orders = records.orders_of(one.human)
        shows = [
            any(order.won_by for order in orders),
            any(row.reason == "ordered" for row in one.reminders),
            any(row.feedback.clicked_at for row in one.reminders),
            any(order.refunds or order.cancelled for order in orders),
            bool(one.engagement.cart_lines()),
        ]
        lines = len(story(records, one.human).lines)
        return (lines <= STORY_LINES, sum(shows), lines, one.human.viewer)

    told = [one for one in people if one.messaged]
    return story(records, max(told, key=richness).human) if told else None


def story(records: Records, human: Human) -> Story:
    """A person's time line, oldest line first."""
    engagements = records.engagements_of(human)
    newest = max(engagements.values(), key=lambda one: one.last_at, default=None)
    zone = zone_of(human.head, newest, records.settings) if human.head else records.settings.shop_zone
    lines = [
        *(line for one in engagements.values() for line in _of_engagement(records, one)),
        *_of_head(human),
        *(line for row in records.reminders_of(human) for line in _of_reminder(row, engagements.get(row.about))),
        *(line for order in records.orders_of(human) for line in _of_order(order)),
        *_of_ledger(records, human),
    ]
    return Story(human.viewer[:SHORT_ID], zone, tuple(sorted(lines, key=lambda line: line.at)))


def _of_engagement(records: Records, engagement: Engagement) -> Iterator[StoryLine]:
    show = records.shows.get(engagement.show or "")
    title = (show.text("title") if show else None) or engagement.about
    yield StoryLine(engagement.first_at, "entered", detail=title)
    minutes = (engagement.watch_seconds or 0) // 60
    for line in engagement.cart_lines().values():
        yield StoryLine(line.at, "added", line.quantity, line.name or "")
    counts = engagement.counts()
    asked = [Because(kind.name.lower(), counts[kind]) for kind in counts if kind >= Kind.ASKED_PRICE]
    yield StoryLine(
        engagement.last_at,
        "left",
        because=((Because("watched_minutes", minutes), *asked) if minutes else tuple(asked)),
    )
    if show is not None and show.closed_at is not None:
        scored = score(engagement)
        yield StoryLine(
            show.closed_at,
            "show_ended",
            because=(Because(f"intent_{scored.temperature}", scored.intent), *because(engagement)),
        )


def _of_head(human: Human) -> Iterator[StoryLine]:
    head = human.head
    if head is None:
        return
    if "email" in head.traits:
        yield StoryLine(head.traits["email"].at, "identified")
    # One statement may stand for several of a person's identities: it is told once.
    statements = {said.id: (scope, said) for scope, origins in head.consent.items() for said in origins.values()}
    for scope, said in statements.values():
        code = "consented" if said.state == "granted" else "withdrawn"
        yield StoryLine(said.at, code, detail=said.source or "", because=tuple(map(Because, scope.split(":"))))


def _of_reminder(row: Reminder, engagement: Engagement | None) -> Iterator[StoryLine]:
    for step in row.trace:
        if step.code == "planned":
            reasons = because(engagement) if engagement else (Because("first_order"),)
            yield StoryLine(step.at, "planned", detail=f"{row.playbook} / {row.step}", because=reasons)
        else:
            yield _of_step(step)


# How the time solver writes down what it found: moment zone: how (hours, why).
_SOLVED = re.compile(r"^(\S+) \S+: (at once|moved from \S+) \(([^,)]*)(?:, ([^)]*))?\)$")
_CODED = {
    "at once": "at_once",
    "any hour": "any_hour",
    "in active hours": "in_active_hours",
    "no active hour is allowed": "no_active_hour",
    "no active hour before the deadline": "no_active_hour",
}


def _of_step(step: Step) -> StoryLine:
    """A line of a reminder's trace, with codes in the place of English words where there are some."""
    if step.code == "channel":
        channel, _, passed = step.detail.partition(" ")
        return StoryLine(step.at, step.code, detail=passed, because=(Because(channel),))
    if step.code == "claimed":
        return StoryLine(step.at, step.code, detail="" if step.detail == "attempt 1" else step.detail)
    solved = _SOLVED.match(step.detail)
    if solved is None:
        return StoryLine(step.at, step.code, detail=step.detail)
    hours = _CODED.get(solved[3], solved[3])
    words = (_CODED.get(solved[2], ""), hours, _CODED.get(solved[4] or "", ""))
    return StoryLine(
        step.at,
        step.code,
        detail=solved[1][:16].replace("T", " "),
        because=tuple(Because(word) for word in words if word),
    )


def _of_order(order: Order) -> Iterator[StoryLine]:
    if order.at is not None and order.hash is not None:
        yield StoryLine(order.at, "order_completed", detail=f"{order.minor / 100:.2f} {order.currency}")
    for refund in order.refunds:
        yield StoryLine(refund.at, "refunded", detail=f"{refund.minor / 100:.2f} {order.currency}")
    if order.cancelled is not None:
        yield StoryLine(order.cancelled.at, "order_cancelled")


def _of_ledger(records: Records, human: Human) -> Iterator[StoryLine]:
    for entry in records.entries_of(human):
        code = "points_earned" if entry.points >= 0 else "points_reversed"
        yield StoryLine(entry.at, code, abs(entry.points), because=(Because(entry.reason.replace(" ", "_")),))


def explanation(records: Records, human: Human) -> dict[str, Any]:
    """Everything known about a person, with every decision, its reason and its trace."""
    person = records.person(human)
    head = human.head
    engagements = records.engagements_of(human, shows_only=False)
    decided = plan(person, records.shop, records.now) if person else None
    accounts = [account for account in records.accounts if account.viewer in human.members]
    return {
        "viewer": human.viewer,
        "members": list(human.members),
        "now": iso(records.now),
        "profile": {name: said.value for name, said in head.traits.items()} if head else {},
        "consent": _consent(human),
        "follows": {host: said.value for host, said in head.follows.items()} if head else {},
        "refused_merges": list(head.refused_merges) if head else [],
        "engagements": [_engagement(one) for one in engagements.values()],
        "orders": [
            {**one.model_dump(exclude_defaults=True), "at": iso(one.at) if one.at is not None else None}
            for one in records.orders_of(human)
        ],
        "reminders": [_reminder(row) for row in records.reminders_of(human)],
        "left_alone": [
            {"playbook": one.playbook, "about": one.about, "reason": one.reason}
            for one in (decided.left_alone if decided else ())
        ]
        or ([] if head else [{"playbook": None, "about": None, "reason": "no_identity"}]),
        "points": {
            "balance": sum(account.balance for account in accounts),
            "earned": sum(account.earned for account in accounts),
            "reversed": sum(account.reversed for account in accounts),
            "entries": [
                {"at": iso(entry.at), "points": entry.points, "reason": entry.reason, "key": entry.key}
                for entry in records.entries_of(human)
            ],
        },
    }


def _consent(human: Human) -> list[dict[str, object]]:
    origins = human.head.consent.items() if human.head else ()
    return [
        {"scope": scope, "origin": origin, **said.model_dump(exclude_defaults=True), "at": iso(said.at)}
        for scope, by_origin in origins
        for origin, said in by_origin.items()
    ]


def _engagement(engagement: Engagement) -> dict[str, object]:
    scored = score(engagement)
    return {
        "about": engagement.about,
        "from": iso(engagement.first_at),
        "to": iso(engagement.last_at),
        "watch_seconds": engagement.watch_seconds,
        "counts": {kind.name.lower(): number for kind, number in sorted(engagement.counts().items())},
        "estimated": engagement.estimated,
        "cart": {product: line.quantity for product, line in engagement.cart_lines().items()},
        "source": engagement.source.value if engagement.source else None,
        "intent": scored.intent,
        "temperature": scored.temperature,
        "reasons": [reason.model_dump() for reason in scored.reasons],
        "score_version": scored.version,
    }


def _reminder(row: Reminder) -> dict[str, object]:
    return {
        **reminder_json(row),
        "about": row.about,
        "due_local": at_zone(row.due, row.zone).isoformat(timespec="minutes"),
        "feedback": {
            name: iso(value) if isinstance(value, int) else value
            for name, value in row.feedback.model_dump(exclude_none=True).items()
        },
        "trace": [{"at": iso(step.at), "step": step.code, "detail": step.detail} for step in row.trace],
    }
