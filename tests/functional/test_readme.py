"""The README shows what the demo really prints."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from infra.local.readme import LOCALES, README, ROOT, block, printed


@pytest.mark.parametrize("locale", LOCALES)
def test_the_shown_demo_is_the_real_output(locale: str) -> None:
    shown = block(locale).search(README.read_text(encoding="utf-8"))
    assert shown, f"the README shows no demo in {locale}"
    assert shown[0] == printed(locale), "if this is meant: python -m infra.local.readme"


def test_every_command_that_the_readme_shows_exists() -> None:
    text = README.read_text(encoding="utf-8")
    named = set(re.findall(r"infra/aftershow ([a-z]+)", text))
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert named
    assert {name for name in named if not re.search(rf"^\W*{name}\b", run.stdout, re.MULTILINE)} == set()
