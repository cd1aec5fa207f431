"""Everything comes back out: export, a new state, in again, and the figures are the same."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aftershow.model.coverage import Coverage
from aftershow.model.viewers import Head
from infra.local import kept, runs
from infra.local.cli import app
from infra.local.exporting.events import event_lines
from infra.local.exporting.writing import CannotWrite, written
from infra.local.records import Records
from infra.local.wire import headers_of, iso
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
        assert kept.Kept is type(deployed(shop))
