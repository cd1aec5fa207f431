"""The same facts and behaviour in any order, repetition and batching end in the same people, engagements and orders."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import Engagement
from aftershow.model.ids import viewer_id
from aftershow.model.instants import HOUR, MINUTE
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.viewers import Head, Refusal
from aftershow.rules.merging import lead
from aftershow.rules.people import may_be_written
from aftershow.rules.segment import Event
from aftershow.rules.viewing import Known, Outcome, decide, engagement_key, is_behaviour, named_by
from tests.unit.samples import START, examples, read, tracked


@dataclass
class Stored:
    """What the scorer's tables hold, in memory; each batch is decided on what the ones before it wrote."""

    heads: dict[str, Head] = field(default_factory=dict)
    engagements: dict[tuple[str, str], Engagement] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    unnamed: dict[str, UnnamedRefund] = field(default_factory=dict)
    dead: list[tuple[str, str]] = field(default_factory=list)

    def take(self, events: Sequence[Event]) -> list[Outcome]:
        """Fold a batch, viewer by viewer, as the scorer does: it reads no more than it needs."""
        by_viewer: dict[str, list[Event]] = {}
        for event in events:
            by_viewer.setdefault(event.viewer or "", []).append(event)
        return [self._take(viewer, group) for viewer, group in by_viewer.items()]

    def _take(self, viewer: str, events: list[Event]) -> Outcome:
        needed = any(event.links or not is_behaviour(event) for event in events)
        names = {viewer}.union(*map(named_by, events)) if needed else set()
        while True:
            heads = self._heads(names)
            outcome = decide(viewer, events, self._known(heads, events))
            if outcome.wanted <= names:
                break
            names |= outcome.wanted
        self.heads |= {name: head for name, (head, _) in outcome.heads.items()}
        self.engagements |= {key: engagement for key, (engagement, _) in outcome.engagements.items()}
        self.orders |= {name: order for name, (order, _) in outcome.orders.items()}
        self.unnamed |= {name: refund for name, (refund, _) in outcome.unnamed.items()}
        self.dead += [(event.id, reason) for event, reason in outcome.dead]
        return outcome

    def _heads(self, names: set[str]) -> dict[str, Head]:
        heads: dict[str, Head] = {}
        while names:
            found = {name: self.heads[name] for name in names if name in self.heads}
            heads.update(found)
            names = {head.merged_into for head in found.values() if head.merged_into} - set(heads)
        return heads

    def _known(self, heads: dict[str, Head], events: list[Event]) -> Known:
        keys = {engagement_key(event) for event in events if is_behaviour(event)}
        engagements = {key: self.engagements[key] for key in keys if key in self.engagements}
        return Known(heads, engagements, self.orders, self.unnamed, lambda _show: False)

    def person(self, viewer: str) -> Head:
        """The leading head of a viewer id or identifier."""
        return self.heads[lead(self.heads, viewer)]

    def people(self) -> dict[str, Head]:
        """The leading heads of whom something is known; which pointers lead there, and which merges were refused on the
        way, may differ, and whether whoever a scanned code named has been met under the source's own name since."""
        leading = {
            name: head.model_copy(update={"refused_merges": (), "identity": None})
            for name, head in self.heads.items()
            if head.merged_into is None
        }
        return {name: head for name, head in leading.items() if head != Head(viewer=name)}

    def facts(self) -> dict[str, Any]:
        """Everything that must not depend on the history's order."""
        return {
            "people": self.people(),
            "leads": {name: to for name in sorted(self.heads) if (to := lead(self.heads, name)) != name},
            "engagements": self.engagements,
            # Where else it was seen is noted for the ledger, which has posted it there.
            "orders": {name: order.model_copy(update={"former": ()}) for name, order in self.orders.items()},
            "unnamed": self.unnamed,
        }


