"""Running a function once: its ports, its context, its time limit, and the boundary around it."""

from __future__ import annotations

import importlib.util
import json
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from aftershow.ports.archive import NoArchive
from aftershow.ports.channels import Channel
from aftershow.ports.ports import Ports
from aftershow.ports.store import Backend, Store
from infra.local.faults import Crashed, Faults
from infra.local.intrinsics import ACCOUNT, REGION
from infra.local.lines import Line, LineArchive, LineBackend, LineBus, LineChannels, LineQueues, Traffic

if TYPE_CHECKING:
    from aftershow.model.settings import Settings
    from aftershow.ports.archive import Archive
    from aftershow.ports.bus import Bus
    from aftershow.ports.queues import Queues
    from infra.local.clock import SeededSource, VirtualClock
    from infra.local.wiring import Function

# A run over months must not grow without end; what is summed stays in the tally.
MAX_LOG_LINES = 200_000

Handle = Callable[[dict[str, Any], Any, Ports], dict[str, Any] | None]


class NoHandlerError(Exception):
    """A function's folder has no app.py with a `handle(event, context, ports)`."""


class Clocked(Protocol):
    """What the log needs of a clock."""

    now: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a function logged, or the host about it. `at` is epoch ms."""

    at: int
    function: str
    level: str
    message: str
    fields: Mapping[str, object]


class LogBook:
    """The log lines of all functions, newest last, and the sums of their numbers."""

    def __init__(self, clock: Clocked) -> None:
        self._clock = clock
        self.lines: deque[LogLine] = deque(maxlen=MAX_LOG_LINES)
        # f"{message}.{field}" of each info line, where the field is an integer.
        self.tally: Counter[str] = Counter()

    def write(self, function: str, level: str, message: str, fields: Mapping[str, object]) -> None:
        """Keep a line."""
        self.lines.append(LogLine(self._clock.now, function, level, message, fields))
        if level == "info":
            for name, value in fields.items():
                # Not bool, which is an int too.
                if type(value) is int:
                    self.tally[f"{message}.{name}"] += value


@dataclass(frozen=True, slots=True)
class LineLog:
    """`ports.Log` of one function."""

    line: Line
    book: LogBook

    def info(self, message: str, **fields: object) -> None:
        """See Log."""
        self.line.check()
        self.book.write(self.line.function, "info", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """See Log."""
        self.line.check()
        self.book.write(self.line.function, "warning", message, fields)


@dataclass(frozen=True, slots=True)
class Context:
    """Lambda's context object, on the virtual clock."""

    function_name: str
    aws_request_id: str
    invoked_function_arn: str
    deadline: int
    clock: VirtualClock
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is stopped. Only `sleep` uses up time."""
        return max(0, self.deadline - self.clock.now)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation ended. `answer` is None where it didn't return.

    `indexes`: tables whose index it asked. `again`: a fault wants its work delivered once more.
    """

    ok: bool
    answer: Any
    indexes: frozenset[str]
    again: bool


@dataclass(frozen=True, slots=True)
class Outside:
    """What all functions share."""

    backend: Backend
    queues: Queues
    archive: Archive
    traffic: Traffic
    clock: VirtualClock
    source: SeededSource
    book: LogBook
    faults: Faults | None


@dataclass(slots=True)
class Warm:
    """A function that is loaded: what stays from one invocation to the next."""

    function: Function
    settings: Settings
    bus: Bus
    channels: Mapping[str, Channel]
    handle: Handle | None = None
    memory: dict[str, tuple[int, object]] = field(default_factory=dict)


class Invoker:
    """Invokes functions, one at a time."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    def ports(self, warm: Warm, line: Line, deadline: int | None = None) -> Ports:
        """Ports over a line. `sleep` stops the function at `deadline`, epoch ms."""
        outside, clock, source = self._outside, self._outside.clock, self._outside.source

        def now() -> int:
            line.check()
            return clock.now

        def sleep(seconds: float) -> None:
            line.check()
            until = clock.now + ceil(seconds * 1000)
            clock.advance_to(until if deadline is None else min(until, deadline))
            if deadline is not None and until > deadline:
                line.crash()

        def random() -> float:
            line.check()
            return source.random()

        def new_id() -> str:
            line.check()
            return source.id()

        return Ports(
            store=Store(LineBackend(line, outside.backend, outside.traffic), new_id),
            queues=LineQueues(line, outside.queues, outside.traffic),
            bus=LineBus(line, warm.bus),
            channels=LineChannels(line, warm.channels),
            settings=warm.settings,
            log=LineLog(line, outside.book),
            now=now,
            sleep=sleep,
            random=random,
            new_id=new_id,
            archive=LineArchive(line, outside.archive) if warm.settings.archive_url else NoArchive(),
            memory=warm.memory,
        )

    def invoke(self, warm: Warm, event: dict[str, Any]) -> Outcome:
        """Run the function on the event, to its end or to its failure."""
        if warm.handle is None:
            warm.handle = load(warm.function)
        function, clock = warm.function, self._outside.clock
        line = Line(function.name, self._outside.faults)
        deadline = clock.now + 1000 * function.timeout_seconds
        context = Context(
            function_name=function.name,
            aws_request_id=self._outside.source.uuid(),
            invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function.id}",
            deadline=deadline,
            clock=clock,
        )
        answer, ok = None, False
        try:
            line.point("handler.start")
            answer = warm.handle(event, context, self.ports(warm, line, deadline))
            # As in Lambda, an answer that isn't JSON is a failure.
            json.dumps(answer)
            line.point("handler.end")
            ok = True
        except Crashed:
            # The process is gone, and with it what it remembered.
            warm.memory = {}
            self._report(function, "ended before its end", late=clock.now >= deadline)
        except Exception as error:  # noqa: BLE001 (the one boundary: a handler may raise anything)
            trace = "".join(traceback.format_exception(error))
            self._report(function, "raised", error=type(error).__name__, trace=trace)
        finally:
            line.dead = True
        return Outcome(ok, answer if ok else None, frozenset(line.indexes), line.deliver_again)

    def _report(self, function: Function, message: str, **fields: object) -> None:
        self._outside.book.write(function.name, "error", message, fields)


def load(function: Function) -> Handle:
    """The function's `handle`, from its app.py. Raises NoHandlerError."""
    path = function.folder / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions.{function.name}.app", path)
    if not path.is_file() or spec is None or spec.loader is None:
        message = f"{function.name}: there is no {path}"
        raise NoHandlerError(message)
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handle: Handle | None = getattr(module, "handle", None)
    if handle is None:
        message = f"{path} has no handle(event, context, ports)"
        raise NoHandlerError(message)
    return handle
