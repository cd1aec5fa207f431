"""`aftershow dead list | show | redrive`, on a local state and on a deployed shop."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aftershow.model.engagements import Engagement, Kind
from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, MINUTE, iso
from aftershow.ports import keys
from infra.local import dead, runs
from infra.local.clock import real_now
from infra.local.host import LocalHost
from tests.functional.deployed_stack import STACK, connect_to
from tests.functional.moto_shop import REGION, START, MotoShop, moto_shop

HEADERS = {"content-type": "application/json", "authorization": f"Basic {base64.b64encode(b'local:').decode()}"}
AHEAD = "timestamp is more than 24 hours ahead"


def event(name: str = "Live Liked", /, user: str = "lan.secret@example.com", **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "userId": user,
        "messageId": f"m-{name}-{user}",
        "properties": {"show_id": "spring", **more.pop("properties", {})},
        **more,
    }


def ahead(now: int, user: str = "lan.secret@example.com") -> dict[str, Any]:
    """Two days before its time."""
    return event(user=user, timestamp=iso(now + 2 * DAY))


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def asked(*words: str, status: int = 0, obj: Any = None) -> Result:
    run = CliRunner().invoke(dead.app, words, obj=obj)
    assert run.exit_code == status, run.output
    return run


def rows(*words: str, status: int = 0, obj: Any = None) -> list[dict[str, Any]]:
    """The command's JSON."""
    found: list[dict[str, Any]] = json.loads(asked(*words, "--json", "-", status=status, obj=obj).stdout)
    return found


class Local:
    """A shop's file at a moment of its clock."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.now = real_now()
        self.options = ["--data", str(data)]

    def post(self, body: bytes, path: str = "/v1/batch", now: int | None = None) -> None:
        """One request, worked off."""
        run = runs.going_on(self.data, now=lambda: now or self.now)
        assert run.host.request("POST", path, HEADERS, body).status == 200
        run.host.drain()
        run.close()

    def counts(self, user: str = "lan.secret@example.com") -> dict[Kind, int]:
        run = runs.opened(self.data)
        found = counted(run.host, user)
        run.close()
        return found


def counted(shop: LocalHost | MotoShop, user: str) -> dict[Kind, int]:
    item = shop.store.get(keys.engagement(viewer_id("user", user), keys.about_show("spring")))
    return Engagement.read(item.body).counts() if item else {}


@pytest.fixture
def shop(tmp_path: Path) -> Local:
    return Local(tmp_path / "shop.db")


def batch(*events: object) -> bytes:
    return written({"batch": list(events), "context": {"timezone": "Europe/Paris"}})


def test_a_list_says_what_and_why_but_not_what_was_said(shop: Local) -> None:
    shop.post(batch(event(user="null"), event("Order Completed", properties={"order_id": "o1", "total": -1}), event()))
    shop.post(written(ahead(shop.now)), "/v1/track")
    listed = asked("list", *shop.options).output
    assert "no usable userId" in listed
    assert AHEAD in listed
    assert "local" in listed
    assert "secret" not in listed
    found = rows("list", *shop.options)
    assert {(row["kind"], row["state"]) for row in found} == {(None, "open"), ("track", "open")}
    assert sorted(row["bytes"] for row in found) == sorted(
        len(written(one))
        for one in (
            event(user="null"),
            event("Order Completed", properties={"order_id": "o1", "total": -1}),
            ahead(shop.now),
        )
    )


def test_a_list_can_be_narrowed(shop: Local) -> None:
    shop.post(batch(event(user="null")))
    shop.post(batch(ahead(shop.now)), now=shop.now + 60 * MINUTE)
    assert len(rows("list", *shop.options)) == 2
    assert [row["reason"] for row in rows("list", *shop.options, "--reason", "24 HOURS")] == [AHEAD]
    assert rows("list", *shop.options, "--source", "other") == []
    assert len(rows("list", *shop.options, "--source", "local")) == 2
    assert [row["reason"] for row in rows("list", *shop.options, "--since", "30m")] == [AHEAD]
    assert len(rows("list", *shop.options, "--since", iso(shop.now)[:10])) == 2
    assert "--since takes" in asked("list", *shop.options, "--since", "soon", status=2).stderr


@pytest.mark.parametrize(
    "raw",
    [
        written(event(user="null")),
        b'{"type":"track","userId":"null","x":"\xff\xfe half"}',
        b'{"userId": "lan", "text": "' + "茶".encode() * 150_000 + b'"}',
    ],
    ids=["text", "no text", "450 KB"],
)
def test_show_prints_the_bytes_as_they_came(shop: Local, raw: bytes) -> None:
    shop.post(raw, "/v1/track")
    [row] = rows("list", *shop.options)
    assert row["bytes"] == len(raw)
    shown = asked("show", row["id"][:6], *shop.options)
    assert shown.stdout_bytes == raw
    assert row["reason"] in shown.stderr
    assert "there is no dead letter" in asked("show", "zzzz", *shop.options, status=1).stderr


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/track", "/v1/t"])
def test_what_came_too_early_counts_when_its_time_has_come(shop: Local, path: str) -> None:
    """Once, whoever tries it again; the batch's time zone is still known."""
    early = ahead(shop.now - 3 * DAY)
    if path != "/v1/batch":
        del early["type"]
    shop.post(batch(early) if path == "/v1/batch" else written(early), path, now=shop.now - 3 * DAY)
    assert shop.counts() == {}
    tried = rows("redrive", *shop.options, "--all", "--dry-run")
    assert ([row["refused"] for row in tried], shop.counts()) == ([""], {})

    [row] = rows("redrive", *shop.options, "--reason", "hours ahead")
    assert (row["state"], row["refused"]) == ("redriven", "")
    assert shop.counts() == {Kind.LIKED: 1}
    assert rows("redrive", *shop.options, "--all") == []
    [again] = rows("redrive", row["id"], *shop.options, status=1)
    assert again["refused"] == "it was redriven already"
    assert shop.counts() == {Kind.LIKED: 1}
    assert rows("list", *shop.options) == []
    assert [one["state"] for one in rows("list", *shop.options, "--all")] == ["redriven"]
    run = runs.opened(shop.data)
    [engagement] = run.records().engagements
    run.close()
    assert (engagement.zone.value if engagement.zone else None) == (None if path != "/v1/batch" else "Europe/Paris")


