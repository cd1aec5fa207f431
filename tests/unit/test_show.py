"""The synthetic show: one seed, one stream, and the truth behind it."""

from __future__ import annotations

import collections
import hashlib
import json
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from aftershow.rules import intake, segment
from infra.local.audience import intend
from infra.local.behaviour import messages
from infra.local.chance import seeded
from infra.local.people import Person, Truth
from infra.local.programme import CURRENCY, DAY_MS, HOUR_MS, USUAL_START
from infra.local.reactions import order_request, react
from infra.local.show import Tally, generate, stream
from infra.local.spoilt import KINDS, MENDABLE, OTHER_AMOUNT
from infra.local.wire import HEADERS, MAX_BATCH_BYTES, Request

VIEWERS, SEED, DAYS = 200, 7, 7
Event = dict[str, Any]


@pytest.fixture(scope="module")
def truth() -> Truth:
    return intend(VIEWERS, SEED, DAYS, USUAL_START)


@pytest.fixture(scope="module")
def tally() -> Tally:
    return Tally()


@pytest.fixture(scope="module")
def requests(truth: Truth, tally: Tally) -> list[Request]:
    return list(stream(truth, tally))


@pytest.fixture(scope="module")
def events(requests: list[Request]) -> list[Event]:
    """All messages in order of arrival, with their request's context and times."""
    return [event for request in requests for event in unpacked(request)]


@pytest.fixture(scope="module")
def first_events(events: list[Event]) -> dict[str, Event]:
    """By messageId, without repetitions."""
    first: dict[str, Event] = {}
    for event in events:
        first.setdefault(event["messageId"], event)
    return first


def unpacked(request: Request) -> list[Event]:
    body = json.loads(request.body)
    return [
        {**message, "context": body["context"], "sentAt": body["sentAt"], "at": request.at}
        for message in body.get("batch", [body])
    ]


def iso_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def digest(stream_of: list[Request]) -> str:
    whole = hashlib.sha256()
    for request in stream_of:
        whole.update(b"%d %b %b\n" % (request.at, request.path.encode(), request.body))
    return whole.hexdigest()


def named(events: dict[str, Event], name: str) -> list[Event]:
    return [event for event in events.values() if event.get("event") == name]


