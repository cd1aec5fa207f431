"""Queues are worked off as Lambda does it: batches, failures, time-outs, dead letters."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.tiny import HOUR, LOOK, MINUTE, START, logged, seen, send, tiny_host

# Fails for the messages whose body says so.
PICKY = """
    def handle(event, context, ports):
        failed = []
        for record in event["Records"]:
            count = record["attributes"]["ApproximateReceiveCount"]
            ports.log.info("tried", body=record["body"], count=count, at=ports.now())
            if "bad" in record["body"]:
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}
"""


def test_a_batch_has_the_shape_of_sqs(tmp_path: Path) -> None:
    """With what a function needs to find the queue and to name a message."""
    host = tiny_host(tmp_path, {"worker": LOOK})
    send(host, "hello")
    host.drain()
    [[record]] = [event["Records"] for event in seen(host)]
    assert record["body"] == "hello"
    assert record["eventSourceARN"] == "arn:aws:sqs:local:000000000000:WorkQueue"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["attributes"]["SentTimestamp"] == str(START)
    assert record["receiptHandle"]
    assert host.ports("worker").settings.queue_named(record["eventSourceARN"]) == "WorkQueue"


def test_only_failed_messages_come_again_until_the_dead_letter_queue(tmp_path: Path) -> None:
    """After the queue's time-out, three times; its neighbour is done at once."""
    host = tiny_host(tmp_path, {"worker": PICKY})
    send(host, "good", "bad")
    host.run_until(START + HOUR)
    assert [(line["body"], line["count"], line["at"] - START) for line in logged(host, "tried")] == [
        ("good", "1", 0),
        ("bad", "1", 0),
        ("bad", "2", MINUTE),
        ("bad", "3", 2 * MINUTE),
    ]
    assert host.queues.waiting("WorkQueue") == []
    assert [message.body for message in host.queues.waiting("DeadQueue")] == ["bad"]


@pytest.mark.parametrize(
    "ending",
    [
        "raise RuntimeError",
        "return {'batchItemFailures': [{'itemIdentifier': 'unknown'}]}",
        "return {'batchItemFailures': [{'itemIdentifier': ''}]}",
        "return {'batchItemFailures': [{'other': 'key'}]}",
        "return {'not': {'json'}}",
        "return 'text'",
    ],
)
def test_a_failed_or_unreadable_answer_brings_the_whole_batch_back(tmp_path: Path, ending: str) -> None:
    """As Lambda takes it."""
    source = f"""
        def handle(event, context, ports):
            ports.log.info("tried", messages=len(event["Records"]))
            {ending}
    """
    host = tiny_host(tmp_path, {"worker": source})
    send(host, "a", "b")
    host.advance(MINUTE)
    assert host.tally["tried.messages"] == 4


@pytest.mark.parametrize("answer", ["None", "{}", "{'batchItemFailures': None}"])
def test_an_empty_answer_is_success(tmp_path: Path, answer: str) -> None:
    """As Lambda takes it."""
    source = f"def handle(event, context, ports):\n    return {answer}\n"
    host = tiny_host(tmp_path, {"worker": source})
    send(host, "a", "b")
    host.drain()
    assert host.queues.waiting("WorkQueue") == []


def test_a_delay_and_a_deferral_are_kept_to_the_second(tmp_path: Path) -> None:
    """A deferred message comes at its own time, not the queue's."""
    source = """
        def handle(event, context, ports):
            [record] = event["Records"]
            ports.log.info("tried", at=ports.now())
            if record["attributes"]["ApproximateReceiveCount"] == "1":
                ports.queues.defer("WorkQueue", record["receiptHandle"], 7)
                return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
    """
    host = tiny_host(tmp_path, {"worker": source})
    send(host, "later", delay_seconds=90)
    host.run_until(START + HOUR)
    moments = [line["at"] - START for line in logged(host, "tried")]
    assert moments == [90_000, 97_000]
