"""Commands on dead letters: which events a shop set aside and why, what they say, sending them again."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import DAY, HOUR, MINUTE, iso, parse_instant
from aftershow.ports.queues import NotHandedOver
from infra.local import letters, runs, stack
from infra.local.clock import real_now
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    check_writable,
    console,
    err,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.letters import Letter, Post, Wanted

# What a list shows of an id: enough to name one among millions.
SHORT_ID = 10
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}

app = typer.Typer(
    no_args_is_help=True,
    help="Events that were set aside with a reason: list them, look at one, send them again when the reason is gone.",
)

ReasonOption = Annotated[str, typer.Option("--reason", help="Only those with this in their reason.")]
SourceOption = Annotated[str, typer.Option("--source", help="Only those of this source (the write key's name).")]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="Only those since then: 2026-03-06, 2026-03-06T12:00+08:00, 7d, 12h.")
]


@app.command(name="list")
def list_(
    context: typer.Context,
    *,
    reason: ReasonOption = "",
    source: SourceOption = "",
    since: SinceOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that were redriven.")] = False,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Which events were set aside, and why. What they say is not shown: see dead show ID."""
    check_writable(json_file)
    with _post(context, data, name, region) as post:
        wanted = Wanted(reason, source, _moment(since, post.now), everything)
        found = list(letters.listed(post.store, wanted))
    if json_file is not None:
        put(json_file, json_text([_row(letter) for letter in found]))
    if json_file != "-":
        _print(found)


@app.command()
def show(
    context: typer.Context,
    letter: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the start of it.")],
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Print the original bytes of one event to standard output, as they came; what is known of it to standard error."""
    with _post(context, data, name, region) as post:
        one = _one(post, letter)
        raw = letters.original(post.store, one)
    for field, value in _row(one).items():
        err().print(Text(f"{field}: {value}"))
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


@app.command()
def redrive(
    context: typer.Context,
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Which; else by the options.")] = None,
    *,
    reason: ReasonOption = "",
    source: SourceOption = "",
    since: SinceOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    at_receipt: Annotated[
        bool, typer.Option("--at-receipt", help="With the moment of receipt in place of their own wrong times.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be taken.")] = False,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Send events again, after the reason is gone: a clock that was ahead, a limit, a version that reads them.

    Each is judged again. What is still refused stays as it is (exit code 1); what is taken counts as if it had come at
    the moment of its receipt, and is marked. What is marked isn't sent a second time, and would count once if it were.
    """
    check_writable(json_file)
    if not (ids or reason or source or since or everything):
        refuse("which ones? Name ids, or choose by --reason, --source, --since, or take --all")
    with _post(context, data, name, region) as post:
        wanted = Wanted(reason, source, _moment(since, post.now))
        chosen = [_one(post, one) for one in ids] if ids else list(letters.listed(post.store, wanted))
        with refusing(NotHandedOver, code=FOUND_SOMETHING_WRONG):
            said = {one.id: post.send(one, at_receipt=at_receipt, only_try=dry_run) for one in chosen}
    states = {} if dry_run else _states(context, data, name, region, chosen)
    rows = [{**_row(one), "state": states.get(one.id, one.state), "refused": said[one.id]} for one in chosen]
    if json_file is not None:
        put(json_file, json_text(rows))
    if json_file != "-":
        _tell(rows, dry_run=dry_run)
    if any(row["refused"] or row["state"] == letters.REFUSED_AGAIN for row in rows):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@contextmanager
def _post(context: typer.Context, data: Path, name: str | None, region: str | None) -> Iterator[Post]:
    """The shop's letters and queues. A local shop works off what was sent before it is closed."""
    with refusing(runs.CannotRun, stack.StackError):
        if name is not None:
            found = stack.find(name, region, context.obj)
            with stack.explained():
                queues = found.queue("FactsQueue"), found.queue("BehaviourQueue")
                yield Post(found.store, found.queues, *queues, real_now())
            return
        # A shop's own file has the real clock; what was replayed stays on the clock of its events.
        run = runs.going_on(data) if runs.is_a_shops(data) else runs.opened(data)
    try:
        ports = run.host.ports("ingest_event")
        settings = ports.settings
        yield Post(ports.store, ports.queues, settings.queue_facts, settings.queue_behaviour, run.host.now)
        run.host.drain()
    finally:
        run.close()


def _states(
    context: typer.Context, data: Path, name: str | None, region: str | None, chosen: Sequence[Letter]
) -> dict[str, str]:
    with _post(context, data, name, region) as post:
        return letters.states(post.store, chosen)


def _one(post: Post, start: str) -> Letter:
    found = letters.named(post.store, start)
    if not found:
        refuse(f"there is no dead letter {start}: look with dead list --all", FOUND_SOMETHING_WRONG)
    if len(found) > 1:
        refuse(f"{start} is the start of {len(found)} ids: give more of it")
    return found[0]


def _moment(since: str | None, now: int) -> int:
    if since is None:
        return 0
    ago = re.fullmatch(r"(\d{1,5})([mhd])", since)
    if ago:
        return max(now - int(ago[1]) * _UNITS[ago[2]], 0)
    try:
        return max(parse_instant(since), 0)
    except ValueError:
        refuse(f"--since takes a date, a moment in ISO 8601, or an age like 7d, not {since}")


def _row(letter: Letter) -> dict[str, object]:
    record = letter.record
    return {
        "id": letter.id,
        "at": iso(record.at),
        "source": record.source,
        "bytes": record.size or None,
        "kind": record.kind or None,
        "reason": record.reason,
        "state": letter.state,
        "redriven_at": iso(record.redriven_at) if record.redriven_at is not None else None,
        "refused_at": iso(record.refused_at) if record.refused_at is not None else None,
    }


def _print(found: Sequence[Letter]) -> None:
    if not found:
        console().print("no event is set aside")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "received", "source", "bytes", "reason"):
        table.add_column(column, overflow="fold", justify="right" if column == "bytes" else "left")
    for letter in found:
        record, state = letter.record, "" if letter.state == letters.OPEN else f" ({letter.state})"
        size = f"{record.size:,}" if record.size else "?"
        cells = (letter.id[:SHORT_ID], iso(record.at)[:19], record.source, size, record.reason + state)
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
    console().print()
    for reason, count in Counter(letter.record.reason for letter in found).most_common():
        console().print(Text(f"{count:6,}  {reason}"))


def _tell(rows: Sequence[dict[str, object]], *, dry_run: bool) -> None:
    taken = [row for row in rows if not row["refused"]]
    again = [row for row in taken if row["state"] == letters.REFUSED_AGAIN]
    word = "would be taken" if dry_run else "sent again"
    console().print(f"{len(taken):,} of {len(rows):,} {word}; refused again after that: {len(again):,}")
    for reason, count in Counter(str(row["refused"]) for row in rows if row["refused"]).most_common():
        console().print(Text(f"{count:6,}  still refused: {reason}"))
    for reason, count in Counter(str(row["reason"]) for row in again).most_common():
        console().print(Text(f"{count:6,}  refused again: {reason}"))
