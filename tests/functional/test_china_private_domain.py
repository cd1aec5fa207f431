"""WeChat subscribe messages and WeCom drafts over HTTP: tokens, what is sent, and what every class of answer means."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from aftershow.adapters import wechat, wecom
from aftershow.adapters.access_tokens import BEFORE_END_SECONDS, FETCHED_WITHIN, TokenApi
from aftershow.adapters.wechat import WechatChannel
from aftershow.adapters.wecom import WecomChannel
from aftershow.model.instants import SECOND
from aftershow.model.messages import Content, Sms, Wechat, Wecom
from aftershow.ports.channels import (
    Accepted,
    Ambiguous,
    Answer,
    Declined,
    Drafted,
    Drafting,
    Outgoing,
    Verdict,
    Waiting,
)
from tests.functional.provider_stub import NOW, SILENCE_SECONDS, Says, Stub, made, nobody_listens, serving

# The stub listens on the loopback address.
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

TOKEN = Says.document({"errcode": 0, "access_token": "token-1", "expires_in": 7200})
TAGS = {"viewer": "v1", "reminder": "r-42", "attempt": "1"}
STALE = ("40001", "40014", "42001")


@dataclass(frozen=True)
class Vendor:
    """A provider as the tests see it."""

    name: str
    options: Mapping[str, str]
    errors: Mapping[str, Verdict]
    content: Content
    taken: Answer

    @property
    def yes(self) -> Says:
        """Taken, as 77."""
        return Says.document({"errcode": 0, "errmsg": "ok", "msgid": 77 if self.name == "wechat" else "77"})

    def at(self, url: str) -> WechatChannel | WecomChannel:
        """The channel over a service there; it doesn't wait long."""
        channel = made(self.name, self.name, {**self.options, "endpoint": url})
        assert isinstance(channel, (WechatChannel, WecomChannel))
        api_of(channel).calls = replace(api_of(channel).calls, read_timeout_seconds=SILENCE_SECONDS / 4)
        return channel

    def message(self, **tags: str) -> Outgoing:
        """To mei."""
        return Outgoing("mei-id", self.content, tags={**TAGS, **tags})

    def answers(self, *answers: Says) -> tuple[Answer, Stub]:
        """What it answers to one message after these, the token's included."""
        with serving(*answers) as stub:
            return self.at(stub.url).send(self.message()), stub


def api_of(channel: WechatChannel | WecomChannel) -> TokenApi:
    """What the channel speaks through."""
    assert isinstance(channel.api, TokenApi)
    return channel.api


WECHAT = Vendor(
    "wechat",
    {"app_id": "wx1", "app_secret": "s1"},
    wechat.ERRORS,
    Wechat("tpl-1", {"thing1": "春季回放", "time2": "2026-03-06 10:00"}, "pages/replay?id=7"),
    Accepted("77"),
)
WECOM = Vendor(
    "wecom",
    {"corp_id": "ww1", "contact_secret": "s2", "sender": "li.na"},
    wecom.ERRORS,
    Wecom("梅,回放在这里", "https://shop.example/c/x", "https://shop.example/p.jpg", "https://shop.example/v.mp4"),
    Drafted("77"),
)
BOTH = pytest.mark.parametrize("vendor", [WECHAT, WECOM], ids=lambda one: one.name)
EVERY_ERROR = [
    pytest.param(vendor, code, verdict, id=f"{vendor.name} {code}")
    for vendor in (WECHAT, WECOM)
    for code, verdict in vendor.errors.items()
]


def error(code: str | int) -> Says:
    """An error as both say it: with status 200."""
    return Says.document({"errcode": int(code), "errmsg": "no"})


def test_wechat_gets_the_template_the_fields_and_the_page() -> None:
    answer, stub = WECHAT.answers(TOKEN, WECHAT.yes)
    assert answer == Accepted("77")
    fetched, sent = stub.asked
    assert (fetched.method, fetched.path) == ("POST", "/cgi-bin/stable_token")
    assert fetched.said == {"grant_type": "client_credential", "appid": "wx1", "secret": "s1"}
    assert sent.path == "/cgi-bin/message/subscribe/send?access_token=token-1"
    assert sent.said == {
        "touser": "mei-id", "template_id": "tpl-1", "page": "pages/replay?id=7", "miniprogram_state": "formal",
        "data": {"thing1": {"value": "春季回放"}, "time2": {"value": "2026-03-06 10:00"}},
    }  # fmt: skip


