"""`aftershow up`: the HTTP API of a local shop, in real time."""

from __future__ import annotations

import re
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from aftershow.model.instants import iso
from aftershow.rules.intake import KINDS
from aftershow.services.wires import WIRES
from infra.local import runs
from infra.local.catalog import LOCAL_SOURCE
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    progress,
    refuse,
    refusing,
)
from infra.local.gateway import HttpReply, HttpRequest
from infra.local.host import LocalHost
from infra.local.intrinsics import TemplateError
from infra.local.invoking import LogLine
from infra.local.listening import Listener, PortTakenError, Sockets
from infra.local.parameters import SetOption, parameters
from infra.local.real_time import RealTime

DEFAULT_PORT = 8787
# Of all that functions log, what an owner waits for.
_TOLD = frozenset({"sent", "clicked", "unsubscribed", "won back"})
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')

_WELCOME = """\
aftershow is up on {url}, for this machine only. Write key: {key}
The state is {data}; its clock reads {clock}.
E-mails are not sent from here: they stay in the state. Links in them lead to {links}

Send an event:
  curl -u {key}: {url}/v1/track -H 'content-type: application/json' \\
    -d '{{"anonymousId": "me", "event": "Live Room Entered", "properties": {{"show_id": "first"}}}}'
See what became of it (in another terminal): infra/aftershow explain me{option}
Python: segment.analytics.Client("{key}", host="{url}")
Node:   new Analytics({{ writeKey: "{key}", host: "{url}" }})
boto3:  boto3.client("pinpoint", endpoint_url="{url}").put_events(ApplicationId="{key}", ...)

Ctrl-C ends it; what was answered with 200 is kept.
"""


def up(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = DEFAULT_PORT,
    data: DataOption = DEFAULT_DATA,
    base_url: Annotated[
        str | None, typer.Option(help="Origin of the links in messages; else this server's own.", show_default=False)
    ] = None,
    given: SetOption = None,
    quiet: Annotated[  # noqa: FBT002 (a flag of the command line)
        bool, typer.Option("--quiet", help="No line for each request, only what went wrong.")
    ] = False,
) -> None:
    """Answer the HTTP API of the template on this machine, in real time, through the real functions.

    It goes on from what demo, replay or an earlier up left; where there is nothing, it begins a new shop. The file is
    the shop's own from then on. If its clock is behind, what fell due since then happens first. Reminders, schedules
    and queues then run by the real clock. It listens on the loopback addresses only and sends nothing to anybody.
    """
    with refusing(TemplateError):
        named = parameters(given)
    with refusing(PortTakenError):
        sockets = Sockets(port)
    url = f"http://127.0.0.1:{sockets.port}"
    with refusing(runs.CannotRun), progress("Opening") as report:
        run = runs.going_on(data, parameters={"BaseUrl": base_url or url, **named}, progress=report)
    away = _while_away(run)
    teller = Teller(run.host, quiet=quiet)
    real_time = RealTime(run.host, answered=teller.answered, logged=teller.logged)
    listener = Listener(sockets, real_time.ask)
    option = "" if data == DEFAULT_DATA else f" --data {data}"
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.host.now / 1000))
    told = _WELCOME.format(url=url, key=LOCAL_SOURCE, data=data, clock=clock, links=base_url or url, option=option)
    sys.stdout.write(told + away)
    sys.stdout.flush()
    _serve(run, real_time, listener)
    sys.stdout.write(teller.farewell())


def _while_away(run: runs.Run) -> str:
    """What happened while the clock caught up, in a line; the lines of each are over and done."""
    run.host.log_lines.clear()
    counts = {"reminders sent": "sent.sent", "events worked off": "scored.events"}
    happened = [f"{run.tally[name]:,} {words}" for words, name in counts.items() if run.tally[name]]
    return f"Since {iso(run.begins_at)[:16]}: {', '.join(happened)}.\n" if happened else ""


def _serve(run: runs.Run, real_time: RealTime, listener: Listener) -> None:
    with _stopping(real_time):
        listener.start()
        try:
            real_time.run()
        except sqlite3.Error as error:
            refuse(f"the state can't be written any more: {error}", FOUND_SOMETHING_WRONG)
        else:
            listener.stop()
            real_time.answer_the_rest(lambda: listener.ended)
            run.close()


@contextmanager
def _stopping(real_time: RealTime) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the work in hand first; a second one ends at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        real_time.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Teller:
    """Writes a line for each request, and for what went wrong; never a path with a token, a body, or an address."""

    def __init__(self, host: LocalHost, *, quiet: bool) -> None:
        self._host = host
        self._quiet = quiet
        self._requests = 0
        self._events = ""

    def answered(self, request: HttpRequest, reply: HttpReply, milliseconds: float) -> None:
        """A request was answered."""
        self._requests += 1
        if self._quiet:
            return
        events = "".join(_counts(line) for line in self._host.log_lines if line.message == "ingested")
        size = f"{len(request.body):,} B"
        route = self._route(request)
        self._write(
            f"{request.method:7} {route:16} {reply.status} {size:>10} {milliseconds:5.0f} ms  {events}".rstrip()
        )

    def logged(self, line: LogLine) -> None:
        """A function logged something."""
        if line.level == "error":
            self._write(f"{line.function}: {line.message} {line.fields.get('error', '')}{_place(line)}")
        elif line.level == "warning":
            fields = ", ".join(f"{name} {value}" for name, value in line.fields.items())
            self._write(f"{line.function}: {line.message}: {fields}")
        elif line.message in _TOLD and not self._quiet:
            self._write(_counts(line))

    def farewell(self) -> str:
        """The last line."""
        return f"{self._requests:,} requests; ended, nothing is lost\n"

    def _route(self, request: HttpRequest) -> str:
        route = self._host.route_of(request.method, request.path)
        if route is None:
            return "(no route)"
        return request.path if request.path.removeprefix("/v1/") in {*KINDS, *WIRES} else route

    def _write(self, text: str) -> None:
        sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
        sys.stdout.flush()


def _counts(line: LogLine) -> str:
    fields = ", ".join(f"{value} {name}" for name, value in line.fields.items() if value and type(value) is int)
    return f"{line.message}: {fields}" if fields else ""


def _place(line: LogLine) -> str:
    """Where a function failed: the trace's last place. Its message may hold what a viewer wrote."""
    places = _PLACE.findall(str(line.fields.get("trace", "")))
    return f" at {Path(places[-1][0]).name}:{places[-1][1]}" if places else ""
