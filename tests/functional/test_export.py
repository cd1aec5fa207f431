"""Everything comes back out: export, a new state, in again, and the figures are the same."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aftershow.model.coverage import Coverage
from aftershow.model.ids import address_hash
from aftershow.model.orders import Order
from aftershow.model.settings import Settings
from aftershow.model.viewers import Head
from aftershow.rules.merging import lead
from aftershow.rules.people import may_be_written
from infra.local import runs
from infra.local.cli import app
from infra.local.exporting.events import event_lines
from infra.local.exporting.members import member_rows
from infra.local.exporting.orders import order_rows
from infra.local.exporting.writing import CannotWrite, written
from infra.local.records import Records
from infra.local.wire import headers_of, iso
from tests.contract.conftest import make_client
from tests.functional.moto_shop import START, moto_shop
from tests.functional.test_coverage import deployed

RUNNER = CliRunner()


def figures(records: Records) -> dict[str, Any]:
    """What must come back: everything but messages and what became of them."""
    return {
        "people": {name: without_sends(head) for name, head in records.heads.items()},
        "engagements": {(one.viewer, one.about): one for one in records.engagements},
        "orders": {order.order: order.model_copy(update={"won_by": None}) for order in records.orders},
        "accounts": {item.key.pk: item.body for item in records.items("ledger") if item.key.sk == "account"},
        "entries": sorted(entry.body() for entry in records.entries),
        "suppressed": {
            name: (one.suppressed, one.suppressed_at) for name, one in records.addresses.items() if one.suppressed
        },
        "shows": records.shows,
        "coverage": {
            item.key.sk: Coverage.read(item.body)
            for item in records.items("catalog")
            if item.key.pk == "coverage" and item.key.sk != "aftershow"
        },
    }


def without_sends(head: Head) -> Head:
    return head.model_copy(update={"sends": {}})


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo: a show, orders, refunds, opt-outs by link, addresses that bounce."""
    data = tmp_path_factory.mktemp("played") / "shop.db"
    runs.demo(80, 7, 4, data, lambda *_: None).close()
    return data


def test_events_go_out_and_come_in_with_the_same_figures(played: Path, tmp_path: Path) -> None:
    file, again = str(tmp_path / "events.ndjson.gz"), str(tmp_path / "again.db")
    out = RUNNER.invoke(app, ["export", "events", file, "--data", str(played)])
    assert out.exit_code == 0, out.output
    told = json.loads(RUNNER.invoke(app, ["replay", file, "--data", again, "--json", "-"]).stdout)
    assert told["input"]["broken"] == told["input"]["refused_requests"] == 0
    before, after = figures(runs.opened(played).records()), figures(runs.opened(Path(again)).records())
    assert len(before["suppressed"]) > 1
    for name, value in before.items():
        assert after[name] == value, name
    # And once more: what came in a second time goes out the same, but for what was refused.
    twice = tmp_path / "twice.ndjson.gz"
    RUNNER.invoke(app, ["export", "events", str(twice), "--data", again])
    assert message_ids(Path(file)) == message_ids(twice)


def message_ids(file: Path) -> set[str]:
    return {json.loads(line)["messageId"] for line in gzip.decompress(file.read_bytes()).splitlines()}


def test_another_shops_events_count_under_its_parameters(tmp_path: Path) -> None:
    """In its own currency an order earns points; a parameter that there is not is asked wrongly."""
    file, data = tmp_path / "events.ndjson", tmp_path / "euro.db"
    said = {"order_id": "o1", "total": "88.00", "currency": "EUR"}
    order = {"type": "track", "event": "Order Completed", "userId": "lan", "timestamp": iso(START), "properties": said}
    file.write_text(json.dumps(order) + "\n", encoding="utf-8")
    for parameters, earned in (((), 0), (("--set", "ShopCurrency=EUR"), 88)):
        ran = RUNNER.invoke(app, ["replay", str(file), "--data", str(data), "--json", "-", *parameters])
        assert json.loads(ran.stdout)["ledger"]["earned"] == earned
    for wrong in ("NoSuch=1", "ShopCurrency", "ShopCurrency=euro"):
        assert RUNNER.invoke(app, ["replay", str(file), "--data", str(data), "--set", wrong]).exit_code == 2


