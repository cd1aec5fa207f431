"""Drafts for staff in WeCom (企业微信): a group message to one customer, which a member of staff confirms in the app.

WeCom has no place for a tag of ours; its `msgid` names the draft. A video goes as a link: as a file it would have to be
uploaded anew every three days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aftershow.adapters.access_tokens import Api, TokenApi, errcode
from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS, Calls, Reply, judged, needed
from aftershow.adapters.providers import Outside
from aftershow.model.channels import CONTACT_DELETED, RateCard
from aftershow.model.messages import Wecom
from aftershow.ports.channels import (
    STAFF_TAG,
    Accepted,
    Ambiguous,
    Answer,
    Declined,
    Drafted,
    Knocking,
    Outgoing,
    Verdict,
    Waiting,
)

CARD = RateCard(
    channel="wecom", provider="wecom", per_second=10, currency="CNY", micros=0, as_of="2026-11",
    source="WeCom group messages cost nothing; an application may call an interface 10,000 times a minute, and a "
    "customer gets one such message a day",
)  # fmt: skip

ENDPOINT = "https://qyapi.weixin.qq.com"
_PATH = "/cgi-bin/externalcontact"
DAY_SECONDS = 24 * 3600
# Of a text, in bytes; of a link's title, in bytes.
MAX_TEXT_BYTES, MAX_TITLE_BYTES = 4000, 128
# A draft for one customer has a few members of staff at most.
MAX_STAFF = 10

# errcodes of add_msg_template and of the gateway (WeCom's global error codes).
ERRORS: dict[str, Verdict] = {
    "-1": Verdict("provider_error", ambiguous=True),
    "40096": Verdict("bad_address", gives_up_address=True),
    # She deleted the staff's contact, which is a no.
    "84061": Verdict(CONTACT_DELETED, gives_up_address=True),
    # Nobody is left to send to: she got this month's share already.
    "41048": Verdict("too_many_to_this_number", DAY_SECONDS),
    "40058": Verdict("bad_request"),
    "45009": Verdict("throttled", SOON_SECONDS),
    "45033": Verdict("throttled", SOON_SECONDS),
    "48002": Verdict("not_permitted", MENDED_SECONDS),
    "60011": Verdict("not_permitted", MENDED_SECONDS),
    "60020": Verdict("not_permitted", MENDED_SECONDS),
    "40003": Verdict("staff_unknown", MENDED_SECONDS),
    "60111": Verdict("staff_unknown", MENDED_SECONDS),
    "40001": Verdict("no_access_token", SOON_SECONDS),
    "40014": Verdict("no_access_token", SOON_SECONDS),
    "42001": Verdict("no_access_token", SOON_SECONDS),
}
# What became of a confirmed draft at one customer (get_groupmsg_send_result, `status`).
_SENT = "1"
FATES: dict[str, Verdict] = {
    "2": Verdict(CONTACT_DELETED, gives_up_address=True),
    "3": Verdict("another_broadcast_today", DAY_SECONDS),
}


@dataclass(frozen=True, slots=True)
class WecomChannel:
    """The channel `wecom`. `sender`: the member of staff who gets drafts that name nobody else."""

    api: Api
    title: str
    sender: str = ""

    def knock(self) -> Declined | None:
        """See TokenApi."""
        return self.api.knock() if isinstance(self.api, Knocking) else None

    def send(self, message: Outgoing) -> Answer:
        """One attempt to make a draft."""
        content = message.content
        if not isinstance(content, Wecom):
            return Declined("not_a_draft")
        said: dict[str, object] = {
            "chat_type": "single",
            "external_userid": [message.address],
            "text": {"content": _cut(content.text, MAX_TEXT_BYTES)},
            "attachments": list(self._attachments(content)),
        }
        # Without one, WeCom gives it to whoever the customer added first.
        if staff := message.tags.get(STAFF_TAG) or self.sender:
            said["sender"] = staff
        reply = self._ask("add_msg_template", said)
        if not isinstance(reply, Reply):
            return reply
        failed, draft = reply.said.get("fail_list"), reply.text("msgid")
        if isinstance(failed, list) and message.address in failed:
            return Declined("not_reachable_by_staff", again_after_seconds=DAY_SECONDS)
        return Drafted(draft) if draft else Ambiguous("unreadable_answer")

    def confirmed(self, provider_id: str, address: str) -> Waiting | Accepted | Declined | Ambiguous:
        """What became of a draft: of whoever has it, the first who sent it, or could not."""
        tasks = self._ask("get_groupmsg_task", {"msgid": provider_id, "limit": MAX_STAFF})
        if not isinstance(tasks, Reply):
            return tasks if isinstance(tasks, Ambiguous) else Ambiguous(tasks.reason)
        for staff in _listed(tasks, "task_list"):
            said = {"msgid": provider_id, "userid": str(staff.get("userid", "")), "limit": MAX_STAFF}
            results = self._ask("get_groupmsg_send_result", said)
            if not isinstance(results, Reply):
                return results if isinstance(results, Ambiguous) else Ambiguous(results.reason)
            for one in _listed(results, "send_list"):
                fate = str(one.get("status", ""))
                # Of an erased person the address is gone; a draft has one customer.
                if one.get("external_userid") != (address or one.get("external_userid")) or fate not in (_SENT, *FATES):
                    continue
                return FATES[fate].answer() if fate in FATES else Accepted(provider_id)
        return Waiting()

    def withdraw(self, provider_id: str) -> bool:
        """Take a draft back."""
        return isinstance(self._ask("cancel_groupmsg_send", {"msgid": provider_id}), Reply)

    def _ask(self, name: str, said: Mapping[str, object]) -> Reply | Declined | Ambiguous:
        """A call that succeeded, else what its error means."""
        reply = self.api.ask(f"{_PATH}/{name}", said)
        if not isinstance(reply, Reply) or errcode(reply) == "0":
            return reply
        return judged(errcode(reply), ERRORS)

    def _attachments(self, content: Wecom) -> Iterator[dict[str, object]]:
        title = _cut(self.title, MAX_TITLE_BYTES)
        if content.link:
            link = {"title": title, "url": content.link} | ({"picurl": content.picture} if content.picture else {})
            yield {"msgtype": "link", "link": link}
        if content.video:
            yield {"msgtype": "link", "link": {"title": title, "url": content.video}}


def make(outside: Outside) -> WecomChannel:
    """The channel."""
    options = outside.options
    corp_id, secret = needed("wecom", options, "corp_id", "contact_secret")
    calls = Calls(options.get("endpoint", ENDPOINT), outside.now)
    api = TokenApi(calls, partial(_token, corp_id, secret))
    return WecomChannel(api, outside.settings.shop_name, options.get("sender", ""))


def _token(corp_id: str, secret: str, calls: Calls) -> Reply | Declined | Ambiguous:
    return calls.get(f"/cgi-bin/gettoken?{urlencode({'corpid': corp_id, 'corpsecret': secret})}")


def _listed(reply: Reply, name: str) -> list[dict[str, Any]]:
    listed = reply.said.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")
