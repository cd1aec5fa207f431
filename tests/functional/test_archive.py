"""What counted is in the archive, once; what the archive didn't take doesn't count yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest

from aftershow.model.ids import viewer_id
from aftershow.model.instants import MINUTE
from aftershow.ports.archive import NotKept
from aftershow.ports.queues import Message
from aftershow.rules import archive
from aftershow.rules.intake import pack, unpack
from infra.local.host import LocalHost
from infra.local.invoking import Handle, load
from infra.local.lambda_events import of_queue
from tests.functional.story import Shop, Show, Viewer, at

STARTS = at("2026-03-06T19:00:00+08:00")
SHOW = Show("spring")


@pytest.fixture
def shop() -> Shop:
    return Shop(STARTS - MINUTE)


def archived(host: LocalHost) -> Iterator[dict[str, Any]]:
    """Every event in the archive, as Segment messages."""
    for name in host.archive.names():
        for _, packed in archive.messages_in(host.archive.read(name)):
            yield from map(msgspec.json.decode, archive.segment_lines(packed))


def story(viewer: Viewer) -> list[Any]:
    return [
        SHOW.scheduled(STARTS, STARTS),
        viewer.enters(SHOW, STARTS),
        viewer.watches(SHOW, STARTS, 3),
        viewer.comments(SHOW, STARTS + MINUTE, "how much?"),
        viewer.fills_cart(SHOW, STARTS + 2 * MINUTE),
        viewer.identifies(STARTS + 3 * MINUTE),
    ]


def test_everything_that_came_in_is_archived_once(shop: Shop) -> None:
    said = story(Viewer("lan"))
    shop.hears(*said)
    # What a client sends twice came in twice.
    shop.hears(*(replace(one, at=shop.now + MINUTE) for one in said[1:3]))
    sent = [message["messageId"] for one in (*said, said[1], said[2]) for message in one.messages]
    assert sorted(message["messageId"] for message in archived(shop.host)) == sorted(map(str, sent))
    assert {message["source"] for message in archived(shop.host)} == {"local"}


@dataclass
class Down:
    """An archive that takes nothing."""

    asked: int = 0

    def keep(self, name: str, data: bytes) -> None:
        self.asked += 1
        raise NotKept(f"{len(data)} bytes of {name}")


def scorer(shop: Shop) -> Handle:
    return load(shop.host.template.function("score_user"))


def liked(*users: str, archived: bool = False) -> list[str]:
    """Queue messages of one like each."""
    raws = [
        msgspec.json.encode({"userId": user, "event": "Live Liked", "messageId": user, "properties": {"show_id": "s"}})
        for user in users
    ]
    return [
        text
        for user, raw in zip(users, raws, strict=True)
        for text in pack("web", STARTS, b"{}", [(user, "track", raw)], (), archived=archived)
    ]


def test_what_the_archive_does_not_take_does_not_count(shop: Shop) -> None:
    """All of the batch comes again, and counts then."""
    down, ports = Down(), shop.host.ports("score_user")
    shop.host.queues.send("BehaviourQueue", [Message(text) for text in liked("lan", "mei")])
    received = shop.host.queues.receive("BehaviourQueue", 10)
    event = of_queue("BehaviourQueue", received)
    with pytest.raises(NotKept):
        scorer(shop)(event, Context(), replace(ports, archive=down))
    assert (down.asked, shop.records().engagements) == (1, [])
    shop.host.look_again()
    shop.until(shop.now + 10 * MINUTE)
    assert len(shop.records().engagements) == 2
    assert len(list(archived(shop.host))) == 2


class Context:
    """Lambda's context, with as much time as a test gives."""

    def __init__(self, seconds: int = 60) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return 1000 * self._seconds


def test_what_is_given_back_is_not_archived_again(shop: Shop) -> None:
    """The time runs out before the first commit: the message goes back whole, marked, and with its own moment."""
    shop.host.queues.send("BehaviourQueue", [Message(text) for text in liked("lan")])
    [received] = shop.host.queues.receive("BehaviourQueue", 10)
    event = of_queue("BehaviourQueue", [received])
    moments = iter(range(shop.now, shop.now + 100))
    ports = replace(shop.host.ports("score_user"), now=lambda: next(moments))
    assert scorer(shop)(event, Context(0), ports) == {"batchItemFailures": []}
    shop.host.queues.delete("BehaviourQueue", received.receipt)
    [waiting] = shop.host.queues.waiting("BehaviourQueue")
    assert unpack(waiting.body).received_at == STARTS
    shop.host.look_again()
    shop.until(shop.now + 2 * MINUTE)
    assert [one.viewer for one in shop.records().engagements] == [viewer_id("user", "lan")]
    assert [message["messageId"] for message in archived(shop.host)] == ["lan"]
