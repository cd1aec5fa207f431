"""What the claim does about channels: their own caps, endings that are theirs alone, stops that hold on all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.channels import Cap, Terms
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.playbooks import PlannedStep
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.viewers import UNSUBSCRIBE_LINK, Address, Consent
from aftershow.rules.claims import LEASE, Claim, Scene, Write, decide, declined, is_stale, lapsed, sent, without_send
from aftershow.rules.launching import Launched
from tests.unit.samples import START, examples, granted, playbook, reachable
from tests.unit.test_claims import NOON, OPTED_OUT, claimed, reminder, scene, sends, written

CHANNEL_CAPS = Terms(
    caps={"email": (Cap(most=2, window=DAY),), "wecom": (Cap(most=1, window=DAY), Cap(most=2, window=7 * DAY))}
)
CHANNELS = ("email", "wecom", "sms")


@examples(150)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 60), st.integers(0, 5 * 60), st.sampled_from(CHANNELS),
            st.sampled_from(["accepted", "accepted", "lost", "declined", "elsewhere"]),
        ),
        max_size=80,
    ),
    st.integers(1, 16),
)  # fmt: skip
def test_no_channels_cap_is_ever_broken(history: list[tuple[int, int, str, str]], playbooks_most: int) -> None:
    """Messages of several workers on several channels, some moved from one to another: the caps of each channel, of
    the class and of the playbook hold together."""
    settings = Settings(channels=CHANNELS, marketing_cap_per_day=3, marketing_cap_per_week=9)
    asks = Launched(playbook(channels=CHANNELS, caps=(Cap(most=playbooks_most, window=3 * DAY),)))
    head, known, rows = reachable(), dict[str, Address](), dict[int, Reminder]()
    handed_over: list[tuple[int, str]] = []
    now = NOON
    for number, minutes, channel, answer in history:
        now += minutes * MINUTE
        row = rows.get(number) or reminder(number, due=now, channel=channel)
        if row.state == "pending" and answer == "elsewhere":
            row = row.model_copy(update={"channel": channel})
        if is_stale(row, row.due, now, row.channel) is not None:
            continue
        seen = scene(head=head, known_address=known.get(row.channel), address_hash=row.channel, settings=settings,
                     facts_until=now, terms=CHANNEL_CAPS, playbook=asks)  # fmt: skip
        decision = decide(row, seen, "w", now)
        if isinstance(decision, Write):
            rows[number] = decision.reminder
            continue
        head, known[row.channel], claimed = decision.head, decision.address, decision.reminder
        if answer == "declined":
            rows[number] = declined(claimed, now, "throttled", 60)
            head = head.model_copy(update={"sends": without_send(head.sends, claimed)})
            freed = without_send(known[row.channel].sends, claimed)
            known[row.channel] = known[row.channel].model_copy(update={"sends": freed})
        else:
            handed_over.append((now, row.channel))
            rows[number] = claimed if answer == "lost" else sent(claimed, now, "p")
    limits: list[tuple[int, int, tuple[str, ...]]] = [
        (DAY, 3, CHANNELS),
        (7 * DAY, 9, CHANNELS),
        (3 * DAY, playbooks_most, CHANNELS),
    ]
    limits += [(cap.window, cap.most, (channel,)) for channel, caps in CHANNEL_CAPS.caps.items() for cap in caps]
    for window, most, channels in limits:
        moments = [at for at, channel in handed_over if channel in channels]
        assert all(sum(at - window < one <= at for one in moments) <= most for at in moments), (window, channels)


@pytest.mark.parametrize(
    ("seen", "goes_on"),
    [
        (scene(address=None), True),
        (scene(head=reachable(consent={"marketing:sms": {"u1": granted()}})), True),
        (scene(known_address=OPTED_OUT.model_copy(update={"suppressed": "bounced"})), True),
        # Nobody who opted out by an address, or complained about it, is looked for elsewhere.
        (scene(known_address=OPTED_OUT), False),
        (scene(known_address=OPTED_OUT.model_copy(update={"suppressed": "complained"})), False),
        (scene(head=reachable(last_order_at=START)), False),
    ],
    ids=["no address", "no consent here", "bounced", "opted out", "complained", "ordered"],
)
def test_which_endings_are_the_channels_alone(seen: Scene, goes_on: bool) -> None:  # noqa: FBT001
    assert (written(reminder(), seen).tried == ("email",)) == goes_on


def test_a_refusal_for_good_gives_the_channel_up_and_no_word_does_not() -> None:
    assert declined(claimed(), NOON, "bad_address", None).tried == ("email",)
    assert declined(claimed(), NOON, "throttled", 60).tried == ()
    assert lapsed(claimed(), NOON + LEASE).tried == ()


def test_a_channel_without_room_before_the_deadline_is_given_up_and_the_person_without_is_not() -> None:
    full = scene(head=reachable(sends=sends(NOON - HOUR)), terms=Terms(caps={"email": (Cap(most=1, window=DAY),)}))
    there = written(reminder(deadline=NOON + HOUR), full)
    assert (there.reason, there.tried) == ("capped", ("email",))
    nowhere = written(reminder(deadline=NOON + HOUR), scene(head=reachable(sends=sends(NOON - HOUR, NOON - 1))))
    assert (nowhere.reason, nowhere.tried) == ("capped", ())


def test_a_stop_on_one_channel_is_kept_on_the_other() -> None:
    stop = Consent(state="withdrawn", at=START + HOUR, id="r0", source=UNSUBSCRIBE_LINK)
    head = reachable(consent={"marketing:all": {"u1": granted()}, "marketing:sms": {"u1": stop}})
    both = scene(head=head, playbook=Launched(playbook(channels=("email", "sms"))))
    row = written(reminder(), both)
    assert (row.outcome, row.reason, row.tried) == ("skipped", "said_stop", ())
    # What began after it is another matter.
    assert isinstance(decide(reminder(reference=START + 2 * HOUR), both, "w", NOON), Claim)


def test_an_answer_ends_a_step_for_those_who_gave_none() -> None:
    steps = (PlannedStep(id="first", template="t", when="no_response"),)
    asks = Launched(playbook(steps=steps))
    row = written(reminder(), scene(playbook=asks, answered=True))
    assert (row.outcome, row.reason) == ("cancelled", "responded")
    assert isinstance(decide(reminder(), scene(playbook=asks), "w", NOON), Claim)
    assert isinstance(decide(reminder(), scene(answered=True), "w", NOON), Claim)


def test_a_message_in_the_queue_of_a_channel_that_was_left_is_old_news() -> None:
    assert is_stale(reminder(), NOON, NOON, "sms") == "moved"
    assert is_stale(reminder(), NOON, NOON, "email") is None
