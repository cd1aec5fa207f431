"""Playbooks: those that ship are good, and what is wrong with one is said in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.playbooks import MAX_MESSAGES, PlannedStep, Playbook
from aftershow.model.settings import Settings
from aftershow.rules.timing import hours, quiet_mask

INFRA = Path(__file__).parents[2] / "infra"
FILES = sorted((INFRA / "playbooks").glob("*.yaml"))
GOOD: dict[str, Any] = {
    "id": "x", "version": 1, "title": {"en": "t"}, "why": {"en": "w"}, "trigger": "show_ended", "temperatures": ["hot"],
    "channels": ["email"], "steps": [{"id": "a", "template": "t"}],
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_that_ships_loads_and_can_send(path: Path) -> None:
    playbook = Playbook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert playbook.id == path.stem
    assert {"en", "zh-CN"} <= set(playbook.title) & set(playbook.why)
    for step in playbook.steps:
        assert (INFRA / "templates" / f"{step.template}.yaml").exists()
    # The quiet hours leave some of its own hours.
    assert hours(*playbook.hours) & quiet_mask(Settings(), playbook.message_class)
    assert "opt_out" in playbook.until
    assert Playbook.read(playbook.body()) == playbook


def test_every_temperature_has_a_playbook_and_only_one() -> None:
    playbooks = [Playbook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))) for path in FILES]
    warm = [one for playbook in playbooks if playbook.trigger == "show_ended" for one in playbook.temperatures]
    assert sorted(warm) == ["cold", "considering", "hot"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_last_message_of_a_series_comes_before_its_deadline(path: Path) -> None:
    playbook = Playbook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    at = 0
    for step in playbook.steps:
        for occurrence in range(step.occurrences):
            at = max(step.after, at + round(step.gap * step.widen ** max(occurrence - 1, 0)))
    assert at < playbook.deadline


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [("90s", 90 * SECOND), ("4h", 4 * HOUR), ("2d", 2 * DAY), ("1.5h", 90 * MINUTE), (" 10 m ", 10 * MINUTE), (7, 7)],
)
def test_durations(written: object, milliseconds: int) -> None:
    assert PlannedStep.model_validate({"id": "a", "template": "t", "after": written}).after == milliseconds


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"deadline": "soon"}, "a duration is a number and one of s, m, h, d"),
        ({"deadline": "-4h"}, "a duration is a number and one of s, m, h, d"),
        ({"deadline": "401d"}, "less than or equal"),
        ({"deadline": -1}, "greater than or equal"),
        ({"hours": [9, 9]}, "from before until"),
        ({"hours": [9, 25]}, "within 0 to 24"),
        ({"hours": [21, 8]}, "from before until"),
        ({"temperatures": []}, "names the temperatures"),
        ({"temperatures": ["warm"]}, "'hot', 'considering' or 'cold'"),
        ({"steps": []}, "at least 1 item"),
        ({"steps": [{"id": "a", "template": "t"}] * 2}, "step ids must differ"),
        (
            {"steps": [{"id": str(number), "template": "t", "occurrences": 4} for number in range(2)]},
            f"at most {MAX_MESSAGES} messages",
        ),
        ({"steps": [{"id": "a", "template": "t", "occurrences": 7}]}, "less than or equal to 6"),
        ({"steps": [{"id": "A b", "template": "t"}]}, "match pattern"),
        ({"channels": []}, "at least 1 item"),
        ({"until": ["order", "bored"]}, "'order', 'unfollow' or 'opt_out'"),
        ({"trigger": "full_moon"}, "'show_ended' or 'first_order'"),
        ({"tempratures": ["hot"]}, "Extra inputs are not permitted"),
        ({"version": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_in_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Playbook.model_validate({**GOOD, **wrong})
