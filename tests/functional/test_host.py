"""The local host does between the functions what AWS does, on a virtual clock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aftershow.ports.store import Key, Put
from infra.local.host import LocalHost
from infra.local.invoking import NoHandlerError
from tests.functional.tiny import HOUR, LOOK, MINUTE, START, fresh_state, logged, made, put, seen, send, tiny_host

# Publishes what rows carry, and breaks on a row that says so.
RELAY = """
    import json

    from aftershow.ports.bus import BusEvent

    def handle(event, context, ports):
        images = [record["dynamodb"]["NewImage"] for record in event["Records"]]
        ports.log.info("read", rows=[image["pk"]["S"] for image in images], at=ports.now())
        if any("poison" in image["pk"]["S"] for image in images):
            raise RuntimeError("poison")
        for image in images:
            for kind, detail in json.loads(image["events"]["S"]):
                ports.bus.publish([BusEvent("id", kind, detail)])
"""


def test_rules_fill_the_queues_that_they_name(tmp_path: Path) -> None:
    """With EventBridge's event around the detail; what matches no rule is gone."""
    host = tiny_host(tmp_path, {"relay": RELAY})
    put(host, "a", made("large"), made("small"))
    host.drain()
    [message] = host.queues.waiting("CopyQueue")
    event = json.loads(message.body)
    assert event["detail"] == {"size": "large"}
    assert event["detail-type"] == "Made"
    assert event["source"] == "aftershow"
    assert event["time"] == "2026-03-06T11:00:00Z"
    assert event["version"] == "0"


