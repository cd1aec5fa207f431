"""`aftershow rules` tells what the packs decide, and which texts could not leave."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aftershow.model.rule_packs import RulePack
from infra.local import catalog, rules, template_samples
from infra.local.vetted import Complaint, Rules, complaints


@pytest.mark.parametrize(("locale", "word"), [("en", "bars live"), ("zh-CN", "禁止：live")])
def test_every_pack_is_listed_with_version_date_source_and_reason(locale: str, word: str) -> None:
    run = CliRunner().invoke(rules.app, ["list", "--locale", locale])
    assert run.exit_code == 0, run.output
    said = " ".join(run.output.split())
    for pack in catalog.rulebook().packs:
        assert f"{pack.name} · " in said
        assert pack.date in said
    assert word in said
    assert "lexicon 1" in said


def test_as_data_it_is_what_stands_in_the_files() -> None:
    told = json.loads(CliRunner().invoke(rules.app, ["list", "--json", "-"]).output)
    assert [one["id"] for one in told["packs"]] == [pack.id for pack in catalog.rulebook().packs]
    assert all(one["sources"] and one["decides"] for one in told["packs"])
    assert told["lexicon"]["version"] == catalog.lexicon().version


def test_the_texts_that_ship_keep_the_rules() -> None:
    run = CliRunner().invoke(rules.app, ["check"])
    assert run.exit_code == 0, run.output


def _complaints(*, subject: str = "春茶", channels: tuple[str, ...] = ("email",)) -> list[Complaint]:
    """What is said of the first playbook with another subject, or on other channels."""
    settings = template_samples.settings_for_samples().model_copy(update={"providers": {"sms": "tencent"}})
    held = Rules(catalog.rulebook(), catalog.lexicon(), catalog.snippets(), catalog.tiers(), settings)
    playbook = next(one for one in catalog.playbooks() if one.id == "hot-replay")
    templates = {one.name: one for one in catalog.templates()}
    template = templates["hot-replay"]
    body = template.model_dump(mode="json")
    body["texts"]["zh-CN"]["email"]["subject"] = subject
    templates["hot-replay"] = type(template).model_validate(body)
    return complaints([playbook.model_copy(update={"channels": channels})], templates, held)


def test_a_claim_in_a_text_stops_it_and_is_told_with_its_place() -> None:
    one = next(one for one in _complaints(subject="全网最低 · 春茶") if one.stops)
    assert one.where == "hot-replay, email, zh-CN"
    assert one.what.startswith("全网最低 in subject (superlatives-zh: 广告法 art. 9(3)) at 0")
    assert _complaints() == []


def test_a_channel_that_would_be_passed_over_is_a_note() -> None:
    notes = [str(one) for one in _complaints(channels=("sms", "email")) if not one.stops]
    assert notes == ["hot-replay, sms: passed over, barred by CN-SMS-tencent 1: live, replay"]


def test_a_pack_says_no_more_than_its_schema() -> None:
    for pack in catalog.rulebook().packs:
        assert RulePack.read(pack.body()) == pack
