"""What people are called, through the functions: written once, told once, and found by daily care when time changes
it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, HOUR, MINUTE
from aftershow.model.labels import LabelName, Labels
from aftershow.ports import keys
from aftershow.ports.store import Row
from tests.functional.story import Said, Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T19:00+08:00")
ENDS = at("2026-03-06T21:30+08:00")
SHOW = Show("spring")


def kept(shop: Shop, viewer: Viewer) -> tuple[Mapping[LabelName, str], int, list[dict[str, Any]]]:
    """(labels, how often they were written, the events of the last writing) of a person."""
    wanted = keys.labels(shop.person(viewer).viewer)
    [row] = [
        Row(image) for image in shop.host.backend.scan("engagements") if Row(image).item("engagements").key == wanted
    ]
    labels = Labels.read(row.item("engagements").body)
    return labels.values, row.version.counter, [json.loads(event.detail) for event in row.events]


def shown() -> Shop:
    shop = Shop(OPENS)
    shop.hears(SHOW.scheduled(OPENS, OPENS, ENDS))
    return shop


def test_a_label_that_changes_is_an_event_once() -> None:
    shop, mei = shown(), Viewer("mei")
    shop.hears(*almost_buys(mei, SHOW, OPENS + MINUTE))
    shop.until(ENDS + HOUR)
    values, written, _ = kept(shop, mei)
    assert (values["stage"], values["life_cycle"], values["presence"]) == ("cart", "new", "in_shows")
    shop.hears(mei.orders(ENDS + 2 * HOUR, "order-1"))
    values, then, [event] = kept(shop, mei)
    assert values["stage"] == event["labels"]["stage"] == "order"
    assert set(event["changed"]) >= {"stage", "activity", "rfm", "churn"}
    assert then > written
    # Looking again, however often, writes nothing and tells nothing.
    shop.hears(mei.orders(ENDS + 2 * HOUR, "order-1"), mei.consents(ENDS + 3 * HOUR))
    assert kept(shop, mei)[1] == then
    assert shop.host.errors == []


def test_daily_care_finds_what_time_alone_changes() -> None:
    shop, mei = shown(), Viewer("mei")
    shop.hears(*almost_buys(mei, SHOW, OPENS + MINUTE), mei.orders(ENDS, "order-1"))
    found = {}
    for days in (6, 8, 16, 29, 31, 89, 91):
        shop.until(ENDS + days * DAY)
        values = kept(shop, mei)[0]
        found[days] = (values["life_cycle"], values["activity"], values["churn"])
    assert found == {
        6: ("new", "active", "low"),
        8: ("new", "quiet", "low"),
        16: ("new", "quiet", "medium"),
        29: ("new", "quiet", "medium"),
        31: ("at_risk", "dormant", "high"),
        89: ("at_risk", "dormant", "high"),
        91: ("lapsed", "dormant", "high"),
    }
    [event] = kept(shop, mei)[2]
    assert event["changed"] == ["life_cycle"]
    # Coming back changes it again, though nothing is ordered.
    shop.hears(mei.enters(Show("autumn"), ENDS + 92 * DAY), mei.leaves(Show("autumn"), ENDS + 92 * DAY + MINUTE))
    shop.until(ENDS + 93 * DAY)
    assert kept(shop, mei)[0]["presence"] == "in_shows"
    assert kept(shop, mei)[0]["churn"] == "medium"


def shared(viewer: Viewer, sharer: str, when: int) -> Said:
    said = viewer.enters(SHOW, when)
    [message] = said.messages
    properties: dict[str, Any] = {**message["properties"], "link_id": sharer}  # type: ignore[dict-item]
    return Said(when, ({**message, "properties": properties},), said.context)


def test_shares_that_bring_buyers_make_a_koc() -> None:
    shop, koc = shown(), Viewer("koc")
    shop.hears(koc.identifies(OPENS + MINUTE))
    sharer = viewer_id("user", koc.user_id)
    for number, name in enumerate(("lan", "mei", "koc")):
        friend = Viewer(name, signed_in=name == "koc")
        came = OPENS + (2 + number) * MINUTE
        shop.hears(shared(friend, sharer, came), friend.identifies(came + 1000))
        shop.hears(friend.orders(came + 2000, f"order-{name}", show=SHOW))
    shop.until(ENDS)
    values, _, _ = kept(shop, koc)
    # Her own order by her own link brought nobody.
    assert (values["stage"], values["sharer"]) == ("advocate", "koc_who_buys")
    reasons = shop.records().brought(shop.person(koc))
    assert reasons == 2


def test_of_merged_viewers_only_the_surviving_one_is_called_anything() -> None:
    shop, mei, other = shown(), Viewer("mei"), Viewer("other")
    shop.hears(*almost_buys(mei, SHOW, OPENS + MINUTE), *almost_buys(other, SHOW, OPENS + 2 * MINUTE))
    alias = {"type": "alias", "userId": mei.user_id, "previousId": other.user_id, "messageId": "a1"}
    shop.until(ENDS + HOUR)
    shop.hears(Said(ENDS + 2 * HOUR, (alias,)))
    shop.until(ENDS + 3 * HOUR)
    rows = [Row(image).item("engagements") for image in shop.host.backend.scan("engagements")]
    named = {row.key.pk: Labels.read(row.body).values for row in rows if row.key.sk == "labels"}
    assert [viewer for viewer, values in named.items() if values] == [shop.person(mei).viewer]
    assert all(row.index is None for row in rows if row.key.sk == "labels" and not named[row.key.pk])
