"""The answers that a shop gives: what is good, what is refused in which words, and how they are kept."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import answers
from infra.local.intrinsics import parse
from infra.local.template import read_template

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
GOOD: list[tuple[Callable[[str], str], str, str]] = [
    (answers.name, "  Lan's  茶 ", "Lan's 茶"),
    (answers.zone, "Asia/Shanghai", "Asia/Shanghai"),
    (answers.zone, "europe/berlin", "Europe/Berlin"),
    (answers.zone, "America/New York", "America/New_York"),
    (answers.currency, " cny", "CNY"),
    (answers.locale, "zh_CN", "zh-CN"),
    (answers.locale, "ZH-hans-cn", "zh-Hans-CN"),
    (answers.locale, "en", "en"),
    (answers.country, "cn", "CN"),
    (answers.sender, " shop@tea.example ", "shop@tea.example"),
    (answers.postal_address, "1 Road,\n Hangzhou", "1 Road, Hangzhou"),
    (answers.postal_address, "", ""),
    (answers.channels, "file，email, file", "file,email"),
]
BAD: list[tuple[Callable[[str], str], str, str]] = [
    (answers.name, " ", "needs a name"),
    (answers.name, "x" * 41, "at most 40"),
    (answers.postal_address, "x" * 111, "at most 90"),
    (answers.sender, f"{'x' * 60}@a.cn", "at most 64"),
    (answers.zone, "Shanghai", "did you mean Asia/Shanghai"),
    (answers.zone, "Aisa/Shanghai", "did you mean Asia/Shanghai"),
    (answers.zone, "UTC+8", "no time zone"),
    (answers.currency, "RMB", "is CNY"),
    (answers.currency, "yuan", "no currency"),
    (answers.locale, "chinese", "no language tag"),
    (answers.locale, "xx-CN", "no language tag"),
    (answers.locale, "en-QQ", "no language tag"),
    (answers.locale, "", "no language tag"),
    (answers.country, "UK", "is GB"),
    (answers.country, "EU", "no country"),
    (answers.country, "China", "no country"),
    (answers.country, "", "no country"),
    (answers.sender, "shop＠tea.example", "full-width"),
    (answers.sender, "shop", "no e-mail address"),
    (answers.sender, "shop@tea", "domain"),
    (answers.sender, "a b@tea.example", "no e-mail address"),
    (answers.sender, "茶@tea.example", "no e-mail address"),
    (answers.sender, "", "no e-mail address"),
    (answers.channels, "pigeon", "no channel"),
    (answers.channels, " , ", "which channels"),
]


@pytest.mark.parametrize(("check", "text", "kept"), GOOD)
def test_a_good_answer_takes_its_usual_form(check: Callable[[str], str], text: str, kept: str) -> None:
    assert check(text) == kept
    assert check(kept) == kept
    # What is taken here, the template takes.
    [parameter] = {question.parameter for question in answers.QUESTIONS if question.check is check}
    read_template(TEMPLATE, {parameter: kept})


@pytest.mark.parametrize(("check", "text", "says"), BAD)
def test_a_bad_answer_is_refused_in_words(check: Callable[[str], str], text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check(text)


@pytest.mark.parametrize("question", answers.QUESTIONS, ids=lambda one: one.parameter)
@given(text=st.text(max_size=40))
def test_whatever_is_answered_is_taken_for_good_or_refused_in_words(question: answers.Question, text: str) -> None:
    try:
        kept = question.check(text)
    except ValueError:
        return
    assert question.check(kept) == kept


def test_the_longest_answers_are_those_that_the_template_takes() -> None:
    declared = parse(TEMPLATE.read_text(encoding="utf-8"))["Parameters"]
    longest = {name: declared[name]["MaxLength"] for name in ("ShopName", "Sender", "PostalAddress")}
    assert longest == {
        "ShopName": answers.MAX_NAME, "Sender": answers.MAX_SENDER, "PostalAddress": answers.MAX_ADDRESS
    }  # fmt: skip


def test_the_defaults_are_the_templates_but_for_what_only_the_shop_knows() -> None:
    defaults = answers.template_defaults()
    assert (defaults["ShopName"], defaults["Sender"]) == ("", "")
    for question in answers.QUESTIONS:
        if not question.needed:
            assert question.check(defaults[question.parameter]) == defaults[question.parameter]


ANSWERS = {"ShopName": 'Lan\'s "best" 茶', "Sender": "shop@tea.example", "PostalAddress": "1 Road, Hangzhou"}


def test_answers_are_kept_as_sam_reads_them(tmp_path: Path) -> None:
    """SAM CLI 1.170 takes a table of parameters as it is: no quoting to get wrong."""
    file = tmp_path / "new" / "samconfig.toml"
    assert answers.write(file, ANSWERS, "tea", "eu-central-1")
    kept = tomllib.loads(file.read_text(encoding="utf-8"))["default"]
    assert kept["deploy"]["parameters"]["parameter_overrides"] == ANSWERS
    assert kept["global"]["parameters"]["stack_name"] == "tea"
    assert kept["deploy"]["parameters"]["region"] == "eu-central-1"
    # What a deployment needs beside the answers, as the project's own file has it.
    assert kept["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"
    assert (answers.read(file), answers.deployment(file)) == (ANSWERS, {"stack": "tea", "region": "eu-central-1"})


def test_a_second_time_changes_only_what_is_answered_differently(tmp_path: Path) -> None:
    file = tmp_path / "samconfig.toml"
    answers.write(file, ANSWERS, "tea", "")
    by_hand = file.read_text(encoding="utf-8").replace(
        "[default.deploy.parameters.parameter_overrides]\n",
        '[default.deploy.parameters.parameter_overrides]\nAlarmTopic = "arn:x"\n',
    )
    by_hand = by_hand.replace("confirm_changeset = true", "confirm_changeset = false  # our pipeline asks")
    file.write_text(by_hand, encoding="utf-8")
    assert not answers.write(file, ANSWERS, "tea", "")
    assert file.read_text(encoding="utf-8") == by_hand
    assert answers.write(file, {**ANSWERS, "ShopName": "Other"}, "tea", "")
    assert answers.read(file) == {**ANSWERS, "ShopName": "Other", "AlarmTopic": "arn:x"}
    assert "confirm_changeset = false  # our pipeline asks" in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not toml", "not TOML"),
        ('[default.deploy.parameters]\nparameter_overrides = "ShopName=x"\n', "is a text there"),
    ],
)
def test_a_file_that_can_not_be_used_is_left_as_it_is(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(answers.ConfigError, match=says):
        answers.write(file, ANSWERS, "tea", "")
    assert file.read_text(encoding="utf-8") == text
