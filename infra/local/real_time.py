"""A local host in real time: it answers requests as they come, and does what falls due.

Everything happens on the thread that calls `run`, one thing at a time and requests first; so a debugger that stops
inside a handler stops all of it, and a client never waits for more than one batch of background work.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from infra.local.clock import real_now
from infra.local.gateway import HttpReply, HttpRequest
from infra.local.host import LocalHost
from infra.local.invoking import LogLine

# A file whose clock is further ahead than this keeps its lead: waiting for it would mean that nothing falls due. A
# smaller lead comes from a function that slept, and real time makes up for it.
KEPT_LEAD_MS = 60_000
# After a longer pause (the machine slept) what fell due is done before the next request is stamped.
MOST_BEHIND_MS = 60_000
# How often what another process wrote into the same file is looked for.
LOOK_EVERY_MS = 1_000

Answered = Callable[[HttpRequest, HttpReply, float], None]
Logged = Callable[[LogLine], None]
_Job = tuple[HttpRequest, Future[HttpReply]]


def _nothing(*_: object) -> None:
    return


class RealTime:
    """Runs a host until it is told to stop.

    `answered` is told of each request: what came, what went, and the milliseconds in between; `logged` of each line
    that a function logs. Both run on the host's thread.
    """

    def __init__(
        self,
        host: LocalHost,
        *,
        now: Callable[[], int] = real_now,
        answered: Answered = _nothing,
        logged: Logged = _nothing,
    ) -> None:
        self._host = host
        self._real_now = now
        self._answered = answered
        self._logged = logged
        lead = host.now - now()
        self._lead = lead if lead > KEPT_LEAD_MS else 0
        self._looked_at = 0
        self._inbox: SimpleQueue[_Job | None] = SimpleQueue()

    def ask(self, request: HttpRequest) -> Future[HttpReply]:
        """Let a request be answered, from any thread. An answer was committed to the disk before it is given."""
        future: Future[HttpReply] = Future()
        self._inbox.put((request, future))
        return future

    def stop(self) -> None:
        """Let `run` return after the work in hand; from any thread, or from a signal handler."""
        self._inbox.put(None)

    def run(self) -> None:
        """Answer and work until `stop`. Raises sqlite3.Error where the state can't be written any more."""
        pause_seconds = 0.0
        while True:
            try:
                job = self._inbox.get(timeout=pause_seconds)
            except Empty:
                pause_seconds = self._work()
                continue
            if job is None:
                return
            self._answer(job)
            pause_seconds = 0.0

    def answer_the_rest(self, ended: Callable[[], bool]) -> None:
        """After `run`: answer what is still asked, until `ended`."""
        while not ended():
            try:
                job = self._inbox.get(timeout=0.05)
            except Empty:
                continue
            if job is not None:
                self._answer(job)

    @property
    def _now(self) -> int:
        return self._real_now() + self._lead

    def _answer(self, job: _Job) -> None:
        request, future = job
        if not future.set_running_or_notify_cancel():
            return
        began, host = self._real_now(), self._host
        try:
            if self._now - host.now > MOST_BEHIND_MS:
                host.run_until(self._now)
            host.move_to(self._now)
            with host.state.synced():
                reply = host.request(request.method, request.path, request.headers, request.body, request.query)
        except sqlite3.Error as error:
            future.set_exception(error)
            raise
        future.set_result(reply)
        self._answered(request, reply, self._real_now() - began)
        self._tell()

    def _work(self) -> float:
        """One piece of work, if it's time; returns how many seconds nothing will be due."""
        host, now = self._host, self._now
        if host.now > now:
            # A function slept. What it did then has its time, and the next thing comes after it.
            return min(host.now - now, LOOK_EVERY_MS) / 1000
        # By the host's clock: what a look finds is done before the next look.
        if host.now - self._looked_at >= LOOK_EVERY_MS:
            self._looked_at = host.now
            host.look_again()
        due = host.next_at()
        host.move_to(now if due is None else min(due, now))
        if due is None or due > now:
            return min(now + LOOK_EVERY_MS if due is None else due, now + LOOK_EVERY_MS) / 1000 - now / 1000
        host.work()
        self._tell()
        return 0.0

    def _tell(self) -> None:
        lines = self._host.log_lines
        while lines:
            self._logged(lines.popleft())
