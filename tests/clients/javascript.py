"""Node, the packages of `package-lock.json`, and a browser; where one is missing, the test says so and is skipped."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.tools import TOOLS, alone

HERE = Path(__file__).resolve().parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_HEADLESS = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
)
_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


def node() -> str:
    """Node's command."""
    return _found("Node", "node")


def packages() -> Path:
    """The folder with the packages of the lock file, in .aftershow/tools; made when it is first asked for."""
    npm = _found("npm", "npm")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = TOOLS / f"clients-{hashlib.sha256(lock).hexdigest()[:10]}"
    stamp = folder / "aftershow-stamp"
    with alone(TOOLS / f"{folder.name}.lock"):
        if not stamp.exists():
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            made = subprocess.run([npm, *_INSTALL], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
            assert made.returncode == 0, made.stderr[-2_000:]
            stamp.touch()
    return folder


@contextmanager
def browser(url: str) -> Iterator[None]:
    """A browser without a window that shows a page."""
    command = _found("a browser", *_BROWSERS)
    # Its processes end after it, each in its own time, and one may still write there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = (*_HEADLESS, f"--user-data-dir={profile}")
        with subprocess.Popen(  # noqa: S603 (our own words)
            [command, *options, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield
            finally:
                process.terminate()


def _found(what: str, *names: str) -> str:
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip(f"SKIPPED FOR WANT OF {what.upper()}: none of {', '.join(names)} is on the path")
