"""`aftershow staff list | confirm | hand-over | withdraw`, on a local state and on a deployed shop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftershow.model.base import Stamped
from aftershow.model.instants import DAY, HOUR
from aftershow.model.launches import WHOLE
from aftershow.model.messages import Wecom
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Consent, Head
from aftershow.ports import keys
from aftershow.ports.channels import Drafted, Outgoing
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.services import launching, rows
from aftershow.services.launching import Signature
from infra.local import runs, staff
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.drafting import PLAYBOOK, WITH_WECOM
from tests.functional.moto_shop import REGION, START, moto_shop

VIEWER, CUSTOMER, ID = "u-mei", "wm-mei", "r0123456789abcdef"


def asked(*words: object, status: int = 0, obj: Any = None) -> Result:
    """What a command says."""
    run = CliRunner().invoke(staff.app, [str(word) for word in words], obj=obj)
    assert run.exit_code == status, run.output
    return run


def waiting(ports: Ports, now: int, draft: str) -> None:
    """A reminder that awaits staff, and its viewer."""
    row = Reminder(
        id=ID, viewer=VIEWER, playbook=PLAYBOOK, playbook_version=1, step="at-once", about="show#s1", channel="wecom",
        message_class="marketing", template="hot-replay", locale="en", zone="Asia/Shanghai", created=now, reference=now,
        due=now + HOUR, deadline=now + 3 * DAY, state="awaiting", claimed_at=now, attempt=1, provider_id=draft,
        awaiting_until=now + DAY,
    )  # fmt: skip
    agreed = Consent(state="granted", at=now - DAY, id="c")
    head = Head(
        viewer=VIEWER,
        traits={"wecom_external_userid": Stamped(value=CUSTOMER, at=now, id="t")},
        consent={"marketing:all": {VIEWER: agreed}},
    )
    ports.store.commit([rows.put(ports, row, None), Put(keys.head(VIEWER), head.body(), None)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A shop's own state with one draft."""
    file = tmp_path / "shop.db"
    run = runs.going_on(file, parameters=WITH_WECOM)
    try:
        launching.approve(run.host.store, PLAYBOOK, WHOLE, Signature("the owner", run.host.now, "a test"))
        ports = run.host.ports("send_message")
        message = Outgoing(CUSTOMER, Wecom("Mei, the replay: ", "https://shop.example/c/x"), tags={"reminder": ID})
        answer = ports.channels["wecom"].send(message)
        assert isinstance(answer, Drafted)
        waiting(ports, run.host.now, answer.provider_id)
    finally:
        run.close()
    return file


def row_of(data: Path) -> Reminder:
    """The reminder as it is in the file."""
    run = runs.opened(data)
    try:
        item = run.host.store.get(keys.reminder(VIEWER, ID))
        assert item is not None
        return Reminder.read(item.body)
    finally:
        run.close()


def test_list_tells_who_waits_in_both_languages(data: Path) -> None:
    told = asked("list", "--data", data)
    assert all(word in told.stdout for word in ("r012345678", VIEWER, PLAYBOOK, "until"))
    assert "观众" in asked("list", "--data", data, "--locale", "zh-CN").stdout
    [row] = json.loads(asked("list", "--data", data, "--json", "-").stdout)
    assert (row["id"], row["viewer"], row["taking_back"]) == (ID, VIEWER, None)


def test_confirm_sends_it(data: Path) -> None:
    assert "sent" in asked("confirm", "r01", "--data", data).stdout
    assert row_of(data).outcome == "sent"
    assert "no draft waits for staff" in asked("list", "--data", data).stdout
    assert "waits for staff" in asked("confirm", "r01", "--data", data, status=1).stderr


def test_withdraw_takes_it_back_in_somebodys_name(data: Path) -> None:
    told = asked("withdraw", ID, "--by", "Wang Wei", "--data", data, "--locale", "zh-CN")
    assert "员工已撤回" in told.stdout
    row = row_of(data)
    assert (row.outcome, row.reason) == ("skipped", "withdrawn_by_staff")
    assert any("Wang Wei" in step.detail for step in row.trace)


def test_hand_over_takes_it_back_and_checks_anew(data: Path) -> None:
    told = asked("hand-over", ID, "--to", "wang.wei", "--data", data)
    assert "wang.wei" in told.stdout
    row = row_of(data)
    # Without texts for WeCom in its template it isn't made anew: everything is checked again.
    assert row.state != "awaiting"
    assert row.staff == "wang.wei"
    assert any(step.code == "later: handed_over" for step in row.trace)


def test_what_was_asked_wrongly_is_told(data: Path, tmp_path: Path) -> None:
    assert "staff list" in asked("withdraw", "zzz", "--by", "me", "--data", data, status=1).stderr
    assert "does not exist yet" in asked("list", "--data", tmp_path / "nothing.db", status=2).stderr
    assert "--to" in asked("hand-over", ID, "--to", " ", "--data", data, status=2).stderr


def test_a_deployed_shops_draft_is_marked_and_the_next_tick_finds_it() -> None:
    with moto_shop() as shop:
        ports = shop.ports("send_message")
        waiting(ports, START, "draft-1")
        where = ("--stack", STACK, "--region", REGION)
        parameters = {"DueShards": "2"}
        [row] = json.loads(asked("list", *where, "--json", "-", obj=connect_to(shop, parameters)).stdout)
        assert row["id"] == ID
        told = asked("withdraw", ID, "--by", "Wang Wei", *where, obj=connect_to(shop, parameters))
        assert "asked for" in told.stdout
        item = ports.store.get(keys.reminder(VIEWER, ID))
        assert item is not None
        now = Reminder.read(item.body)
        assert now.recall is not None
        assert (now.state, now.recall.reason, now.due) == ("awaiting", "withdrawn_by_staff", now.recall.since)
        [row] = json.loads(asked("list", *where, "--json", "-", obj=connect_to(shop, parameters)).stdout)
        assert row["taking_back"] == "withdrawn_by_staff"
