"""The coverage meter: the same in any order, and never surer than what was observed."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.coverage import Coverage, Seen
from aftershow.model.instants import DAY
from aftershow.model.playbooks import PlannedStep, Playbook
from aftershow.rules import segment
from aftershow.rules.coverage import (
    QUIET_AFTER_DAYS,
    SCORES,
    SIGNALS,
    Need,
    Trust,
    need_of,
    observed,
    of_shop,
    signals_of,
    trust,
    united,
)
from aftershow.rules.segment import Event
from infra.local import coverage_words
from tests.unit.samples import START, examples, read, tracked

TODAY = START // DAY
# What an event of each name must say to be readable.
SAID: dict[str, dict[str, Any]] = {
    "Message Consent Updated": {"purpose": "marketing", "state": "granted"},
    "Message Address Suppressed": {"channel": "email", "address": "a@example.com", "reason": "bounced"},
    "Message Subscription Accepted": {"template_id": "t"},
    "Complaint Resolved": {"complaint_id": "c1"},
    "Product Updated": {"product_id": "p"},
    "Live Followed": {"host_id": "h"},
    "Live Unfollowed": {"host_id": "h"},
    "Order Completed": {"order_id": "o", "total": 1},
    "Order Updated": {"order_id": "o", "total": 1},
    "Order Refunded": {"order_id": "o", "total": 1},
    "Order Cancelled": {"order_id": "o"},
    "Live Show Scheduled": {"show_id": "s", "starts_at": "2026-03-04T12:00:00Z"},
    "Live Show Started": {"show_id": "s"},
    "Live Show Ended": {"show_id": "s"},
}
CONTACT = {"externalIds": [{"type": "wecom_external_userid", "id": "c"}]}
NAMES = sorted({*segment._READERS, *segment._COUNTED})  # noqa: SLF001 (the whole vocabulary, so that none is forgotten)


@pytest.mark.parametrize("name", NAMES)
def test_every_word_of_the_wire_delivers_a_signal(name: str) -> None:
    """And it is listed there, so that the meter can say what to send."""
    event = read("track", START, "m1", CONTACT, event=name, properties=SAID.get(name, {}), anonymousId="a")
    delivered = set(signals_of(event))
    assert delivered
    assert any(word.startswith(name) for signal in delivered for word in SIGNALS[signal])


def test_watch_time_is_delivered_only_where_somebody_counted() -> None:
    assert set(signals_of(tracked("Live Room Left", who={"anonymousId": "a"}))) == {"exits"}
    assert set(signals_of(tracked("Live Room Left", who={"anonymousId": "a"}, watch_seconds=0))) == {
        "exits",
        "watch_time",
    }


def test_people_are_known_by_identities_addresses_and_zones() -> None:
    profile = read("identify", traits={"email": "a@example.com", "timezone": "Europe/Paris"})
    assert set(signals_of(profile)) == {"identities", "addresses", "zones"}
    assert set(signals_of(read("identify", anonymousId="a", traits={"name": "Mei"}))) == set()
    assert set(signals_of(read("alias", previousId="a"))) == {"identities"}
    assert set(signals_of(read("page", anonymousId="a", context={"timezone": "Asia/Tokyo"}))) == {"zones"}


@st.composite
def events(draw: st.DrawFn) -> Event:
    """Some event of the vocabulary on some day."""
    name, at = draw(st.sampled_from(NAMES)), START + draw(st.integers(-60, 60)) * DAY
    message_id = draw(st.text(min_size=1, max_size=4))
    return read("track", at, message_id, CONTACT, event=name, properties=SAID.get(name, {}))


@examples(60)
@given(st.lists(events(), max_size=25), st.randoms(use_true_random=False))
def test_any_order_batching_and_repetition_ends_in_the_same(listed: list[Event], chance: random.Random) -> None:
    at_once = observed("web", listed)
    again = [*listed, *(event for event in listed if chance.random() < 0.5)]
    chance.shuffle(again)
    folded = Coverage(source="web")
    while again:
        size = chance.randint(1, 4)
        batch, again = again[:size], again[size:]
        folded = united(folded, observed("web", batch))
    assert folded == at_once
    assert united(folded, at_once) == folded
    assert folded.signals.keys() <= SIGNALS.keys()


DAYS = (
    st.tuples(st.integers(0, 400), st.integers(0, 400)).map(sorted).map(lambda both: Seen(first=both[0], last=both[1]))
)
SEEN = st.dictionaries(st.sampled_from(sorted(SIGNALS)), DAYS)
NEEDS = st.sampled_from(SCORES)


@examples(100)
@given(NEEDS, SEEN, SEEN)
def test_what_else_is_observed_makes_nothing_unknown(need: Need, some: dict[str, Seen], more: dict[str, Seen]) -> None:
    before = trust(need, some)
    after = trust(need, of_shop([Coverage(source="a", signals=some), Coverage(source="b", signals=more)]))
    assert len(after.missing) <= len(before.missing)
    assert set(after.without) <= set(before.without)


@examples(60)
@given(NEEDS, SEEN)
def test_nothing_is_trusted_that_was_not_observed(need: Need, seen: dict[str, Seen]) -> None:
    judged = trust(need, seen)
    known = all(any(signal in seen for signal in group) for group in need.must)
    assert (judged.verdict == "unknown") == (not known)
    if judged.verdict == "trusted":
        assert all(signal in seen for signal in need.better)
    for locale in ("en", "zh-CN"):
        assert (coverage_words.why(judged, locale) == "") == (judged.verdict == "trusted")


def seen(*names: str, last: int = TODAY) -> dict[str, Seen]:
    return {name: Seen(first=TODAY - 100, last=last) for name in names}


def test_a_signal_that_stopped_is_told() -> None:
    need = Need("points", (("orders",),), ("refunds",))
    stopped = seen("refunds", last=TODAY - QUIET_AFTER_DAYS - 1)
    assert trust(need, seen("orders") | stopped) == Trust("points", "partly", stopped=("refunds",))
    # Nothing stopped while the whole shop rests.
    assert trust(need, seen("orders", "refunds", last=TODAY - 90)).verdict == "trusted"
    assert trust(need, seen("orders") | seen("refunds", last=TODAY - QUIET_AFTER_DAYS)).verdict == "trusted"


def playbook(**more: Any) -> Playbook:
    fields = {
        "id": "p",
        "version": 1,
        "title": {},
        "why": {},
        "trigger": "show_ended",
        "temperatures": ("hot",),
        "channels": ("email",),
        "steps": (PlannedStep(id="s", template="t"),),
    }
    return Playbook.model_validate({**fields, **more})


EVERYTHING = seen(*SIGNALS)


@pytest.mark.parametrize("one", ["orders", "identities", "addresses", "consents"])
def test_a_playbook_without_what_it_needs_is_unknown(one: str) -> None:
    without = {name: days for name, days in EVERYTHING.items() if name != one}
    for each in (playbook(), playbook(trigger="first_order", temperatures=())):
        assert trust(need_of(each), EVERYTHING).verdict == "trusted"
        assert trust(need_of(each), without) == Trust("p", "unknown", ((one,),))


def test_what_a_playbook_needs_follows_from_what_it_says() -> None:
    likes_only = seen("likes", "entries", "orders", "identities")
    assert trust(need_of(playbook(channels=("file",))), likes_only).missing == (
        ("carts", "checkouts", "product_clicks"),
    )
    assert trust(need_of(playbook(channels=("file",), trigger="first_order")), likes_only).verdict == "partly"
    service = playbook(message_class="service", trigger="first_order")
    assert trust(need_of(service), likes_only).missing == (("addresses",),)


def test_every_code_has_its_words() -> None:
    codes = {*SIGNALS, *(need.name for need in SCORES), "trusted", "partly", "unknown"}
    assert codes <= coverage_words.WORDS.keys()
    for need in SCORES:
        assert {signal for group in need.must for signal in group} | {*need.better} <= SIGNALS.keys()
