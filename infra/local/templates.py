"""Commands on templates: what there is, what is wrong with it, how it looks to whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.reminders import MessageClass, Reminder
from aftershow.model.templates import Template
from aftershow.model.viewers import Head
from aftershow.ports.ports import Ports
from aftershow.rules import pictures
from aftershow.rules.content import NotRendered, render
from aftershow.services import people
from aftershow.services.rendering import compose
from infra.local import catalog, runs, stack, template_samples
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    check_writable,
    console,
    err,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.shops import OpenShop, open_shop
from infra.local.template_checks import Finding, Shelf, findings
from infra.local.template_preview import Message, written
from infra.local.words import plain

app = typer.Typer(
    no_args_is_help=True,
    help="Look at the templates in infra/templates before anybody gets them: list them, check them, and see how each "
    "channel's message looks to whom.",
)

LocalesOption = Annotated[list[str] | None, typer.Option("--locale", help="Only these languages; may be repeated.")]
ChannelsOption = Annotated[list[str] | None, typer.Option("--channel", help="Only these channels; may be repeated.")]


@app.command(name="list")
def list_(json_file: JsonOption = None) -> None:
    """Every template: its languages, its channels, and the playbooks that send it."""
    check_writable(json_file)
    with refusing(catalog.CatalogError, code=FOUND_SOMETHING_WRONG):
        known, playbooks = catalog.templates(), catalog.playbooks()
    rows = [
        {
            "name": one.name,
            "locales": sorted(one.texts),
            "channels": sorted({channel for texts in one.texts.values() for channel in texts.channels}),
            "playbooks": [each.id for each in playbooks if any(step.template == one.name for step in each.steps)],
        }
        for one in known
    ]
    if json_file is not None:
        put(json_file, json_text(rows))
    if json_file == "-":
        return
    table = Table(box=None, pad_edge=False)
    for column in ("template", "languages", "channels", "playbooks"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(str(row["name"]), *(Text(", ".join(row[name])) for name in ("locales", "channels", "playbooks")))
    console().print(table)


@app.command()
def check(json_file: JsonOption = None) -> None:
    """Check every template and snippet; exit code 1 where something is wrong, with file, line, language and channel.

    Unknown variables, filters and snippets, languages and channels that are missing, an empty subject, text messages
    of too many segments, fields that WeChat refuses, a marketing message that nobody can end.
    """
    check_writable(json_file)
    with refusing(catalog.CatalogError, code=FOUND_SOMETHING_WRONG):
        shelf = the_shelf()
        found = findings(shelf)
    if json_file is not None:
        put(json_file, json_text([one.told() for one in found]))
    if json_file != "-":
        _tell(found)
        typer.echo(f"{len(shelf.templates)} templates, {len(found)} findings", err=True)
    if found:
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command()
def preview(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The template: aftershow templates list.")],
    *,
    out: Annotated[Path, typer.Option(help="The folder to write into: index.html shows everything side by side.")],
    viewer: Annotated[
        str | None, typer.Option(help="A real viewer, by any identifier; without it, sample viewers.")
    ] = None,
    locale: LocalesOption = None,
    channel: ChannelsOption = None,
    data: DataOption = DEFAULT_DATA,
    stack_name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Write what each channel's message would be: to sample viewers, or to a real one of the local state or of a stack.

    HTML and plain text, SMS with segments and cost, push, WeChat fields, WeCom drafts and webhooks as JSON, and a page
    that shows them side by side. Nothing is sent. Exit code 1 where something is wrong with the template.
    """
    with refusing(catalog.CatalogError, runs.CannotRun, stack.StackError, NotRendered):
        shelf = the_shelf()
        template = next((one for one in shelf.templates if one.name == name), None)
        if template is None:
            refuse(f"there is no template {name}; there are {', '.join(one.name for one in shelf.templates)}")
        wanted = list(template_samples.each(template, set(locale or ()) or None, set(channel or ()) or None))
        if not wanted:
            refuse(f"{name} has no text for that language and channel")
        if viewer is None:
            messages = list(_to_samples(shelf, template, wanted))
        else:
            with open_shop(data, stack_name, region, context.obj) as shop:
                messages = list(_to_viewer(shop, template, viewer, wanted))
    found = findings(shelf, [name])
    page = written(messages, found, name, out)
    _tell(found)
    typer.echo(f"{len(messages)} messages, {len(found)} findings: {page}")
    if found:
        raise typer.Exit(FOUND_SOMETHING_WRONG)


def the_shelf() -> Shelf:
    """The templates of this project and what they are checked against. Raises catalog.CatalogError."""
    classes: dict[str, MessageClass] = {}
    for playbook in catalog.playbooks():
        for step in playbook.steps:
            # A template that any marketing playbook sends must be fit for it.
            if classes.get(step.template) != "marketing":
                classes[step.template] = playbook.message_class
    return Shelf(
        folder=catalog.INFRA / "templates",
        templates=catalog.templates(),
        shared=catalog.snippets(),
        tiers=catalog.tiers(),
        classes=classes,
        rulebook=catalog.rulebook(),
        lexicon=catalog.lexicon(),
        settings=template_samples.settings_for_samples(),
    )


def _to_samples(shelf: Shelf, template: Template, wanted: list[tuple[str, str]]) -> Iterator[Message]:
    for sample in template_samples.samples(template):
        for locale, channel in wanted:
            values = template_samples.values(sample, template, channel, locale, shelf.settings, shelf.tiers)
            rendered = render(template, channel, locale, values, shelf.shared)
            yield Message(sample.id, sample.title, locale, channel, pictures.attached(rendered, template))


def _to_viewer(shop: OpenShop, template: Template, viewer: str, wanted: list[tuple[str, str]]) -> Iterator[Message]:
    """What a real viewer would get. Raises NotRendered."""
    ports = dataclasses.replace(shop.ports, settings=template_samples.settings_for_samples(shop.settings))
    known = people.known_as(ports, viewer)
    leading = people.leading_head(ports, known) if known else None
    if leading is None:
        refuse(f"nobody is known as {viewer} in {shop.name}")
    head = leading[0]
    row = _row(ports, template, head)
    for locale, channel in wanted:
        asked = row.model_copy(update={"locale": locale, "channel": channel})
        composed = compose(ports, asked, template, head)
        yield Message(head.viewer, head.viewer, locale, channel, composed.message)


def _row(ports: Ports, template: Template, head: Head) -> Reminder:
    """A reminder of hers with this template, else one about what she last saw."""
    rows = [row for row in people.reminders_of(ports, head.people) if row.template == template.name]
    now = ports.now()
    if rows:
        return max(rows, key=lambda row: row.created).model_copy(update={"claimed_at": now})
    seen = people.engagements_of(ports, head.people)
    last = max(seen.values(), key=lambda one: (one.show is not None, one.last_at), default=None)
    sample = template_samples.samples(template)[0]
    about = template_samples.occasion(sample, template, "email", ports.settings, catalog.tiers())
    return about.reminder.model_copy(
        update={"viewer": head.viewer, "about": last.about if last else "-", "show": last.show if last else None,
                "claimed_at": now, "created": now, "links": (), "coupon": None}
    )  # fmt: skip


def _tell(found: list[Finding]) -> None:
    for one in found:
        err().print(plain(str(one)), markup=False, highlight=False, soft_wrap=True)
