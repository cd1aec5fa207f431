"""What an export writes, an import reads as what it was."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.base import Stamped
from aftershow.model.ids import address_hash
from aftershow.model.instants import DAY, MINUTE
from aftershow.model.money import minor_units
from aftershow.model.orders import Amendment, Order, UnnamedRefund
from aftershow.model.viewers import IMPORTED, UNSUBSCRIBE_LINK, Address, Consent, Head, Identity
from aftershow.ports.store import Item, Key, Version
from aftershow.rules.people import may_be_written
from infra.local.exporting import events, members, orders
from infra.local.exporting.rows import guarded, lines
from infra.local.importing import running
from infra.local.importing.report import Report
from infra.local.importing.sending import Cursor
from infra.local.importing.values import SPACES, cleaned
from infra.local.kept import Kept
from tests.unit.samples import START, examples

TEXTS = st.text(max_size=20).map(lambda text: text.strip(SPACES)) | st.sampled_from(
    [
        "'",
        "''",
        "'=1",
        "=1",
        '="007"',
        '=""',
        "+86 138",
        "-",
        "@x",
        "'007",
        "''007",
        "＝1",
        "'＝1",
    ]
)


@examples(300)
@given(TEXTS, st.booleans())
def test_a_cell_is_read_back_as_it_was(text: str, for_spreadsheets: bool) -> None:  # noqa: FBT001 (given)
    cell = guarded(text, for_spreadsheets=for_spreadsheets)
    assert cleaned(cell) == text
    if for_spreadsheets:
        assert not cell.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@examples(60)
@given(st.lists(st.fixed_dictionaries({"a": TEXTS, "b": TEXTS}), max_size=5))
def test_rows_are_csv_with_their_header(rows: list[dict[str, str]]) -> None:
    written = b"".join(lines(rows, ("a", "b"), as_json=False)).decode()
    read = list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline=""), strict=True))
    assert [{name: cleaned(cell) for name, cell in row.items()} for row in read] == rows


@dataclass
class Shop:
    """Takes an import's messages."""

    now: int = START + 30 * DAY
    zone: str = "Asia/Shanghai"
    taken: list[dict[str, Any]] = field(default_factory=list)

    def cursor(self, name: str) -> Cursor | None:  # noqa: ARG002 (a target's)
        return None

    def keep(self, name: str, cursor: Cursor) -> None:
        """Nothing is gone on with."""

    def send(self, body: bytes) -> None:
        self.taken += json.loads(body)["batch"]

    def tally(self) -> Counter[str]:
        """Nobody counts."""
        return Counter()

    def close(self) -> None:
        """Nothing to do."""


class NoObjects:
    """An archive that has nothing any more."""

    def names(self) -> Iterator[str]:
        return iter(())

    def read(self, name: str) -> bytes:
        raise KeyError(name)


def kept(heads: list[Head], *facts: Order | UnnamedRefund, addresses: Sequence[Address] = ()) -> Kept:
    def items(table: str) -> Iterator[Item]:
        if table == "viewers":
            yield from (Item(Key(table, head.viewer), Version(1, "c"), head.body()) for head in heads)
        elif table == "addresses":
            yield from (Item(Key(table, one.hashed), Version(1, "c"), one.body()) for one in addresses)
        elif table == "orders":
            for fact in facts:
                name = f"order#{fact.order}" if isinstance(fact, Order) else f"refund#{fact.id}"
                yield Item(Key(table, name), Version(1, "c"), fact.body())

    return Kept(NoObjects(), items, "Asia/Shanghai", "CNY", lambda: "secret")


def imported(kind: Any, file: Path) -> list[dict[str, Any]]:
    """The messages of a file, of which nothing may be refused."""
    folder = file.parent
    plan = running.plan(kind, file, None, None, folder / f"maps-{file.stem}", "Asia/Shanghai")
    shop, report = Shop(), Report(folder / "refused.csv")
    running.run(plan, shop, shop.now, report, lambda *_: None)
    report.close()
    assert report.counts.keys() <= {key for key in report.counts if key[0] == "not sendable"}
    return shop.taken


MEI = Head(viewer="u1", identity=Identity(kind="user", value="mei"))
MINOR = st.integers(0, 9_999_999)


@st.composite
def some_orders(draw: st.DrawFn) -> list[Order]:
    """Orders with ids of their own, of several currencies, refunded in parts or cancelled."""
    listed = []
    for number in range(draw(st.integers(1, 4))):
        at = START + number * MINUTE
        refunds = draw(st.lists(st.integers(1, 5_000), max_size=3))
        cancelled = draw(st.booleans()) and not refunds
        listed.append(
            Order(
                order=f"A-{number}", viewer="u1", hash="h", at=at, minor=draw(MINOR),
                currency=draw(st.sampled_from(["CNY", "JPY", "KWD"])),
                products=tuple(draw(st.lists(st.sampled_from(["p1", "p2", "=p3"]), unique=True))),
                coupon=draw(st.sampled_from([None, "=SAVE"])), show=draw(st.sampled_from([None, "spring"])),
                refunds=tuple(Amendment(id=f"r{n}", at=at + n, minor=minor) for n, minor in enumerate(refunds)),
                cancelled=Amendment(id="x", at=at + 9, minor=0) if cancelled else None,
            )
        )  # fmt: skip
    return listed


