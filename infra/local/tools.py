"""Tools that fight over pins with the project, or need the Python of the Lambda runtime: each in an environment of its
own under `.aftershow/tools`, made when it is first used."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aftershow.model.settings import environment

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".aftershow" / "tools"
# The Lambda runtime's: bytecode and compiled wheels belong to a minor version.
RUNTIME_PYTHON = "3.13"
_ERROR_LINES_SHOWN = 15

# The SAM CLI, linters and the runtime client, as they were tried together. Other versions need another look.
SAM = ("sam", ("aws-sam-cli==1.170.0",))
# Asks an API everything that its own document allows, and what it doesn't.
SCHEMATHESIS = ("schemathesis", ("schemathesis==4.32.5",))
LINT = ("lint", ("cfn-lint==1.58.0", "aws-sam-translator==1.115.0"))


class ToolError(Exception):
    """A tool can't be had here. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An environment with a pinned tool in it."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where its commands are."""
        return self.folder / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"


def runtime_python() -> Path:
    """A Python of the Lambda runtime's version, wherever it is installed. Raises ToolError."""
    for candidate in _candidates():
        # A version manager's stand-in is on the path for versions that aren't there.
        told = _output(candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)")
        if told[:1] == [RUNTIME_PYTHON]:
            return Path(told[1])
    raise ToolError(
        f"needs Python {RUNTIME_PYTHON}, the version of the Lambda runtime, and found none on the path or in pyenv.\n"
        f"Install it (pyenv install {RUNTIME_PYTHON}) and try again. Everything but building and the deployed tests "
        "works without it."
    )


def tool(name: str, pins: Sequence[str]) -> Tool:
    """The environment with these packages (`name==version`) on the runtime's Python. Raises ToolError.

    It's made once for a name and its pins; two that come at the same time don't get in each other's way.
    """
    python = runtime_python()
    wanted = "\n".join((*sorted(pins), str(python), str(TOOLS)))
    folder = TOOLS / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:10]}"
    stamp = folder / "aftershow-stamp"
    if not stamp.exists():
        with alone(TOOLS / f"{folder.name}.lock"):
            if not stamp.exists():
                _make(folder, python, pins)
                # Written last: without it the environment was interrupted, and is made anew.
                stamp.write_text(wanted, encoding="utf-8")
    return Tool(folder)


def _candidates() -> Iterator[str]:
    if sys.version_info[:2] == tuple(int(part) for part in RUNTIME_PYTHON.split(".")):
        yield sys.executable
    found = shutil.which(f"python{RUNTIME_PYTHON}")
    if found:
        yield found
    pyenv = Path(environment().get("PYENV_ROOT") or Path.home() / ".pyenv")
    for version in sorted((pyenv / "versions").glob(f"{RUNTIME_PYTHON}.*"), reverse=True):
        yield str(version / "bin" / f"python{RUNTIME_PYTHON}")


def _output(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (no shell)
    except OSError:
        return []
    return done.stdout.split("\n") if done.returncode == 0 else []


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """The second waits for the first. The system frees the lock if its holder dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(folder: Path, python: Path, pins: Sequence[str]) -> None:
    sys.stderr.write(f"aftershow: installing {', '.join(pins)} into .aftershow/tools (once)\n")
    if folder.exists():
        shutil.rmtree(folder)
    _run(str(python), "-m", "venv", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, *pins)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (no shell)
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()[-_ERROR_LINES_SHOWN:]
        raise ToolError("\n".join((f"{' '.join(command)} failed:", *lines)))
