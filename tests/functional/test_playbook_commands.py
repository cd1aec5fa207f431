"""Playbooks from their files into a shop, local or deployed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from aftershow.model.playbooks import Playbook
from aftershow.model.templates import Template
from aftershow.ports import keys
from aftershow.ports.store import Put, Range
from aftershow.services.ingesting import write_key_hash
from infra.local import catalog, playbooks, runs
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, moto_shop
from tests.functional.story import Shop, at

ROOT = Path(__file__).resolve().parents[2]
OPENS = at("2026-03-06T18:00+08:00")


def test_check_lists_every_playbook() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.cli", "playbooks", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split()[0] for line in run.stdout.splitlines()] == [one.id for one in catalog.playbooks()]


def test_pushing_twice_changes_nothing_the_second_time() -> None:
    shop = Shop(OPENS)
    store = shop.host.store
    assert catalog.push(store) == [], "a local shop opens with its catalog"
    item = store.get(keys.playbook("hot-replay"))
    assert item is not None
    edited = Playbook.read(item.body).model_copy(update={"version": 9})
    store.commit([Put(item.key, edited.body(), item.version)])
    assert catalog.push(store) == ["hot-replay"]
    assert catalog.push(store) == []


def test_texts_follow_when_nobody_remembers_the_approval_of_the_former_ones() -> None:
    """A function may remember an approval for 5 s, and reads a text that it has not met."""
    shop = Shop(OPENS)
    store = shop.host.store
    item = store.get(keys.template("hot-replay"))
    assert item is not None
    former = Template.read(item.body).model_copy(update={"link": "shop"})
    store.commit([Put(item.key, former.body(), item.version)])
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        still = store.get(item.key)
        assert still is not None
        assert Template.read(still.body) == former

    assert catalog.push(store, wait) == ["template hot-replay"]
    assert waited == [5]
    catalog.push(store, wait)
    assert waited == [5]


def test_a_new_write_key_is_let_in_and_stored_nowhere() -> None:
    shop = Shop(OPENS)
    key = catalog.new_write_key(shop.host.store, "web")
    message = {"type": "track", "event": "Live Liked", "userId": "u1", "messageId": "m1"}
    headers = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    assert shop.calls("POST", "/v1/track", headers, json.dumps(message).encode()).status == 200
    stored = [str(row) for table in ("catalog", "dead_letters") for row in shop.host.backend.scan(table)]
    assert stored
    assert not [row for row in stored if key in row]


def test_a_deployed_catalog_is_filled_by_the_name_of_its_stack() -> None:
    with moto_shop() as deployed:
        for one in catalog.playbooks():
            key = {"pk": {"S": keys.playbook(one.id).pk}, "sk": {"S": one.id}}
            deployed.aws["dynamodb"].delete_item(TableName="CatalogTable", Key=key)
        run = CliRunner().invoke(
            playbooks.app, ["push", "--stack", STACK, "--region", REGION, "--write-key-for", "web"],
            obj=connect_to(deployed),
        )  # fmt: skip
        assert run.exit_code == 0, run.output
        assert f"{len(catalog.playbooks())} playbooks, templates and rules changed in {STACK}, {REGION}" in run.output
        page = deployed.store.query("catalog", Range(keys.playbook("-").pk))
        assert {item.key.sk for item in page.items} == {one.id for one in catalog.playbooks()}
        shown = run.output.strip().rpartition(" ")[2]
        assert deployed.store.get(keys.write_key(write_key_hash(shown))) is not None


def test_a_source_may_keep_the_key_that_its_clients_send() -> None:
    """As the id of a Pinpoint application, which stands in their paths."""
    with moto_shop() as deployed:
        asked = ["push", "--stack", STACK, "--region", REGION, "--write-key", "0123456789abcdef"]
        assert CliRunner().invoke(playbooks.app, asked, obj=connect_to(deployed)).exit_code == 2
        run = CliRunner().invoke(playbooks.app, [*asked, "--write-key-for", "app"], obj=connect_to(deployed))
        assert run.exit_code == 0, run.output
        assert "0123456789abcdef" not in run.output
        liked = {"EventType": "Live Liked", "Timestamp": "2026-03-06T11:00:00Z", "Attributes": {"show_id": "s1"}}
        batch = {"BatchItem": {"e1": {"Endpoint": {}, "Events": {"v1": liked}}}}
        reply = deployed.request("POST", "/v1/apps/0123456789abcdef/events", {}, json.dumps(batch).encode())
        assert reply.status == 202
        assert deployed.waiting("BehaviourQueue") == 1


def test_a_local_shop_is_pushed_to_like_a_deployed_one(tmp_path: Path) -> None:
    data = tmp_path / "shop.db"
    runs.going_on(data).close()
    run = CliRunner().invoke(playbooks.app, ["push", "--data", str(data)])
    assert run.exit_code == 0, run.output
    assert f"0 playbooks, templates and rules changed in {data}" in run.output
    assert "off until approved: considering-replay, hot-replay, quiet-series, second-order" in run.output
    assert CliRunner().invoke(playbooks.app, ["push", "--data", str(tmp_path / "other.db")]).exit_code == 2
