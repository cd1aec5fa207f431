"""What happened in a run, told from its records: the demo's summary and JSON, and one viewer's explanation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftershow.model.engagements import Engagement
from aftershow.model.ids import kind_of
from aftershow.model.instants import at_zone, iso
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import RecentOrder
from aftershow.rules.attribution import attributed_show
from aftershow.rules.choosing import address_of, reaches
from aftershow.rules.coverage import SCORES, Trust, trust
from aftershow.rules.merging import lead
from aftershow.rules.obstacle import UNKNOWN, held_back
from aftershow.rules.planning import EXPIRED, LeftAlone, plan, zone_of
from aftershow.rules.preferences import preferences
from aftershow.rules.reachability import Reach, reachability
from infra.local.books import entry_json, ledger, points_json
from infra.local.engagements_told import engagement_json, orders_in
from infra.local.labels_told import labels_json, peak_json, recommended_json
from infra.local.records import Human, Records
from infra.local.report import STORY_LINES
from infra.local.stories import SHORT_ID, because, planned_because, story
from infra.local.summary import (
    Count,
    Events,
    MessageRow,
    NonOrderer,
    ReminderRow,
    Story,
    Summary,
)


@dataclass(frozen=True, slots=True)
class Watcher:
    """A person who was in a show: their warmest engagement as it is known now, and whether they ordered in the first
    show that they were in, before it was over."""

    human: Human
    engagement: Engagement
    ordered: bool
    reminders: tuple[Reminder, ...]

    @property
    def messaged(self) -> list[Reminder]:
        """Reminders that left, or may have."""
        return [row for row in self.reminders if row.sent_at is not None]


def watchers(records: Records) -> list[Watcher]:
    """Everybody who was in a show."""
    found: list[Watcher] = []
    for human in records.humans.values():
        engagements = records.engagements_of(human)
        if not engagements:
            continue
        warmest = max(engagements.values(), key=lambda one: (records.score(one).intent, one.about))
        ordered = _ordered_in_show(records, human, engagements)
        found.append(Watcher(human, warmest, ordered, tuple(records.reminders_of(human))))
    return found


def _ordered_in_show(records: Records, human: Human, engagements: Mapping[str, Engagement]) -> bool:
    """In the first show: whoever was reminded of it and orders in the next one was won back."""
    shows = [show for one in engagements.values() if (show := records.shows.get(one.show or ""))]
    first = min(shows, key=lambda show: (show.closed_at or records.now, show.show), default=None)
    if first is None or human.head is None:
        return False
    closed_at = first.closed_at or records.now
    return any(
        order.at <= closed_at and attributed_show(order, engagements.values()) == first.show
        for order in human.head.recent_orders
    )


def events(tally: Mapping[str, int]) -> Events:
    """What became of the events of a run, from what the scorer logged."""
    duplicate, dead = tally.get("scored.duplicates", 0), tally.get("scored.dead", 0)
    return Events(accepted=tally.get("scored.events", 0) - duplicate - dead, duplicate=duplicate, dead=dead)


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
        "unknown": {one.name: [list(group) for group in one.missing] for one in _unknown(records)},
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
            "expired": points.expired,
            "spent": points.spent,
            "balance_sum": points.balance_sum,
            "negative_accounts": points.negative_accounts,
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
            Count("almost_bought", sum(records.score(one.engagement).temperature == "hot" for one in left)),
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
        unknown=_unknown(records) if people else (),
    )


def _unknown(records: Records) -> tuple[Trust, ...]:
    """What nobody can know of this shop: what was not observed is unknown, not zero."""
    judged = (trust(need, records.signals) for need in SCORES)
    return tuple(one for one in judged if one.verdict == "unknown")


def _reachable(records: Records, one: Watcher) -> str:
    """Empty where some playbook's channel reaches the person, else why not."""
    head = one.human.head
    if head is None:
        return "no_identity"
    if one.messaged:
        return ""
    if any(reaches(head, playbook, records.settings) for playbook in records.playbooks):
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
        return rows[-1].reason or "planned_already"
    person = records.person(one.human)
    reasons = [left.reason for left in plan(person, records.shop, records.now).left_alone] if person else []
    return reasons[0] if reasons else "no_playbook"


def _non_orderers(records: Records, left: Iterable[Watcher]) -> Iterator[NonOrderer]:
    for one in sorted(left, key=lambda each: (-records.score(each.engagement).intent, each.human.viewer)):
        scored = records.score(one.engagement)
        yield NonOrderer(
            viewer=one.human.viewer[:SHORT_ID],
            temperature=scored.temperature,
            intent=scored.intent,
            because=because(records, one.engagement),
            obstacle=(held_back(one.engagement) or UNKNOWN).obstacle,
            unreachable=_reachable(records, one),
        )


