"""The README shows what the demo really prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shown(locale: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- demo {locale} -->\n```text\n(.*?)\n```", text, re.DOTALL)
    assert found, f"the README shows no demo in {locale}"
    return found[1].split("\n")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_shown_demo_is_the_real_output(locale: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.local.cli", "demo", "--locale", locale, "--data", str(tmp_path / "demo.db")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 (our own words)
    assert [line.rstrip() for line in run.stdout.rstrip("\n").split("\n")] == shown(locale)


def test_every_command_that_the_readme_shows_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"infra/aftershow ([a-z]+)", text))
    run = subprocess.run(
        [sys.executable, "-m", "infra.local.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert named
    assert {name for name in named if not re.search(rf"^\W*{name}\b", run.stdout, re.MULTILINE)} == set()
