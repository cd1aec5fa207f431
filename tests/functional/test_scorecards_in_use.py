"""A trained scorecard in a shop: the functions score by it within 5 s and say so; one that can't be used is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aftershow.model.engagements import Score
from aftershow.model.instants import MINUTE, SECOND
from aftershow.model.scorecards import Scorecard, Slope, Steps
from aftershow.ports import keys
from aftershow.ports.store import Put
from aftershow.rules import intent
from aftershow.services import catalog
from infra.local import bringing
from tests.functional.running import aftershow
from tests.functional.story import Shop, Show, Viewer, at

OPENS = at("2026-03-06T19:00+08:00")
SHOW = Show("spring")


def card(**more: object) -> Scorecard:
    """Whoever asks the price buys, everybody else doesn't."""
    steps = (Steps(feature="asked_price", edges=(0.5,), points=(0.0, 4.0)),)
    said: dict[str, object] = {
        "name": "intent", "version": "trained-test", "learnt_from": "events.ndjson", "rows": 100, "positives": 40,
        "features": ("asked_price", "watched_minutes"), "bias": -3.0, "steps": steps,
    }  # fmt: skip
    return Scorecard.model_validate({**said, **more})


def score_of(shop: Shop, viewer: Viewer) -> Score:
    """The score that is kept."""
    scored = shop.engagement(viewer, SHOW).score
    assert scored is not None
    return scored


def test_the_scorer_uses_it_within_five_seconds_and_names_its_version() -> None:
    shop, mei, lan = Shop(OPENS), Viewer("mei"), Viewer("lan")
    shop.hears(mei.enters(SHOW, OPENS + MINUTE), mei.comments(SHOW, OPENS + 2 * MINUTE, "how much is it?"))
    assert score_of(shop, mei).version == intent.VERSION
    assert bringing.keep(shop.host.store, card())
    assert not bringing.keep(shop.host.store, card())
    shop.until(shop.now + 5 * SECOND)
    shop.hears(lan.comments(SHOW, shop.now + SECOND, "how much is it?"), mei.leaves(SHOW, shop.now + SECOND))
    for viewer in (lan, mei):
        scored = score_of(shop, viewer)
        assert (scored.version, scored.intent, scored.temperature) == ("trained-test", 73, "hot")
        assert [(one.code, one.amount, one.points) for one in scored.reasons] == [("asked_price", 1, 40)]
    assert shop.host.errors == []


def test_a_card_that_this_version_can_not_use_stops_nothing() -> None:
    shop, mei = Shop(OPENS), Viewer("mei")
    shop.host.store.commit([Put(keys.scorecard("intent"), '{"name":"of another time"}', None)])
    shop.hears(mei.comments(SHOW, OPENS + MINUTE, "how much is it?"))
    assert score_of(shop, mei).version == intent.VERSION
    assert catalog.intent(shop.host.ports("score_user")) is None


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "is neither a scorecard nor recommendations"),
        (card(features=("product_seconds",), steps=()).body(), "not known of an engagement: product_seconds"),
        (card(positives=3).body(), "at least 20 of each"),
        (
            card(steps=(), slopes=(Slope(feature="watched_minutes", points=1.0, log=True),)).body(),
            "a value that may be unknown",
        ),
        (card(name="repurchase").body(), "a history of purchases says recency_days"),
    ],
)
def test_a_bad_card_is_refused_with_a_word(text: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(bringing.BadCard, match=word):
        bringing.read_learnt(path)


@pytest.mark.slow
def test_the_commands_bring_it_list_it_and_take_it_back(tmp_path: Path) -> None:
    data, path = tmp_path / "shop.db", tmp_path / "card.json"
    path.write_text(card().body(), encoding="utf-8")
    aftershow("demo", "--viewers", 5, "--days", 1, "--data", data)
    assert "default weights" in aftershow("scores", "list", "--data", data).stdout
    assert "now scored by trained-test" in aftershow("scores", "push", path, "--data", data).stdout
    told = json.loads(aftershow("scores", "list", "--data", data, "--json", "-").stdout)
    assert (told["intent"]["version"], told["intent"]["rows"]) == ("trained-test", 100)
    aftershow("scores", "drop", "intent", "--data", data)
    assert intent.VERSION in aftershow("scores", "list", "--data", data).stdout
    assert "there is no beauty" in aftershow("scores", "drop", "beauty", "--data", data, status=2).stderr
