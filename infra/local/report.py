"""The report of a run on a terminal, drawn from a `summary.Summary`; `page` draws the same in HTML.

What came from outside is printed as text, never as markup, and without control characters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import parse_instant
from infra.local import coverage_words, label_words, words
from infra.local.engagements_told import engagements_grid
from infra.local.labels_report import labels_grid, recommended_grid
from infra.local.summary import Count, ReminderRow, Story, Summary
from infra.local.words import moment, money, phrase, share, word
from infra.local.words import plain as plain  # noqa: PLC0414 (others take it from here)

# The beginning of a long list; the page shows more of it, JSON all.
TERMINAL_ROWS = 12
REASONS_IN_A_ROW = 2
REASONS_OF_ONE = 3
# A long story keeps its beginning and its end.
STORY_LINES = 24
# `explain` tells all of it, up to a bound that no real person reaches.
MAX_EXPLAINED = 2_000
# Of a name that is a hash: the same as the stories show of a viewer id.
SHORT_CHARACTERS = 10
_BAR_CELLS = 40
TONES = {"hot": "red", "considering": "yellow", "cold": "blue"}


def print_report(summary: Summary, locale: str, console: Console) -> None:
    """Print the report; made for 100 columns, on light and dark. Raises ValueError (locale)."""
    words.check(locale)
    for part in _parts(summary, locale):
        console.print(part)


def print_story(story: Story, told: Mapping[str, Any], locale: str, console: Console) -> None:
    """Draw everything that is known about one viewer; `told` is what `--json` has."""
    words.check(locale)
    profile = "  ·  ".join(f"{name}: {value}" for name, value in told["profile"].items())
    known = ", ".join(told["members"])
    head = Text(f"{known}\n{plain(profile)}" if profile else known)
    console.print(Panel(head, title=Text(story.viewer, "bold"), box=box.ROUNDED, padding=(0, 2)))
    identity = Table.grid(padding=(0, 2))
    for kind, reason in _identity(told, locale):
        identity.add_row(Text(plain(kind)), Text(plain(reason)))
    if identity.row_count:
        console.print(section(word("identity", locale), identity))
    console.print(section(word("can_be_written", locale), _reach(story, told, locale)))
    console.print(section(label_words.word("labels", locale), labels_grid(told, story.zone, story.now, locale)))
    shown = recommended_grid(told, locale)
    if shown.row_count:
        console.print(section(label_words.word("recommended", locale), shown))
    if told["engagements"]:
        console.print(section(word("in_shows", locale), engagements_grid(told["engagements"], locale)))
    heading = f"{word('story', locale)} ({word('times_in', locale)} {story.zone})"
    console.print(section(heading, _told(story, locale, most=MAX_EXPLAINED)))
    alone = Table.grid(padding=(0, 2))
    for one in told["left_alone"]:
        about = " / ".join(part for part in (one["playbook"], one["about"]) if part)
        reason = word(one["reason"], locale) + (f" ({one['share']})" if "share" in one else "")
        alone.add_row(Text(plain(about)), Text(plain(reason)))
    if told["left_alone"]:
        console.print(section(word("no_more", locale), alone))
    points = told["points"]
    counts = {"earned": points["earned"], "reversed": points["reversed"], "balance_sum": points["balance"]}
    console.print(section(word("points", locale), _figures(locale, **counts)))


def _identity(told: Mapping[str, Any], locale: str) -> Iterator[tuple[str, str]]:
    """By what a person is known beside their viewer ids, and which merges were refused, and why."""
    for kind, count in Counter(one["kind"] for one in told["identifiers"]).items():
        yield word(f"by_{kind}", locale), phrase("join", count, locale) if count > 1 else word("joins", locale)
    for one in told["refused_merges"]:
        reason = word(f"refused_{one['reason']}", locale)
        yield word(f"by_{one['kind']}", locale), f"{reason} ({one['name'][:SHORT_CHARACTERS]})"
    for trait, viewers in told["not_joined"].items():
        others = ", ".join(viewer[:SHORT_CHARACTERS] for viewer in viewers)
        yield word(f"by_{trait}", locale), f"{word('not_joined', locale)} ({others})"


def _reach(story: Story, told: Mapping[str, Any], locale: str) -> RenderableType:
    """Per channel and purpose: yes, or everything that stands against it and since when."""
    grid = Table.grid(padding=(0, 2))
    for one in told["reachability"]:
        reasons = [_against(each, story, locale) for each in one["against"]]
        words_of = Text("; ".join(reasons) or word("yes", locale), "" if one["reachable"] else "yellow")
        grid.add_row(Text(plain(word(one["channel"], locale))), Text(word(one["purpose"], locale)), words_of)
    return grid


def _against(told: Mapping[str, Any], story: Story, locale: str) -> str:
    reason = word(told["reason"], locale)
    if told["since"] is None:
        return reason
    since = moment(parse_instant(told["since"]), story.zone, locale, story.now)
    return f"{reason} ({word('since', locale)} {since})"


def _parts(summary: Summary, locale: str) -> Iterator[RenderableType]:
    yield _headline(summary, locale)
    if summary.funnel:
        yield section(word("who_left", locale), bars(summary.funnel, summary.viewers, locale))
    if summary.left_alone:
        unit = word("people", locale)
        total = sum(reason.count for reason in summary.left_alone)
        heading = f"{word('why_alone', locale)} ({total} {unit})"
        yield section(heading, bars(summary.left_alone, total, locale))
    if summary.non_orderers:
        yield section(_listed("non_orderers", len(summary.non_orderers), locale), _left(summary, locale))
    if summary.reminders:
        yield section(_listed("reminders", len(summary.reminders), locale), _table(summary, locale))
    if summary.story:
        viewer = plain(summary.story.viewer)
        yield section(f"{word('story', locale)} ({viewer})", _told(summary.story, locale))
    yield section(word("points", locale), _points(summary, locale))
    events = summary.events
    told = _figures(locale, accepted=events.accepted, duplicate=events.duplicate, dead=events.dead)
    yield section(word("events", locale), told)


def _headline(summary: Summary, locale: str) -> RenderableType:
    period = " – ".join(moment(at, summary.zone, locale) for at in (summary.begins_at, summary.ends_at))
    lines = Text()
    for show in summary.shows:
        lines.append(f"{plain(show)}\n", "bold")
    lines.append(f"{period} ({summary.zone})\n", "dim")
    if summary.synthetic:
        lines.append(f"{word('synthetic_note', locale)}\n", "italic yellow")
    for one in summary.unknown:
        lines.append(f"{coverage_words.unknown(one, locale)}\n", "yellow")
    gap = "" if locale == "zh-CN" else " "
    lines.append("\n")
    for code, count in words.heading(summary):
        lines.append(f"{count:,} ", "bold")
        lines.append(f"{word(code, locale)}  ·  ")
    lines.append(f"{summary.won_back_orders:,} ", "bold green")
    lines.append(f"{word('orders_won_back', locale)}{gap}")
    lines.append(f"({money(summary.won_back_minor, summary.currency)})", "green")
    title = f"{word('title', locale)} · {plain(summary.shop)}"
    return Panel(lines, title=Text(title, "bold"), box=box.ROUNDED, padding=(0, 2))


def section(heading: str, body: RenderableType) -> RenderableType:
    """A part of a report under its heading."""
    return Group(Text(), Text(heading, "bold"), Padding(body, (0, 0, 0, 2)))


def _listed(code: str, count: int, locale: str) -> str:
    heading = word(code, locale)
    return f"{heading} ({min(count, TERMINAL_ROWS)} / {count})" if count else heading


def bars(counts: Sequence[Count], whole: int, locale: str) -> RenderableType:
    """Counts as bars, with their share of the whole."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=24, no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    most = max((count.count for count in counts), default=0)
    for count in counts:
        cells = round(_BAR_CELLS * count.count / most) if most else 0
        bar = Text("█" * max(cells, 1 if count.count else 0), "cyan")
        bar.append(f" {share(count.count, whole)}", "dim")
        grid.add_row(Text(plain(word(count.code, locale))), f"{count.count:,}", bar)
    return grid


