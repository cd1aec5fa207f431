"""Commands that give everything back: events, members and orders, in the formats that come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from infra.local import kept, runs
from infra.local.command import DEFAULT_DATA, DataOption, err, progress, refusing
from infra.local.exporting.consent import COLUMNS as CONSENT
from infra.local.exporting.consent import consent_rows
from infra.local.exporting.events import event_lines
from infra.local.exporting.members import COLUMNS as MEMBERS
from infra.local.exporting.members import member_rows
from infra.local.exporting.orders import COLUMNS as ORDERS
from infra.local.exporting.orders import order_rows
from infra.local.exporting.rows import Row, lines
from infra.local.exporting.writing import CannotWrite, Out, written
from infra.local.kept import Kept
from infra.local.stack import RegionOption, StackError, StackOption

FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", allow_dash=True, help="Where to; gzip if it ends in .gz, standard output if it is -."
    ),
]
# Writes line by line, and yields at each that counts.
Write = Callable[[Kept, Out], Iterator[None]]
# Endings of files of a JSON object a line.
_LINES = (".ndjson", ".jsonl")
# So often the bar moves.
TOLD_EVERY = 1_000

app = typer.Typer(
    no_args_is_help=True,
    help="Give back everything that came in: aftershow export events shop.ndjson.gz",
)


@app.command()
def events(
    file: FileArgument,
    data: DataOption = DEFAULT_DATA,
    stack: StackOption = None,
    region: RegionOption = None,
) -> None:
    """Write every event that came in: NDJSON of Segment messages, with context, `receivedAt` and `source`.

    Afterwards: aftershow replay FILE --data NEW.db, which ends in the same people, engagements, orders and points.
    Opt-outs by link and addresses that bounced or complained follow as events. Not in it: messages that were sent and
    what became of them, events that were refused (aftershow dead), and events older than the archive keeps them.
    """

    with refusing(CannotWrite):
        _kind(file, _LINES)

    def write(shop: Kept, out: Out) -> Iterator[None]:
        for line in event_lines(shop):
            out.write(line + b"\n")
            yield

    _export("events", write, file, data, stack, region)


@app.command()
def members(
    file: FileArgument,
    data: DataOption = DEFAULT_DATA,
    stack: StackOption = None,
    region: RegionOption = None,
) -> None:
    """Write everybody who ever said who they are: CSV, or NDJSON if FILE says .ndjson or .jsonl.

    With profile, consent and its evidence, and bounced or complaining addresses; aftershow import members FILE reads it
    back. Not in it: what people did, and whom they follow (export events has both).
    """
    _export("members", _table(member_rows, MEMBERS, file), file, data, stack, region)


@app.command()
def consent(
    file: FileArgument,
    data: DataOption = DEFAULT_DATA,
    stack: StackOption = None,
    region: RegionOption = None,
) -> None:
    """Write every statement of consent that is kept: CSV, or NDJSON if FILE says .ndjson or .jsonl.

    The evidence: whose, for which purpose and channel, granted or withdrawn, when, from where, in which wording. A
    later word of the same id about the same channel takes an earlier one's place; the archive of events has them all.
    """
    _export("statements of consent", _table(consent_rows, CONSENT, file), file, data, stack, region)


@app.command()
def orders(
    file: FileArgument,
    data: DataOption = DEFAULT_DATA,
    stack: StackOption = None,
    region: RegionOption = None,
) -> None:
    """Write every order, a row for each product: CSV, or NDJSON if FILE says .ndjson or .jsonl.

    With refunds and cancellations; aftershow import orders FILE reads it back. An order stands at its newest total,
    several refunds of one as their sum. Not in it: orders that were refunded but never came.
    """
    _export("rows of orders", _table(order_rows, ORDERS, file), file, data, stack, region)


def _kind(file: Path, kinds: Sequence[str]) -> str:
    """How a file is written, by its ending; standard output and a name without an ending: the first. Raises
    CannotWrite."""
    kind = Path(file.name.removesuffix(".gz")).suffix.lower() or kinds[0]
    if kind not in kinds:
        listed = ", ".join(f"{one}, {one}.gz" for one in kinds)
        raise CannotWrite(f"{file.name}: {kind} is no format of this export; FILE may end in {listed}")
    return kind


def _table(rows: Callable[[Kept], Iterator[Row]], columns: Sequence[str], file: Path) -> Write:
    with refusing(CannotWrite):
        as_json = _kind(file, (".csv", *_LINES)) in _LINES

    def write(shop: Kept, out: Out) -> Iterator[None]:
        for number, line in enumerate(lines(rows(shop), columns, as_json=as_json)):
            out.write(line)
            if number or as_json:
                yield

    return write


def _export(what: str, write: Write, file: Path, data: Path, stack: str | None, region: str | None) -> None:
    """Write what `write` yields for, count it, and say so on standard error."""
    count = 0
    with (
        refusing(runs.CannotRun, StackError, CannotWrite),
        kept.opened(data, stack, region) as shop,
        progress(f"Exporting {what}") as report,
        written(str(file)) as out,
    ):
        for count, _ in enumerate(write(shop, out), start=1):
            if count % TOLD_EVERY == 0:
                report(0.0, f"Exporting {what}: {count:,}")
        report(1.0, f"Exported {what}")
    err().print(f"{count:,} {what} written to {file}", markup=False, highlight=False)
