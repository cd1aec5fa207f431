"""What is built can start without compiling, and isn't heavy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infra.local import building, tools


def test_no_source_is_without_bytecode(built: Path) -> None:
    """Neither in the layer nor in a function."""
    assert building.sources_without_bytecode(built) == []


@pytest.mark.parametrize("how", ["edited", "checked", "timestamp", "missing"])
def test_bytecode_that_would_not_be_taken_is_noticed(built: Path, tmp_path: Path, how: str) -> None:
    """Of another source, of the kind that is compared at each start, of a time; or none."""
    function = tmp_path / "ReleaseDue"
    shutil.copytree(built / function.name, function)
    source = function / "app.py"
    if how == "edited":
        source.write_text("handler = None\n", encoding="utf-8")
    elif how == "missing":
        shutil.rmtree(function / "__pycache__")
    else:
        mode = {"checked": "checked-hash"}.get(how, how)
        command = ["-m", "compileall", "-q", "-f", "--invalidation-mode", mode, str(function)]
        building.run(tools.tool(*tools.SAM).python, *command)
    assert building.sources_without_bytecode(tmp_path) == [str(source)]


def test_packages_are_light(built: Path) -> None:
    """The layer, the functions with libraries of their own, and the others, each within its limit."""
    packages = building.packages(built)
    assert [each.name for each in packages if each.too_heavy] == []
    assert packages[0].name == building.LAYER
    assert len(packages) == 11
    small = [each for each in packages if each.limit_bytes == building.MAX_FUNCTION_BYTES]
    assert len(small) == 8


def test_layer_ships_nothing_that_is_not_used(built: Path) -> None:
    """No compiled part for another processor, no SDK (the runtime has it), no tests of ours."""
    layer = built / building.LAYER / "python"
    assert {each.name for each in layer.iterdir()} >= {"aftershow", "pydantic", "msgspec"}
    assert not {"boto3", "botocore", "liquid", "phonenumbers", "tests", "infra"} & {
        each.name for each in layer.iterdir()
    }
    machine = {"arm64": "aarch64"}.get(building.this_architecture(), building.this_architecture())
    assert all(machine in each.name for each in layer.rglob("*.so"))