def test_what_is_still_wrong_stays_as_it_is(shop: Local) -> None:
    shop.post(batch(ahead(shop.now), event(user="null")))
    before = rows("list", *shop.options)
    told = asked("redrive", "--all", *shop.options, status=1).output
    assert "still refused: timestamp is more than 24 hours ahead" in told
    assert "still refused: no usable userId or anonymousId" in told
    assert rows("list", *shop.options) == before


def test_wrong_times_can_be_replaced_by_that_of_receipt(shop: Local) -> None:
    """A clock that was set to 1970; the events count once, however often they are tried."""
    shop.post(batch(event(timestamp="1970-01-01T00:00:07Z")))
    rows("redrive", "--all", *shop.options, status=1)
    [row] = rows("redrive", "--all", "--at-receipt", *shop.options)
    assert row["state"] == "redriven"
    assert shop.counts() == {Kind.LIKED: 1}
    run = runs.opened(shop.data)
    [engagement] = run.records().engagements
    run.close()
    assert engagement.first_at == shop.now


def test_what_the_scorer_refuses_again_is_marked_and_may_be_tried_again(shop: Local) -> None:
    """The door takes it, the scorer doesn't: that is known when the command ends."""
    shop.post(batch(event("Order Completed", properties={"order_id": "o1", "total": 5, "currency": "ZZZ"})))
    for _ in range(2):
        [row] = rows("redrive", "--all", *shop.options, status=1)
        assert (row["state"], row["refused"]) == ("refused again", "")
    [row] = rows("list", *shop.options)
    assert row["redriven_at"] is not None
    assert row["refused_at"] is not None


