"""Scores on real people: the bars that they must reach, by the commands that a person runs. The first run installs
scikit-learn."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.functional.running import aftershow
from tests.real_data import real_data

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def evaluated(*arguments: str | Path) -> dict[str, Any]:
    """The figures of an evaluation, printed for whoever reads the log."""
    told: dict[str, Any] = json.loads(aftershow("evaluate", *arguments, "--json", "-").stdout)
    sys.stdout.write(f"{arguments[0]}: {told['how']}: AUC {told['auc']:.4f}, Brier {told['brier']:.4f}\n")
    assert sum(row["people"] for row in told["calibration"]) == told["rows"]
    return told


def test_who_buys_again_is_ranked_at_least_as_well_as_by_rfm() -> None:
    told = evaluated("repurchase", "--data", real_data("cdnow_sample.txt.gz"), "--format", "cdnow")
    assert told["rows"] == 2357
    assert told["baselines"]["rfm_quintiles"] == pytest.approx(0.776, abs=0.001)
    assert told["auc"] >= max(0.775, told["baselines"]["rfm_quintiles"])
    assert told["brier"] < told["brier_of_base_rate"]


def test_the_same_command_holds_on_another_shop() -> None:
    told = evaluated("repurchase", "--data", real_data("online_retail_to_2011-06.csv.gz"))
    assert told["auc"] >= told["baselines"]["rfm_quintiles"]
    assert told["brier"] < told["brier_of_base_rate"]


def test_intent_is_told_from_behaviour_alone() -> None:
    told = evaluated("intent", "--data", real_data("online_shoppers_feb_to_oct.csv.gz"))
    assert told["rows"] == 7605
    assert told["auc"] >= 0.75
    assert told["auc"] > told["baselines"]["product_seconds"]
    assert told["brier"] < told["brier_of_base_rate"]


def test_months_that_differ_are_harder_and_are_told_as_they_are() -> None:
    told = evaluated("intent", "--data", real_data("online_shoppers_feb_to_oct.csv.gz"), "--test-from", "Sep")
    assert told["rows"] == 997
    assert 0.5 < told["auc"] < 0.7


def test_recommendations_hit_twice_as_often_as_what_is_popular() -> None:
    data = real_data("online_retail_to_2011-06.csv.gz")
    told = json.loads(aftershow("evaluate", "recommendations", "--data", data, "--json", "-").stdout)
    sys.stdout.write(f"recommendations: of ten shown {told['hit_rate_at_10']:.4f}, popular {told['popularity']:.4f}\n")
    assert told["rows"] == 1603
    assert told["hit_rate_at_10"] >= 2 * told["popularity"]
    assert told["recommended"]["customers_with_a_hit"] > told["popular_without_what_they_have"]["customers_with_a_hit"]


def test_intent_is_learnt_from_a_shops_own_events(tmp_path: Path) -> None:
    """Generated shows, so the figure says that it works, not how well."""
    data, events, card = tmp_path / "shop.db", tmp_path / "events.ndjson.gz", tmp_path / "intent.json"
    aftershow("demo", "--viewers", 600, "--days", 9, "--data", data)
    aftershow("export", "events", events, "--data", data)
    told = evaluated("intent", "--data", events, "--format", "segment")
    sys.stdout.write(f"default weights on the same looks: AUC {told['baselines']['default_weights']:.4f}\n")
    assert told["auc"] > 0.5
    aftershow("train", "intent", "--data", events, "--out", card)
    assert "now scored by trained-" in aftershow("scores", "push", card, "--data", data).stdout
    assert evaluated("intent", "--data", events, "--model", card)["rows"] == told["rows"]


def test_a_trained_scorecard_can_be_measured_and_is_small(tmp_path: Path) -> None:
    data, card = real_data("online_shoppers_feb_to_oct.csv.gz"), tmp_path / "intent.json"
    aftershow("train", "intent", "--data", data, "--out", card)
    assert card.stat().st_size < 32 * 1024
    assert evaluated("intent", "--data", data, "--model", card)["auc"] > 0.75
    refused = aftershow("evaluate", "repurchase", "--data", data, "--format", "cdnow", "--model", card, status=2)
    assert "scores intent, not repurchase" in refused.stderr


def test_what_can_not_be_learnt_from_is_refused_in_words(tmp_path: Path) -> None:
    few = tmp_path / "few.txt"
    few.write_text(" 1 1 19970101 1 10.00\n 1 1 19970301 1 10.00\n", encoding="utf-8")
    assert "at least 20 of each kind" in aftershow("evaluate", "repurchase", "--data", few, status=2).stderr
    few.write_text("once upon a time\n", encoding="utf-8")
    assert "not CDNOW" in aftershow("evaluate", "repurchase", "--data", few, status=2).stderr
    assert "without the columns" in aftershow("evaluate", "intent", "--data", few, status=2).stderr
