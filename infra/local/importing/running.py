"""One import from its file to its end: look, map, take row by row, send, report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

from aftershow.model.instants import DAY, is_zone
from infra.local.importing import catalog, mapping, members, orders, pinpoint
from infra.local.importing.fields import Kind
from infra.local.importing.files import Look, Row, Table, Unreadable, look, read
from infra.local.importing.mapping import BadMapping, Columns, Undecided
from infra.local.importing.report import Report
from infra.local.importing.rows import Cells, Message, Problem, Taken, Times
from infra.local.importing.sending import EVENTS_PER_REQUEST, Cursor, Target, batches, body

Format = Literal["table", "pinpoint-endpoints", "pinpoint-events"]
Progress = Callable[[float, str], None]
_SAMPLE_ROWS = 2_000
_FORGOTTEN_AFTER = 30 * DAY
# A long number of which a spreadsheet kept 15 digits ends in zeros; so many of them are no chance.
_EXCEL_DIGITS, _MIN_ROUNDED = 15, 3


@dataclass(frozen=True)
class Plan:
    """What is going to be read, and how."""

    kind: Kind
    file: Path
    look: Look
    headers: tuple[str, ...]
    delimiter: str
    format: Format
    columns: Columns
    # Where the mapping came from, and where it is to be corrected; None for formats that need none.
    mapping_file: Path | None
    guessed: bool

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each field's column stands."""
        return {name: self.headers.index(header) for name, header in self.columns.columns.items()}

    @property
    def name(self) -> str:
        """Under which it is noted how far the import has come."""
        # Read in another way, it has other messages.
        how = "".join(f" {said}" for said in (self.format, self.look.encoding) if said not in ("table", "utf-8"))
        return f"import {self.kind} {self.look.digest[:32]} {self.columns.digest()}{how}"


@dataclass
class Outcome:
    """What became of a file. `messages` by what they are; `sent` in this run, `before` in runs before it."""

    rows: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    sent: int = 0
    before: int = 0
    done_before_at: int | None = None
    duplicates: int | None = None
    set_aside: int | None = None
    # Events of the archive that say nothing which is imported.
    idle: int = 0


def plan(kind: Kind, file: Path, wanted: Format | None, map_file: Path | None, folder: Path, zone: str,
         encoding: str | None = None) -> Plan:  # fmt: skip
    """Look at a file and understand its columns. Raises Unreadable, BadMapping, OSError."""
    if not is_zone(zone):
        raise BadMapping(f"{zone} is no time zone of the tz database, such as Asia/Shanghai")
    found = look(file, encoding)
    with read(file, found) as table:
        sample = [row.cells for row in islice(table.rows, _SAMPLE_ROWS) if not row.reason]
    format_ = wanted or _format(kind, table)
    if format_ != "table" and kind != "members":
        raise BadMapping(f"{format_} is a format of members")
    if format_ == "pinpoint-events" and not found.is_json:
        raise Unreadable(f"{file.name} is no archive of the event stream: that is NDJSON")
    if format_ != "table":
        columns = Columns(kind=kind, columns={}, zone=zone)
        return Plan(kind, file, found, table.headers, table.delimiter, format_, columns, None, guessed=False)
    if not sample:
        raise Unreadable(f"{file.name} has no row below its header that can be read")
    kept = map_file or mapping.place(folder, kind, table.headers)
    guessed = not kept.is_file()
    try:
        columns = mapping.guess(kind, table.headers, sample, zone) if guessed else mapping.load(kept, kind, zone)
    except Undecided as undecided:
        mapping.save(undecided.draft, kept, table.headers, file.name, undecided.choices)
        raise BadMapping(f"{undecided}; make it in {kept}, and import again") from None
    mapping.check(columns, table.headers)
    _check_digits(file, columns, table, sample)
    if guessed:
        mapping.save(columns, kept, table.headers, file.name)
    return Plan(kind, file, found, table.headers, table.delimiter, format_, columns, kept, guessed)


def _format(kind: Kind, table: Table) -> Format:
    if kind == "members" and pinpoint.are_endpoints(table.headers):
        return "pinpoint-endpoints"
    return "pinpoint-events" if kind == "members" and pinpoint.are_events(table.headers) else "table"


def _check_digits(file: Path, columns: Columns, table: Table, sample: Sequence[Sequence[str]]) -> None:
    """Raise where a spreadsheet has rounded long numbers: another order would pass for this one."""
    for name in ("order_id", "user_id", "refund_id", "phone"):
        header = columns.columns.get(name)
        if header is None:
            continue
        cells = {row[table.headers.index(header)].strip() for row in sample}
        long = [cell for cell in cells if cell.isdigit() and len(cell) > _EXCEL_DIGITS]
        if len(long) >= _MIN_ROUNDED and all(not cell[_EXCEL_DIGITS:].strip("0") for cell in long):
            raise Unreadable(
                f"{file.name}: the long numbers in {header!r} all end in zeros: a spreadsheet kept 15 digits of them. "
                "Format the column as text in the source and export again"
            )


