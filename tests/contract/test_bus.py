"""What the bus promises, on moto's EventBridge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from aftershow.adapters.eventbridge import EventBridgeBus
from aftershow.ports.bus import BusEvent

BUS = "aftershow"


def event(number: int, size: int = 0) -> BusEvent:
    detail = json.dumps({"id": f"c{number}-0", "text": "直播", "more": "x" * size})
    return BusEvent(f"c{number}-0", "Cart Abandoned", detail)


@pytest.fixture
def client(aws: Callable[..., Any]) -> Any:
    client = aws("events")
    client.create_event_bus(Name=BUS)
    return client


@pytest.fixture
def consumer(client: Any, aws: Callable[..., Any]) -> Callable[[], list[dict[str, Any]]]:
    """A queue behind a rule for everything that comes from us; gives the messages' bodies."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="consumer")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    client.put_rule(Name="all", EventBusName=BUS, EventPattern='{"source": ["aftershow"]}')
    client.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}])

    def receive() -> list[dict[str, Any]]:
        bodies: list[dict[str, Any]] = []
        while True:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            if "Messages" not in answer:
                return bodies
            bodies.extend(json.loads(message["Body"]) for message in answer["Messages"])

    return receive


@pytest.fixture
def calls(client: Any) -> list[str]:
    seen: list[str] = []
    client.meta.events.register_first("before-send.events.*", lambda event_name, **_more: seen.append(event_name))
    return seen


def test_a_consumer_gets_the_detail_as_it_was(client: Any, consumer: Callable[[], list[dict[str, Any]]]) -> None:
    assert EventBridgeBus(client, BUS).publish([event(1)]) == []

    [body] = consumer()
    assert body["source"] == "aftershow"
    assert body["detail-type"] == "Cart Abandoned"
    assert body["detail"] == {"id": "c1-0", "text": "直播", "more": ""}


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ([], 0),
        ([event(number) for number in range(10)], 1),
        ([event(number) for number in range(11)], 2),
        # 32 KB each, as large as an outbox may be: seven fit.
        ([event(number, 32_700) for number in range(10)], 2),
    ],
)
def test_calls_are_as_few_as_the_bus_allows(client: Any, calls: list[str], events: list[BusEvent], count: int) -> None:
    assert EventBridgeBus(client, BUS).publish(events) == []
    assert len(calls) == count


def test_only_refused_events_come_back(
    client: Any, consumer: Callable[[], list[dict[str, Any]]], calls: list[str]
) -> None:
    broken = BusEvent("c2-0", "Broken", "not JSON")

    assert EventBridgeBus(client, BUS).publish([event(1), broken, event(3)]) == [broken]

    assert len(calls) == 2
    assert {body["detail"]["id"] for body in consumer()} == {"c1-0", "c3-0"}


class TestRefusedEntries:
    """The bus takes or refuses entry by entry; its answer comes in the order of the entries."""

    @pytest.fixture
    def stub(self, client: Any) -> Iterator[Stubber]:
        with Stubber(client) as stubber:
            yield stubber
            stubber.assert_no_pending_responses()

    def answer(self, stub: Stubber, events: list[BusEvent], refused: set[str]) -> None:
        stub.add_response(
            "put_events",
            {
                "FailedEntryCount": len(refused),
                "Entries": [
                    {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}
                    if each.id in refused
                    else {"EventId": "e"}
                    for each in events
                ],
            },
            {
                "Entries": [
                    {
                        "EventBusName": BUS,
                        "Source": "aftershow",
                        "DetailType": each.kind,
                        "Detail": each.detail,
                    }
                    for each in events
                ]
            },
        )

    def test_once_is_tried_again(self, client: Any, stub: Stubber) -> None:
        events = [event(number) for number in range(12)]
        self.answer(stub, events[:10], {"c0-0", "c9-0"})
        self.answer(stub, events[10:], {"c11-0"})
        self.answer(stub, [events[0], events[9], events[11]], set())
        assert EventBridgeBus(client, BUS).publish(events) == []

    def test_twice_comes_back(self, client: Any, stub: Stubber) -> None:
        events = [event(number) for number in range(3)]
        self.answer(stub, events, {"c0-0", "c2-0"})
        self.answer(stub, [events[0], events[2]], {"c2-0"})
        assert EventBridgeBus(client, BUS).publish(events) == [events[2]]
