"""aftershow ledger: a recount that finds what is wrong, a statement that says why; and real orders, redeemed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aftershow.model.ids import viewer_id
from aftershow.model.ledger import Account
from aftershow.ports.store import Put
from aftershow.services import budgets
from infra.local import ledger, runs
from infra.local.clock import iso
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, moto_shop
from tests.functional.running import aftershow
from tests.real_data import real_data

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def retail(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    """Invoice, time, price and customer of lines with one thing each."""
    file = folder / "retail.csv"
    lines = [
        f"{number},85123A,TEA,{-1 if number[0] == 'C' else 1},{at},{price},{who},France"
        for number, at, price, who in rows
    ]
    file.write_text("\n".join([COLUMNS, *lines]) + "\n", encoding="utf-8")
    return file


def recounted(file: Path, every: int) -> dict[str, int]:
    """The points of Online Retail where every full `every` are redeemed at once, by the csv module and integers."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    invoices: dict[str, tuple[str, str]] = {}
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    for row in csv.DictReader(io.StringIO(content.decode("utf-8", "replace"), newline="")):
        if row["CustomerID"]:
            totals[row["InvoiceNo"]] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
            invoices.setdefault(row["InvoiceNo"], (row["InvoiceDate"], row["CustomerID"]))
    balances: Counter[str] = Counter()
    told = Counter({"expired": 0})
    for _, minute in groupby(sorted(invoices, key=lambda number: invoices[number][0]), lambda one: invoices[one][0]):
        customers = set()
        for number in minute:
            points = int(abs(totals[number]))
            taken = number.startswith("C")
            told["reversed" if taken else "earned"] += points
            balances[invoices[number][1]] += -points if taken else points
            customers.add(invoices[number][1])
            told["entries"] += 1
        for customer in customers:
            redeemed = max(balances[customer], 0) // every * every
            balances[customer] -= redeemed
            told["spent"] += redeemed
            told["entries"] += 2 if redeemed else 0
    told["balance_sum"] = sum(balances.values())
    told["negative_accounts"] = sum(balance < 0 for balance in balances.values())
    return dict(told)


