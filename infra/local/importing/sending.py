"""The way in: batches to POST /v1/batch, of a local state or of a shop that runs elsewhere, and how far they have come.

What was acknowledged is noted, so that an interrupted import goes on behind it. And if that note is lost, nothing
changes: the same rows give the same message ids.
"""

from __future__ import annotations

import base64
import gzip
import ipaddress
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

import msgspec

from aftershow.model.instants import SECOND, iso
from aftershow.rules.intake import MAX_BATCH_BYTES
from infra.local import runs
from infra.local.clock import real_now
from infra.local.importing.rows import Message
from infra.local.wire import HEADERS

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, Retry
    from urllib3.connectionpool import ConnectionPool

# Fewer than the door takes: a request that fails is sent again whole.
EVENTS_PER_REQUEST = 1_000
_MAX_BODY_BYTES = MAX_BATCH_BYTES - 4 * 1024
_TRIES = 12
_OK = 200
_TIMEOUT_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_CONTEXT = {"library": {"name": "aftershow import", "version": "1"}}


class NotSent(Exception):
    """A batch was not acknowledged: why, and what to do. What was acknowledged before it is noted."""


@dataclass
class Cursor:
    """How far an import has come. Moments in epoch ms; `acknowledged` counts messages."""

    began_at: int
    as_of: int
    acknowledged: int = 0
    done_at: int | None = None

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self))


class Target(Protocol):
    """Where messages go."""

    @property
    def now(self) -> int:
        """Its clock, epoch ms."""

    @property
    def zone(self) -> str:
        """The shop's zone, as far as it is known."""

    def cursor(self, name: str) -> Cursor | None:
        """How far the import of this name has come."""

    def keep(self, name: str, cursor: Cursor) -> None:
        """Note how far it has come."""

    def send(self, body: bytes) -> None:
        """One request. Raises NotSent."""

    def tally(self) -> Counter[str]:
        """What the shop said of the events, where it says it."""

    def close(self) -> None:
        """The end."""


def batches(messages: Sequence[Message]) -> Iterator[tuple[int, bytes]]:
    """(how many, body without its sentAt) of requests within the door's limits."""
    held: list[bytes] = []
    size = 0
    for message in messages:
        raw = msgspec.json.encode(message)
        if held and size + len(raw) + 1 > _MAX_BODY_BYTES:
            yield len(held), b",".join(held)
            held, size = [], 0
        held.append(raw)
        size += len(raw) + 1
    if held:
        yield len(held), b",".join(held)


def body(events: bytes, now: int) -> bytes:
    """A request's body."""
    return (
        b'{"batch":['
        + events
        + b'],"context":'
        + json.dumps(_CONTEXT).encode()
        + b',"sentAt":"'
        + iso(now).encode()
        + b'"}'
    )


