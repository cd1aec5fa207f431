"""Commands on drafts that wait for staff: list them, say that one was sent, hand one over, take one back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import iso
from aftershow.model.reminders import Reminder
from aftershow.ports.ports import Ports
from aftershow.services import drafts
from infra.local import runs, stack
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    Locale,
    LocaleOption,
    check_writable,
    console,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.shops import of_run, open_shop
from infra.local.wecom import LocalWecom
from infra.local.words import word

# What a list shows of an id: enough to name one draft among thousands.
SHORT_ID = 10

app = typer.Typer(
    no_args_is_help=True,
    help="Messages that a member of staff confirms (WeCom): which wait, for whom, until when; confirm, hand over, "
    "take back.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The reminder's id, or the start of it: staff list.")]
ByOption = Annotated[str, typer.Option("--by", help="Your name, for the reminder's story.")]


@dataclass(frozen=True, slots=True)
class Desk:
    """A shop while a command works on its drafts. `wecom` is there in local runs only."""

    ports: Ports
    zone: str
    wecom: LocalWecom | None = None


@app.command(name="list")
def list_(
    context: typer.Context,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Which messages wait for staff, the one that expires first on top."""
    check_writable(json_file)
    with _desk(context, data, name, region) as desk:
        waiting = drafts.awaiting(desk.ports)
    if json_file is not None:
        put(json_file, json_text([_row(row) for row in waiting]))
    if json_file != "-":
        _print(waiting, desk.zone, locale)


@app.command()
def confirm(
    context: typer.Context,
    reminder: IdArgument,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Say that a draft was sent: WeCom is asked at once, and its word counts.

    In a local run there is no app to confirm it in, so this is the button. In a deployed shop the member of staff
    confirms in WeCom; this only makes us look now instead of within half an hour.
    """
    with _desk(context, data, name, region) as desk:
        row = _one(desk, reminder)
        if desk.wecom is not None and not desk.wecom.confirm(row.provider_id or ""):
            refuse(f"the draft of {row.id} was taken back", FOUND_SOMETHING_WRONG)
        drafts.look_now(desk.ports, row)
    _tell(context, data, name, region, row, locale)


@app.command()
def hand_over(
    context: typer.Context,
    reminder: IdArgument,
    to: Annotated[str, typer.Option("--to", help="WeCom's user id of the member of staff who gets it.")],
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Give a draft to another member of staff: it is taken back, checked again, and made anew for them."""
    if not to.strip():
        refuse("--to names the member of staff")
    with _desk(context, data, name, region) as desk:
        row = _one(desk, reminder)
        drafts.hand_over(desk.ports, row, to.strip())
    _tell(context, data, name, region, row, locale)


@app.command()
def withdraw(
    context: typer.Context,
    reminder: IdArgument,
    by: ByOption,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Take a draft back: nobody sends it any more, and this reminder is over. If it was sent already, that counts."""
    with _desk(context, data, name, region) as desk:
        row = _one(desk, reminder)
        drafts.withdraw(desk.ports, row, by.strip())
    _tell(context, data, name, region, row, locale)


@contextmanager
def _desk(context: typer.Context, data: Path, name: str | None, region: str | None) -> Iterator[Desk]:
    """The shop's drafts. A local shop works off what a command set off before it is closed."""
    with refusing(runs.CannotRun, stack.StackError):
        if name is not None:
            with open_shop(data, name, region, context.obj) as shop:
                yield Desk(replace(shop.ports, settings=shop.settings), shop.settings.shop_zone)
            return
        # A shop's own file has the real clock; what was replayed stays on the clock of its events.
        run = runs.going_on(data) if runs.is_a_shops(data) else runs.opened(data)
    try:
        shop = of_run(run, data)
        yield Desk(replace(shop.ports, settings=shop.settings), shop.settings.shop_zone, run.host.wecom)
        run.host.drain()
    finally:
        run.close()


def _one(desk: Desk, start: str) -> Reminder:
    found = [row for row in drafts.awaiting(desk.ports) if row.id.startswith(start)]
    if not found:
        refuse(f"no draft {start} waits for staff: look with staff list", FOUND_SOMETHING_WRONG)
    if len(found) > 1:
        refuse(f"{start} is the start of {len(found)} ids: give more of it")
    return found[0]


def _tell(
    context: typer.Context, data: Path, name: str | None, region: str | None, row: Reminder, locale: Locale
) -> None:
    """How the reminder stands now. A deployed shop takes a moment."""
    if name is not None:
        typer.echo(
            {"en": "asked for; look again with staff list", "zh-CN": "已提交，请用 staff list 查看"}[locale.value]
        )
        return
    with _desk(context, data, name, region) as desk:
        now = drafts.read(desk.ports, row) or row
    state = now.outcome or now.state
    why = f": {word(now.reason, locale.value)}" if now.reason and now.reason != now.outcome else ""
    who = f" ({now.staff})" if now.staff else ""
    typer.echo(f"{row.id[:SHORT_ID]} {word(state, locale.value)}{why}{who}")


def _row(row: Reminder) -> dict[str, object]:
    return {
        "id": row.id,
        "viewer": row.viewer,
        "playbook": row.playbook,
        "step": row.step,
        "channel": row.channel,
        "staff": row.staff,
        "since": iso(row.claimed_at or row.created),
        "until": iso(row.awaiting_until or row.deadline),
        "taking_back": row.recall.reason if row.recall else None,
    }


def _print(waiting: Sequence[Reminder], zone: str, locale: Locale) -> None:
    words = {
        "en": ("no draft waits for staff", "id", "viewer", "playbook", "staff", "since", "until"),
        "zh-CN": ("没有待员工确认的消息", "编号", "观众", "策略", "员工", "起", "止"),
    }[locale.value]
    if not waiting:
        console().print(words[0])
        return
    table = Table(box=None, pad_edge=False)
    for column in words[1:]:
        table.add_column(column, overflow="fold")
    for row in waiting:
        since, until = (
            iso(at, zone)[:16] for at in (row.claimed_at or row.created, row.awaiting_until or row.deadline)
        )
        cells = (row.id[:SHORT_ID], row.viewer, row.playbook, row.staff or "-", since, until)
        table.add_row(*(Text(cell) for cell in cells))
    console().print(table)
