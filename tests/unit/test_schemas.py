"""The published JSON Schemas say what the models say."""

from __future__ import annotations

import pytest

from infra.local.schemas import FOLDER, schemas


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_schema_is_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], "run: python -m infra.local.schemas"


def test_there_is_no_other_schema() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(schemas())