# Some devices are shared, some users are one person by what somebody states or by an identifier of theirs.
DEVICES = {"d1": ("u1",), "d2": ("u1", "u2"), "d3": ("u3",), "d4": (), "d5": ("u1", "u2", "u3", "u4")}
EMAILS = ["a@example.com", "A@Example.com ", "b@example.com", "test@test.com", "no address"]
PHONES = ["13902017788", "+86 139-0201-7788", "+442071838750", "13800138000", "1.39E+10"]
UNION_IDS = ["union-1", "union-2", "0"]
CONTACTS = ["contact-1", "contact-2", "contact-3"]
# Comes with more users than one person has: joins nobody in the end, whoever was first.
DESK = "desk@shop.example"
MOMENTS = st.integers(0, 60).map(lambda minutes: START + minutes * MINUTE)


@st.composite
def identities(draw: st.DrawFn) -> dict[str, Any]:
    device = draw(st.sampled_from(sorted(DEVICES)))
    user = draw(st.sampled_from([None, *DEVICES[device]]))
    if user is None:
        return {"anonymousId": device}
    return draw(st.sampled_from([{"userId": user}, {"userId": user, "anonymousId": device}]))


KINDS = (
    "behave", "behave", "identify", "identify", "desk", "desk", "scan", "contact lost", "consent", "follow",
    "order", "order", "refund", "cancel", "update", "unnamed", "alias",
)  # fmt: skip


@st.composite
def occurrences(draw: st.DrawFn, name: str) -> Event:
    """One event; its name makes its message id, and what it says of an order follows from the order's id alone."""
    kind = draw(st.sampled_from(KINDS))
    at, who = draw(MOMENTS), draw(identities())
    context: dict[str, Any] = draw(
        st.sampled_from([{}, {"timezone": "Asia/Shanghai"}, {"timezone": "Europe/London", "locale": "en"}])
    )
    union = draw(st.sampled_from([None, None, None, *UNION_IDS]))
    if union:
        context = {**context, "externalIds": [{"type": "wechat_unionid", "id": union}]}
    if kind == "desk":
        return read("identify", at, name, context, userId=f"u{draw(st.integers(1, 9))}", traits={"email": DESK})
    if kind in ("scan", "contact lost"):
        contact = draw(st.sampled_from(CONTACTS))
        external = {"externalIds": [{"type": "wecom_external_userid", "id": contact}]}
        viewers = [viewer_id("user", "u1"), viewer_id("anonymous", "d3"), viewer_id("anonymous", "d4"), "spring"]
        state = {"state": draw(st.sampled_from(viewers))} if kind == "scan" else {}
        word = "WeCom Contact Added" if kind == "scan" else "WeCom Contact Deleted"
        return read("track", at, name, external, event=word, properties=state, anonymousId=contact)
    number = draw(st.integers(1, 4))
    if kind == "identify":
        traits = {"email": draw(st.sampled_from(["", *EMAILS])), "phone": draw(st.sampled_from(["", *PHONES]))}
        return read("identify", at, name, context, traits=traits, **who)
    if kind == "alias":
        user, previous = draw(st.sampled_from([("u2", "u1"), ("u3", "d4")]))
        return read("alias", at, name, context, userId=user, previousId=previous)
    event, said = {
        "behave": (
            draw(st.sampled_from(["Live Liked", "Video Content Playing", "Product Added"])),
            {"show_id": "s1", "product_id": "p1"},
        ),
        "consent": (
            "Message Consent Updated",
            {
                "purpose": "marketing",
                "channel": draw(st.sampled_from(["email", "all", "sms"])),
                "state": draw(st.sampled_from(["granted", "withdrawn"])),
            },
        ),
        "follow": (draw(st.sampled_from(["Live Followed", "Live Unfollowed"])), {"host_id": f"h{number % 2}"}),
        # Everything that an order says follows from its id: the same fact, sent again under other message ids.
        "order": ("Order Completed", {"order_id": f"o{number}", "total": number * 10, "show_id": "s1"}),
        "refund": ("Order Refunded", {"order_id": f"o{number}", "total": "1.50"}),
        "update": ("Order Updated", {"order_id": f"o{number}", "total": number * 10 - 1}),
        "cancel": ("Order Cancelled", {"order_id": f"o{number}"}),
        "unnamed": ("Order Refunded", {"total": "3.99"}),
    }[kind]
    if kind == "order":
        # Whose, when and in which show: two sources tell it differently.
        at = START + number * HOUR + draw(st.integers(0, 3)) * MINUTE
        said = {"order_id": f"o{number}", "total": number * 10, "show_id": draw(st.sampled_from(["s1", "s2"]))}
    elif kind in ("refund", "update", "cancel"):
        who = {"userId": ("u1", "u2", "u3", "u1")[number - 1]}
    return read("track", at, name, context, event=event, properties=said, **who)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    stated = read("alias", START, "stated", userId="u2", previousId="u1")
    return [stated, *(draw(occurrences(f"m{number}")) for number in range(draw(st.integers(1, 30))))]


