"""Runs of the local host: the demo, a replay, and what they left behind.

A state is one SQLite file that keeps its clock. Files made by `demo` or `replay` can be made again and are wiped by the
next of them; any other file is left alone. A file that a shop went on with is the shop's own from then on.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from infra.local import catalog
from infra.local.audience import intend
from infra.local.chance import seeded
from infra.local.clock import real_now
from infra.local.embedded import EmbeddedState
from infra.local.host import LocalHost
from infra.local.playing import Audience, NotTakenError, play
from infra.local.programme import DAY_MS, USUAL_START
from infra.local.recorded import Report, RetailReport, read_online_retail, read_segment
from infra.local.records import Records
from infra.local.redeeming import redeeming
from infra.local.show import Tally, stream
from infra.local.wire import Request

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
MADE_BY = "made by"
COMPLETE = "complete"
_DISPOSABLE = ("demo", "replay")
_SHOP = "shop"
# Every tick asks each shard: a local run has too few reminders to need many.
_COMMON = {"DueShards": "8", "BaseUrl": "https://aftershow.example.com", "PostalAddress": "1 Example Road, Hangzhou"}
# What many clients sent to many instances comes from one file to one: no reason to refuse a part of it.
_RECORDED = {"EventsPerSecond": "1000000"}
# Reminders of the last events fall due in the days after them.
DAYS_AFTER_REPLAY = 7

Progress = Callable[..., None]


class CannotRun(Exception):
    """The run can't start or go on: why, and what to do."""


@dataclass
class Run:
    """A host over a state, while it is open."""

    host: LocalHost
    state: EmbeddedState
    begins_at: int
    # What a reader of recorded files counted.
    read: dict[str, int] = field(default_factory=dict)
    # File, line and reason of the first lines that could not be read.
    unreadable: list[str] = field(default_factory=list)

    @property
    def tally(self) -> Counter[str]:
        """What the functions logged, summed."""
        return self.host.tally

    @property
    def complete(self) -> bool:
        """Whether the run came to its end."""
        return self.state.note(COMPLETE) is not None

    def records(self) -> Records:
        """What the state holds now."""
        return Records(self.host)

    def close(self) -> None:
        """Write down the clock and give the file back."""
        self.host.close()
        self.state.close()


def demo(viewers: int, seed: int, days: int, data: Path, progress: Progress) -> Run:
    """Play the generated show and the days after it. Raises CannotRun."""
    truth = intend(viewers, seed, days, USUAL_START)
    tally = Tally()
    requests = stream(truth, tally)
    first = next(requests)
    begins, ends = first.at - 1000, USUAL_START + days * DAY_MS
    parameters = {**_COMMON, "ShopName": "Synthetic tea shop"}
    run = _fresh(data, "demo", parameters, seed, begins)
    audience = Audience(truth, seeded(f"reactions {seed}"))
    # Requests crowd around the show, quiet days pass quickly: the bar counts both.
    expected = max(viewers * 5.0, 1.0)

    def on_progress(now: int) -> None:
        delivered = min(tally.requests / expected, 1.0)
        progress(0.7 * delivered + 0.3 * (now - begins) / (ends - begins), f"Playing {_day(now, begins)}")

    _play(run, chain([first], requests), ends, audience, on_progress)
    run.state.keep_note(COMPLETE, "yes")
    progress(1.0, "Played")
    return run


