"""What a person is called and scored, with every reason, as `explain` has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aftershow.model.engagements import Engagement, Reason
from aftershow.model.instants import iso
from aftershow.model.labels import Label
from aftershow.model.viewers import Facts
from aftershow.rules import customers, repurchase
from aftershow.rules.engagement import hour_histogram
from aftershow.rules.labels import VERSION, Known, label, next_window
from aftershow.rules.peak import peak
from aftershow.rules.planning import zone_of
from aftershow.rules.recommending import Recommended
from aftershow.rules.timing import active_mask
from infra.local.records import Human, Records


def labels_json(records: Records, human: Human) -> dict[str, Any]:
    """Labels, numbers and moments of a person as of now, as the functions would give them."""
    facts = human.head or Facts()
    engagements = records.engagements_of(human, shows_only=False)
    found = label(Known(facts, engagements, records.brought(human)), records.measure, records.now)
    return {
        "version": VERSION,
        "labels": {name: _told(one) for name, one in found.labels.items()},
        # What was written down, by which the last event of a change went out.
        "kept": records.labels_of(human),
        "changes_at": iso(found.next_at) if found.next_at is not None else None,
        "scores": _scores(records, facts, found.labels.get("rfm")),
        "next_window": _window(records, facts),
        "usual_hours": _hours(records, human, engagements.values()),
    }


def recommended_json(records: Records, human: Human) -> dict[str, Any]:
    """What would be shown to a person, why, and with which of theirs it goes."""
    products, shows = records.recommended(human)

    def named(name: str | None) -> str | None:
        product, show = records.products.get(name or ""), records.shows.get(name or "")
        return (product.text("name") if product else show.text("title") if show else None) or name

    def told(listed: Sequence[Recommended]) -> list[dict[str, Any]]:
        return [
            {"id": one.id, "name": named(one.id), "points": round(one.points, 6), "why": one.why,
             "because": one.because, "because_name": named(one.because)}
            for one in listed
        ]  # fmt: skip

    return {"products": told(products), "shows": told(shows)}


def peak_json(engagement: Engagement) -> dict[str, Any] | None:
    """The moment of peak interest in an engagement."""
    found = peak(engagement)
    return {"at": iso(found.at), "reasons": _reasons(found.reasons)} if found else None


def _told(one: Label) -> dict[str, Any]:
    return {"value": one.value, "reasons": _reasons(one.reasons)}


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    return [{"code": one.code, "amount": one.amount} for one in reasons]


def _scores(records: Records, facts: Facts, rfm: Label | None) -> dict[str, Any]:
    bought = [(one.at, float(one.minor)) for one in facts.recent_orders]
    scored = repurchase.score(bought, records.now + 1, records.repurchase)
    told: dict[str, Any] = {}
    if scored is not None:
        reasons = [one.model_dump() for one in scored.reasons]
        told["repurchase"] = {"version": scored.version, "value": scored.chance, "reasons": reasons}
    if rfm is not None:
        points, promotion = customers.rfm_points(rfm.value, records.now, records.settings.shop_zone)
        reasons = [{"code": "promotion_day" if promotion else "ordinary_day", "amount": None}]
        told["rfm_points"] = {"version": customers.CALENDAR_VERSION, "value": points, "reasons": reasons}
    return told


def _window(records: Records, facts: Facts) -> dict[str, Any] | None:
    window = next_window(facts, records.measure)
    if window is None:
        return None
    return {"from": iso(window.begins), "to": iso(window.ends), "reasons": _reasons(window.reasons)}


def _hours(records: Records, human: Human, engagements: Iterable[Engagement]) -> dict[str, Any]:
    listed = list(engagements)
    newest = max(listed, key=lambda one: one.last_at, default=None)
    zone = zone_of(human.head, newest, records.settings) if human.head else records.settings.shop_zone
    histogram = hour_histogram(listed, zone)
    mask = active_mask(listed, zone)
    return {
        "zone": zone,
        "hours": [hour for hour in range(24) if mask >> hour & 1],
        "histogram": list(histogram),
        "reasons": [{"code": "seen_hours", "amount": sum(map(bool, histogram))}],
    }
