"""Faults happen where they are asked for, and the host does what AWS would do next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Answer, Outgoing
from aftershow.ports.queues import Message
from aftershow.ports.store import Key, OutboxEvent, Put
from infra.local.faults import FAULTS_OF, Call, Fault, Faults, ImpossibleFault
from infra.local.host import LocalHost
from tests.functional.tiny import MINUTE, START, logged, tiny_host, value

HOUR = 60 * MINUTE

# One of everything: reads, queries, writes a row with an event, sends on, defers, looks at a queue.
WORK = """
    import json

    from aftershow.model.messages import Email
    from aftershow.ports.channels import Outgoing
    from aftershow.ports.queues import Message
    from aftershow.ports.store import Key, OutboxEvent, Put, Range

    def handle(event, context, ports):
        for record in event["Records"]:
            key = Key("things", record["body"])
            item = ports.store.get(key)
            if item is None:
                ports.store.query("things", Range(record["body"]))
                ports.store.query_index("things", Range("due"))
                ports.store.commit([Put(
                    key, json.dumps(1), None, (OutboxEvent("Made", '{"size": "large"}'),)
                )])
            ports.queues.backlog("CopyQueue")
            ports.queues.send("CopyQueue", [Message("made " + record["body"])])
            ports.channels["email"].send(Outgoing("a@example.com", Email("s", "t", "h")))
            ports.archive.keep("a", b"kept")
            ports.queues.defer("WorkQueue", record["receiptHandle"], 30)
        return {"batchItemFailures": []}
"""
RELAY = """
    import json

    from aftershow.ports.bus import BusEvent

    def handle(event, context, ports):
        events = [
            BusEvent("id", kind, detail)
            for record in event["Records"]
            for kind, detail in json.loads(record["dynamodb"]["NewImage"]["events"]["S"])
        ]
        refused = ports.bus.publish(events)
        ports.log.info("published", events=len(events), refused=len(refused))
        if refused:
            raise RuntimeError("refused")
"""


def run(folder: Path, faults: Faults | None) -> LocalHost:
    """One message through everything, to the end."""
    host = tiny_host(folder, {"worker": WORK, "relay": RELAY}, faults=faults)
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    host.run_until(START + HOUR)
    return host


def dry(folder: Path) -> Faults:
    """The calls of a run in which nothing breaks."""
    faults = Faults()
    run(folder, faults)
    return faults


def number_of(faults: Faults, name: str) -> int:
    """The first call of that name."""
    return next(call.number for call in faults.calls if call.name == name)


def test_a_dry_run_names_every_call_in_order(tmp_path: Path) -> None:
    """And finds the same ones when it's repeated."""
    faults = dry(tmp_path)
    assert [(call.function, call.name, call.about) for call in faults.calls[:11]] == [
        ("worker", "handler.start", ""),
        ("worker", "backend.read", "things"),
        ("worker", "backend.query", "things"),
        ("worker", "backend.query_index", "things"),
        ("worker", "backend.write", "things"),
        ("worker", "queues.backlog", "CopyQueue"),
        ("worker", "queues.send", "CopyQueue"),
        ("worker", "channel.send", "email"),
        ("worker", "archive.keep", ""),
        ("worker", "queues.defer", "WorkQueue"),
        ("worker", "handler.end", ""),
    ]
    # What can be asked of drafts is tried by tests/faults/test_drafts.py: this deployment has none.
    assert {call.name for call in faults.calls} == set(FAULTS_OF) - {"channel.confirmed", "channel.withdraw"}
    assert faults.calls == dry(tmp_path).calls
    assert faults.happened is None


def test_every_fault_of_every_call_happens_once_and_work_goes_on(tmp_path: Path) -> None:
    """Whatever breaks: the row stands at its first version, and each queue is empty at the end."""
    tried = list(dry(tmp_path).every())
    assert len(tried) > 30
    for call, fault in tried:
        faults = Faults(call.number, fault)
        host = run(tmp_path, faults)
        assert faults.happened == call
        item = host.store.get(Key("things", "a"))
        assert item is not None
        assert item.version.counter == 1
        assert host.queues.waiting("WorkQueue") == []
        assert host.queues.waiting("DeadQueue") == []
        assert host.failed_batches == []
        copies = [message.body for message in host.queues.waiting("CopyQueue")]
        assert "made a" in copies
        assert any("Made" in body for body in copies)


