"""Points: in whatever order words about an order come, and whenever they are posted, the sum is what remains of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, at_zone
from aftershow.model.ledger import DEBT, EXPIRED, FORGIVEN, ISSUED, MAX_PENDING, NEVER, Account, Entry, Posting
from aftershow.model.money import whole_units
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.rules import orders
from aftershow.rules.accounts import applied, caught_up, standing
from aftershow.rules.points import Terms, again_keys, entry_keys, missing, unnamed, why_no_points, worth
from aftershow.rules.segment import Amended, Event, Ordered
from tests.unit.samples import START, examples, tracked

TERMS = Terms(window_days=0, expire_months=12, zone="UTC")
KINDS = ["refund", "refund", "update", "cancel", "post", "post"]


def take(order: Order | None, event: Event) -> Order:
    """The order after a word about it."""
    if isinstance(event.meaning, Ordered):
        return orders.place(order, "u1", event.show, event, event.meaning).order
    assert isinstance(event.meaning, Amended)
    return orders.amend(order, "u1", event, event.meaning).order


def word(kind: str, number: int, minor: int, currency: str) -> Event:
    name = {"refund": "Order Refunded", "update": "Order Updated", "cancel": "Order Cancelled"}[kind]
    amount = minor if currency == "JPY" else f"{minor // 100}.{minor % 100:02d}"
    said: dict[str, Any] = {"order_id": "o1", "total": amount, "currency": currency}
    # Several words may have one moment.
    return tracked(name, START + minor % 5, f"m{number}", **said)


def placed(minor: int, currency: str) -> Event:
    amount = minor if currency == "JPY" else f"{minor // 100}.{minor % 100:02d}"
    return tracked("Order Completed", START, "m-order", order_id="o1", total=amount, currency=currency)


class Ledger:
    """What is posted, as award_points does it: one missing entry at a time, each key once for ever."""

    def __init__(self, viewer: str = "u1", terms: Terms = TERMS) -> None:
        self.entries: dict[str, Entry] = {}
        self.account = Account(viewer=viewer)
        self.terms = terms

    def post_next(self, order: Order, now: int = START) -> bool:
        names = [*entry_keys(order), *again_keys(order)]
        posted = {key: self.entries[key] for key in names if key in self.entries}
        entry = missing(order, posted, self.account, self.terms, now).entry
        if entry is None:
            return False
        self.post(entry)
        return True

    def post(self, entry: Entry) -> None:
        assert entry.key not in self.entries
        self.entries[entry.key] = entry
        self.account = applied(self.account, entry)

    def post_all(self, order: Order, now: int = START) -> None:
        while self.post_next(order, now):
            pass

    @property
    def points(self) -> int:
        return sum(entry.points for entry in self.entries.values())


def remaining(order: Order) -> int:
    """What an order is worth, said plainly."""
    if order.cancelled is not None:
        return 0
    refunded = sum(refund.minor for refund in order.refunds)
    return whole_units(max(order.total - refunded, 0), order.currency or "CNY")


@examples(250)
@given(
    st.integers(0, 100_000),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 120_000)), max_size=12),
    st.integers(0, 12),
    st.sampled_from(["CNY", "CNY", "JPY", "KWD"]),
    st.randoms(use_true_random=False),
)
def test_the_sum_is_what_remains_in_any_order_and_however_posted(
    total: int, happened: list[tuple[str, int]], place_at: int, currency: str, chance: random.Random
) -> None:
    order: Order | None = None
    ledger = Ledger()
    words = [
        word(kind, number, minor, currency)
        for number, (kind, minor) in enumerate(happened)
        if kind in ("refund", "update", "cancel")
    ]
    arriving: list[Event | None] = [*words, *(None for kind, _ in happened if kind == "post")]
    chance.shuffle(arriving)
    arriving.insert(place_at, placed(total, currency))
    for event in [*arriving, *chance.sample(words, len(words))]:
        if event is not None:
            order = take(order, event)
        elif order is not None:
            ledger.post_next(order)
    assert order is not None
    ledger.post_all(order)
    assert ledger.points == remaining(order)
    in_order = Ledger()
    in_order.post_all(_as_if_in_order([placed(total, currency), *words]))
    assert in_order.points == ledger.points
    assert set(in_order.entries) == set(ledger.entries)
    assert ledger.account.balance == ledger.points == ledger.account.earned - ledger.account.reversed
    assert ledger.account.entries == len(ledger.entries)
    assert not ledger.post_next(order)


def _as_if_in_order(events: Iterable[Event]) -> Order:
    order: Order | None = None
    for event in events:
        order = take(order, event)
    assert order is not None
    return order


@examples(60)
@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), max_size=8), st.integers(0, 365))
def test_each_refund_takes_back_the_difference_of_whole_units(total: int, refunds: list[int], days: int) -> None:
    order = take(None, placed(total, "CNY"))
    terms = Terms(window_days=days, zone="UTC")
    ledger = Ledger(terms=terms)
    assert ledger.post_next(order)
    left = total
    for number, minor in enumerate(refunds):
        order = take(order, word("refund", number, minor, "CNY"))
        assert ledger.post_next(order)
        entry = ledger.entries[f"order:o1:refund:m{number}"]
        after = max(left - minor, 0)
        assert -entry.points == left // 100 - after // 100
        assert {one.available_at for one in entry.postings if one.account == "viewer:u1"} <= {terms.available_at(START)}
        left = after


def test_a_refund_before_its_order_gives_nothing_until_the_order_comes() -> None:
    tombstone = take(None, word("refund", 1, 1_000, "CNY"))
    assert entry_keys(tombstone) == []
    assert missing(tombstone, {}, Account(viewer="u1"), TERMS, START).entry is None
    ledger = Ledger()
    ledger.post_all(take(tombstone, placed(3_000, "CNY")))
    assert {entry.rule: entry.points for entry in ledger.entries.values()} == {"earn": 30, "reverse": -10}


def first(order: Order) -> Entry:
    """An order's first entry in an empty account."""
    entry = missing(order, {}, Account(viewer="u1"), TERMS, START).entry
    assert entry is not None
    return entry


