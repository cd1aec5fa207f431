"""The ledger's services: what is refused and why, what comes again, what comes late, what crashes on the way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.ledger import MAX_OPEN, MAX_POINTS, Account, Entry
from aftershow.model.settings import Settings
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Backend, Check, IndexPage, Item, Key, NoReply, Page, Put, Range, Store
from aftershow.rules.spending import Refusal
from aftershow.services import budgets, ledger, spending
from aftershow.services.caring import care
from tests.functional.ledger_world import LedgerWorld, embedded_world
from tests.unit.samples import examples


@pytest.fixture
def world() -> Iterator[LedgerWorld]:
    with embedded_world() as opened:
        yield opened
        assert opened.recount().disagreements == []


def gives(world: LedgerWorld, viewer: str, points: int, name: str = "gift") -> None:
    assert not isinstance(spending.adjust(world.ports, viewer, name, points, "a gift", "ann"), Refusal)


def entries(world: LedgerWorld) -> dict[str, Entry]:
    listed = (Entry.read(item.body) for item in world.scan("ledger") if item.key.sk.startswith("entry#"))
    return {f"{entry.home} {entry.key}": entry for entry in listed}


def orders_and_awards(world: LedgerWorld, name: str, viewer: str, minor: int) -> None:
    world.places(name, viewer, minor)
    world.award_order(name)


BAD_AMOUNTS = [0, -1, MAX_POINTS + 1, 10**30, 1.5, True, "5", None, float("nan")]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_no_amount_is_refused_everywhere(world: LedgerWorld, amount: Any) -> None:
    gives(world, "ann", 100)
    before = entries(world)
    ports, bad = world.ports, Refusal("bad_amount")
    assert spending.reserve(ports, "ann", "r", amount) == bad
    assert spending.hold(ports, "ann", "h", amount, "why", "ann") == bad
    assert spending.transfer(ports, "ann", "bob", "t", amount, "why", "ann") == bad
    assert ledger.quote(ports, "ann", amount) == bad
    assert budgets.open_budget(ports, "b", amount, note="why", author="ann") == bad
    if amount != -1:
        assert spending.adjust(ports, "ann", "a", amount, "why", "ann") == bad
    assert entries(world) == before


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 300])
def test_what_names_nothing_and_what_says_nothing_is_refused(world: LedgerWorld, text: str) -> None:
    gives(world, "ann", 100)
    assert spending.reserve(world.ports, "ann", text, 1) == Refusal("bad_name")
    for note, author in ((text, "ann"), ("why", text), (" ", "ann")):
        assert spending.adjust(world.ports, "ann", "a", 1, note, author) == Refusal("bad_note")
        assert spending.hold(world.ports, "ann", "h", 1, note, author) == Refusal("bad_note")
    assert spending.unhold(world.ports, "ann", "h", text) == Refusal("bad_note")


def test_every_refusal_has_words() -> None:
    assert Refusal("timed_out").words == "the reservation timed out, its points went back: reserve again"


def test_a_reservation_is_spent_once_and_given_back_once(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    for _ in range(2):
        answer = spending.reserve(world.ports, "ann", "r", 60)
        assert (answer.state, answer.points) == ("open", 60)  # type: ignore[union-attr]
    assert spending.reserve(world.ports, "ann", "r2", 60) == Refusal("insufficient")
    for _ in range(2):
        assert spending.confirm(world.ports, "ann", "r").state == "confirmed"  # type: ignore[union-attr]
    assert spending.release(world.ports, "ann", "r") == Refusal("confirmed")
    spending.reserve(world.ports, "ann", "r3", 40)
    for _ in range(2):
        assert spending.release(world.ports, "ann", "r3").state == "released"  # type: ignore[union-attr]
    assert spending.confirm(world.ports, "ann", "r3") == Refusal("released")
    assert spending.confirm(world.ports, "ann", "never") == Refusal("not_found")
    assert ledger.balance(world.ports, "ann").available == 40


def test_the_same_id_with_other_content_is_refused_and_kept(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    spending.reserve(world.ports, "ann", "r", 60)
    for _ in range(2):
        assert spending.reserve(world.ports, "ann", "r", 61) == Refusal("key_reused")
    assert spending.adjust(world.ports, "ann", "gift", 99, "a gift", "ann") == Refusal("key_reused")
    assert sorted(world.recount().refused) == [("ann", "adjust:gift"), ("ann", "reserve:r")]
    assert ledger.balance(world.ports, "ann").available == 40


def test_a_reservation_that_timed_out_is_back_without_anybodys_doing(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    spending.reserve(world.ports, "ann", "r", 60)
    world.now += 15 * MINUTE
    assert ledger.balance(world.ports, "ann").available == 100
    assert spending.confirm(world.ports, "ann", "r") == Refusal("timed_out")
    assert spending.reservation(world.ports, "ann", "r").state == "timed_out"  # type: ignore[union-attr]
    assert spending.release(world.ports, "ann", "r").state == "timed_out"  # type: ignore[union-attr]


def test_an_account_keeps_so_many_open_reservations(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    for number in range(MAX_OPEN):
        assert not isinstance(spending.reserve(world.ports, "ann", f"r{number}", 1), Refusal)
    assert spending.reserve(world.ports, "ann", "one more", 1) == Refusal("too_many_open")
    spending.release(world.ports, "ann", "r3")
    assert not isinstance(spending.reserve(world.ports, "ann", "one more", 1), Refusal)


def test_taking_back_first_lets_run_out_what_has_run_out(world: LedgerWorld) -> None:
    """Whether daily_care ran between or not: what is owed can't be paid by points that were gone before."""
    balances = []
    for cared in (False, True):
        viewer = f"v{cared}"
        gives(world, viewer, 100, f"gift {cared}")
        world.now += 500 * DAY
        if cared:
            care(world.ports, lambda: 60)
        world.refunds_without_order(viewer, f"refund {cared}", 30_00)
        balances.append(ledger.balance(world.ports, viewer))
    assert balances[0] == balances[1]
    assert (balances[0].balance, balances[0].expired) == (-30, 100)