def test_standard_output_and_plain_files(played: Path, tmp_path: Path) -> None:
    plain = tmp_path / "events.ndjson"
    assert RUNNER.invoke(app, ["export", "events", str(plain), "--data", str(played)]).exit_code == 0
    out = RUNNER.invoke(app, ["export", "events", "-", "--data", str(played)])
    assert out.stdout_bytes == plain.read_bytes()
    # What is in it is personal.
    assert plain.stat().st_mode & 0o077 == 0


def test_what_cannot_be_written_or_read_is_asked_wrongly(played: Path, tmp_path: Path) -> None:
    assert RUNNER.invoke(app, ["export", "events", "/no/such/folder/x", "--data", str(played)]).exit_code == 2
    assert RUNNER.invoke(app, ["export", "events", "x", "--data", str(tmp_path / "none.db")]).exit_code == 2


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("members", "o.xlsx"),
        ("orders", "o.json"),
        ("orders", "o.csv.zip"),
        ("events", "o.csv"),
        ("events", "o.xlsx.gz"),
    ],
)
def test_an_ending_that_is_no_format_is_refused_with_those_that_are(tmp_path: Path, kind: str, name: str) -> None:
    asked = RUNNER.invoke(app, ["export", kind, str(tmp_path / name), "--data", str(tmp_path / "none.db")])
    assert (asked.exit_code, ".ndjson, .ndjson.gz" in asked.stderr) == (2, True), asked.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"before")
    with pytest.raises(RuntimeError):
        fails_halfway(file)
    assert file.read_bytes() == b"before"
    with written(str(file)) as out:
        out.write(b"whole")
    assert list(tmp_path.iterdir()) == [file]
    assert (gzip.decompress(file.read_bytes()) if name.endswith("gz") else file.read_bytes()) == b"whole"


def fails_halfway(file: Path) -> None:
    with written(str(file)) as out:
        out.write(b"half")
        raise RuntimeError


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="No such file"), written(str(tmp_path / "no" / "x")):
        pass


def test_a_deployed_shop_gives_back_what_it_took() -> None:
    with moto_shop() as shop:
        events = [
            {"type": "track", "event": "Live Liked", "userId": "lan", "messageId": str(number), "timestamp": iso(START)}
            for number in range(3)
        ]
        for batch in (events[:2], events[2:], events[:1]):
            shop.request("POST", "/v1/batch", headers_of("local"), json.dumps({"batch": batch}).encode())
            shop.settle()
            shop.now += 1000
        told = [json.loads(line) for line in event_lines(deployed(shop))]
        # The last was sent twice, and came in twice.
        assert [one["messageId"] for one in told] == ["0", "1", "2", "0"]
        assert {one["source"] for one in told} == {"local"}
        assert {key: told[0][key] for key in events[0]} == events[0]


def test_a_deployed_shops_members_are_found_by_the_secret_of_their_addresses() -> None:
    """What is known against an address stands under a hash that is keyed by the stack's secret."""
    with moto_shop() as shop:
        secret = Settings.of(shop.environment("score_user")).address_secret
        make_client("secretsmanager").create_secret(Name="address-secret", SecretString=secret)
        said = {"channel": "email", "address": "lan@example.com", "reason": "bounced"}
        events = [
            {"type": "identify", "userId": "lan", "traits": {"email": "lan@example.com"}, "timestamp": iso(START)},
            {"type": "track", "event": "Message Address Suppressed", "properties": said, "timestamp": iso(START)},
            {"type": "track", "event": "Order Completed", "userId": "lan", "timestamp": iso(START),
             "properties": {"order_id": "o1", "total": "88.00", "products": [{"product_id": "p", "price": 44}]}},
        ]  # fmt: skip
        shop.request("POST", "/v1/batch", headers_of("local"), json.dumps({"batch": events}).encode())
        shop.settle()
        [row] = member_rows(deployed(shop))
        assert (row["user_id"], row["email"], row["email_status"]) == ("lan", "lan@example.com", "bounced")
        [order] = order_rows(deployed(shop))
        assert (order["user_id"], order["total"], order["price"]) == ("lan", "88.00", "44")