def test_wecom_gets_a_draft_for_one_customer_and_one_member_of_staff() -> None:
    answer, stub = WECOM.answers(TOKEN, WECOM.yes)
    assert answer == Drafted("77")
    fetched, sent = stub.asked
    assert (fetched.method, fetched.path) == ("GET", "/cgi-bin/gettoken?corpid=ww1&corpsecret=s2")
    assert sent.path == "/cgi-bin/externalcontact/add_msg_template?access_token=token-1"
    said = sent.said
    assert (said["chat_type"], said["external_userid"], said["sender"]) == ("single", ["mei-id"], "li.na")
    assert said["text"] == {"content": "梅,回放在这里"}
    links = [one["link"] for one in said["attachments"]]
    assert [link["url"] for link in links] == ["https://shop.example/c/x", "https://shop.example/v.mp4"]
    assert links[0]["picurl"] == "https://shop.example/p.jpg"


def test_a_draft_that_was_handed_over_goes_to_the_other_member_of_staff() -> None:
    with serving(TOKEN, WECOM.yes) as stub:
        assert WECOM.at(stub.url).send(WECOM.message(staff="wang.wei")) == Drafted("77")
    assert stub.asked[1].said["sender"] == "wang.wei"


@BOTH
def test_a_token_serves_until_shortly_before_its_end(vendor: Vendor) -> None:
    with serving(TOKEN, vendor.yes, vendor.yes, TOKEN, vendor.yes) as stub:
        channel, moment = vendor.at(stub.url), [NOW]
        api_of(channel).calls = replace(api_of(channel).calls, now=lambda: moment[0])
        for later in (0, (7200 - BEFORE_END_SECONDS) * SECOND - 1, (7200 - BEFORE_END_SECONDS) * SECOND):
            moment[0] = NOW + later
            assert channel.send(vendor.message()) == vendor.taken
    fetches = ["token?" in one.path or one.path.endswith("stable_token") for one in stub.asked]
    assert fetches == [True, False, False, True, False]


@BOTH
def test_a_token_that_came_slowly_is_for_the_next_message(vendor: Vendor) -> None:
    """The claim is old by then."""
    with serving(TOKEN, vendor.yes) as stub:
        channel, moments = vendor.at(stub.url), itertools.count(NOW, FETCHED_WITHIN)
        api_of(channel).calls = replace(api_of(channel).calls, now=lambda: next(moments))
        assert channel.send(vendor.message()) == Declined("no_access_token", again_after_seconds=1)
        assert channel.send(vendor.message()) == vendor.taken
    assert len(stub.asked) == 2


@BOTH
@pytest.mark.parametrize("code", STALE)
def test_a_stale_token_is_fetched_anew_once(vendor: Vendor, code: str) -> None:
    fresh = Says.document({"access_token": "token-2", "expires_in": 7200})
    answer, stub = vendor.answers(TOKEN, error(code), fresh, vendor.yes)
    assert answer == vendor.taken
    assert stub.asked[3].path.endswith("access_token=token-2")
    answer, stub = vendor.answers(TOKEN, error(code), fresh, error(code))
    assert answer == Declined("no_access_token", again_after_seconds=60)
    assert len(stub.asked) == 4


@BOTH
@pytest.mark.parametrize(
    ("says", "again"),
    [
        (Says(status=500), 60),
        (Says(b"{}", silent=True), 60),
        (error(40013), 3600),
        (Says(b""), 60),
        (error(40164), 3600),
    ],
)
def test_without_a_token_nothing_was_sent(vendor: Vendor, says: Says, again: int) -> None:
    answer, stub = vendor.answers(says)
    assert answer == Declined("no_access_token", again_after_seconds=again)
    assert len(stub.asked) == 1


@pytest.mark.parametrize(("vendor", "code", "verdict"), EVERY_ERROR)
def test_every_row_of_the_error_table(vendor: Vendor, code: str, verdict: Verdict) -> None:
    answer, _ = vendor.answers(*([TOKEN, error(code)] * 2))
    assert answer == verdict.answer()


@BOTH
def test_a_code_that_is_not_in_the_table_is_refused_until_somebody_mended_it(vendor: Vendor) -> None:
    answer, _ = vendor.answers(TOKEN, error(99999))
    assert answer == Declined("99999", again_after_seconds=3600)


