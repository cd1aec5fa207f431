"""Commands on a deployed stack: found through CloudFormation, its playbooks stopped, listed and approved."""

from __future__ import annotations

from typing import Any

from typer.testing import CliRunner

from aftershow.ports import keys
from aftershow.services import launching
from infra.local import cli, stack
from tests.deployed.ministack.cloud import STACK, Cloud
from tests.deployed.ministack.server import REGION

# The one that no other test waits for.
PLAYBOOK = "second-order"


def told(cloud: Cloud, *words: str) -> str:
    """What a command on the stack prints."""

    def connect(service: str, region: str | None) -> Any:
        assert region == REGION
        return cloud.server.client(service)

    done = CliRunner().invoke(cli.app, [*words, "--stack", STACK, "--region", REGION], obj=connect)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_stack_is_found_with_its_tables_queues_and_parameters(cloud: Cloud) -> None:
    found = stack.find(STACK, REGION, lambda service, _region: cloud.server.client(service))
    assert set(found.tables) >= {"viewers", "catalog", "dead_letters", "reminders"}
    assert found.queue("RemindersQueue") == cloud.resources["RemindersQueue"]
    assert (found.settings.due_shards, found.settings.quiet_from_hour) == (8, 0)
    assert found.store.get(keys.playbook(PLAYBOOK)) is not None


def test_a_playbook_is_stopped_listed_and_approved_again(cloud: Cloud) -> None:
    assert PLAYBOOK in told(cloud, "stop", PLAYBOOK, "--by", "Ming")
    listed = " ".join(told(cloud, "playbooks", "list").split())
    assert "stopped by Ming" in listed
    approved = told(cloud, "playbooks", "approve", PLAYBOOK, "--by", "Mei", "--share", "5%", "--yes")
    assert "is approved by Mei for 5 %" in approved
    [off] = [one.off for one in launching.playbooks(cloud.store) if one.playbook.id == PLAYBOOK]
    assert off is None
    assert [one.what for one in launching.decisions(cloud.store) if one.playbook == PLAYBOOK][-2:] == [
        "stopped",
        "approved",
    ]
