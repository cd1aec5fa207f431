"""Segment's words are read into ours; what decides about money or consent is refused when it can't be read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.engagements import Kind
from aftershow.model.ids import NOBODY, viewer_id
from aftershow.model.instants import HOUR, iso
from aftershow.rules.intake import judge
from aftershow.rules.segment import (
    AddressSuppressed,
    Aliased,
    Amended,
    Consented,
    Did,
    Followed,
    Heartbeat,
    Identified,
    Left,
    Ordered,
    ShowNews,
    Unreadable,
    read_event,
)
from tests.unit.samples import SHOP, START, examples, read, tracked


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Live Room Entered", Kind.ENTERED),
        ("Live Liked", Kind.LIKED),
        ("Product Clicked", Kind.PRODUCT_CLICKED),
        ("Live Product Clicked", Kind.PRODUCT_CLICKED),
        ("Checkout Started", Kind.CHECKOUT_STARTED),
        ("Payment Info Entered", Kind.PAYMENT_ENTERED),
        ("Coupon Denied", Kind.COUPON_DENIED),
        ("Live Show Reserved", Kind.RESERVED),
        ("Something Else", Kind.OTHER),
    ],
)
def test_names_and_what_is_counted(name: str, kind: Kind) -> None:
    assert tracked(name, product_id="p").meaning == Did((kind,), product="p")


def test_names_and_what_they_mean() -> None:
    assert isinstance(tracked("Video Content Playing").meaning, Heartbeat)
    assert tracked("Live Room Left", watch_seconds=12.9).meaning == Left(12)
    assert tracked("Live Followed", host_id="h").meaning == Followed("h", "followed")
    assert tracked("Live Unfollowed", host_id=7).meaning == Followed("7", "unfollowed")
    assert isinstance(read("identify", traits={"name": "A"}).meaning, Identified)
    assert isinstance(read("alias", previousId="old").meaning, Aliased)
    for kind in ("page", "screen", "group"):
        assert read(kind, name="x").meaning == Did((Kind.OTHER,))


@pytest.mark.parametrize(
    ("said", "minor", "currency"),
    [
        ({"total": 12.5}, 1250, "CNY"),
        ({"total": "12.50", "currency": "usd"}, 1250, "USD"),
        ({"revenue": 3}, 300, "CNY"),
        ({"total": 0}, 0, "CNY"),
        ({"total": 1999, "currency": "JPY"}, 1999, "JPY"),
        ({"total": "1.234", "currency": "KWD"}, 1234, "KWD"),
        ({"total": None, "revenue": 5}, 500, "CNY"),
        ({"total": 0.1 + 0.2}, 30, "CNY"),
    ],
)
def test_money_is_minor_units_of_its_currency(said: dict[str, Any], minor: int, currency: str) -> None:
    meaning = tracked("Order Completed", order_id="o", **said).meaning
    assert isinstance(meaning, Ordered)
    assert (meaning.minor, meaning.currency) == (minor, currency)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"order_id": "o"},
        {"order_id": "", "total": 1},
        {"order_id": True, "total": 1},
        {"order_id": ["o"], "total": 1},
        {"order_id": "o", "total": -1},
        {"order_id": "o", "total": "twelve"},
        {"order_id": "o", "total": "1,200.00"},
        {"order_id": "o", "total": True},
        {"order_id": "o", "total": [1]},
        {"order_id": "o", "total": "NaN"},
        {"order_id": "o", "total": "Infinity"},
        {"order_id": "o", "total": "1e999999"},
        {"order_id": "o", "total": 10**14},
        {"order_id": "o", "total": 1, "currency": "XYZ"},
        {"order_id": "o", "total": 1, "currency": "¥"},
    ],
)
def test_an_order_that_can_not_be_read_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        tracked("Order Completed", **said)


def test_the_guard_covers_what_an_order_says() -> None:
    def guard(**said: Any) -> str:
        meaning = tracked("Order Completed", order_id="o", **{"total": 1, **said}).meaning
        assert isinstance(meaning, Ordered)
        return meaning.hash

    line = {"product_id": "p", "quantity": 1, "price": 1}
    assert guard() == guard(coupon="X", total="1.00", show_id="s")
    others: list[dict[str, Any]] = [{"total": 2}, {"currency": "USD"}, {"products": [line]}, {"products": [line, line]}]
    assert len({guard(), *(guard(**other) for other in others)}) == 5


def test_words_about_orders() -> None:
    refunded = tracked("Order Refunded", message_id="m", order_id="o", total=2).meaning
    assert refunded == Amended("refund", "o", "m", 200, "CNY")
    named = tracked("Order Refunded", message_id="m", order_id="o", total=2, refund_id="r").meaning
    assert named == Amended("refund", "o", "r", 200, "CNY")
    assert tracked("Order Cancelled", message_id="m", order_id="o").meaning == Amended("cancel", "o", "m", 0, "CNY")
    unnamed = tracked("Order Cancelled", message_id="m", total=3).meaning
    assert unnamed == Amended("refund", None, "m", 300, "CNY")
    for name in ("Order Refunded", "Order Updated", "Order Cancelled"):
        with pytest.raises(Unreadable):
            tracked(name)


CONSENT: dict[str, Any] = {"purpose": "marketing", "channel": "email", "state": "withdrawn"}


def test_consent_is_read_with_its_evidence() -> None:
    said = tracked("Message Consent Updated", **CONSENT, source="form", wording_version="2").meaning
    assert said == Consented("marketing:email", "withdrawn", "form", "2")
    without: dict[str, Any] = {name: value for name, value in CONSENT.items() if name != "channel"}
    everywhere = tracked("Message Consent Updated", **without).meaning
    assert isinstance(everywhere, Consented)
    assert everywhere.scope == "marketing:all"


@pytest.mark.parametrize("channel", ["Email", "EMAIL", " email "])
def test_a_channel_in_other_letters_is_the_same_channel(channel: str) -> None:
    said = tracked("Message Consent Updated", **{**CONSENT, "channel": channel}).meaning
    assert isinstance(said, Consented)
    assert said.scope == "marketing:email"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"purpose": purpose} for purpose in ("ads", None, ["marketing"])),
        *({"state": state} for state in ("maybe", True, None)),
        *({"channel": channel} for channel in ("e-mail", "", True, ["email"])),
    ],
)
def test_a_consent_that_can_not_be_read_is_refused(wrong: dict[str, Any]) -> None:
    """Filed under a name that nobody asks for, a withdrawal would be no withdrawal."""
    with pytest.raises(Unreadable):
        tracked("Message Consent Updated", **{**CONSENT, **wrong})


def test_trackers_consent_is_not_message_consent() -> None:
    event = read("track", event="Live Liked", context={"consent": {"categoryPreferences": {"marketing": True}}})
    assert isinstance(event.meaning, Did)


@pytest.mark.parametrize("name", ["timezone", "zone"])
def test_a_profile_says_its_zone(name: str) -> None:
    meaning = read("identify", traits={name: "Europe/London"}).meaning
    assert meaning == Identified({"zone": "Europe/London"})


def test_traits_that_say_nothing_usable_are_left_out() -> None:
    spoilt: dict[str, Any] = {
        "email": "no address",
        "zone": "Mars/Olympus",
        "phone": None,
        "name": "",
        "locale": [],
        "age": 3,
    }
    assert read("identify", traits=spoilt).meaning == Identified({})
    assert read("identify", traits="x").meaning == Identified({})
    good = {"email": " mei@example.com ", "phone": 8613800000000, "locale": "zh-CN"}
    assert read("identify", traits=good).meaning == Identified(
        {"email": "mei@example.com", "phone": "+8613800000000", "locale": "zh-CN"}
    )


@pytest.mark.parametrize(
    "email",
    ["a@b.example\r\nBcc: x@y.example", "a b@c.example", "@c.example", "a@localhost", "x" * 250 + "@c.example"],
)
def test_what_is_no_address_is_never_one(email: str) -> None:
    assert read("identify", traits={"email": email}).meaning == Identified({})


@pytest.mark.parametrize("nobody", [*sorted(NOBODY - {""}), "NULL", " 0 ", "Anonymous", "x" * 257, "a\nb"])
def test_nobody_is_no_identity(nobody: str) -> None:
    assert tracked("Live Liked", who={"userId": nobody, "anonymousId": "d"}).identity == ("anonymous", "d")
    assert tracked("Live Liked", who={"userId": nobody, "anonymousId": "d"}).links == ()
    with pytest.raises(Unreadable):
        read("alias", userId="u", previousId=nobody)


def test_a_user_leads_and_the_device_is_linked() -> None:
    event = tracked("Live Liked", who={"userId": "u", "anonymousId": "d"})
    assert event.viewer == viewer_id("user", "u")
    assert [link.viewer for link in event.links] == [viewer_id("anonymous", "d")]
    assert viewer_id("user", "x") != viewer_id("anonymous", "x")
    assert read("track", event="Live Liked", userId=42).viewer == viewer_id("user", "42")


def test_a_moment_is_the_clients_own_and_never_of_sending() -> None:
    fields = {"userId": "u", "event": "Live Liked", "messageId": "m"}
    original = {**fields, "originalTimestamp": iso(START), "timestamp": iso(START + 1), "sentAt": iso(START + 2)}
    for received in (START + HOUR, START + 2 * HOUR):
        assert read_event("track", msgspec.json.encode(original), {}, received, SHOP).at == START
        only = {**fields, "timestamp": iso(START + 1), "sentAt": iso(received)}
        assert read_event("track", msgspec.json.encode(only), {}, received, SHOP).at == START + 1
    silent = read_event("track", msgspec.json.encode(fields), {}, START + 7, SHOP)
    assert silent.at == START + 7


def test_an_event_without_a_message_id_is_known_by_its_bytes() -> None:
    raw = b'{"userId":"u","event":"Live Liked"}'
    first, again = (read_event("track", raw, {}, START + number, SHOP) for number in range(2))
    assert first.id == again.id
    assert first.id != read_event("track", raw + b" ", {}, START, SHOP).id


def test_the_batchs_context_is_merged_under_the_events_own() -> None:
    raw = msgspec.json.encode({"userId": "u", "event": "Live Liked", "context": {"locale": "en-GB"}})
    event = read_event("track", raw, {"locale": "zh-CN", "timezone": "Asia/Shanghai"}, START, SHOP)
    assert (event.context.locale, event.context.zone) == ("en-GB", "Asia/Shanghai")


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "\0", "x" * 5_000, 8, None, ["UTC"]]
)
def test_a_zone_that_is_none_is_unknown(zone: object) -> None:
    assert read("track", event="Live Liked", context={"timezone": zone}).context.zone is None


def test_shows() -> None:
    assert tracked("Live Liked", show_id="s").show == "s"
    assert tracked("Live Liked", show_id=12).show == "12"
    assert tracked("Video Content Playing", asset_id="a", livestream=True).show == "a"
    assert tracked("Video Content Playing", asset_id="a").show is None
    started = tracked("Live Show Started", show_id="s", host_id="h", title="T", ends_at="2026-03-04T14:00:00Z").meaning
    assert started == ShowNews({"started_at": str(START), "host": "h", "title": "T", "ends_at": str(START + 2 * HOUR)})
    assert tracked("Live Show Scheduled", show_id="s", cancelled=True).meaning == ShowNews({"cancelled": "true"})
    with pytest.raises(Unreadable):
        tracked("Live Show Ended")
    with pytest.raises(Unreadable):
        tracked("Live Show Scheduled", show_id="s", starts_at="tomorrow")


def test_a_cart_line_with_an_unreadable_price_still_counts() -> None:
    meaning = tracked("Product Added", product_id="p", price="free", quantity="many", name=None).meaning
    assert isinstance(meaning, Did)
    assert meaning.line is not None
    assert (meaning.line.quantity, meaning.line.minor, meaning.line.currency) == (1, None, None)
    assert tracked("Product Added").meaning == Did((Kind.CART_ADDED,))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = st.sampled_from([
    "order_id", "total", "revenue", "currency", "products", "coupon", "show_id", "asset_id", "livestream", "host_id",
    "watch_seconds", "product_id", "price", "quantity", "name", "url", "text", "purpose", "channel", "state", "email",
    "zone", "timezone", "locale", "starts_at", "ends_at", "cancelled", "refund_id", "campaign", "title",
])  # fmt: skip
NAMES = st.sampled_from([
    "Live Liked", "Live Room Left", "Live Comment Sent", "Product Added", "Message Consent Updated", "Live Followed",
    "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled", "Live Show Started",
    "Video Content Playing",
])  # fmt: skip


@examples(300)
@given(
    st.sampled_from(["track", "identify", "alias", "page"]), NAMES, st.dictionaries(FIELDS, JSON, max_size=8) | JSON,
    st.dictionaries(FIELDS, JSON, max_size=4) | JSON, st.text(min_size=1, max_size=10), JSON,
)  # fmt: skip
def test_whatever_a_client_sends_is_read_or_refused_with_a_reason(
    kind: str, name: str, said: object, context: object, who: str, previous: object
) -> None:
    fields = {
        "messageId": "m", "event": name, "userId": who, "properties": said, "traits": said, "context": context,
        "previousId": previous,
    }  # fmt: skip
    raw = json.dumps(fields).encode()
    try:
        event = read_event(kind, raw, {}, START, SHOP)
    except Unreadable:
        with pytest.raises(Unreadable, match=r"\w+ \w+"):
            read_event(kind, raw, {}, START, SHOP)
        return
    assert read_event(kind, raw, {}, START, SHOP) == event
    assert event.show is None or 0 < len(event.show) <= 128


@pytest.mark.parametrize("reason", ["bounced", "complained", "opted_out"])
def test_a_suppressed_number_is_the_one_that_would_be_written_to(reason: str) -> None:
    said: dict[str, Any] = {"channel": "sms", "address": "139 0013 9000", "reason": reason}
    event = tracked("Message Address Suppressed", **said)
    assert event.meaning == AddressSuppressed("sms", "+8613900139000", reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", ["bounced", "complained", "opted_out"])
def test_a_suppressed_address_needs_nobody(reason: str) -> None:
    said: dict[str, Any] = {"channel": "email", "address": "gone@example.com", "reason": reason}
    event = tracked("Message Address Suppressed", **said)
    assert event.meaning == AddressSuppressed("email", "gone@example.com", reason)  # type: ignore[arg-type]
    nameless = {"event": "Message Address Suppressed", "type": "track", "properties": said}
    assert judge("track", json.dumps(nameless).encode(), START).facts


@pytest.mark.parametrize("reason", ["bounced", "complained", "opted_out"])
def test_a_page_can_not_cut_a_stranger_off_for_good(reason: str) -> None:
    said = {"channel": "email", "address": "lan@example.com", "reason": reason}
    message = {"type": "track", "event": "Message Address Suppressed", "messageId": "m1", "properties": said}
    event = read_event("track", json.dumps(message).encode(), {}, START, replace(SHOP, trusted=False))
    assert event.meaning == AddressSuppressed("email", "lan@example.com", "opted_out")


@pytest.mark.parametrize(
    "wrong",
    [{"channel": "all"}, {"channel": None}, {"address": "nobody"}, {"address": None}, {"reason": "angry"}],
)
def test_what_names_no_address_or_reason_is_refused(wrong: dict[str, str | None]) -> None:
    said: dict[str, Any] = {"channel": "email", "address": "gone@example.com", "reason": "bounced", **wrong}
    with pytest.raises(Unreadable) as refused:
        tracked("Message Address Suppressed", **said)
    assert "example.com" not in str(refused.value)


def test_a_wecom_contact_is_named_as_their_own_callback_does() -> None:
    added = tracked("WeCom Contact Added", ExternalUserID="wm1", State="a" * 17, UserID="li.na")
    assert [(link.kind, link.value) for link in added.links] == [("wecom_external_userid", "wm1")]
    assert added.external_ids == {"wecom_external_userid": "wm1"}
    deleted = tracked("WeCom Contact Deleted", ExternalUserID="wm1", ChangeType="del_follow_user")
    assert deleted.meaning == Consented("marketing:wecom", "withdrawn", "wecom contact deleted", None)
    with pytest.raises(Unreadable, match="ExternalUserID"):
        tracked("WeCom Contact Deleted", UserID="li.na")
