"""A dry run on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import iso
from aftershow.model.settings import Settings
from infra.local import words
from infra.local.dry_run import DryRun, Would, WouldNot
from infra.local.report import REASONS_IN_A_ROW, TERMINAL_ROWS, TONES, bars, section
from infra.local.stories import SHORT_ID, planned_because
from infra.local.summary import Count
from infra.local.words import moment, plain, word

Titles = Mapping[str, Mapping[str, str]]


def print_dry_run(dry: DryRun, titles: Titles, settings: Settings, locale: str, console: Console) -> None:
    """Draw it: how many, who would get what when and why, who would not and why. `titles` is playbook id to locale to
    title. Raises ValueError (locale)."""
    words.check(locale)
    console.print(_headline(dry, settings, locale))
    if dry.reminded:
        counts = [
            Count(titles[name].get(locale, name), dry.whole(count)) for name, count in dry.by_playbook.most_common()
        ]
        console.print(section(word("by_playbook", locale), bars(counts, dry.whole(dry.viewers), locale)))
        heading = _listed("who_would", len(dry.would), dry.whole(dry.reminded), locale)
        console.print(section(heading, _would(dry.would, titles, locale)))
    alone = [Count(code, dry.whole(count)) for code, count in dry.reasons.most_common()]
    if alone:
        console.print(section(word("why_alone", locale), bars(alone, dry.whole(dry.viewers), locale)))
        heading = _listed("who_would_not", len(dry.would_not), dry.whole(dry.viewers - dry.reminded), locale)
        console.print(section(heading, _would_not(dry.would_not, locale)))


def dry_run_json(dry: DryRun) -> dict[str, Any]:
    """What `--json` has: all counts, and the people as far as they are listed."""
    return {
        "show": dry.show.show,
        "ended": iso(dry.show.closed_at or 0),
        "viewers": dry.whole(dry.viewers),
        "reminded": dry.whole(dry.reminded),
        "messages_at_most": dry.whole(dry.messages),
        "estimated": dry.estimated,
        "by_playbook": {name: dry.whole(count) for name, count in dry.by_playbook.items()},
        "left_alone": {code: dry.whole(count) for code, count in dry.reasons.items()},
        "would": [
            {
                "viewer": one.row.viewer, "playbook": one.row.playbook, "step": one.row.step,
                "channel": one.row.channel, "due": iso(one.row.due),
                "temperature": one.temperature, "intent": one.intent,
                "trace": [f"{step.code}: {step.detail}" for step in one.row.trace],
            }
            for one in dry.would
        ],
        "would_not": [
            {"viewer": one.viewer, "reason": one.reason, "temperature": one.temperature, "intent": one.intent,
             **({"share": one.share} if one.share else {})}
            for one in dry.would_not
        ],
    }  # fmt: skip


def _headline(dry: DryRun, settings: Settings, locale: str) -> RenderableType:
    lines = Text()
    lines.append(f"{plain(dry.show.text('title') or dry.show.show)}\n", "bold")
    ended = moment(dry.show.closed_at or 0, settings.shop_zone, locale)
    lines.append(f"{word('show_ended', locale)} {ended} ({settings.shop_zone})\n", "dim")
    lines.append(f"{word('dry_run_note', locale)}\n", "italic yellow")
    if dry.estimated:
        lines.append(f"{words.phrase('dry_run_estimated', dry.parts_read, locale)}\n", "italic yellow")
    lines.append("\n")
    figures = (("viewers", dry.viewers), ("would_remind", dry.reminded), ("messages_at_most", dry.messages))
    for number, (code, count) in enumerate(figures):
        lines.append("  ·  " if number else "").append(f"{dry.whole(count):,} ", "bold").append(word(code, locale))
    title = f"{word('dry_run', locale)} · {plain(settings.shop_name)}"
    return Panel(lines, title=Text(title, "bold"), box=box.ROUNDED, padding=(0, 2))


def _listed(code: str, listed: int, of: int, locale: str) -> str:
    return f"{word(code, locale)} ({min(listed, TERMINAL_ROWS)} / {of})"


def _would(listed: list[Would], titles: Titles, locale: str) -> RenderableType:
    table = _table(("viewer", "playbook", "why", "due"), locale)
    for one in sorted(listed, key=lambda each: (-each.intent, each.row.viewer))[:TERMINAL_ROWS]:
        row = one.row
        temperature, because = planned_because(row)
        warm = Text(plain(word(temperature, locale)), TONES.get(temperature, ""))
        reasons = words.why(because[:REASONS_IN_A_ROW], locale)
        title = titles[row.playbook].get(locale, row.playbook)
        table.add_row(
            Text(plain(row.viewer[:SHORT_ID])),
            Text(plain(f"{title} · {word(row.channel, locale)}")),
            Text.assemble(warm, words.colon(locale) if reasons and temperature else "", plain(reasons)),
            Text(moment(row.due, row.zone, locale)),
        )
    return table


def _would_not(listed: list[WouldNot], locale: str) -> RenderableType:
    table = _table(("viewer", "intent", "why"), locale)
    for one in sorted(listed, key=lambda each: (-each.intent, each.viewer))[:TERMINAL_ROWS]:
        warm = f"{word(one.temperature, locale)} {one.intent}" if one.temperature else ""
        reason = word(one.reason, locale) + (f" ({one.share})" if one.share else "")
        table.add_row(
            Text(plain(one.viewer[:SHORT_ID])), Text(warm, TONES.get(one.temperature, "")), Text(plain(reason))
        )
    return table


def _table(columns: tuple[str, ...], locale: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for code in columns:
        table.add_column(word(code, locale), overflow="fold", no_wrap=code != "why")
    return table