def test_a_crash_before_leaves_no_effect_and_the_message_comes_again(tmp_path: Path) -> None:
    """After the queue's time-out."""
    number = number_of(dry(tmp_path), "backend.write")
    host = tiny_host(tmp_path, {"worker": WORK}, faults=Faults(number, Fault.CRASH_BEFORE))
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    host.drain()
    assert value(host.store, Key("things", "a")) is None
    [waiting] = host.queues.waiting("WorkQueue")
    assert waiting.visible_at == START + MINUTE
    [error] = host.errors
    assert (error.message, error.fields["late"]) == ("ended before its end", False)


def test_a_crash_after_leaves_the_effect(tmp_path: Path) -> None:
    """The process is gone, the row stands."""
    number = number_of(dry(tmp_path), "backend.write")
    host = tiny_host(tmp_path, {"worker": WORK}, faults=Faults(number, Fault.CRASH_AFTER))
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    host.drain()
    assert value(host.store, Key("things", "a")) == 1
    assert len(host.queues.waiting("WorkQueue")) == 1


def test_nothing_of_a_crashed_function_can_act(tmp_path: Path) -> None:
    """Not its `finally`, not a generator that is closed later; nothing can be caught either."""
    source = """
        from aftershow.ports.queues import Message
        from aftershow.ports.store import Key

        kept = []

        def pages(ports):
            try:
                yield 1
            finally:
                ports.queues.send("CopyQueue", [Message("from the generator")])

        def handle(event, context, ports):
            reader = pages(ports)
            next(reader)
            kept.append(reader)
            try:
                ports.store.get(Key("things", "a"))
            except Exception:
                ports.queues.send("CopyQueue", [Message("from except")])
            finally:
                for act in (
                    lambda: ports.queues.send("CopyQueue", [Message("from finally")]),
                    lambda: ports.log.info("acted"),
                    ports.now,
                    ports.random,
                    ports.new_id,
                    lambda: ports.sleep(1),
                ):
                    try:
                        act()
                    except BaseException as error:
                        assert type(error).__name__ == "Crashed"
                    else:
                        raise AssertionError("a dead port answered")
                for reader in kept:
                    try:
                        reader.close()
                    except BaseException as error:
                        assert type(error).__name__ == "Crashed"
    """
    # Call 1 is the start, call 2 the read.
    faults = Faults(2, Fault.CRASH_BEFORE)
    host = tiny_host(tmp_path, {"worker": source}, faults=faults)
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    host.drain()
    assert host.queues.waiting("CopyQueue") == []
    assert [line.message for line in host.errors] == ["ended before its end"]


@pytest.mark.parametrize("found", [True, False])
def test_a_lost_reply_of_a_write_is_settled_by_reading_again(tmp_path: Path, *, found: bool) -> None:
    """The store finds its own commit; a refusal whose reply is lost is a conflict."""
    source = """
        from aftershow.ports.store import Conflict, Key, Put

        def handle(event, context, ports):
            key = Key("things", event["Records"][0]["body"])
            try:
                ports.store.commit([Put(key, "2", None)])
            except Conflict:
                ports.log.info("conflict", count=1)
            else:
                ports.log.info("committed", count=1)
    """
    host = tiny_host(tmp_path, {"worker": source}, faults=Faults(2, Fault.LOST_REPLY))
    if found:
        host.store.commit([Put(Key("things", "a"), "1", None)])
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    host.drain()
    assert host.tally == {"conflict.count" if found else "committed.count": 1}
    assert value(host.store, Key("things", "a")) == (1 if found else 2)


