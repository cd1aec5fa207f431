"""`@segment/analytics-node`, and `@segment/analytics-next` in a browser from another origin, against `aftershow up`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest

from aftershow.model.engagements import Kind
from infra.local import runs
from infra.local.records import Records
from tests.clients.javascript import HERE, browser, node, packages
from tests.functional.running import PATIENCE_SECONDS, Up, counts, eventually, up

pytestmark = [pytest.mark.browser, pytest.mark.allow_hosts(["127.0.0.1"])]

ENTERED = {Kind.ENTERED: 1}
# What a page calls before analytics.js is loaded, it sends with `identify` first: all of it under the user's id.
IN_THE_PAGE = {Kind.ENTERED: 1, Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1, Kind.LIKED: 6}


def person(data: Path, identifier: str) -> tuple[str | None, str | None, int]:
    """(e-mail, name, orders) of somebody, read beside the server."""
    run = runs.opened(data)
    records = Records(run.host)
    human = records.find(identifier)
    told: tuple[str | None, str | None, int] = (None, None, 0)
    if human is not None and human.head is not None:
        told = (human.head.trait("email"), human.head.trait("name"), len(records.orders_of(human)))
    run.state.close()
    return told


def test_node(tmp_path: Path) -> None:
    """Every call; the process ends when everything was taken."""
    with up(tmp_path / "shop.db") as server:
        command = [node(), str(HERE / "node.mjs"), server.url, str(packages())]
        ran = subprocess.run(  # noqa: S603 (our own words)
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        likes = {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1, Kind.LIKED: 10}
        eventually(lambda: counts(server.data, "node-user"), likes)
        eventually(lambda: counts(server.data, "node-device", "anonymous"), ENTERED)
        eventually(lambda: person(server.data, "node-device"), ("node@example.com", "兰 👋", 1))
        assert person(server.data, "node-user-2") == person(server.data, "node-user")


def test_node_comes_again_after_429(tmp_path: Path) -> None:
    """Four events a second are allowed."""
    data = tmp_path / "shop.db"
    runs.going_on(data, parameters={"EventsPerSecond": "4"}).close()
    with up(data) as server:
        command = [node(), str(HERE / "node.mjs"), server.url, str(packages())]
        assert subprocess.run(command, check=False, timeout=100).returncode == 0  # noqa: S603 (our own words)
        likes = {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1, Kind.LIKED: 10}
        eventually(lambda: counts(server.data, "node-user"), likes)
        assert [line for line in server.said if " 429 " in line]


class _Quiet(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        if path.startswith("/umd/"):
            return str(packages() / "node_modules/@segment/analytics-next/dist" / path.partition("?")[0][1:])
        return str(HERE / "page.html")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def shop_page() -> Iterator[str]:
    """Where the shop's page is: another origin than the server's."""
    packages()
    serving = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet))
    thread = Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def show_page(page: str, server: Up, **asked: str) -> str:
    return f"{page}/?{urlencode({'host': f'127.0.0.1:{server.port}', **asked})}"


@pytest.mark.parametrize("batching", ["", "yes"], ids=["one by one", "in batches"])
def test_a_page_in_a_browser(tmp_path: Path, shop_page: str, batching: str) -> None:
    """Preflight, text/plain, and what became of the events."""
    with up(tmp_path / "shop.db") as server, browser(show_page(shop_page, server, user="bea", batching=batching)):
        eventually(lambda: counts(server.data, "bea"), IN_THE_PAGE)
        eventually(lambda: person(server.data, "bea"), ("bea@example.com", "兰 👋", 0))
        said = "".join(server.said)
        assert "OPTIONS" in said
        assert ("/v1/b " if batching else "/v1/t ") in said


def test_a_browser_comes_again_after_429(tmp_path: Path, shop_page: str) -> None:
    """It may read Retry-After, and its second try, which says so in a header, may pass the preflight."""
    data = tmp_path / "shop.db"
    runs.going_on(data, parameters={"EventsPerSecond": "4"}).close()
    with up(data) as server, browser(show_page(shop_page, server, user="bea")):
        eventually(lambda: counts(data, "bea"), IN_THE_PAGE, patience_seconds=80)
        assert [line for line in server.said if " 429 " in line]
