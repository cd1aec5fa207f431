"""Odd things that clients and shops really send, through the real ingest, as `explain` and `dead list` show them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aftershow.model.instants import MINUTE, SECOND
from infra.local import runs
from infra.local.cli import app
from infra.local.clock import real_now
from infra.local.wire import headers_of, iso

NOW = real_now()


def event(name: str, at: int = 0, message: str = "", /, user: str = "lan", **properties: object) -> dict[str, Any]:
    return {
        "type": "track", "event": name, "userId": user, "messageId": message or f"{name} {at} {properties}"[:100],
        "timestamp": iso(NOW + at), "properties": {"show_id": "spring", **properties},
    }  # fmt: skip


class Told:
    """A shop's file after some events."""

    def __init__(self, data: Path, *events: Mapping[str, Any]) -> None:
        self.options = ["--data", str(data), "--json", "-"]
        run = runs.going_on(data, now=lambda: NOW)
        body = json.dumps({"batch": events}).encode()
        assert run.host.request("POST", "/v1/batch", headers_of("local"), body).status == 200
        run.host.drain()
        assert run.host.errors == []
        run.close()

    def asked(self, *arguments: str) -> Any:
        result = CliRunner().invoke(app, [*arguments, *self.options])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def explained(self, viewer: str = "lan") -> dict[str, Any]:
        found = self.asked("explain", viewer)
        assert isinstance(found, dict)
        return found

    def dead(self) -> list[str]:
        return [one["reason"] for one in self.asked("dead", "list")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.mark.parametrize("seconds", [-5, 10**9, 1e300, "soon", [10], True])
def test_a_watch_time_that_cannot_be_is_unknown(data: Path, seconds: object) -> None:
    told = Told(data, event("Live Room Left", watch_seconds=seconds))
    (there,) = told.explained()["engagements"]
    assert there["watch_seconds"] is None
    assert told.dead() == []


def test_heartbeats_that_overlap_and_clocks_that_jump_count_once(data: Path) -> None:
    beats = [event("Video Content Playing", at * SECOND) for at in range(0, 60, 2)]
    back = [event("Video Content Playing", at * SECOND, f"jumped back {at}") for at in range(0, 60, 7)]
    ahead = [event("Video Content Playing", 3 * MINUTE, "jumped ahead")]
    told = Told(data, *beats, *back, *ahead, *beats)
    (there,) = told.explained()["engagements"]
    # A minute touches six or seven slots of ten seconds, and the jump one more.
    assert there["watch_seconds"] in (70, 80)


def test_an_order_in_an_unknown_currency_is_set_aside(data: Path) -> None:
    told = Told(data, event("Order Completed", order_id="o1", total=100, currency="XQZ"), event("Live Liked"))
    assert told.dead() == ["unknown currency"]
    assert told.explained()["orders"] == []


def test_the_same_order_with_another_amount_is_refused_kept_and_visible(data: Path) -> None:
    said = event("Order Completed", 0, "first", order_id="o1", total=100)
    other = event("Order Completed", SECOND, "second", order_id="o1", total=250)
    told = Told(data, event("Live Room Entered", -MINUTE), said, said, other)
    (reason,) = told.dead()
    assert reason == "this order id is known with another amount, currency or lines"
    (order,) = told.explained()["orders"]
    assert (order["minor"], order["conflicts"]) == (10_000, ["second"])
    (there,) = told.explained()["engagements"]
    assert (there["orders"], there["left_at"], there["obstacle"]) == (["o1"], "ordered", None)


def test_a_refund_before_its_order_waits_for_it(data: Path) -> None:
    early = Told(data, event("Order Refunded", SECOND, "refund", order_id="o1", total=30))
    assert early.dead() == []
    later = Told(data, event("Order Completed", 0, "order", order_id="o1", total=100))
    (order,) = later.explained()["orders"]
    assert (order["minor"], [one["minor"] for one in order["refunds"]]) == (10_000, [3_000])
    assert later.explained()["points"]["balance"] == 70


def test_comments_of_signs_and_of_nothing_are_comments(data: Path) -> None:
    texts = ["😀" * 30, "\u200b\u200d\ufeff", "", "👨‍👩‍👧‍👦", "假\u200b货", "ＨＯＷ　ＭＵＣＨ？", "傻逼 茶"]
    said = [event("Live Comment Sent", at, f"c{at}", text=text) for at, text in enumerate(texts)]
    told = Told(data, *said, event("Live Comment Sent", 99, "none"))
    (there,) = told.explained()["engagements"]
    assert there["counts"]["commented"] == len(texts) + 1
    assert list(there["alarms"]) == ["counterfeit"]
    assert there["questions"] == {"product": 2}
    assert there["counts"]["abused"] == 1
    assert there["interests"] == {}
    assert there["obstacle"]["code"] in ("trust", "price")
    assert told.dead() == []
