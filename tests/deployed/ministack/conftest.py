"""One ministack with the template deployed, and one that is empty, for all tests of this folder that ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deployed.ministack.cloud import Cloud, deploy
from tests.deployed.ministack.server import Server, serving


@pytest.fixture(scope="session")
def cloud(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The deployed template; functions may do what their roles say and nothing else."""
    with serving(tmp_path_factory.mktemp("cloud"), enforced=True) as server:
        yield deploy(server, built / "template.yaml")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An empty ministack of its own, without roles."""
    with serving(tmp_path_factory.mktemp("server"), enforced=False) as running:
        yield running