class LocalShop:
    """A state on this machine, gone on with as `up` does. Raises runs.CannotRun."""

    def __init__(
        self,
        data: Path,
        progress: runs.Progress,
        now: Callable[[], int] = real_now,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.run = runs.going_on(data, parameters=parameters, now=now, progress=progress)
        self._host = self.run.host
        self._before = Counter(self.run.tally)
        self.zone = self._host.ports("ingest_event").settings.shop_zone

    @property
    def now(self) -> int:
        """The state's clock."""
        return self._host.now

    def cursor(self, name: str) -> Cursor | None:
        """From the state's notes."""
        text = self.run.state.note(name)
        return Cursor(**json.loads(text)) if text else None

    def keep(self, name: str, cursor: Cursor) -> None:
        """Into the state's notes."""
        self.run.state.keep_note(name, cursor.text())

    def send(self, body: bytes) -> None:
        """One request in a second of its own, and what it sets off."""
        for _ in range(_TRIES):
            self._host.advance(SECOND)
            reply = self._host.request("POST", "/v1/batch", HEADERS, body)
            if reply.status == _OK:
                self._host.drain()
                return
            again = dict(reply.headers).get("retry-after")
            if again is None:
                break
            self._host.advance(int(again) * SECOND)
        raise NotSent(f"the ingest answered {reply.status}: {reply.body[:200].decode('utf-8', 'replace')}")

    def tally(self) -> Counter[str]:
        """What the functions logged since the import began."""
        after = Counter(self.run.tally)
        after.subtract(self._before)
        return after

    def close(self) -> None:
        """Write down the clock and give the file back."""
        self.run.close()


class RemoteShop:
    """A shop that runs elsewhere, by its URL and a write key. `folder` keeps how far imports have come."""

    def __init__(self, url: str, write_key: str, folder: Path, now: int, zone: str, say: Callable[[str], None]) -> None:
        import urllib3

        self._url, self._folder, self._now, self.zone, self._say = _checked(url), folder, now, zone, say
        self._was_reached = False
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=_TIMEOUT_SECONDS)
        self._pool = urllib3.PoolManager(retries=self._retry(), timeout=timeout)
        basic = base64.b64encode(f"{write_key}:".encode()).decode()
        self._headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/json",
            "content-encoding": "gzip",
        }

    @property
    def now(self) -> int:
        """The real time at which the import began: the shop's own clock is hardly another."""
        return self._now

    def cursor(self, name: str) -> Cursor | None:
        """From a file of the project's."""
        file = self._file(name)
        return Cursor(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None

    def keep(self, name: str, cursor: Cursor) -> None:
        """Into a file of the project's."""
        file = self._file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(".new")
        half.write_text(cursor.text(), encoding="utf-8")
        half.replace(file)

    def _retry(self) -> Retry:
        """Tries again after 429 and 5xx, and lost connections to what was reached before: an address that is wrong
        stays wrong."""
        import urllib3

        shop = self

        class Telling(urllib3.Retry):
            def increment(
                self,
                method: str | None = None,
                url: str | None = None,
                response: BaseHTTPResponse | None = None,
                error: Exception | None = None,
                _pool: ConnectionPool | None = None,
                _stacktrace: TracebackType | None = None,
            ) -> Self:
                if error is not None and not shop._was_reached:
                    raise error
                shop._was_reached = True
                again = super().increment(method, url, response, error, _pool, _stacktrace)
                why = f"answered {response.status}" if response is not None else "broke the connection off"
                wait = self.get_retry_after(response) if response is not None else None
                seconds = again.get_backoff_time() if wait is None else wait
                shop._say(f"{shop._url} {why}: retrying in {seconds:.0f} s, {again.total} more times at most")
                return again

        return Telling(
            total=_TRIES,
            backoff_factor=1.0,
            backoff_max=60,
            # The same ids again are the same events, so every failure may be tried again.
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            respect_retry_after_header=True,
            raise_on_status=False,
            redirect=0,
        )

    def send(self, body: bytes) -> None:
        """One request, again on 429 and 5xx as the shop says."""
        import urllib3

        try:
            reply = self._pool.request(
                "POST", f"{self._url}/v1/batch", body=gzip.compress(body, 6, mtime=0), headers=self._headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise NotSent(_unreached(self._url, error)) from None
        self._was_reached = True
        if reply.status != _OK:
            raise NotSent(_refusal(self._url, reply.status))

    def tally(self) -> Counter[str]:
        """A shop tells nobody what it knew already."""
        return Counter()

    def close(self) -> None:
        """Hang up."""
        self._pool.clear()

    def _file(self, name: str) -> Path:
        host = urlsplit(self._url).netloc.replace(":", "-")
        return self._folder / f"{name.replace(' ', '-')}-{host}.json"


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise runs.CannotRun(f"{url} is no address of a shop: https://...")
    if parts.username is not None:
        raise runs.CannotRun("an address holds no key: give it by --write-key or AFTERSHOW_WRITE_KEY")
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise runs.CannotRun("personal data goes over https only, except to this machine")
    return url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _unreached(url: str, error: Exception) -> str:
    from urllib3 import exceptions

    reason = (error.reason if isinstance(error, exceptions.MaxRetryError) else error) or error
    if isinstance(reason, exceptions.NameResolutionError):
        word = "there is no host of this name, or no network: is the address right?"
    elif isinstance(reason, exceptions.SSLError):
        word = "its certificate is not accepted: is the address right?"
    elif isinstance(reason, (exceptions.NewConnectionError, exceptions.ConnectTimeoutError)):
        word = "nothing answers there: is the address right, and the shop running?"
    else:
        word = type(reason).__name__
    return f"{url} can't be reached: {word} The same command goes on"


def _refusal(url: str, status: int) -> str:
    if status in (401, 403):
        return f"{url} doesn't know this write key: {status}"
    if status == 404:  # noqa: PLR2004 (its own name)
        return f"{url} has no /v1/batch: is it the shop's own address, without a path?"
    return f"{url} answered {status}; the same command goes on"
