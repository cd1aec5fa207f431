"""What the deployed tests share: tools on the runtime's Python, the built artefact, the expanded template."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.local import building
from infra.local.expanding import expanded as expand
from infra.local.intrinsics import parse
from infra.local.tools import Tool, ToolError, tool

HERE = Path(__file__).parent
LOOPBACK = "127.0.0.1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is `deployed`, and talks to this machine only."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.deployed)
            item.add_marker(pytest.mark.allow_hosts([LOOPBACK]))


@pytest.fixture(scope="session")
def tools() -> Callable[[str, Sequence[str]], Tool]:
    """`tools(name, pins)`: an environment with pinned packages on Python 3.13, kept for the next run."""

    def made(name: str, pins: Sequence[str]) -> Tool:
        try:
            return tool(name, pins)
        except ToolError as error:
            pytest.fail(str(error), pytrace=False)

    return made


@pytest.fixture(scope="session")
def built() -> Path:
    """What `sam build` makes for the processor of this machine, with bytecode; `template.yaml` in it can be deployed.

    It's built once for the sources as they are, also by runs at the same time.
    """
    architecture = building.this_architecture()
    built, _ = building.places(architecture)
    built.parent.mkdir(parents=True, exist_ok=True)
    stamp = built.parent / "sources"
    with (built.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = _digest(building.sources())
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != sources or not built.exists():
            stamp.unlink(missing_ok=True)
            try:
                building.build(architecture)
            except (ToolError, building.BuildError) as error:
                pytest.fail(str(error), pytrace=False)
            stamp.write_text(sources, encoding="utf-8")
    return built


@pytest.fixture(scope="session")
def expanded() -> Mapping[str, Any]:
    """The template as CloudFormation gets it, the resources of nested ones among its own, and as it was `Written`.

    Not to be changed.
    """
    try:
        whole = expand(building.TEMPLATE)
    except ToolError as error:
        pytest.fail(str(error), pytrace=False)
    for path in building.NESTED:
        for name, resource in parse(path.read_text(encoding="utf-8"))["Resources"].items():
            whole["Resources"][f"{path.stem}.{name}"] = resource
    return {**whole, "Written": parse(building.TEMPLATE.read_text(encoding="utf-8"))}


def _digest(files: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for each in files:
        whole.update(f"{each}\0{hashlib.sha256(each.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()
