"""A recount finds whatever somebody changed by hand in the ledger's rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftershow.model.ledger import Account, Budget, Code, Entry, Shard
from aftershow.ports.store import Item, Key
from aftershow.services import budgets, spending
from tests.functional.ledger_world import LedgerWorld, embedded_world

Changes = dict[str, Any]
KINDS = {"account": Account, "entry": Entry, "budget": Budget, "shard": Shard, "code": Code}


def _lived(world: LedgerWorld) -> None:
    """Something of everything."""
    world.places("o", "ann", 50_00)
    world.award_order("o")
    for viewer in ("ann", "bob"):
        spending.adjust(world.ports, viewer, "gift", 100, "a gift", "dee")
    spending.reserve(world.ports, "ann", "r", 60)
    spending.hold(world.ports, "ann", "h", 5, "looked into", "dee")
    budgets.open_budget(world.ports, "b", 100, unit="coupon", peak_claims_per_second=90, note="n", author="dee")
    budgets.make_codes(world.ports, "b", ["USED", "NEW"])
    budgets.redeem_code(world.ports, "bob", "USED")
    budgets.claim(world.ports, "b", "ann", "c")


def _found(kind: str, text: str, world: LedgerWorld) -> Item:
    rows = [item for item in world.scan("ledger") if item.key.sk.partition("#")[0] == kind]
    return next(item for item in rows if text in item.body)


def _first(rows: tuple[Any, ...], **changes: Any) -> tuple[Any, ...]:
    return (rows[0].model_copy(update=changes), *rows[1:])


# kind of row, a text in it, what becomes of it, what the recount says
CHANGED: list[tuple[str, str, Callable[[Any], Changes], str]] = [
    ("account", '"ann"', lambda _: {"closed_at": 5}, "closed at"),
    ("account", '"ann"', lambda one: {"as_of": one.as_of + 1}, "as of"),
    ("account", '"ann"', lambda _: {"earned": 7}, "earned"),
    ("account", '"ann"', lambda _: {"reversed": 7}, "reversed"),
    ("account", '"ann"', lambda _: {"spent": 7}, "spent"),
    ("account", '"ann"', lambda _: {"expired": 7}, "expired"),
    ("account", '"ann"', lambda _: {"entries": 99}, "entries"),
    ("account", '"ann"', lambda _: {"viewer": "bob"}, "viewer"),
    ("account", '"ann"', lambda one: {"lots": _first(one.lots, points=1)}, "lots"),
    ("account", '"ann"', lambda one: {"lots": _first(one.lots, expires_at=9)}, "lots"),
    ("account", '"ann"', lambda one: {"lots": _first(one.lots, expired=4)}, "expired lots"),
    ("account", '"ann"', lambda one: {"asides": one.asides[:1]}, "open"),
    ("account", '"ann"', lambda one: {"asides": _first(one.asides[::-1], until=1)}, "open"),
    (
        "account",
        '"ann"',
        lambda one: {"asides": _first(one.asides, parts=_first(one.asides[0].parts, expires_at=9))},
        "open",
    ),
    (
        "account",
        '"ann"',
        lambda one: {"asides": _first(one.asides, parts=_first(one.asides[0].parts, viewer="bob"))},
        "open",
    ),
    ("entry", '"adjust"', lambda one: {"postings": _first(one.postings, points=-101)}, "content"),
    ("entry", '"adjust"', lambda one: {"postings": _first(one.postings, account="system:spent")}, "spent"),
    (
        "entry",
        '"adjust"',
        lambda one: {"postings": _first(one.postings, account="system:mine")},
        "given and not yet gone",
    ),
    ("entry", '"adjust"', lambda _: {"key": "adjust:other"}, "adjust:other place"),
    ("entry", '"adjust"', lambda _: {"unit": "coupon"}, "viewers' balances"),
    ("entry", '"earn"', lambda _: {"order": None}, "points of ann"),
    ("entry", '"earn"', lambda _: {"order": "p"}, "order"),
    ("entry", '"reserve"', lambda _: {"until": 5}, "open"),
    ("shard", '"shard":1', lambda one: {"left": one.left + 1}, "left"),
    ("shard", '"shard":1', lambda one: {"claims": one.claims + 1}, "claims"),
    ("budget", "", lambda _: {"per_claim": 2}, "as opened"),
    ("budget", "", lambda _: {"shards": 1}, "as opened"),
    ("budget", "", lambda _: {"unit": "points"}, "as opened"),
    ("code", '"used_by":"bob"', lambda _: {"used_by": None, "used_at": None}, "used by"),
    ("code", '"used_by":"bob"', lambda _: {"used_by": "cai"}, "used by"),
    ("code", "", lambda _: {"used_by": "cai", "used_at": 1}, "used by"),
]


@pytest.mark.parametrize(("kind", "text", "change", "said"), CHANGED)
def test_a_changed_row_is_found(kind: str, text: str, change: Callable[[Any], Changes], said: str) -> None:
    with embedded_world() as world:
        _lived(world)
        assert world.recount().disagreements == []
        item = _found(kind, text, world)
        row = KINDS[kind].read(item.body)  # type: ignore[attr-defined]
        world.put(item.key, row.model_copy(update=change(row)).body())
        told = {word for one in world.recount().disagreements for word in (one.what, f"{one.where} {one.what}")}
        assert any(word.endswith(said) for word in told), told


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("account", '"ann"', "account"),
        ("entry", '"earn"', "points of ann"),
        ("entry", '"adjust"', "lots"),
        ("entry", '"reserve"', "open"),
        ("entry", '"claim"', "claims"),
        ("entry", '"code"', "used by"),
        ("entry", '"fund"', "left"),
        ("budget", "", "budget"),
        ("shard", '"shard":2', "left"),
        ("code", '"used_by":"bob"', "used by"),
    ],
)
def test_a_row_that_is_gone_is_missed(kind: str, text: str, said: str) -> None:
    with embedded_world() as world:
        _lived(world)
        gone = _found(kind, text, world).key
        everything = world.scan
        world.scan = lambda table: [item for item in everything(table) if item.key != gone]
        assert said in {one.what for one in world.recount().disagreements}


def test_an_entry_that_stands_there_twice_is_found() -> None:
    with embedded_world() as world:
        _lived(world)
        item = _found("entry", '"adjust"', world)
        entry = Entry.read(item.body).model_copy(update={"key": "adjust:again"})
        world.put(Key("ledger", entry.home, "entry#again"), entry.body())
        assert {"lots", "entries"} <= {one.what for one in world.recount().disagreements}
