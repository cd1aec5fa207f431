"""Commands on playbooks: check the files, bring them into a shop, approve them, stop them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import at_zone, iso
from aftershow.model.launches import WHOLE, Launch, LaunchDecision
from aftershow.model.playbooks import Playbook
from aftershow.ports.store import Conflict
from aftershow.rules.launching import Launched, NotApproved, approved, content_hash, read_share, share_text
from aftershow.services import launching
from aftershow.services.launching import NoSuchPlaybook, Signature, WorstCase
from infra.local import catalog, rules, runs, stack, templates
from infra.local.command import (
    ASKED_WRONGLY,
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
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
from infra.local.dry_run import DryRun, dry_run
from infra.local.dry_run_report import dry_run_json, print_dry_run
from infra.local.shops import OpenShop, open_shop
from infra.local.template_checks import findings
from infra.local.words import plain

app = typer.Typer(
    no_args_is_help=True,
    help="Check the playbooks in infra/playbooks, bring them to a shop, and approve them: until somebody "
    "other than its author approved it, a playbook does nothing.",
)


@app.command()
def check() -> None:
    """Read every playbook and template, check the templates (see: aftershow templates check), and hold their texts
    against the rule packs and the lexicon of claims; exit code 1 names all that is wrong, or the first file that can't
    be used."""
    with refusing(catalog.CatalogError, code=FOUND_SOMETHING_WRONG):
        listed, found, wrong = catalog.current(), rules.vet(), findings(templates.the_shelf())
    for one in listed:
        typer.echo(
            f"{one.id} {one.version}: {one.trigger}, at most {one.most_messages} messages, by {one.author}, "
            f"content {content_hash(one)[:10]}"
        )
    typer.echo("none of them does anything before it is approved: aftershow playbooks list", err=True)
    rules.tell(found)
    for finding in wrong:
        typer.echo(plain(str(finding)), err=True)
    if wrong or any(one.stops for one in found):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command()
def push(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    write_key_for: Annotated[
        str | None, typer.Option(help="Also make a write key for a source of this name, and print it, once.")
    ] = None,
    write_key: Annotated[
        str | None,
        typer.Option(help="The key that the source's clients send already, such as a Pinpoint application id."),
    ] = None,
) -> None:
    """Bring playbooks, templates, rule packs and the lexicon into a shop; its functions see them within 5 s.

    What is there is overwritten. A playbook whose content changed (its own, or a text of its templates) does nothing
    until it is approved anew; one that was stopped stays stopped.
    """
    if write_key is not None and not (write_key_for and write_key.strip()):
        refuse("--write-key KEY goes with --write-key-for NAME")
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        store = shop.ports.store
        changed = catalog.push(store)
        key = catalog.new_write_key(store, write_key_for, write_key) if write_key_for else None
        off = [one.playbook.id for one in launching.playbooks(store) if one.off is not None]
    typer.echo(f"{len(changed)} playbooks, templates and rules changed in {shop.name}")
    if off:
        typer.echo(f"off until approved: {', '.join(off)}")
    if write_key is not None:
        typer.echo(f"{write_key_for} sends with the key that you gave")
    elif key is not None:
        typer.echo(f"write key of {write_key_for}, shown only now: {key}")


@app.command(name="list")
def list_(
    context: typer.Context,
    *,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    history: Annotated[bool, typer.Option("--history", help="Also every approval and stop there was.")] = False,
    json_file: JsonOption = None,
) -> None:
    """How each playbook of a shop stands: draft, approved by whom for how many, changed since, stopped by whom."""
    check_writable(json_file)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        store = shop.ports.store
        known, launches = launching.playbooks(store), launching.launches(store)
        decisions = launching.decisions(store) if history or json_file else []
        files = {one.id: content_hash(one) for one in catalog.current()}
        zone = shop.settings.shop_zone
    if json_file is not None:
        put(json_file, json_text([_standing_json(one, launches.get(one.playbook.id), decisions) for one in known]))
    if json_file == "-":
        return
    table = Table(box=None, pad_edge=False)
    for column in ("playbook", "author", "state"):
        table.add_column(column, overflow="fold")
    for one in known:
        state = standing(one, launches.get(one.playbook.id), zone)
        if files.get(one.playbook.id, content_hash(one.playbook)) != content_hash(one.playbook):
            state += "; the file differs: push it"
        style = "green" if one.off is None else "yellow"
        table.add_row(
            f"{one.playbook.id} {one.playbook.version}", Text(plain(one.playbook.author)), Text(plain(state), style)
        )
    console().print(table)
    for decision in decisions if history else ():
        console().print(Text(plain(_decision_line(decision, zone))))


@app.command()
def approve(
    context: typer.Context,
    playbook: Annotated[str, typer.Argument(metavar="ID", help="The playbook: aftershow playbooks list.")],
    *,
    by: Annotated[str, typer.Option(help="Your name. The author of a playbook can't approve it.")],
    share: Annotated[str, typer.Option(help="For how many of the people: 5%, 0.5%, 100%.")] = "100%",
    only_look: Annotated[bool, typer.Option("--dry-run", help="Show the worst case, approve nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask. Needed where nobody can answer.")] = False,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Let a playbook work: as it is now, for a share of the people, until its content changes or somebody stops it.

    First shows the worst case: how many it would have reminded in the last show, and messages at most. Everybody has a
    fixed place in each playbook's share, so a larger share only adds people. Then viewers of the shows that ended
    within the playbook's deadline are looked at again. Approving lifts a stop.
    """
    check_writable(json_file)
    with refusing(ValueError):
        wanted = read_share(share)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        found = next(
            (one.playbook for one in launching.playbooks(shop.ports.store) if one.playbook.id == playbook), None
        )
        if found is not None:
            # Whoever may not approve it is told before anything is counted.
            approved(found, by, wanted, shop.ports.now())
        dry = _worst_case(shop, found, wanted)
        if json_file is not None:
            put(json_file, json_text(dry_run_json(dry) if dry else None))
        if json_file != "-":
            _show_worst_case(shop, found, dry, locale)
            if wanted < WHOLE:
                _show_everybody(_worst_case(shop, found, WHOLE))
        if only_look:
            return
        _confirm(f"Approve {playbook} for {share_text(wanted)} of the people in {shop.name}?", yes=yes)
        worst = WorstCase(dry.whole(dry.reminded), dry.whole(dry.messages)) if dry else None
        signed = Signature(by, shop.signed_at(), shop.via)
        launching.approve(shop.ports.store, playbook, wanted, signed, worst)
        shows = shop.look_again(shop.ports.now() - found.deadline) if found else 0
    typer.echo(
        f"{playbook} is approved by {by} for {share_text(wanted)}; functions know it within 5 s; the viewers of "
        f"{shows} shows are looked at again. To stop it: aftershow stop {playbook}",
        err=json_file == "-",
    )