def batches(events: Sequence[Event], chance: random.Random) -> list[list[Event]]:
    again = [*events, *chance.choices(events, k=len(events) // 2)]
    chance.shuffle(again)
    cut: list[list[Event]] = []
    while again:
        size = chance.randint(1, 12)
        cut.append(again[:size])
        again = again[size:]
    return cut


@examples(110)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_repetition_and_batching_end_in_the_same_state(events: list[Event], chance: random.Random) -> None:
    one, other = Stored(), Stored()
    one.take(events)
    for batch in batches(events, chance):
        other.take(batch)
    assert other.facts() == one.facts()


@examples(60)
@given(histories(), st.randoms(use_true_random=False))
def test_taking_everything_again_changes_nothing(events: list[Event], chance: random.Random) -> None:
    stored = Stored()
    for batch in batches(events, chance):
        stored.take(batch)
    before = stored.facts()
    for batch in batches(events, chance):
        assert all(not outcome.orders and not outcome.unnamed for outcome in stored.take(batch))
    assert stored.facts() == before


@examples(60)
@given(histories(), st.randoms(use_true_random=False))
def test_an_order_counts_once_and_for_its_whole_person(events: list[Event], chance: random.Random) -> None:
    stored = Stored()
    for batch in batches(events, chance):
        stored.take(batch)
    placed = [order for order in stored.orders.values() if order.hash is not None]
    assert sum(head.orders for head in stored.people().values()) == len(placed)
    assert sum(head.spent.get("CNY", 0) for head in stored.people().values()) == sum(order.minor for order in placed)
    for order in placed:
        head = stored.heads[lead(stored.heads, order.viewer or "")]
        assert order.order in [recent.order for recent in head.recent_orders]
        assert (head.last_order_at or 0) >= (order.at or 0) >= (head.first_order_at or 0)


def test_of_two_contradicting_orders_the_first_to_arrive_counts() -> None:
    """By design arrival decides here: an order id is taken once, and nobody can say which of two bodies is true."""
    one = tracked("Order Completed", START, "m1", order_id="o1", total=10)
    other = tracked("Order Completed", START + 1, "m2", order_id="o1", total=20)
    for first, second in ((one, other), (other, one)):
        stored = Stored()
        stored.take([first])
        stored.take([second])
        assert stored.orders["o1"].at == first.at
        assert stored.orders["o1"].conflicts == (second.id,)
        assert [name for name, _ in stored.dead] == [second.id]
        assert stored.people()[viewer_id("user", "u1")].orders == 1


def test_a_contradiction_sent_again_stays_one_note() -> None:
    stored = Stored()
    stored.take([tracked("Order Completed", START, "m1", order_id="o1", total=10)])
    for _ in range(3):
        stored.take([tracked("Order Completed", START, "m2", order_id="o1", total=20)])
    assert stored.orders["o1"].conflicts == ("m2",)


def test_two_users_on_one_device_stay_two_people() -> None:
    """It is the user's who came with it first by the event's own time, whichever becomes known first."""
    one = tracked("Live Liked", START, "m1", {"userId": "u1", "anonymousId": "d"}, show_id="s1")
    other = tracked("Live Liked", START + 1, "m2", {"userId": "u2", "anonymousId": "d"}, show_id="s1")
    for first, second in ((one, other), (other, one)):
        stored = Stored()
        stored.take([first])
        stored.take([second])
        stored.take([first, second])
        device = viewer_id("anonymous", "d")
        assert lead(stored.heads, device) == one.viewer
        assert lead(stored.heads, other.viewer or "") == other.viewer
        refused = stored.heads[other.viewer or ""].refused_merges
        assert refused == (Refusal(name=device, reason="another_users_device"),)


def test_only_a_stated_alias_joins_two_users() -> None:
    stored = Stored()
    stored.take([tracked("Live Liked", START, "m1", {"userId": "u1", "anonymousId": "d"})])
    stored.take([read("alias", START, "m2", userId="u2", previousId="u1")])
    leading = {lead(stored.heads, viewer_id("user", name)) for name in ("u1", "u2")}
    assert len(leading) == 1
    assert lead(stored.heads, viewer_id("anonymous", "d")) in leading


def test_one_identifier_joins_at_most_so_many() -> None:
    stored = Stored()
    for number in range(60):
        who = {"userId": "u1", "anonymousId": f"d{number}"}
        stored.take([tracked("Live Liked", START + number, f"m{number}", who)])
    head = stored.people()[viewer_id("user", "u1")]
    assert len(head.members) == 16
    assert len(head.refused_merges) <= 16
    assert len(head.body()) < 4_096


def test_a_withdrawal_on_any_device_holds_for_the_person() -> None:
    consent = {"purpose": "marketing", "channel": "all"}
    granted = tracked("Message Consent Updated", START + 2, "m1", {"userId": "u1"}, **consent, state="granted")
    withdrawn = tracked("Message Consent Updated", START, "m2", {"anonymousId": "d"}, **consent, state="withdrawn")
    joined = tracked("Live Liked", START + 1, "m3", {"userId": "u1", "anonymousId": "d"})
    for history in ([granted, withdrawn, joined], [joined, granted, withdrawn], [withdrawn, joined, granted]):
        stored = Stored()
        for event in history:
            stored.take([event])
        (head,) = stored.people().values()
        assert not may_be_written(head, "marketing", "email")
    # Said anew as both, it holds for both.
    again = tracked(
        "Message Consent Updated", START + 3, "m4", {"userId": "u1", "anonymousId": "d"}, **consent, state="granted"
    )
    stored.take([again])
    (head,) = stored.people().values()
    assert may_be_written(head, "marketing", "email")


def test_warmth_is_news_once_and_cold_only_after_the_show() -> None:
    stored = Stored()
    (cold,) = stored.take([tracked("Live Liked", START, "m1", show_id="s1")])
    assert [events for _, events in cold.engagements.values()] == [()]
    warm = tracked("Checkout Started", START, "m2", show_id="s1")
    added = tracked("Product Added", START, "m3", show_id="s1", product_id="p")
    (hot,) = stored.take([warm, added])
    ((_, news),) = hot.engagements.values()
    assert [(one.kind, getattr(one, "temperature", "")) for one in news] == [("TemperatureChanged", "hot")]
    assert all(not outcome.engagements for outcome in stored.take([warm, added]))


def test_every_change_of_an_order_is_told() -> None:
    stored = Stored()
    (placed,) = stored.take([tracked("Order Completed", START, "m1", order_id="o1", total=10)])
    assert [news[0].kind for _, news in placed.orders.values()] == ["OrderChanged"]
    (again,) = stored.take([tracked("Order Completed", START, "m9", order_id="o1", total="10.00")])
    assert not again.orders
    assert again.duplicates == 1
    (refunded,) = stored.take([tracked("Order Refunded", START, "m2", order_id="o1", total=1)])
    assert [news[0].kind for _, news in refunded.orders.values()] == ["OrderChanged"]


def test_news_of_an_order_is_not_lost_when_the_same_batch_contradicts_it() -> None:
    stored = Stored()
    (outcome,) = stored.take([
        tracked("Order Completed", START, "m1", order_id="o1", total=10),
        tracked("Order Completed", START + 1, "m2", order_id="o1", total=20),
    ])  # fmt: skip
    ((order, news),) = outcome.orders.values()
    assert order.conflicts == ("m2",)
    assert [one.kind for one in news] == ["OrderChanged"]