def replay(
    files: Sequence[Path],
    kind: str,
    data: Path,
    progress: Progress,
    redeem_every: int | None = None,
    given: Mapping[str, str] | None = None,
) -> Run:
    """Send recorded files through the ingest on the clock of their own timestamps; with `redeem_every`, each so many
    points are redeemed as soon as a viewer has them. `given` are parameters of the template. Raises CannotRun."""
    report = RetailReport() if kind == "online-retail" else Report()
    requests = _recorded(files, kind, report)
    try:
        first = next(requests, None)
    except (OSError, ValueError) as error:
        raise CannotRun(str(error)) from error
    if first is None:
        broken = f" ({report.broken} lines could not be read)" if report.broken else ""
        raise CannotRun(f"there is no event in {', '.join(file.name for file in files)}{broken}")
    retail = {"ShopCurrency": "GBP", "ShopZone": "Europe/London", "ShopLocale": "en-GB", "ShopCountry": "GB",
              "Channels": "file", "FileChannel": "on"}  # fmt: skip
    parameters = {**_COMMON, **_RECORDED, **(retail if kind == "online-retail" else {}), **(given or {})}
    run = _fresh(data, "replay", parameters, 0, first.at - 1000)
    sent: list[int] = [0]
    last = [first.at]
    sources = {catalog.LOCAL_SOURCE}

    def counted() -> Iterator[Request]:
        for request in chain([first], requests):
            sent[0] += 1
            last[0] = request.at
            if request.source not in sources:
                catalog.new_write_key(run.host.store, request.source, request.source)
                sources.add(request.source)
            yield request

    def on_progress(now: int) -> None:
        progress(0.0, f"Replaying {_date(now)}, {sent[0]:,} requests")

    refused = _play(run, redeeming(run.host, counted(), redeem_every), None, None, on_progress, lenient=True)
    _play(run, (), last[0] + DAYS_AFTER_REPLAY * DAY_MS, None, on_progress)
    run.state.keep_note(COMPLETE, "yes")
    progress(1.0, "Replayed")
    counts = {"lines": report.lines, "broken": report.broken, "requests": sent[0], "refused_requests": refused}
    if isinstance(report, RetailReport):
        counts |= {"invoices": report.invoices, "cancellations": report.cancellations, "skipped": report.skipped}
    run.read = counts
    run.unreadable = [f"{one.file}, line {one.line}: {one.why}" for one in report.listed]
    return run


def _recorded(files: Sequence[Path], kind: str, report: Report) -> Iterator[Request]:
    if isinstance(report, RetailReport):
        if len(files) != 1:
            raise CannotRun(f"{kind} takes one file at a time: invoices must be whole before they are sent")
        return read_online_retail(files[0], report)
    return read_segment(files, report)


def sentence(counts: Mapping[str, int]) -> str:
    """What a reader counted, in a row."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())


def opened(data: Path) -> Run:
    """The state that a run left. Raises CannotRun."""
    if not data.is_file():
        raise CannotRun(f"{data} does not exist yet: play something first, with: aftershow demo")
    if _made_by(data) is None:
        raise CannotRun(f"{data} is no state of ours")
    state = EmbeddedState(data, lambda: 0)
    return _hosted(state, data, _kept_parameters(state), None)


def going_on(
    data: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    now: Callable[[], int] = real_now,
    progress: Progress = lambda *_: None,
) -> Run:
    """A state to go on with in real time: what `demo`, `replay` or an earlier call left, else a new one.

    The file is the shop's own from here on: `demo` and `replay` refuse it instead of wiping it. Its commits survive a
    killed process, and a loss of power doesn't spoil the file. Several processes may go on with one file.

    The clock: where it is behind `now` (epoch ms), time passes up to there first, quickly; everything that fell due in
    between happens. Where it is ahead, it stands where it was left; whoever runs in real time goes on from there.

    `parameters` go over those that the file keeps, and are kept in it. A new file starts with the catalog of
    `infra/` and the write key `local`; one that exists keeps the catalog that it has.

    Raises CannotRun.
    """
    if data.exists() and _made_by(data) is None:
        raise CannotRun(f"{data} is no state of ours, so it is left alone: choose another --data FILE")
    if not data.exists():
        run = _new(data, _SHOP, {**_COMMON, **(parameters or {})}, secrets.randbits(63), now())
    else:
        try:
            state = EmbeddedState(data, lambda: 0)
            state.keep_note(MADE_BY, _SHOP)
        except sqlite3.Error as error:
            raise CannotRun(f"{data} can't be written: {error}") from error
        kept = {**_kept_parameters(state), **(parameters or {})}
        _keep_parameters(state, kept)
        run = _hosted(state, data, kept, None)
    run.state.survive_power_loss()
    # No run that could be broken off.
    run.state.keep_note(COMPLETE, "yes")
    began, until = run.host.now, now()
    span = max(until - began, 1)
    run.host.run_until(until, lambda at: progress((at - began) / span, f"Catching up {_date(at)}"))
    run.begins_at = began
    return run


def is_a_shops(data: Path) -> bool:
    """Whether the file is a shop's own, so that it goes on in real time."""
    return data.is_file() and _made_by(data) == _SHOP


