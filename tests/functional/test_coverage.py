"""What the meter says of a shop that was played through the real functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aftershow.model.coverage import Coverage
from aftershow.model.instants import DAY, MINUTE
from aftershow.ports import keys
from aftershow.services.launching import Signature, stop
from infra.local import catalog, coverage, kept, runs
from infra.local.cli import app
from infra.local.coverage import meter_json
from infra.local.runs import Run
from infra.local.stack import Stack
from infra.local.stories import story as told
from infra.local.wire import headers_of, iso
from tests.contract.conftest import make_client
from tests.functional.moto_shop import BUCKET, START, MotoShop, moto_shop
from tests.functional.story import Shop, Show, Viewer, at

STARTS = at("2026-03-06T19:00:00+08:00")
TODAY = STARTS // DAY
SHOW = Show("spring")
LAN = Viewer("lan")


@pytest.fixture
def shop() -> Shop:
    return Shop(STARTS - MINUTE)


def noted(shop: Shop, source: str = "local") -> Coverage:
    item = shop.host.store.get(keys.coverage(source))
    assert item is not None
    return Coverage.read(item.body)


def meter(shop: Shop) -> dict[str, Any]:
    return meter_json(coverage.read(kept.of_run(Run(shop.host, shop.state, STARTS))))


def verdicts(told: dict[str, Any], what: str = "playbooks") -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in told[what]}


def test_each_source_has_its_own_signals(shop: Shop) -> None:
    catalog.new_write_key(shop.host.store, "douyin", "douyin")
    shop.hears(LAN.enters(SHOW, STARTS), LAN.watches(SHOW, STARTS, 1), LAN.fills_cart(SHOW, STARTS + 2 * MINUTE))
    like = {"type": "track", "event": "Live Liked", "anonymousId": "x", "timestamp": iso(STARTS - 3 * DAY)}
    shop.calls("POST", "/v1/batch", headers_of("douyin"), json.dumps({"batch": [like]}).encode())
    shop.host.drain()
    told = meter(shop)["sources"]
    assert told["douyin"] == {"likes": {"since": "2026-03-03", "last_seen": "2026-03-03"}}
    assert told["local"].keys() == {"carts", "checkouts", "entries", "watch_time", "zones"}
    assert meter(shop)["signals"]["orders"] == {"delivered_by": ["Order Completed"], "last_seen": None}


def test_a_source_says_something_new_once_a_day(shop: Shop) -> None:
    """However many events: one write a day."""
    for number in range(6):
        shop.hears(LAN.comments(SHOW, STARTS + number * MINUTE, "hi"))
    assert written(shop) == 1
    shop.hears(LAN.comments(SHOW, STARTS + DAY, "hi"), LAN.comments(SHOW, STARTS + DAY + MINUTE, "hi"))
    assert written(shop) == 2
    assert noted(shop).signals["comments"].model_dump() == {"first": TODAY, "last": TODAY + 1}


def written(shop: Shop) -> int:
    """How often the source's item was written."""
    item = shop.host.store.get(keys.coverage("local"))
    assert item is not None
    return item.version.counter


def test_what_no_source_delivers_is_unknown(shop: Shop) -> None:
    """A push of likes and comments alone: no watch time, no orders, nobody to write to."""
    shop.hears(
        SHOW.scheduled(STARTS, STARTS), LAN.comments(SHOW, STARTS + MINUTE, "how much?"), SHOW.ended(STARTS + DAY)
    )
    told = meter(shop)
    assert set(verdicts(told).values()) == {"unknown"}
    scores = verdicts(told, "scores")
    assert scores.pop("asked_about") == "trusted"
    assert set(scores.values()) == {"unknown"}
    lines = told_lines(shop)
    assert "watch_unknown" in lines
    assert not lines & {"watched_minutes", "watched_briefly"}
    [row] = [one for one in told["scores"] if one["name"] == "watch_time"]
    assert row["why"] == {"en": "no source delivers watch time", "zh-CN": "没有来源上报观看时长"}