def run(
    plan: Plan,
    target: Target | None,
    now: int,
    report: Report,
    progress: Progress,
    *,
    source: str | None = None,
    again: bool = False,
) -> Outcome:
    """Import a file as planned. Without a target nothing is sent. Raises NotSent, Unreadable, OSError."""
    outcome = Outcome()
    kept = target.cursor(plan.name) if target else None
    if kept is not None and kept.done_at is not None and not again:
        outcome.done_before_at = kept.done_at
        return outcome
    if kept is not None and now - kept.began_at > _FORGOTTEN_AFTER:
        # Its moments would be too old by now. Beginning anew sends what is known already, which changes nothing.
        kept = None
    cursor = kept or _begun(plan, now)
    if cursor.done_at is not None:
        cursor.acknowledged, cursor.done_at = 0, None
    outcome.before = cursor.acknowledged
    sender = _Sender(plan, target, cursor, outcome)
    total = max(plan.look.lines, 1)
    for taken in _taken(plan, Times(cursor.began_at, cursor.as_of), outcome, source, progress):
        report.add(taken.problems)
        for message in taken.messages:
            outcome.messages[str(message.get("event", message["type"]))] += 1
            sender.add(message)
        if sender.is_full or outcome.rows % EVENTS_PER_REQUEST == 0:
            progress(min(taken.line / total, 1.0), f"Importing {plan.kind}, {outcome.rows:,} rows")
        if sender.is_full:
            sender.flush()
    sender.end()
    progress(1.0, "Done")
    return outcome


def _begun(plan: Plan, now: int) -> Cursor:
    """A new import. Its rows speak as of the file's own time, but never ahead of the shop's: what the shop learnt since
    then is newer."""
    as_of = min(now, int(plan.file.stat().st_mtime * 1000))
    return Cursor(now, Times(now, as_of).within(as_of))


@dataclass
class _Sender:
    """Sends what wasn't acknowledged yet, and notes what is."""

    plan: Plan
    target: Target | None
    cursor: Cursor
    outcome: Outcome
    held: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._skip = self.cursor.acknowledged

    @property
    def is_full(self) -> bool:
        """Whether there is a request's worth."""
        return len(self.held) >= EVENTS_PER_REQUEST

    def add(self, message: Message) -> None:
        """Take a message; what was sent before is not held again."""
        if self._skip:
            self._skip -= 1
        elif self.target is not None:
            self.held.append(message)

    def flush(self) -> None:
        """Send what is held. Raises NotSent."""
        target = self.target
        if target is None:
            return
        for number, events in batches(self.held):
            target.send(body(events, target.now))
            self.cursor.acknowledged += number
            self.outcome.sent += number
            target.keep(self.plan.name, self.cursor)
        self.held.clear()

    def end(self) -> None:
        """Send the rest, and note that this was all."""
        if self.target is None:
            return
        self.flush()
        self.cursor.done_at = self.target.now
        self.target.keep(self.plan.name, self.cursor)
        if tally := self.target.tally():
            self.outcome.duplicates, self.outcome.set_aside = tally["scored.duplicates"], tally["scored.dead"]


def _taken(plan: Plan, times: Times, outcome: Outcome, source: str | None, progress: Progress) -> Iterator[Taken]:
    with read(plan.file, plan.look) as table:
        rows = _counted(table.rows, outcome)
        taking = (
            _gathered(plan, rows, times, progress)
            if plan.kind == "orders"
            else (_one(plan, row, times, source) for row in rows)
        )
        for taken in taking:
            outcome.idle += not taken.messages and not taken.problems
            yield taken


def _counted(rows: Iterator[Row], outcome: Outcome) -> Iterator[Row]:
    for row in rows:
        outcome.rows += 1
        yield row


def _gathered(plan: Plan, rows: Iterator[Row], times: Times, progress: Progress) -> Iterator[Taken]:
    """Orders, once all rows are read; before them what names none."""
    gathering = orders.Gathering(plan.columns, times)
    for number, row in enumerate(rows, 1):
        problem = _broken(row) or gathering.add(Cells(row, plan.columns, plan.places))
        if problem is not None:
            yield Taken(row.line, problems=[problem])
        if number % EVENTS_PER_REQUEST == 0:
            progress(0.0, f"Gathering orders, {number:,} rows")
    yield from gathering.orders()


def _broken(row: Row) -> Problem | None:
    return Problem(row.line, "refused", row.reason) if row.reason else None


def _one(plan: Plan, row: Row, times: Times, source: str | None) -> Taken:
    broken = _broken(row)
    if broken is not None:
        return Taken(row.line, problems=[broken])
    if plan.format == "pinpoint-endpoints":
        return pinpoint.take_endpoint(row, plan.headers, times)
    if plan.format == "pinpoint-events":
        return pinpoint.take_event(row, times)
    cells = Cells(row, plan.columns, plan.places)
    if plan.kind == "members":
        return members.take(cells, plan.columns, times, source)
    if plan.kind == "products":
        return catalog.take_product(cells, plan.columns, times)
    return catalog.take_show(cells, times)
