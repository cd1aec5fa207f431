"""What the commands share: options, exit codes, how they refuse, how they tell of progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[2]
FOUND_SOMETHING_WRONG, ASKED_WRONGLY = 1, 2
# A report is drawn for a page of this width, so that two runs print the same.
REPORT_COLUMNS = 100
DEFAULT_DATA = ROOT / ".aftershow" / "local.db"


class Locale(StrEnum):
    """Languages of what is told."""

    EN = "en"
    ZH_CN = "zh-CN"


DataOption = Annotated[
    Path,
    typer.Option(
        "--data", help="The state, an SQLite file; else .aftershow/local.db in the project.", show_default=False
    ),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", help="Also write everything as JSON to this file; - is standard output.")
]
HtmlOption = Annotated[
    str | None, typer.Option("--html", help="Also write the report as one self-contained page; - is standard output.")
]
LocaleOption = Annotated[Locale, typer.Option("--locale", help="Language of the report.")]


def console() -> Console:
    """Standard output, of a fixed width."""
    return Console(width=REPORT_COLUMNS)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True)


def refuse(message: str, code: int = ASKED_WRONGLY) -> NoReturn:
    """End the command with a word on standard error. Raises typer.Exit."""
    err().print(f"aftershow: {message}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


@contextmanager
def refusing(*errors: type[Exception], code: int = ASKED_WRONGLY) -> Iterator[None]:
    """Errors that carry a word for the person who asked end the command with it."""
    try:
        yield
    except errors as error:
        refuse(str(error), code)


@contextmanager
def progress(title: str) -> Iterator[Callable[..., None]]:
    """A bar on standard error: `report(done, words)` with `done` in [0, 1]."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=False) as bar:
        task = bar.add_task(title, total=None)

        def report(done: float, words: str = title) -> None:
            bar.update(task, total=1.0, completed=done, description=words)

        yield report


def json_text(value: object) -> str:
    """A result as `--json` writes it."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def put(file: str, text: str) -> None:
    """Write a result to a file; - is standard output."""
    if file == "-":
        sys.stdout.write(text)
    else:
        Path(file).write_text(text, encoding="utf-8")


def check_writable(*files: str | None) -> None:
    """Before a run that takes a while, not after it. Raises typer.Exit."""
    if files.count("-") > 1:
        refuse("only one of --json and --html can be standard output")
    for file in files:
        if file is None or file == "-":
            continue
        try:
            with Path(file).open("a", encoding="utf-8"):
                pass
        except OSError as error:
            refuse(f"{file or 'the file without a name'} can't be written: {error.strerror}")
