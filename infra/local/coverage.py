"""The coverage meter: what each source delivers, what can't be used, and what can be trusted with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from aftershow.model.coverage import Coverage
from aftershow.model.instants import DAY, iso
from aftershow.model.launches import Launch
from aftershow.model.playbooks import Playbook
from aftershow.rules.coverage import SCORES, SIGNALS, Trust, need_of, of_shop, trust
from aftershow.rules.launching import launched
from aftershow.services.dead_letters import DeadLetter
from infra.local import kept, runs
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
from infra.local.coverage_words import listed, why, word
from infra.local.kept import Kept
from infra.local.stack import RegionOption, StackError, StackOption


@dataclass(frozen=True, slots=True)
class Meter:
    """What the meter shows. `unusable` counts dead letters by (source, reason)."""

    sources: tuple[Coverage, ...]
    unusable: Counter[tuple[str, str]]
    scores: tuple[Trust, ...]
    playbooks: tuple[Trust, ...]
    # Approved playbooks that need something that nobody delivers.
    blind: tuple[str, ...]


def read(shop: Kept) -> Meter:
    """The meter of a shop as it is now."""
    sources = tuple(sorted(shop.all("catalog", Coverage, "coverage"), key=lambda one: one.source))
    seen = of_shop(sources)
    listed_playbooks = sorted(shop.all("catalog", Playbook, "playbooks"), key=lambda one: one.id)
    judged = {playbook.id: trust(need_of(playbook), seen) for playbook in listed_playbooks}
    launches = {one.playbook: one for one in shop.all("catalog", Launch, "launches")}
    running = [one.id for one in listed_playbooks if launched(one, launches.get(one.id)).off is None]
    letters = (letter for letter in shop.all("dead_letters", DeadLetter) if letter.reason)
    return Meter(
        sources=sources,
        unusable=Counter((letter.source, letter.reason) for letter in letters),
        scores=tuple(trust(need, seen) for need in SCORES),
        playbooks=tuple(judged.values()),
        blind=tuple(name for name in running if judged[name].verdict == "unknown"),
    )


def day(number: int) -> str:
    """A day as an ISO date."""
    return iso(number * DAY)[:10]


def meter_json(meter: Meter) -> dict[str, Any]:
    """The meter as `--json` has it. A signal that is not there is unknown; `null` says the same of all sources."""
    seen = of_shop(meter.sources)
    return {
        "sources": {
            one.source: {
                name: {"since": day(signal.first), "last_seen": day(signal.last)}
                for name, signal in one.signals.items()
            }
            for one in meter.sources
        },
        "signals": {
            name: {"delivered_by": list(words), "last_seen": day(seen[name].last) if name in seen else None}
            for name, words in SIGNALS.items()
        },
        "unusable": [
            {"source": source, "reason": reason, "events": count}
            for (source, reason), count in sorted(meter.unusable.items())
        ],
        "scores": [_trust_json(one) for one in meter.scores],
        "playbooks": [_trust_json(one) for one in meter.playbooks],
    }


def _trust_json(one: Trust) -> dict[str, Any]:
    return {
        "name": one.name,
        "verdict": one.verdict,
        "missing": [list(group) for group in one.missing],
        "without": list(one.without),
        "stopped": list(one.stopped),
        "why": {locale.value: why(one, locale.value) for locale in Locale},
    }


def print_meter(meter: Meter, locale: str, to: Console) -> None:
    """The meter as tables."""
    if not meter.sources:
        to.print(word("nothing", locale))
    for source in meter.sources:
        table = _table(f"{word('sources', locale)} · {source.source}", ("signal", "since", "last"), locale)
        for name in (one for one in SIGNALS if one in source.signals):
            table.add_row(word(name, locale), day(source.signals[name].first), day(source.signals[name].last))
        to.print(table)
        never = [name for name in SIGNALS if name not in source.signals]
        to.print(f"  {word('never', locale)}: {listed(never, locale) or word('none', locale)}\n", markup=False)
    unusable = _table(word("unusable", locale), ("source", "reason", "events"), locale)
    for (name, reason), count in sorted(meter.unusable.items(), key=lambda item: (-item[1], item[0])):
        unusable.add_row(name, reason, f"{count:,}")
    to.print(unusable if meter.unusable else f"{word('unusable', locale)}: {word('none', locale)}\n")
    table = _table(word("trust", locale), ("kind", "", "verdict", "why"), locale)
    for kind, trusts in (("score", meter.scores), ("playbook", meter.playbooks)):
        for one in trusts:
            table.add_row(word(kind, locale), word(one.name, locale), word(one.verdict, locale), why(one, locale))
    to.print(table)
    to.print(word("unknown_is_not_zero", locale))


def _table(title: str, columns: tuple[str, ...], locale: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(word(column, locale))
    return table


def coverage(
    data: DataOption = DEFAULT_DATA,
    stack: StackOption = None,
    region: RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Tell which signals each source delivers, since when, which events can't be used, and what can be trusted.

    A score or playbook is trusted where everything that it is read from comes in, partly where something that would
    make it better doesn't, unknown where something that it needs was never observed. Exit code 1: an approved playbook
    is unknown. To hear more, send the events that --json lists by signal.
    """
    check_writable(json_file)
    with refusing(runs.CannotRun, StackError), kept.opened(data, stack, region) as shop:
        meter = read(shop)
    if json_file != "-":
        print_meter(meter, locale.value, console())
    if json_file is not None:
        put(json_file, json_text(meter_json(meter)))
    if meter.blind:
        raise typer.Exit(FOUND_SOMETHING_WRONG)
