"""`segment-analytics-python` against `aftershow up`: what a real client sends decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from segment.analytics import Client
from segment.analytics.request import post

from aftershow.model.engagements import Kind
from aftershow.model.instants import SECOND
from infra.local import runs
from infra.local.clock import real_now
from infra.local.records import Records
from tests.functional.running import HEADERS, SHOW, Up, counts, event, eventually, up

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with up(tmp_path_factory.mktemp("up") / "shop.db") as running:
        yield running


def client(url: str, **options: Any) -> Client:
    """A client that tells of every batch that it gives up."""

    def lost(error: Exception, batch: Sequence[object]) -> None:
        raise AssertionError(f"{len(batch)} events were given up: {error}")

    return Client("local", host=url, on_error=lost, upload_interval=0.05, **options)


def ended(one: Client) -> None:
    """Everything is sent, or dropped."""
    one.flush()
    one.shutdown()


class Told:
    """What a state says, read beside the server."""

    def __init__(self, data: Path) -> None:
        self._run = runs.opened(data)
        self.records = Records(self._run.host)

    def __enter__(self) -> Records:
        return self.records

    def __exit__(self, *_: object) -> None:
        self._run.state.close()


def points(data: Path) -> tuple[int, int, int]:
    """(orders, entries of the ledger, earned points)."""
    with Told(data) as records:
        earned = sum(account.earned for account in records.accounts)
        return len(records.orders), len(records.entries), earned


@pytest.mark.parametrize("gzip", [False, True], ids=["plain", "gzip"])
def test_every_call_of_the_client_is_understood(server: Up, gzip: bool) -> None:  # noqa: FBT001 (a parameter)
    user, device = f"lan-{gzip}", f"device-{gzip}"
    context = {"timezone": "Asia/Tokyo", "locale": "zh-CN"}
    one = client(server.url, gzip=gzip)
    one.track(anonymous_id=device, event="Live Room Entered", properties={"show_id": SHOW}, context=context)
    one.identify(user, {"email": f"{user}@example.com", "name": "兰小姐 👋"}, context=context, anonymous_id=device)
    one.track(user, "Message Consent Updated", {"purpose": "marketing", "channel": "all", "state": "granted"})
    one.track(user, "Live Comment Sent", {"show_id": SHOW, "text": "多少钱"})
    one.track(user, "Order Completed", {"order_id": f"o-{gzip}", "total": 88.5, "currency": "CNY", "show_id": SHOW})
    one.page(user, "Shop", "Product", {"url": "https://shop.example/p1"})
    one.screen(user, "Shop", "Product", {})
    one.group(user, "vips", {"name": "VIP"})
    one.alias(user, f"{user}-2")
    ended(one)

    eventually(lambda: counts(server.data, user), {Kind.COMMENTED: 1, Kind.ASKED_PRICE: 1, Kind.QUESTION_PRODUCT: 1})
    eventually(lambda: counts(server.data, device, "anonymous"), {Kind.ENTERED: 1})
    with Told(server.data) as records:
        human = records.find(f"{user}@example.com")
        assert human is not None
        assert human.head is not None
        assert records.find(device) == records.find(f"{user}-2") == human
        assert human.head.trait("name") == "兰小姐 👋"
        assert human.head.consent
        [order] = records.orders_of(human)
        assert (order.order, order.minor) == (f"o-{gzip}", 8_850)
        assert records.items("dead_letters") == []


def test_a_batch_sent_ten_times_counts_once(tmp_path: Path) -> None:
    """The client's own post, which stamps `sentAt` anew at every try."""
    made = datetime.fromtimestamp(real_now() / 1000, UTC)
    batch = [
        {**event(user="u1", number=number), "anonymousId": None, "timestamp": (made + timedelta(seconds=number))}
        for number in range(20)
    ]
    beats = {"asset_id": SHOW, "livestream": True}
    batch += [
        {
            **event("Video Content Playing", user="u1", number=n),
            "properties": beats,
            "timestamp": made + timedelta(0, n),
        }
        for n in range(0, 120, 10)
    ]
    batch += [
        {**event("Order Completed", user="u1", number=n, order_id=f"o{n}", total=50), "timestamp": made} for n in (1, 2)
    ]
    with up(tmp_path / "shop.db") as server:
        for _ in range(10):
            assert post("local", server.url, gzip=True, batch=batch).status_code == 200
        with ThreadPoolExecutor(5) as pool:
            replies = pool.map(lambda _: post("local", server.url, batch=batch).status_code, range(5))
            assert set(replies) == {200}
        eventually(lambda: points(server.data), (2, 2, 100))
        eventually(lambda: counts(server.data, "u1"), {Kind.LIKED: 20})
        with Told(server.data) as records:
            [engagement] = records.engagements
            assert engagement.watch_seconds == 120


