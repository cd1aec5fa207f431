"""The claim: everything is checked again at the moment of sending, and what would falsify it is written with it.

No send API takes an idempotency token, so a crash between the provider's acceptance and our write can't be undone by
sending again:

    PENDING ──claim──▶ SENDING ──accepted──▶ SENT
       ▲                │  │ └─ lease ran out, nothing heard ──▶ UNKNOWN (marketing: never again)
       └─ declined, ────┘  └─ declined for good ──▶ FAILED ──another channel──▶ PENDING
          try later
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from aftershow.model.channels import NO_ACCEPT_LEFT, Terms
from aftershow.model.instants import HOUR, MINUTE, SECOND, iso
from aftershow.model.playbooks import Playbook
from aftershow.model.reminders import Reminder
from aftershow.model.rule_packs import Rulebook
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Address, Head, Purpose, Send
from aftershow.rules import subscriptions, timing
from aftershow.rules.choosing import may_use, said_stop
from aftershow.rules.launching import OUTSIDE_SHARE, STOPPED, Launched
from aftershow.rules.lawful import NO_PACKS, Judgement, case_of, judge
from aftershow.rules.people import latest_grant, ring
from aftershow.rules.preferences import HOLD_RECHECK, preferences

# A worker that comes to send later than this after its claim releases instead.
MAX_CLAIM_TO_SEND = 5 * SECOND
# send_message's time-out (60 s) plus the time in which a provider's event may come in.
LEASE = MINUTE + 14 * MINUTE
# Marketing waits while orders are folded later than this: one tick of the marker, and 60 s of lateness.
MAX_FACTS_LAG = 2 * MINUTE
RECHECK = MINUTE
# A shop without rule packs is its owner's to mend.
RULES_RECHECK = HOUR
# What ends a reminder on its channel only: another one may still reach her. A suppressed address does where it bounced;
# whoever opted out or complained by it is not looked for elsewhere.
ANOTHER_CHANNEL = frozenset({"no_address", "no_consent", "opted_out", "bounced", NO_ACCEPT_LEFT})
# A provider that declines for now is asked at doubling intervals, up to this one (or its own word, where that is
# longer), until the reminder's deadline: an outage of an evening must not cost a reminder that has days left.
LONGEST_PAUSE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Write:
    """Write the reminder only: it ends, or moves to another moment."""

    reminder: Reminder


@dataclass(frozen=True, slots=True)
class Claim:
    """Write all three, then send."""

    reminder: Reminder
    head: Head
    address: Address


@dataclass(frozen=True, slots=True)
class Scene:
    """What the claim looks at. `address` is the head's address on the reminder's channel, `known_address` what is
    stored about it; `facts_until` until when orders are known to be folded; `answered` whether she answered an earlier
    message of the series; `max_attempts` how often the channel takes a message whose fate nobody knows, since it knows
    a second copy by its key."""

    head: Head
    address: str | None
    address_hash: str
    known_address: Address | None
    playbook: Launched | None
    show: Show | None
    facts_until: int
    settings: Settings
    terms: Terms = field(default_factory=Terms)
    answered: bool = False
    # Of a subscribe message: WeChat's id of its template.
    subscribe_template: str = ""
    max_attempts: int = 1
    # The shop's rule packs; without them no marketing is claimed.
    rulebook: Rulebook | None = None


def is_stale(reminder: Reminder | None, due: int, now: int, channel: str | None = None) -> str | None:
    """Why a queue message about a row is old news; None where the row is to be worked on. `channel`: whose queue the
    message came through."""
    if reminder is None or not reminder.open:
        return "over"
    if reminder.state == "sending":
        return "being sent" if (reminder.lease_until or 0) > now else None
    if reminder.due != due or channel not in (None, reminder.channel):
        return "moved"
    return "not due" if reminder.due > now + SECOND else None


def lapsed(reminder: Reminder, now: int, max_attempts: int = 1) -> Reminder:
    """A lease that ran out: the provider's word decides; without one nobody knows, and marketing is never sent
    again, unless its provider knows a second copy."""
    if reminder.feedback.accepted_at is not None:
        return sent(reminder, reminder.feedback.accepted_at, reminder.provider_id or "")
    if reminder.attempt < max_attempts and now <= reminder.deadline:
        return unclear(reminder, now, "the lease ran out", 0)
    return reminder.ended(now, "unknown", "no_word_from_provider", "the lease ran out")


def decide(reminder: Reminder, scene: Scene, owner: str, now: int) -> Write | Claim:
    """Decide on a row that is due."""
    if reminder.state == "sending":
        return Write(lapsed(reminder, now, scene.max_attempts))
    over = ending(reminder, scene, now)
    if over is not None and reminder.claimed_at is not None:
        # Its last attempt may have arrived.
        return Write(reminder.ended(now, "unknown", "no_word_from_provider", over[1]))
    if over is not None:
        return Write(_over(reminder, scene, *over, now))
    if reminder.message_class == "marketing" and now - scene.facts_until > MAX_FACTS_LAG:
        return Write(later(reminder, now + RECHECK, now, "orders_late"))
    judgement = judged(reminder, scene)
    held = _barred(reminder, judgement, now) or _moment(reminder, scene, judgement, now)
    if held is not None:
        return Write(held)
    return _claim(reminder, scene, judgement, owner, now)


def judged(reminder: Reminder, scene: Scene) -> Judgement:
    """What the rule packs say at this moment: they, the playbook or the person may be others than at planning."""
    kinds = scene.playbook.playbook.kinds_of(reminder.step) if scene.playbook else ()
    zone = None if reminder.zone_assumed else reminder.zone
    name, channel = reminder.message_class, reminder.channel
    return judge(scene.rulebook, case_of(scene.head, channel, name, kinds, zone, scene.rulebook, scene.settings))


def _barred(reminder: Reminder, judgement: Judgement, now: int) -> Reminder | None:
    """The reminder where a pack bars it from its channel; None where none does. Packs that are missing are the owner's
    to mend: until then it waits."""
    if judgement.barred is None:
        return None
    if judgement.barred == NO_PACKS and now + RULES_RECHECK <= reminder.deadline:
        return later(reminder, now + RULES_RECHECK, now, "no_rules", NO_PACKS)
    return reminder.gives_up_channel().ended(now, "skipped", "rule_pack", judgement.barred)


def _over(reminder: Reminder, scene: Scene, outcome: str, reason: str, now: int) -> Reminder:
    if outcome == "cancelled":
        return reminder.ended(now, "cancelled", reason)
    suppressed = scene.known_address.standing[0] if scene.known_address and reason == "suppressed" else ""
    gives_up = (suppressed or reason) in ANOTHER_CHANNEL and suppressed != "opted_out"
    return (reminder.gives_up_channel() if gives_up else reminder).ended(now, "skipped", reason)


def ending(reminder: Reminder, scene: Scene, now: int) -> tuple[str, str] | None:
    """(outcome, reason) where the message must not go out any more; None where it may."""
    if scene.playbook is None:
        return "cancelled", STOPPED
    shops = _ended_by_shop(reminder, scene, scene.playbook, now)
    return shops or _ended_by_viewer(reminder, scene, scene.playbook.playbook)


def _ended_by_shop(reminder: Reminder, scene: Scene, launched: Launched, now: int) -> tuple[str, str] | None:
    if launched.off is not None:
        return "cancelled", launched.off
    if scene.show is not None and scene.show.text("cancelled"):
        return "cancelled", "show_cancelled"
    if not launched.takes(scene.head):
        return "cancelled", OUTSIDE_SHARE
    return ("skipped", "expired") if now > reminder.deadline else None


def _ended_by_viewer(reminder: Reminder, scene: Scene, playbook: Playbook) -> tuple[str, str] | None:
    head = scene.head
    if head.erased_at is not None:
        return "skipped", "erased"
    if "order" in playbook.until and (head.last_order_at or 0) >= reminder.reference:
        return "skipped", "ordered"
    host = head.follows.get(reminder.host or "")
    if "unfollow" in playbook.until and host is not None and host.value == "unfollowed":
        return "skipped", "unfollowed"
    if scene.answered and any(step.id == reminder.step and step.when == "no_response" for step in playbook.steps):
        return "cancelled", "responded"
    return _ended_on_channel(reminder, scene, playbook)


def _ended_on_channel(reminder: Reminder, scene: Scene, playbook: Playbook) -> tuple[str, str] | None:
    head = scene.head
    if said_stop(head, playbook, reminder.channel, reminder.reference):
        return "skipped", "said_stop"
    if not may_use(head, playbook, reminder.channel):
        said = any(scope.startswith(f"{reminder.message_class}:") for scope in head.consent)
        return "skipped", "opted_out" if said else "no_consent"
    unwanted = preferences(head).refuses(playbook)
    return _ended_by_address(reminder, scene) or (("skipped", "topic_off") if unwanted else None)


def _ended_by_address(reminder: Reminder, scene: Scene) -> tuple[str, str] | None:
    if scene.address is None:
        return "skipped", "no_address"
    if subscriptions.refuses(scene.head, reminder.channel, scene.subscribe_template):
        return "skipped", NO_ACCEPT_LEFT
    suppressed = is_suppressed(scene.known_address, scene.head, reminder.message_class, reminder.channel)
    return ("skipped", "suppressed") if suppressed else None


def is_suppressed(address: Address | None, head: Head, purpose: Purpose, channel: str) -> bool:
    """Whether the address itself may not be written to. An opt-out holds for whoever's profile carries the address,
    until the person itself consents anew (no file can say that for them); a bounce or complaint holds."""
    if address is None:
        return False
    standing, _ = address.standing
    if standing != "opted_out":
        return bool(standing)
    if purpose == "service":
        return False
    return latest_grant(head, channel, imported=False) <= (address.suppressed_at or 0)


def _moment(reminder: Reminder, scene: Scene, judgement: Judgement, now: int) -> Reminder | None:
    """The reminder, moved or skipped, where this is not the moment; None where it is."""
    settings, message_class = scene.settings, reminder.message_class
    free, free_there = _free_from(reminder, scene)
    waits = _waits(reminder, scene, max(free, free_there), now)
    playbook_hours = scene.playbook.playbook.hours if scene.playbook else (0, 24)
    allowed = timing.hours(*playbook_hours) & timing.quiet_mask(settings, message_class)
    solve = partial(timing.solve, deadline=reminder.deadline, zone=reminder.zone, allowed=allowed)
    begins = max(now, *waits.values())
    solved = solve(begins, legal=judgement.windows)
    reason = "quiet" if solve(now).at != now else "legal_hours"
    reason = max(waits, key=lambda name: waits[name]) if begins > now else reason
    if solved.at is None:
        # Only this channel's own cap is in the way: another one has room.
        elsewhere = free_there > reminder.deadline >= free
        return (reminder.gives_up_channel() if elsewhere else reminder).ended(now, "skipped", reason, solved.trace)
    if solved.at > now:
        return later(reminder, solved.at, now, reason, solved.trace)
    # The provider may take its time: what is claimed in the last seconds of the window waits for the next one.
    last = solve(now + MAX_CLAIM_TO_SEND, legal=judgement.windows)
    if last.at is None:
        over = now + MAX_CLAIM_TO_SEND > reminder.deadline
        return reminder.ended(now, "skipped", "expired" if over else "quiet", last.trace)
    return later(reminder, last.at, now, "quiet", last.trace) if last.at > now + MAX_CLAIM_TO_SEND else None


def _waits(reminder: Reminder, scene: Scene, free: int, now: int) -> dict[str, int]:
    """Until when something holds the reminder back, by its code: caps, a pause of the viewer's, a doubt of theirs that
    waits for an answer (looked at again and again, since it may be answered at any time)."""
    own, name = preferences(scene.head), reminder.message_class
    held = own.hold(name)
    return {"capped": free, "paused": own.pause(name), "doubt": min(held, now + HOLD_RECHECK) if held > now else 0}


def _free_from(reminder: Reminder, scene: Scene) -> tuple[int, int]:
    """From when on the caps over all channels, and those of the reminder's channel, have room: for the person and for
    the address."""
    name, channel = reminder.message_class, reminder.channel
    windows = timing.caps(scene.settings, name, scene.playbook.playbook.caps if scene.playbook else ())
    windows += preferences(scene.head).caps(name)
    own = scene.terms.caps_of(channel, name)
    known = scene.known_address.sends.get(name, ()) if scene.known_address else ()
    rings = (scene.head.sends.get(name, ()), known)
    return (
        max(timing.free_from(ring, windows, except_for=reminder.id) for ring in rings),
        max(timing.free_on(ring, channel, own, except_for=reminder.id) for ring in rings),
    )


def later(reminder: Reminder, due: int, now: int, code: str, detail: str = "") -> Reminder:
    """The reminder, open, at another moment."""
    return reminder.with_step(now, f"later: {code}", detail, due=due, state="pending", owner=None, lease_until=None)


def _claim(reminder: Reminder, scene: Scene, judgement: Judgement, owner: str, now: int) -> Claim:
    this = Send(at=now, reminder=reminder.id, channel=reminder.channel)
    name = reminder.message_class
    claimed = reminder.with_step(
        now, "claimed", _grounds(reminder, scene.head, judgement), state="sending", owner=owner,
        attempt=reminder.attempt + 1, lease_until=now + LEASE, address=scene.address_hash, claimed_at=now,
    )  # fmt: skip
    head = scene.head.model_copy(
        update={"sends": {**scene.head.sends, name: ring(scene.head.sends.get(name, ()), (this,))}}
    )
    if reminder.channel == subscriptions.CHANNEL:
        head = subscriptions.used_by(head, reminder.id, scene.subscribe_template)
    known = scene.known_address or Address(hashed=scene.address_hash, channel=reminder.channel)
    to = this.model_copy(update={"viewer": reminder.viewer})
    address = known.model_copy(update={"sends": {**known.sends, name: ring(known.sends.get(name, ()), (to,))}})
    return Claim(claimed, head, address)


def _grounds(reminder: Reminder, head: Head, judgement: Judgement) -> str:
    """What the claim rests on, for whoever asks later why she got the message: a consent may be withdrawn by then."""
    granted_at = latest_grant(head, reminder.channel) if reminder.message_class == "marketing" else 0
    consent = f", consent of {iso(granted_at)}" if granted_at else ""
    packs = f", by {judgement.named}" if judgement.packs else ""
    return f"attempt {reminder.attempt + 1}{consent}{packs}"


def without_send(sends: dict[str, tuple[Send, ...]], reminder: Reminder) -> dict[str, tuple[Send, ...]]:
    """Rings without a reminder that was definitely not sent."""
    name = reminder.message_class
    return {**sends, name: tuple(send for send in sends.get(name, ()) if send.reminder != reminder.id)}


def freed(head: Head, reminder: Reminder, reason: str) -> Head:
    """The head without a reminder that was definitely not sent. What was counted as an accept and is none, as the
    provider says, isn't given back."""
    head = head.model_copy(update={"sends": without_send(head.sends, reminder)})
    return head if reason == NO_ACCEPT_LEFT else subscriptions.given_back(head, reminder.id)


