"""Labels and scores of one person on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import parse_instant
from infra.local.label_words import phrase, word
from infra.local.words import moment, plain

_CLOCK = " 00:00"
# Their values are no words of ours.
SAID_AS_IT_IS = ("rfm", "taste", "region")


def labels_grid(told: Mapping[str, Any], zone: str, now: int | None, locale: str) -> RenderableType:
    """Each label with its value and its reasons, then the numbers; `told` is what `--json` has."""
    called = told["called"]
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(max_width=34)
    grid.add_column(style="dim")
    for name, label in called["labels"].items():
        value = label["value"] if name in SAID_AS_IT_IS else word(f"{name}:{label['value']}", locale)
        grid.add_row(word(name, locale), Text(plain(value)), Text(_why(label["reasons"], locale)))
    for name, score in called["scores"].items():
        why = f"{_why(score['reasons'], locale)} ({score['version']})"
        grid.add_row(word(name, locale), Text(f"{score['value']} / 100"), Text(why))
    window = called["next_window"]
    if window is not None:
        moments = (moment(parse_instant(window[name]), zone, locale, now) for name in ("from", "to"))
        days = " - ".join(text[: -len(_CLOCK)] for text in moments)
        grid.add_row(word("next_window", locale), Text(days), Text(_why(window["reasons"], locale)))
    hours = called["usual_hours"]
    grid.add_row(word("usual_hours", locale), Text(spans(hours["hours"])), Text(_why(hours["reasons"], locale)))
    for one in told["engagements"]:
        if one["peak"] is not None:
            at = moment(parse_instant(one["peak"]["at"]), zone, locale, now)
            grid.add_row(word("peak", locale), Text(at), Text(_why(one["peak"]["reasons"], locale)))
    return grid


def recommended_grid(told: Mapping[str, Any], locale: str) -> Table:
    """What would be shown, the best first, each with why; no rows where nothing was learnt."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(max_width=48)
    grid.add_column(style="dim")
    for one in (*told["recommended"]["products"], *told["recommended"]["shows"]):
        why = word(one["why"], locale).replace("{of}", plain(one["because_name"] or ""))
        grid.add_row(Text(plain(one["name"])), Text(why))
    return grid


def spans(hours: Iterable[int]) -> str:
    """Hours of a day as spans: 08-11 19-23."""
    listed = sorted(hours)
    starts = [hour for hour in listed if hour - 1 not in listed]
    ends = [hour for hour in listed if hour + 1 not in listed]
    return " ".join(f"{start:02d}-{end + 1:02d}" for start, end in zip(starts, ends, strict=True))


def _why(reasons: Iterable[Mapping[str, Any]], locale: str) -> str:
    comma = "、" if locale == "zh-CN" else ", "
    return comma.join(phrase(one["code"], one["amount"], locale) for one in reasons)