@examples(25)
@given(some_orders(), st.booleans())
def test_orders_come_back_with_their_amounts(
    tmp_path_factory: pytest.TempPathFactory,
    listed: list[Order],
    as_json: bool,  # noqa: FBT001 (given)
) -> None:
    file = tmp_path_factory.mktemp("orders") / "orders.csv"
    rows = orders.order_rows(kept([MEI], *listed))
    file.write_bytes(b"".join(lines(rows, orders.COLUMNS, as_json=as_json)))
    taken: dict[str, dict[str, dict[str, Any]]] = {}
    for one in imported("orders", file):
        assert one["userId"] == "mei"
        taken.setdefault(one["properties"]["order_id"], {})[one["event"]] = one["properties"]
    assert taken.keys() == {order.order for order in listed}
    for order in listed:
        said = taken[order.order]
        assert order.currency is not None
        completed = said["Order Completed"]
        assert minor_units(completed["total"], order.currency) == order.minor
        assert tuple(line["product_id"] for line in completed.get("products", ())) == order.products
        assert (completed.get("coupon"), completed.get("show_id")) == (order.coupon, order.show)
        assert ("Order Cancelled" in said) == (order.cancelled is not None)
        refunded = said.get("Order Refunded", {"total": "0"})["total"]
        assert minor_units(refunded, order.currency) == sum(one.minor for one in order.refunds)


def test_a_refund_that_named_no_order_still_names_none(tmp_path: Path) -> None:
    refund = UnnamedRefund(id="C1", viewer="u1", at=START, minor=1250, currency="CNY")
    rows = orders.order_rows(kept([MEI], refund))
    file = tmp_path / "orders.csv"
    file.write_bytes(b"".join(lines(rows, orders.COLUMNS, as_json=False)))
    [one] = imported("orders", file)
    assert one["event"] == "Order Refunded"
    assert one["properties"] == {"refund_id": "C1", "total": "12.50", "currency": "CNY"}


STATEMENTS = st.dictionaries(
    st.sampled_from(["marketing:all", "marketing:email", "marketing:sms", "service:all"]),
    st.dictionaries(
        st.sampled_from(["u1", "a1"]),
        st.builds(
            Consent,
            state=st.sampled_from(["granted", "withdrawn"]),
            at=st.integers(0, 5).map(lambda minutes: START + minutes * MINUTE),
            id=st.sampled_from(["m1", "m2"]),
            source=st.sampled_from(
                [None, "sign-up", UNSUBSCRIBE_LINK, f"{IMPORTED} crm, 2026-01-01T00:00:00+08:00 (May)"]
            ),
        ),
        min_size=1,
    ),
)


@examples(100)
@given(STATEMENTS)
def test_consent_comes_back_as_the_person_stands(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, dict[str, Consent]]
) -> None:
    """Never looser; the same for every channel that an export has columns for."""
    head = MEI.model_copy(update={"consent": said})
    file = tmp_path_factory.mktemp("members") / "members.csv"
    file.write_bytes(b"".join(lines(members.member_rows(kept([head])), members.COLUMNS, as_json=False)))
    back: dict[str, dict[str, Consent]] = {}
    for number, one in enumerate(imported("members", file)):
        if one["type"] == "track":
            properties = one["properties"]
            statement = Consent(state=properties["state"], at=number, id="x", source=properties["source"])
            assert properties["source"].count("import:") == 1
            back[f"{properties['purpose']}:{properties['channel']}"] = {"u1": statement}
    again = MEI.model_copy(update={"consent": back})
    for channel in members.CHANNELS:
        assert may_be_written(again, "marketing", channel) == may_be_written(head, "marketing", channel)
    if "service:all" in said:
        assert may_be_written(again, "service", "email") == may_be_written(head, "service", "email")


def granted(source: str, at: int) -> dict[str, dict[str, Consent]]:
    return {"marketing:email": {"u1": Consent(state="granted", at=at, id="m1", source=source)}}


@pytest.mark.parametrize(("source", "lifts"), [("sign-up", True), (f"{IMPORTED} crm", False)])
def test_a_files_grant_lifts_no_opt_out_of_an_address(source: str, lifts: bool) -> None:  # noqa: FBT001 (given)
    """As at sending: an address that opted out is written to again only on the person's own word."""
    mail = Stamped(value="mei@example.com", at=START, id="m0")
    head = MEI.model_copy(update={"traits": {"email": mail}, "consent": granted(source, START + MINUTE)})
    hashed = address_hash("secret", "email", mail.value)
    address = Address(hashed=hashed, channel="email", suppressed="opted_out", suppressed_at=START)
    shop = kept([head], addresses=[address])
    [row] = members.member_rows(shop)
    assert row.get("email_status") == (None if lifts else "opted_out")


def test_an_opt_out_by_link_leaves_whoever_leads_the_person_by_now() -> None:
    said = Consent(state="withdrawn", at=START, id="r1", source=UNSUBSCRIBE_LINK)
    led_then = Head(viewer="u2", identity=Identity(kind="user", value="mini"), merged_into="u1")
    leads_now = MEI.model_copy(update={"members": ("u2",), "consent": {"marketing:wechat": {"u2": said}}})
    [line] = map(json.loads, events.event_lines(kept([leads_now, led_then])))
    assert (line["event"], line["userId"]) == ("Message Consent Updated", "mini")
    assert line["properties"]["state"] == "withdrawn"
