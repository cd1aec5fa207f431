"""Responses: whether a person answered a message, and how often they answer on each channel.

A click of a person, a reply, an answer to a survey or an order that the message won is an answer. An open is none: mail
programs load pictures by themselves, so nobody can say that a person did it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.instants import DAY
from aftershow.model.reminders import Reminder

# Most who answer do so within a day; until then a silence says nothing.
SILENT_AFTER = DAY


@dataclass(frozen=True, slots=True)
class Tally:
    """Messages on a channel that were answered, or had time to be; and how many of them were answered."""

    sent: int = 0
    answered: int = 0


def answered(row: Reminder) -> bool:
    """Whether the person answered the reminder's message."""
    feedback = row.feedback
    answers = (feedback.clicked_at, feedback.replied_at, feedback.answered_at, feedback.ordered_at)
    return any(moment is not None for moment in answers)


def by_channel(rows: Iterable[Reminder], now: int) -> Mapping[str, Tally]:
    """How a person answered so far, by channel. A message that bounced reached nobody, so it says nothing."""
    tallies: dict[str, Tally] = {}
    for row in rows:
        if row.sent_at is None or row.outcome == "failed":
            continue
        if answered(row) or row.sent_at + SILENT_AFTER <= now:
            before = tallies.get(row.channel, Tally())
            tallies[row.channel] = Tally(before.sent + 1, before.answered + answered(row))
    return tallies


def moments(rows: Iterable[Reminder]) -> tuple[int, ...]:
    """When a person answered messages, by themselves and not by a machine of theirs, in order."""
    answers = ((row.feedback.clicked_at, row.feedback.replied_at, row.feedback.answered_at) for row in rows)
    return tuple(sorted(at for several in answers for at in several if at is not None))


def brought(rows: Iterable[Reminder], engagements: Iterable[Engagement]) -> dict[str, str]:
    """Which message brought a person where: reminder to the `about` of the engagement whose link names it."""
    known = {row.id for row in rows}
    links = ((one.link.value, one.about) for one in engagements if one.link is not None)
    return {link: about for link, about in links if link in known}
