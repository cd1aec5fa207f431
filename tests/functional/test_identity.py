"""One person, many identifiers, through the real functions: who is joined, who is not, and what a reader is told."""

from __future__ import annotations

import io
import itertools
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from rich.console import Console

from aftershow.model.ids import viewer_id
from aftershow.model.instants import HOUR, MINUTE
from aftershow.model.viewers import Head
from infra.local.report import print_story
from infra.local.stories import story
from infra.local.telling import explanation
from infra.local.wire import iso
from tests.functional.story import Said, Shop, at

OPENS = at("2026-03-06T19:00+08:00")
UNION = {"externalIds": [{"type": "wechat_unionid", "id": "oUnion1", "collection": "users", "encoding": "none"}]}
CONTACT = {"externalIds": [{"type": "wecom_external_userid", "id": "wmContact1"}]}
_numbers = itertools.count()


def says(when: int, kind: str = "identify", context: Mapping[str, Any] | None = None, /, **fields: Any) -> Said:
    """One message at its own moment."""
    message = {"type": kind, "messageId": f"m{next(_numbers)}", "timestamp": iso(when), **fields}
    return Said(when, ({**message, "context": dict(context or {})},))


def orders(when: int, order: str, **who: str) -> Said:
    """An order of 120 yuan."""
    return says(when, "track", event="Order Completed", properties={"order_id": order, "total": "120.00"}, **who)


def told(shop: Shop, identifier: str, locale: str = "en") -> tuple[dict[str, Any], str]:
    """What `explain` says of whoever is asked for: its JSON, and its text."""
    records = shop.records()
    human = records.find(identifier)
    assert human is not None, identifier
    explained, out = explanation(records, human), io.StringIO()
    json.dumps(explained)
    print_story(story(records, human), explained, locale, Console(file=out, width=120))
    return explained, out.getvalue()


def test_a_person_is_found_by_each_of_their_identifiers() -> None:
    shop = Shop(OPENS)
    browser = viewer_id("anonymous", "browser-1")
    shop.hears(
        says(OPENS, userId="shop-7", anonymousId="browser-1", traits={"email": "Mei@Example.COM"}),
        says(OPENS + MINUTE, userId="crm-7", traits={"phone": "139 0201 7788", "name": "Mei"}),
        says(OPENS + 2 * MINUTE, "identify", UNION, userId="crm-7", traits={}),
        says(OPENS + 3 * MINUTE, userId="shop-7", traits={"phone": "+86 139-0201-7788"}),
        says(OPENS + 4 * MINUTE, "track", CONTACT, event="WeCom Contact Added", properties={"state": browser},
             anonymousId="wmContact1"),
        orders(OPENS + 5 * MINUTE, "o1", userId="crm-7"),
        orders(OPENS + 6 * MINUTE, "o2", userId="shop-7"),
    )  # fmt: skip
    asked = [
        "shop-7",
        "crm-7",
        "browser-1",
        "mei@example.com",
        "13902017788",
        "+8613902017788",
        "oUnion1",
        "wmContact1",
    ]
    found = [told(shop, one)[0] for one in asked]
    assert {one["viewer"] for one in found} == {found[0]["viewer"]}
    assert {one["kind"] for one in found[0]["identifiers"]} == {
        "email", "phone", "wechat_unionid", "wecom_external_userid",
    }  # fmt: skip
    assert len(found[0]["orders"]) == 2
    assert found[0]["points"]["balance"] == 240
    assert shop.host.errors == []
    assert shop.records().items("dead_letters") == []
    # Whoever reads the tables or the logs finds no identifier in the clear but the person's traits.
    [head] = [one for one in shop.records().heads.values() if one.merged_into is None]
    assert not any("13902017788" in one.body() for one in shop.records().heads.values() if one != head)
    assert not any("13902017788" in str(line) or "oUnion1" in str(line) for line in shop.host.log_lines)


def test_a_refused_merge_is_told_in_words() -> None:
    shop = Shop(OPENS, parameters={"BlockedIdentifiers": "021-6123 4567"})
    shop.hears(
        says(OPENS, userId="mei", anonymousId="kiosk", traits={"phone": "+862161234567"}),
        says(OPENS + MINUTE, userId="lan", anonymousId="kiosk", traits={"phone": "(021) 61234567"}),
        *(says(OPENS + MINUTE, userId=f"u{number}", traits={"email": "desk@shop.example"}) for number in range(12)),
    )
    explained, english = told(shop, "lan")
    assert [(one["kind"], one["reason"]) for one in explained["refused_merges"]] == [
        ("anonymous", "another_users_device"), ("phone", "blocked"),
    ]  # fmt: skip
    assert "another user came with it first" in english
    assert "the value names nobody" in english
    assert "此前已属于另一用户" in told(shop, "lan", "zh-CN")[1]
    assert told(shop, "kiosk")[0]["viewer"] == viewer_id("user", "mei")
    for number in range(12):
        explained, english = told(shop, f"u{number}")
        assert explained["members"] == [viewer_id("user", f"u{number}")]
        assert [(one["kind"], one["reason"]) for one in explained["refused_merges"]] == [("email", "shared")]
        assert "more people came with it" in english


def test_a_pages_word_joins_nobody_and_a_reader_sees_who_else_has_the_address() -> None:
    shop = Shop(OPENS, parameters={"TrustedSources": "server"})
    shop.hears(
        says(OPENS, userId="mei", traits={"email": "mei@example.com"}),
        says(OPENS + MINUTE, userId="thief", traits={"email": "mei@example.com"}),
    )
    explained, text = told(shop, "thief")
    assert explained["members"] == [viewer_id("user", "thief")]
    assert explained["not_joined"] == {"email": [viewer_id("user", "mei")]}
    assert "others have it too" in text