def standing(records: Records) -> dict[str, Any]:
    """What files of members and orders must bring back."""
    return {
        "who is who": {name: lead(records.heads, name) for name in records.heads},
        "people": {name: person(records, head) for name, head in records.heads.items() if head.merged_into is None},
        "orders": {order.order: facts_of(order) for order in records.orders if order.hash is not None},
        "unnamed": sorted(item.body for item in records.items("orders") if item.key.pk.startswith("refund#")),
        # A changed order comes in at its newest total: the balance is the same, the number of entries is not.
        "accounts": {account.viewer: (account.balance, account.lots) for account in records.accounts},
        "suppressed": figures(records)["suppressed"],
    }


def person(records: Records, head: Head) -> dict[str, Any]:
    traits = {str(name): one.value for name, one in head.traits.items()}
    said = {name: traits.get(name) for name in ("email", "phone", "name")}
    effective = {name: traits.get(name, traits.get(f"context_{name}")) for name in ("zone", "locale")}
    suppressed = figures(records)["suppressed"]
    secret = records.settings.address_secret
    bad = "email" in traits and address_hash(secret, "email", traits["email"]) in suppressed
    may = {channel: may_be_written(head, "marketing", channel) for channel in ("sms", "push", "wechat", "wecom")}
    email = may_be_written(head, "marketing", "email") and not bad
    service = {channel: may_be_written(head, "service", channel) for channel in ("email", "sms")}
    ordered = (head.orders, head.first_order_at, head.last_order_at)
    return {**said, **effective, "may": may, "email may": email, "service": service, "ordered": ordered}


def facts_of(order: Order) -> tuple[object, ...]:
    refunded = None if order.cancelled else sum(one.minor for one in order.refunds)
    about = (order.viewer, order.at, order.total, order.currency, order.products, order.coupon, order.show)
    return (*about, refunded, order.cancelled is not None)


@pytest.mark.parametrize("ending", [".csv", ".ndjson.gz"])
def test_members_and_orders_go_out_and_come_in_with_the_same_figures(played: Path, tmp_path: Path, ending: str) -> None:
    again = str(tmp_path / "again.db")
    for kind in ("members", "orders"):
        file = str(tmp_path / f"{kind}{ending}")
        assert RUNNER.invoke(app, ["export", kind, file, "--data", str(played)]).exit_code == 0
        came_in = RUNNER.invoke(app, ["import", kind, file, "--data", again])
        assert came_in.exit_code == 0, came_in.output
        assert " 0 refused, 0 with a cell left out" in came_in.stdout
        assert " 0 were set aside" in came_in.stdout
    before, after = standing(runs.opened(played).records()), standing(runs.opened(Path(again)).records())
    assert len(before["orders"]) > 20
    # Who never said who they are, and did nothing but watch, is no member.
    known = after["who is who"].keys()
    for name, value in before.items():
        kept_ = {key: one for key, one in value.items() if key in known} if name in ("who is who", "people") else value
        assert after[name] == kept_, name
    assert {name for name, one in before["people"].items() if one["email"] or one["ordered"][0]} <= known


NASTY = (
    "=1+1",
    "+8613800138000",
    "-5",
    "@SUM(A1)",
    "'quoted",
    "''",
    '="007"',
    'a,"b"',
    "＝x",
    "梅, 兰",
    "=",
)


def test_what_a_spreadsheet_would_run_is_a_text_and_comes_back_as_it_was(tmp_path: Path) -> None:
    """The cell doesn't begin with a sign of a formula, and the name is the same after a round."""
    first, file, second = tmp_path / "a.db", tmp_path / "members.csv", tmp_path / "b.db"
    events = [
        {"type": "identify", "userId": f"{name}{number}", "timestamp": iso(START), "traits": {"name": name}}
        for number, name in enumerate(NASTY)
    ]
    recorded = tmp_path / "events.ndjson"
    recorded.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    runs.replay([recorded], "segment", first, lambda *_: None).close()
    assert RUNNER.invoke(app, ["export", "members", str(file), "--data", str(first)]).exit_code == 0
    with file.open(encoding="utf-8-sig", newline="") as opened:
        cells = [cell for row in csv.reader(opened) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "＝"))]
    came_in = RUNNER.invoke(app, ["import", "members", str(file), "--data", str(second)])
    assert came_in.exit_code == 0, came_in.output
    names = [
        {head.viewer: head.trait("name") for head in runs.opened(one).records().heads.values()}
        for one in (first, second)
    ]
    assert names[0] == names[1]
    assert sorted(filter(None, names[0].values())) == sorted(NASTY)
