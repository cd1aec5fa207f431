"""The packs decide: what may go where, in which hours, with what in it; what isn't known makes it stricter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, HOUR, MINUTE, at_zone, parse_instant
from aftershow.model.rule_packs import KINDS, Hours, Rulebook, RulePack
from aftershow.model.settings import Settings
from aftershow.rules.lawful import NO_PACKS, Case, case_of, country_of, judge, pays_for_shares
from aftershow.rules.timing import WHOLE_WEEK, solve
from infra.local.catalog import rulebook
from tests.unit.samples import SETTINGS, examples, reachable, said

RULES = rulebook()
CHINESE = Case("sms", "aliyun", "CN", "marketing", ("product",))
AMERICAN = Case("sms", "aws", "US", "marketing", ("product",), phone="+14155550100")
# A Monday.
MONDAY = parse_instant("2026-03-02T00:00:00Z")


def hours_of(case: Case, zone: str, day: int = 0) -> list[int]:
    """The hours of a weekday in a zone that every window of the zone allows; all where there is none."""
    week = WHOLE_WEEK
    for window in judge(RULES, case).windows:
        week &= window.week if window.zone == zone else WHOLE_WEEK
    return [hour for hour in range(24) if week >> day * 24 + hour & 1]


def solved(case: Case, earliest: str, days: int = 7) -> int | None:
    at = parse_instant(earliest)
    return solve(at, at + days * DAY, "UTC", allowed=(1 << 24) - 1, legal=judge(RULES, case).windows).at


def test_every_pack_says_when_and_where_from() -> None:
    assert len(RULES.packs) >= 10
    for pack in RULES.packs:
        assert pack.version >= 1
        assert all(source.title and source.seen for source in pack.sources)
        assert all(one.reference and {"en", "zh-CN"} <= set(one.why) for one in pack.decides)


def test_a_provider_bars_contents_that_another_lets_through() -> None:
    live = replace(CHINESE, kinds=("live", "product"))
    assert judge(RULES, live).barred is None
    assert judge(RULES, replace(live, provider="tencent")).barred == "CN-SMS-tencent 1: live"
    notice = replace(live, message_class="service", kinds=("recall",))
    assert judge(RULES, notice).barred == "CN-SMS-aliyun 1: recall"
    shipped = replace(notice, kinds=("order",))
    assert judge(RULES, shipped).barred is None


def test_a_content_of_undeclared_kind_is_held_to_be_every_kind() -> None:
    assert judge(RULES, replace(CHINESE, kinds=())).barred == "CN-SMS-aliyun 1: its kinds of content are not declared"
    # Nobody bars a kind from an e-mail, so nothing needs to be declared.
    assert judge(RULES, Case("email", "ses", "CN", "marketing")).barred is None


def test_a_shop_without_packs_sends_no_marketing() -> None:
    for none in (None, Rulebook()):
        assert judge(none, CHINESE).barred == NO_PACKS
        assert judge(none, replace(CHINESE, message_class="service")).barred is None


def test_the_packs_that_decided_are_named() -> None:
    assert judge(RULES, CHINESE).named == "CN-SMS 1, CN-SMS-aliyun 1, CN-advertising 1"
    assert judge(RULES, Case("email", "ses", "US", "marketing")).named == "Gmail-bulk 1, US-CAN-SPAM 1"
    assert judge(RULES, Case("email", "ses", "DE", "marketing")).named == "EU-GDPR 1, Gmail-bulk 1"
    assert judge(RULES, Case("email", "ses", "US", "service")).named == ""


def test_wechat_forbids_to_pay_for_shares_and_e_mail_does_not() -> None:
    assert pays_for_shares(RULES, "wechat", SETTINGS).barred == "platform-wechat 1: paid_share"
    assert pays_for_shares(RULES, "douyin", SETTINGS).barred == "platform-douyin 1: paid_share"
    assert pays_for_shares(RULES, "email", SETTINGS).barred is None


def test_chinese_hours_are_of_beijing_wherever_the_person_is() -> None:
    assert hours_of(replace(CHINESE, zone="America/New_York"), "Asia/Shanghai") == list(range(8, 22))
    assert {window.zone for window in judge(RULES, CHINESE).windows} == {"Asia/Shanghai"}


@pytest.mark.parametrize(
    ("zone", "state", "hours"),
    [
        ("America/Los_Angeles", "CA", range(8, 21)),
        ("America/New_York", "FL", range(8, 20)),
        ("US/Eastern", "FL", range(8, 20)),
        ("America/New_York", "NY", range(8, 21)),
        ("America/Chicago", "TX", range(9, 21)),
        # Which state isn't known: every one that lies there allows it. (Kentucky from ten, Rhode Island until six.)
        ("America/New_York", None, range(10, 18)),
        ("America/Phoenix", None, range(8, 21)),
        ("Pacific/Honolulu", None, range(8, 21)),
    ],
)
def test_hours_of_american_states(zone: str, state: str | None, hours: range) -> None:
    assert hours_of(replace(AMERICAN, zone=zone, state=state), zone) == list(hours)


def test_sundays_of_states_that_have_other_ones() -> None:
    sunday = 6
    assert hours_of(replace(AMERICAN, zone="America/Chicago", state="TX"), "America/Chicago", sunday) == [
        *range(12, 21)
    ]
    assert hours_of(replace(AMERICAN, zone="America/Chicago", state="LA"), "America/Chicago", sunday) == []


def test_an_area_code_of_florida_adds_its_hours_and_takes_none_away() -> None:
    miami = replace(AMERICAN, phone="+13055550100", zone="America/New_York", state="NY")
    assert hours_of(miami, "America/New_York") == list(range(8, 20))
    moved = replace(AMERICAN, phone="+14155550100", zone="America/New_York", state="FL")
    assert hours_of(moved, "America/New_York") == list(range(8, 20))


def test_of_an_unknown_zone_all_candidates_must_allow_it() -> None:
    zones = {window.zone for window in judge(RULES, AMERICAN).windows}
    assert {"America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "Pacific/Honolulu"} <= zones
    # A number of Guam has a country code of its own.
    assert "Pacific/Guam" not in zones
    found = solved(AMERICAN, "2026-01-05T00:00:00Z")
    # Eight in Honolulu, one in New York.
    assert found == parse_instant("2026-01-05T18:00:00Z")


def test_a_zone_outside_the_country_says_nothing_of_it() -> None:
    assert judge(RULES, replace(AMERICAN, zone="Asia/Shanghai")) == judge(RULES, AMERICAN)


def test_a_territory_is_its_own_state() -> None:
    guam = replace(AMERICAN, country="GU", phone="+16715550100")
    assert {window.zone for window in judge(RULES, guam).windows} == {"Pacific/Guam"}


def _allowed(case: Case, at: int) -> bool:
    def allows(window: Any) -> bool:
        local = at_zone(at, window.zone)
        return bool(window.week >> local.weekday() * 24 + local.hour & 1)

    return all(map(allows, judge(RULES, case).windows))


TCPA = next(pack for pack in RULES.packs if pack.id == "US-TCPA")
STATES = sorted(TCPA.states)
TERRITORIES = ("PR", "VI", "GU", "AS", "MP")
ZONES = ["America/New_York", "America/Phoenix", "US/Pacific", "America/Adak", "Asia/Tokyo", "Pacific/Kiritimati"]


@examples(150)
@given(
    st.one_of(st.none(), st.sampled_from(ZONES)),
    st.one_of(st.none(), st.sampled_from(STATES)),
    st.sampled_from(["+14155550100", "+13055550100", "+17135550100"]),
    st.integers(0, 366 * 24 * 60),
    st.sampled_from(["UTC", "America/New_York", "Pacific/Auckland"]),
)
def test_no_moment_lies_outside_a_window_and_none_is_passed_over(
    zone: str | None, state: str | None, phone: str, minutes: int, own: str
) -> None:
    case = replace(AMERICAN, zone=zone, state=state, phone=phone)
    earliest = MONDAY + minutes * MINUTE
    found = solve(earliest, earliest + 4 * DAY, own, allowed=(1 << 24) - 1, legal=judge(RULES, case).windows).at
    moments = [earliest, *range(earliest - earliest % (15 * MINUTE) + 15 * MINUTE, earliest + 4 * DAY + 1, 15 * MINUTE)]
    assert found == next((at for at in moments if _allowed(case, at)), None)


@examples(100)
@given(
    st.sampled_from([one for one in STATES if one not in TERRITORIES]).flatmap(
        lambda state: st.tuples(st.just(state), st.sampled_from([None, "Asia/Tokyo", *TCPA.states[state]]))
    )
)
def test_knowing_less_never_allows_more(place: tuple[str, str | None]) -> None:
    state, zone = place
    known, unknown = replace(AMERICAN, zone=zone, state=state), replace(AMERICAN, zone=zone)
    for at in range(MONDAY, MONDAY + 7 * DAY, HOUR):
        assert _allowed(known, at) or not _allowed(unknown, at)


def test_the_country_is_of_the_number_then_the_profile_then_the_shop() -> None:
    head = reachable(traits={"phone": said("+12125550100"), "country": said("DE")})
    assert country_of(head, "sms", RULES, SETTINGS) == "US"
    assert country_of(head, "email", RULES, SETTINGS) == "DE"
    assert country_of(reachable(), "email", RULES, SETTINGS) == "CN"
    numbers = {"+8613912345670": "CN", "+16475550100": "CA", "+17875550100": "PR", "+447911123456": "GB", "+999": None}
    assert {number: RULES.country_of(number) for number in numbers} == numbers


def test_a_case_is_read_from_the_person() -> None:
    head = reachable(traits={"phone": said("+13055550100"), "state": said("FL")})
    case = case_of(head, "sms", "marketing", ("live", "live"), None, RULES, Settings(providers='{"sms": "aws"}'))
    assert case == Case("sms", "aws", "US", "marketing", ("live",), None, "FL", "+13055550100")


@pytest.mark.parametrize(
    "wrong",
    [
        {"hours": [21, 8], "zone": "UTC"},
        {"hours": [8, 21]},
        {"hours": [8, 21], "zone": "Mars/Olympus"},
        {"hours": [8, 21], "zone": "UTC", "state": "FL"},
    ],
)
def test_hours_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    why = {"en": "x", "zh-CN": "x"}
    facts = {
        "id": "X-1", "version": 1, "date": "2026-01-01", "title": why,
        "sources": [{"title": "x", "seen": "2026-01-01"}],
        "decides": [{"what": "hours", "reference": "x", "why": why, **wrong}],
    }  # fmt: skip
    with pytest.raises(ValueError, match="validation error"):
        RulePack.model_validate(facts)


def test_a_week_knows_its_days() -> None:
    why = {"en": "x", "zh-CN": "x"}
    one = Hours(
        what="hours", hours=(9, 18), days={"saturday": (10, 17), "sunday": None}, zone="UTC", reference="x", why=why
    )
    assert [one.week >> day * 24 & (1 << 24) - 1 for day in (0, 5, 6)] == [
        sum(1 << hour for hour in range(9, 18)), sum(1 << hour for hour in range(10, 17)), 0,
    ]  # fmt: skip
    assert set(KINDS) >= {"live", "coupon", "recall", "paid_share"}