def settle(data: Path, parameters: Mapping[str, str], progress: Progress = lambda *_: None) -> Run:
    """A state with these parameters over those that it keeps. Its clock stays where it is; where there is no file, a
    new shop begins, now. Raises CannotRun."""
    if not data.exists():
        return going_on(data, parameters=parameters, progress=progress)
    if _made_by(data) is None:
        raise CannotRun(f"{data} is no state of ours, so it is left alone: choose another --data FILE")
    state = EmbeddedState(data, lambda: 0)
    kept = {**_kept_parameters(state), **parameters}
    _keep_parameters(state, kept)
    return _hosted(state, data, kept, None)


def _kept_parameters(state: EmbeddedState) -> dict[str, str]:
    kept = {name: state.note(f"parameter {name}") for name in (state.note("parameters") or "").split(",") if name}
    return {name: value for name, value in kept.items() if value is not None}


def _keep_parameters(state: EmbeddedState, parameters: Mapping[str, str]) -> None:
    for name, value in parameters.items():
        state.keep_note(f"parameter {name}", value)
    state.keep_note("parameters", ",".join(sorted(parameters)))


def _fresh(data: Path, maker: str, parameters: Mapping[str, str], seed: int, start_at: int) -> Run:
    if data.exists():
        made_by = _made_by(data)
        if made_by == _SHOP:
            raise CannotRun(f"{data} is a shop's own, so it is left alone: choose another --data FILE")
        if made_by not in _DISPOSABLE:
            raise CannotRun(f"{data} was not made by demo or replay, so it is left alone: choose another --data FILE")
        for path in (data, *(data.with_name(data.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
    shutil.rmtree(_folder(data), ignore_errors=True)
    return _new(data, maker, parameters, seed, start_at)


def _new(data: Path, maker: str, parameters: Mapping[str, str], seed: int, start_at: int) -> Run:
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        state = EmbeddedState(data, lambda: start_at)
    except (OSError, sqlite3.Error) as error:
        raise CannotRun(f"{data} can't be written: {error}") from error
    state.keep_note(MADE_BY, maker)
    state.keep_note("seed", str(seed))
    _keep_parameters(state, parameters)
    run = _hosted(state, data, parameters, start_at)
    try:
        # A shop of one's own does nothing that nobody approved; what a demo or a replay sends reaches nobody.
        catalog.load(run.host.store, approved_at=None if maker == _SHOP else start_at)
    except catalog.CatalogError as error:
        raise CannotRun(str(error)) from error
    return run


def _hosted(state: EmbeddedState, data: Path, parameters: Mapping[str, str], start_at: int | None) -> Run:
    seed = int(state.note("seed") or 0)
    host = LocalHost(TEMPLATE, state, parameters=parameters, seed=seed, start_at=start_at, folder=_folder(data))
    return Run(host, state, host.now)


def _folder(data: Path) -> Path:
    """Where the channel "file" writes."""
    return data.with_name(f"{data.stem}-messages")


def _made_by(data: Path) -> str | None:
    """Who made a file; None where it is none of ours. It is opened for reading only: it may be somebody else's."""
    try:
        with sqlite3.connect(f"{data.resolve().as_uri()}?mode=ro", uri=True) as database:
            found = database.execute("SELECT text FROM notes WHERE name = ?", (MADE_BY,)).fetchone()
    except sqlite3.Error:
        return None
    return str(found[0]) if found else None


def _play(
    run: Run,
    requests: Iterable[Request],
    until: int | None,
    audience: Audience | None,
    on_progress: Callable[[int], None],
    *,
    lenient: bool = False,
) -> int:
    """Play; returns how many requests the ingest refused (only where that is no reason to stop)."""
    try:
        return play(run.host, requests, until, audience, on_progress, lenient=lenient)
    except NotTakenError as error:
        run.close()
        raise CannotRun(f"a request was not taken: {error}") from error


def _day(now: int, begins: int) -> str:
    return f"day {(now - begins) // DAY_MS + 1}"


def _date(now: int) -> str:
    from infra.local.clock import iso

    return iso(now)[:10]