def test_a_clock_that_goes_back_undoes_nothing(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    spending.reserve(world.ports, "ann", "r", 10)
    world.now += 30 * MINUTE
    spending.reserve(world.ports, "ann", "r2", 20)
    world.now -= HOUR
    assert spending.confirm(world.ports, "ann", "r") == Refusal("timed_out")
    second = spending.confirm(world.ports, "ann", "r2")
    assert second.state == "confirmed"  # type: ignore[union-attr]
    world.now += 500 * DAY
    gives(world, "ann", 5, "second")
    world.now -= 500 * DAY
    assert ledger.balance(world.ports, "ann").available == 5


def test_nobody_who_was_erased_gets_points(world: LedgerWorld) -> None:
    orders_and_awards(world, "before", "ann", 50_00)
    head = world.head("ann").model_copy(update={"erased_at": world.now})
    world.put(keys.head("ann"), head.body())
    assert spending.close(world.ports, "ann", "erased") == 50
    world.now += DAY
    orders_and_awards(world, "after", "ann", 50_00)
    world.refunds("before", "r", 10_00)
    world.award_order("before")
    assert ledger.balance(world.ports, "ann").balance == 0
    assert "ann order:after:earn" not in entries(world)
    assert spending.adjust(world.ports, "ann", "a", 1, "why", "ann") == Refusal("closed")
    assert spending.reserve(world.ports, "ann", "r", 1) == Refusal("closed")


def test_somebody_who_is_erased_but_not_yet_closed_gets_none_either(world: LedgerWorld) -> None:
    world.put(keys.head("ann"), world.head("ann").model_copy(update={"erased_at": world.now}).body())
    world.places("o", "ann", 50_00)
    world.award_order("o")
    assert entries(world) == {}
    spending.close(world.ports, "ann", "erased")


def test_closing_ends_what_is_open(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    spending.reserve(world.ports, "ann", "r", 30)
    spending.hold(world.ports, "ann", "h", 30, "why", "bob")
    assert spending.close(world.ports, "ann", "account closed") == 100
    assert spending.close(world.ports, "ann", "account closed") == 0
    assert world.recount().system["system:forfeited"] == 100


def test_a_refund_larger_than_its_order_takes_back_what_the_order_earned(world: LedgerWorld) -> None:
    orders_and_awards(world, "o", "ann", 50_00)
    world.refunds("o", "r", 900_00)
    world.award_order("o")
    assert ledger.balance(world.ports, "ann").balance == 0


def test_huge_and_foreign_orders(world: LedgerWorld) -> None:
    orders_and_awards(world, "huge", "ann", 10**15)
    world.places("foreign", "ann", 50_00, "USD")
    world.award_order("foreign")
    assert ledger.balance(world.ports, "ann").available == 10**13
    assert list(entries(world)) == ["ann order:huge:earn"]


def test_more_than_one_amount_may_be_runs_out_and_is_closed() -> None:
    """Yen have no minor units, so three of the largest orders are more points than one request may ask for."""
    with embedded_world(Settings(shop_zone="UTC", shop_currency="JPY")) as world:
        for who in ("ann", "bob"):
            for number in range(3):
                world.places(f"{who}{number}", who, 10**15, "JPY")
                world.award_order(f"{who}{number}")
        assert spending.close(world.ports, "bob") == 3 * 10**15
        world.now += 500 * DAY
        assert care(world.ports, lambda: 60).accounts == 1
        stands = ledger.balance(world.ports, "ann")
        assert (stands.balance, stands.expired) == (0, 3 * 10**15)
        assert world.recount().disagreements == []


def test_a_spend_takes_from_all_accounts_of_a_person_the_first_to_expire_first(world: LedgerWorld) -> None:
    gives(world, "ann", 30)
    world.now += 40 * DAY
    gives(world, "bob", 30)
    world.merge("ann", "bob")
    lead = world.head("bob").viewer
    spending.reserve(world.ports, "bob", "r", 50)
    opened = entries(world)[f"{lead} reserve:r"]
    taken = {one.account: one.points for one in opened.postings if one.points < 0}
    assert taken == {"viewer:ann": -30, "viewer:bob": -20}
    assert spending.confirm(world.ports, "ann", "r").state == "confirmed"  # type: ignore[union-attr]
    assert ledger.balance(world.ports, "ann") == ledger.balance(world.ports, "bob")
    assert ledger.balance(world.ports, "ann").available == 10


@pytest.mark.parametrize("how", ["release", "time out"])
def test_points_go_back_to_where_they_came_from_when_people_are_parted(world: LedgerWorld, how: str) -> None:
    gives(world, "ann", 30)
    gives(world, "bob", 30)
    world.merge("ann", "bob")
    spending.reserve(world.ports, "ann", "r", 50)
    world.split("bob")
    if how == "release":
        spending.release(world.ports, "ann", "r")
    else:
        world.now += HOUR
        assert spending.confirm(world.ports, "ann", "r") == Refusal("timed_out")
    assert [ledger.balance(world.ports, viewer).available for viewer in ("ann", "bob")] == [30, 30]


def test_an_order_that_turns_out_to_be_somebody_elses(world: LedgerWorld) -> None:
    orders_and_awards(world, "o", "ann", 50_00)
    moved = world.order("o").model_copy(update={"viewer": "bob", "former": ("ann",)})
    world.put_order(moved)
    for _ in range(2):
        world.award_order("o")
    assert ledger.balance(world.ports, "ann").balance == 0
    assert ledger.balance(world.ports, "bob").available == 50
    back = entries(world)["ann order:o:again:1"]
    assert (back.corrects, back.reason) == ("order:o:earn", "order belongs to somebody else")


def moves(world: LedgerWorld, name: str, to: str) -> None:
    order = world.order(name)
    former = {name for name in (*order.former, order.viewer) if name is not None} - {to}
    world.put_order(order.model_copy(update={"viewer": to, "former": tuple(sorted(former))}))
    world.award_order(name)


def test_an_order_that_comes_back_is_paid_again(world: LedgerWorld) -> None:
    orders_and_awards(world, "o", "ann", 50_00)
    for to, other in (("bob", "ann"), ("ann", "bob"), ("bob", "ann"), ("ann", "bob")):
        moves(world, "o", to)
        assert [ledger.balance(world.ports, viewer).balance for viewer in (to, other)] == [50, 0]


def test_an_order_that_moves_away_from_a_closed_account_leaves_what_was_forfeited(world: LedgerWorld) -> None:
    orders_and_awards(world, "o", "ann", 50_00)
    spending.close(world.ports, "ann")
    moves(world, "o", "bob")
    assert ledger.balance(world.ports, "bob").balance == 50


def test_a_statement_has_every_entry_once_page_by_page(world: LedgerWorld) -> None:
    for number in range(7):
        gives(world, "ann", number + 1, f"gift {number}")
        gives(world, "bob", number + 1, f"gift {number}")
        world.now += HOUR
    world.merge("ann", "bob")
    seen: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = ledger.statement(world.ports, "bob", cursor, 3)
        seen += [(entry.home, entry.key) for entry in page.entries]
        cursor = page.cursor
        if cursor is None:
            break
        # What is posted meanwhile is on no later page.
        gives(world, "bob", 1, f"meanwhile {len(seen)}")
    assert len(seen) == len(set(seen)) == 14
    assert [key for _, key in seen] == [f"adjust:gift {number}" for number in range(6, -1, -1) for _ in range(2)]
    with pytest.raises(ValueError, match="1 to 100"):
        ledger.statement(world.ports, "bob", None, 0)
    for cursor in ("", "x", "9" * 2000, "000000000000000#0000000000|"):
        with pytest.raises(ValueError, match="cursor"):
            ledger.statement(world.ports, "bob", cursor)


def test_a_budget_gives_what_it_has_and_no_more(world: LedgerWorld) -> None:
    for _ in range(2):
        budgets.open_budget(world.ports, "b", 100, unit="coupon", peak_claims_per_second=200, note="n", author="ann")
    assert budgets.open_budget(world.ports, "b", 101, unit="coupon", note="n", author="ann") == Refusal("key_reused")
    answers = [budgets.claim(world.ports, "b", f"viewer {number}", "one each") for number in range(150)]
    assert sum(isinstance(one, budgets.Claim) for one in answers) == 100
    assert answers[-1] == Refusal("exhausted")
    again = budgets.claim(world.ports, "b", "viewer 0", "one each")
    first = answers[0]
    assert isinstance(first, budgets.Claim)
    assert again == replace(first, first=False)
    assert budgets.left(world.ports, "b") == 0
    told = world.recount()
    assert told.handed_out == {"coupon": 100}
    assert budgets.claim(world.ports, "nothing", "ann", "c") == Refusal("unknown_budget")


def test_a_code_is_redeemed_once_by_one_person(world: LedgerWorld) -> None:
    budgets.open_budget(world.ports, "b", 100, per_claim=50, note="n", author="ann")
    assert budgets.make_codes(world.ports, "b", ["TEA-1", "TEA-2", "TEA-3", "TEA-1"]) == 3
    assert budgets.make_codes(world.ports, "b", ["TEA-1"]) == 0
    world.merge("ann", "bob")
    for viewer, typed, first in (("ann", " tea-1 ", True), ("bob", "ｔｅａ－１", False)):
        claim = budgets.redeem_code(world.ports, viewer, typed)
        assert isinstance(claim, budgets.Claim)
        assert (claim.units, claim.first) == (50, first)
    assert budgets.redeem_code(world.ports, "cai", "TEA-1") == Refusal("code_used")
    assert budgets.redeem_code(world.ports, "cai", "TEA-9") == Refusal("unknown_code")
    assert isinstance(budgets.redeem_code(world.ports, "cai", "TEA-2"), budgets.Claim)
    assert budgets.redeem_code(world.ports, "cai", "TEA-3") == Refusal("exhausted")
    assert ledger.balance(world.ports, "bob").available == 50
    assert not any("TEA" in item.body or "tea" in item.key.pk for item in world.scan("ledger"))


def test_the_recount_finds_what_is_wrong() -> None:
    with embedded_world() as world:
        orders_and_awards(world, "o", "ann", 50_00)
        gives(world, "ann", 10)
        account_key = keys.ledger_account("ann")
        item = world.ports.store.get(account_key)
        assert item is not None
        account = Account.read(item.body)
        richer = account.lots[0].model_copy(update={"points": account.lots[0].points + 1})
        world.put(account_key, account.model_copy(update={"lots": (richer,), "earned": 7}).body())
        world.put_order(world.order("o").model_copy(update={"minor": 60_00}))
        entry = entries(world)["ann adjust:gift"]
        wrong = entry.body().replace('"points":10', '"points":11')
        world.put(keys.ledger_entry("bob", "x"), wrong)
        found = {(one.where.split()[0], one.what) for one in world.recount().disagreements}
        assert {("ann", "lots"), ("ann", "earned"), ("order", "points of ann"), ("bob", "content")} <= found


FACTS = st.lists(
    st.tuples(st.sampled_from(["refund", "refund", "unnamed", "cancel"]), st.integers(0, 3), st.integers(0, 90_00)),
    max_size=6,
)


@examples(60)
@given(FACTS, st.integers(0, 2), st.randoms(use_true_random=False))
def test_facts_in_any_order_and_repeated_end_the_same(
    facts: list[tuple[str, int, int]], expired: int, chance: random.Random
) -> None:
    """Orders and refunds, heard in time or after their points ran out, once or several times."""
    told = []
    for shuffled in (False, True):
        with embedded_world(Settings(shop_zone="UTC", points_expire_months=1)) as world:
            steps = [_order(number) for number in range(3)] + [_fact(place, *fact) for place, fact in enumerate(facts)]
            if shuffled:
                chance.shuffle(steps)
                steps += chance.sample(steps, len(steps) // 2)
            begins = world.now
            for place, step in enumerate(steps):
                step(world, begins)
                if shuffled and place == len(steps) // 2:
                    # The rest comes when some points have run out.
                    world.now += expired * 70 * DAY
            world.now = begins + 300 * DAY
            care(world.ports, lambda: 60)
            recounted = world.recount()
            assert recounted.disagreements == []
            told.append(_ends(world, unnamed=any(kind == "unnamed" for kind, *_ in facts)))
    assert told[0] == told[1]


def _ends(world: LedgerWorld, *, unnamed: bool) -> object:
    """Per viewer: earned less reversed. And what is left; but a refund that names no order takes what is there when it
    comes, so then what ran out follows from when that was."""
    accounts = [Account.read(item.body) for item in world.scan("ledger") if item.key.sk == "account"]
    net = {one.viewer: one.earned - one.reversed for one in accounts}
    return net if unnamed else (net, {one.viewer: (one.balance, one.expired) for one in accounts})


Step = Callable[[LedgerWorld, int], None]


def _order(number: int) -> Step:
    def step(world: LedgerWorld, at: int) -> None:
        now, world.now = world.now, at
        if world.order(f"o{number}").hash is None:
            world.places(f"o{number}", f"v{number % 2}", 50_00 + number)
        world.now = now
        world.award_order(f"o{number}")

    return step


def _fact(place: int, kind: str, number: int, minor: int) -> Step:
    name = f"o{number % 3}"

    def step(world: LedgerWorld, at: int) -> None:
        now, world.now = world.now, at + place
        if kind == "unnamed":
            world.now = now
            world.refunds_without_order("v0", f"u{place}", minor)
        elif kind == "cancel":
            world.cancels(name)
        elif not any(one.id == f"r{place}" for one in world.order(name).refunds):
            world.refunds(name, f"r{place}", minor)
        world.now = now
        world.award_order(name)

    return step


@dataclass
class Meanwhile:
    """A backend on which somebody else does something just before the first write."""

    inner: Backend
    happens: Callable[[], object] | None

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return self.inner.read(keys)

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        self.inner.write(puts, checks, commit_id)

    def query(self, table: str, where: Range) -> Page:
        return self.inner.query(table, where)

    def query_index(self, table: str, where: Range) -> IndexPage:
        return self.inner.query_index(table, where)


SPENDS: dict[str, Callable[[Ports, str], object]] = {
    "reserve": lambda ports, viewer: spending.reserve(ports, viewer, "x", 10),
    "hold": lambda ports, viewer: spending.hold(ports, viewer, "x", 10, "why", "dee"),
    "take": lambda ports, viewer: spending.adjust(ports, viewer, "x", -10, "why", "dee"),
    "transfer": lambda ports, viewer: spending.transfer(ports, viewer, "cai", "x", 10, "why", "dee"),
    "claim": lambda ports, viewer: budgets.claim(ports, "b", viewer, "x"),
    "code": lambda ports, viewer: budgets.redeem_code(ports, viewer, "code"),
}


@pytest.mark.parametrize("what", SPENDS)
def test_no_decision_passes_a_merge(world: LedgerWorld, what: str) -> None:
    """Ann's request is decided when she is alone; before it is written she and Bob are one, and his has the same id."""
    gives(world, "ann", 100)
    gives(world, "bob", 100)
    budgets.open_budget(world.ports, "b", 20, per_claim=10, note="n", author="dee")
    budgets.make_codes(world.ports, "b", ["code"])
    before = len(entries(world))

    def his() -> None:
        world.merge("bob", "ann")
        SPENDS[what](world.ports, "bob")

    numbers = (f"hers-{number}" for number in itertools.count())
    store = Store(Meanwhile(world.backend, his), numbers.__next__)
    SPENDS[what](replace(world.ports, store=store), "ann")
    assert len(entries(world)) - before == (2 if what == "transfer" else 1)


def test_what_is_owed_elsewhere_counts_from_the_moment_of_a_merge(world: LedgerWorld) -> None:
    gives(world, "ann", 50)
    world.refunds_without_order("bob", "r", 50_00)
    store = Store(Meanwhile(world.backend, lambda: world.merge("bob", "ann")), iter(["one", "two"]).__next__)
    answer = spending.reserve(replace(world.ports, store=store), "ann", "x", 10)
    assert answer == Refusal("insufficient")


class Crashed(BaseException):
    """The process is gone."""


@dataclass
class Breaking:
    """A backend that breaks call number `at`, once."""

    inner: Backend
    at: int
    how: str
    calls: int = 0

    def _call(self, action: Callable[[], Any], *, writes: bool) -> Any:
        self.calls += 1
        if self.calls != self.at:
            return action()
        if self.how == "before":
            raise Crashed
        answer = action()
        if self.how == "lost" and writes:
            raise NoReply("nobody knows")
        if self.how == "after":
            raise Crashed
        return answer

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return self._call(lambda: self.inner.read(keys), writes=False)  # type: ignore[no-any-return]

    def write(self, puts: Sequence[Put], checks: Sequence[Check], commit_id: str) -> None:
        self._call(lambda: self.inner.write(puts, checks, commit_id), writes=True)

    def query(self, table: str, where: Range) -> Page:
        return self._call(lambda: self.inner.query(table, where), writes=False)  # type: ignore[no-any-return]

    def query_index(self, table: str, where: Range) -> IndexPage:
        return self._call(lambda: self.inner.query_index(table, where), writes=False)  # type: ignore[no-any-return]


def _prepared(world: LedgerWorld) -> None:
    gives(world, "ann", 100)
    gives(world, "bob", 40)
    world.merge("ann", "bob")
    spending.reserve(world.ports, "ann", "open", 20)
    spending.reserve(world.ports, "ann", "overdue", 30)
    spending.hold(world.ports, "ann", "held", 5, "why", "dee")
    budgets.open_budget(world.ports, "b", 3, peak_claims_per_second=90, note="n", author="dee")
    budgets.make_codes(world.ports, "b", ["CODE"])
    orders_and_awards(world, "o", "ann", 50_00)
    world.refunds("o", "r", 20_00)
    world.places("new", "bob", 30_00)


ACTIONS: dict[str, Callable[[Ports, LedgerWorld], object]] = {
    "award": lambda ports, world: world.award_order("new", ports),
    "refund": lambda ports, world: world.award_order("o", ports),
    "reserve": lambda ports, _: spending.reserve(ports, "bob", "r", 70),
    "confirm": lambda ports, _: spending.confirm(ports, "bob", "open"),
    "release": lambda ports, _: spending.release(ports, "bob", "open"),
    "unhold": lambda ports, _: spending.unhold(ports, "bob", "held", "dee"),
    "transfer": lambda ports, _: spending.transfer(ports, "bob", "cai", "t", 60, "gift", "dee"),
    "adjust": lambda ports, _: spending.adjust(ports, "bob", "down", -60, "wrong", "dee"),
    "claim": lambda ports, _: budgets.claim(ports, "b", "bob", "c"),
    "code": lambda ports, _: budgets.redeem_code(ports, "bob", "code"),
    "close": lambda ports, _: spending.close(ports, "bob"),
    "care": lambda ports, _: care(ports, lambda: 60),
}


def _run(action: str, at: int, how: str) -> tuple[int, object]:
    """The action with one broken call, tried again where the process died; how many calls, and what it ends in."""
    with embedded_world(Settings(shop_zone="UTC", reservation_minutes=1440)) as world:
        _prepared(world)
        backend = Breaking(world.backend, at, how)
        numbers = itertools.count()
        store = Store(backend, lambda: f"broken-{next(numbers)}")
        ports = replace(world.ports, store=store)
        world.now += HOUR
        try:
            ACTIONS[action](ports, world)
        except Crashed:
            ACTIONS[action](world.ports, world)
        recounted = world.recount()
        assert [one for one in recounted.disagreements if not one.where.startswith("order")] == []
        stands = {viewer: ledger.balance(world.ports, viewer) for viewer in ("ann", "cai")}
        return backend.calls, (stands, sorted(entries(world)), recounted.system)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_crash_between_any_two_calls_changes_nothing(action: str) -> None:
    calls, expected = _run(action, 0, "")
    assert calls >= 2
    for at in range(1, calls + 1):
        for how in ("before", "after", "lost"):
            assert _run(action, at, how)[1] == expected, f"call {at}, {how}"
