"""What comes back after a message was handed over: provider events, clicks, orders. A reminder moves forward only, in
any order of the news and any repetition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from aftershow.model.instants import DAY
from aftershow.model.orders import Order
from aftershow.model.reminders import Feedback, Outcome, Reminder

Word = Literal["accepted", "delivered", "bounced", "complained", "opened", "clicked", "unsubscribed"]

# A won-back order is the first within so long after a message.
WON_BACK_WITHIN = 7 * DAY

_FIELDS: dict[Word, str] = {
    "accepted": "accepted_at",
    "delivered": "delivered_at",
    "bounced": "bounced_at",
    "complained": "complained_at",
    "opened": "opened_at",
    "clicked": "clicked_at",
    "unsubscribed": "unsubscribed_at",
}


def hear(reminder: Reminder, word: Word, at: int, provider_id: str | None = None) -> Reminder:
    """The reminder after one word about its message; the earliest moment of each word is kept."""
    if reminder.claimed_at is None:
        return reminder
    field = _FIELDS[word]
    known = getattr(reminder.feedback, field)
    if known is not None and known <= at:
        return reminder
    feedback = reminder.feedback.model_copy(update={field: at})
    changes: dict[str, Any] = {"feedback": feedback}
    if reminder.provider_id is None and provider_id is not None:
        changes["provider_id"] = provider_id
    # The provider's word closes what a crash or a silence had left open.
    changes["sent_at"] = max(_handed_over(feedback, at), reminder.claimed_at)
    outcome, reason = _outcome(feedback)
    if outcome == "failed":
        # It reached nobody there: another channel may carry it.
        reminder = reminder.gives_up_channel()
    if (outcome, reason) != (reminder.outcome, reason):
        return reminder.ended(at, outcome, reason, **changes)
    return reminder.with_step(at, word, **changes)


def is_about(reminder: Reminder, attempt: int | None) -> bool:
    """Whether a word about an attempt (None: it doesn't say which) is about the message that was claimed last. One
    about an earlier attempt is about a channel that was given up since."""
    return reminder.claimed_at is not None and attempt in (None, reminder.attempt)


def _handed_over(feedback: Feedback, at: int) -> int:
    """When the provider had the message: its own word, else the first thing heard of it."""
    known = (getattr(feedback, field) for field in _FIELDS.values())
    return feedback.accepted_at or min((moment for moment in known if moment is not None), default=at)


def _outcome(feedback: Feedback) -> tuple[Outcome, str]:
    """The outcome that all words together mean: a complaint or a bounce outweighs a delivery, whichever came first."""
    if feedback.bounced_at is not None:
        return "failed", "bounced"
    if any((feedback.complained_at, feedback.delivered_at, feedback.opened_at, feedback.clicked_at)):
        return "delivered", "delivered"
    return "sent", "sent"


def won_by(reminders: Iterable[Reminder], order: Order) -> Reminder | None:
    """The reminder that brought an order back: the last one sent within 7 days before it, if no earlier order is its
    own already."""
    if order.at is None:
        return None
    at = order.at
    # What went to a file reached nobody, so it won nothing back.
    sent = [
        one
        for one in reminders
        if one.sent_at is not None and one.channel != "file" and one.sent_at <= at <= one.sent_at + WON_BACK_WITHIN
    ]
    last = max(sent, key=lambda one: (one.sent_at or 0, one.id), default=None)
    if last is None:
        return None
    before = last.feedback.ordered_at
    return last if before is None or at < before else None
