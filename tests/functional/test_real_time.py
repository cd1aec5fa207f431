"""The host by the real clock; here a clock that goes faster, so that minutes pass in a second."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

from infra.local.clock import iso
from infra.local.gateway import HttpReply, HttpRequest
from infra.local.host import LocalHost
from infra.local.invoking import LogLine
from infra.local.real_time import RealTime
from tests.functional.tiny import LOOK, MINUTE, START, fresh_state, send, tiny_host

TICKS = """
    from aftershow.ports.store import Range

    def handle(event, context, ports):
        ports.store.query_index("things", Range("due", limit=1))
        ports.log.info("tick", at=ports.now())
        return {"next_due": None}
"""
GET = HttpRequest("GET", "/things/a", {}, b"")


class Clock:
    """Epoch ms, `step_ms` later at each look."""

    def __init__(self, at: int, step_ms: int) -> None:
        self.at = at
        self.step_ms = step_ms

    def __call__(self) -> int:
        self.at += self.step_ms
        return self.at


class Lines(list[LogLine]):
    """What was logged; stops the host at the so-manieth line of one kind."""

    def __init__(self, message: str, count: int) -> None:
        super().__init__()
        self.message = message
        self.wanted = count
        self.real_time: RealTime | None = None

    def __call__(self, line: LogLine) -> None:
        self.append(line)
        if sum(each.message == self.message for each in self) == self.wanted and self.real_time is not None:
            self.real_time.stop()


def lived(host: LocalHost, clock: Clock, lines: Lines) -> list[LogLine]:
    """Live until the lines are there."""
    lines.real_time = RealTime(host, now=clock, logged=lines)
    lines.real_time.run()
    return [line for line in lines if line.message == lines.message]


def test_schedules_tick_by_the_clock(tmp_path: Path) -> None:
    """Also where the function promised that nothing is due: another process may have planned something."""
    host = tiny_host(tmp_path, {"ticker": TICKS})
    told = lived(host, Clock(START, 40_000), Lines("tick", 3))
    assert [iso(line.at)[11:] for line in told] == ["11:01:00Z", "11:02:00Z", "11:03:00Z"]


def test_delayed_messages_come_at_their_moment(tmp_path: Path) -> None:
    host = tiny_host(tmp_path)
    send(host, "a", delay_seconds=90)
    [worked] = lived(host, Clock(START, 20_000), Lines("worked", 1))
    assert worked.at == START + 90_000


def test_what_another_process_sends_is_worked_off(tmp_path: Path) -> None:
    path = tmp_path / "local.db"
    host = tiny_host(tmp_path, state=fresh_state(path))
    other = tiny_host(tmp_path, state=fresh_state(path), start_at=None)
    host.drain()
    send(other, "a")
    assert lived(host, Clock(START, 2_000), Lines("worked", 1))


def test_a_request_is_answered_and_stamped_with_now(tmp_path: Path) -> None:
    host = tiny_host(tmp_path, {"web": LOOK.replace('{"batchItemFailures": []}', "None")})
    clock, answers = Clock(START + MINUTE, 1), []

    def note(request: HttpRequest, reply: HttpReply, _milliseconds: float) -> None:
        answers.append((request.path, reply.status, host.now - START - MINUTE))

    real_time = RealTime(host, now=clock, answered=note)
    replies: list[HttpReply] = []

    def client() -> None:
        replies.append(real_time.ask(GET).result())
        real_time.stop()

    asking = Thread(target=client)
    asking.start()
    real_time.run()
    asking.join()
    assert [reply.status for reply in replies] == [200]
    [(path, status, late)] = answers
    assert (path, status) == ("/things/a", 200)
    assert 0 < late < 1_000


def test_after_a_long_sleep_the_past_happens_before_the_next_request(tmp_path: Path) -> None:
    """The machine slept for an hour: a message was due then, and is worked off at its own moment."""
    host = tiny_host(tmp_path)
    send(host, "a", delay_seconds=60)
    lines = Lines("worked", 1)
    real_time = RealTime(host, now=Clock(START + 60 * MINUTE, 1), logged=lines)
    lines.real_time = real_time
    future = real_time.ask(GET)
    real_time.run()
    assert future.result().status == 204
    assert [line.at for line in lines if line.message == "worked"] == [START + MINUTE]


def test_a_clock_that_is_far_ahead_goes_on_from_there(tmp_path: Path) -> None:
    host = tiny_host(tmp_path, {"ticker": TICKS})
    behind = Clock(START - 48 * 60 * MINUTE, 30_000)
    [told] = lived(host, behind, Lines("tick", 1))
    assert told.at == START + MINUTE


def test_a_function_that_slept_lets_the_clock_come_up(tmp_path: Path) -> None:
    """Its sleep moved the host's clock, so what comes next waits for real time."""
    sleepy = """
        def handle(event, context, ports):
            ports.sleep(5)
            ports.log.info("worked", messages=len(event["Records"]))
            return {"batchItemFailures": []}
    """
    host = tiny_host(tmp_path, {"worker": sleepy})
    clock = Clock(START, 1_000)
    moments: list[int] = []

    class Noting(Lines):
        def __call__(self, line: LogLine) -> None:
            if line.message == "worked":
                moments.append(clock.at)
            super().__call__(line)

    send(host, *(str(number) for number in range(20)))
    lived(host, clock, Noting("worked", 2))
    assert moments[0] < START + 5_000 <= moments[1]
