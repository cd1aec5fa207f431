"""Channels are tried with the vendors' real clients against a provider on loopback."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.config import Config

LOOPBACK = "127.0.0.1"
TIMEOUT_SECONDS = 0.3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only loopback is open to them."""
    for item in items:
        if item.path.parent.name == "channels":
            item.add_marker(pytest.mark.allow_hosts([LOOPBACK]))


class Clients:
    """Clients as the composition root makes them, at another endpoint and less patient."""

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self._session.set_credentials("testing", "testing")

    def client(self, service: str, url: str) -> Any:
        """A client whose own retries are off."""
        config = Config(
            retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_SECONDS, connect_timeout=TIMEOUT_SECONDS,
            user_agent="aftershow",
        )  # fmt: skip
        return self._session.create_client(service, region_name="eu-central-1", endpoint_url=url, config=config)


@pytest.fixture(scope="session")
def clients() -> Clients:
    return Clients()
