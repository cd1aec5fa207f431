"""Demo, replay and explain as a person runs them."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.local.audience import intend
from infra.local.programme import USUAL_START
from infra.local.show import stream
from tests.functional.running import aftershow
from tests.real_data import real_data

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {"sent", "delivered", "failed", "skipped", "cancelled", "unknown", None}


def played(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    """A run's JSON."""
    aftershow(*arguments, "--data", folder / "state.db", "--json", folder / "run.json")
    told: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return told


def test_two_demos_of_one_seed_are_equal_to_the_byte(tmp_path: Path) -> None:
    texts = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        pages: list[str | Path] = ["--html", folder / "page.html"]
        run = aftershow("demo", "--viewers", "30", "--data", folder / "a.db", "--json", folder / "a.json", *pages)
        texts.append([run.stdout, (folder / "a.json").read_bytes(), (folder / "page.html").read_bytes()])
    assert texts[0] == texts[1]


def test_the_demos_json_agrees_with_itself(tmp_path: Path) -> None:
    told = played(tmp_path, "demo", "--viewers", "60", "--seed", "11")
    assert told["viewers"] == told["orderers"] + told["non_orderers"] == 60
    assert {reminder["outcome"] for reminder in told["reminders"]} <= OUTCOMES
    by_id = {reminder["id"]: reminder for reminder in told["reminders"]}
    assert len(by_id) == len(told["reminders"])
    assert told["messages"]
    assert len({message["reminder"] for message in told["messages"]}) == len(told["messages"])
    for message in told["messages"]:
        assert by_id[message["reminder"]]["outcome"] in {"sent", "delivered", "failed"}
        assert 8 <= int(message["local_time"][11:13]) < 21, "no marketing in the viewer's quiet hours"
    ledger = told["ledger"]
    assert ledger["balance_sum"] == ledger["earned"] - ledger["reversed"]


def test_explain_takes_any_identifier(tmp_path: Path) -> None:
    told = played(tmp_path, "demo", "--viewers", "30")
    viewer = told["messages"][0]["reminder"]
    viewer = next(row["viewer"] for row in told["reminders"] if row["id"] == viewer)
    data: list[str | Path] = ["--data", tmp_path / "state.db", "--json", "-"]
    by_viewer = json.loads(aftershow("explain", viewer, *data).stdout)
    person = next(one for one in intend(30, 7, 7, USUAL_START).people if one.email == by_viewer["profile"]["email"])
    assert person.email
    assert person.user_id
    for identifier in (person.email, person.user_id, person.anonymous_id, viewer[:10]):
        assert json.loads(aftershow("explain", identifier, *data).stdout) == by_viewer
    assert by_viewer["reminders"][0]["trace"][0]["step"] == "planned"
    assert "nobody is known" in aftershow("explain", "nobody-at-all", *data, status=1).stderr


def test_a_file_that_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.db"
    mine.write_text("my own notes")
    run = aftershow("demo", "--viewers", "5", "--data", mine, status=2)
    assert "left alone" in run.stderr
    assert mine.read_text() == "my own notes"


def recorded(folder: Path, viewers: int) -> Path:
    """The generated show's requests as a file of recorded batches, not in order."""
    file = folder / "recorded.ndjson.gz"
    lines = [request.body for request in stream(intend(viewers, 3, 2, USUAL_START))]
    file.write_bytes(gzip.compress(b"\n".join([*reversed(lines), b"this line is broken"]) + b"\n"))
    return file


def test_recorded_segment_events_go_through_the_whole_chain(tmp_path: Path) -> None:
    file = recorded(tmp_path, 25)
    data: list[str | Path] = ["--data", tmp_path / "state.db", "--json", tmp_path / "run.json"]
    run = aftershow("replay", file, *data, status=1)
    told = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert told["synthetic"] is False
    assert told["input"]["broken"] == 1
    assert "1 broken" in run.stderr
    assert told["viewers"] == 25
    assert told["messages"]
    assert {message["at"][:7] for message in told["messages"]} == {"2026-03"}, "on the clock of the events"


def test_a_replay_of_nothing_says_so(tmp_path: Path) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.write_text("\n")
    assert "there is no event" in aftershow("replay", empty, "--data", tmp_path / "s.db", status=2).stderr


def recount(file: Path) -> tuple[int, int, int]:
    """(earned, reversed, customers who stood at one order for a while) of Online Retail, by the csv module and
    decimals alone."""
    totals: dict[str, Decimal] = defaultdict(Decimal)
    moments: dict[str, dict[str, str]] = defaultdict(dict)
    with gzip.open(file, "rt", encoding="utf-8", errors="replace", newline="") as text:
        for row in csv.DictReader(text):
            if row["CustomerID"]:
                totals[row["InvoiceNo"]] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
                if not row["InvoiceNo"].startswith("C"):
                    moments[row["CustomerID"]].setdefault(row["InvoiceNo"], row["InvoiceDate"])
    earned = sum(int(total) for number, total in totals.items() if not number.startswith("C"))
    taken = sum(int(abs(total)) for number, total in totals.items() if number.startswith("C"))
    # Two first orders in one minute come in one request: nobody sees a customer with one order then.
    stood = [sorted(orders.values()) for orders in moments.values()]
    return earned, taken, sum(len(times) == 1 or times[0] != times[1] for times in stood)


@pytest.mark.slow
def test_half_a_year_of_real_orders_earns_what_a_recount_says(tmp_path: Path) -> None:
    file = real_data("online_retail_to_2011-06.csv.gz")
    told = played(tmp_path, "replay", file, "--format", "online-retail")
    earned, taken, customers = recount(file)
    assert (earned, taken) == (3_989_695, 264_290)
    assert told["ledger"]["earned"] == earned
    assert told["ledger"]["reversed"] == taken
    assert told["ledger"]["balance_sum"] == earned - taken
    assert told["ledger"]["entries"] == told["events"]["accepted"] == 8_803 + 1_902
    assert told["events"]["dead"] == told["events"]["duplicate"] == 0
    second = [row for row in told["reminders"] if row["playbook"] == "second-order"]
    assert len({row["viewer"] for row in second}) == len(second) == customers
    assert {row["outcome"] for row in second} == {"sent", "cancelled", None}
    assert {row["reason"] for row in second if row["outcome"] == "cancelled"} == {"ordered"}