def _reminder_rows(records: Records) -> Iterator[ReminderRow]:
    for row in records.reminders:
        temperature, reasons = planned_because(row)
        yield ReminderRow(
            viewer=row.viewer[:SHORT_ID],
            playbook=row.playbook,
            channel=row.channel,
            temperature=temperature,
            because=reasons,
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


def explanation(records: Records, human: Human) -> dict[str, Any]:
    """Everything known about a person, with every decision, its reason and its trace."""
    person = records.person(human)
    head = human.head
    engagements = records.engagements_of(human, shows_only=False)
    # Who got a message about a show was not too late for it.
    written_to = {(row.playbook, row.about) for row in records.reminders_of(human) if row.sent_at is not None}
    decided = plan(person, records.shop, records.now) if person else None
    accounts = records.accounts_of(human)
    return {
        "viewer": human.viewer,
        "members": list(human.members),
        "now": iso(records.now),
        "profile": {name: said.value for name, said in head.traits.items()} if head else {},
        "consent": _consent(human),
        "preferences": _preferences(human),
        "stated_reason": head.stated_reason.value if head and head.stated_reason else None,
        "complaints": {name: said.value for name, said in head.complaints.items()} if head else {},
        "reachability": [_reach(one) for one in _reachability(records, human)],
        "follows": {host: said.value for host, said in head.follows.items()} if head else {},
        "identifiers": [{"kind": kind_of(name), "name": name} for name in head.identifiers] if head else [],
        "refused_merges": [
            {"kind": kind_of(one.name), "name": one.name, "reason": one.reason} for one in head.refused_merges
        ]
        if head
        else [],
        "not_joined": records.namesakes(human),
        "called": labels_json(records, human),
        "recommended": recommended_json(records, human),
        "engagements": _engagements(records, human, engagements),
        "orders": [
            {**one.model_dump(exclude_defaults=True), "at": iso(one.at) if one.at is not None else None}
            for one in records.orders_of(human)
        ],
        "reminders": [_reminder(row) for row in records.reminders_of(human)],
        "left_alone": [
            {"playbook": one.playbook, "about": one.about, "reason": one.reason, **_share(one)}
            for one in (decided.left_alone if decided else ())
            if one.reason != EXPIRED or (one.playbook, one.about) not in written_to
        ]
        or ([] if head else [{"playbook": None, "about": None, "reason": one} for one in _missing(human)]),
        "points": {
            **points_json(accounts, records.now),
            "earned": sum(account.earned for account in accounts),
            "reversed": sum(account.reversed for account in accounts),
            "entries": [entry_json(entry) for entry in records.entries_of(human)],
            "refused": [
                {"key": entry.key, "hash": entry.hash, "why": "its key stands in the ledger with other content"}
                for entry in records.refused_of(human)
            ],
        },
    }


def _reachability(records: Records, human: Human) -> list[Reach]:
    return reachability(human.head, records.settings, records.settings.address_secret, records.addresses)


def _missing(human: Human) -> tuple[str, ...]:
    """What keeps somebody without a profile from being written to: a user id is an identity, a browser's is none."""
    is_user = any(kind_of(member) == "user" for member in human.members)
    return ("no_address", "no_consent") if is_user else ("no_identity",)


def _share(one: LeftAlone) -> dict[str, str]:
    return {"share": one.share} if one.share else {}


def _reach(one: Reach) -> dict[str, object]:
    return {
        "channel": one.channel,
        "purpose": one.purpose,
        "reachable": one.reachable,
        "against": [
            {"reason": each.code, "since": iso(each.since) if each.since is not None else None} for each in one.against
        ],
    }


def _preferences(human: Human) -> dict[str, object]:
    """What the person chose, the strictest of their ids; and every choice, as it was made."""
    if human.head is None:
        return {}
    chosen = preferences(human.head)
    moments = {"paused_until": chosen.paused_until, "held_until": chosen.held_until}
    return {
        "topics_off": sorted(chosen.topics_off),
        "per_week": chosen.per_week,
        **{name: iso(at) if at else None for name, at in moments.items()},
        "said": [
            {"what": name, "origin": origin, "value": said.value, "at": iso(said.at), "by": said.id}
            for name, origins in human.head.wishes.items()
            for origin, said in origins.items()
        ],
    }


def _consent(human: Human) -> list[dict[str, object]]:
    origins = human.head.consent.items() if human.head else ()
    return [
        {"scope": scope, "origin": origin, **said.model_dump(exclude_defaults=True), "at": iso(said.at)}
        for scope, by_origin in origins
        for origin, said in by_origin.items()
    ]


def _engagements(records: Records, human: Human, engagements: Mapping[str, Engagement]) -> list[dict[str, object]]:
    newest = max(engagements.values(), key=lambda one: one.last_at, default=None)
    zone = zone_of(human.head, newest, records.settings) if human.head else records.settings.shop_zone
    return [_engagement(records, one, orders_in(human, engagements, one.show), zone) for one in engagements.values()]


def _engagement(
    records: Records, engagement: Engagement, orders: Sequence[RecentOrder], zone: str
) -> dict[str, object]:
    scored = records.score(engagement)
    return {
        **engagement_json(engagement, orders, zone, records.categories),
        "intent": scored.intent,
        "temperature": scored.temperature,
        "reasons": [reason.model_dump() for reason in scored.reasons],
        "score_version": scored.version,
        "peak": peak_json(engagement),
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
