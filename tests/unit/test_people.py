"""Merges and facts in any order end in the same person, with the strictest consent."""

from __future__ import annotations

import random
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import HOUR
from aftershow.model.orders import Order
from aftershow.model.viewers import (
    MAX_MEMBERS,
    MAX_RECENT_ORDERS,
    MAX_RING,
    UNSUBSCRIBE_LINK,
    Address,
    Bond,
    Consent,
    Head,
    Send,
    Suppression,
)
from aftershow.rules.merging import People
from aftershow.rules.people import learn, may_be_written, ring, told, with_consent, with_order
from tests.unit.samples import START, examples, granted, joined, merged, said, tracked, withdrawn

VIEWERS = ["u1", "u2", "a1", "a2", "a3"]
SCOPES = ["marketing:all", "marketing:email", "marketing:sms", "service:all"]


@st.composite
def consents(draw: st.DrawFn) -> tuple[str, str, Consent]:
    """(origin, scope, statement); moments are few, so that some are the same."""
    state = draw(st.sampled_from(["granted", "withdrawn"]))
    at, number = draw(st.integers(1, 4)), draw(st.integers(0, 99))
    source = draw(st.sampled_from([None, "checkout box", "import: members.csv"]))
    return (
        draw(st.sampled_from(VIEWERS)),
        draw(st.sampled_from(SCOPES)),
        Consent.model_validate({"state": state, "at": at, "id": f"m{number}", "source": source}),
    )


def _whole(heads: dict[str, Head], chance: random.Random) -> Head:
    """All heads merged into one person, by the same words in any order."""
    people = People(dict(heads))
    bonds = [Bond(kind="stated", one=one, other=other, at=START) for one, other in pairwise(VIEWERS)]
    for bond in chance.sample(bonds, len(bonds)):
        people.bind(bond)
    return people.leading(VIEWERS[0])


def _with_all(statements: list[tuple[str, str, Consent]], chance: random.Random, *, merged_first: bool) -> Head:
    heads = {viewer: Head(viewer=viewer) for viewer in VIEWERS}
    chance.shuffle(statements)
    if not merged_first:
        for origin, scope, statement in statements:
            heads[origin] = with_consent(heads[origin], origin, scope, statement)
        return _whole(heads, chance)
    person = _whole(heads, chance)
    for origin, scope, statement in statements:
        person = told(person, origin, partial(with_consent, origin=origin, scope=scope, said=statement))
    return person


@examples(100)
@given(st.lists(consents(), max_size=12), st.randoms(use_true_random=False))
def test_consent_before_or_after_the_merges_is_the_same(
    statements: list[tuple[str, str, Consent]], chance: random.Random
) -> None:
    unique = list({statement.id: (origin, scope, statement) for origin, scope, statement in statements}.values())
    before = _with_all(unique, chance, merged_first=False)
    after = _with_all(unique, chance, merged_first=True)
    assert before == after
    for channel in ("email", "sms", "push"):
        assert may_be_written(before, "marketing", channel) == _allowed(unique, channel)


def _allowed(statements: list[tuple[str, str, Consent]], channel: str) -> bool:
    """The rule said plainly: nobody's newest word is a withdrawal, and somebody's is a grant."""
    last = {}
    for origin in VIEWERS:
        about = [
            one
            for who, scope, one in statements
            if who == origin and scope in ("marketing:all", f"marketing:{channel}")
        ]
        # What a file says of somebody's agreement counts only while they themselves said nothing.
        about = [one for one in about if not one.is_imported_grant] or about
        if about:
            newest = max(one.at for one in about)
            states = {one.state for one in about if one.at == newest}
            last[origin] = "withdrawn" if "withdrawn" in states else "granted"
    return "granted" in last.values() and "withdrawn" not in last.values()


@examples(200)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_no_grant_from_a_file_replaces_a_withdrawal(moments: list[int], chance: random.Random) -> None:
    imported = [
        Consent(state="granted", at=at, id=f"m{number}", source="import: list.csv") for number, at in enumerate(moments)
    ]
    refusal = withdrawn(chance.randint(0, 99), "own")
    statements = [*imported, refusal]
    kept: Consent | None = None
    for statement in chance.sample(statements, len(statements)) + statements:
        kept = statement.newest(kept)
    assert kept == refusal
    # A grant of the person's own is another matter, and a withdrawal from a file is a withdrawal.
    assert granted(refusal.at + 1).newest(refusal).state == "granted"
    from_file = refusal.model_copy(update={"source": "import: list.csv"})
    assert from_file.newest(granted(refusal.at)) == from_file


