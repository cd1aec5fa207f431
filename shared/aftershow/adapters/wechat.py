"""Subscribe messages of a WeChat mini-program: one accept of the viewer's allows one message.

WeChat has no place for a tag of ours; its `msgid` is what its events name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial

from aftershow.adapters.access_tokens import TokenApi, errcode
from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, Calls, Reply, judged, needed
from aftershow.adapters.providers import Outside
from aftershow.model.channels import NO_ACCEPT_LEFT, RateCard
from aftershow.model.messages import Wechat
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="wechat", provider="wechat", per_second=50, currency="CNY", micros=0, as_of="2026-11",
    source="WeChat mini-program subscribe messages cost nothing; no rate is published, a daily quota is (45009)",
)  # fmt: skip

ENDPOINT = "https://api.weixin.qq.com"
# formal, trial or developer: which version of the mini-program a tap opens.
STATES = ("formal", "trial", "developer")

# errcodes of subscribeMessage.send and of the gateway (WeChat's developer documentation).
ERRORS: dict[str, Verdict] = {
    "-1": Verdict("provider_error", ambiguous=True),
    "40003": Verdict("bad_address", gives_up_address=True),
    # No accept is left, or she turned these messages off.
    "43101": Verdict(NO_ACCEPT_LEFT),
    "47003": Verdict("template_parameters"),
    "47001": Verdict("bad_request"),
    "45168": Verdict("content_refused"),
    "43108": Verdict("throttled", SOON_SECONDS),
    "45011": Verdict("throttled", SOON_SECONDS),
    "45009": Verdict("daily_limit", MENDED_SECONDS),
    "40037": Verdict("template_not_approved", MENDED_SECONDS),
    "41030": Verdict("page_unknown", MENDED_SECONDS),
    "40165": Verdict("page_unknown", MENDED_SECONDS),
    "43107": Verdict("not_permitted", MENDED_SECONDS),
    "48001": Verdict("not_permitted", MENDED_SECONDS),
    "40164": Verdict("not_permitted", MENDED_SECONDS),
    # Also the token that was just fetched: somebody fetches them all the time.
    "40001": Verdict("no_access_token", SOON_SECONDS),
    "40014": Verdict("no_access_token", SOON_SECONDS),
    "42001": Verdict("no_access_token", SOON_SECONDS),
}


@dataclass(frozen=True, slots=True)
class WechatChannel:
    """The channel `wechat`."""

    api: TokenApi
    state: str = "formal"

    def knock(self) -> Declined | None:
        """See TokenApi."""
        return self.api.knock()

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        content = message.content
        if not isinstance(content, Wechat):
            return Declined("not_a_subscribe_message")
        said: dict[str, object] = {
            "touser": message.address,
            "template_id": content.template_id,
            "data": {name: {"value": text} for name, text in content.fields.items()},
            "miniprogram_state": self.state,
        }
        if content.page:
            said["page"] = content.page
        reply = self.api.ask("/cgi-bin/message/subscribe/send", said)
        if not isinstance(reply, Reply):
            return reply
        code = errcode(reply)
        # Older accounts are answered without a message id.
        return Accepted(reply.text("msgid")) if code == "0" else judged(code, ERRORS)


def make(outside: Outside) -> WechatChannel:
    """The channel."""
    options = outside.options
    app_id, secret = needed("wechat", options, "app_id", "app_secret")
    state = options.get("miniprogram_state", STATES[0])
    if state not in STATES:
        raise ValueError(f"wechat: miniprogram_state is one of {', '.join(STATES)}")
    calls = Calls(options.get("endpoint", ENDPOINT), outside.now)
    return WechatChannel(TokenApi(calls, partial(_token, app_id, secret)), state)


def _token(app_id: str, secret: str, calls: Calls) -> Reply | Declined | Ambiguous:
    """A stable token: whoever fetches it gets the same one, so workers don't end each other's."""
    said = {"grant_type": "client_credential", "appid": app_id, "secret": secret}
    return calls.post("/cgi-bin/stable_token", json.dumps(said).encode(), {"Content-Type": "application/json"})
