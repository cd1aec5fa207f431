"""`aftershow playbooks list | approve` and `aftershow stop`, on a local state and on a deployed shop."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftershow.model.instants import MINUTE
from aftershow.services import launching
from infra.local import catalog, cli, runs
from infra.local.stack import Connect
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, MotoShop, moto_shop
from tests.functional.story import Show, Viewer, almost_buys

HOT = "hot-replay"
SHOW = Show("spring")


def run(*words: object, obj: Connect | None = None) -> Result:
    """A command, as a script would call it: nobody is there to be asked."""
    return CliRunner().invoke(cli.app, [str(word) for word in words], obj=obj)


def told(*words: object, obj: Connect | None = None) -> str:
    """What a command prints when all is well."""
    done = run(*words, obj=obj)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A shop's own state, after a show that five viewers left without ordering; one of them can't be written to."""
    data = tmp_path / "shop.db"
    shop = runs.going_on(data, parameters={"ShopName": "Lan's tea"}, now=lambda: SHOW_OPENS)
    for said in (SHOW.scheduled(SHOW_OPENS, SHOW_OPENS + MINUTE), *_viewings(), SHOW.ended(SHOW_OPENS + 60 * MINUTE)):
        shop.host.run_until(said.at)
        _hear(shop, said)
    shop.host.advance(20 * MINUTE)
    shop.close()
    return data


SHOW_OPENS = 1_772_791_200_000  # 2026-03-06 18:00 in Shanghai


def _viewings() -> Iterator[Any]:
    for number in range(4):
        yield from almost_buys(Viewer(f"viewer{number}"), SHOW, SHOW_OPENS + 10 * MINUTE)
    yield Viewer("shy").enters(SHOW, SHOW_OPENS + 40 * MINUTE)


def _hear(shop: runs.Run, said: Any) -> None:
    from infra.local.wire import batch_request

    asked = batch_request(said.at, said.messages, said.context, said.at)
    assert shop.host.request("POST", asked.path, asked.headers, asked.body).status == 200
    shop.host.drain()


def work_off(data: Path) -> list[str]:
    """Let the functions work for some minutes; returns the addresses that a message went to."""
    shop = runs.opened(data)
    shop.host.look_again()
    shop.host.advance(5 * MINUTE)
    addresses = [mail.address for mail in shop.host.mailbox]
    shop.close()
    return addresses


def test_from_a_draft_to_messages_and_to_the_stop_button(state: Path) -> None:
    assert told("playbooks", "list", "--data", state).count("draft: does nothing until approved") == 4
    assert work_off(state) == []

    seen = told("playbooks", "approve", HOT, "--by", "Mei", "--dry-run", "--data", state)
    assert "5 viewers  ·  4 would be reminded  ·  8 messages at most" in seen
    assert "never identified" in seen
    assert told("playbooks", "list", "--data", state).count("draft") == 4, "a dry run approves nothing"

    unasked = run("playbooks", "approve", HOT, "--by", "Mei", "--data", state)
    assert (unasked.exit_code, "say --yes" in unasked.output) == (2, True)

    approved = told("playbooks", "approve", HOT, "--by", "Mei", "--share", "50%", "--yes", "--data", state)
    assert "approved by Mei for 50 %" in approved
    assert "viewers of 1 shows are looked at again" in approved
    half = work_off(state)
    assert 0 < len(half) < 4

    assert "for 100% of the people it would be: " in approved
    whole = told("playbooks", "approve", HOT, "--by", "Mei", "--share", "100%", "--yes", "--data", state)
    assert "it would be" not in whole
    everybody = work_off(state)
    assert everybody[: len(half)] == half
    assert sorted(everybody) == [f"viewer{number}@example.com" for number in range(4)]

    assert f"stopped in {state}: {HOT}; it holds within 5 s" in told("stop", HOT, "--by", "Ming", "--data", state)
    history = told("playbooks", "list", "--history", "--data", state)
    assert f"{HOT} 1" in history
    assert "stopped by Ming at 20" in history
    assert "hot-replay approved by Mei (local state) version 1 for 50 %" in history
    assert "shown before: 4 people" in " ".join(history.split())


def test_all_playbooks_stop_at_one_word(state: Path) -> None:
    told("stop", "--by", "Ming", "--data", state)
    listed = json.loads(told("playbooks", "list", "--json", "-", "--data", state))
    assert {one["off"] for one in listed} == {"playbook_stopped"}
    assert [one["history"][0]["by"] for one in listed] == ["Ming"] * 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((HOT, "--by", "aftershow"), "aftershow wrote hot-replay: somebody else must approve it"),
        (("hot", "--by", "Mei"), "there is no playbook hot; there are considering-replay, hot-replay"),
        ((HOT, "--by", " "), "needs a name"),
        ((HOT, "--by", "Mei", "--share", "500%"), "a share is from 0.01% to 100%"),
    ],
)
def test_what_can_not_be_approved_is_refused_with_a_word(state: Path, words: tuple[str, ...], says: str) -> None:
    refused = run("playbooks", "approve", *words, "--yes", "--data", state)
    assert refused.exit_code == 2
    assert says in refused.output
    assert "draft" in told("playbooks", "list", "--data", state)


def test_an_unknown_playbook_can_not_be_stopped_and_an_unknown_state_not_be_opened(state: Path, tmp_path: Path) -> None:
    assert run("stop", "hot", "--data", state).exit_code == 2
    assert run("stop", "--data", tmp_path / "other.db").exit_code == 2


def test_a_demo_says_that_nobody_approved_it(tmp_path: Path) -> None:
    data = tmp_path / "demo.db"
    told("demo", "--viewers", "5", "--days", "1", "--data", data)
    assert told("playbooks", "list", "--data", data).count("approved by nobody (a run that approves by itself)") == 4


@pytest.fixture
def deployed() -> Iterator[MotoShop]:
    """A deployed shop after a push: nothing is approved."""
    with moto_shop(approved=False) as shop:
        yield shop


def test_a_deployed_shop_is_approved_and_stopped_with_ones_own_credentials(deployed: MotoShop) -> None:
    there = ("--stack", STACK, "--region", REGION)
    words = ("playbooks", "approve", HOT, "--by", "Mei", "--share", "5%", "--yes", *there)
    assert "no show has ended yet" in run(*words, obj=connect_to(deployed)).output
    [launch] = launching.launches(deployed.store).values()
    assert launch.approval is not None
    assert (launch.approval.by, launch.approval.share) == ("Mei", 500)
    [line] = launching.decisions(deployed.store)
    assert line.via.startswith("arn:aws:sts::"), "AWS's word on who it was, beside the name that they gave"
    told("stop", HOT, "--by", "Ming", *there, obj=connect_to(deployed))
    assert "stopped by Ming" in told("playbooks", "list", *there, obj=connect_to(deployed))
    assert catalog.push(deployed.store) == []
    assert {one.playbook.id: one.off for one in launching.playbooks(deployed.store)}[HOT] == "playbook_stopped"
