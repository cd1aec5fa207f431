"""The one way in: `infra/aftershow COMMAND ...`. Each command has `--help`; exit codes are 0, 1 (found something wrong)
and 2 (was asked wrongly)."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from infra.local import channels, dead, export, ledger, playbooks, rules, runs, scores, staff, templates
from infra.local.attendance import audience
from infra.local.building import ARCHITECTURE, KIB, BuildError, packages, this_architecture
from infra.local.building import build as built
from infra.local.command import (
    ASKED_WRONGLY,
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    ROOT,
    DataOption,
    HtmlOption,
    JsonOption,
    Locale,
    LocaleOption,
    check_writable,
    console,
    err,
    json_text,
    progress,
    put,
    refuse,
    refusing,
)
from infra.local.coverage import coverage
from infra.local.importing.command import import_file
from infra.local.inbox import app as inbox
from infra.local.init import init
from infra.local.intrinsics import TemplateError
from infra.local.learning import commands as learning
from infra.local.page import render_page
from infra.local.parameters import SetOption, parameters
from infra.local.report import print_report, print_story
from infra.local.stories import story
from infra.local.telling import explanation, run_json, summary
from infra.local.tools import ToolError
from infra.local.up import up

app = typer.Typer(
    name="aftershow",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Win back the viewers of a live show who left without ordering. Start with: aftershow demo",
)
app.add_typer(playbooks.app, name="playbooks")
app.add_typer(rules.app, name="rules")
app.add_typer(scores.app, name="scores")
app.add_typer(templates.app, name="templates")
app.add_typer(export.app, name="export")
app.add_typer(channels.app, name="channels")
app.command()(coverage)
app.add_typer(dead.app, name="dead")
app.add_typer(ledger.app, name="ledger")
app.add_typer(staff.app, name="staff")
app.command()(up)
app.add_typer(inbox, name="inbox")
app.command()(playbooks.stop)
app.command()(learning.train)
app.command()(learning.evaluate)
app.command("import")(import_file)
app.command()(init)
app.command()(audience)


class Format(StrEnum):
    """What recorded files hold."""

    SEGMENT = "segment"
    ONLINE_RETAIL = "online-retail"


@app.command()
def demo(
    viewers: Annotated[int, typer.Option(min=1, max=100_000, help="How many viewers the generated show has.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same show, to the byte.")] = 7,
    days: Annotated[int, typer.Option(min=1, max=60, help="How many days are played.")] = 7,
    data: DataOption = DEFAULT_DATA,
    json_file: JsonOption = None,
    html: HtmlOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Play a generated live show and the days after it, through the real functions, and tell what happened.

    The show is synthetic and says so; every decision is made by the same code that runs in Lambda. Afterwards:
    aftershow explain VIEWER, with a viewer id from the report.
    """
    check_writable(json_file, html)
    with refusing(runs.CannotRun), progress("Playing the show") as report:
        run = runs.demo(viewers, seed, days, data, report)
    _tell(run, json_file, html, locale, synthetic=True)


