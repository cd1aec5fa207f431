"""What comes back after a message was handed over: provider events, clicks, replies, orders. A reminder moves forward
only, in any order of the news and any repetition.

    sent ──▶ failed: soft_bounced ──▶ delivered ──▶ failed: rejected ──▶ failed: bounced

The outcome follows from all words together; opens and clicks of machines are no words about a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from aftershow.model.channels import CONFIRMED_BY_STAFF
from aftershow.model.instants import DAY
from aftershow.model.orders import Order
from aftershow.model.reminders import Feedback, Outcome, Reminder
from aftershow.rules.bots import followed_in_a_burst

Word = Literal[
    "accepted", "delayed", "delivered", "soft_bounced", "rejected", "bounced", "complained", "opened", "machine_opened",
    "replied", "answered", "unsubscribed",
]  # fmt: skip

# A won-back order is the first within so long after a message.
WON_BACK_WITHIN = 7 * DAY
# Among a message's visits: its button, and the first that a machine made, by what its request says.
BUTTON = "0"
MACHINE = "machine"

_FIELDS: dict[Word, str] = {
    "accepted": "accepted_at",
    "delayed": "delayed_at",
    "delivered": "delivered_at",
    "soft_bounced": "soft_bounced_at",
    "rejected": "rejected_at",
    "bounced": "bounced_at",
    "complained": "complained_at",
    "opened": "opened_at",
    "machine_opened": "machine_opened_at",
    "replied": "replied_at",
    "answered": "answered_at",
    "unsubscribed": "unsubscribed_at",
}
# Whoever does one of these has the message.
_PROOFS = ("complained_at", "delivered_at", "opened_at", "clicked_at", "replied_at", "answered_at")


def hear(reminder: Reminder, word: Word, at: int, provider_id: str | None = None) -> Reminder:
    """The reminder after one word about its message; the earliest moment of each word is kept."""
    field = _FIELDS[word]
    known = getattr(reminder.feedback, field)
    if not _is_out(reminder) or (known is not None and known <= at):
        return reminder
    return _with(reminder, reminder.feedback.model_copy(update={field: at}), word, at, provider_id)


def _is_out(reminder: Reminder) -> bool:
    """Whether its message may have reached her. Staff look at a draft's links before they send it; whether they sent it
    is the provider's to say."""
    in_staffs_hands = reminder.channel in CONFIRMED_BY_STAFF and reminder.state in ("sending", "awaiting")
    return reminder.claimed_at is not None and not in_staffs_hands


def followed(reminder: Reminder, link: str, at: int, *, machine: bool) -> Reminder:
    """The reminder after one of its links was followed (its number, or the name of a page); `machine`: the request
    itself says that no person made it. Of several links within a second a scanner followed all."""
    name = MACHINE if machine else link
    before = reminder.feedback
    # Older rows know the moment of the click alone.
    visits = before.visits or ({} if before.clicked_at is None else {BUTTON: before.clicked_at})
    if not _is_out(reminder) or (name in visits and visits[name] <= at):
        return reminder
    visits = {**visits, name: at}
    burst = followed_in_a_burst({one: moment for one, moment in visits.items() if one != MACHINE})
    by_people = [moment for one, moment in visits.items() if one.isdecimal() and one not in burst]
    by_machines = [moment for one, moment in visits.items() if one == MACHINE or one in burst]
    changes = {
        "visits": visits,
        "clicked_at": min(by_people, default=None),
        "machine_clicked_at": min(by_machines, default=None),
    }
    code = "clicked" if by_people and not machine and link.isdecimal() and link not in burst else "link_followed"
    detail = "by a machine" if machine or link in burst else f"link {link}"
    return _with(reminder, before.model_copy(update=changes), code, at, None, detail)


def _with(
    reminder: Reminder, feedback: Feedback, code: str, at: int, provider_id: str | None, detail: str = ""
) -> Reminder:
    changes: dict[str, Any] = {"feedback": feedback}
    if reminder.provider_id is None and provider_id is not None:
        changes["provider_id"] = provider_id
    # The provider's word closes what a crash or a silence had left open.
    changes["sent_at"] = max(_handed_over(feedback, at), reminder.claimed_at or 0)
    outcome, reason = _outcome(feedback)
    if outcome == "failed" and not (reason == "soft_bounced" and reminder.channel == "email"):
        # It reached nobody there: another channel may carry it. A mail's soft bounce may be an automatic answer.
        reminder = reminder.gives_up_channel()
    if (outcome, reason) != (reminder.outcome, reminder.reason):
        return reminder.ended(at, outcome, reason, detail, **changes)
    return reminder.with_step(at, code, detail, **changes)


def is_about(reminder: Reminder, attempt: int | None) -> bool:
    """Whether a word about an attempt (None: it doesn't say which) is about the message that was claimed last. One
    about an earlier attempt is about a channel that was given up since."""
    return reminder.claimed_at is not None and attempt in (None, reminder.attempt)


def _handed_over(feedback: Feedback, at: int) -> int:
    """When the provider had the message: its own word, else the first thing heard of it."""
    known = (getattr(feedback, field) for field in _FIELDS.values())
    heard = [moment for moment in (*known, *feedback.visits.values()) if moment is not None]
    return feedback.accepted_at or min(heard, default=at)


def _outcome(feedback: Feedback) -> tuple[Outcome, str]:
    """The outcome that all words together mean, whichever came first: a bounce or refusal outweighs a delivery (a
    complaint is none of them), and that a soft bounce, which may be an answer of somebody on holiday. Whoever follows a
    link, be it a scanner at her mailbox, has the message."""
    if feedback.bounced_at is not None:
        return "failed", "bounced"
    if feedback.rejected_at is not None:
        return "failed", "rejected"
    visited = feedback.visits.keys() - {MACHINE}
    if visited or any(getattr(feedback, field) is not None for field in _PROOFS):
        return "delivered", "delivered"
    if feedback.soft_bounced_at is not None:
        return "failed", "soft_bounced"
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
