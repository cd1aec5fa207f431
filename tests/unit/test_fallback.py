"""A reminder goes on to the next channel where it reached nobody, and nowhere else; steps wait for answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.channels import Cap, Terms
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.playbooks import PlannedStep
from aftershow.model.reminders import Feedback, Reminder
from aftershow.model.settings import Settings
from aftershow.model.viewers import UNSUBSCRIBE_LINK, Consent, Head, Send
from aftershow.rules.choosing import Standing
from aftershow.rules.claims import declined
from aftershow.rules.feedback import Word, followed, hear
from aftershow.rules.planning import plan
from tests.unit.samples import examples, granted, playbook, reachable, said
from tests.unit.test_planning import NOW, open_rows, person, sent, settled, shop

BOTH = Settings(channels=("email", "sms"))
TWO = playbook(channels=("email", "sms"))
TRAITS = {"email": said("u1@example.com"), "phone": said("+8613800138000")}


def bounced(row: Reminder, at: int) -> Reminder:
    return hear(sent(row, row.due), "bounced", at)


def refused(row: Reminder, at: int) -> Reminder:
    claimed = row.model_copy(update={"state": "sending", "claimed_at": row.due, "attempt": 1, "owner": "w"})
    return declined(claimed, at, "bad_number", None)


def unreached(row: Reminder, at: int) -> Reminder:
    return row.gives_up_channel().ended(at, "skipped", "no_address")


@pytest.mark.parametrize("failed", [bounced, refused, unreached])
def test_what_reached_nobody_goes_on_to_the_next_channel_at_once(failed: Callable[[Reminder, int], Reminder]) -> None:
    head, of = reachable(traits=TRAITS), shop(TWO, settings=BOTH)
    (row,) = plan(person(head), of, NOW).rows
    over = failed(row, row.due + MINUTE)
    (again,) = plan(person(head, [over]), of, row.due + 2 * MINUTE).rows
    assert (again.id, again.state, again.channel, again.tried) == (row.id, "pending", "sms", ("email",))
    assert again.due == row.due + 2 * MINUTE
    assert (again.claimed_at, again.sent_at, again.provider_id, again.feedback) == (None, None, None, Feedback())
    assert [step.detail for step in again.trace if step.code == "fallback"] == [f"email: {over.reason}"]
    # No place of the series is taken twice, and nothing is left after the last channel: its reason stands.
    last = refused(again, again.due + MINUTE)
    rows = settled(person(head, [last]), of, again.due + 2 * MINUTE)
    assert [(one.step, one.outcome, one.reason) for one in rows] == [
        ("first", "failed", "bad_number"), ("second", None, None),
    ]  # fmt: skip


def test_what_may_have_been_taken_is_never_sent_elsewhere() -> None:
    head, of = reachable(traits=TRAITS), shop(TWO, settings=BOTH)
    (row,) = plan(person(head), of, NOW).rows
    complained = hear(hear(sent(row, row.due), "complained", row.due + 1), "bounced", row.due + 2)
    for over in (row.ended(row.due, "unknown", "no_word_from_provider"), sent(row, row.due), complained):
        claimed = over.model_copy(update={"claimed_at": row.due})
        rows = settled(person(head, [claimed]), of, row.due + MINUTE)
        assert [one.step for one in open_rows(rows)] == ["second"]
        assert [one.channel for one in rows if one.step == "first"] == ["email"]


def test_a_bounce_that_comes_after_the_next_message_changes_nothing() -> None:
    head, of = reachable(traits=TRAITS), shop(TWO, settings=BOTH)
    (first,) = plan(person(head), of, NOW).rows
    done = sent(first, first.due)
    (second,) = plan(person(head, [done]), of, first.due + 1).rows
    late = [bounced(first, second.due + 1), sent(second, second.due)]
    assert plan(person(head, late), of, second.due + 2).rows == []


def test_nothing_is_planned_elsewhere_after_a_stop() -> None:
    """An opt-out by the link of the e-mail is kept on the other channel too, until she agrees to that one anew."""
    consent = {"marketing:all": {"u1": granted()}}
    stop = Consent(state="withdrawn", at=NOW + HOUR, id="r", source=UNSUBSCRIBE_LINK)
    head = reachable(traits=TRAITS, consent={**consent, "marketing:email": {"u1": stop}})
    of = shop(TWO, settings=BOTH)
    (row,) = plan(person(reachable(traits=TRAITS)), of, NOW).rows
    rows = settled(person(head, [sent(row, row.due)]), of, NOW + 2 * HOUR)
    assert open_rows(rows) == []
    anew = reachable(traits=TRAITS, consent={**head.consent, "marketing:sms": {"u1": granted(NOW + 3 * HOUR)}})
    (on,) = open_rows(settled(person(anew, [sent(row, row.due)]), of, NOW + 3 * HOUR))
    assert (on.step, on.channel) == ("second", "sms")


def test_an_open_row_takes_the_channel_that_is_the_right_one_now() -> None:
    """Consents that come in any order end in the same plan."""
    of = shop(TWO, settings=BOTH)
    by_sms = reachable(traits=TRAITS, consent={"marketing:sms": {"u1": granted()}})
    (row,) = plan(person(by_sms), of, NOW).rows
    assert row.channel == "sms"
    (moved,) = plan(person(reachable(traits=TRAITS), [row]), of, NOW + 1).rows
    assert (moved.id, moved.channel, moved.due) == (row.id, "email", row.due)
    assert plan(person(reachable(traits=TRAITS), [moved]), of, NOW + 2).rows == []


ESCALATES = playbook(
    channels=("email",),
    steps=(
        PlannedStep(id="text", template="t"),
        PlannedStep(id="picture", template="t", gap=DAY, when="no_response", channels=("sms", "email")),
        PlannedStep(id="video", template="t", gap=DAY, when="no_response"),
    ),
)


def test_who_does_not_answer_is_written_to_elsewhere_and_an_answer_ends_it() -> None:
    head, of = reachable(traits=TRAITS), shop(ESCALATES, settings=BOTH)
    (text,) = plan(person(head), of, NOW).rows
    assert text.channel == "email"
    done = sent(text, text.due)
    # An open is no answer: a program may have done it.
    (picture,) = plan(person(head, [hear(done, "opened", text.due + 1)]), of, text.due + 1).rows
    assert (picture.step, picture.channel) == ("picture", "sms")
    assert picture.due >= text.due + DAY
    answered = followed(done, "0", text.due + HOUR, machine=False)
    rows = settled(person(head, [answered, picture]), of, text.due + HOUR)
    assert [(one.step, one.outcome, one.reason) for one in rows if one.step != "text"] == [
        ("picture", "cancelled", "responded")
    ]
    assert plan(person(head, [answered]), of, text.due + HOUR).rows == []


def test_a_step_that_no_channel_can_carry_is_passed_over() -> None:
    of = shop(ESCALATES.model_copy(update={"steps": (
        PlannedStep(id="text", template="t", channels=("sms",)), *ESCALATES.steps[1:],
    )}), settings=BOTH)  # fmt: skip
    (row,) = plan(person(), of, NOW).rows
    assert (row.step, row.channel) == ("picture", "email")


def test_those_who_want_less_get_less() -> None:
    """A playbook's own cap counts every marketing message, of whatever playbook."""
    sends = (Send(at=NOW, reminder="x", channel="email"),)
    rare = playbook(caps=({"most": 1, "window": 5 * DAY},))
    (row,) = plan(person(reachable(sends={"marketing": sends})), shop(rare), NOW + 1).rows
    assert row.due >= NOW + 5 * DAY
    (usual,) = plan(person(reachable(sends={"marketing": sends})), shop(), NOW + 1).rows
    assert usual.due < NOW + DAY


