"""What `explain` tells of one viewer: whether they can be written to, when things happened, and what is missing."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from aftershow.model.instants import DAY, MINUTE, SECOND
from infra.local.report import print_story
from infra.local.stories import story
from infra.local.telling import explanation
from infra.local.wire import iso
from infra.local.words import moment
from tests.functional.story import Said, Shop, Viewer, at

OPENS = at("2026-03-06T19:00+08:00")


def told(shop: Shop, identifier: str, locale: str = "en") -> tuple[dict[str, Any], str]:
    """What `explain` says: its JSON, and its text in one line."""
    records = shop.records()
    human = records.find(identifier)
    assert human is not None, identifier
    explained, out = explanation(records, human), io.StringIO()
    json.dumps(explained)
    print_story(story(records, human), explained, locale, Console(file=out, width=160))
    return explained, " ".join(out.getvalue().split())


def against(explained: dict[str, Any], channel: str = "email", purpose: str = "marketing") -> dict[str, str | None]:
    """What stands against a channel: reason to since when."""
    [one] = [one for one in explained["reachability"] if (one["channel"], one["purpose"]) == (channel, purpose)]
    assert one["reachable"] is all(each["reason"].startswith("another_") for each in one["against"])
    return {each["reason"]: each["since"] for each in one["against"]}


def known(shop: Shop, *, consents: bool = True) -> Viewer:
    """Somebody with an address."""
    mei = Viewer("mei")
    shop.hears(mei.identifies(OPENS + MINUTE))
    if consents:
        shop.hears(mei.consents(OPENS + 2 * MINUTE))
    return mei


def suppressed(when: int, address: str, reason: str, channel: str = "email") -> Said:
    """A word against an address, as an import brings it."""
    properties = {"channel": channel, "address": address, "reason": reason}
    event = {"type": "track", "event": "Message Address Suppressed", "userId": "ses", "messageId": f"s{when}"}
    return Said(when, ({**event, "timestamp": iso(when), "properties": properties},))


@pytest.mark.parametrize("reason", ["bounced", "complained", "opted_out"])
def test_a_word_against_the_address_is_told_with_its_moment(reason: str) -> None:
    shop = Shop(OPENS)
    mei = known(shop)
    explained, english = told(shop, mei.user_id)
    assert against(explained) == {}
    assert "e-mail marketing yes" in english
    shop.hears(suppressed(OPENS + 3 * MINUTE, mei.mailbox.upper(), reason))
    explained, english = told(shop, mei.user_id)
    assert against(explained) == {reason: "2026-03-06T11:03:00+00:00"}
    # An opt-out is from marketing; a bounce is from everything.
    assert (against(explained, purpose="service") == {}) is (reason == "opted_out")
    assert "since 6 Mar 19:03" in english
    _, chinese = told(shop, mei.user_id, "zh-CN")
    assert "3月6日 19:03" in chinese.partition("能否触达")[2].partition("一位观众")[0]


def test_an_opt_out_that_was_lifted_and_a_withdrawal() -> None:
    shop = Shop(OPENS)
    mei = known(shop, consents=False)
    assert against(told(shop, mei.user_id)[0]) == {"no_consent": None}
    shop.hears(suppressed(OPENS + 3 * MINUTE, mei.mailbox, "opted_out"), mei.consents(OPENS + 4 * MINUTE))
    assert against(told(shop, mei.user_id)[0]) == {}
    shop.hears(mei.withdraws(OPENS + 5 * MINUTE))
    assert against(told(shop, mei.user_id)[0]) == {"withdrawn": "2026-03-06T11:05:00+00:00"}


def test_a_telephone_number_is_told_though_its_channel_is_not_in_use() -> None:
    shop = Shop(OPENS)
    mei = Viewer("mei")
    shop.hears(mei.identifies(OPENS + MINUTE, phone="+8613902017788"))
    shop.hears(suppressed(OPENS + 3 * MINUTE, "+8613902017788", "bounced", "sms"))
    found = against(told(shop, mei.user_id)[0], "sms")
    assert list(found) == ["channel_not_in_use", "bounced", "no_consent"]


def test_another_year_is_named_and_so_is_the_zone() -> None:
    shop = Shop(at("2025-12-30T19:00+08:00"))
    mei = Viewer("mei")
    shop.hears(mei.identifies(at("2025-12-30T19:05+08:00")))
    assert "2025" not in told(shop, mei.user_id)[1]
    shop.until(at("2026-01-02T10:00+08:00"))
    english, chinese = (told(shop, mei.user_id, locale)[1] for locale in ("en", "zh-CN"))
    assert "30 Dec 2025 19:05 signed in" in english
    assert "2025年12月30日 19:05 登录" in chinese
    assert english.count("Asia/Shanghai") == chinese.count("Asia/Shanghai") >= 1


def test_the_year_is_the_one_of_the_wall_clock() -> None:
    eve = at("2025-12-31T23:30+00:00")
    assert moment(eve, "Asia/Shanghai", "en", eve + SECOND) == "1 Jan 07:30"
    assert moment(eve, "UTC", "en", eve + DAY) == "31 Dec 2025 23:30"


def test_another_address_of_theirs_that_bounced_is_told_and_hinders_nothing() -> None:
    """An old account of hers had the address that bounced."""
    shop = Shop(OPENS)
    mei = known(shop)
    former = {"type": "identify", "userId": "former", "messageId": "f1", "timestamp": iso(OPENS - DAY)}
    alias = {"type": "alias", "userId": mei.user_id, "previousId": "former", "messageId": "f2"}
    shop.hears(
        Said(OPENS + 4 * MINUTE, ({**former, "traits": {"email": "old@example.com"}},)),
        Said(OPENS + 5 * MINUTE, ({**alias, "timestamp": iso(OPENS)},)),
        suppressed(OPENS + 6 * MINUTE, "old@example.com", "bounced"),
    )
    explained, english = told(shop, mei.user_id)
    assert explained["profile"]["email"] == mei.mailbox
    assert list(against(explained)) == ["another_bounced"]
    assert "another of their addresses bounced (since 6 Mar 19:06)" in english


def test_a_user_id_is_an_identity_though_nothing_else_is_known() -> None:
    shop = Shop(OPENS)
    viewed = {"type": "track", "event": "Product Viewed", "properties": {"product_id": "tea"}, "timestamp": iso(OPENS)}
    shop.hears(
        Said(OPENS, ({**viewed, "userId": "u7", "messageId": "v1"},)),
        Said(OPENS, ({**viewed, "anonymousId": "b7", "messageId": "v2"},)),
    )
    assert [one["reason"] for one in told(shop, "u7")[0]["left_alone"]] == ["no_address", "no_consent"]
    assert [one["reason"] for one in told(shop, "b7")[0]["left_alone"]] == ["no_identity"]


def test_several_addresses_of_one_person_are_one_line() -> None:
    shop = Shop(OPENS)
    mei = known(shop)
    shop.hears(mei.identifies(OPENS + 4 * MINUTE, email="second@example.com"))
    assert told(shop, mei.user_id)[1].count("belong to this person") == 1
    assert "2 belong to this person" in told(shop, mei.user_id)[1]