def replayed(folder: Path, file: Path, every: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the replay and the recount after it say of the ledger."""
    data = folder / "state.db"
    said = folder / "told.json"
    options = ("--format", "online-retail", "--redeem-every", every, "--data", data, "--json", said)
    aftershow("replay", file, *options)
    checked = json.loads(aftershow("ledger", "check", "--data", data, "--json", "-").stdout)
    return json.loads(said.read_text())["ledger"], checked


def adds_up(told: dict[str, Any], checked: dict[str, Any]) -> None:
    """The liability report: every point that was given is somewhere."""
    places = checked["where_points_are"]
    assert checked["disagreements"] == checked["refused"] == []
    assert sum(places.values()) == 0
    assert places["with_viewers"] == checked["liability"]["balances"] == told["balance_sum"]
    assert (-places["issued"], places["spent"]) == (told["earned"] - told["reversed"], told["spent"])
    assert checked["liability"]["available"] - checked["liability"]["owed"] == told["balance_sum"]
    assert checked["entries"] == told["entries"]


def test_points_that_are_redeemed_while_orders_are_replayed(tmp_path: Path) -> None:
    file = retail(
        tmp_path,
        ("1", "2011-01-04 10:00:00", "250.40", "7"),
        ("2", "2011-01-04 10:00:00", "80.00", "7"),
        ("C3", "2011-01-05 10:00:00", "90.99", "7"),
        ("4", "2011-01-06 10:00:00", "99.99", "8"),
        ("5", "2011-01-07 10:00:00", "1.00", "8"),
    )
    told, checked = replayed(tmp_path, file, 100)
    assert told == recounted(file, 100)
    assert told == {
        "earned": 430, "reversed": 90, "expired": 0, "spent": 400, "balance_sum": -60, "negative_accounts": 1,
        "entries": 9,
    }  # fmt: skip
    adds_up(told, checked)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_half_a_year_of_real_orders_with_every_hundred_points_redeemed(tmp_path: Path) -> None:
    file = real_data("online_retail_to_2011-06.csv.gz")
    told, checked = replayed(tmp_path, file, 100)
    assert told == recounted(file, 100)
    assert (told["earned"], told["reversed"]) == (3_989_695, 264_290)
    adds_up(told, checked)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with a few orders in it."""
    folder = tmp_path_factory.mktemp("ledger")
    rows = [(str(number), f"2011-01-0{number} 10:00:00", f"{number * 60}.00", "7") for number in range(1, 6)]
    aftershow(
        "replay", retail(folder, *rows, ("C6", "2011-01-08 10:00:00", "20.00", "7")), "--format", "online-retail",
        "--redeem-every", 500, "--data", folder / "state.db",
    )  # fmt: skip
    return folder / "state.db"


def test_a_statement_says_why_in_both_languages_and_goes_on(played: Path) -> None:
    first = aftershow("ledger", "statement", "7", "--data", played, "--limit", 3, "--json", "-")
    page = json.loads(first.stdout)
    assert (page["balance"], page["available"]) == (380, 380)
    assert [lot["points"] for lot in page["lots"]] == [380]
    assert [entry["points"] for entry in page["entries"]] == [-20, 300, -500]
    assert page["entries"][0]["why"] == {"en": "refund without an order", "zh-CN": "未注明订单的退款"}
    more = aftershow("ledger", "statement", "7", "--data", played, "--after", page["cursor"], "--locale", "zh-CN")
    assert "可用" in more.stdout
    assert more.stdout.count("下单") == 4
    assert "(500)" in next(line for line in more.stdout.splitlines() if "积分预留" in line)


def test_a_statement_of_nobody(played: Path, tmp_path: Path) -> None:
    assert "nobody is known" in aftershow("ledger", "statement", "8", "--data", played, status=1).stderr
    assert "does not exist yet" in aftershow("ledger", "check", "--data", tmp_path / "no.db", status=2).stderr


def test_a_check_prints_every_disagreement(played: Path) -> None:
    assert "everything agrees" in aftershow("ledger", "check", "--data", played).stdout
    run = runs.opened(played)
    [item] = [one for one in run.records().items("ledger") if one.key.sk == "account"]
    account = Account.read(item.body)
    wrong = account.model_copy(update={"earned": 1, "spent": 2})
    run.host.store.commit([Put(item.key, wrong.body(), item.version, index=item.index)])
    run.close()
    done = aftershow("ledger", "check", "--data", played, status=1)
    assert "earned should be 900, is 1" in done.stdout
    assert "spent should be 500, is 2" in done.stdout
    assert "2 disagreements" in done.stdout


def test_staff_adjusts_holds_and_transfers_with_reasons(tmp_path: Path) -> None:
    rows = [(str(number), f"2011-01-0{number} 10:00:00", "60.00", str(number)) for number in (7, 8)]
    data = tmp_path / "state.db"
    aftershow("replay", retail(tmp_path, *rows), "--format", "online-retail", "--data", data)
    shop = ["--data", str(data)]

    def staff(*arguments: str) -> Any:
        return CliRunner().invoke(ledger.app, [*arguments, *shop], catch_exceptions=False)

    why = ["--reason", "a late parcel", "--by", "ann"]
    for _ in range(2):
        assert ": 110 available" in staff("adjust", "7", "50", *why, "--id", "x").stdout
    again = staff("adjust", "7", "51", *why, "--id", "x")
    assert (again.exit_code, "other content" in again.stderr) == (1, True)
    assert ": 100 available" in staff("adjust", "7", "-10", *why, "--corrects", "adjust:x").stdout
    short = staff("adjust", "7", "-101", *why)
    assert (short.exit_code, "fewer points" in short.stderr) == (1, True)
    assert ": 70 available, 30 held" in staff("hold", "7", "30", *why, "--id", "h").stdout
    assert ": 100 available, 0 held" in staff("unhold", "7", "h", "--by", "bob").stdout
    assert ": 20 available" in staff("transfer", "7", "8", "80", *why).stdout
    told = json.loads(staff("statement", "8", "--json", "-").stdout)
    assert (told["balance"], told["entries"][0]["why"]["en"]) == (
        140,
        "points received from somebody (a late parcel)",
    )
    assert staff("hold", "7", "1", "--reason", "", "--by", "ann").exit_code == 1
    assert staff("adjust", "nobody", "1", *why).exit_code == 1
    assert staff("check").exit_code == 0


def test_budgets_and_their_codes(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    rows = [("7", "2011-01-07 10:00:00", "60.00", "7")]
    aftershow("replay", retail(tmp_path, *rows), "--format", "online-retail", "--data", data)
    shop = ["--data", str(data)]
    given = ["--reason", "spring", "--by", "ann", "--per-claim", "20"]
    opened = CliRunner().invoke(ledger.app, ["budget", "spring", "100", *given, *shop])
    assert "spring: 100 points left, in 1 shards" in opened.stdout
    made = CliRunner().invoke(ledger.app, ["codes", "spring", "3", *shop, "--json", "-"])
    codes = json.loads(made.stdout)["codes"]
    assert len(set(codes)) == 3
    run = runs.opened(data)
    claim = budgets.redeem_code(run.host.ports("award_points"), viewer_id("user", "7"), codes[0].lower())
    assert isinstance(claim, budgets.Claim)
    assert claim.units == 20
    run.close()
    assert CliRunner().invoke(ledger.app, ["codes", "autumn", "3", *shop]).exit_code == 1
    checked = json.loads(CliRunner().invoke(ledger.app, ["check", *shop, "--json", "-"]).stdout)
    assert (checked["disagreements"], checked["where_points_are"]["in_budgets"]) == ([], 80)


def test_a_deployed_shop_is_recounted_and_read() -> None:
    with moto_shop() as shop:
        order = {
            "type": "track", "event": "Order Completed", "userId": "lan", "messageId": "m1",
            "timestamp": iso(shop.now), "properties": {"order_id": "o1", "total": 120},
        }  # fmt: skip
        headers = {"content-type": "application/json", "authorization": "Basic bG9jYWw6"}
        shop.request("POST", "/v1/track", headers, json.dumps(order).encode())
        shop.settle()
        stack = ["--stack", STACK, "--region", REGION]
        checked = CliRunner().invoke(ledger.app, ["check", *stack, "--json", "-"], obj=connect_to(shop))
        told = CliRunner().invoke(ledger.app, ["statement", "lan", *stack, "--json", "-"], obj=connect_to(shop))
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["where_points_are"]["with_viewers"] == 120
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["entries"][0]["why"]["zh-CN"] == "下单"