def test_one_seed_gives_the_same_bytes_also_in_another_process(requests: list[Request]) -> None:
    # Another hash seed would show any order that comes from a set.
    code = (
        "from tests.unit.test_show import digest\n"
        "from infra.local.show import generate\n"
        f"print(digest(list(generate({VIEWERS}, {SEED}, {DAYS}, {USUAL_START}))))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(  # noqa: S603 (our own interpreter and code)
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONHASHSEED": "12345", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest(requests)


def test_another_seed_gives_another_show(requests: list[Request]) -> None:
    other = list(generate(VIEWERS, SEED + 1, DAYS, USUAL_START))
    assert digest(other) != digest(requests)
    ours = {event["messageId"] for request in requests for event in unpacked(request)}
    theirs = {event["messageId"] for request in other for event in unpacked(request)}
    assert not ours & theirs


def test_requests_arrive_in_order_and_within_limits(requests: list[Request]) -> None:
    moments = [request.at for request in requests]
    assert moments == sorted(moments)
    assert moments[-1] < USUAL_START + DAYS * DAY_MS
    assert max(len(request.body) for request in requests) < MAX_BATCH_BYTES
    assert all(request.headers == HEADERS for request in requests)
    assert collections.Counter(request.path for request in requests).keys() == {
        "/v1/batch",
        "/v1/track",
    }


@pytest.mark.parametrize("days", [1, 3, 4])
@pytest.mark.parametrize("viewers", [0, 1, 40])
def test_small_and_short_shows(viewers: int, days: int) -> None:
    moments = [request.at for request in generate(viewers, 3, days, USUAL_START)]
    assert moments == sorted(moments)
    assert moments[-1] < USUAL_START + days * DAY_MS


@pytest.mark.parametrize(("viewers", "days"), [(-1, 7), (100_001, 7), (10, 0)])
def test_impossible_sizes_are_refused(viewers: int, days: int) -> None:
    with pytest.raises(ValueError, match="viewers"):
        intend(viewers, SEED, days, USUAL_START)


def test_the_tally_agrees_with_a_recount(
    requests: list[Request], events: list[Event], first_events: dict[str, Event], tally: Tally
) -> None:
    assert tally.requests == len(requests)
    assert tally.events == len(events)
    assert tally.resent == len(events) - len(first_events)
    assert tally.good == len(first_events) - tally.refused
    bad = [key for key in first_events if key.startswith("syn-bad-")]
    assert sum(tally.bad.values()) == len(bad) == tally.refused + tally.bad[MENDABLE]


def test_every_kind_of_bad_event_is_there(tally: Tally) -> None:
    assert tally.bad.keys() == {*KINDS, OTHER_AMOUNT}
    assert 0.001 < sum(tally.bad.values()) / tally.events < 0.006


def test_bad_events_are_bad_as_named(first_events: dict[str, Event], tally: Tally) -> None:
    bad = [event for key, event in first_events.items() if key.startswith("syn-bad-")]
    without_id = [event for event in bad if not {"userId", "anonymousId"} & event.keys()]
    assert len(without_id) == tally.bad["no_identity"]
    for name, literal in (("id_null", "null"), ("id_anonymous", "anonymous")):
        assert sum(event.get("userId") == literal for event in bad) == tally.bad[name]
    odd = [event for event in bad if isinstance(event["event"], list)]
    assert len(odd) == tally.bad["wrong_types"]
    contradicting = named({event["messageId"]: event for event in bad}, "Order Completed")
    assert len(contradicting) == tally.bad[OTHER_AMOUNT]
    for event in contradicting:
        order_id = event["properties"]["order_id"]
        told = [
            known
            for known in named(first_events, "Order Completed")
            if known["properties"]["order_id"] == order_id and known is not event
        ]
        assert [known["at"] < event["at"] for known in told] == [True]
        assert told[0]["properties"]["total"] != event["properties"]["total"]


def test_the_door_takes_and_the_scorer_reads_every_good_event(requests: list[Request], tally: Tally) -> None:
    refused = 0
    for request in requests:
        taken = intake.judge(request.path.rpartition("/")[2], request.body, request.at)
        refused += len(taken.rejected)
        context = json.loads(taken.context)
        for _, kind, raw in taken.facts + taken.behaviour:
            segment.read_event(kind, raw, context, request.at, segment.Defaults(CURRENCY))
    # An order under another amount is known only to whoever knows the order.
    assert refused == tally.refused - tally.bad[OTHER_AMOUNT]


def test_bytes_on_the_wire_carry_nan_and_lone_surrogates(requests: list[Request]) -> None:
    assert any(b"NaN" in request.body for request in requests)
    broken = [request.body for request in requests if b'\\ud83d"' in request.body]
    assert broken
    assert all(body.decode("utf-8") for body in broken)


def test_repetitions_have_the_same_events_and_a_new_sent_at(events: list[Event]) -> None:
    by_id: dict[str, list[Event]] = collections.defaultdict(list)
    for event in events:
        by_id[event["messageId"]].append(event)
    repeated = [told for told in by_id.values() if len(told) > 1]
    assert repeated
    for first, second in repeated:
        assert first["sentAt"] < second["sentAt"]
        assert first["timestamp"] == second["timestamp"]


def test_some_events_come_late_and_some_out_of_order(requests: list[Request]) -> None:
    shuffled = 0
    for request in requests:
        times = [event["timestamp"] for event in unpacked(request)]
        shuffled += times != sorted(times) and "syn-bad" not in request.body.decode()
    assert shuffled
    latest = max(request.at - iso_ms(unpacked(request)[0]["sentAt"]) for request in requests)
    assert latest <= 3 * 60 * 1000  # Late or not, `sentAt` is the moment of sending.


def test_truth_agrees_with_the_stream(truth: Truth, first_events: dict[str, Event]) -> None:
    good = {key: event for key, event in first_events.items() if not key.startswith("syn-bad-")}
    orders = [order for person in truth.people for order in person.orders]
    told = {event["properties"]["order_id"]: event["properties"] for event in named(good, "Order Completed")}
    assert told.keys() == {order.order_id for order in orders}
    for order in orders:
        assert round(told[order.order_id]["total"] * 100) == order.total
        assert told[order.order_id].get("show_id") == order.show_id
    refunds = [refund for order in orders for refund in order.refunds]
    refunded = named(good, "Order Refunded")
    assert len(refunded) == len(refunds)
    assert sum(round(event["properties"]["total"] * 100) for event in refunded) == sum(amount for _, amount in refunds)
    identified = {event["userId"] for event in good.values() if event["type"] == "identify"}
    assert identified == {person.user_id for person in truth.people if person.user_id}
    consents = collections.Counter(event["properties"]["state"] for event in named(good, "Message Consent Updated"))
    assert consents["granted"] == sum(p.consented_at is not None for p in truth.people)
    assert consents["withdrawn"] == sum(p.withdrawn_at is not None for p in truth.people)
    ids = {event.get("anonymousId") for event in good.values()}
    assert all(person.anonymous_id in ids or person.identity == "logged_in" for person in truth.people)


def test_refunds_never_exceed_the_order(truth: Truth) -> None:
    for person in truth.people:
        for order in person.orders:
            assert sum(amount for _, amount in order.refunds) <= order.total
            assert all(at > order.at for at, _ in order.refunds)


def test_clients_cover_different_things(truth: Truth, first_events: dict[str, Event]) -> None:
    beating, leaving = set(), set()
    for event in first_events.values():
        who = event["messageId"].split("-")[2]
        if event.get("event") == "Video Content Playing":
            assert event["properties"]["livestream"] is True
            beating.add(who)
        if event.get("event") == "Live Room Left":
            leaving.add(who)
    for person in truth.people:
        who = str(person.number)
        if person.coverage != "heartbeats":
            assert who not in beating
            assert (who in leaving) == (person.coverage == "left")
    assert collections.Counter(person.coverage for person in truth.people)["none"] > 5


def test_everything_is_labelled_synthetic(
    requests: list[Request], truth: Truth, first_events: dict[str, Event]
) -> None:
    for request in requests:
        assert json.loads(request.body)["context"]["library"]["name"] == "aftershow-synthetic"
    for show in truth.programme.shows:
        assert show.title.startswith("Synthetic show · 模拟直播")
    for event in first_events.values():
        if event["type"] == "identify":
            assert event["traits"]["email"].endswith("@example.com")
    addresses = [person.email for person in truth.people if person.email]
    assert len(set(addresses)) == len(addresses) == len(truth.by_address)
    phones = [person.phone for person in truth.people if person.phone]
    assert len(set(phones)) == len(phones)
    assert all(len(phone) == 12 and phone[5:9] == "5550" for phone in phones)


def test_every_case_is_there_with_200_viewers(truth: Truth, first_events: dict[str, Event]) -> None:
    names = {
        event.get("event", event["type"]) for event in first_events.values() if not isinstance(event.get("event"), list)
    }
    assert names >= {
        "alias",
        "identify",
        "Checkout Started",
        "Coupon Denied",
        "Coupon Entered",
        "Live Comment Sent",
        "Live Followed",
        "Live Liked",
        "Live Product Clicked",
        "Live Product Explained",
        "Live Replay Watched",
        "Live Room Entered",
        "Live Room Left",
        "Live Shared",
        "Live Show Ended",
        "Live Show Reserved",
        "Live Show Scheduled",
        "Live Show Started",
        "Live Unfollowed",
        "Message Consent Updated",
        "Order Cancelled",
        "Order Completed",
        "Order Refunded",
        "Order Updated",
        "Product Added",
        "Product Removed",
        "Product Viewed",
        "Products Searched",
        "Video Content Playing",
    }
    reachable = [
        person
        for person in truth.people
        if person.consented_at and not person.withdrawn_at and not person.ordered_in_show
    ]
    kinds = collections.Counter(person.kind.name for person in reachable)
    assert all(kinds[name] >= 3 for name in ("nearly", "comparing", "browsing"))
    assert any(person.returned_alone for person in reachable)
    assert {person.zone for person in truth.people} == {
        "Asia/Shanghai",
        "Asia/Urumqi",
        "America/Los_Angeles",
        "Europe/Berlin",
    }
    for prefix in ("bounce+", "complaint+"):
        assert any(address.startswith(prefix) for address in truth.by_address)
    assert any(len(person.visits) == 2 for person in truth.people)


def test_the_size_is_as_promised() -> None:
    truth = intend(1000, SEED, DAYS, USUAL_START)
    sizes = [sum(len(told) for told in messages(p, truth.programme)) for p in truth.people]
    assert 45 <= statistics.median(sizes) <= 75
    assert statistics.mean(sizes) < 100


def test_a_person_does_nothing_before_appearing(truth: Truth) -> None:
    for person in truth.people:
        client, server = messages(person, truth.programme)
        assert min(at for at, _ in client + server) >= person.first_seen_at
        assert [at for at, _ in client] == sorted(at for at, _ in client)


def willing(truth: Truth) -> list[Person]:
    return [person for person in truth.people if person.consented_at is not None]


def test_reactions_follow_from_the_source_alone(truth: Truth) -> None:
    sent_at = USUAL_START + 2 * HOUR_MS

    def all_reactions() -> list[object]:
        source = seeded("reactions")
        return [react(truth, person.email or "", sent_at, source) for person in willing(truth)]

    assert all_reactions() == all_reactions()


def test_who_nearly_bought_reacts_more(truth: Truth) -> None:
    source, sent_at = seeded("reactions"), USUAL_START + 2 * HOUR_MS
    orders: collections.Counter[str] = collections.Counter()
    for person in willing(truth):
        for _ in range(20):
            reactions = react(truth, person.email or "", sent_at, source)
            assert reactions
            moments = [reaction.after_ms for reaction in reactions]
            assert moments == sorted(moments)
            kinds = [reaction.kind for reaction in reactions]
            assert kinds in (["nothing"], ["unsubscribe"], ["click"], ["click", "order"])
            orders[person.kind.name] += kinds[-1] == "order"
    assert orders["nearly"] > orders["comparing"] > orders["browsing"]


@pytest.mark.parametrize("address", ["nobody@example.com", "bounce+x@example.com"])
def test_addresses_without_a_reader_do_nothing(truth: Truth, address: str) -> None:
    reactions = react(truth, address, USUAL_START, seeded(1))
    assert [reaction.kind for reaction in reactions] == ["nothing"]


def test_the_order_of_a_reaction_is_a_new_order(truth: Truth) -> None:
    person = willing(truth)[0]
    request = order_request(truth, person.email or "", USUAL_START + DAY_MS, seeded(1))
    event = json.loads(request.body)
    assert request.path == "/v1/track"
    assert event["event"] == "Order Completed"
    assert event["userId"] == person.user_id
    assert event["properties"]["order_id"] not in {order.order_id for order in person.orders}