def test_without_a_record_there_is_no_marketing() -> None:
    nobody = Head(viewer="u1")
    assert not may_be_written(nobody, "marketing", "email")
    assert may_be_written(nobody, "service", "email")
    for scope in ("service:all", "service:email", "marketing:sms"):
        assert not may_be_written(Head(viewer="u1", consent={scope: {"u1": granted()}}), "marketing", "email")


def test_a_merge_never_loosens() -> None:
    allowed = Head(viewer="u1", consent={"marketing:all": {"u1": granted(START + 9)}})
    refused = Head(viewer="a1", consent={"marketing:email": {"a1": withdrawn(START)}})
    person = merged(allowed, refused)
    assert not may_be_written(person, "marketing", "email")
    assert may_be_written(person, "marketing", "sms")


def test_what_a_link_withdrew_the_person_grants_anew_under_any_of_their_ids() -> None:
    by_link = Consent(state="withdrawn", at=START, id="r1", source=UNSUBSCRIBE_LINK)
    by_file = Consent(state="granted", at=START + HOUR, id="f", source="import:members.csv")
    for leader, other in (("u1", "u2"), ("u2", "u1")):
        asked = told(Head(viewer=leader), leader, partial(
            with_consent, origin=leader, scope="marketing:email", said=by_link
        ))  # fmt: skip
        for at, again in ((START, False), (START + 1, True)):
            for granted_to in (leader, other):
                person = merged(asked, Head(viewer=other, consent={"marketing:email": {other: by_file}}))
                assert not may_be_written(person, "marketing", "email")
                person = told(person, granted_to, partial(
                    with_consent, origin=granted_to, scope="marketing:all", said=granted(at)
                ))  # fmt: skip
                assert may_be_written(person, "marketing", "email") == again
        said_here = Head(viewer=leader, consent={"marketing:email": {leader: withdrawn(START)}})
        stays = merged(said_here, Head(viewer=other, consent={"marketing:all": {other: granted(START + HOUR)}}))
        assert not may_be_written(stays, "marketing", "email")


def test_at_one_moment_the_withdrawal_counts() -> None:
    for first, second in ((granted(START, "z"), withdrawn(START, "a")), (withdrawn(START, "a"), granted(START, "z"))):
        head = with_consent(
            with_consent(Head(viewer="u1"), "u1", "marketing:all", first), "u1", "marketing:all", second
        )
        assert not may_be_written(head, "marketing", "email")
        apart = with_consent(
            with_consent(Head(viewer="u1"), "u1", "marketing:all", first), "u1", "marketing:email", second
        )
        assert not may_be_written(apart, "marketing", "email")


def test_a_known_user_survives_and_the_other_becomes_a_pointer() -> None:
    anonymous, user = Head(viewer="a1"), Head(viewer="u1")
    for one, other in ((anonymous, user), (user, anonymous)):
        heads = joined(one, other).heads
        assert heads["u1"].members == ("a1",)
        assert heads["a1"] == anonymous.model_copy(update={"merged_into": "u1"})


@examples(30)
@given(st.randoms(use_true_random=False))
def test_orders_counted_on_any_device_sum_up(chance: random.Random) -> None:
    heads = {viewer: Head(viewer=viewer) for viewer in VIEWERS}
    orders = [
        Order(order=f"o{number}", hash="h", at=START + number * HOUR, minor=number * 100, currency="CNY")
        for number in range(30)
    ]
    for order in chance.sample(orders, len(orders)):
        viewer = chance.choice(VIEWERS)
        heads[viewer] = with_order(heads[viewer], order)
    person = _whole(heads, chance)
    assert person.orders == 30
    assert person.spent == {"CNY": sum(order.minor for order in orders)}
    assert (person.first_order_at, person.last_order_at) == (orders[0].at, orders[-1].at)
    assert [one.order for one in person.recent_orders] == [one.order for one in orders[-MAX_RECENT_ORDERS:]]


