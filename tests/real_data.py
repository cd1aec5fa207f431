"""Real data for tests: $AFTERSHOW_DATA, else ../shared/data beside the project; never copied into it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def real_data(name: str) -> Path:
    """A file of real data; where it is absent the test is skipped, but not in CI."""
    usual = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.getenv("AFTERSHOW_DATA") or usual) / name
    if not path.exists():
        word = f"SKIPPED FOR WANT OF REAL DATA: {name} (set AFTERSHOW_DATA to its folder)"
        if os.getenv("CI") == "true":
            pytest.fail(word)
        pytest.skip(word)
    return path