def declined(
    reminder: Reminder, now: int, reason: str, again_after_seconds: int | None, *, own_pace: bool = False
) -> Reminder:
    """The reminder after a definite refusal: later, or failed for good on this channel. `own_pace`: the provider has a
    schedule of its own, so the pause is not doubled."""
    back = reminder.model_copy(update={"address": None, "claimed_at": None})
    if again_after_seconds is None:
        return back.gives_up_channel().ended(now, "failed", reason)
    doubled = again_after_seconds * 2 ** min(reminder.attempt - 1, 12)
    pause = again_after_seconds if own_pace else max(again_after_seconds, min(doubled, LONGEST_PAUSE_SECONDS))
    due = now + pause * SECOND
    if due > reminder.deadline:
        return back.gives_up_channel().ended(now, "failed", reason, "no time left before the deadline")
    return later(back, due, now, reason)


def unclear(reminder: Reminder, now: int, detail: str, again_after_seconds: int) -> Reminder:
    """The reminder after an attempt of which nobody knows whether it arrived, where another may follow. The claim goes
    on counting for the caps."""
    return later(reminder, now + again_after_seconds * SECOND, now, "unclear", detail)


def sent(reminder: Reminder, now: int, provider_id: str) -> Reminder:
    """The reminder after the provider took it."""
    feedback = reminder.feedback.model_copy(update={"accepted_at": reminder.feedback.accepted_at or now})
    return reminder.ended(now, "sent", "sent", sent_at=now, provider_id=provider_id, feedback=feedback)
