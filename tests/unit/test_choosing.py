"""Channels are chosen by what speaks against them, then by what a message on them is worth; every reason is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.channels import Amount, Cap, RateCard, Terms
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.playbooks import PlannedStep
from aftershow.model.settings import Settings
from aftershow.model.templates import EmailPart, Template, Texts
from aftershow.model.viewers import UNSUBSCRIBE_LINK, Consent, Send
from aftershow.rules.choosing import (
    FIRST_GUESS,
    GUESS_MESSAGES,
    WHOLE,
    Case,
    Choice,
    Standing,
    chance_of_answer,
    choose,
)
from aftershow.rules.responses import Tally
from tests.unit.samples import START, examples, granted, playbook, reachable, said

EVERYWHERE = Settings(channels=("email", "sms", "push", "wechat", "file"), providers='{"sms": "aws"}')
TRAITS = {"email": said("u1@example.com"), "phone": said("+8613800138000"), "push_token": said("t")}
CARDS = (
    RateCard(channel="email", provider="ses", per_second=14, currency="USD", micros=100, as_of="x", source="x"),
    RateCard(channel="sms", provider="aws", per_second=20, currency="USD", micros=8_000, as_of="x", source="x"),
    RateCard(channel="sms", provider="dear", per_second=20, currency="USD", micros=90_000, as_of="x", source="x"),
)
TERMS = Terms(cards=CARDS, caps={})


def case(*channels: str, **more: Any) -> Case:
    wanted = {"head": reachable(traits=TRAITS), "playbook": playbook(channels=channels or ("sms", "email")),
              "step": "first", "template": "t", "settings": EVERYWHERE, "standing": Standing(terms=TERMS),
              "deadline": START + 3 * DAY, "earliest": START}  # fmt: skip
    return Case(**{**wanted, **more})


def reasons(choice: Choice) -> dict[str, str]:
    return {one.channel: one.against or one.held_up for one in choice.candidates}


def test_the_operators_order_decides_while_nothing_is_known() -> None:
    assert choose(case("sms", "email", "push")).channel == "sms"
    assert choose(case("push", "email", "sms")).channel == "push"


def test_what_is_the_only_one_left_needs_no_reasons() -> None:
    assert choose(case("email", "file", settings=Settings(channels=("email",)))).trace == "email"


TEXTS = Template(name="t", texts={"en": Texts(email=EmailPart(subject="s", text="t", html="h"))})
STOPPED = Consent(state="withdrawn", at=START + HOUR, id="r0", source=UNSUBSCRIBE_LINK)
RULED_OUT: dict[str, dict[str, Any]] = {
    "not_in_use": {"settings": Settings(channels=("email",))},
    "no_address": {"head": reachable()},
    "not_allowed": {"head": reachable(traits=TRAITS, consent={"marketing:email": {"u1": granted()}})},
    "no_text": {"standing": Standing(templates={"t": TEXTS}, terms=TERMS)},
    "tried": {"tried": ("sms",)},
    "said_stop": {
        "playbook": playbook(channels=("sms", "email", "push")),
        "head": reachable(
            traits=TRAITS,
            consent={
                "marketing:push": {"u1": STOPPED},
                "marketing:sms": {"u1": granted()},
                "marketing:email": {"u1": granted(START + 2 * HOUR)},
            },
        ),
        "since": START,
    },
}


@pytest.mark.parametrize("reason", RULED_OUT)
def test_what_rules_a_channel_out_is_told(reason: str) -> None:
    choice = choose(case(**RULED_OUT[reason]))
    assert choice.channel == "email"
    assert reasons(choice)["sms"] == reason
    assert f"sms: {reason.replace('_', ' ')}" in choice.trace


def test_stop_is_meant_for_what_goes_on_only() -> None:
    """An opt-out of last year ends its channel; it doesn't speak about messages that came after it."""
    assert choose(case(**{**RULED_OUT["said_stop"], "since": START + HOUR + 1})).channel == "sms"


def test_nothing_left_is_no_channel() -> None:
    choice = choose(case("sms", "email", tried=("sms", "email")))
    assert choice.channel is None
    assert choice.trace == "none (passed over: sms: tried; email: tried)"


CAPPED = Terms(cards=CARDS, caps={"sms": (Cap(most=1, window=DAY),)})
HELD_UP: dict[str, dict[str, Any]] = {
    "channel_down": {"standing": Standing(terms=TERMS, down=frozenset({"sms"}))},
    "too_slow": {"standing": Standing(terms=TERMS, late={"sms#marketing": 3 * DAY + 1})},
    "channel_capped": {
        "head": reachable(traits=TRAITS, sends={"marketing": (Send(at=START - HOUR, reminder="x", channel="sms"),)}),
        "standing": Standing(terms=CAPPED),
    },
}


