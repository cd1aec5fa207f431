"""What is heard of a message moves it forward only, in any order and repetition of the words."""

from __future__ import annotations

import random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, HOUR, SECOND
from aftershow.model.orders import Order
from aftershow.model.reminders import Feedback, Reminder
from aftershow.rules.claims import LEASE, lapsed, sent
from aftershow.rules.feedback import WON_BACK_WITHIN, Word, followed, hear, won_by
from tests.unit.samples import START, examples

WORDS: list[Word] = list(get_args(Word))


def claimed(name: str = "r1", **more: Any) -> Reminder:
    facts: dict[str, Any] = {
        "id": name, "viewer": "u1", "playbook": "hot", "playbook_version": 1, "step": "first", "about": "show#s1",
        "channel": "email", "message_class": "marketing", "template": "t", "locale": "en", "zone": "UTC",
        "created": START, "reference": START, "due": START, "deadline": START + 9 * DAY, "state": "sending",
        "owner": "w", "attempt": 1, "claimed_at": START, "lease_until": START + LEASE,
    }  # fmt: skip
    return Reminder(**{**facts, **more})


def outcome(row: Reminder) -> tuple[object, ...]:
    return row.state, row.outcome, row.reason, row.feedback, row.sent_at, row.provider_id


# A word, or a visit (link, whether its request is a machine's), some hundreds of milliseconds after the claim.
VISITS = st.tuples(st.sampled_from(["0", "1", "unsubscribe", "preferences"]), st.booleans())
HEARD = st.lists(st.tuples(st.sampled_from(WORDS) | VISITS, st.integers(1, 30)), min_size=1, max_size=8)
BEGINNINGS = {
    "sending": claimed(),
    "sent": sent(claimed(), START + 3 * SECOND, "p1"),
    "unknown": lapsed(claimed(), START + LEASE),
}


def take(row: Reminder, what: Word | tuple[str, bool], at: int) -> Reminder:
    moment = START + at * 300
    if isinstance(what, tuple):
        return followed(row, what[0], moment, machine=what[1])
    return hear(row, what, moment, "p1")


@examples(300)
@given(HEARD, st.sampled_from(sorted(BEGINNINGS)), st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_words_ends_the_same(
    heard: list[tuple[Word | tuple[str, bool], int]], beginning: str, chance: random.Random
) -> None:
    one = other = BEGINNINGS[beginning]
    for what, at in heard:
        one = take(one, what, at)
    for what, at in chance.sample(heard, len(heard)) + heard:
        other = take(other, what, at)
    # A visit alone brings no provider's id.
    assert outcome(one) == outcome(other)


FORWARD = {
    (None, None): 0,
    ("unknown", "no_word_from_provider"): 1,
    ("sent", "sent"): 2,
    ("failed", "soft_bounced"): 3,
    ("delivered", "delivered"): 4,
    ("failed", "rejected"): 5,
    ("failed", "bounced"): 6,
}


@examples(100)
@given(HEARD, st.sampled_from(sorted(BEGINNINGS)))
def test_it_moves_forward_only(heard: list[tuple[Word | tuple[str, bool], int]], beginning: str) -> None:
    row = BEGINNINGS[beginning]
    for what, at in heard:
        after = take(row, what, at)
        assert FORWARD[after.outcome, after.reason] >= FORWARD[row.outcome, row.reason]
        assert after.outcome is not None
        assert not after.open
        assert take(after, what, at) == after
        row = after


@pytest.mark.parametrize(
    ("words", "ended", "reason"),
    [
        (["accepted"], "sent", "sent"),
        (["accepted", "delivered"], "delivered", "delivered"),
        (["opened"], "delivered", "delivered"),
        (["delivered", "bounced"], "failed", "bounced"),
        (["bounced", "delivered"], "failed", "bounced"),
        (["complained"], "delivered", "delivered"),
        (["complained", "delivered", "delayed"], "delivered", "delivered"),
        (["soft_bounced"], "failed", "soft_bounced"),
        # An answer of somebody on holiday comes as a soft bounce after the delivery.
        (["delivered", "soft_bounced"], "delivered", "delivered"),
        (["soft_bounced", "bounced"], "failed", "bounced"),
        (["accepted", "rejected"], "failed", "rejected"),
        (["machine_opened"], "sent", "sent"),
        (["replied"], "delivered", "delivered"),
    ],
)
def test_what_words_mean_together(words: list[Word], ended: str, reason: str) -> None:
    row = claimed()
    for number, word in enumerate(words):
        row = hear(row, word, START + number, "p1")
    assert (row.outcome, row.reason) == (ended, reason)


def test_a_complaint_is_kept_apart_from_a_bounce() -> None:
    row = hear(claimed(), "complained", START + 1)
    assert (row.feedback.complained_at, row.feedback.bounced_at) == (START + 1, None)


def test_a_late_word_closes_what_nobody_knew() -> None:
    row = hear(BEGINNINGS["unknown"], "accepted", START + SECOND, "p9")
    assert (row.outcome, row.sent_at, row.provider_id) == ("sent", START + SECOND, "p9")


def test_a_word_about_a_message_that_was_never_claimed_is_none() -> None:
    planned = claimed(state="pending", claimed_at=None, owner=None, lease_until=None)
    assert hear(planned, "delivered", START) == planned


def order(at: int, name: str = "o1") -> Order:
    return Order(order=name, viewer="u1", hash="h", at=at, minor=1, currency="CNY")


def _sent(name: str, at: int, **feedback: Any) -> Reminder:
    return sent(claimed(name), at, "p").model_copy(update={"feedback": Feedback(**feedback)})


def test_an_order_is_won_by_the_last_message_before_it() -> None:
    rows = [_sent("r1", START), _sent("r2", START + HOUR), _sent("r3", START + 3 * HOUR), claimed("r4")]
    won = won_by(rows, order(START + 2 * HOUR))
    assert won is not None
    assert won.id == "r2"
    assert won_by(rows, order(START - 1)) is None
    assert won_by([], order(START)) is None
    assert won_by(rows, Order(order="o1", viewer="u1")) is None


def test_only_within_seven_days() -> None:
    rows = [_sent("r1", START)]
    assert won_by(rows, order(START + WON_BACK_WITHIN)) is not None
    assert won_by(rows, order(START + WON_BACK_WITHIN + 1)) is None


def test_only_the_first_order_is_won_back() -> None:
    rows = [_sent("r1", START, ordered_at=START + HOUR, order="o1")]
    assert won_by(rows, order(START + 2 * HOUR, "o2")) is None
    earlier = won_by(rows, order(START + HOUR - 1, "o2"))
    assert earlier is not None