def stop(
    context: typer.Context,
    playbook: Annotated[str | None, typer.Argument(metavar="[PLAYBOOK]", help="Which one; without it, all.")] = None,
    by: Annotated[str | None, typer.Option(help="Your name; else the one of your account on this machine.")] = None,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """The stop button: no message of a playbook, or of any, is claimed from the sixth second on.

    What is planned is swept after that, with the reason "playbook stopped". A push doesn't lift a stop; only
    aftershow playbooks approve does.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        store = shop.ports.store
        signed = Signature(by or getuser(), shop.signed_at(), shop.via)
        known = {one.playbook.id: one.playbook for one in launching.playbooks(store)}
        names = [playbook] if playbook is not None else sorted(known)
        left = launching.stop_each(store, names, signed)
        names = [each for each in names if each not in left]
        typer.echo(f"stopped in {shop.name}: {', '.join(names) or 'nothing'}; it holds within 5 s")
        deadlines = [known[each].deadline for each in names if each in known]
        shows = shop.look_again(shop.ports.now() - max(deadlines, default=0))
    typer.echo(f"open reminders of {shows} shows are swept; others when they fall due")
    if left:
        refuse(f"NOT stopped, others decide on them at this moment: {', '.join(left)}. Again!", FOUND_SOMETHING_WRONG)


def standing(one: Launched, launch: Launch | None, zone: str) -> str:
    """How a playbook stands, in a sentence."""
    if launch is None or (launch.approval is None and launch.stop is None):
        return "draft: does nothing until approved"
    if launch.stop is not None:
        return f"stopped by {launch.stop.by} at {_moment(launch.stop.at, zone)}"
    approval = launch.approval
    if approval is None:
        return "draft: does nothing until approved"
    who = f"by {approval.by} at {_moment(approval.at, zone)} for {share_text(approval.share)}"
    if one.off is None:
        return f"approved {who}"
    return f"changed since version {approval.version} was approved {who}: does nothing until approved anew"


def _standing_json(one: Launched, launch: Launch | None, decisions: list[LaunchDecision]) -> dict[str, Any]:
    mine = [each for each in decisions if each.playbook == one.playbook.id]
    return {
        "playbook": one.playbook.id,
        "version": one.playbook.version,
        "author": one.playbook.author,
        "content": content_hash(one.playbook),
        "off": one.off,
        **(launch.model_dump(exclude={"playbook"}) if launch else {"approval": None, "stop": None}),
        "history": [{**each.model_dump(exclude_none=True), "at": iso(each.at)} for each in mine],
    }


def _decision_line(decision: LaunchDecision, zone: str) -> str:
    words = f"{_moment(decision.at, zone)}  {decision.playbook} {decision.what} by {decision.by} ({decision.via})"
    if decision.share is None:
        return words
    words += f" version {decision.version} for {share_text(decision.share)}"
    if decision.people is None:
        return words
    return f"{words}; shown before: {decision.people:,} people, at most {decision.messages:,} messages"


def _moment(at: int, zone: str) -> str:
    return at_zone(at, zone).strftime("%Y-%m-%d %H:%M")


def _worst_case(shop: OpenShop, playbook: Playbook | None, share: int) -> DryRun | None:
    """The last show under this playbook alone, as if it were approved. None: there is nothing to count."""
    ended = shop.ended_shows()
    if playbook is None or not ended:
        return None
    with progress("Counting the worst case") as report:
        return dry_run(shop.ports, ended[0], [Launched(playbook, None, share)], report)


def _show_worst_case(shop: OpenShop, playbook: Playbook | None, dry: DryRun | None, locale: Locale) -> None:
    if dry is not None and playbook is not None:
        print_dry_run(dry, {playbook.id: playbook.title}, shop.settings, locale.value, console())
    elif playbook is not None:
        err().print("no show has ended yet, so there is no worst case to show", markup=False, highlight=False)


def _show_everybody(dry: DryRun | None) -> None:
    """A small share of one show says little: beside it, what all of the people would get."""
    if dry is not None:
        typer.echo(
            f"for 100% of the people it would be: {dry.whole(dry.reminded)} reminded, "
            f"{dry.whole(dry.messages)} messages at most"
        )


def _confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        refuse("nobody can be asked here: look at the worst case, then say --yes", ASKED_WRONGLY)
    if not typer.confirm(question):
        refuse("not approved", FOUND_SOMETHING_WRONG)


@contextmanager
def _refusing() -> Iterator[None]:
    with refusing(
        runs.CannotRun, stack.StackError, catalog.CatalogError, NotApproved, NoSuchPlaybook, Conflict
    ):  # fmt: skip
        yield
