"""Who is one person: identifiers join, bad ones join nobody, and what was refused can be seen."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.ids import IdentityKind, viewer_id
from aftershow.model.instants import HOUR
from aftershow.model.viewers import MAX_CLAIMANTS, MAX_IDENTIFIERS, MAX_MEMBERS, Head, Refusal
from aftershow.rules.people import may_be_written
from aftershow.rules.segment import Defaults, Event
from tests.unit.samples import START, examples, read, tracked
from tests.unit.test_viewing import Stored

PAGE = Defaults(currency="CNY", trusted=False)


def identified(user: str, at: int = START, message_id: str = "", /, **traits: str) -> Event:
    """A server's word on a user's profile."""
    return read("identify", at, message_id or f"{user} {traits}", userId=user, traits=traits)


def having(user: str, kind: str, value: str, at: int = START) -> Event:
    """A server's word on a user's id elsewhere."""
    external = {"externalIds": [{"type": kind, "id": value, "collection": "users", "encoding": "none"}]}
    return read("identify", at, f"{user} {value}", external, userId=user)


def scanned(contact: str, state: str, at: int = START, *, shop: Defaults | None = None) -> Event:
    """A WeCom contact who was added by scanning a code."""
    external = {"externalIds": [{"type": "wecom_external_userid", "id": contact}]}
    message_id = f"{contact} {state}"
    more = {"event": "WeCom Contact Added", "properties": {"state": state}, "anonymousId": contact}
    return read("track", at, message_id, external, shop=shop, **more)


def of(stored: Stored, user: str, kind: IdentityKind = "user") -> Head:
    """The person of a user."""
    return stored.person(viewer_id(kind, user))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (identified("crm-7", phone="139 0201 7788"), identified("shop-7", phone="+8613902017788")),
        (identified("crm-7", email="Mei@Example.COM "), identified("shop-7", email="mei@example.com")),
        (having("crm-7", "wechat_unionid", "oUn1"), having("shop-7", "wechat_unionid", "oUn1")),
        (having("crm-7", "wecom_external_userid", "wm1"), having("shop-7", "wecom_external_userid", "wm1")),
        (having("crm-7", "phone", "13902017788"), identified("shop-7", phone="+86 139 0201 7788")),
    ],
)
def test_one_identifier_makes_one_person(one: Event, other: Event) -> None:
    for history in ([one, other], [other, one]):
        stored = Stored()
        for event in history:
            stored.take([event])
        assert of(stored, "crm-7") == of(stored, "shop-7")
        assert len(of(stored, "crm-7").people) == 2
        assert len(of(stored, "crm-7").identifiers) == 1


def test_a_page_joins_nobody_by_an_address() -> None:
    """Whoever types somebody's address into a form, or says so with the write key of a page."""
    theirs = identified("mei", email="mei@example.com")
    granted = {"purpose": "marketing", "channel": "email", "state": "granted"}
    forged = [
        read("identify", START + HOUR, "f1", shop=PAGE, userId="thief", traits={"email": "mei@example.com"}),
        read("identify", START + HOUR, "f2", shop=PAGE, userId="thief", traits={"email": "thief@example.com"}),
        read("track", START + HOUR, "f3", shop=PAGE, event="Message Consent Updated", properties=granted,
             userId="thief"),
        read("alias", START + HOUR, "f4", shop=PAGE, userId="thief", previousId="mei"),
    ]  # fmt: skip
    for history in ([theirs, *forged], [*forged, theirs]):
        stored = Stored()
        for event in history:
            stored.take([event])
        mei = of(stored, "mei")
        assert mei.people == (viewer_id("user", "mei"),)
        assert mei.trait("email") == "mei@example.com"
        assert not may_be_written(mei, "marketing", "email")


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_with_one_bad_value_stay_apart(number: int) -> None:
    users = [f"u{each}" for each in range(number)]
    stored = Stored()
    sizes = set()
    for place, user in enumerate(users):
        stored.take([identified(user, START + place, email="desk@shop.example")])
        sizes.add(len(of(stored, user).people))
    assert max(sizes) <= MAX_CLAIMANTS
    heads = stored.people()
    desk = viewer_id("email", "desk@shop.example")
    assert {len(head.people) for name, head in heads.items() if name != desk} == {1}
    assert len(heads) == len(users) + 1
    assert all(of(stored, user).refused_merges == (Refusal(name=desk, reason="shared"),) for user in users)
    # However many come, no item grows and the desk's own isn't written any more.
    assert max(len(head.body()) for head in heads.values()) < 2_048
    (after,) = stored.take([identified("one-more", email="desk@shop.example")])
    assert desk not in after.heads


@examples(60)
@given(st.integers(MAX_CLAIMANTS - 1, MAX_CLAIMANTS + 3), st.randoms(use_true_random=False))
def test_whom_a_shared_value_had_joined_come_apart_with_what_is_theirs(number: int, chance: random.Random) -> None:
    users = [f"u{each}" for each in range(number)]
    said: list[Event] = []
    for place, user in enumerate(users):
        said += [
            identified(user, START + place, email="desk@shop.example", name=user),
            tracked("Order Completed", START + place, f"o {user}", {"userId": user}, order_id=user, total=place + 1),
            tracked("Message Consent Updated", START, f"c {user}", {"userId": user}, purpose="marketing",
                    state="granted" if place else "withdrawn"),
        ]  # fmt: skip
    stored = Stored()
    for event in chance.sample(said, len(said)):
        stored.take([event])
    if number <= MAX_CLAIMANTS:
        person = of(stored, "u0")
        assert len(person.people) == number
        assert person.spent == {"CNY": sum(range(1, number + 1)) * 100}
        assert not may_be_written(person, "marketing", "email")
        return
    for place, user in enumerate(users):
        person = of(stored, user)
        assert person.people == (viewer_id("user", user),)
        assert person.parts == {}
        assert (person.orders, person.spent) == (1, {"CNY": (place + 1) * 100})
        assert person.trait("name") == user
        assert may_be_written(person, "marketing", "email") == (place > 0)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "test@test.com"),
        ("email", "no-reply@shop.example"),
        ("phone", "13800138000"),
        ("phone", "400-820-0000"),
        ("email", "Desk@Shop.example"),
    ],
)
def test_a_blocked_value_joins_nobody_and_says_so(kind: str, value: str) -> None:
    shop = Defaults("CNY", "CN", trusted=True, blocked=frozenset({"+864008200000", "desk@shop.example"}))
    stored = Stored()
    for user in ("u1", "u2"):
        stored.take([read("identify", START, user, shop=shop, userId=user, traits={kind: value})])
    for user in ("u1", "u2"):
        assert [one.reason for one in of(stored, user).refused_merges] == ["blocked"]
        assert len(of(stored, user).people) == 1
    assert of(stored, "u1").identifiers == ()