def test_a_channels_own_cap_moves_only_what_has_no_other_channel() -> None:
    sends = (Send(at=NOW, reminder="x", channel="sms"),)
    head = reachable(traits=TRAITS, sends={"marketing": sends})
    capped = Standing(terms=Terms(caps={"sms": (Cap(most=1, window=3 * DAY),)}))
    for channels, channel in ((("sms", "email"), "email"), (("sms",), "sms")):
        of = dataclasses.replace(shop(playbook(channels=channels), settings=BOTH), standing=capped)
        (row,) = plan(person(head), of, NOW + 1).rows
        assert row.channel == channel
        assert (row.due >= NOW + 3 * DAY) == (channel == "sms")


HAPPENINGS = st.lists(
    st.sampled_from(
        [
            "look",
            "send",
            "click",
            "bounce",
            "refuse",
            "unknown",
            "no phone",
            "phone",
            "stop",
            "agree",
            "day",
            "complain",
        ]
    ),
    max_size=16,
)


@examples(150)
@given(HAPPENINGS)
def test_no_message_goes_out_twice_and_planning_always_comes_to_rest(happened: list[str]) -> None:
    """Whatever happens: each channel carries a reminder once at most, the next one only what reached nobody."""
    of = shop(ESCALATES.model_copy(update={"channels": ("email", "sms"), "deadline": 60 * DAY}), settings=BOTH)
    # In the morning: no quiet hours in between.
    now, head = NOW + 12 * HOUR, reachable(traits=TRAITS)
    rows = settled(person(head), of, now)
    reached: dict[str, str] = {}
    for what in happened:
        now += DAY if what == "day" else MINUTE
        head = happens_to(head, what, now)
        rows = [after(row, what, now) for row in rows]
        for row in rows:
            if row.feedback.bounced_at is not None:
                reached.pop(row.id, None)
            elif row.outcome in ("sent", "delivered", "unknown"):
                assert reached.setdefault(row.id, row.channel) == row.channel, "sent on two channels"
        rows = settled(person(head, rows), of, now)
        assert len(open_rows(rows)) <= 1
        for row in rows:
            assert len(set(row.tried)) == len(row.tried)
            assert not row.open or (row.channel not in row.tried and row.id not in reached)
        places = [(row.step, row.occurrence) for row in rows]
        assert len(set(places)) == len(places)


def happens_to(head: Head, what: str, now: int) -> Head:
    """The person after what she did."""
    stop = Consent(state="withdrawn", at=now, id="r", source=UNSUBSCRIBE_LINK)
    traits = dict(head.traits)
    if what == "no phone":
        traits.pop("phone", None)
    elif what == "phone":
        traits["phone"] = TRAITS["phone"]
    consent = dict(head.consent)
    if what == "stop":
        consent["marketing:email"] = {"u1": stop}
    elif what == "agree":
        consent["marketing:all"] = {"u1": granted(now)}
    return head.model_copy(update={"traits": traits, "consent": consent})


def after(row: Reminder, what: str, now: int) -> Reminder:
    """A row after what happened to its message."""
    if row.open and row.due <= now:
        if what == "send":
            return sent(row, now)
        if what == "refuse":
            return refused(row, now)
        if what == "unknown":
            return row.ended(now, "unknown", "no_word_from_provider", claimed_at=now)
    words: dict[str, Word] = {"bounce": "bounced", "complain": "complained"}
    if row.outcome == "sent" and what in words:
        return hear(row, words[what], now)
    return followed(row, "0", now, machine=False) if row.outcome == "sent" and what == "click" else row