def test_lost_replies_of_the_other_ports(tmp_path: Path) -> None:
    """The effect is there, and the caller is told of a failure."""
    source = """
        from aftershow.model.messages import Email
        from aftershow.ports.channels import Outgoing
        from aftershow.ports.queues import Message, NotHandedOver

        def handle(event, context, ports):
            try:
                ports.queues.send("CopyQueue", [Message("x")])
            except NotHandedOver:
                ports.log.info("not handed over", count=1)
            answer = ports.channels["email"].send(Outgoing("a@example.com", Email("s", "t", "h")))
            ports.log.info(type(answer).__name__, count=1)
    """

    def after(number: int) -> LocalHost:
        faults = Faults(number, Fault.LOST_REPLY)
        host = tiny_host(tmp_path, {"worker": source}, faults=faults)
        host.ports("worker").queues.send("WorkQueue", [Message("a")])
        host.drain()
        return host

    unsent = after(2)
    assert unsent.tally["not handed over.count"] == 1
    assert len(unsent.queues.waiting("CopyQueue")) == 1
    doubtful = after(3)
    assert doubtful.tally["Ambiguous.count"] == 1
    assert len(doubtful.mailbox) == 1

    faults = dry(tmp_path)
    host = run(tmp_path, Faults(number_of(faults, "bus.publish"), Fault.LOST_REPLY))
    assert [line["refused"] for line in logged(host, "published")] == [1, 0]
    # Published twice: the bus had taken it the first time.
    bodies = [message.body for message in host.queues.waiting("CopyQueue")]
    assert sum("Made" in body for body in bodies) == 2


def test_duplicates_of_every_trigger(tmp_path: Path) -> None:
    """Each kind of work is delivered once more after it was worked off."""
    source = """
        def handle(event, context, ports):
            ports.log.info("called", times=1)
            return {}
    """
    body = dict.fromkeys(("web", "worker", "relay", "ticker"), source)

    def host_with(faults: Faults) -> LocalHost:
        return tiny_host(tmp_path, body, faults=faults)

    queue = host_with(Faults(1, Fault.DUPLICATE))
    queue.ports("worker").queues.send("WorkQueue", [Message("a")])
    queue.drain()
    assert queue.tally["called.times"] == 2
    assert queue.queues.waiting("WorkQueue") == []

    stream = host_with(Faults(1, Fault.DUPLICATE))
    stream.store.commit([Put(Key("things", "a"), "{}", None, (OutboxEvent("Made", "{}"),))])
    stream.drain()
    assert stream.tally["called.times"] == 2

    http = host_with(Faults(1, Fault.DUPLICATE))
    http.request("GET", "/things/a", {})
    assert http.tally["called.times"] == 2

    schedule = host_with(Faults(1, Fault.DUPLICATE))
    schedule.run_until(START + MINUTE)
    assert schedule.tally["called.times"] == 2


def test_a_crash_during_a_request_is_an_error_to_the_client(tmp_path: Path) -> None:
    """Who sends again, and finds the function well."""
    host = tiny_host(tmp_path, faults=Faults(1, Fault.CRASH_BEFORE))
    assert host.request("GET", "/things/a", {}).status == 500
    assert host.request("GET", "/things/a", {}).status == 204


def test_calls_from_outside_are_not_numbered(tmp_path: Path) -> None:
    """A test that prepares or looks changes no number."""
    faults = Faults()
    host = tiny_host(tmp_path, faults=faults)
    host.store.get(Key("things", "a"))
    host.ports("worker").queues.send("CopyQueue", [Message("a")])
    assert faults.calls == []


@pytest.mark.parametrize("arguments", [(1, None), (None, Fault.DUPLICATE)])
def test_a_fault_needs_a_call_and_a_kind(arguments: tuple[Any, Any]) -> None:
    """One without the other is a mistake of the test."""
    with pytest.raises(ValueError, match="both"):
        Faults(*arguments)


def test_a_fault_that_a_call_can_not_have_is_a_mistake(tmp_path: Path) -> None:
    """A read has no reply worth losing."""
    assert Fault.LOST_REPLY not in Call(1, "worker", "backend.read").faults
    host = tiny_host(tmp_path, {"worker": WORK}, faults=Faults(2, Fault.LOST_REPLY))
    host.ports("worker").queues.send("WorkQueue", [Message("a")])
    with pytest.raises(ImpossibleFault, match=r"backend\.read"):
        host.drain()


def test_a_channel_of_the_test_stands_in(tmp_path: Path) -> None:
    """For answers that the local SES never gives."""

    class Other:
        def send(self, message: Outgoing) -> Answer:
            return Accepted(f"other {message.address}")

    plain = tiny_host(tmp_path)
    host = LocalHost(
        tmp_path / "template.yaml",
        plain.state,
        channels={"email": Other},
    )
    answer = host.ports("web").channels["email"].send(Outgoing("a@example.com", Email("s", "t", "h")))
    assert answer == Accepted("other a@example.com")