class Spoiling(ThreadingHTTPServer):
    """Stands between client and server and answers the first tries otherwise, after they arrived or before."""

    def __init__(self, server: Up, answers: Sequence[tuple[int, bool]]) -> None:
        super().__init__(("127.0.0.1", 0), _Spoiler)
        self.server = server
        self.answers = list(answers)
        self.arrived: list[str | None] = []


class _Spoiler(BaseHTTPRequestHandler):
    server: Spoiling

    def do_POST(self) -> None:
        between = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        between.arrived.append(self.headers.get("x-retry-count"))
        status, passed_on = between.answers.pop(0) if between.answers else (200, True)
        if passed_on:
            taken = between.server.request("POST", self.path, dict(self.headers), body)[0]
            status = taken if status == 200 else status
        if status == 0:
            # The connection breaks before the answer.
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_tries_that_failed_or_lost_their_answer_count_once(server: Up) -> None:
    """500 before and after the events were taken, and a broken connection."""
    spoiling = Spoiling(server, [(500, False), (503, True), (0, True)])
    thread = Thread(target=spoiling.serve_forever, daemon=True)
    thread.start()
    one = client(f"http://127.0.0.1:{spoiling.server_port}", gzip=True)
    for number in range(5):
        one.track("retried", "Live Liked", {"show_id": SHOW, "number": number})
    ended(one)
    spoiling.shutdown()
    thread.join()
    spoiling.server_close()
    assert spoiling.arrived == [None, "1", "2", "3"]
    eventually(lambda: counts(server.data, "retried"), {Kind.LIKED: 5})


@pytest.mark.slow  # the client waits as long as Retry-After says
def test_429_keeps_the_data_with_the_client_until_it_is_taken(tmp_path: Path) -> None:
    """Four events a second are allowed; the client sends ten and comes again with those that were not taken."""
    data = tmp_path / "shop.db"
    runs.going_on(data, parameters={"EventsPerSecond": "4"}).close()
    with up(data) as server:
        one = client(server.url, upload_size=4)
        began = real_now()
        for number in range(10):
            one.track("patient", "Live Liked", {"show_id": SHOW, "number": number})
        eventually(lambda: counts(server.data, "patient"), {Kind.LIKED: 10}, patience_seconds=60)
        assert real_now() - began >= 5 * SECOND
        ended(one)
        assert [line for line in server.said if " 429 " in line]


def test_an_event_that_is_too_old_is_set_aside_with_its_reason(server: Up) -> None:
    """The client is told that all is well: sending it again would change nothing."""
    one = client(server.url)
    one.track("old", "Live Liked", {"show_id": SHOW}, timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    one.track("old", "Live Liked", {"show_id": SHOW})
    ended(one)
    eventually(lambda: counts(server.data, "old"), {Kind.LIKED: 1})
    with Told(server.data) as records:
        assert [item.body for item in records.items("dead_letters") if "400 days" in item.body]


def test_a_wrong_key_is_told_to_the_client(server: Up) -> None:
    errors: list[Exception] = []
    one = Client("other", host=server.url, on_error=lambda error, _batch: errors.append(error), upload_interval=0.05)
    one.track("lan", "Live Liked")
    ended(one)
    [error] = errors
    assert "401" in str(error)
    assert "unknown write key" in str(error)
    assert server.request("POST", "/v1/batch", HEADERS, b"{}")[0] == 400