@examples(60)
@given(st.lists(st.integers(0, 60), unique=True), st.randoms(use_true_random=False))
def test_rings_unite_in_any_order_and_keep_the_newest(moments: list[int], chance: random.Random) -> None:
    sends = [Send(at=moment, reminder=f"r{moment}", channel="email") for moment in moments]
    shuffled = chance.sample(sends, len(sends))
    middle = len(sends) // 2
    united = ring(ring(shuffled[:middle]), ring(shuffled[middle:]), ring(sends))
    assert list(united) == sorted(sends, key=lambda send: send.at)[-MAX_RING:]


def test_erased_stays_erased_through_a_merge() -> None:
    assert merged(Head(viewer="u1"), Head(viewer="a1", erased_at=START)).erased_at == START


def test_more_than_a_handful_of_identities_is_refused() -> None:
    for first in (0, 1):
        browsers = [Head(viewer=f"a{number:02d}") for number in range(MAX_MEMBERS + 1 + first)]
        person = merged(Head(viewer="u1"), *browsers[first:])
        assert len(person.members) == MAX_MEMBERS
        assert [one.reason for one in person.refused_merges] == ["full"]
    one = joined(*(Head(viewer=f"u{number:02d}") for number in range(MAX_MEMBERS // 2 + 1)))
    other = joined(*(Head(viewer=f"a{number:02d}") for number in range(MAX_MEMBERS // 2 + 1)))
    both = People({**one.heads, **other.heads})
    before = dict(both.heads)
    both.bind(Bond(kind="stated", one="u00", other="a00", at=START))
    assert both.leading("a05") != both.leading("u05")
    assert {name: head.members for name, head in both.heads.items()} == {n: h.members for n, h in before.items()}
    assert both.leading("u00").refused_merges
    assert both.leading("a00").refused_merges


@examples(60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["h1", "h2"]), st.booleans()), max_size=10),
    st.randoms(use_true_random=False),
)
def test_the_newest_word_about_a_host_counts(words: list[tuple[int, str, bool]], chance: random.Random) -> None:
    events = [
        tracked("Live Followed" if follows else "Live Unfollowed", START + at, f"m{number}", host_id=host)
        for number, (at, host, follows) in enumerate(words)
    ]
    in_order, shuffled = Head(viewer="u1"), Head(viewer="u1")
    for event in events:
        in_order = learn(in_order, "u1", event)
    for event in chance.sample(events, len(events)) + events:
        shuffled = learn(shuffled, "u1", event)
    assert shuffled.follows == in_order.follows
    for host, stated in in_order.follows.items():
        assert stated.at == max(event.at for event in events if event.meaning.host == host)  # type: ignore[union-attr]


def test_following_thousands_of_hosts_keeps_a_head_small() -> None:
    head = Head(viewer="u1")
    for number in range(5_000):
        head = learn(head, "u1", tracked("Live Followed", START + number, f"m{number}", host_id=f"host-{number}" * 12))
    # DynamoDB's items hold 400 KB: a head that outgrew them would stop this person's orders from being folded.
    assert len(head.body().encode()) < 200 * 1024


@pytest.mark.parametrize("field", ["zone", "locale", "email"])
def test_a_trait_is_the_newest_statement(field: str) -> None:
    older = Head.model_validate({"viewer": "u1", "traits": {field: said("old", START)}})
    newer = Head.model_validate({"viewer": "a1", "traits": {field: said("new", START + 1)}})
    for one, other in ((older, newer), (newer, older)):
        assert merged(one, other).traits == newer.traits


@examples(100)
@given(
    st.lists(st.tuples(st.sampled_from(["opted_out", "bounced", "complained"]), st.integers(1, 9)), min_size=1),
    st.randoms(use_true_random=False),
)
def test_words_against_an_address_end_the_same_in_any_order(
    words: list[tuple[Suppression, int]], chance: random.Random
) -> None:
    ends = set()
    for order in (words, chance.sample(words, len(words)) + words):
        address = Address(hashed="h", channel="email")
        for why, at in order:
            tighter = address.suppressed_by(why, at)
            # It only tightens: what holds for ever never becomes what a new consent lifts.
            assert tighter == address or tighter.suppressed != "opted_out" or address.suppressed in ("", "opted_out")
            address = tighter
        ends.add(address.body())
    assert len(ends) == 1
