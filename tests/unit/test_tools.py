"""The Python of the Lambda runtime is found where there is one, and asked for in clear words where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from infra.local.tools import RUNTIME_PYTHON, ToolError, runtime_python

pytestmark = pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="the tests run on the runtime's Python")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on its path but what a test puts there."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    return tmp_path


def python(folder: Path, says: str, code: int = 0) -> Path:
    """Something called python3.13 that prints and ends so."""
    folder.mkdir(parents=True)
    program = folder / f"python{RUNTIME_PYTHON}"
    program.write_text(f"#!/bin/sh\nprintf '{says}'\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_found_on_the_path(machine: Path) -> None:
    """As it calls itself: a link may stand elsewhere."""
    python(machine / "bin", says="3.13\\n/real/python3.13\\n")
    assert runtime_python() == Path("/real/python3.13")


def test_found_in_pyenv_behind_a_stand_in_that_runs_nothing(machine: Path) -> None:
    """pyenv puts a program of each version on the path, also of those that aren't chosen."""
    python(machine / "bin", says="not chosen", code=127)
    python(machine / "pyenv" / "versions" / "3.13.0" / "bin", says="3.13\\n/pyenv/python3.13\\n")
    assert runtime_python() == Path("/pyenv/python3.13")


@pytest.mark.parametrize(("says", "code"), [("3.12\\n/usr/bin/python3.12\\n", 0), ("", 1)])
def test_missing_is_said_with_what_to_do(machine: Path, says: str, code: int) -> None:
    """The version, why it's needed, how to get it."""
    python(machine / "bin", says=says, code=code)
    with pytest.raises(ToolError, match=r"needs Python 3\.13, the version of the Lambda runtime(.|\n)*pyenv install"):
        runtime_python()
