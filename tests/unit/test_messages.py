"""Working off a queue: one message's trouble is its own, and a lost race is tried again a few times only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from aftershow.model.settings import Settings
from aftershow.ports.bus import Bus
from aftershow.ports.ports import Ports
from aftershow.ports.queues import Backlog, Message
from aftershow.ports.store import Conflict, Store
from aftershow.services.messages import ATTEMPTS, Busy, Received, received, settle, work_off

ARN = "arn:aws:sqs:eu-west-1:000000000000:facts"


@dataclass
class FakeQueues:
    """Notes what is deferred; fails where it is told to."""

    fails: bool = False
    deferred: list[tuple[str, str, int]] = field(default_factory=list)

    def send(self, queue: str, messages: Sequence[Message]) -> None:
        raise AssertionError(f"nothing is sent to {queue}: {messages}")

    def backlog(self, queue: str) -> Backlog:
        raise AssertionError(f"nobody asks for {queue}")

    def defer(self, queue: str, receipt: str, seconds: int) -> None:
        if self.fails:
            raise ConnectionError("the queue does not answer")
        self.deferred.append((queue, receipt, seconds))


@dataclass
class FakeLog:
    """Keeps what was written."""

    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def info(self, message: str, **fields: object) -> None:
        self.lines.append((message, fields))

    def warning(self, message: str, **fields: object) -> None:
        self.lines.append((message, fields))


@dataclass
class Bench:
    """A function's surroundings."""

    queues: FakeQueues = field(default_factory=FakeQueues)
    log: FakeLog = field(default_factory=FakeLog)
    slept: list[float] = field(default_factory=list)

    @property
    def ports(self) -> Ports:
        return Ports(
            store=cast(Store, None), queues=self.queues, bus=cast(Bus, None), channels={},
            settings=Settings(queue_facts="https://queue.example/facts"), log=self.log, now=lambda: 0,
            sleep=self.slept.append, random=lambda: 0.5, new_id=lambda: "id",
        )  # fmt: skip


def message(name: str) -> Received:
    return Received(name, f"receipt-{name}", "{}", ARN)


def failed(answer: dict[str, Any]) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def test_a_poison_message_does_not_take_its_neighbours_along() -> None:
    bench, done = Bench(), list[str]()

    def handle(one: Received) -> None:
        if one.id == "poison":
            raise ValueError("mei@example.com is no number")
        done.append(one.id)

    answer = work_off(bench.ports, [message("a"), message("poison"), message("b")], handle)
    assert (failed(answer), done) == (["poison"], ["a", "b"])
    ((text, fields),) = bench.log.lines
    assert text == "message failed"
    assert fields["error"] == "ValueError"
    # Where it happened, never what the error says: that may be personal.
    assert str(fields["where"]).startswith("test_messages.py:")
    assert "mei@" not in str(bench.log.lines)


@pytest.mark.parametrize("queue_fails", [False, True])
def test_busy_work_goes_back_for_5_to_60_seconds(queue_fails: object) -> None:
    bench, done = Bench(FakeQueues(fails=bool(queue_fails))), list[str]()

    def handle(one: Received) -> None:
        if one.id == "busy":
            raise Busy
        done.append(one.id)

    answer = work_off(bench.ports, [message("busy"), message("b")], handle)
    assert (failed(answer), done) == (["busy"], ["b"])
    # Where the queue does not answer, its own time-out brings the message back.
    wanted = [] if queue_fails else [("https://queue.example/facts", "receipt-busy", 32)]
    assert bench.queues.deferred == wanted


def test_a_lost_race_is_tried_again_and_then_given_up() -> None:
    bench, tries = Bench(), list[int]()

    def lose() -> str:
        tries.append(1)
        raise Conflict

    with pytest.raises(Busy):
        settle(bench.ports, lose)
    assert len(tries) == ATTEMPTS == len(bench.slept)
    assert bench.slept == sorted(bench.slept)
    assert sum(bench.slept) < 1


def test_a_race_won_the_second_time_is_won() -> None:
    answers = iter([Conflict(), "won"])

    def attempt() -> str:
        answer = next(answers)
        if isinstance(answer, Conflict):
            raise answer
        return cast(str, answer)

    assert settle(Bench().ports, attempt) == "won"


def test_messages_are_read_from_lambdas_event() -> None:
    record = {"messageId": "1", "receiptHandle": "r", "body": "{}", "eventSourceARN": ARN, "attributes": {}}
    assert received({"Records": [record]}) == [Received("1", "r", "{}", ARN)]
