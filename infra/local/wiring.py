"""How functions, queues, tables, rules and streams hang together: plain values.

Read from `template.yaml` by `template`, run by `host`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_BUS = "default"
# In place of a number of retries or seconds.
FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function. `name` is the name of its folder, `id` its logical id."""

    id: str
    name: str
    folder: Path
    environment: Mapping[str, str]
    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue; without a dead-letter queue a message returns until its retention ends."""

    id: str
    visibility_seconds: int
    delay_seconds: int
    retention_seconds: int
    max_receive_count: int | None
    dead_letter_queue: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `name` is what the store calls it (from the functions' TABLES), `id` where it is."""

    id: str
    name: str
    indexed: bool
    streamed: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """Events of a bus that match the pattern go to each of the queues."""

    id: str
    bus: str
    pattern: Mapping[str, Any]
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A function that works off a queue. `function` is the function's name."""

    id: str
    function: str
    queue: str
    batch_size: int
    partial_failures: bool


@dataclass(frozen=True, slots=True)
class StreamSource:
    """A function that reads a table's stream. -1 retries or seconds: without end.

    `filters`: a record passes that matches one of them; none: every record passes.
    """

    id: str
    function: str
    table: str
    filters: tuple[Mapping[str, Any], ...]
    batch_size: int
    bisect: bool
    max_retries: int
    max_age_seconds: int
    on_failure: str | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that is called every `period_ms`, at whole multiples of it since the epoch."""

    id: str
    function: str
    period_ms: int


@dataclass(frozen=True, slots=True)
class Route:
    """A function that answers HTTP requests. `path` may hold `{name}` for one segment."""

    method: str
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class EmailEvents:
    """Which events SES reports for messages sent with a configuration set."""

    configuration_set: str
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cors:
    """What pages of other origins may do with the HTTP API. `origins` may hold "*"; -1 seconds: not said."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_seconds: int = -1


@dataclass(frozen=True, slots=True)
class Template:
    """Everything that a local run needs of the template, each kind in the template's order."""

    functions: tuple[Function, ...]
    queues: tuple[Queue, ...]
    tables: tuple[Table, ...]
    rules: tuple[Rule, ...]
    queue_sources: tuple[QueueSource, ...]
    stream_sources: tuple[StreamSource, ...]
    schedules: tuple[Schedule, ...]
    routes: tuple[Route, ...]
    email_events: tuple[EmailEvents, ...]
    cors: Cors

    def function(self, name: str) -> Function:
        """The function whose folder has this name. Raises KeyError."""
        for function in self.functions:
            if function.name == name:
                return function
        raise KeyError(name)
