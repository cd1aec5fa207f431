"""One HTTPS call to a provider's API: exactly one attempt, and what each way to fail means for the message.

A connection that was never made has sent nothing: declined, try again soon. Silence after the request, a server's
error or an answer that can't be read leave it open whether the message was taken: ambiguous.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from aftershow.ports.channels import Ambiguous, Declined, Verdict

CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS = 3, 10
# Answers of these APIs have a few hundred bytes.
MAX_ANSWER_BYTES = 64 * 1024
# A function stands still between its invocations, and the other side hangs up meanwhile: a connection that was not
# used for so long would answer the next message with a reset, after which nobody knows whether it was taken.
IDLE_MILLISECONDS = 20_000
# How soon again after a throttle or without a connection; and what somebody must mend (rights, credit, a template that
# isn't approved): hourly, until the reminder's deadline.
SOON_SECONDS, MENDED_SECONDS = 60, 3600
_FIRST_SERVER_ERROR, _FIRST_REFUSAL, _FIRST_ELSEWHERE, _TOO_MANY = 500, 400, 300, 429


@dataclass(frozen=True, slots=True)
class Reply:
    """What the provider answered: a JSON object. `status` is below 500."""

    status: int
    said: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A field as text; empty where there is none."""
        value = self.said.get(name)
        return str(value) if isinstance(value, (str, int)) else ""


@dataclass(slots=True)
class Calls:
    """Calls to one provider. `now` is in epoch milliseconds."""

    url: str
    now: Callable[[], int]
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS
    read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    _pool: urllib3.PoolManager = field(init=False)
    _used_at: int = 0

    def __post_init__(self) -> None:
        """One pool for all calls."""
        timeout = urllib3.Timeout(connect=self.connect_timeout_seconds, read=self.read_timeout_seconds)
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout)

    @property
    def host(self) -> str:
        """The host as the Host header names it, which signatures cover."""
        return urlsplit(self.url).netloc

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply | Declined | Ambiguous:
        """One POST; never raises for what the other side does."""
        return self._once("POST", path, body, headers)

    def get(self, path: str) -> Reply | Declined | Ambiguous:
        """One GET, likewise."""
        return self._once("GET", path, None, {})

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Reply | Declined | Ambiguous:
        if self.now() - self._used_at > IDLE_MILLISECONDS:
            self._pool.clear()
        self._used_at = self.now()
        try:
            response = self._pool.request(
                method, self.url + path, body=body, headers=dict(headers), redirect=False, preload_content=False
            )
            try:
                answer = response.read(MAX_ANSWER_BYTES)
            finally:
                response.release_conn()
        except (ConnectTimeoutError, NewConnectionError):
            return Declined("no_connection", again_after_seconds=SOON_SECONDS)
        except HTTPError as error:
            return Ambiguous(type(error).__name__)
        return _reply(response.status, answer)


def _reply(status: int, answer: bytes) -> Reply | Declined | Ambiguous:
    if status >= _FIRST_SERVER_ERROR:
        return Ambiguous(f"http_{status}")
    if status == _TOO_MANY:
        return Declined("throttled", again_after_seconds=SOON_SECONDS)
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    if isinstance(said, dict):
        return Reply(status, said)
    # Somebody in between refused or sent the call elsewhere; an answer of 200 that can't be read may be anything.
    refused = status >= _FIRST_ELSEWHERE
    return Declined(f"http_{status}", again_after_seconds=MENDED_SECONDS) if refused else Ambiguous("unreadable_answer")


def judged(code: str, errors: Mapping[str, Verdict]) -> Declined | Ambiguous:
    """What an error code means by a provider's table: its own line, else that of what stands before its first dot. An
    answer that names no code may be anything. What the table doesn't know is refused, and somebody must look."""
    if not code:
        return Ambiguous("unreadable_answer")
    known = errors.get(code) or errors.get(code.partition(".")[0])
    if known is None:
        known = Verdict(re.sub(r"[^\w.-]", "_", code, flags=re.ASCII)[:64], again_after_seconds=MENDED_SECONDS)
    return known.answer()


def needed(provider: str, options: Mapping[str, str], *names: str) -> list[str]:
    """Options that a provider can't do without. Raises ValueError that names the missing ones, never a value."""
    missing = [name for name in names if not options.get(name)]
    if missing:
        raise ValueError(f"{provider} needs its options {', '.join(missing)}")
    return [options[name] for name in names]
