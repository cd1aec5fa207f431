"""Commands on playbooks: check the files, and bring them into a deployed shop."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.local import catalog, stack

FOUND_SOMETHING_WRONG, ASKED_WRONGLY = 1, 2

app = typer.Typer(
    no_args_is_help=True, help="Check the playbooks in infra/playbooks, and bring them to a deployed shop."
)


@app.command()
def check() -> None:
    """Read every playbook and template; exit code 1 names the first that can't be used."""
    try:
        listed = catalog.check()
    except catalog.CatalogError as error:
        typer.echo(f"aftershow: {error}", err=True)
        raise typer.Exit(FOUND_SOMETHING_WRONG) from None
    for playbook in listed:
        messages = sum(step.occurrences for step in playbook.steps)
        typer.echo(f"{playbook.id} {playbook.version}: {playbook.trigger}, at most {messages} messages")


@app.command()
def push(
    context: typer.Context,
    name: Annotated[str, typer.Option("--stack", help="The deployed shop, by the name of its stack.")],
    region: stack.RegionOption = None,
    write_key_for: Annotated[
        str | None, typer.Option(help="Also make a write key for a source of this name, and print it, once.")
    ] = None,
) -> None:
    """Bring playbooks and templates into a deployed shop with your own AWS credentials; functions see them within 5 s.

    What is there is overwritten; a playbook is stopped by `stopped: true` in its file, then push.
    """
    try:
        shop = stack.find(name, region, context.obj)
        with stack.explained():
            changed = catalog.push(shop.store)
            key = catalog.new_write_key(shop.store, write_key_for) if write_key_for else None
    except (catalog.CatalogError, stack.StackError) as error:
        typer.echo(f"aftershow: {error}", err=True)
        raise typer.Exit(ASKED_WRONGLY) from None
    typer.echo(f"{len(changed)} playbooks and templates changed in {shop.name}, {shop.region}")
    if key is not None:
        typer.echo(f"write key of {write_key_for}, shown only now: {key}")
