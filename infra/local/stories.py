"""One viewer's story: a time line from the records, with the reasons that were written down when things happened."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aftershow.model.engagements import TOPICS, Engagement
from aftershow.model.ledger import set_aside
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder, Step
from aftershow.rules.intent import why
from aftershow.rules.planning import zone_of
from aftershow.rules.points import why_no_points
from infra.local.records import Human, Records
from infra.local.summary import Because, Story, StoryLine
from infra.local.words import money

# As much of a viewer id as a person can compare; `explain` takes it.
SHORT_ID = 10

# How the planner writes down why: temperature intent: reason number, reason number.
_PLANNED = re.compile(r"^(hot|considering|cold) \d+: (.*)$")
# How the time solver writes down what it found: moment zone: how (hours, why); legal hours.
_SOLVED = re.compile(r"^(\S+) \S+: (at once|moved from \S+) \(([^,)]*)(?:, ([^)]*))?\)(?:; (.*))?$")
# What stands before an amount in the trace of a choice, as codes.
_TOLD = {"answered": "answered_before", "costs": "costs", "until": "until"}
# A rule pack that bars a channel is named as it is.
_BARRED = "barred by "
# A share of a hundred as the trace has it.
_PER_CENT = re.compile(r"(\d+) %")
_CODED = {
    "at once": "at_once",
    "any hour": "any_hour",
    "in active hours": "in_active_hours",
    "no active hour is allowed": "no_active_hour",
    "no active hour before the deadline": "no_active_hour",
}


def story(records: Records, human: Human) -> Story:
    """A person's time line, oldest line first; of things at one moment the cause before what follows from it."""
    engagements = records.engagements_of(human)
    newest = max(engagements.values(), key=lambda one: one.last_at, default=None)
    zone = zone_of(human.head, newest, records.settings) if human.head else records.settings.shop_zone
    lines = [
        *(line for one in engagements.values() for line in _of_engagement(records, one)),
        *_of_head(human),
        *(line for order in records.orders_of(human) for line in _of_order(records, order)),
        *_of_ledger(records, human),
        *(line for row in records.reminders_of(human) for line in _of_reminder(row)),
    ]
    return Story(human.viewer[:SHORT_ID], zone, tuple(sorted(lines, key=lambda line: line.at)), records.now)


def because(records: Records, engagement: Engagement) -> tuple[Because, ...]:
    """The reasons of an engagement's score as it is now."""
    return tuple(Because(reason.code, reason.amount) for reason in why(records.score(engagement)))


def planned_because(row: Reminder) -> tuple[str, tuple[Because, ...]]:
    """(temperature, reasons) for which a reminder was planned, as written down then; no temperature for orders."""
    planned = [step.detail for step in row.trace if step.code == "planned"]
    found = _PLANNED.match(planned[-1]) if planned else None
    if found is None:
        return "", (Because("first_order"),)
    return found[1], tuple(_one_because(text) for text in found[2].split(", "))


def _one_because(text: str) -> Because:
    code, _, amount = text.partition(" ")
    return Because(code, int(amount) if amount else None)


def _of_engagement(records: Records, engagement: Engagement) -> Iterator[StoryLine]:
    show = records.shows.get(engagement.show or "")
    title = (show.text("title") if show else None) or engagement.about
    yield StoryLine(engagement.first_at, "first_seen", detail=title)
    for line in engagement.cart_lines().values():
        yield StoryLine(line.at, "added", line.quantity, line.name or "")
    counts = engagement.counts()
    asked = [Because(kind.name.lower(), counts[kind]) for kind in TOPICS if kind in counts]
    yield StoryLine(engagement.last_at, "last_seen", because=(_watched(engagement.watch_seconds), *asked))
    if show is not None and show.closed_at is not None:
        yield StoryLine(show.closed_at, "show_ended", detail=title)


def _watched(seconds: int | None) -> Because:
    """How long she watched; what was not observed is unknown, and some seconds are not zero minutes."""
    if seconds is None:
        return Because("watch_unknown")
    minutes = seconds // 60
    return Because("watched_minutes", minutes) if minutes else Because("watched_briefly")


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
    for host, followed in head.follows.items():
        yield StoryLine(followed.at, followed.value, detail=host)


