"""APIs of the WeChat family, which take an access token in each call's address and answer with an `errcode`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, Calls, Reply
from aftershow.model.instants import SECOND
from aftershow.ports.channels import Ambiguous, Declined

# A token is fetched anew so long before its end: no call takes longer, and clocks differ.
BEFORE_END_SECONDS = 300
# A message leaves 5 s after its claim or not at all: after a fetch that took longer than this it is put off, and goes
# with the token that is there then.
FETCHED_WITHIN = 3 * SECOND
# A token that is wrong, or has ended: another worker's fetch may have ended it. The call was not taken.
STALE_TOKEN = frozenset({"40001", "40014", "42001"})
_JSON = {"Content-Type": "application/json"}


class Api(Protocol):
    """What the adapters ask of such an API."""

    def ask(self, path: str, said: Mapping[str, object]) -> Reply | Declined | Ambiguous:
        """One call, made once."""


@dataclass(slots=True)
class TokenApi:
    """An API with a token. `ask_for_token` makes the call that fetches one."""

    calls: Calls
    ask_for_token: Callable[[Calls], Reply | Declined | Ambiguous]
    _token: str = ""
    _until: int = 0

    def ask(self, path: str, said: Mapping[str, object]) -> Reply | Declined | Ambiguous:
        """One call that is made once: after a stale token, which refused it, once more with a new one."""
        reply = self._ask(path, said)
        if isinstance(reply, Reply) and reply.text("errcode") in STALE_TOKEN:
            self._token = ""
            reply = self._ask(path, said)
        return reply

    def knock(self) -> Declined | None:
        """Fetch a token, which proves the keys; what is wrong, or None."""
        return self._without_token()

    def _ask(self, path: str, said: Mapping[str, object]) -> Reply | Declined | Ambiguous:
        refused = self._without_token()
        if refused is not None:
            return refused
        body = json.dumps(said, ensure_ascii=False).encode()
        return self.calls.post(f"{path}?{urlencode({'access_token': self._token})}", body, _JSON)

    def _without_token(self) -> Declined | None:
        """Why there is no token; None where there is one. Without one nothing was sent, whatever went wrong."""
        if self._token and self.calls.now() < self._until:
            return None
        asked_at = self.calls.now()
        reply = self.ask_for_token(self.calls)
        if not isinstance(reply, Reply):
            return Declined("no_access_token", again_after_seconds=SOON_SECONDS)
        token, seconds = reply.text("access_token"), reply.text("expires_in")
        if not token or not seconds.isdecimal():
            return Declined("no_access_token", again_after_seconds=MENDED_SECONDS)
        now = self.calls.now()
        self._token, self._until = token, now + (int(seconds) - BEFORE_END_SECONDS) * SECOND
        return Declined("no_access_token", again_after_seconds=1) if now - asked_at > FETCHED_WITHIN else None


def errcode(reply: Reply) -> str:
    """The answer's error code as text; "0" is success, empty where it has none."""
    return reply.text("errcode")
