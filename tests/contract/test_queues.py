"""What the queues promise, on the embedded queues and on moto's SQS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from aftershow.adapters.sqs import SqsQueues
from aftershow.ports.queues import Backlog, Message, NotHandedOver, Queues
from infra.local.embedded import EmbeddedQueues, EmbeddedState, QueueShape, UnknownQueue
from tests.contract.conftest import Clock, make_client


@dataclass(frozen=True)
class Delivery:
    body: str
    receipt: str
    receive_count: int


class Desk(Protocol):
    """Queues with what a test needs around them. Messages that were received are hidden for 0 s
    in the queue "again", which gives up after two deliveries, and for 30 s in the others."""

    @property
    def queues(self) -> Queues: ...

    def name(self, queue: str) -> str: ...

    def receive(self, queue: str) -> list[Delivery]: ...

    def delete(self, queue: str, receipt: str) -> None: ...


SHAPES = {
    "work": QueueShape(),
    "later": QueueShape(delay_seconds=60),
    "dead": QueueShape(),
    "again": QueueShape(visibility_seconds=0, max_receive_count=2, dead_letter_queue="dead"),
}


class EmbeddedDesk:
    def __init__(self, state: EmbeddedState) -> None:
        self.queues = EmbeddedQueues(state)
        for name, shape in SHAPES.items():
            self.queues.create(name, shape)

    def name(self, queue: str) -> str:
        return queue

    def receive(self, queue: str) -> list[Delivery]:
        return [Delivery(got.body, got.receipt, got.receive_count) for got in self.queues.receive(queue, 10)]

    def delete(self, queue: str, receipt: str) -> None:
        self.queues.delete(queue, receipt)


class SqsDesk:
    def __init__(self, client: Any) -> None:
        self.client = client
        self.queues = SqsQueues(client)
        self.urls: dict[str, str] = {}
        for name, shape in SHAPES.items():
            attributes = {
                "VisibilityTimeout": str(shape.visibility_seconds),
                "DelaySeconds": str(shape.delay_seconds),
            }
            if shape.dead_letter_queue:
                attributes["RedrivePolicy"] = (
                    f'{{"deadLetterTargetArn": "{self._arn(shape.dead_letter_queue)}",'
                    f' "maxReceiveCount": {shape.max_receive_count}}}'
                )
            self.urls[name] = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def _arn(self, queue: str) -> str:
        asked = self.client.get_queue_attributes(QueueUrl=self.urls[queue], AttributeNames=["QueueArn"])
        return str(asked["Attributes"]["QueueArn"])

    def name(self, queue: str) -> str:
        return self.urls[queue]

    def receive(self, queue: str) -> list[Delivery]:
        answer = self.client.receive_message(
            QueueUrl=self.urls[queue],
            MaxNumberOfMessages=10,
            AttributeNames=["ApproximateReceiveCount"],
        )
        return [
            Delivery(got["Body"], got["ReceiptHandle"], int(got["Attributes"]["ApproximateReceiveCount"]))
            for got in answer.get("Messages", [])
        ]

    def delete(self, queue: str, receipt: str) -> None:
        self.client.delete_message(QueueUrl=self.urls[queue], ReceiptHandle=receipt)


@pytest.fixture(params=["embedded", "moto"])
def desk(request: pytest.FixtureRequest, state: EmbeddedState) -> Desk:
    if request.param == "embedded":
        return EmbeddedDesk(state)
    return SqsDesk(request.getfixturevalue("aws")("sqs"))


def test_a_message_is_hidden_while_it_is_worked_on(desk: Desk) -> None:
    work = desk.name("work")
    desk.queues.send(work, [Message("直播")])
    assert desk.queues.backlog(work) == Backlog(1, 0, 0)

    [got] = desk.receive("work")
    assert (got.body, got.receive_count) == ("直播", 1)
    assert desk.receive("work") == []
    assert desk.queues.backlog(work) == Backlog(0, 0, 1)

    desk.delete("work", got.receipt)
    assert desk.queues.backlog(work) == Backlog(0, 0, 0)


def test_a_delay_hides_a_message_before_its_time(desk: Desk) -> None:
    work, later = desk.name("work"), desk.name("later")
    desk.queues.send(work, [Message("now"), Message("in a minute", 60), Message("last", 900)])
    desk.queues.send(later, [Message("by the queue's own delay")])

    assert desk.queues.backlog(work) == Backlog(1, 2, 0)
    assert desk.queues.backlog(later) == Backlog(0, 1, 0)
    assert desk.queues.backlog(work).total == 3
    assert [got.body for got in desk.receive("work")] == ["now"]


def test_a_deferred_message_comes_back_at_its_new_time(desk: Desk) -> None:
    work = desk.name("work")
    desk.queues.send(work, [Message("m")])

    [first] = desk.receive("work")
    desk.queues.defer(work, first.receipt, 600)
    assert desk.queues.backlog(work) == Backlog(0, 0, 1)
    desk.queues.defer(work, first.receipt, 0)

    [second] = desk.receive("work")
    assert (second.body, second.receive_count) == ("m", 2)


@pytest.mark.parametrize("seconds", [-1, 42_301])
def test_a_deferral_has_its_limits(desk: Desk, seconds: int) -> None:
    with pytest.raises(ValueError, match="deferred by"):
        desk.queues.defer(desk.name("work"), "any", seconds)


def test_what_nobody_can_work_on_goes_to_the_dead_letters(desk: Desk) -> None:
    again = desk.name("again")
    desk.queues.send(again, [Message("poison")])
    assert [desk.receive("again")[0].receive_count for _ in range(2)] == [1, 2]
    assert desk.queues.backlog(desk.name("dead")).total == 0

    assert desk.receive("again") == []

    assert desk.queues.backlog(again).total == 0
    assert [got.body for got in desk.receive("dead")] == ["poison"]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([Message("")], "bytes"),
        ([Message("ok"), Message("直" * 349_526)], "message 1: a body has 1 to 1048576 bytes"),
        ([Message("m", -1)], "delay"),
        ([Message("m", 901)], "delay"),
        ([Message("\uffff")], "escaped"),
        ([Message("\ud800")], "surrogates"),
    ],
)
def test_what_no_queue_takes_is_refused_before_anything_is_sent(
    desk: Desk, messages: list[Message], words: str
) -> None:
    work = desk.name("work")
    with pytest.raises(ValueError, match=words):
        desk.queues.send(work, [Message("first"), *messages][-len(messages) :])
    assert desk.queues.backlog(work).total == 0


class TestPacking:
    """As few calls as SQS allows."""

    @pytest.mark.parametrize(
        ("bodies", "calls"),
        [
            ([], []),
            (["m"], ["SendMessage"]),
            (["m"] * 10, ["SendMessageBatch"]),
            (["m"] * 25, ["SendMessageBatch"] * 3),
            (["m"] * 21, ["SendMessageBatch"] * 2 + ["SendMessage"]),
            (["m" * 1024 * 1024], ["SendMessage"]),
            (["m" * 512 * 1024] * 2, ["SendMessageBatch"]),
            (["m" * 600_000] * 3, ["SendMessage"] * 3),
            (["m" * 300_000] * 5, ["SendMessageBatch"] * 2),
            (["m" * 900_000, "m" * 500_000, "m" * 500_000], ["SendMessage", "SendMessageBatch"]),
        ],
    )
    def test_calls(self, desk: Desk, bodies: list[str], calls: list[str]) -> None:
        seen: list[str] = []
        if isinstance(desk, SqsDesk):
            desk.client.meta.events.register_first(
                "before-send.sqs.*", lambda event_name, **_more: seen.append(event_name)
            )
        desk.queues.send(desk.name("work"), [Message(body) for body in bodies])

        if isinstance(desk, SqsDesk):
            assert [name.rpartition(".")[2] for name in seen] == calls
        assert desk.queues.backlog(desk.name("work")).visible == len(bodies)


@pytest.fixture
def client() -> Any:
    return make_client("sqs")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    """What SQS answers, where moto wouldn't."""
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["MessageNotInflight", "InvalidParameterValue"])
def test_sqs_says_that_a_delivery_is_over(client: Any, stub: Stubber, code: str) -> None:
    stub.add_client_error("change_message_visibility", code)
    SqsQueues(client).defer("https://sqs.example/work", "receipt", 5)