def _left(summary: Summary, locale: str) -> RenderableType:
    """Who did not order, the likeliest first."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for code in ("viewer", "intent", "why", "held_back_by", "reach"):
        table.add_column(word(code, locale), overflow="fold", no_wrap=code in ("viewer", "intent", "reach"))
    for one in summary.non_orderers[:TERMINAL_ROWS]:
        intent = Text(plain(f"{word(one.temperature, locale)} {one.intent}"), TONES.get(one.temperature, ""))
        reach = Text(plain(word(one.unreachable or "yes", locale)), "dim" if one.unreachable else "green")
        because = words.why(one.because[:REASONS_OF_ONE], locale)
        held = Text(plain(word(f"obstacle_{one.obstacle}", locale)), "dim" if one.obstacle == "unknown" else "")
        table.add_row(Text(plain(one.viewer)), intent, Text(plain(because)), held, reach)
    return table


def _table(summary: Summary, locale: str) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for code in ("viewer", "playbook", "why", "due", "outcome"):
        table.add_column(word(code, locale), overflow="fold", no_wrap=code in ("playbook", "due"))
    for row in _some_of_each(summary.reminders):
        good = row.outcome in words.GOOD_ENDS
        warm = Text(plain(word(row.temperature, locale)), TONES.get(row.temperature, ""))
        because = words.why(row.because[:REASONS_IN_A_ROW], locale)
        title = words.playbook_title(summary, row.playbook, locale)
        table.add_row(
            Text(plain(row.viewer)),
            Text(plain(f"{title} · {word(row.channel, locale)}")),
            Text.assemble(warm, words.colon(locale) if because and row.temperature else "", plain(because)),
            Text(moment(row.due, row.zone, locale)),
            Text(plain(words.ending(row, locale)), "green" if good else "dim"),
        )
    return table


def _some_of_each(rows: Sequence[ReminderRow]) -> list[ReminderRow]:
    """The first of each playbook in turn, until the table is full; then by moment."""
    by_playbook: dict[str, list[ReminderRow]] = {}
    for row in rows:
        by_playbook.setdefault(row.playbook, []).append(row)
    layers = (layer for listed in zip_longest(*by_playbook.values()) for layer in listed if layer is not None)
    return sorted(islice(layers, TERMINAL_ROWS), key=lambda row: (row.due, row.viewer))


def _told(story: Story, locale: str, most: int = STORY_LINES) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(max_width=28)
    grid.add_column(style="dim")
    lines = story.lines
    left_out = len(lines) - most
    for index, line in enumerate(lines):
        if left_out > 0 and most // 2 <= index < most // 2 + left_out:
            continue
        what, detail = plain(words.happened(line, locale)), plain(words.detail(line, locale))
        grid.add_row(moment(line.at, story.zone, locale, story.now), Text(what), Text(detail))
        if left_out > 0 and index == most // 2 - 1:
            grid.add_row("", Text(phrase("more_rows", left_out, locale), "dim"), "")
    return grid


def _points(summary: Summary, locale: str) -> RenderableType:
    ledger = summary.ledger
    verdict = ("balanced", "green") if ledger.balances else ("not_balanced", "bold red")
    counts = {"earned": ledger.earned, "reversed": ledger.reversed}
    # Nothing is said of what never happened.
    counts |= {code: count for code, count in (("spent", ledger.spent), ("ran_out", ledger.expired)) if count}
    points = _figures(locale, **counts, balance_sum=ledger.balance_sum)
    points.append(word(verdict[0], locale), verdict[1])
    return Group(points, _figures(locale, entries=ledger.entries))


def _figures(locale: str, **counts: int) -> Text:
    text = Text()
    for code, count in counts.items():
        text.append(f"{word(code, locale)} ").append(f"{count:,}   ", "bold")
    return text
