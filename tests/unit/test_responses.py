"""An answer is a person's act; a silence counts when there was time for one."""

from __future__ import annotations

from typing import Any

import pytest

from aftershow.model.reminders import Feedback, Reminder
from aftershow.rules.responses import SILENT_AFTER, Tally, answered, by_channel
from tests.unit.test_claims import NOON, reminder

SENT = {"state": "ended", "outcome": "sent", "sent_at": NOON, "claimed_at": NOON}


def row(channel: str = "email", /, **feedback: Any) -> Reminder:
    return reminder().model_copy(update={**SENT, "channel": channel, "feedback": Feedback(**feedback)})


@pytest.mark.parametrize("word", ["clicked_at", "ordered_at"])
def test_a_click_and_an_order_are_answers(word: str) -> None:
    assert answered(row(**{word: NOON + 1}))


@pytest.mark.parametrize("word", ["accepted_at", "delivered_at", "opened_at", "complained_at", "unsubscribed_at"])
def test_what_a_program_may_have_done_and_a_no_are_none(word: str) -> None:
    assert not answered(row(**{word: NOON + 1}))


def test_a_message_counts_when_it_was_answered_or_had_its_time() -> None:
    young, clicked, texted = row(), row(clicked_at=NOON + 1), row("sms")
    assert by_channel([young, clicked, texted], NOON + 2) == {"email": Tally(1, 1)}
    later = NOON + SILENT_AFTER
    assert by_channel([young, clicked, texted], later) == {"email": Tally(2, 1), "sms": Tally(1, 0)}


def test_what_reached_nobody_says_nothing() -> None:
    bounced = row(bounced_at=NOON + 1).model_copy(update={"outcome": "failed", "reason": "bounced"})
    assert by_channel([bounced, reminder()], NOON + 9 * SILENT_AFTER) == {}
