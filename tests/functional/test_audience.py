"""The list of a show's non-orderers: exact, each person once, whatever the size of a page; and as a command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.model.settings import Settings
from aftershow.ports.ports import Ports
from aftershow.services.audience import Attendee, BadCursor, page
from infra.local import runs
from infra.local.cli import app
from infra.local.wire import headers_of, iso
from tests.contract.conftest import make_client
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, START, moto_shop
from tests.functional.story import Shop, Show, Viewer, almost_buys, at

STARTS = at("2026-03-06T19:00+08:00")
SPRING, SUMMER = Show("spring"), Show("summer")
SECRET = "local"  # noqa: S105 (the local state's, no secret)


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Forty visitors of two shows: every fourth orders, some come with two devices, some never say who they are."""
    shop = Shop(STARTS - HOUR)
    for number in range(40):
        viewer = Viewer(f"v{number}")
        when = STARTS + number * SECOND
        shop.hears(viewer.enters(SPRING, when), viewer.comments(SPRING, when + MINUTE, "太贵了"))
        if number % 3:
            shop.hears(viewer.identifies(when + 2 * MINUTE), viewer.comments(SPRING, when + 3 * MINUTE, "包邮吗"))
        if number % 3 and number % 2:
            shop.hears(viewer.consents(when + 4 * MINUTE))
        if number % 3 and number % 4 == 0:
            shop.hears(viewer.orders(when + 5 * MINUTE, f"o{number}", show=None if number % 8 else SPRING))
    shop.hears(Viewer("v1").enters(SUMMER, STARTS + 2 * HOUR))
    return shop


def pages(ports: Ports, show: str, size: int, *, everybody: bool = False) -> Iterator[Attendee]:
    after: str | None = None
    while True:
        found = page(ports, show, size=size, after=after, everybody=everybody, secret=ports.settings.address_secret)
        assert found.looked_at <= size
        yield from found.rows
        after = found.after
        if after is None:
            return


def ports_of(shop: Shop) -> Ports:
    return shop.host.ports("send_message")


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_every_non_orderer_stands_there_once(shop: Shop, size: int) -> None:
    records = shop.records()
    there = {human.viewer: human for human in records.humans.values() if "show#spring" in records.engagements_of(human)}
    ordered = {name for name, human in there.items() if human.head and human.head.recent_orders}
    assert len(ordered) == 6
    listed = [one.viewer for one in pages(ports_of(shop), "spring", size)]
    assert sorted(listed) == sorted(there.keys() - ordered)
    everybody = [one.viewer for one in pages(ports_of(shop), "spring", size, everybody=True)]
    assert sorted(everybody) == sorted(there)


def test_each_says_why_what_held_them_back_and_whether_they_can_be_reached(shop: Shop) -> None:
    listed = {one.viewer: one for one in pages(ports_of(shop), "spring", 100)}
    asked = listed[shop.person(Viewer("v1")).viewer]
    assert asked.score.reasons
    assert asked.left_at == "joined_in"
    assert asked.held is not None
    assert asked.held.obstacle == "price"
    assert "shipping" in asked.held.also
    assert asked.channels == ("email",)
    silent = listed[shop.person(Viewer("v2")).viewer]
    assert (silent.channels, silent.unreachable) == ((), "no_consent")
    nobody = next(one for one in listed.values() if one.head is None)
    assert (nobody.channels, nobody.unreachable) == ((), "no_identity")


def test_an_order_of_another_show_leaves_them_on_the_list() -> None:
    lan, opened = Viewer("lan"), Shop(STARTS - HOUR)
    opened.hears(*almost_buys(lan, SPRING, STARTS), lan.enters(SUMMER, STARTS + 2 * HOUR))
    opened.hears(lan.orders(STARTS + 3 * HOUR, "o1"))
    assert [one.viewer for one in pages(ports_of(opened), "spring", 10)] == [opened.person(lan).viewer]
    assert not list(pages(ports_of(opened), "summer", 10))


def test_whoever_ordered_more_than_a_head_keeps_is_found_all_the_same() -> None:
    lan, opened = Viewer("lan"), Shop(STARTS - HOUR)
    opened.hears(*almost_buys(lan, SPRING, STARTS), lan.orders(STARTS + 10 * MINUTE, "first", show=SPRING))
    opened.hears(*(lan.orders(STARTS + (n + 3) * HOUR, f"o{n}", show=SUMMER) for n in range(20)))
    assert not list(pages(ports_of(opened), "spring", 10))
    (there,) = pages(ports_of(opened), "spring", 10, everybody=True)
    assert [order.order for order in there.orders] == ["first"]


@pytest.mark.parametrize("cursor", ["x", "", "OTk6", "MTIz", "é"])
def test_what_is_no_cursor_is_refused(shop: Shop, cursor: str) -> None:
    with pytest.raises(BadCursor):
        page(ports_of(shop), "spring", size=10, after=cursor, secret=SECRET)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["audience", *map(str, arguments)])


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("played") / "demo.db"
    runs.demo(40, 7, 1, data, lambda *_: None).close()
    return data


def test_the_command_goes_on_where_the_page_before_ended(played: Path, tmp_path: Path) -> None:
    whole, listed = tmp_path / "whole.json", []
    assert run("synthetic-7-1", "--data", played, "--every-page", "--json", whole).exit_code == 0
    after: list[object] = []
    while True:
        one = tmp_path / "page.json"
        assert run("synthetic-7-1", "--data", played, "--page-size", 9, "--json", one, *after).exit_code == 0
        said: dict[str, Any] = json.loads(one.read_text())
        listed += said["viewers"]
        if said["after"] is None:
            break
        after = ["--after", said["after"]]
    assert listed
    assert listed == json.loads(whole.read_text())["viewers"]


@pytest.mark.parametrize(("locale", "words"), [("en", "held back by"), ("zh-CN", "未下单的原因")])
def test_the_command_prints_a_page(played: Path, locale: str, words: str) -> None:
    printed = run("synthetic-7-1", "--data", played, "--locale", locale)
    assert printed.exit_code == 0, printed.output
    assert words in printed.output


def test_a_show_that_nobody_knows_and_a_wrong_cursor(played: Path) -> None:
    assert run("never", "--data", played).exit_code == 1
    assert run("synthetic-7-1", "--data", played, "--after", "x").exit_code == 2


def test_a_deployed_shop_by_the_name_of_its_stack() -> None:
    with moto_shop() as deployed:
        make_client("secretsmanager").create_secret(
            Name="address-secret", SecretString=Settings.of(deployed.environment("score_user")).address_secret
        )
        said = {"type": "track", "event": "Live Room Entered", "properties": {"show_id": "spring"}}
        events = [{**said, "anonymousId": f"a{n}", "messageId": f"m{n}", "timestamp": iso(START)} for n in range(3)]
        deployed.request("POST", "/v1/batch", headers_of("local"), json.dumps({"batch": events}).encode())
        deployed.settle()
        asked = ["audience", "spring", "--stack", STACK, "--region", REGION, "--json", "-"]
        result = CliRunner().invoke(app, asked, obj=connect_to(deployed))
        assert result.exit_code == 0, result.output
        listed = json.loads(result.stdout)["viewers"]
        assert len({one["viewer"] for one in listed}) == 3
        assert {one["unreachable"] for one in listed} == {"no_identity"}