def _of_reminder(row: Reminder) -> Iterator[StoryLine]:
    for step in row.trace:
        if step.code == "planned":
            _, reasons = planned_because(row)
            yield StoryLine(step.at, "planned", detail=_name(row), because=reasons)
        else:
            yield _of_step(row, step)


def _name(row: Reminder) -> str:
    return f"{row.playbook} / {row.step}" + (f" {row.occurrence + 1}" if row.occurrence else "")


def _of_step(row: Reminder, step: Step) -> StoryLine:
    """A line of a reminder's trace, with codes in the place of English words where there are some."""
    if step.code == "channel":
        return StoryLine(step.at, step.code, because=tuple(choice(step.detail)))
    if step.code == "fallback":
        return StoryLine(step.at, step.code, because=(Because(step.detail),))
    solved = _SOLVED.match(step.detail)
    if solved is None:
        return StoryLine(step.at, step.code, detail=": ".join(part for part in (_name(row), step.detail) if part))
    hours = _CODED.get(solved[3], solved[3])
    words = (_CODED.get(solved[2], ""), hours, _CODED.get(solved[4] or "", ""), solved[5] or "")
    moment = solved[1][:16].replace("T", " ")
    return StoryLine(step.at, step.code, detail=moment, because=tuple(Because(word) for word in words if word))


def choice(detail: str) -> Iterator[Because]:
    """A choice of a channel as it was written down: channel [rule packs] (reasons; passed over: channel: reason,
    reasons; ...)."""
    chosen, _, told = detail.partition(" (")
    channel, _, packs = chosen.removesuffix("]").partition(" [")
    yield Because(channel)
    if packs:
        yield Because(packs)
    reasons, _, passed = f" {told.removesuffix(')')}".rpartition("passed over: ")
    reasons, passed = (reasons, passed) if reasons else (passed, "")
    yield from _reasons(reasons.strip("; "))
    for one in filter(None, passed.split("; ")):
        other, _, why = one.partition(": ")
        if why.startswith(_BARRED):
            yield Because(f"{other}: {why}")
            continue
        code, _, more = why.partition(", ")
        yield Because(f"{other}: {code.replace(' ', '_')}")
        yield from _reasons(more)


def _reasons(text: str) -> Iterator[Because]:
    """What a rank rests on, in the words of the trace, as codes."""
    for one in filter(None, text.split(", ")):
        code, _, amount = one.partition(" ")
        number = _PER_CENT.fullmatch(amount)
        if number is not None:
            yield Because(code, int(number[1]))
        elif code in _TOLD:
            yield Because(f"{_TOLD[code]}: {amount}")
        else:
            yield Because(one.removeprefix("though ").replace(" ", "_"))


def _of_order(records: Records, order: Order) -> Iterator[StoryLine]:
    currency = order.currency or records.settings.shop_currency
    if order.at is not None and order.hash is not None:
        no_points = why_no_points(order, records.settings.shop_currency)
        amount = money(order.minor, currency)
        yield StoryLine(order.at, "order_completed", detail=f"{amount} ({no_points})" if no_points else amount)
    for update in order.updates:
        yield StoryLine(update.at, "order_updated", detail=money(update.minor, currency))
    for refund in order.refunds:
        yield StoryLine(refund.at, "refunded", detail=money(refund.minor, currency))
    if order.cancelled is not None:
        yield StoryLine(order.cancelled.at, "order_cancelled")
    if order.conflicts and order.at is not None:
        yield StoryLine(order.at, "contradicted", len(order.conflicts), order.order)


def _of_ledger(records: Records, human: Human) -> Iterator[StoryLine]:
    for entry in records.entries_of(human):
        because = (Because(entry.reason.replace(" ", "_")),)
        aside = entry.sum(set_aside(entry.home))
        if entry.points < 0:
            yield StoryLine(
                entry.at, "points_reversed" if entry.issued else "points_gone", -entry.points, entry.note or "", because
            )
        elif aside and not entry.points:
            yield StoryLine(
                entry.at, "points_aside" if aside > 0 else "points_free", abs(aside), entry.note or "", because
            )
        else:
            yield StoryLine(entry.at, "points_earned", entry.points, entry.note or "", because)
