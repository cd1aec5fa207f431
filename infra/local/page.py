"""The report of a run as one HTML page: styles and pictures inside, nothing loaded from elsewhere.

This module turns a `summary.Summary` into texts and widths, the template lays them out. The template
engine escapes every value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from liquid import Environment

from infra.local import coverage_words, words
from infra.local.summary import Story, Summary
from infra.local.words import LOCALES, WORDS, moment, money, phrase, share, word

# A page of more rows is slow on a phone; JSON has all of them.
PAGE_ROWS = 200
_TEMPLATE = Path(__file__).with_name("page.html.liquid")
_TONES = frozenset(("hot", "considering", "cold"))


def render_page(summary: Summary, locale: str) -> str:
    """The whole page. Raises ValueError for a locale without words."""
    words.check(locale)
    template = Environment(autoescape=True).from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(**_page(summary, locale))


def _page(summary: Summary, locale: str) -> dict[str, Any]:
    """What the template shows: only texts and widths, so that it lays out and decides nothing."""
    labels = {code: texts[LOCALES.index(locale)] for code, texts in WORDS.items()}
    period = (summary.begins_at, summary.ends_at)
    alone = sum(reason.count for reason in summary.left_alone)
    ledger, events = summary.ledger, summary.events
    return {
        "locale": locale,
        "w": labels,
        "synthetic": summary.synthetic,
        "unknown": [coverage_words.unknown(one, locale) for one in summary.unknown],
        "shop": summary.shop,
        "shows": summary.shows,
        "period": " – ".join(moment(at, summary.zone, locale) for at in period),
        "zone": summary.zone,
        "figures": [
            *({"value": f"{count:,}", "word": labels[code]} for code, count in words.heading(summary)),
            {
                "value": f"{summary.won_back_orders:,}",
                "word": labels["orders_won_back"],
                "more": money(summary.won_back_minor, summary.currency),
            },
        ],
        "funnel": _funnel(summary, locale),
        "alone_total": f"{alone:,}",
        "alone": [
            {
                "word": word(reason.code, locale),
                "count": f"{reason.count:,}",
                "share": share(reason.count, alone),
                "width": _width(reason.count, max(one.count for one in summary.left_alone)),
            }
            for reason in summary.left_alone
        ],
        **_page_rows(summary, locale),
        "story": _page_story(summary.story, locale) if summary.story else None,
        "ledger": _figures(
            locale, earned=ledger.earned, reversed=ledger.reversed, spent=ledger.spent, ran_out=ledger.expired
        )
        + _figures(locale, balance_sum=ledger.balance_sum, entries=ledger.entries),
        "balanced": ledger.balances,
        "events": _figures(locale, accepted=events.accepted, duplicate=events.duplicate, dead=events.dead),
    }


def _figures(locale: str, **counts: int) -> list[dict[str, str]]:
    return [{"word": word(code, locale), "value": f"{n:,}"} for code, n in counts.items()]


def _width(count: int, most: int) -> str:
    """A width in hundredths of the picture; something is never drawn as nothing."""
    return f"{max(100 * count / most, 0.8):.2f}" if count and most else "0"


def _funnel(summary: Summary, locale: str) -> list[dict[str, str]]:
    """Each step as a trapezium from its own width to the next one's, centred in 100 by 10."""
    most = max((step.count for step in summary.funnel), default=0)
    steps = []
    for index, step in enumerate(summary.funnel):
        following = summary.funnel[min(index + 1, len(summary.funnel) - 1)]
        top, bottom = float(_width(step.count, most)), float(_width(following.count, most))
        corners = ((50 - top / 2, 0), (50 + top / 2, 0), (50 + bottom / 2, 10), (50 - bottom / 2, 10))
        steps.append(
            {
                "word": word(step.code, locale),
                "count": f"{step.count:,}",
                "share": share(step.count, summary.viewers),
                "points": " ".join(f"{x:.2f},{y}" for x, y in corners),
                "strength": f"{0.45 + 0.55 * index / max(len(summary.funnel) - 1, 1):.2f}",
            }
        )
    return steps


def _page_rows(summary: Summary, locale: str) -> dict[str, Any]:
    reminders = [
        {
            "viewer": row.viewer,
            "playbook": words.playbook_title(summary, row.playbook, locale),
            "channel": word(row.channel, locale),
            "temperature": word(row.temperature, locale),
            "tone": row.temperature if row.temperature in _TONES else "",
            "why": words.why(row.because, locale),
            "due": moment(row.due, row.zone, locale),
            "zone": row.zone,
            "end": words.ending(row, locale),
            "good": row.outcome in words.GOOD_ENDS,
        }
        for row in summary.reminders[:PAGE_ROWS]
    ]
    non_orderers = [
        {
            "viewer": row.viewer,
            "temperature": word(row.temperature, locale),
            "tone": row.temperature if row.temperature in _TONES else "",
            "intent": str(row.intent),
            "why": words.why(row.because, locale),
            "held": word(f"obstacle_{row.obstacle}", locale),
            "reach": word(row.unreachable or "yes", locale),
            "reachable": not row.unreachable,
        }
        for row in summary.non_orderers[:PAGE_ROWS]
    ]
    messages = [
        {
            "viewer": row.viewer,
            "channel": word(row.channel, locale),
            "class": word(row.message_class, locale),
            "when": moment(row.at, row.zone, locale),
            "zone": row.zone,
        }
        for row in summary.messages[:PAGE_ROWS]
    ]
    return {
        "reminders": reminders,
        "reminders_total": f"{len(summary.reminders):,}",
        "reminders_more": _more(len(summary.reminders), locale),
        "non_orderers": non_orderers,
        "non_orderers_total": f"{len(summary.non_orderers):,}",
        "non_orderers_more": _more(len(summary.non_orderers), locale),
        "messages": messages,
        "messages_total": f"{len(summary.messages):,}",
        "messages_more": _more(len(summary.messages), locale),
    }


def _more(count: int, locale: str) -> str:
    return phrase("more_rows", count - PAGE_ROWS, locale) if count > PAGE_ROWS else ""


def _page_story(story: Story, locale: str) -> dict[str, Any]:
    lines = [
        {
            "when": moment(line.at, story.zone, locale, story.now),
            "what": words.happened(line, locale),
            "detail": words.detail(line, locale),
        }
        for line in story.lines
    ]
    return {"viewer": story.viewer, "zone": story.zone, "lines": lines}