@pytest.mark.parametrize("reason", HELD_UP)
def test_what_holds_a_channel_up_puts_it_behind_and_loses_no_reminder(reason: str) -> None:
    choice = choose(case(**HELD_UP[reason]))
    assert choice.channel == "email"
    assert reasons(choice)["sms"].partition(",")[0] == reason
    alone = choose(case("sms", **HELD_UP[reason]))
    assert alone.channel == "sms"


@pytest.mark.parametrize("late", [MINUTE, 2 * DAY])
def test_a_queue_that_is_late_but_in_time_is_none_to_avoid(late: int) -> None:
    assert choose(case(standing=Standing(terms=TERMS, late={"sms#marketing": late}))).channel == "sms"


def test_one_silence_turns_nothing_and_three_do() -> None:
    by_silences = [choose(case("push", "email", responses={"push": Tally(sent, 0)})).channel for sent in range(4)]
    assert by_silences == ["push", "push", "push", "email"]
    assert choose(case("push", "email", responses={"email": Tally(2, 1)})).channel == "email"


def test_a_channel_that_costs_more_than_it_brings_comes_behind() -> None:
    dear = case(settings=EVERYWHERE.model_copy(update={"providers": {"sms": "dear"}}))
    choice = choose(dear)
    assert choice.channel == "email"
    assert "sms: worth less, expects 10 %, costs 0.09 USD" in choice.trace
    # The shop's own price goes before the card's.
    own = Terms(cards=CARDS, prices={"sms": Amount(currency="USD", micros=8_000)})
    assert choose(case(settings=dear.settings, standing=Standing(terms=own))).channel == "sms"


def test_currencies_are_compared_by_the_shops_table() -> None:
    yuan = {"sms": Amount(currency="CNY", micros=60_000)}
    known = Terms(cards=CARDS, prices=yuan, exchange={"USD": 1_000_000, "CNY": 140_000})
    assert choose(case(standing=Standing(terms=known))).channel == "sms"
    # Nobody said what a yuan is worth: it may cost as much as the dearest, here as little as the e-mail.
    unknown = known.model_copy(update={"exchange": {"USD": 1_000_000}})
    choice = choose(case(standing=Standing(terms=unknown)))
    assert choice.channel == "sms"
    assert "costs 0.06 CNY" in choice.trace


def test_the_plain_order_can_be_wanted() -> None:
    plain = playbook(channels=("sms", "email"), choice="order")
    silent = {"sms": Tally(20, 0), "email": Tally(20, 20)}
    assert choose(case(playbook=plain, responses=silent)).channel == "sms"
    assert choose(case(responses=silent)).channel == "email"


def test_a_step_may_have_channels_of_its_own() -> None:
    steps = (PlannedStep(id="first", template="t"), PlannedStep(id="second", template="t", channels=("push",)))
    several = playbook(channels=("email",), steps=steps)
    assert choose(case(playbook=several)).channel == "email"
    assert choose(case(playbook=several, step="second")).channel == "push"


def test_the_file_is_for_those_whom_nothing_else_reaches() -> None:
    assert choose(case("file", "email", responses={"email": Tally(100, 0)})).channel == "email"
    assert choose(case("email", "file", head=reachable(traits={}))).channel == "file"


@examples(100)
@given(
    sent=st.integers(0, 1000), share=st.integers(0, 100), place=st.integers(0, 6),
)  # fmt: skip
def test_the_chance_lies_between_the_guess_and_the_record(sent: int, share: int, place: int) -> None:
    answered = sent * share // 100
    chance, guess = chance_of_answer(place, Tally(sent, answered)), chance_of_answer(place, Tally())
    record = answered * WHOLE // sent if sent else guess
    assert min(guess, record) - 1 <= chance <= max(guess, record) + 1
    assert (
        chance_of_answer(place, Tally(sent + 1, answered + 1))
        >= chance
        >= chance_of_answer(place, Tally(sent + 1, answered))
    )
    assert guess <= FIRST_GUESS
    assert GUESS_MESSAGES > 1


@examples(150)
@given(
    st.permutations(["sms", "email", "push", "wechat"]),
    st.sets(st.sampled_from(["sms", "email", "push"])),
    st.sets(st.sampled_from(["sms", "email", "push"])),
    st.dictionaries(st.sampled_from(["sms", "email", "push"]), st.tuples(st.integers(0, 9), st.integers(0, 9))),
)
def test_a_channel_is_chosen_where_there_is_one_and_each_other_has_its_reason(
    order: list[str], tried: set[str], down: set[str], known: dict[str, tuple[int, int]]
) -> None:
    tallies = {channel: Tally(max(pair), min(pair)) for channel, pair in known.items()}
    choice = choose(
        case(*order, tried=sorted(tried), responses=tallies, standing=Standing(terms=TERMS, down=frozenset(down)))
    )
    possible = {"sms", "email", "push"} - tried
    assert (choice.channel in possible) if possible else choice.channel is None
    if possible - down:
        assert choice.channel not in down
    told = set(re.findall(r"(\w+): ", choice.trace)) - {"over"}
    assert told == set(order) - {choice.channel}
