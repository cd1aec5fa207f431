"""Opens and clicks of machines are told from people's, where something speaks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import MINUTE, SECOND
from aftershow.rules.bots import AT_ONCE, QUICKEST_PERSON, followed_in_a_burst, made_by_machine
from tests.unit.samples import START, examples

PEOPLE = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.49",
    "Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126 Safari/537.36 Edg/126",
    "",
]
MACHINES = [
    "Mozilla/5.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "BarracudaCentral", "python-requests/2.32.3", "curl/8.9.1", "Slackbot-LinkExpanding 1.0",
]  # fmt: skip


@pytest.mark.parametrize("agent", PEOPLE)
def test_a_person_is_taken_for_a_person(agent: str) -> None:
    assert not made_by_machine("GET", agent, START, START + MINUTE)


@pytest.mark.parametrize("agent", MACHINES)
def test_who_says_that_it_is_a_machine_is_one(agent: str) -> None:
    assert made_by_machine("GET", agent, START, START + MINUTE)


def test_nobody_asks_for_the_head_or_clicks_as_soon_as_it_was_sent() -> None:
    assert made_by_machine("HEAD", PEOPLE[0], START, START + MINUTE)
    assert made_by_machine("GET", PEOPLE[0], START, START + QUICKEST_PERSON - 1)
    assert not made_by_machine("GET", PEOPLE[0], START, START + QUICKEST_PERSON)
    assert not made_by_machine("GET", PEOPLE[0], None, START)


def test_several_links_within_a_second_are_a_scanners() -> None:
    assert followed_in_a_burst({"0": START, "1": START + AT_ONCE - 1, "2": START + MINUTE}) == {"0", "1"}
    assert followed_in_a_burst({"0": START, "1": START + AT_ONCE}) == set()
    assert followed_in_a_burst({"0": START}) == set()


@examples(100)
@given(st.dictionaries(st.sampled_from("0123"), st.integers(0, 5 * SECOND)))
def test_a_burst_is_the_same_in_any_order(visits: dict[str, int]) -> None:
    backwards = dict(sorted(visits.items(), reverse=True))
    found = followed_in_a_burst(visits)
    assert found == followed_in_a_burst(backwards)
    for link, followed_at in visits.items():
        near = [one for one, at in visits.items() if one != link and abs(at - followed_at) < AT_ONCE]
        assert (link in found) == bool(near)