@app.command()
def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", exists=True, dir_okay=False, readable=True, help="Recorded files, gzip or not."
        ),
    ],
    format_: Annotated[Format, typer.Option("--format", help="What the files hold.")] = Format.SEGMENT,
    redeem_every: Annotated[
        int | None, typer.Option(min=1, help="Redeem every full so many points of a viewer as soon as they are there.")
    ] = None,
    given: SetOption = None,
    data: DataOption = DEFAULT_DATA,
    json_file: JsonOption = None,
    html: HtmlOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Send recorded events, or real orders, through the HTTP ingest on the clock of their own timestamps.

    segment: NDJSON of Segment messages, one message or batch a line. online-retail: invoices of the UCI Online Retail
    data; its customers have no addresses, so what the playbooks would have sent goes to files. Events of another shop
    count as they did there under its parameters: --set ShopCurrency=EUR --set ShopZone=Europe/Paris.
    """
    check_writable(json_file, html)
    with refusing(TemplateError):
        named = parameters(given)
    with refusing(runs.CannotRun), progress("Replaying") as report:
        run = runs.replay(files, format_.value, data, report, redeem_every, named)
    _tell(run, json_file, html, locale, synthetic=False)
    err().print(runs.sentence(run.read), markup=False, highlight=False)
    err().print("no person approved the playbooks: a replay does so itself, its messages reach nobody", markup=False)
    for place in run.unreadable:
        err().print(f"not read: {place}", markup=False, highlight=False)
    if run.read.get("broken"):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command()
def explain(
    viewer: Annotated[
        str,
        typer.Argument(help="Viewer id (its start is enough), user id, anonymous id, e-mail address or phone number."),
    ],
    data: DataOption = DEFAULT_DATA,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Tell everything that is known about a viewer: what they did, every decision with its reason and trace, points."""
    if not viewer.strip():
        refuse("explain needs a viewer", ASKED_WRONGLY)
    check_writable(json_file)
    with refusing(runs.CannotRun):
        run = runs.opened(data)
    if not run.complete:
        err().print("this state is of a run that was interrupted", markup=False, highlight=False)
    records = run.records()
    human = records.find(viewer)
    if human is None:
        run.close()
        refuse(
            f"nobody is known as {viewer}: take a viewer from the report, or any identifier that was sent",
            FOUND_SOMETHING_WRONG,
        )
    told = explanation(records, human)
    if json_file == "-":
        sys.stdout.write(json_text(told))
    else:
        print_story(story(records, human), told, locale.value, console())
        if json_file is not None:
            put(json_file, json_text(told))
    run.close()


@app.command()
def build(
    here: Annotated[
        bool,
        typer.Option("--here", help="For this machine's processor: sam local, the deployed tests."),
    ] = False,
) -> None:
    """Build what goes to Lambda into .aws-sam/build: sam build, bytecode that is valid there, sizes. Then: sam deploy.

    Needs Python 3.13, the runtime's version; the SAM CLI is installed into .aftershow/tools.
    """
    with refusing(ToolError, BuildError):
        folder = built(this_architecture() if here else ARCHITECTURE)
    weighed = packages(folder)
    for each in weighed:
        console().print(
            f"{each.name:20} {each.size_bytes / KIB:10,.0f} KiB of at most {each.limit_bytes / KIB:8,.0f}",
            markup=False,
            highlight=False,
        )
    console().print(f"built into {folder.relative_to(ROOT)}", markup=False, highlight=False)
    heavy = [each.name for each in weighed if each.too_heavy]
    if heavy:
        refuse(f"too heavy: {', '.join(heavy)}", FOUND_SOMETHING_WRONG)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests that take minutes at most, on all cores. Further arguments go to pytest: aftershow test -k claims.

    In one process, for a debugger: aftershow test -n 0.
    """
    marks = "not slow and not benchmark and not deployed and not browser"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "--dist", "worksteal", "-m", marks, *context.args]
    raise typer.Exit(subprocess.run(command, cwd=ROOT, check=False).returncode)  # noqa: S603 (our own words)


def main() -> None:
    """Run the command line."""
    app(prog_name="aftershow")


def _tell(run: runs.Run, json_file: str | None, html: str | None, locale: Locale, *, synthetic: bool) -> None:
    """The report, and what else is asked for; what goes to standard output takes the report's place there."""
    records = run.records()
    told = summary(records, run.tally, run.begins_at, synthetic=synthetic)
    if "-" not in (json_file, html):
        print_report(told, locale.value, console())
    if json_file is not None:
        more = {"input": {**run.read, "unreadable": run.unreadable}} if run.read else {}
        put(json_file, json_text({**run_json(records, run.tally, synthetic=synthetic), **more}))
    if html is not None:
        put(html, render_page(told, locale.value))
    run.close()


if __name__ == "__main__":
    main()
