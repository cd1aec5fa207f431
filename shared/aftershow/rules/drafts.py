"""Drafts that staff confirm: the reminder is *awaiting staff* from the moment at which its provider keeps the draft.

    SENDING ──drafted──▶ AWAITING ──confirmed──▶ SENT
                          ▲ │ │ └──refused──▶ as after any refusal: later, or FAILED
              nobody yet ─┘ │ └──handed over: taken back ──▶ PENDING, for another member of staff
                            └──not wanted any more, or too late: taken back ──▶ SKIPPED or CANCELLED

A draft that is taken back may have been sent just before: then the truth wins, SENT. Level, not edge: an awaiting row
stays in the due index, and is looked at until it ends.
"""

from __future__ import annotations

from aftershow.model.instants import DAY, MINUTE
from aftershow.model.reminders import Recall, Reminder
from aftershow.rules import claims

# Who is told of last night's show two days later is not brought back; staff work through their drafts every day.
LIFE = DAY
# Pauses between looks: a quarter of the draft's age, so that a draft of a day costs some fifty looks. What must be
# taken back doesn't wait for the next look.
FIRST_PAUSE, LONGEST_PAUSE = 5 * MINUTE, 30 * MINUTE
# A provider that can't take a draft back now is asked again, for so long; then nobody can say what became of it.
TAKE_BACK_PAUSE, TAKE_BACK_WITHIN = 2 * MINUTE, DAY
EXPIRED, HANDED_OVER, BY_STAFF, NOT_TAKEN_BACK = "expired", "handed_over", "withdrawn_by_staff", "draft_not_taken_back"


def drafted(reminder: Reminder, now: int, provider_id: str) -> Reminder:
    """The reminder after its provider kept a draft."""
    return reminder.with_step(
        now, "awaiting", reminder.staff or "", state="awaiting", provider_id=provider_id, owner=None, lease_until=None,
        awaiting_until=min(now + LIFE, reminder.deadline), due=now + FIRST_PAUSE,
    )  # fmt: skip


def why_taken_back(reminder: Reminder, scene: claims.Scene, now: int) -> Recall | None:
    """Why a draft is taken back now; None where staff may still confirm it."""
    if reminder.recall is not None:
        return reminder.recall
    over = claims.ending(reminder, scene, now)
    if over is not None:
        outcome, reason = over
        return Recall(outcome="cancelled" if outcome == "cancelled" else "skipped", reason=reason, since=now)
    late = now >= (reminder.awaiting_until or reminder.deadline)
    return Recall(outcome="skipped", reason=EXPIRED, since=now) if late else None


def to_take_back(reminder: Reminder, recall: Recall, by: str = "") -> Reminder:
    """The reminder whose draft is to be taken back, at the next look, which is now."""
    return reminder.with_step(recall.since, f"to_take_back: {recall.reason}", by, recall=recall, due=recall.since)


def handed_over(reminder: Reminder, staff: str, now: int) -> Reminder:
    """The reminder for another member of staff: the draft is taken back, and made anew for them."""
    recall = Recall(outcome=None, reason=HANDED_OVER, since=now)
    return to_take_back(reminder, recall).model_copy(update={"staff": staff})


def still_awaiting(reminder: Reminder, now: int) -> Reminder:
    """The reminder until the next look."""
    pause = min(max((now - (reminder.claimed_at or now)) // 4, FIRST_PAUSE), LONGEST_PAUSE)
    until = reminder.awaiting_until or reminder.deadline
    return reminder.model_copy(update={"due": max(min(now + pause, until), now + MINUTE)})


def taken_back(reminder: Reminder, recall: Recall, now: int) -> Reminder:
    """The reminder after its draft was taken back: nobody got it."""
    forgotten = {"address": None, "claimed_at": None, "provider_id": None, "awaiting_until": None, "recall": None}
    back = reminder.model_copy(update=forgotten)
    if recall.outcome is None:
        return claims.later(back, now, now, recall.reason, reminder.staff or "")
    if recall.outcome == "skipped" and recall.reason in claims.ANOTHER_CHANNEL:
        back = back.gives_up_channel()
    return back.ended(now, recall.outcome, recall.reason, "the draft was taken back")


def not_taken_back(reminder: Reminder, recall: Recall, now: int) -> Reminder:
    """The reminder whose draft could not be taken back, and of which nobody knows whether it was sent."""
    if now - recall.since >= TAKE_BACK_WITHIN:
        return reminder.ended(now, "unknown", NOT_TAKEN_BACK, recall.reason)
    noted = reminder if reminder.recall is not None else to_take_back(reminder, recall)
    return noted.model_copy(update={"due": now + TAKE_BACK_PAUSE})
