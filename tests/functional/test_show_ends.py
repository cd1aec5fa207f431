"""When a show is over that nobody said is over."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftershow.model.instants import DAY, MINUTE, parse_instant
from aftershow.model.shows import Show
from aftershow.ports import keys
from infra.local import catalog
from infra.local.embedded import EmbeddedState
from infra.local.host import LocalHost

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
START = parse_instant("2026-03-06T12:00:30+00:00")
HEADERS = {"content-type": "application/json", "authorization": f"Basic {base64.b64encode(b'local:').decode()}"}


@pytest.fixture
def host() -> Iterator[LocalHost]:
    state = EmbeddedState(":memory:", lambda: START)
    opened = LocalHost(TEMPLATE, state, seed=7, start_at=START)
    catalog.load(opened.store, approved_at=START)
    yield opened
    state.close()


def say(host: LocalHost, name: str, **properties: object) -> None:
    message = {"event": name, "userId": "u1", "properties": {"show_id": "s1", **properties}}
    assert host.request("POST", "/v1/track", HEADERS, json.dumps(message).encode()).status == 200
    host.drain()


def closed_at(host: LocalHost) -> int | None:
    item = host.store.get(keys.show("s1"))
    assert item is not None
    return Show.read(item.body).closed_at


def test_a_show_that_started_lives_for_half_an_hour_without_viewers(host: LocalHost) -> None:
    """The first viewer may come minutes after the start."""
    say(host, "Live Show Started")
    host.advance(29 * MINUTE)
    assert closed_at(host) is None
    say(host, "Live Room Entered")
    entered = host.now
    host.advance(29 * MINUTE)
    assert closed_at(host) is None
    host.advance(2 * MINUTE)
    assert closed_at(host) == entered + 30 * MINUTE


def test_a_show_that_was_only_announced_is_not_over(host: LocalHost) -> None:
    """Not before it began, whenever that will be."""
    say(host, "Live Show Scheduled", title="Spring tea")
    host.advance(3 * DAY)
    assert closed_at(host) is None
    say(host, "Live Show Started")
    started = host.now
    host.advance(31 * MINUTE)
    assert closed_at(host) == started + 30 * MINUTE


def test_a_show_that_begins_late_is_open_again_until_its_real_end(host: LocalHost) -> None:
    """Silence after the announced start only looks like an end."""
    starts_at = "2026-03-06T12:10:00Z"
    say(host, "Live Show Scheduled", starts_at=starts_at)
    host.advance(45 * MINUTE)
    assert closed_at(host) == parse_instant(starts_at) + 30 * MINUTE
    say(host, "Live Show Started")
    assert closed_at(host) is None
    host.advance(20 * MINUTE)
    say(host, "Live Show Ended")
    assert closed_at(host) == host.now


def test_a_word_of_the_end_corrects_an_assumed_one(host: LocalHost) -> None:
    say(host, "Live Show Started", ends_at="2026-03-06T12:20:00Z")
    host.advance(25 * MINUTE)
    assert closed_at(host) == parse_instant("2026-03-06T12:20:00Z")
    say(host, "Live Show Ended")
    assert closed_at(host) == host.now