def test_entries_balance_and_an_unbalanced_one_is_refused() -> None:
    entry = first(take(None, placed(1_999, "CNY")))
    expires = TERMS.expires_at(START)
    assert entry.postings == (
        Posting(account="viewer:u1", points=19, expires_at=expires),
        Posting(account=ISSUED, points=-19),
    )
    with pytest.raises(ValueError, match="sum to zero"):
        Entry(**{**entry.model_dump(), "postings": (Posting(account="viewer:u1", points=1),)})


def refund_without_order(minor: int, account: Account, terms: Terms = TERMS) -> Entry:
    return unnamed(UnnamedRefund(id="m1", viewer="u1", at=START, minor=minor, currency="CNY"), account, terms, START)


def test_a_refund_without_an_order_takes_back_at_once() -> None:
    entry = refund_without_order(399, Account(viewer="u1"))
    assert (entry.key, entry.points, entry.issued, entry.order) == ("refund:m1", -3, -3, None)
    assert applied(Account(viewer="u1"), entry).balance == -3


def test_a_foreign_currency_gives_no_points_and_says_why() -> None:
    foreign = take(None, placed(1_000, "USD"))
    assert why_no_points(foreign, "CNY") == "in USD, the shop's points are for CNY"
    assert why_no_points(foreign, "USD") is None


def test_an_entry_says_what_it_was_decided_on() -> None:
    ledgers = Ledger(), Ledger()
    for ledger, minor in zip(ledgers, (100, 200), strict=True):
        ledger.post_all(take(take(None, placed(1_000, "CNY")), word("refund", 1, minor, "CNY")))
    one, other = (list(ledger.entries.values()) for ledger in ledgers)
    assert one[0].hash == other[0].hash
    assert one[1].hash != other[1].hash


def test_the_same_key_with_other_content_is_refused_and_says_what_it_was() -> None:
    ledger = Ledger()
    ledger.post_all(take(None, placed(1_000, "CNY")))
    other = take(None, placed(9_900, "CNY"))
    lacks = missing(other, ledger.entries, ledger.account, TERMS, START)
    assert lacks.entry is None
    assert lacks.contradicted is not None
    assert (lacks.contradicted.key, lacks.contradicted.note) == ("order:o1:earn", "9900 CNY")


def spent(ledger: Ledger, points: int) -> None:
    """Points of the oldest lot are gone."""
    lot = ledger.account.lots[0]
    postings = (
        Posting(account="viewer:u1", points=-points, expires_at=lot.expires_at),
        Posting(account="system:spent", points=points),
    )
    ledger.post(Entry(key="s", rule="confirm", hash="h", home="u1", at=START, postings=postings, reason="points spent"))


@pytest.mark.parametrize(
    ("policy", "spend", "other_points", "balance", "forgiven"),
    [
        ("negative", 0, 0, 0, 0),
        ("negative", 70, 0, -70, 0),
        ("negative", 70, 50, -20, 0),
        ("zero", 70, 0, 0, 70),
        ("zero", 70, 50, 0, 20),
        ("zero", 70, 90, 20, 0),
        ("pending", 0, 0, 100, 100),
        ("pending", 70, 0, 30, 100),
    ],
)
def test_a_refund_takes_back_what_was_spent_as_the_policy_says(
    policy: Any, spend: int, other_points: int, balance: int, forgiven: int
) -> None:
    ledger = Ledger(terms=Terms(zone="UTC", refunds=policy))
    order = take(None, placed(100_00, "CNY"))
    ledger.post_all(order)
    if spend:
        spent(ledger, spend)
    other = tracked("Order Completed", START, "m-other", order_id="o2", total=other_points)
    ledger.post_all(take(None, other))
    ledger.post_all(take(order, word("refund", 1, 100_00, "CNY")))
    refund = ledger.entries["order:o1:refund:m1"]
    assert refund.issued == -100
    assert (ledger.account.balance, -refund.sum(FORGIVEN)) == (balance, forgiven)
    assert ledger.account.reversed == 100