def test_a_code_joins_the_contact_and_the_viewer_whom_it_names() -> None:
    browser = viewer_id("anonymous", "browser-1")
    login = tracked("Live Liked", START, "m1", {"userId": "mei", "anonymousId": "browser-1"})
    for history in ([login, scanned("wm1", browser)], [scanned("wm1", browser), login]):
        stored = Stored()
        for event in history:
            stored.take([event])
        person = of(stored, "mei")
        assert set(person.people) == {viewer_id("user", "mei"), browser, viewer_id("anonymous", "wm1")}
        assert person.identifiers == (viewer_id("wecom_external_userid", "wm1"),)
        assert person == stored.person(person.identifiers[0])


@pytest.mark.parametrize(
    "scans",
    [
        # A code that was passed on, a member of staff who tries codes, both.
        [("wm1", "a"), ("wm2", "a")],
        [("wm1", "a"), ("wm1", "b")],
        [("wm1", "a"), ("wm2", "a"), ("wm1", "b"), ("wm3", "c"), ("wm3", "a")],
    ],
)
def test_what_was_scanned_more_than_once_joins_nobody(scans: Sequence[tuple[str, str]]) -> None:
    said = [
        scanned(contact, viewer_id("anonymous", name), START + place) for place, (contact, name) in enumerate(scans)
    ]
    for chance in map(random.Random, range(6)):
        stored = Stored()
        for event in chance.sample(said, len(said)):
            stored.take([event])
        for contact, name in scans:
            person = of(stored, contact, "anonymous")
            assert viewer_id("anonymous", name) not in person.people
            assert {one.reason for one in of(stored, name, "anonymous").refused_merges} == {"several_scanned"}


def test_a_code_that_names_a_campaign_or_comes_from_a_page_joins_nobody() -> None:
    stored = Stored()
    browser = viewer_id("anonymous", "browser-1")
    for number in range(50):
        stored.take([scanned(f"wm{number}", "live_0306")])
    stored.take([scanned("forged", browser, shop=PAGE)])
    assert {len(head.people) for head in stored.people().values()} == {1}
    refused = of(stored, "forged", "anonymous").refused_merges
    assert refused == (Refusal(name=browser, reason="untrusted_source"),)


def test_a_contact_who_leaves_has_opted_out_there() -> None:
    external = {"externalIds": [{"type": "wecom_external_userid", "id": "wm1"}]}
    granted = {"purpose": "marketing", "channel": "all", "state": "granted"}
    stored = Stored()
    stored.take([having("mei", "wecom_external_userid", "wm1")])
    stored.take([tracked("Message Consent Updated", START, "m1", {"userId": "mei"}, **granted)])
    assert may_be_written(of(stored, "mei"), "marketing", "wecom")
    stored.take([read("track", START + 1, "m2", external, event="WeCom Contact Deleted", anonymousId="wm1")])
    assert not may_be_written(of(stored, "mei"), "marketing", "wecom")
    assert may_be_written(of(stored, "mei"), "marketing", "email")


def test_an_early_claim_that_arrives_late_takes_the_browser_and_what_was_told_on_it() -> None:
    stored = Stored()
    stored.take([tracked("Live Liked", START + HOUR, "m1", {"userId": "lan", "anonymousId": "d"})])
    follow = tracked("Live Followed", START + 2 * HOUR, "m2", {"anonymousId": "d"}, host_id="h1")
    own = tracked("Live Followed", START, "m3", {"userId": "lan"}, host_id="h2")
    stored.take([follow])
    stored.take([own])
    assert set(of(stored, "lan").follows) == {"h1", "h2"}
    stored.take([tracked("Live Liked", START, "m4", {"userId": "mei", "anonymousId": "d"})])
    assert set(of(stored, "mei").follows) == {"h1"}
    assert set(of(stored, "lan").follows) == {"h2"}
    assert of(stored, "lan").people == (viewer_id("user", "lan"),)
    refused = of(stored, "lan").refused_merges
    assert refused == (Refusal(name=viewer_id("anonymous", "d"), reason="another_users_device"),)


def test_a_person_has_at_most_so_many_identifiers_and_browsers() -> None:
    stored = Stored()
    for number in range(60):
        stored.take([identified("mei", START + number, email=f"mei{number}@example.com")])
        stored.take([tracked("Live Liked", START, f"m{number}", {"userId": "mei", "anonymousId": f"d{number}"})])
    mei = of(stored, "mei")
    assert len(mei.identifiers) == MAX_IDENTIFIERS
    assert len(mei.members) == MAX_MEMBERS
    assert "full" in {one.reason for one in mei.refused_merges}
    assert len(mei.body()) < 8_192
