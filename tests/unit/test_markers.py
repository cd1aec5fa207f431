"""What packs require in a message is looked for in the text that the recipient reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftershow.model.messages import Content, Email, Sms, Webhook, Wecom
from aftershow.rules.lawful import Case, judge
from aftershow.rules.markers import Shown, objections
from infra.local.catalog import rulebook

RULES = rulebook()
LINK = "https://shop.example/u/a&b"
SHOWN = Shown("Tea & Co", "1 Leaf Street, Hangzhou", LINK)
HEADERS = {"List-Unsubscribe": f"<{LINK}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
CHINESE = Case("sms", "aliyun", "CN", "marketing", ("product",))
AMERICAN = Case("email", "ses", "US", "marketing")
TEXT = f"Tea\nTea & Co · 1 Leaf Street,\nHangzhou\nUnsubscribe: {LINK}\n"
PAGE = (
    "<p>Tea</p><p>Tea &amp; Co<br>1 Leaf Street, Hangzhou <a href='https://shop.example/u/a&amp;b'>Unsubscribe</a></p>"
)


def told(case: Case, message: Content, shown: Shown = SHOWN, headers: dict[str, str] = HEADERS) -> list[str]:
    return [one.told for one in objections(judge(RULES, case).required, message, headers, shown)]


def test_a_chinese_text_has_a_sign_and_ends_with_the_refusal() -> None:
    assert told(CHINESE, Sms("【茶店】新茶到了，拒收请回复R")) == []
    assert told(CHINESE, Sms("【茶店】新茶到了")) == [
        "CN-SMS 1: must end with 拒收请回复R or 回复R退订 or 回TD退订 or 回T退订 or 退订回T or 退订回TD or 退订回N or "
        "回N退订",
        "CN-SMS-aliyun 1: must end with 拒收请回复R",
    ]
    assert told(CHINESE, Sms("【茶店】拒收请回复R，新茶到了。回T退订")) == [
        "CN-SMS-aliyun 1: must end with 拒收请回复R"
    ]
    assert told(CHINESE, Sms("新茶【茶店】到了，拒收请回复R")) == ["CN-SMS 1: must begin with a sign name in 【】"]


def test_a_notification_needs_the_sign_only() -> None:
    shipped = replace(CHINESE, message_class="service", kinds=("order",))
    assert told(shipped, Sms("【茶店】您的包裹已发出")) == []


def test_a_text_is_no_longer_than_the_provider_takes() -> None:
    text = "【茶店】" + "茶" * 600 + "拒收请回复R"
    assert told(CHINESE, Sms(text)) == [f"CN-SMS-aliyun 1: has {len(text)} characters, at most 500 are allowed"]


def test_an_american_e_mail_shows_address_and_link_in_both_versions() -> None:
    assert told(AMERICAN, Email("x", TEXT, PAGE)) == []
    assert told(AMERICAN, Email("x", TEXT.replace("Leaf", "Lost"), PAGE)) == [
        "US-CAN-SPAM 1: does not show a postal address"
    ]
    assert told(AMERICAN, Email("x", TEXT, PAGE.replace("/u/", "/c/"))) == [
        "US-CAN-SPAM 1: does not show the link that ends these messages"
    ]


def test_a_shop_without_an_address_sends_no_marketing_to_america() -> None:
    bare = replace(SHOWN, postal_address=" ")
    assert told(AMERICAN, Email("x", TEXT, PAGE), bare) == ["US-CAN-SPAM 1: does not show a postal address"]
    assert told(replace(AMERICAN, message_class="service"), Email("x", "y", "z"), bare) == []
    assert told(replace(AMERICAN, country="CN"), Email("x", TEXT, PAGE), bare) == []


def test_one_click_headers_are_asked_for_everywhere() -> None:
    assert told(replace(AMERICAN, country="CN"), Email("x", TEXT, PAGE), headers={}) == [
        "Gmail-bulk 1: has no header List-Unsubscribe",
        "Gmail-bulk 1: has no header List-Unsubscribe-Post",
    ]


@pytest.mark.parametrize(("text", "fine"), [("Reply STOP to end", True), ("stop.", True), ("unstoppable", False)])
def test_an_american_text_says_how_to_stop_it(text: str, fine: bool) -> None:  # noqa: FBT001
    case = Case("sms", "aws", "US", "marketing", ("product",))
    assert (told(case, Sms(text)) == []) is fine


def test_words_that_lead_to_sharing_stay_out_of_wechat() -> None:
    case = Case("wecom", "wecom", "CN", "marketing", ("product",))
    assert told(case, Wecom("分享 有奖，快来", LINK)) == ["platform-wechat 1: says 分享有奖"]
    assert told(case, Wecom("新茶到了", LINK)) == []


def test_a_partners_endpoint_is_no_reader() -> None:
    assert told(replace(CHINESE, channel="webhook"), Webhook({"a": "b"})) == []