def test_pending_only_takes_back_what_is_pending() -> None:
    terms = Terms(window_days=7, zone="UTC", refunds="pending")
    order = take(None, placed(100_00, "CNY"))
    refunded = take(order, word("refund", 1, 30_00, "CNY"))
    early, late = Ledger(terms=terms), Ledger(terms=terms)
    for ledger, now in ((early, START + 6 * DAY), (late, START + 9 * DAY)):
        ledger.post_all(order, START)
        ledger.post_all(refunded, now)
    assert (early.account.balance, late.account.balance) == (70, 100)


def test_what_ran_out_is_taken_back_from_there() -> None:
    """A refund that comes after its points expired ends as one that came before."""
    order = take(None, placed(100_00, "CNY"))
    refunded = take(order, word("refund", 1, 30_00, "CNY"))
    after = TERMS.expires_at(START)
    in_time, late = Ledger(), Ledger()
    in_time.post_all(refunded, START)
    late.post_all(order, START)
    for ledger in (in_time, late):
        for entry in caught_up([ledger.account], after)[1]:
            ledger.post(entry)
    late.post_all(refunded, after)
    for ledger in (in_time, late):
        assert ledger.account.balance == 0
        assert sum(entry.sum(EXPIRED) for entry in ledger.entries.values()) == 70
    assert late.account.lots == in_time.account.lots


def test_an_order_that_belongs_to_somebody_else_goes_there_and_back() -> None:
    mine, hers = Ledger("u1"), Ledger("u2")
    order = take(take(None, placed(100_00, "CNY")), word("refund", 1, 30_50, "CNY"))
    mine.post_all(order)
    for viewer, former, expected in (("u2", ("u1",), (0, 69)), ("u1", ("u1", "u2"), (69, 0))):
        moved = order.model_copy(update={"viewer": viewer, "former": former})
        for ledger in (mine, hers):
            ledger.post_all(moved)
        assert (mine.points, hers.points) == expected
    back = mine.entries["order:o1:again:1"]
    assert (back.reason, back.corrects, back.points) == ("order belongs to somebody else", "order:o1:earn", -69)
    assert hers.entries["order:o1:earn"].points == 100


def test_a_word_that_comes_again_with_an_earlier_time_is_followed() -> None:
    order = take(None, placed(100_00, "CNY"))
    updates = [tracked("Order Updated", START + at, name, order_id="o1", total=total) for at, name, total in
               ((5, "a", 80), (9, "b", 60))]  # fmt: skip
    ledger = Ledger()
    for event in updates:
        order = take(order, event)
        ledger.post_all(order)
    assert ledger.points == 60
    earlier = take(order, tracked("Order Updated", START + 1, "b", order_id="o1", total=60))
    ledger.post_all(earlier)
    assert ledger.points == 80 == worth(earlier)


@examples(100)
@given(st.integers(START, START + 800 * DAY), st.integers(0, 365), st.integers(0, 24))
def test_terms_end_at_the_end_of_days_and_months(at: int, days: int, months: int) -> None:
    terms = Terms(window_days=days, expire_months=months, zone="Asia/Shanghai")
    available, expires = terms.lot(at)
    if days == 0:
        assert available == 0
    else:
        local = at_zone(available, "Asia/Shanghai")
        assert (local.hour, local.minute, local.second) == (0, 0, 0)
        longest = -(-days // (MAX_PENDING - 2))
        assert at + days * DAY < available <= at + (days + longest + 1) * DAY
    if months == 0:
        assert expires == NEVER
        return
    end = at_zone(expires, "Asia/Shanghai")
    assert (end.day, end.hour, end.minute) == (1, 0, 0)
    begins = at_zone(max(at, available), "Asia/Shanghai")
    assert (end.year - begins.year) * 12 + end.month - begins.month == months + 1


@examples(30)
@given(st.integers(1, 365), st.lists(st.integers(0, 365), min_size=50, max_size=400))
def test_an_account_has_few_spans_that_are_pending(window: int, days: list[int]) -> None:
    terms = Terms(window_days=window, zone="UTC")
    last = START + 365 * DAY
    spans = {terms.available_at(START + day * DAY) for day in days}
    assert sum(span > last for span in spans) <= MAX_PENDING


def test_what_is_owed_is_paid_by_the_next_points() -> None:
    account = applied(Account(viewer="u1"), refund_without_order(30_00, Account(viewer="u1")))
    assert account.lots[0].expires_at == DEBT
    entry = missing(take(None, placed(100_00, "CNY")), {}, account, TERMS, START).entry
    assert entry is not None
    stands = standing([applied(account, entry)], START)
    assert (stands.available, stands.owed, stands.balance) == (70, 0, 70)