def told_lines(shop: Shop) -> set[str]:
    """The codes of the reasons in her story."""
    records = shop.records()
    return {because.code for line in told(records, shop.person(LAN)).lines for because in line.because}


def test_some_seconds_are_not_zero_minutes(shop: Shop) -> None:
    shop.hears(LAN.enters(SHOW, STARTS), LAN.watches(SHOW, STARTS, 0.5))
    assert shop.engagement(LAN, SHOW).watch_seconds == 30
    assert "watched_briefly" in told_lines(shop)


def test_the_command_says_what_can_be_trusted(tmp_path: Path) -> None:
    """On a demo all of it can; where a playbook is blind the exit code is 1, unless it is stopped."""
    data = str(tmp_path / "shop.db")
    run = runs.demo(30, 7, 2, Path(data), lambda *_: None)
    run.close()
    runner = CliRunner()
    ran = runner.invoke(app, ["coverage", "--data", data, "--json", "-"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert set(verdicts(told).values()) <= {"trusted", "partly"}
    assert {one["reason"] for one in told["unusable"]} >= {"no usable userId or anonymousId"}
    for locale, word in (("en", "watch time"), ("zh-CN", "观看时长")):
        assert word in runner.invoke(app, ["coverage", "--data", data, "--locale", locale]).stdout


def test_a_blind_playbook_is_something_wrong(tmp_path: Path) -> None:
    """The report says so too: nobody knows who left without ordering where nobody delivers orders."""
    file = tmp_path / "likes.ndjson"
    said = {"show_id": SHOW.id}
    like = {"type": "track", "event": "Live Liked", "anonymousId": "x", "timestamp": iso(STARTS), "properties": said}
    file.write_text(json.dumps(like) + "\n", encoding="utf-8")
    data = tmp_path / "likes.db"
    runner = CliRunner()
    told = json.loads(runner.invoke(app, ["replay", str(file), "--data", str(data), "--json", "-"]).stdout)
    assert told["unknown"]["left_without_order"] == [["orders"], ["identities"]]
    for option, where in (("--locale", "zh-CN"), ("--html", "-")):
        report = runner.invoke(app, ["replay", str(file), "--data", str(data), option, where]).stdout
        assert (
            "谁没下单就离开" in report or "who left without ordering (no source delivers orders, identities)" in report
        )
    ran = runner.invoke(app, ["coverage", "--data", str(data)])
    assert ran.exit_code == 1
    assert "no source delivers orders" in " ".join(ran.stdout.split())
    run = runs.opened(data)
    for playbook in run.records().playbooks:
        stop(run.host.store, playbook.id, Signature("mei", run.host.now, "a test"))
    run.close()
    assert runner.invoke(app, ["coverage", "--data", str(data)]).exit_code == 0


def test_a_state_that_is_not_there_is_asked_wrongly(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["coverage", "--data", str(tmp_path / "none.db")]).exit_code == 2


def deployed(shop: MotoShop) -> kept.Kept:
    """A shop on moto, as a stack."""
    resources = {table.id: ("AWS::DynamoDB::Table", table.id) for table in shop.template.tables}
    resources |= {
        BUCKET: ("AWS::S3::Bucket", BUCKET.lower()),
        "AddressSecret": ("AWS::SecretsManager::Secret", "address-secret"),
    }
    parameters = {"ShopZone": "Asia/Shanghai", "ShopCurrency": "CNY"}
    stack = Stack("shop", "here", parameters, {}, resources, lambda service, _: make_client(service))
    return kept.of_stack(stack)


def test_a_deployed_shop_is_read_the_same_way() -> None:
    with moto_shop() as shop:
        body = {"batch": [{"type": "track", "event": "Live Liked", "userId": "lan", "timestamp": iso(START)}, {}]}
        shop.request("POST", "/v1/batch", headers_of("local"), json.dumps(body).encode())
        shop.settle()
        told = meter_json(coverage.read(deployed(shop)))
        assert told["sources"]["local"].keys() == {"likes", "identities"}
        assert [one["events"] for one in told["unusable"]] == [1]
        assert set(verdicts(told).values()) == {"unknown"}
