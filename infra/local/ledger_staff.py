"""What staff do in the ledger: adjust, hold, transfer, each with a reason and a name; open a budget, make its codes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from aftershow.rules.spending import Refusal
from aftershow.services import budgets, ledger, spending
from infra.local import runs, stack
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    check_writable,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.desk import Desk, open_desk

T = TypeVar("T")

# Easy to read out: neither 0 and O, nor 1 and I.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12
MAX_CODES = 100_000

ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it stands in the statement.")]
ByOption = Annotated[str, typer.Option("--by", help="Your name.")]
IdOption = Annotated[
    str | None,
    typer.Option("--id", help="Done once for each id; without it, each call is a new one.", show_default=False),
]
ViewerArgument = Annotated[str, typer.Argument(help="Any identifier of the person; with --stack, numbers as E.164.")]
PointsArgument = Annotated[int, typer.Argument(help="How many points.")]


def register(app: typer.Typer) -> None:
    """Add these commands to those of `aftershow ledger`."""
    # A number below zero looks like an option.
    app.command(context_settings={"ignore_unknown_options": True})(adjust)
    for command in (hold, unhold, transfer, budget, codes):
        app.command()(command)


def adjust(
    context: typer.Context,
    viewer: ViewerArgument,
    points: Annotated[int, typer.Argument(help="Points to give; below zero, to take as far as there are some.")],
    *,
    reason: ReasonOption,
    by: ByOption,
    name: IdOption = None,
    corrects: Annotated[str | None, typer.Option(help="The key of the entry that this corrects.")] = None,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Give a viewer points, or take some."""
    with _at(context, data, stack_name, region, json_file) as desk:
        who = desk.known(viewer)
        _done(spending.adjust(desk.ports, who, _id(name), points, reason, by, corrects))
        _tell_balance(desk, who, json_file)


def hold(
    context: typer.Context,
    viewer: ViewerArgument,
    points: PointsArgument,
    *,
    reason: ReasonOption,
    by: ByOption,
    name: IdOption = None,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Set points of a viewer aside until somebody ends it: aftershow ledger unhold VIEWER ID."""
    with _at(context, data, stack_name, region, json_file) as desk:
        who, chosen = desk.known(viewer), _id(name)
        _done(spending.hold(desk.ports, who, chosen, points, reason, by))
        typer.echo(f"held under {chosen}", err=True)
        _tell_balance(desk, who, json_file)


def unhold(
    context: typer.Context,
    viewer: ViewerArgument,
    name: Annotated[str, typer.Argument(metavar="ID", help="What the hold was made under.")],
    *,
    by: ByOption,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """End a hold: its points may be spent again."""
    with _at(context, data, stack_name, region, json_file) as desk:
        who = desk.known(viewer)
        _done(spending.unhold(desk.ports, who, name, by))
        _tell_balance(desk, who, json_file)


def transfer(
    context: typer.Context,
    giver: ViewerArgument,
    taker: ViewerArgument,
    points: PointsArgument,
    *,
    reason: ReasonOption,
    by: ByOption,
    name: IdOption = None,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Bring points of one viewer to another; they expire when they would have."""
    with _at(context, data, stack_name, region, json_file) as desk:
        giving, taking = desk.known(giver), desk.known(taker)
        _done(spending.transfer(desk.ports, giving, taking, _id(name), points, reason, by))
        _tell_balance(desk, giving, json_file)


def budget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The budget's name.")],
    total: Annotated[int, typer.Argument(help="How much it holds, in whole units.")],
    *,
    reason: ReasonOption,
    by: ByOption,
    unit: Annotated[str, typer.Option(help="points, or what else is handed out: coupon, red packet ...")] = "points",
    per_claim: Annotated[int, typer.Option(help="Units of one claim.")] = 1,
    peak: Annotated[int, typer.Option(help="Claims a second at the peak: so many shards does it need.")] = 30,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Open a budget that refuses when nothing is left."""
    with _at(context, data, stack_name, region, json_file) as desk:
        opened = _done(
            budgets.open_budget(
                desk.ports, name, total, unit=unit, per_claim=per_claim, peak_claims_per_second=peak, note=reason,
                author=by,
            )
        )  # fmt: skip
        there = _done(budgets.left(desk.ports, name))
    _told(
        {**opened.model_dump(), "left": there}, f"{name}: {there:,} {unit} left, in {opened.shards} shards", json_file
    )


def codes(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="BUDGET", help="The budget that they draw on.")],
    number: Annotated[int, typer.Argument(min=1, max=MAX_CODES, help="How many.")],
    *,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """Make redeem codes and print them, one a line, once: only their hashes are kept."""
    made = ["".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH)) for _ in range(number)]
    with _at(context, data, stack_name, region, json_file) as desk:
        _done(budgets.make_codes(desk.ports, name, made))
    _told({"budget": name, "codes": made}, "\n".join(made), json_file)


@contextmanager
def _at(
    context: typer.Context, data: Path, name: str | None, region: str | None, json_file: str | None
) -> Iterator[Desk]:
    check_writable(json_file)
    with refusing(runs.CannotRun, stack.StackError), open_desk(data, name, region, context.obj) as desk:
        yield desk


def _id(given: str | None) -> str:
    return given if given is not None else secrets.token_hex(8)


def _done(answer: T | Refusal) -> T:
    """What was done; a refusal ends the command with its words. Raises typer.Exit."""
    if isinstance(answer, Refusal):
        refuse(answer.words, FOUND_SOMETHING_WRONG)
    return answer


def _tell_balance(desk: Desk, viewer: str, json_file: str | None) -> None:
    stands = ledger.balance(desk.ports, viewer)
    told = {"viewer": viewer, "balance": stands.balance, "available": stands.available, "held": stands.held}
    _told(told, f"{viewer}: {stands.available:,} available, {stands.held:,} held", json_file)


def _told(told: dict[str, object], sentence: str, json_file: str | None) -> None:
    if json_file is not None:
        put(json_file, json_text(told))
    if json_file != "-":
        typer.echo(sentence)
