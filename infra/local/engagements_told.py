"""What one person did in each show, as data and on a terminal: how far they came, what held them back, their taste."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from aftershow.model.engagements import Engagement
from aftershow.model.instants import iso
from aftershow.model.viewers import RecentOrder
from aftershow.rules.attribution import attributed_show
from aftershow.rules.comparing import compares
from aftershow.rules.engagement import hour_histogram
from aftershow.rules.obstacle import HeldBack, held_back
from aftershow.rules.path import left_at
from infra.local import words
from infra.local.records import Human
from infra.local.summary import Because
from infra.local.words import phrase, word


def orders_in(human: Human, engagements: Mapping[str, Engagement], show: str | None) -> list[RecentOrder]:
    """A person's orders that belong to a show."""
    recent = human.head.recent_orders if human.head and show else ()
    return [order for order in recent if attributed_show(order, engagements.values()) == show]


def engagement_json(
    engagement: Engagement, orders: Sequence[RecentOrder], zone: str, categories: Mapping[str, str]
) -> dict[str, object]:
    """What `--json` has of an engagement beside its score; hours are those of `zone`, `categories` the catalog's."""
    held = held_back(engagement, orders)
    histogram = hour_histogram([engagement], zone)
    return {
        "about": engagement.about,
        "from": iso(engagement.first_at),
        "to": iso(engagement.last_at),
        "watch_seconds": engagement.watch_seconds,
        "counts": {kind.name.lower(): number for kind, number in sorted(engagement.counts().items())},
        "estimated": engagement.estimated,
        "cart": {product: line.quantity for product, line in engagement.cart_lines().items()},
        "source": engagement.source.value if engagement.source else None,
        "link": engagement.link.value if engagement.link else None,
        "referrer": engagement.referrer.value if engagement.referrer else None,
        "hours": {f"{hour:02d}": pieces for hour, pieces in enumerate(histogram) if pieces},
        "left_at": left_at(engagement, orders),
        "checkout_step": engagement.checkout_step,
        "orders": [order.order for order in orders],
        "obstacle": obstacle_json(held),
        "interests": {name: iso(at) for name, at in engagement.interests.items()},
        "votes": {poll: said.value for poll, said in engagement.votes.items()},
        "compared": sorted(engagement.compared),
        "choosing_among": list(compares(engagement, categories)),
        "questions": {about: int(said.value) for about, said in engagement.questions.items()},
        "alarms": {name: iso(at) for name, at in engagement.alarms.items()},
    }


def obstacle_json(held: HeldBack | None) -> dict[str, object] | None:
    """An obstacle with its evidence; None where they ordered."""
    if held is None:
        return None
    evidence = [{"code": one.code, "amount": one.amount, "points": one.points} for one in held.evidence]
    return {"code": held.obstacle, "evidence": evidence, "also": list(held.also)}


def obstacle_words(held: HeldBack | None, locale: str) -> str:
    """The obstacle in a few words."""
    return "" if held is None else word(f"obstacle_{held.obstacle}", locale)


def engagements_grid(told: Sequence[Mapping[str, Any]], locale: str) -> RenderableType:
    """For each show where they left, what held them back and why, and what else their behaviour says."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", max_width=30)
    grid.add_column(max_width=24)
    grid.add_column()
    for one in told:
        for number, (name, said) in enumerate(_lines(one, locale)):
            grid.add_row(Text(one["about"] if number == 0 else ""), Text(name), Text(said))
    return grid


def _lines(one: Mapping[str, Any], locale: str) -> Iterator[tuple[str, str]]:
    step = one["checkout_step"]
    place = word(f"place_{one['left_at']}", locale)
    yield word("left_at", locale), place + (f" ({phrase('checkout_step', step, locale)})" if step else "")
    if one["obstacle"] is not None:
        because = tuple(Because(each["code"], each["amount"]) for each in one["obstacle"]["evidence"])
        told = word(f"obstacle_{one['obstacle']['code']}", locale)
        yield word("held_back_by", locale), told + (f" ({words.why(because, locale)})" if because else "")
    comma = "、" if locale == "zh-CN" else ", "
    for code, listed in _listed(one, locale).items():
        if listed:
            yield word(code, locale), comma.join(listed)


def _listed(one: Mapping[str, Any], locale: str) -> dict[str, list[str]]:
    """What else there is to say, by its heading; mostly nothing."""
    return {
        "their_orders": one["orders"],
        "their_interests": list(one["interests"]),
        "their_votes": [f"{poll}: {said}" for poll, said in one["votes"].items()],
        "their_compared": one["compared"],
        "choosing_among": one["choosing_among"],
        "their_questions": [
            f"{word(f'question_{about}', locale)} ({word(f'urgency_{urgency}', locale)})"
            for about, urgency in one["questions"].items()
        ],
        "their_alarms": [word(f"alarm_{name}", locale) for name in one["alarms"]],
        "came_by": [one[code] for code in ("source", "link", "referrer") if one[code]],
        "active_at": [f"{hour}:00 ×{pieces}" for hour, pieces in one["hours"].items()],
    }
