"""Commands on the ledger: recount it, and show one viewer's points."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import at_zone, iso
from aftershow.model.ledger import NEVER, set_aside
from aftershow.model.orders import Order
from aftershow.rules.accounts import standing
from aftershow.rules.wording import why
from aftershow.services import ledger
from aftershow.services.recounted import Recount, figures
from aftershow.services.recounting import recount
from infra.local import ledger_staff, runs, stack
from infra.local.books import entry_json, points_json
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
    refusing,
)
from infra.local.desk import open_desk
from infra.local.shops import open_shop
from infra.local.words import moment, plain, word

app = typer.Typer(
    no_args_is_help=True,
    help="Recount the points ledger, show the points of one viewer; adjust, hold, transfer, budgets.",
)


@app.command()
def check(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Recount every account, lot, budget and order from the entries alone, and print every disagreement.

    Exit code 1 where something disagrees. Entries that were refused (same key, other content) are listed too; they are
    no disagreement. With --stack the whole ledger and all orders are read, which costs; what is being posted meanwhile
    may disagree: run it again.
    """
    check_writable(json_file)
    with refusing(runs.CannotRun, stack.StackError):
        told = _recounted(data, name, region, context.obj)
    if json_file is not None:
        put(json_file, json_text(_recount_json(told)))
    if json_file != "-":
        _print_recount(told)
    if told.disagreements:
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command()
def statement(
    context: typer.Context,
    viewer: Annotated[str, typer.Argument(help="Any identifier of the person; with --stack, numbers as E.164.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=ledger.MAX_STATEMENT_ENTRIES, help="Entries of a page.")] = 20,
    after: Annotated[str | None, typer.Option(help="The cursor that the page before ended with.")] = None,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Show a viewer's points now: what may be spent, when it expires, and every entry with its reason, newest first."""
    check_writable(json_file)
    with refusing(runs.CannotRun, stack.StackError, ValueError), open_desk(data, name, region, context.obj) as desk:
        found = desk.known(viewer)
        holder = ledger.holder(desk.ports, found)
        page = ledger.statement(desk.ports, found, after, limit)
        now, zone = desk.ports.now(), desk.ports.settings.shop_zone
    if json_file is not None:
        told = {
            "viewer": holder.viewer,
            **points_json(holder.accounts, now),
            "reservations": [
                {"id": one.id, "points": one.points, "until": iso(one.until) if one.until else None}
                for account in holder.accounts
                for one in account.asides
            ],
            "entries": [entry_json(entry) for entry in page.entries],
            "cursor": page.cursor,
        }
        put(json_file, json_text(told))
    if json_file == "-":
        return
    console().print(Text(_standing_line(holder, now, zone, locale.value)))
    console().print(Text(f"{word('times_in', locale.value)} {zone}", "dim"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for entry in page.entries:
        # What only moves between spendable and set aside stands in brackets.
        amount = f"{entry.points:+,}" if entry.points else f"({abs(entry.sum(set_aside(entry.home))):,})"
        table.add_row(moment(entry.posted_at, zone, locale.value, now), amount, plain(why(entry, locale.value)))
    console().print(table)
    if page.cursor is not None:
        typer.echo(f"--after '{page.cursor}'", err=True)


def _recounted(data: Path, name: str | None, region: str | None, connect: stack.Connect | None) -> Recount:
    if name is None:
        run = runs.opened(data)
        try:
            return run.records().recount
        finally:
            run.close()
    found = stack.find(name, region, connect)
    with stack.explained(), open_shop(data, name, region, connect) as shop:
        # Orders after entries: an entry's order is there before it.
        entries = list(found.items("ledger"))
        orders = [Order.read(item.body) for item in found.items("orders", "order#")]
        return recount(entries, orders, shop.ports.settings.shop_currency, shop.ports.now())


def _standing_line(holder: ledger.Holder, now: int, zone: str, locale: str) -> str:
    stands = standing(holder.accounts, now)
    chinese = locale == Locale.ZH_CN
    words = (
        ("可用", "待生效", "预留", "冻结", "欠") if chinese else ("available", "pending", "reserved", "held", "owed")
    )
    counts = (stands.available, stands.pending, stands.reserved, stands.held, stands.owed)
    told = ", ".join(f"{count:,} {word}" for count, word in zip(counts, words, strict=True))
    first = next((lot for lot in stands.lots if lot[0] < NEVER), None)
    if first is None:
        return f"{holder.viewer}: {told}"
    # The last day on which they count.
    day = f"{at_zone(first[0] - 1, zone):%Y-%m-%d}"
    expiry = f"{first[1]:,} 将于 {day} 到期" if chinese else f"{first[1]:,} expire after {day}"
    return f"{holder.viewer}: {told}; {expiry}"


def _recount_json(told: Recount) -> dict[str, object]:
    liability = told.liability
    return {
        "entries": told.entries,
        "accounts": told.accounts,
        "budgets": told.budgets,
        "disagreements": [one._asdict() for one in told.disagreements],
        "refused": [{"account": home, "key": key} for home, key in told.refused],
        "where_points_are": dict(figures(told)),
        "handed_out": told.handed_out,
        "liability": {
            "at": iso(liability.at),
            "available": liability.available,
            "pending": liability.pending,
            "reserved": liability.reserved,
            "held": liability.held,
            "owed": liability.owed,
            "run_out": liability.run_out,
            "balances": liability.balances,
        },
    }


def _print_recount(told: Recount) -> None:
    out = console()
    out.print(f"{told.entries:,} entries, {told.accounts:,} accounts, {told.budgets:,} budgets", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, points in figures(told):
        table.add_row(name.replace("_", " "), Text(f"{points:,}", justify="right"))
    table.add_row("sum", Text(f"{sum(points for _, points in figures(told)):,}", justify="right"))
    out.print(table)
    for home, key in told.refused:
        out.print(Text(plain(f"refused, its key stands with other content: {home} {key}")))
    for one in told.disagreements:
        out.print(Text(plain(f"{one.where}: {one.what} should be {one.should_be}, is {one.found}"), "red"))
    out.print("everything agrees" if not told.disagreements else f"{len(told.disagreements)} disagreements")


ledger_staff.register(app)
