"""The claim: no cap is ever broken, every reason is said, and nothing is sent twice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND, at_zone, parse_instant
from aftershow.model.reminders import Feedback, Reminder
from aftershow.model.settings import Settings
from aftershow.model.viewers import Address, Consent, Head, Send
from aftershow.rules.claims import (
    LEASE,
    MAX_CLAIM_TO_SEND,
    Claim,
    Scene,
    Write,
    decide,
    declined,
    is_stale,
    lapsed,
    sent,
    without_send,
)
from aftershow.rules.launching import Launched
from infra.local.catalog import rulebook
from tests.unit.samples import (
    RULES,
    SETTINGS,
    START,
    ended_show,
    examples,
    granted,
    playbook,
    reachable,
    said,
    withdrawn,
)

# Noon in Shanghai.
NOON = parse_instant("2026-03-05T12:00:00+08:00")


def reminder(number: int = 1, **more: Any) -> Reminder:
    facts: dict[str, Any] = {
        "id": f"r{number}", "viewer": "u1", "playbook": "hot", "playbook_version": 1, "step": "first",
        "about": "show#s1", "show": "s1", "host": "h1", "channel": "email", "message_class": "marketing",
        "template": "t", "locale": "en", "zone": "Asia/Shanghai", "created": START, "reference": START,
        "due": NOON, "deadline": NOON + 30 * DAY,
    }  # fmt: skip
    return Reminder(**{**facts, **more})


def scene(**more: Any) -> Scene:
    facts: dict[str, Any] = {
        "head": reachable(), "address": "u1@example.com", "address_hash": "h", "known_address": None,
        "playbook": Launched(playbook()), "show": ended_show(), "facts_until": NOON, "settings": SETTINGS,
        "rulebook": RULES,
    }  # fmt: skip
    return Scene(**{**facts, **more})


def written(row: Reminder, seen: Scene, now: int = NOON) -> Reminder:
    decision = decide(row, seen, "w1", now)
    assert isinstance(decision, Write)
    return decision.reminder


def test_a_claim_writes_all_three() -> None:
    claim = decide(reminder(), scene(), "w1", NOON)
    assert isinstance(claim, Claim)
    row = claim.reminder
    assert (row.state, row.owner, row.attempt, row.lease_until) == ("sending", "w1", 1, NOON + LEASE)
    assert (row.address, row.claimed_at) == ("h", NOON)
    this = (Send(at=NOON, reminder="r1", channel="email"),)
    assert claim.head.sends == {"marketing": this}
    # Whoever answers from the address means this message.
    to = (Send(at=NOON, reminder="r1", channel="email", viewer="u1"),)
    assert claim.address == Address(hashed="h", channel="email", sends={"marketing": to})


OPTED_OUT = Address(hashed="h", channel="email", suppressed="opted_out", suppressed_at=START)
ENDINGS: dict[tuple[str, str], Scene] = {
    ("cancelled", "playbook_stopped"): scene(playbook=Launched(playbook(), "playbook_stopped")),
    ("cancelled", "not_approved"): scene(playbook=Launched(playbook(), "not_approved")),
    ("cancelled", "outside_share"): scene(playbook=Launched(playbook(), share=1)),
    ("cancelled", "show_cancelled"): scene(show=ended_show(cancelled="true")),
    ("skipped", "erased"): scene(head=reachable(erased_at=START)),
    ("skipped", "ordered"): scene(head=reachable(last_order_at=START)),
    ("skipped", "unfollowed"): scene(head=reachable(follows={"h1": said("unfollowed")})),
    ("skipped", "opted_out"): scene(head=reachable(consent={"marketing:email": {"u1": withdrawn(START)}})),
    ("skipped", "no_consent"): scene(head=reachable(consent={"service:all": {"u1": granted()}})),
    ("skipped", "no_address"): scene(address=None),
    ("skipped", "suppressed"): scene(known_address=OPTED_OUT),
}


@pytest.mark.parametrize(("outcome", "reason"), sorted(ENDINGS))
def test_every_reason_not_to_send_ends_the_row_with_it(outcome: str, reason: str) -> None:
    row = written(reminder(), ENDINGS[outcome, reason])
    assert (row.state, row.outcome, row.reason, row.outcome_at) == ("ended", outcome, reason, NOON)


def test_a_playbook_that_is_gone_cancels() -> None:
    assert written(reminder(), scene(playbook=None)).reason == "playbook_stopped"


def test_an_expired_row_says_so() -> None:
    assert written(reminder(deadline=NOON - 1), scene()).reason == "expired"
    # The time for sending itself would pass the deadline.
    assert written(reminder(deadline=NOON + MAX_CLAIM_TO_SEND - 1), scene()).reason == "expired"


def test_only_an_order_since_the_reference_ends_it() -> None:
    before = scene(head=reachable(last_order_at=START - 1))
    assert isinstance(decide(reminder(), before, "w", NOON), Claim)
    until_opt_out = scene(head=reachable(last_order_at=START), playbook=Launched(playbook(until=("opt_out",))))
    assert isinstance(decide(reminder(), until_opt_out, "w", NOON), Claim)


@pytest.mark.parametrize("why", ["bounced", "complained"])
def test_a_bounce_or_complaint_holds_whatever_is_consented(why: str) -> None:
    known = Address.model_validate({"hashed": "h", "channel": "email", "suppressed": why, "suppressed_at": START})
    head = reachable(consent={"marketing:all": {"u1": granted(NOON)}, "service:all": {"u1": granted(NOON)}})
    for message_class in ("marketing", "service"):
        assert (
            written(reminder(message_class=message_class), scene(head=head, known_address=known)).reason == "suppressed"
        )


def test_an_opt_out_of_the_address_holds_for_a_new_profile_until_new_consent() -> None:
    fresh = reachable("u9", consent={"marketing:all": {"u9": granted(START)}})
    assert written(reminder(), scene(head=fresh, known_address=OPTED_OUT)).reason == "suppressed"
    anew = reachable("u9", consent={"marketing:all": {"u9": granted(START + 1)}})
    assert isinstance(decide(reminder(), scene(head=anew, known_address=OPTED_OUT), "w", NOON), Claim)
    elsewhere = reachable(
        "u9", consent={"marketing:all": {"u9": granted(START - 1)}, "marketing:sms": {"u9": granted(NOON)}}
    )
    assert written(reminder(), scene(head=elsewhere, known_address=OPTED_OUT)).reason == "suppressed"


def test_no_file_lifts_an_opt_out_of_the_address() -> None:
    said = Consent(state="granted", at=NOON, id="c", source="import: list.csv")
    head = reachable("u9", consent={"marketing:all": {"u9": said}})
    assert isinstance(decide(reminder(), scene(head=head), "w", NOON), Claim)
    assert written(reminder(), scene(head=head, known_address=OPTED_OUT)).reason == "suppressed"


def test_service_messages_pass_an_opt_out_from_marketing() -> None:
    row = reminder(message_class="service")
    shipped = Launched(playbook(message_class="service"))
    head = reachable(consent={"marketing:all": {"u1": withdrawn(NOON)}})
    assert isinstance(decide(row, scene(head=head, known_address=OPTED_OUT, playbook=shipped), "w", NOON), Claim)
    said_no = reachable(consent={"service:email": {"u1": withdrawn(NOON)}})
    assert written(row, scene(head=said_no, playbook=shipped)).reason == "opted_out"


def test_marketing_waits_while_orders_are_folded_late() -> None:
    row = written(reminder(), scene(facts_until=NOON - HOUR))
    assert (row.state, row.due, row.outcome) == ("pending", NOON + MINUTE, None)
    service = reminder(message_class="service")
    assert isinstance(decide(service, scene(facts_until=0), "w", NOON), Claim)


def test_quiet_hours_move_it_to_the_morning() -> None:
    night = parse_instant("2026-03-05T23:00:00+08:00")
    row = written(reminder(), scene(facts_until=night), night)
    assert row.due == parse_instant("2026-03-06T08:00:00+08:00")
    assert row.open
    hurried = reminder(deadline=night + HOUR)
    assert written(hurried, scene(facts_until=night), night).reason == "quiet"


def test_the_last_seconds_before_quiet_hours_wait() -> None:
    """A message is sent up to five seconds after its claim: it may not slip into the quiet hours."""
    edge = parse_instant("2026-03-05T21:00:00+08:00")
    early = decide(reminder(), scene(facts_until=edge), "w", edge - MAX_CLAIM_TO_SEND - 1)
    assert isinstance(early, Claim)
    late = written(reminder(), scene(facts_until=edge), edge - MAX_CLAIM_TO_SEND)
    assert late.due == parse_instant("2026-03-06T08:00:00+08:00")


def sends(*moments: int) -> dict[str, tuple[Send, ...]]:
    return {"marketing": tuple(Send(at=at, reminder=f"x{at}", channel="email") for at in moments)}


def test_capped_by_the_person_or_by_the_address() -> None:
    full = sends(NOON - 3 * HOUR, NOON - 2 * HOUR)
    for seen in (
        scene(head=reachable(sends=full)),
        scene(known_address=Address(hashed="h", channel="email", sends=full)),
    ):
        assert written(reminder(), seen).due == NOON - 3 * HOUR + DAY
        assert written(reminder(deadline=NOON + HOUR), seen).reason == "capped"
    shipped = scene(head=reachable(sends=full), playbook=Launched(playbook(message_class="service")))
    assert isinstance(decide(reminder(message_class="service"), shipped, "w", NOON), Claim)


@dataclass
class Person:
    """What is stored of one person with one address, and the workers that send to it."""

    head: Head
    address: Address | None = None
    rows: dict[str, Reminder] = field(default_factory=dict)
    # Moments at which a message was handed to the provider.
    sent: list[int] = field(default_factory=list)

    def work(self, number: int, now: int, settings: Settings, answer: str) -> None:
        row = self.rows.get(f"r{number}") or reminder(number, due=now)
        if is_stale(row, row.due, now) is not None:
            return
        decision = decide(
            row, scene(head=self.head, known_address=self.address, settings=settings, facts_until=now), "w", now
        )
        if isinstance(decision, Write):
            self.rows[row.id] = decision.reminder
            return
        self.head, self.address, claimed = decision.head, decision.address, decision.reminder
        if answer == "accepted":
            self.sent.append(now)
            self.rows[row.id] = sent(claimed, now, "p")
        elif answer == "lost":
            # The provider took it, but nobody heard: it counts.
            self.sent.append(now)
            self.rows[row.id] = claimed
        else:
            self.rows[row.id] = declined(claimed, now, "throttled", 60)
            self.head = self.head.model_copy(update={"sends": without_send(self.head.sends, claimed)})
            self.address = self.address.model_copy(update={"sends": without_send(self.address.sends, claimed)})


@examples(150)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 40), st.integers(0, 5 * 60),
            st.sampled_from(["accepted", "accepted", "accepted", "lost", "declined", "new profile"]),
        ),
        max_size=60,
    ),
    st.integers(1, 3),
    st.integers(1, 16),
)  # fmt: skip
def test_no_cap_is_ever_broken(history: list[tuple[int, int, str]], per_day: int, per_week: int) -> None:
    settings = Settings(channels=("email",), marketing_cap_per_day=per_day, marketing_cap_per_week=per_week)
    person = Person(reachable())
    now = NOON
    for number, minutes, answer in history:
        now += minutes * MINUTE
        if answer == "new profile":
            # The same mailbox behind a new profile gets no second cap.
            person.head = reachable()
            continue
        person.work(number, now, settings, answer)
    for at in person.sent:
        assert sum(at - DAY < one <= at for one in person.sent) <= per_day
        assert sum(at - 7 * DAY < one <= at for one in person.sent) <= per_week
        assert 8 <= at_zone(at, "Asia/Shanghai").hour < 21
    assert len(person.rows) == len({row.id for row in person.rows.values()})
    for row in person.rows.values():
        assert row.open or (row.outcome is not None and row.reason)


def test_declined_frees_the_rings_for_another_message() -> None:
    claim = decide(reminder(), scene(), "w", NOON)
    assert isinstance(claim, Claim)
    assert without_send(claim.head.sends, claim.reminder) == {"marketing": ()}
    back = declined(claim.reminder, NOON, "throttled", 60)
    assert (back.state, back.due, back.owner, back.lease_until) == ("pending", NOON + 60 * SECOND, None, None)
    assert (back.claimed_at, back.address) == (None, None)


def test_declined_for_good_or_without_time_is_failed() -> None:
    claim = decide(reminder(deadline=NOON + MINUTE), scene(), "w", NOON)
    assert isinstance(claim, Claim)
    for again in (None, 61):
        row = declined(claim.reminder, NOON, "bad_address", again)
        assert (row.outcome, row.reason) == ("failed", "bad_address")


def test_throttling_delays_more_and_more_and_loses_nothing_before_the_deadline() -> None:
    row, now, attempts, pauses = reminder(message_class="service"), NOON, 0, [0]
    shipped = scene(playbook=Launched(playbook(message_class="service")))
    while row.open:
        claim = decide(row, shipped, "w", now)
        assert isinstance(claim, Claim)
        row = declined(claim.reminder, now, "throttled", 60)
        attempts += 1
        if row.open:
            pauses.append(row.due - now)
            now = row.due
    assert (row.outcome, row.reason) == ("failed", "throttled")
    assert row.deadline - now <= max(pauses)
    assert pauses == sorted(pauses)
    # An hour between attempts at most, so that a provider that recovers is noticed; and no flood until then.
    assert max(pauses) <= HOUR
    assert attempts < 30 * 24 + 10


def claimed() -> Reminder:
    claim = decide(reminder(), scene(), "w", NOON)
    assert isinstance(claim, Claim)
    return claim.reminder


def test_a_live_lease_is_nobody_elses() -> None:
    row = claimed()
    assert is_stale(row, row.due, NOON + LEASE - 1) == "being sent"
    assert is_stale(row, row.due, NOON + LEASE) is None


def test_a_lapsed_lease_is_never_sent_again() -> None:
    row = written(claimed(), scene(), NOON + LEASE)
    assert (row.outcome, row.reason) == ("unknown", "no_word_from_provider")
    assert is_stale(row, row.due, NOON + LEASE) == "over"


def test_the_providers_word_decides_a_lapsed_lease() -> None:
    heard = claimed().model_copy(update={"feedback": Feedback(accepted_at=NOON + 7), "provider_id": "p1"})
    row = lapsed(heard, NOON + LEASE)
    assert (row.outcome, row.sent_at, row.provider_id) == ("sent", NOON + 7, "p1")


@pytest.mark.parametrize(
    ("row", "due", "why"),
    [
        (None, NOON, "over"),
        (reminder().ended(NOON, "sent", "sent"), NOON, "over"),
        (reminder(due=NOON + HOUR), NOON, "moved"),
        (reminder(due=NOON + HOUR), NOON + HOUR, "not due"),
        (reminder(), NOON, None),
        (reminder(due=NOON + SECOND), NOON + SECOND, None),
    ],
)
def test_old_news_is_dropped(row: Reminder | None, due: int, why: str | None) -> None:
    assert is_stale(row, due, NOON) == why


def test_the_playbooks_hours_hold_too() -> None:
    evening = scene(playbook=Launched(playbook(hours=(19, 21))))
    assert written(reminder(), evening).due == parse_instant("2026-03-05T19:00:00+08:00")


def test_what_goes_to_a_file_needs_no_consent_but_obeys_everything_else() -> None:
    row = reminder(channel="file")
    filed = Launched(playbook(channels=("file",)))
    nobody = dataclasses.replace(scene(), head=Head(viewer="a1"), playbook=filed, address="a1")
    assert isinstance(decide(row, nobody, "w", NOON), Claim)
    assert written(row, dataclasses.replace(nobody, head=Head(viewer="a1", last_order_at=START))).reason == "ordered"


SMS = reminder(channel="sms")


def texted(**more: Any) -> Scene:
    """The scene of a text message to a Chinese number by way of Aliyun, under the packs that ship."""
    facts: dict[str, Any] = {
        "head": reachable(traits={"phone": said("+8613912345670")}),
        "address": "+8613912345670",
        "playbook": Launched(playbook(channels=("sms",), kinds=("live",))),
        "settings": Settings(channels=("sms",), providers='{"sms": "aliyun"}'),
        "rulebook": rulebook(),
    }
    return scene(**{**facts, **more})


def test_a_pack_bars_at_the_moment_of_sending() -> None:
    tencent = texted(settings=Settings(channels=("sms",), providers='{"sms": "tencent"}'))
    row = written(SMS, tencent)
    assert (row.outcome, row.reason, row.trace[-1].detail) == ("skipped", "rule_pack", "CN-SMS-tencent 1: live")
    # Another channel may carry it.
    assert row.tried == ("sms",)
    claim = decide(SMS, texted(), "w", NOON)
    assert isinstance(claim, Claim)
    assert claim.reminder.trace[-1].detail.endswith("by CN-SMS 1, CN-SMS-aliyun 1, CN-advertising 1")


def test_without_packs_marketing_waits_until_the_deadline_and_service_goes_out() -> None:
    bare = scene(rulebook=None)
    row = written(reminder(), bare)
    assert (row.state, row.due, row.trace[-1].code) == ("pending", NOON + HOUR, "later: no_rules")
    assert written(reminder(deadline=NOON + HOUR - 1), bare).reason == "rule_pack"
    assert isinstance(decide(reminder(message_class="service"), bare, "w", NOON), Claim)


def test_legal_hours_hold_where_the_law_puts_them_not_where_she_is() -> None:
    """Noon in New York is one in the morning in Beijing: no text to a Chinese number then."""
    noon = parse_instant("2026-03-05T12:00:00-05:00")
    row = written(SMS.model_copy(update={"zone": "America/New_York"}), texted(facts_until=noon), noon)
    assert (row.state, row.trace[-1].code) == ("pending", "later: legal_hours")
    # Eight in Beijing.
    assert row.due == parse_instant("2026-03-05T19:00:00-05:00")


def test_of_an_assumed_zone_every_candidate_must_allow_the_moment() -> None:
    american = texted(
        head=reachable(traits={"phone": said("+14155550100")}), address="+14155550100",
        settings=Settings(channels=("sms",), providers='{"sms": "aws"}', shop_zone="America/New_York"),
    )  # fmt: skip
    morning = parse_instant("2026-03-05T10:30:00-05:00")
    sure = SMS.model_copy(update={"zone": "America/New_York"})
    guess = sure.model_copy(update={"zone_assumed": True})
    seen = dataclasses.replace(american, facts_until=morning)
    assert isinstance(decide(sure, seen, "w", morning), Claim)
    assert written(guess, seen, morning).due == parse_instant("2026-03-05T13:00:00-05:00")
