"""Planned reminders and the closed set of ways in which they end."""

from __future__ import annotations

from typing import Literal

from aftershow.model.base import Record

State = Literal["pending", "sending", "awaiting", "ended"]
Outcome = Literal["sent", "delivered", "failed", "skipped", "cancelled", "unknown"]
MessageClass = Literal["marketing", "service"]

# A reminder's story fits on one screen; older lines in the middle are dropped first.
MAX_TRACE = 24


class Step(Record):
    """One line of a reminder's story: when, a code of the word list, and what it was about."""

    at: int
    code: str
    detail: str = ""


class Feedback(Record):
    """What is known of a message after it was handed over; moments in epoch milliseconds."""

    accepted_at: int | None = None
    delayed_at: int | None = None
    delivered_at: int | None = None
    # Given up for this time, such as a full mailbox; refused for what it says; given up for good.
    soft_bounced_at: int | None = None
    rejected_at: int | None = None
    bounced_at: int | None = None
    complained_at: int | None = None
    # What people did. Opens and clicks of machines (scanners, mail clients that fetch ahead) are kept apart.
    opened_at: int | None = None
    clicked_at: int | None = None
    machine_opened_at: int | None = None
    machine_clicked_at: int | None = None
    # Link of the message to the first time that it was followed: what the two moments of clicks follow from.
    visits: dict[str, int] = {}
    replied_at: int | None = None
    answered_at: int | None = None
    unsubscribed_at: int | None = None
    ordered_at: int | None = None
    order: str | None = None


class Recall(Record):
    """A draft is to be taken back: how its reminder ends then (None: it goes to another member of staff), why, and
    since when that is tried."""

    outcome: Outcome | None
    reason: str
    since: int


class Coupon(Record):
    """A personal coupon as the message named it: its code, and when it ends (epoch ms)."""

    code: str
    ends_at: int


class Reminder(Record):
    """One reminder of one viewer. `due` is the moment at which it may be claimed, or its draft looked at; `reference`
    the start of what it is about: an order after it ends the reminder."""

    id: str
    viewer: str
    playbook: str
    playbook_version: int
    step: str
    occurrence: int = 0
    about: str
    show: str | None = None
    host: str | None = None
    channel: str
    message_class: MessageClass
    template: str
    locale: str
    zone: str
    # The shop's zone, for want of the person's own: legal windows then hold in every zone that may be theirs.
    zone_assumed: bool = False
    created: int
    reference: int
    due: int
    deadline: int
    state: State = "pending"
    outcome: Outcome | None = None
    reason: str | None = None
    outcome_at: int | None = None
    attempt: int = 0
    owner: str | None = None
    lease_until: int | None = None
    # The keyed hash of the address that was claimed, and the moment of the claim.
    address: str | None = None
    claimed_at: int | None = None
    sent_at: int | None = None
    provider_id: str | None = None
    # A draft that staff confirm: until when, by whom where that is said, and whether it is to be taken back.
    awaiting_until: int | None = None
    staff: str | None = None
    recall: Recall | None = None
    # Where the message's links lead: kept here, so that a link can't be turned into an open redirect.
    links: tuple[str, ...] = ()
    # Channels that are given up for this reminder: no message of it reached her there, and none will.
    tried: tuple[str, ...] = ()
    # Fixed by the claim, so that the shop can look up what it promised.
    coupon: Coupon | None = None
    feedback: Feedback = Feedback()
    trace: tuple[Step, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it may still end in more than one way."""
        return self.state != "ended"

    def with_step(self, at: int, code: str, detail: str = "", **changes: object) -> Reminder:
        """The reminder with one more line in its story, and other changes."""
        trace = (*self.trace, Step(at=at, code=code, detail=detail))
        if len(trace) > MAX_TRACE:
            trace = (*trace[: MAX_TRACE // 2], *trace[-MAX_TRACE // 2 :])
        return self.model_copy(update={**changes, "trace": trace})

    def gives_up_channel(self) -> Reminder:
        """The reminder, which will never be sent on its channel: another one may carry it."""
        return self if self.channel in self.tried else self.model_copy(update={"tried": (*self.tried, self.channel)})

    def ended(self, at: int, outcome: Outcome, reason: str, detail: str = "", **changes: object) -> Reminder:
        """The reminder at its end."""
        end = {
            "state": "ended",
            "outcome": outcome,
            "reason": reason,
            "outcome_at": at,
            "owner": None,
            "lease_until": None,
        }
        return self.with_step(at, f"{outcome}: {reason}" if reason != outcome else outcome, detail, **end, **changes)