def test_a_stream_brings_only_rows_that_pass_the_filter(tmp_path: Path) -> None:
    """In DynamoDB's own form, with the image before and after."""
    host = tiny_host(tmp_path, {"relay": LOOK})
    put(host, "silent")
    put(host, "a", made("large"))
    put(host, "a", made("small"))
    host.drain()
    records = [record for event in seen(host) for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY"]
    change = records[1]["dynamodb"]
    assert change["Keys"] == {"pk": {"S": "a"}, "sk": {"S": "-"}}
    assert change["OldImage"]["n"] == {"N": "1"}
    assert change["NewImage"]["n"] == {"N": "2"}
    assert change["SequenceNumber"] > records[0]["dynamodb"]["SequenceNumber"]
    assert records[1]["eventSourceARN"].split("/")[1] == "ThingsTable"


def test_a_poison_record_is_parted_from_its_neighbours_and_given_up(tmp_path: Path) -> None:
    """Halves, retries with pauses, then the on-failure destination; later records wait."""
    host = tiny_host(tmp_path, {"relay": RELAY})
    for name in ("a", "b", "poison", "c", "d"):
        put(host, name, made("large"))
    host.run_until(START + HOUR)
    tries = [line["rows"] for line in logged(host, "read")]
    assert tries == [
        ["a", "b", "poison", "c"],
        ["a", "b"],
        ["poison", "c"],
        ["poison"],
        ["poison"],
        ["poison"],
        ["c"],
        ["d"],
    ]
    [given_up] = host.failed_batches
    assert given_up.destination == "FailuresBucket"
    assert given_up.reason == "the retries are used up"
    assert given_up.event["Records"][0]["dynamodb"]["NewImage"]["pk"] == {"S": "poison"}
    assert len(host.queues.waiting("CopyQueue")) == 4


def test_records_that_are_too_old_are_given_up_unseen(tmp_path: Path) -> None:
    """A function that is down for longer than the mapping's age loses them to the destination."""
    host = tiny_host(tmp_path, {"relay": LOOK})
    put(host, "a", made("large"))
    # The clock jumps without anybody reading the stream.
    host.ports("worker").sleep(2 * 3600)
    host.drain()
    assert seen(host) == []
    assert [batch.reason for batch in host.failed_batches] == ["the records are too old"]


def test_expired_items_are_removed_once_a_day(tmp_path: Path) -> None:
    """Without an image after, so the relay's filter keeps the removal out."""
    host = tiny_host(tmp_path)
    expires_at = START // 1000 + 3600
    host.store.commit([Put(Key("things", "a"), "{}", None, expires_at=expires_at)])
    host.run_until(START + 2 * HOUR)
    assert host.store.get(Key("things", "a")) is not None
    host.run_until(START + 24 * HOUR)
    assert host.store.get(Key("things", "a")) is None
    assert host.tally["relayed.records"] == 0


def test_every_tick_is_run_where_the_function_promises_nothing(tmp_path: Path) -> None:
    """At whole minutes."""
    source = """
        def handle(event, context, ports):
            ports.log.info("tick", time=event["time"], calls=1)
    """
    host = tiny_host(tmp_path, {"ticker": source}, start_at=START + 20_000)
    host.run_until(START + HOUR)
    assert host.tally["tick.calls"] == 60
    assert logged(host, "tick")[0]["time"] == "2026-03-06T11:01:00Z"


DUE = """
    from aftershow.ports.store import Range

    def handle(event, context, ports):
        rows = ports.store.query_index("things", Range("due")).rows
        moments = [int(row.sk) for row in rows]
        ports.log.info("tick", at=ports.now())
        return {"next_due": min((each for each in moments if each > ports.now()), default=None)}
"""


def ticks(host: LocalHost) -> list[int]:
    """When the ticker was called, in minutes since the start."""
    return [(line["at"] - START) // MINUTE for line in logged(host, "tick")]


def test_ticks_are_skipped_until_the_promised_moment(tmp_path: Path) -> None:
    """Three months of minutes cost a few calls; what is planned meanwhile is noticed."""
    host = tiny_host(tmp_path, {"ticker": DUE})
    # Between two ticks: the earlier one must see it, to let it go to the second.
    put(host, f"{START + 89 * MINUTE + 20_000:015d}", index="due")
    host.run_until(START + 2 * 60 * MINUTE + 30_000)
    assert ticks(host) == [1, 89, 90]
    # An entry of the index wakes the ticker at the next whole minute; a row without one doesn't.
    put(host, "silent")
    host.run_until(START + 130 * MINUTE + 30_000)
    assert ticks(host) == [1, 89, 90]
    put(host, f"{START + 3 * 60 * MINUTE:015d}", index="due")
    host.run_until(START + 90 * 24 * HOUR)
    assert ticks(host) == [1, 89, 90, 131, 180]


def test_a_function_that_sleeps_moves_the_clock_and_delays_ticks(tmp_path: Path) -> None:
    """Ticks that were missed meanwhile become one."""
    sleeper = """
        def handle(event, context, ports):
            ports.sleep(9.5)
            ports.log.info("slept", left=context.get_remaining_time_in_millis())
    """
    tick = "def handle(event, context, ports):\n    ports.log.info('tick', at=ports.now())\n"
    host = tiny_host(tmp_path, {"worker": sleeper, "ticker": tick}, start_at=START + 55_000)
    for place in range(20):
        send(host, f"message {place}")
        host.drain()
    assert host.now == START + 55_000 + 20 * 9_500
    assert {line["left"] for line in logged(host, "slept")} == {500}
    assert len(ticks(host)) == 4


def test_a_function_that_runs_out_of_time_is_stopped(tmp_path: Path) -> None:
    """Its message comes again, and its `finally` can't act."""
    source = """
        from aftershow.ports.queues import Message

        def handle(event, context, ports):
            try:
                ports.sleep(11)
            finally:
                ports.queues.send("CopyQueue", [Message("too late")])
    """
    host = tiny_host(tmp_path, {"worker": source})
    send(host, "work")
    host.drain()
    assert host.now == START + 10_000
    [error] = host.errors
    assert (error.message, error.fields["late"]) == ("ended before its end", True)
    assert host.queues.waiting("CopyQueue") == []
    assert [message.receive_count for message in host.queues.waiting("WorkQueue")] == [1]


COUNT = """
    import json

    from aftershow.ports.store import Key, Put

    def handle(event, context, ports):
        for record in event["Records"]:
            key = Key("things", record["body"])
            item = ports.store.get(key)
            ports.store.commit([Put(key, "{}", item.version if item else None)])
            ports.log.info("worked", id=ports.new_id(), chance=ports.random(), messages=1)
            ports.log.info("known", version=ports.store.get(key).version.commit)
"""


def test_equal_runs_are_equal(tmp_path: Path) -> None:
    """Ids, chance and moments follow from the seed; another seed gives others."""

    def lines(seed: int) -> list[Any]:
        host = tiny_host(tmp_path, {"worker": COUNT}, seed=seed)
        for place in range(30):
            send(host, f"message {place}", delay_seconds=place)
        host.run_until(START + HOUR)
        return list(host.log_lines)

    assert lines(7) == lines(7)
    assert lines(7) != lines(8)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Clock, messages, streams' positions and the source of ids stand in the file."""
    path = tmp_path / "local.db"
    state = fresh_state(path)
    host = tiny_host(tmp_path, {"worker": COUNT, "relay": RELAY}, state=state)
    send(host, "first")
    put(host, "a", made("large"))
    host.run_until(START + HOUR)
    send(host, "second", delay_seconds=600)
    put(host, "b", made("large"))
    host.close()
    state.close()

    later = fresh_state(path)
    again = tiny_host(tmp_path, {"worker": COUNT, "relay": RELAY}, state=later, start_at=None)
    assert again.now == START + HOUR
    again.run_until(START + 2 * HOUR)
    assert [line["rows"] for line in logged(again, "read")] == [["b"]]
    [second] = logged(again, "worked")
    [first] = logged(host, "worked")
    assert second["id"] != first["id"]
    assert again.store.get(Key("things", "second")) is not None
    later.close()


def test_a_killed_run_uses_no_id_twice_and_loses_a_minute_at_most(tmp_path: Path) -> None:
    """Nobody called close."""
    path = tmp_path / "local.db"
    state = fresh_state(path)
    host = tiny_host(tmp_path, state=state)
    ids = {host.ports("worker").new_id() for _ in range(100)}
    host.run_until(START + HOUR + 59_999)
    state.close()
    later = fresh_state(path)
    again = tiny_host(tmp_path, state=later, start_at=None)
    assert START + HOUR <= again.now <= START + HOUR + 59_999
    assert again.ports("worker").new_id() not in ids
    later.close()


def test_integers_of_info_lines_are_summed(tmp_path: Path) -> None:
    """Not truths, not texts, and not the lines of other levels."""
    source = """
        def handle(event, context, ports):
            ports.log.info("done", messages=2, good=True, name="x")
            ports.log.warning("odd", messages=5)
    """
    host = tiny_host(tmp_path, {"worker": source})
    send(host, "a")
    host.drain()
    assert host.tally == {"done.messages": 2}


def test_what_a_warm_function_remembers_ends_with_its_process(tmp_path: Path) -> None:
    """An exception leaves the process as it is; running out of time ends it."""
    source = """
        def handle(event, context, ports):
            ports.log.info("remembered", before=len(ports.memory))
            ports.memory[event["Records"][0]["body"]] = (0, None)
            if event["Records"][0]["body"] == "raise":
                raise RuntimeError
            if event["Records"][0]["body"] == "sleep":
                ports.sleep(60)
    """
    host = tiny_host(tmp_path, {"worker": source})
    for body in ("a", "raise", "b", "sleep", "c"):
        send(host, body)
        host.drain()
    assert [line["before"] for line in logged(host, "remembered")][:5] == [0, 1, 2, 3, 0]


def test_what_another_process_wrote_is_noticed_when_asked_to_look(tmp_path: Path) -> None:
    """A command that sends into the file of a running host."""
    path = tmp_path / "local.db"
    state, other = fresh_state(path), fresh_state(path)
    host = tiny_host(tmp_path, state=state)
    host.drain()
    stranger = tiny_host(tmp_path, state=other, start_at=None)
    send(stranger, "a")
    put(stranger, "b", made("large"))
    host.drain()
    assert host.tally == {}
    assert host.ports("worker").new_id() != stranger.ports("worker").new_id()
    host.look_again()
    host.drain()
    assert host.tally == {"worked.messages": 1, "relayed.records": 1}
    other.close()
    state.close()


def test_progress_is_told_and_time_never_goes_back(tmp_path: Path) -> None:
    """At every step, the last one included."""
    moments: list[int] = []
    host = tiny_host(tmp_path)
    send(host, "a", delay_seconds=30)
    host.run_until(START + HOUR, moments.append)
    assert moments == sorted(moments)
    assert moments[-1] == START + HOUR == host.now
    host.run_until(START)
    assert host.now == START + HOUR


def test_a_folder_without_a_handler_is_named(tmp_path: Path) -> None:
    """That is nothing to retry."""
    host = tiny_host(tmp_path, {"web": "handler = None\n"})
    with pytest.raises(NoHandlerError, match=r"web.app\.py has no handle"):
        host.request("GET", "/things/a", {})