def test_sqs_can_refuse_a_deferral(client: Any, stub: Stubber) -> None:
    stub.add_client_error("change_message_visibility", "AccessDenied")
    with pytest.raises(ClientError, match="AccessDenied"):
        SqsQueues(client).defer("https://sqs.example/work", "receipt", 5)


class TestRefusedEntries:
    """SQS takes or refuses a batch entry by entry."""

    URL = "https://sqs.example/work"

    def answer(self, stub: Stubber, bodies: list[str], failed: list[int]) -> None:
        entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)]
        stub.add_response(
            "send_message_batch",
            {
                "Successful": [
                    {"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "d"}
                    for place, entry in enumerate(entries)
                    if place not in failed
                ],
                "Failed": [{"Id": str(place), "SenderFault": False, "Code": "InternalError"} for place in failed],
            },
            {"QueueUrl": self.URL, "Entries": entries},
        )

    def test_are_sent_once_more(self, client: Any, stub: Stubber) -> None:
        self.answer(stub, ["a", "b", "c"], [0, 2])
        self.answer(stub, ["a", "c"], [])
        SqsQueues(client).send(self.URL, [Message("a"), Message("b"), Message("c")])

    def test_are_not_handed_over_when_refused_twice(self, client: Any, stub: Stubber) -> None:
        self.answer(stub, ["a", "b", "c"], [0, 2])
        self.answer(stub, ["a", "c"], [1])
        with pytest.raises(NotHandedOver, match="1 of 3"):
            SqsQueues(client).send(self.URL, [Message("a"), Message("b"), Message("c")])

    @pytest.mark.parametrize("code", ["InternalError", "AccessDenied", "RequestThrottled"])
    def test_a_refused_call_hands_nothing_over(self, client: Any, stub: Stubber, code: str) -> None:
        stub.add_client_error("send_message", code, expected_params={"QueueUrl": ANY, "MessageBody": "a"})
        with pytest.raises(NotHandedOver, match=code):
            SqsQueues(client).send(self.URL, [Message("a")])


class TestEmbedded:
    """What only the embedded queues have: the hand on the clock."""

    @pytest.fixture
    def queues(self, state: EmbeddedState) -> EmbeddedQueues:
        return EmbeddedDesk(state).queues

    def test_messages_come_in_the_order_they_become_visible(self, queues: EmbeddedQueues, clock: Clock) -> None:
        queues.send("work", [Message("c", 3), Message("a", 1), Message("b", 1), Message("d", 4)])
        assert queues.next_visible_at() == clock.now() + 1000
        assert queues.receive("work", 10) == []
        clock.advance(3)
        assert [got.body for got in queues.receive("work", 2)] == ["a", "b"]
        assert [got.body for got in queues.receive("work", 2)] == ["c"]
        assert queues.next_visible_at("work") == clock.now() + 1000
        assert queues.next_visible_at("dead") is None

    def test_a_message_comes_back_after_the_visibility_time(self, queues: EmbeddedQueues, clock: Clock) -> None:
        queues.send("work", [Message("m")])
        sent_at = clock.now()
        [first] = queues.receive("work", 1)
        clock.advance(29.999)
        assert queues.receive("work", 1) == []
        clock.advance(0.001)
        [second] = queues.receive("work", 1)
        assert (second.id, second.receive_count, second.sent_at) == (first.id, 2, sent_at)

        # The first worker is late: its receipt is worth nothing.
        queues.delete("work", first.receipt)
        queues.defer("work", first.receipt, 0)
        assert queues.backlog("work") == Backlog(0, 0, 1)
        queues.delete("work", second.receipt)
        assert queues.waiting("work") == []

    def test_a_delivery_that_is_over_is_not_deferred(self, queues: EmbeddedQueues, clock: Clock) -> None:
        queues.send("work", [Message("m")])
        [late] = queues.receive("work", 1)
        clock.advance(30)
        queues.defer("work", late.receipt, 600)
        assert queues.backlog("work") == Backlog(1, 0, 0)

    def test_old_messages_are_dropped(self, queues: EmbeddedQueues, clock: Clock) -> None:
        queues.create("short", QueueShape(retention_seconds=60))
        queues.send("short", [Message("old")])
        clock.advance(60)
        queues.send("short", [Message("new")])
        assert [got.body for got in queues.receive("short", 1)] == ["new"]
        assert [kept.body for kept in queues.waiting("short")] == ["new"]

    def test_many_dead_letters_do_not_hide_a_live_message(self, queues: EmbeddedQueues, clock: Clock) -> None:
        queues.send("again", [Message("poison") for _ in range(25)])
        for _ in range(2):
            assert len(queues.receive("again", 100)) == 25
        clock.advance(1)
        queues.send("again", [Message("live")])
        assert [got.body for got in queues.receive("again", 10)] == ["live"]
        assert queues.backlog("dead").visible == 25
        assert queues.receive("dead", 1)[0].receive_count == 1

    def test_a_queue_must_have_been_created(self, queues: EmbeddedQueues) -> None:
        with pytest.raises(UnknownQueue):
            queues.send("unknown", [Message("m")])
        with pytest.raises(UnknownQueue):
            queues.receive("unknown", 1)

    def test_redrive_needs_both_halves(self) -> None:
        with pytest.raises(ValueError, match="belong together"):
            QueueShape(max_receive_count=3)