def test_events_of_other_wires_are_sent_again_as_theirs(shop: Local) -> None:
    cloud = {
        "specversion": "1.0",
        "id": "c1",
        "source": "/shop",
        "type": "Live Liked",
        "subject": "lan",
        "time": iso(shop.now - DAY),
        "data": {"userId": "lan", "show_id": "spring"},
    }
    run = runs.going_on(shop.data, now=lambda: shop.now - 3 * DAY)
    headers = {**HEADERS, "content-type": "application/cloudevents+json"}
    assert run.host.request("POST", "/v1/cloudevents", headers, written(cloud)).status == 200
    run.host.drain()
    run.close()
    assert [row["reason"] for row in rows("list", *shop.options)] == [AHEAD]
    [row] = rows("redrive", "--all", *shop.options)
    assert (row["state"], row["refused"]) == ("redriven", "")
    run = runs.opened(shop.data)
    assert [one.counts() for one in run.records().engagements] == [{Kind.LIKED: 1}]
    run.close()


def test_a_wrong_clock_of_another_wire_can_be_redriven_as_of_its_receipt(shop: Local) -> None:
    """Its time stands deep inside of the request that was kept."""
    liked = {"EventType": "Live Liked", "Timestamp": "1970-01-01T00:00:07Z", "Attributes": {"show_id": "spring"}}
    put = {"BatchItem": {"phone": {"Endpoint": {}, "Events": {"e1": liked}}}}
    run = runs.going_on(shop.data, now=lambda: shop.now)
    assert run.host.request("POST", "/v1/apps/local/events", HEADERS, written(put)).status == 202
    run.host.drain()
    run.close()
    rows("redrive", "--all", *shop.options, status=1)
    [row] = rows("redrive", "--all", "--at-receipt", *shop.options)
    assert (row["state"], row["refused"]) == ("redriven", "")
    run = runs.opened(shop.data)
    assert [one.counts() for one in run.records().engagements] == [{Kind.LIKED: 1}]
    run.close()


def test_redrive_wants_to_know_which(shop: Local) -> None:
    shop.post(batch(event()))
    assert "which ones?" in asked("redrive", *shop.options, status=2).stderr
    assert "no event is set aside" in asked("list", *shop.options).output
    assert "play something first" in asked("list", "--data", str(shop.data) + "x", status=2).stderr


def test_a_replay_is_redriven_on_the_clock_of_its_events(tmp_path: Path) -> None:
    data = tmp_path / "state.db"
    lines = [event(timestamp="2011-01-01T12:00:00Z"), event(user="other", timestamp="2011-01-01T12:00:01Z")]
    lines[0]["properties"]["x"] = None
    file = tmp_path / "recorded.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in [*lines, event(user="null", timestamp="2011-01-01T12:00Z")]))
    runs.replay([file], "segment", data, lambda *_: None).close()
    before = runs.opened(data)
    now = before.host.now
    before.close()
    rows("redrive", "--all", "--data", str(data), status=1)
    after = runs.opened(data)
    assert after.host.now == now
    after.close()
    assert not runs.is_a_shops(data)


def deployed(shop: MotoShop, words: Sequence[str], status: int = 0) -> list[dict[str, Any]]:
    return rows(*words, "--stack", STACK, "--region", REGION, status=status, obj=connect_to(shop))


def test_a_deployed_shop() -> None:
    """Found by the name of its stack; what is sent again comes through its own queues."""
    with moto_shop() as shop:
        early = {**ahead(START), "userId": "lan"}
        assert shop.request("POST", "/v1/batch", HEADERS, batch(early, event(user="null"))).status == 200
        shop.settle()
        assert [row["state"] for row in deployed(shop, ["list"])] == ["open", "open"]
        [row] = deployed(shop, ["list", "--reason", "ahead"])
        shown = CliRunner().invoke(
            dead.app, ["show", row["id"], "--stack", STACK, "--region", REGION], obj=connect_to(shop)
        )
        assert shown.stdout_bytes == written(early)

        [sent] = deployed(shop, ["redrive", row["id"]])
        assert sent["state"] == "redriven"
        shop.settle()
        assert counted(shop, "lan") == {Kind.LIKED: 1}
        [again] = deployed(shop, ["redrive", row["id"]], status=1)
        assert again["refused"] == "it was redriven already"