@BOTH
@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (Says(status=500), Ambiguous("http_500")),
        (Says(b"<html>hello</html>"), Ambiguous("unreadable_answer")),
        (Says(b"{}"), Ambiguous("unreadable_answer")),
        (Says(b""), Ambiguous("unreadable_answer")),
        (Says(status=429), Declined("throttled", again_after_seconds=60)),
        (Says(b"{}", silent=True), Ambiguous("ReadTimeoutError")),
    ],
)
def test_answers_that_are_no_answer(vendor: Vendor, says: Says, expected: Answer) -> None:
    answer, _ = vendor.answers(TOKEN, says)
    assert answer == expected


@BOTH
def test_without_a_connection_nothing_was_sent(vendor: Vendor) -> None:
    channel = vendor.at(nobody_listens())
    assert channel.send(vendor.message()) == Declined("no_access_token", again_after_seconds=60)
    with serving(TOKEN, vendor.yes) as stub:
        channel = vendor.at(stub.url)
        assert channel.send(vendor.message()) == vendor.taken
    api_of(channel).calls = replace(api_of(channel).calls, url=nobody_listens())
    assert channel.send(vendor.message()) == Declined("no_connection", again_after_seconds=60)


@BOTH
def test_what_is_no_message_of_the_channel_is_not_sent(vendor: Vendor) -> None:
    answer = vendor.at(nobody_listens()).send(Outgoing("mei-id", Sms("text")))
    assert isinstance(answer, Declined)
    assert answer.again_after_seconds is None


def test_a_customer_whom_staff_can_not_reach_is_declined() -> None:
    answer, _ = WECOM.answers(TOKEN, Says.document({"errcode": 0, "fail_list": ["mei-id"], "msgid": "77"}))
    assert answer == Declined("not_reachable_by_staff", again_after_seconds=24 * 3600)


TASKS = Says.document({"errcode": 0, "task_list": [{"userid": "li.na", "status": 0}, {"userid": "wang", "status": 2}]})
NOBODY = Says.document({"errcode": 0, "send_list": []})


def fate(status: int) -> Says:
    """What became of it at mei, and at somebody else."""
    others = {"external_userid": "other", "status": 1}
    return Says.document({"errcode": 0, "send_list": [others, {"external_userid": "mei-id", "status": status}]})


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([TASKS, fate(0), NOBODY], Waiting()),
        ([TASKS, NOBODY, fate(1)], Accepted("77")),
        ([TASKS, fate(1)], Accepted("77")),
        ([TASKS, fate(2)], Declined("contact_deleted", gives_up_address=True)),
        ([TASKS, fate(3)], Declined("another_broadcast_today", again_after_seconds=24 * 3600)),
        ([Says.document({"errcode": 0, "task_list": []})], Waiting()),
        ([Says(status=500)], Ambiguous("http_500")),
        ([error(45009)], Ambiguous("throttled")),
        ([TASKS, error(-1)], Ambiguous("provider_error")),
        ([TASKS, Says(b"hello")], Ambiguous("unreadable_answer")),
    ],
)
def test_what_became_of_a_draft(answers: list[Says], expected: Any) -> None:
    with serving(TOKEN, *answers) as stub:
        channel = WECOM.at(stub.url)
        assert isinstance(channel, Drafting)
        assert channel.confirmed("77", "mei-id") == expected
    assert stub.asked[1].said["msgid"] == "77"


@pytest.mark.parametrize(
    ("says", "taken_back"), [(error(0), True), (error(41063), False), (Says(status=500), False), (Says(b""), False)]
)
def test_taking_a_draft_back(says: Says, *, taken_back: bool) -> None:
    with serving(TOKEN, says) as stub:
        channel = WECOM.at(stub.url)
        assert isinstance(channel, WecomChannel)
        assert channel.withdraw("77") == taken_back
    assert stub.asked[1].path.startswith("/cgi-bin/externalcontact/cancel_groupmsg_send?")
    assert stub.asked[1].said == {"msgid": "77"}


@BOTH
def test_missing_options_are_named(vendor: Vendor) -> None:
    with pytest.raises(ValueError, match="secret"):
        made(vendor.name, vendor.name, {})
    with pytest.raises(ValueError, match="miniprogram_state"):
        made("wechat", "wechat", {**WECHAT.options, "miniprogram_state": "beta"})
