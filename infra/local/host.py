"""The local host: the real handlers in one process and one thread, wired from `template.yaml`.

What AWS does between the functions (HTTP API, queues, rules, schedules, streams, retries, dead
letters) is done here on a virtual clock, which stands still while nobody moves it. Everything that
a run must remember stands in the state, so that a run can go on later, and equal runs are equal.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from aftershow.adapters.file import FileChannel
from aftershow.adapters.mime import Letterhead
from aftershow.model.settings import Settings
from aftershow.ports.channels import Channel
from aftershow.ports.ports import Ports
from aftershow.ports.store import Store
from infra.local.buses import LocalBus, LocalBuses
from infra.local.clock import SeededSource, VirtualClock
from infra.local.deliveries import QueueWatch, QueueWorker, ReportWorker, shape_of
from infra.local.embedded import EmbeddedArchive, EmbeddedBackend, EmbeddedQueues
from infra.local.gateway import MAX_BODY_BYTES as MAX_REQUEST_BYTES
from infra.local.gateway import Gateway, HttpReply, HttpRequest, origin_of
from infra.local.invoking import Invoker, LogBook, LogLine, Outcome, Outside, Warm
from infra.local.lines import Line, LineQueues, Traffic
from infra.local.mailbox import LocalSes, Mailbox
from infra.local.schedules import ExpiryWorker, ScheduleWorker
from infra.local.streams import FailedBatch, Reading, StreamWorker, StreamWorkers, failed_batches
from infra.local.template import read_template
from infra.local.wecom import LocalWecom

if TYPE_CHECKING:
    from infra.local.embedded import EmbeddedState
    from infra.local.faults import Faults
    from infra.local.wiring import Function

# Batches without the clock moving on: more than any real moment has, so something feeds itself.
MAX_BATCHES_PER_MOMENT = 1_000_000

MakeChannel = Callable[[], Channel]


class NeverIdleError(Exception):
    """At one moment of the virtual clock the work doesn't come to an end."""


class Worker(Protocol):
    """Something that has work to do at certain moments."""

    def next_at(self) -> int | None:
        """When it has work, epoch ms; in the past or now: at once; None: never as things are."""

    def work(self) -> bool:
        """Do one piece of it, if it's time; whether there was one."""


class Channels(Mapping[str, Channel]):
    """Channels that are made when they are first asked for."""

    def __init__(self, makers: Mapping[str, MakeChannel]) -> None:
        self._makers = makers
        self._made: dict[str, Channel] = {}

    def __getitem__(self, name: str) -> Channel:
        """The channel; KeyError where there is none of this name."""
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._makers)

    def __len__(self) -> int:
        """How many."""
        return len(self._makers)


