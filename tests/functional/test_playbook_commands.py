"""Playbooks from their files into a shop, local or deployed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

from aftershow.ports import keys
from aftershow.ports.store import Range
from aftershow.runtime import aws_store
from infra.local import catalog
from tests.functional.moto_shop import REGION, MotoShop, moto_shop
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
    assert catalog.push(shop.host.store) == 0, "a local shop opens with its catalog"
    item = shop.host.store.get(keys.template("hot-replay"))
    assert item is not None
    shop.stops("hot-replay")
    assert catalog.push(shop.host.store) == 1
    assert catalog.push(shop.host.store) == 0


def test_a_new_write_key_is_let_in_and_stored_nowhere() -> None:
    shop = Shop(OPENS)
    key = catalog.new_write_key(shop.host.store, "web")
    message = {"type": "track", "event": "Live Liked", "userId": "u1", "messageId": "m1"}
    headers = {"authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()}
    assert shop.calls("POST", "/v1/track", headers, json.dumps(message).encode()).status == 200
    stored = [str(row) for table in ("catalog", "dead_letters") for row in shop.host.backend.scan(table)]
    assert stored
    assert not [row for row in stored if key in row]


def test_a_deployed_catalog_is_filled_over_aws() -> None:
    with moto_shop() as deployed:
        store = aws_store({"catalog": catalog_table(deployed)}, REGION)
        catalog.push(store)
        page = store.query("catalog", Range(keys.playbook("-").pk))
        assert {item.key.sk for item in page.items} == {one.id for one in catalog.playbooks()}


def catalog_table(deployed: MotoShop) -> str:
    tables: dict[str, str] = json.loads(deployed.environment("release_due")["TABLES"])
    return tables["catalog"]