# A person with two accounts and three browsers, one of them shared; a desk's number; orders that two sources tell.
DESK = [says(OPENS + number, userId=f"d{number}", traits={"phone": "400-820-1234"}) for number in range(10)]
HISTORY = [
    says(OPENS, userId="crm", traits={"phone": "13902017788", "email": "mei@example.com"}),
    says(OPENS + MINUTE, userId="shop", anonymousId="phone-1", traits={"phone": "+8613902017788"}),
    says(OPENS + 2 * MINUTE, anonymousId="tablet", traits={"name": "M"}),
    says(OPENS + 3 * MINUTE, userId="lan", anonymousId="tablet", traits={"email": "lan@example.com"}),
    says(OPENS + 4 * MINUTE, userId="shop", anonymousId="tablet", traits={}),
    says(OPENS + 5 * MINUTE, "track", UNION, event="Live Followed", properties={"host_id": "h"}, userId="shop"),
    says(OPENS + 6 * MINUTE, "identify", UNION, userId="mini", traits={}),
    says(OPENS + 7 * MINUTE, "track", event="Message Consent Updated", anonymousId="phone-1",
         properties={"purpose": "marketing", "channel": "email", "state": "withdrawn"}),
    says(OPENS + 8 * MINUTE, "track", event="Message Consent Updated", userId="mini",
         properties={"purpose": "marketing", "channel": "all", "state": "granted"}),
    says(OPENS + 9 * MINUTE, "track", CONTACT, event="WeCom Contact Added", anonymousId="wm",
         properties={"state": viewer_id("user", "crm")}),
    orders(OPENS + 10 * MINUTE, "o1", userId="lan"),
    orders(OPENS + 11 * MINUTE, "o1", userId="shop"),
    orders(OPENS + 12 * MINUTE, "o2", anonymousId="phone-1"),
    orders(OPENS + 11 * MINUTE, "o2", userId="crm"),
    *DESK,
]  # fmt: skip


def end_of(history: Sequence[Said]) -> tuple[dict[str, Head], dict[str, Any], dict[str, int]]:
    """(people, orders, points by person) after a history, all of it late."""
    shop = Shop(OPENS)
    shop.until(OPENS + HOUR)
    for place in range(0, len(history), 5):
        shop.takes_together(history[place : place + 5])
    shop.until(OPENS + 2 * HOUR)
    assert shop.host.errors == []
    assert shop.left_over() == {}
    records = shop.records()
    people = {
        name: head.model_copy(update={"refused_merges": (), "identity": None})
        for name, head in records.heads.items()
        if head.merged_into is None
    }
    known = {name: head for name, head in people.items() if head != Head(viewer=name)}
    points = {name: explanation(records, human)["points"]["balance"] for name, human in records.humans.items()}
    listed = {order.order: order.model_dump(exclude={"former"}) for order in records.orders}
    return known, listed, {name: balance for name, balance in points.items() if balance}


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_repetition_of_a_history_ends_in_the_same_people(seed: int) -> None:
    expected = end_of(HISTORY)
    people, listed, points = expected
    assert points == {
        people[viewer_id("user", "lan")].viewer: 120,
        next(head.viewer for head in people.values() if viewer_id("user", "crm") in head.people): 120,
    }
    assert listed["o1"]["viewer"] == viewer_id("user", "lan")
    chance = random.Random(seed)  # noqa: S311 (a repeatable order)
    shuffled = [*HISTORY, *chance.sample(HISTORY, len(HISTORY) // 2)]
    chance.shuffle(shuffled)
    assert end_of(shuffled) == expected


def anything(chance: random.Random) -> Said:
    """Something that somebody may say, at one of a few moments, as one of a few users and browsers."""
    moment = OPENS + chance.randrange(20) * MINUTE
    who = {"userId": chance.choice("abc")} if chance.random() < 0.7 else {}
    if not who or chance.random() < 0.5:
        who["anonymousId"] = chance.choice(["phone-1", "tablet"])
    words = {
        "purpose": "marketing",
        "channel": chance.choice(["all", "email"]),
        "state": chance.choice(["granted", "withdrawn"]),
        "source": chance.choice(["sign-up", "import: crm", "unsubscribe link"]),
    }
    return chance.choice(
        [
            says(moment, **who, traits={"email": chance.choice(["mei@example.com", "lan@example.com"])}),
            says(moment, **who, traits={"phone": chance.choice(["13902017788", "13902017799"])}),
            says(moment, "track", **who, event="Message Consent Updated", properties=words),
            says(moment, "track", **who, event="Live Unfollowed", properties={"host_id": "h"}),
            says(moment, "track", **who, event="Live Followed", properties={"host_id": "h"}),
            says(moment, "alias", userId=chance.choice("abc"), previousId=chance.choice(["a", "b", "tablet"])),
            orders(moment, chance.choice(["o1", "o2"]), **who),
        ]
    )


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 40))])
def test_any_history_ends_in_the_same_people_in_any_order(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (a repeatable history)
    history = [anything(chance) for _ in range(chance.randrange(5, 16))]
    shuffled = [*history, *chance.sample(history, len(history) // 2)]
    chance.shuffle(shuffled)
    assert end_of(shuffled) == end_of(history)
