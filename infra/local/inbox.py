"""Commands on the tasks of staff: doubts, replies and complaints of viewers, by when they are due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from getpass import getuser
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import MINUTE, iso
from aftershow.model.tasks import ON_TIME_PERCENT, Task
from aftershow.ports.store import Conflict
from aftershow.rules.links import callback_token
from aftershow.services import tasks
from infra.local import runs, stack
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    check_writable,
    console,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.report import plain
from infra.local.shops import OpenShop, open_shop

# What a list shows of an id: enough to name one among thousands.
SHORT_ID = 8
_CALLBACKS = ("aliyun", "tencent")

app = typer.Typer(
    no_args_is_help=True,
    help="What viewers wrote or complained about, and by when somebody must answer: list it, look at it, close it.",
)
TaskArgument = Annotated[str, typer.Argument(metavar="ID", help="Its id, or the start of it.")]


@app.command(name="list")
def list_(
    context: typer.Context,
    *,
    closed: Annotated[bool, typer.Option("--closed", help="Those that are closed, in place of the open ones.")] = False,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """What is open, the most urgent first; how many were closed in time. Exit code 1: something is overdue.

    A complaint of level 1 is due half an hour after it came in, 2 after a day, 3 after two; a doubt after four hours:
    until then the viewer's reminders wait.
    """
    check_writable(json_file)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        store, now, zone = shop.ports.store, shop.signed_at(), shop.settings.shop_zone
        found = list(tasks.listed(store, is_open=not closed))
        done = found if closed else list(tasks.listed(store, is_open=False))
    if json_file is not None:
        put(json_file, json_text({"tasks": [_row(one, now) for one in found], **_on_time(done)}))
    if json_file != "-":
        _print(found, now, zone)
        _print_on_time(done)
    if not closed and any(one.due_at < now for one in found):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command()
def show(
    context: typer.Context,
    task: TaskArgument,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Everything about one task, with what the viewer wrote: it is kept here alone, until the task is closed."""
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        one, now, zone = _one(shop, task), shop.signed_at(), shop.settings.shop_zone
    for field, value in {**_row(one, now, zone), "text": one.text or None}.items():
        if value is not None:
            console().print(Text(plain(f"{field}: {value}")))
    for step in one.story:
        console().print(Text(plain(f"{iso(step.at, zone)} {step.code}: {step.detail}")))


@app.command()
def close(
    context: typer.Context,
    task: TaskArgument,
    note: Annotated[str, typer.Option("--note", help="What was done: kept with the task.")],
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Close a task: what the viewer wrote is deleted, reminders go on; a complaint gets a follow-up in 72 hours."""
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        one = _one(shop, task)
        done = tasks.close(shop.ports, one.id, f"{getuser()} ({shop.via})", note, shop.signed_at())
    console().print(f"closed {done.id[:SHORT_ID]}, {'in time' if done.on_time else 'late'}")


@app.command()
def callbacks(
    context: typer.Context,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """The secret addresses to which Aliyun and Tencent report receipts and replies: enter them in their consoles.

    Whoever knows one can report in the vendor's name; it changes with the stack's LinkSecret.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        secret = shop.link_secret()
        base = shop.settings.base_url
    for provider in _CALLBACKS:
        console().print(f"{provider}: {base}/receipts/{provider}/{callback_token(secret, provider)}", soft_wrap=True)


@contextmanager
def _refusing() -> Iterator[None]:
    with (
        refusing(runs.CannotRun, stack.StackError),
        refusing(tasks.NoSuchTask, code=FOUND_SOMETHING_WRONG),
    ):
        try:
            yield
        except Conflict:
            refuse("somebody else closed it at the same time", FOUND_SOMETHING_WRONG)


def _one(shop: OpenShop, start: str) -> Task:
    both = (one for is_open in (True, False) for one in tasks.listed(shop.ports.store, is_open=is_open))
    found = [one for one in both if one.id.startswith(start)]
    if not found:
        refuse(f"there is no task {start}: look with inbox list", FOUND_SOMETHING_WRONG)
    if len(found) > 1:
        refuse(f"{start} is the start of {len(found)} ids: give more of it")
    return found[0]


def _row(task: Task, now: int, zone: str = "UTC") -> dict[str, object]:
    return {
        "id": task.id,
        "kind": task.kind,
        "level": task.level,
        "viewer": task.viewer,
        "channel": task.channel,
        "obstacle": task.obstacle,
        "about": task.about,
        "opened_at": iso(task.opened_at, zone),
        "due_at": iso(task.due_at, zone),
        "overdue": task.closed_at is None and task.due_at < now,
        "closed_at": iso(task.closed_at, zone) if task.closed_at is not None else None,
        "closed_by": task.closed_by,
        "on_time": task.on_time if task.closed_at is not None else None,
    }


def _print(found: Sequence[Task], now: int, zone: str) -> None:
    if not found:
        console().print("nothing waits for an answer")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "kind", "level", "due", "", "viewer", "obstacle"):
        table.add_column(column, overflow="fold")
    for one in found:
        late = one.closed_at is None and one.due_at < now
        word = f"overdue by {(now - one.due_at) // MINUTE} min" if late else ""
        cells = (one.id[:SHORT_ID], one.kind, str(one.level), iso(one.due_at, zone)[:16].replace("T", " "), word,
                 one.viewer or "unknown", one.obstacle or "")  # fmt: skip
        table.add_row(*(Text(plain(cell), "red" if late else "") for cell in cells))
    console().print(table)


def _on_time(done: Sequence[Task]) -> dict[str, int]:
    return {"closed": len(done), "closed_on_time": sum(one.on_time for one in done), "wanted_percent": ON_TIME_PERCENT}


def _print_on_time(done: Sequence[Task]) -> None:
    if done:
        timely = sum(one.on_time for one in done)
        share = f"{timely * 1000 // len(done) / 10} %"
        console().print(f"closed in time: {timely:,} of {len(done):,} ({share}; wanted: {ON_TIME_PERCENT} %)")