class LocalHost:
    """One deployment on this machine.

    template    path of template.yaml; the functions' folders are found beside it
    state       where everything is kept; the host takes over its clock and its list of streams
    parameters  over the template's defaults
    seed        of ids and chance
    start_at    epoch ms; None: go on from the clock kept in the state
    faults      numbers the calls of ports, and may break one
    folder      where the channel "file" writes, and those that have no stand-in here, each into a folder of its name
    channels    in the place of the real channels of these names, for tests

    Raises TemplateError.
    """

    def __init__(
        self,
        template: Path,
        state: EmbeddedState,
        *,
        parameters: Mapping[str, str] | None = None,
        seed: int = 0,
        start_at: int | None = None,
        faults: Faults | None = None,
        folder: Path | None = None,
        channels: Mapping[str, MakeChannel] | None = None,
    ) -> None:
        self.template = read_template(template, parameters)
        self.state = state
        self._folder = folder
        self._given_channels = dict(channels or {})
        self._clock = VirtualClock(state, start_at)
        self._source = SeededSource(state, seed)
        self._traffic = Traffic()
        places = {table.name: table.id for table in self.template.tables}
        state.now = self._clock.moment
        state.streamed = frozenset(table.id for table in self.template.tables if table.streamed)
        self.backend = EmbeddedBackend(state, places)
        self.queues = EmbeddedQueues(state)
        for queue in self.template.queues:
            self.queues.create(queue.id, shape_of(queue))
        self.archive = EmbeddedArchive(state)
        self._book = LogBook(self._clock)
        self.mailbox = Mailbox(state)
        self.wecom = LocalWecom(state)
        self._invoker = Invoker(
            Outside(
                backend=self.backend,
                queues=self.queues,
                archive=self.archive,
                traffic=self._traffic,
                clock=self._clock,
                source=self._source,
                book=self._book,
                faults=faults,
            )
        )
        # What rules do isn't a call of any function's, so it isn't numbered.
        routed = LineQueues(Line("rules"), self.queues, self._traffic)
        self._buses = LocalBuses(self.template.rules, routed, self._clock, self._source)
        self._gateway = Gateway(self.template.routes, self.template.cors)
        watch = QueueWatch(self.queues, self._traffic)
        self._reports = ReportWorker(self.queues, watch, self._clock, self._buses)
        self.ses = LocalSes(self.mailbox, self._clock, self._source, self.template.email_events, self._report)
        self._warm = {each.name: self._warmed(each) for each in self.template.functions}
        self._workers = self._make_workers(watch)

    @property
    def now(self) -> int:
        """The virtual clock, epoch ms."""
        return self._clock.now

    @property
    def store(self) -> Store:
        """The store over all tables, for whoever looks or prepares from outside."""
        return self._any_ports().store

    @property
    def log_lines(self) -> deque[LogLine]:
        """What functions logged, the newest last; at level "error", how the host saw them fail."""
        return self._book.lines

    @property
    def tally(self) -> Counter[str]:
        """Sums of the integers in info lines, by f"{message}.{field}"."""
        return self._book.tally

    @property
    def errors(self) -> list[LogLine]:
        """Invocations that raised, ran out of time or crashed."""
        return [line for line in self._book.lines if line.level == "error"]

    @property
    def failed_batches(self) -> list[FailedBatch]:
        """Stream records that were given up, as their on-failure destination has them."""
        return failed_batches(self.state)

    def ports(self, function: str) -> Ports:
        """The ports of a function, for use outside of its invocations; calls aren't numbered."""
        return self._invoker.ports(self._warm[function], Line(function))

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        query: str = "",
    ) -> HttpReply:
        """What an HTTP client gets. What it set off is worked off by `drain` or `run_until`."""
        request = HttpRequest(method.upper(), path, headers, body, query)
        origin = origin_of(headers)
        if request.method == "OPTIONS":
            return self._gateway.preflight(headers)
        if len(body) > MAX_REQUEST_BYTES:
            return self._gateway.problem(413, "Request Entity Too Large", origin)
        found = self._gateway.route(request)
        if found is None:
            return self._gateway.problem(404, "Not Found", origin)
        route, parameters = found
        event = self._gateway.event(request, route, parameters, self._source.uuid(), self._clock.now)
        outcome = self._invoke(route.function, event)
        if outcome.again:
            # A client whose answer got lost sends the same request again.
            outcome = self._invoke(route.function, event)
        if not outcome.ok:
            return self._gateway.problem(500, "Internal Server Error", origin)
        return self._gateway.reply(outcome.answer, origin)

    def route_of(self, method: str, path: str) -> str | None:
        """The path of the route that a request takes, as the template writes it: no one's token is in it."""
        found = self._gateway.route(HttpRequest(method.upper(), path, {}, b""))
        return found[0].path if found else None

    def work(self) -> int:
        """One piece of work of each worker that has some at this moment; how many there were."""
        return sum([worker.work() for worker in self._workers])

    def next_at(self) -> int | None:
        """When there is work, epoch ms; in the past or now: at once; None: never as things are."""
        moments = [worker.next_at() for worker in self._workers]
        return min((each for each in moments if each is not None), default=None)

    def move_to(self, moment: int) -> None:
        """Let the clock stand at `moment`, epoch ms, unless it is further; what falls due until then is left."""
        self._clock.advance_to(moment)

    def drain(self) -> None:
        """Work off everything that can be worked off at this moment. Raises NeverIdleError."""
        batches = 0
        while worked := self.work():
            batches += worked
            if batches > MAX_BATCHES_PER_MOMENT:
                message = f"after {batches} batches there is still work at {self._clock.now}"
                raise NeverIdleError(message)

    def run_until(self, moment: int, on_progress: Callable[[int], None] | None = None) -> None:
        """Let time pass up to `moment`, epoch ms, from one thing to do to the next.

        `on_progress` gets the clock after each step. Nothing happens where the clock is further
        already (a function that sleeps moves it too).
        """
        while True:
            self.drain()
            due = self.next_at()
            if due is None or due > moment:
                break
            self._clock.advance_to(due)
            if on_progress:
                on_progress(self._clock.now)
        self._clock.advance_to(moment)
        if on_progress:
            on_progress(self._clock.now)

    def advance(self, milliseconds: int) -> None:
        """Let some time pass."""
        self.run_until(self._clock.now + milliseconds)

    def look_again(self) -> None:
        """Take note of what another process may have written into the same state."""
        names = [table.name for table in self.template.tables]
        self._traffic.queues.update(self.queues.names())
        self._traffic.tables.update(names)
        self._traffic.index_writes.update(names)

    def close(self) -> None:
        """Write down what the next run goes on from. The state stays open: it's its maker's."""
        self._clock.save()

    def _invoke(self, function: str, event: dict[str, Any]) -> Outcome:
        return self._invoker.invoke(self._warm[function], event)

    def _any_ports(self) -> Ports:
        return self.ports(self.template.functions[0].name)

    def _report(self, kind: str, detail: Mapping[str, Any], after_seconds: int) -> None:
        self._reports.report("aws.ses", kind, detail, after_seconds)

    def _warmed(self, function: Function) -> Warm:
        environment = dict(function.environment)
        if self._folder is not None:
            environment["MESSAGE_FOLDER"] = str(self._folder)
        # What providers gave a shop is for the real ones: here nobody is reached.
        environment.pop("PROVIDER_OPTIONS", None)
        settings = Settings.of(environment)
        return Warm(
            function=function,
            settings=settings,
            bus=LocalBus(self._buses, settings.bus_name),
            channels=Channels(self._makers(settings, environment)),
        )

    def _makers(self, settings: Settings, environment: Mapping[str, str]) -> dict[str, MakeChannel]:
        letterhead = Letterhead(settings.sender, settings.shop_name, lambda: self._clock.now)

        def email() -> Channel:
            # Here, since it loads the SDK: most runs of a command don't need it.
            from aftershow.adapters.ses import SesChannel

            return SesChannel(self.ses, letterhead, environment.get("CONFIGURATION_SET", ""))

        def file() -> Channel:
            return FileChannel(Path(settings.message_folder), letterhead)

        def wecom() -> Channel:
            from aftershow.adapters.wecom import WecomChannel

            return WecomChannel(self.wecom, settings.shop_name)

        def to_disk(name: str) -> MakeChannel:
            return lambda: FileChannel(Path(settings.message_folder) / name, letterhead)

        makers: dict[str, MakeChannel] = {"email": email, "file": file, "wecom": wecom} | self._given_channels
        if settings.message_folder:
            makers = {name: to_disk(name) for name in settings.channels} | makers
        return {name: makers[name] for name in settings.channels if name in makers}

    def _make_workers(self, watch: QueueWatch) -> list[Worker]:
        names = {table.id: table.name for table in self.template.tables}
        reading = Reading(self.state, self.backend, self._traffic, self._clock, self._invoke)
        streams = [StreamWorker(each, names[each.table], reading) for each in self.template.stream_sources]
        return [
            StreamWorkers(streams, self.backend, self._traffic),
            *(QueueWorker(each, self.queues, watch, self._clock, self._invoke) for each in self.template.queue_sources),
            self._reports,
            *(
                ScheduleWorker(each, self._traffic, self._clock, self._source, self._invoke)
                for each in self.template.schedules
            ),
            ExpiryWorker(self.backend, frozenset(names.values()), self._traffic, self._clock),
        ]
