"""Commands on rule packs: which there are, since when, from where, what they decide; whether the texts keep them."""

from __future__ import annotations

from typing import Any, assert_never

import typer
from rich.table import Table
from rich.text import Text

from aftershow.model.lint_lexicon import LintLexicon
from aftershow.model.rule_packs import (
    Barred,
    BarredWords,
    Decides,
    Figure,
    Footer,
    Headers,
    Hours,
    Length,
    Lexicon,
    Marker,
    RulePack,
)
from infra.local import catalog, template_samples
from infra.local.command import (
    FOUND_SOMETHING_WRONG,
    JsonOption,
    Locale,
    LocaleOption,
    check_writable,
    console,
    json_text,
    put,
    refusing,
)
from infra.local.vetted import Complaint, Rules, complaints

app = typer.Typer(
    no_args_is_help=True,
    help="The rule packs in infra/rules: law, providers and platforms as versioned data. aftershow playbooks push "
    "brings them to a shop; without them no marketing leaves it.",
)
_PLACES = {
    "start": ("begins with {}", "开头须有：{}"),
    "end": ("ends with {}", "末尾须有：{}"),
    "anywhere": ("has {}", "须有：{}"),
}


@app.command(name="list")
def list_(json_file: JsonOption = None, locale: LocaleOption = Locale.EN) -> None:
    """Every pack with version, date, source and what it decides; the lexicon of claims after them."""
    check_writable(json_file)
    with refusing(catalog.CatalogError, code=FOUND_SOMETHING_WRONG):
        packs, lexicon = catalog.rulebook().packs, catalog.lexicon()
    if json_file is not None:
        put(json_file, json_text({"packs": [_pack_json(one) for one in packs], "lexicon": _lexicon_json(lexicon)}))
    if json_file == "-":
        return
    for pack in packs:
        console().print(_told(pack, locale.value))
    console().print(_lexicon_told(lexicon, locale.value))


@app.command()
def check(json_file: JsonOption = None) -> None:
    """Read every pack and the lexicon, and hold every text of every playbook against them, for the shop's own country;
    exit code 1 where a message could not leave."""
    check_writable(json_file)
    with refusing(catalog.CatalogError, code=FOUND_SOMETHING_WRONG):
        found, packs = vet(), catalog.rulebook().packs
    if json_file is not None:
        listed = [{"where": one.where, "what": one.what, "stops": one.stops} for one in found]
        put(json_file, json_text({"packs": [pack.name for pack in packs], "complaints": listed}))
    if json_file != "-":
        tell(found)
        typer.echo(f"{len(packs)} rule packs, {catalog.lexicon().name}")
    if any(one.stops for one in found):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


def vet() -> list[Complaint]:
    """What speaks against the texts in infra. Raises CatalogError."""
    settings = template_samples.settings_for_samples()
    rules = Rules(catalog.rulebook(), catalog.lexicon(), catalog.snippets(), catalog.tiers(), settings)
    return complaints(catalog.playbooks(), {one.name: one for one in catalog.templates()}, rules)


def tell(found: list[Complaint]) -> None:
    """Complaints, those that stop a message on standard output, notes on standard error."""
    for one in found:
        typer.echo(str(one), err=not one.stops)


def decided(one: Decides, locale: str) -> str:
    """What a provision decides, in a few words."""
    english, chinese, value = _decided(one)
    return {"en": english, "zh-CN": chinese}[locale].format(value)


def _decided(one: Decides) -> tuple[str, str, str]:
    """In English, in Chinese, with a place for what is the same in both."""
    if isinstance(one, Hours):
        days = "".join(f", {day[:3]} {_span(span)}" for day, span in one.days.items())
        return "{}", "{}", f"{one.state or one.zone} {_span(one.hours)}{days}".strip()
    if isinstance(one, Marker):
        return *_PLACES[one.place], " / ".join(one.texts)
    if isinstance(one, Figure):
        return "{}", "{}", f"{one.name}: {one.value:g} {one.unit}"
    return _listed(one)


def _listed(one: Barred | Footer | Headers | BarredWords | Length | Lexicon) -> tuple[str, str, str]:
    match one:
        case Barred():
            return "bars {}", "禁止：{}", ", ".join(one.kinds)
        case Footer():
            return "shows {}", "须写明：{}", ", ".join(one.shows)
        case Headers():
            return "has headers {}", "须有邮件头：{}", ", ".join(one.names)
        case BarredWords():
            return "never says {}", "禁用语：{}", ", ".join(one.words)
        case Length():
            return "at most {} characters", "最多 {} 字", str(one.most)
        case Lexicon():
            return "is checked against the lexicon", "按词库检查", ""
        case _:
            assert_never(one)


def _span(span: tuple[int, int] | None) -> str:
    return f"{span[0]:02d}-{span[1]:02d}" if span else "-"


def _told(pack: RulePack, locale: str) -> Table:
    """A pack as people read it: a heading, what it decides and why, its sources."""
    applies = pack.applies
    whom = " · ".join(", ".join(names) for names in (applies.channels, applies.providers, applies.countries) if names)
    anybody = {"en": "everything", "zh-CN": "全部"}[locale]
    table = Table(box=None, pad_edge=False, title_justify="left", show_header=False, title_style="bold")
    table.title = f"{pack.name} · {pack.title[locale]} · {pack.date} · {whom or anybody}"
    table.add_column(overflow="fold", ratio=2)
    table.add_column(overflow="fold", ratio=3)
    for one in pack.decides:
        classes = "" if one.classes == ("marketing",) else f" [{', '.join(one.classes)}]"
        table.add_row(Text(f"  {decided(one, locale)}{classes}"), Text(f"{one.why[locale]} ({one.reference})"))
    for source in pack.sources:
        table.add_row(Text(f"  {source.seen}", "dim"), Text(f"{source.title} {source.url}".strip(), "dim"))
    return table


def _lexicon_told(lexicon: LintLexicon, locale: str) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", show_header=False, title_style="bold")
    table.title = f"{lexicon.name} · {lexicon.date}"
    table.add_column(overflow="fold", ratio=2)
    table.add_column(overflow="fold", ratio=3)
    for one in lexicon.lists:
        count = {"en": f"{len(one.words)} words", "zh-CN": f"{len(one.words)} 个词"}[locale]
        table.add_row(Text(f"  {one.title[locale]}: {count}"), Text(f"{one.why[locale]} ({one.reference})"))
    return table


def _pack_json(pack: RulePack) -> dict[str, Any]:
    return pack.model_dump(mode="json", exclude={"zones", "states"})


def _lexicon_json(lexicon: LintLexicon) -> dict[str, Any]:
    return lexicon.model_dump(mode="json", exclude={"variants"})
