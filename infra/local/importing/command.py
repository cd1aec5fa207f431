"""`aftershow import`: files of members, orders, products and shows, into a local state or a running shop."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console

from aftershow.model.instants import iso
from aftershow.model.settings import Settings
from infra.local import runs
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
    progress,
    put,
    refuse,
)
from infra.local.importing import running
from infra.local.importing.fields import Kind
from infra.local.importing.files import Unreadable
from infra.local.importing.mapping import BadMapping, unsaid
from infra.local.importing.report import Report
from infra.local.importing.sending import LocalShop, NotSent, RemoteShop, Target

_MAX_REASONS = 20
# As shells count an end by SIGINT.
_INTERRUPTED = 130


class KindName(StrEnum):
    """What a file holds."""

    MEMBERS = "members"
    ORDERS = "orders"
    PRODUCTS = "products"
    SHOWS = "shows"


class FormatName(StrEnum):
    """How a file holds it."""

    AUTO = "auto"
    TABLE = "table"
    PINPOINT_ENDPOINTS = "pinpoint-endpoints"
    PINPOINT_EVENTS = "pinpoint-events"


def import_file(
    kind: Annotated[KindName, typer.Argument(help="What the file holds.")],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="CSV or NDJSON, gzip or not."),
    ],
    map_file: Annotated[
        Path | None,
        typer.Option("--map", help="The mapping of columns, YAML; written where there is none. Else kept by itself."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read, map and report, but send nothing.")] = False,
    format_: Annotated[
        FormatName, typer.Option("--format", help="auto: by content. Pinpoint's exports are members.")
    ] = FormatName.AUTO,
    source: Annotated[
        str | None, typer.Option("--source", help="Named in the evidence of consents, such as 'CRM export May'.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="Where neither UTF-8, UTF-16 nor GB18030, such as cp1252.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", help="Of moments without an offset; else the shop's. A saved mapping wins.")
    ] = None,
    refused: Annotated[
        Path | None, typer.Option("--refused", help="The report of rows that were not used; else beside the state.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Send a file that came in before once more; it changes nothing.")
    ] = False,
    data: DataOption = DEFAULT_DATA,
    url: Annotated[str | None, typer.Option("--url", help="A running shop instead, by its address.")] = None,
    write_key: Annotated[
        str | None, typer.Option("--write-key", envvar="AFTERSHOW_WRITE_KEY", help="Of the running shop.")
    ] = None,
    json_file: JsonOption = None,
) -> None:  # fmt: skip
    """Take in what a shop has in files: members, orders, products, shows. Try it with --dry-run first.

    CSV (also Excel's, with commas, semicolons or tabs), NDJSON, gzip; UTF-8, UTF-16, GB18030. Which column is what is
    guessed from the headers, English or Chinese, shown, and saved as YAML: correct it and import again. Rows go
    through the same HTTP ingest as every event; what can't be used is refused row by row, with its reason.

    Consent is never loosened: a grant needs its time, source and channel, and no grant of a file replaces a person's
    own withdrawal. Members without that evidence are known, but not written to. Orders older than 400 days are refused.

    The same file twice changes nothing, and an interrupted import goes on. Exit code 1: rows were refused.
    """
    if url is not None and not write_key:
        refuse("--url needs --write-key (or AFTERSHOW_WRITE_KEY)")
    check_writable(json_file)
    folder = data.with_name(f"{data.stem}-imports")
    plain: Kind = kind.value
    wanted = None if format_ is FormatName.AUTO else cast(running.Format, format_.value)
    with _refusing():
        plan = running.plan(plain, file, wanted, map_file, folder, zone or _zone(data, url), encoding)
    out = err() if json_file == "-" else console()
    _show(plan, out)
    if zone and plan.columns.zone != zone:
        _line(
            out, f"  --zone {zone} is not used: zone {plan.columns.zone} of {plan.mapping_file} wins; change it there"
        )
    report = Report(refused or folder / f"{file.stem}-{plan.look.digest[:8]}.refused.csv")
    with _refusing(), progress(f"Importing {kind.value}") as told:
        target = None if dry_run else _target(data, url, write_key or "", folder, plan, told)
        now = target.now if target else _now(data, url)
        try:
            outcome = running.run(plan, target, now, report, told, source=source, again=again)
        finally:
            report.close()
            if target is not None:
                target.close()
    _tell(outcome, report, out, dry_run=dry_run)
    if json_file is not None:
        put(json_file, json_text(_told(plan, outcome, report)))
    if report.rows["refused"]:
        raise typer.Exit(FOUND_SOMETHING_WRONG)


def _target(
    data: Path, url: str | None, write_key: str, folder: Path, plan: running.Plan, progress: runs.Progress
) -> Target:
    if url is not None:
        return RemoteShop(url, write_key, folder, real_now(), plan.columns.zone, lambda text: _line(err(), text))
    return LocalShop(data, progress)


def _kept(data: Path, name: str) -> str | None:
    """A note of a state, without opening it for good."""
    if not data.is_file():
        return None
    try:
        with sqlite3.connect(f"{data.resolve().as_uri()}?mode=ro", uri=True) as database:
            found = database.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
    except sqlite3.Error:
        return None
    return str(found[0]) if found else None


def _zone(data: Path, url: str | None) -> str:
    default = str(Settings.model_fields["shop_zone"].default)
    return default if url else _kept(data, "parameter ShopZone") or default


def _now(data: Path, url: str | None) -> int:
    return real_now() if url else max(real_now(), int(_kept(data, "clock") or 0))


def _line(out: Console, text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _show(plan: running.Plan, out: Console) -> None:
    """How the file is read."""
    separated = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", "": ""}.get(
        plan.delimiter, plan.delimiter
    )
    shape = "NDJSON" if plan.look.is_json else f"CSV with {separated}"
    _line(out, f"{plan.file.name}: {plan.format}, {shape}, {plan.look.encoding} ({plan.look.why})")
    if plan.format != "table":
        return
    for field, header in plan.columns.columns.items():
        _line(out, f"  {field:24} <- {header}")
    unused = [header for header in plan.headers if header not in plan.columns.columns.values()]
    if unused:
        _line(out, f"  {'not read':24}    {', '.join(unused)}")
    for field in unsaid(plan.columns):
        which = ", ".join(unused) or "none is left"
        word = " (or consent_channel: email, for all)" if field == "consent_channel" else ""
        _line(out, f"  no column is known to say {field}, so no grant is taken. If one of these does, write it under")
        _line(out, f"  columns in the mapping{word}: {which}")
    said = plan.columns.model_dump(exclude={"kind", "columns"}, exclude_defaults=True)
    _line(out, f"  {', '.join(f'{name}: {value}' for name, value in said.items())}")
    origin = "guessed, and saved in" if plan.guessed else "as written in"
    _line(out, f"  {origin} {plan.mapping_file}; correct it and import again")


def _tell(outcome: running.Outcome, report: Report, out: Console, *, dry_run: bool) -> None:
    if outcome.done_before_at is not None:
        when = iso(outcome.done_before_at)
        _line(out, f"This file came in on {when}: nothing is sent. (--again sends it once more.)")
        return
    for text in (*_counted(outcome, report), *_sent(outcome, dry_run=dry_run)):
        _line(out, text)
    for (what, column, reason), count in report.counts.most_common(_MAX_REASONS):
        _line(out, f"  {count:8,}  {what}: {f'{column}: ' if column else ''}{reason}")
    if report.counts and report.file is not None:
        _line(out, f"Every such row, with its number and reason: {report.file}")


def _counted(outcome: running.Outcome, report: Report) -> Iterator[str]:
    refused, left_out = report.rows["refused"], report.rows["left out"]
    yield f"{outcome.rows:,} rows: {refused:,} refused, {left_out:,} with a cell left out"
    if report.rows["not sendable"]:
        yield f"{report.rows['not sendable']:,} members are not sendable: known, but without consent to marketing"
    if outcome.idle:
        yield f"{outcome.idle:,} rows say nothing that is imported"
    for name, count in sorted(outcome.messages.items()):
        yield f"  {name:28} {count:10,}"


def _sent(outcome: running.Outcome, *, dry_run: bool) -> Iterator[str]:
    if dry_run:
        yield "Dry run: nothing was sent."
        return
    yield f"{outcome.sent:,} sent" + (f", {outcome.before:,} were sent before" if outcome.before else "")
    if outcome.duplicates is not None:
        yield f"{outcome.duplicates:,} of them changed nothing, {outcome.set_aside or 0:,} were set aside with a reason"


def _told(plan: running.Plan, outcome: running.Outcome, report: Report) -> dict[str, Any]:
    return {
        "file": plan.file.name,
        "kind": plan.kind,
        "format": plan.format,
        "encoding": plan.look.encoding,
        "columns": plan.columns.model_dump(exclude_defaults=True),
        "mapping": str(plan.mapping_file) if plan.mapping_file else None,
        "guessed": plan.guessed,
        "rows": outcome.rows,
        "refused": report.rows["refused"],
        "left_out": report.rows["left out"],
        "not_sendable": report.rows["not sendable"],
        "messages": dict(sorted(outcome.messages.items())),
        "sent": outcome.sent,
        "sent_before": outcome.before,
        "came_in_before": iso(outcome.done_before_at) if outcome.done_before_at is not None else None,
        "changed_nothing": outcome.duplicates,
        "set_aside": outcome.set_aside,
        "reasons": [
            {"what": what, "column": column, "reason": reason, "count": count}
            for (what, column, reason), count in report.counts.most_common()
        ],
        "report": str(report.file) if report.counts else None,
    }


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except (Unreadable, BadMapping, runs.CannotRun) as error:
        refuse(str(error))
    except KeyboardInterrupt:
        refuse("interrupted: the same command goes on where this one ended", _INTERRUPTED)
    except NotSent as error:
        refuse(f"interrupted: {error}", FOUND_SOMETHING_WRONG)
    except OSError as error:
        refuse(f"{error.filename or 'a file'}: {error.strerror or error}")
