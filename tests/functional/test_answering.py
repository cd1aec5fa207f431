"""What viewers answer: the preference page, replies, surveys; and what providers report at their secret address."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest

from aftershow.model.ids import address_hash
from aftershow.model.instants import DAY, HOUR, MINUTE, SECOND
from aftershow.model.tasks import COMPLAINT_DUE, FOLLOW_UP_AFTER, Task
from aftershow.ports import keys
from aftershow.ports.queues import Message
from aftershow.rules import links, responses
from aftershow.rules.people import may_be_written
from aftershow.rules.preferences import LONGEST_HOLD, PAUSE, preferences
from aftershow.services import tasks
from infra.local.clock import iso as aws_time
from infra.local.gateway import HttpReply
from tests.functional.story import FORM, Said, Shop, Show, Viewer, almost_buys, at, unsubscribe_path

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
LONG_AFTER = ENDS + 5 * DAY
NUMBER = "+8613900001234"
ALL_ON = {"channel": "email", "topic": ["replay", "offers", "care"], "per_week": ""}


def reminded(*viewers: Viewer, **parameters: str) -> Shop:
    """The story up to a quarter of an hour after the first reminder; the second is planned."""
    shop = Shop(OPENS, parameters=parameters)
    shop.hears(SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS))
    for viewer in viewers:
        shop.hears(*almost_buys(viewer, SHOW, max(ENTERS, shop.now + MINUTE)))
        shop.hears(viewer.identifies(shop.now + MINUTE, phone=NUMBER))
        shop.hears(viewer.consents(shop.now + MINUTE, channel="all"))
    shop.hears(SHOW.ended(max(ENDS, shop.now)))
    shop.until(ENDS + 15 * MINUTE)
    assert len(shop.mails) == len(viewers)
    return shop


def link(shop: Shop, viewer: Viewer, kind: links.LinkKind) -> str:
    row = shop.reminders(viewer)[0]
    secret = shop.records().settings.link_secret
    letter = {"preferences": "p", "survey": "s"}[kind]
    return f"/{letter}/{links.sign(secret, kind, links.LinkTarget(row.viewer, row.id, 0))}"


def saves(shop: Shop, viewer: Viewer, **form: object) -> HttpReply:
    body = urlencode({**ALL_ON, **form}, doseq=True).encode()
    return shop.calls("POST", link(shop, viewer, "preferences"), FORM, body)


def test_looking_at_the_preference_page_changes_nothing() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    before = shop.records().items("viewers"), shop.records().items("addresses")
    page = shop.calls("GET", link(shop, mei, "preferences"), {"accept-language": "zh-CN,zh;q=0.9"})
    text = page.body.decode()
    assert page.status == 200
    assert page.headers["cache-control"] == "no-store"
    assert '<html lang="zh-CN">' in text
    assert "<script" not in text
    assert "prefers-color-scheme:dark" in text
    # Every field has its label, and says how it stands.
    assert text.count("<input") == text.count("<label>")
    assert 'name="channel" value="email" checked' in text
    assert mei.mailbox not in text
    assert '<html lang="en">' in shop.calls("GET", link(shop, mei, "preferences")).body.decode()
    # API Gateway knows no HEAD where only GET is named.
    assert shop.calls("HEAD", link(shop, mei, "preferences")).status == 404
    shop.host.drain()
    assert (shop.records().items("viewers"), shop.records().items("addresses")) == before


def test_a_channel_that_she_switches_off_is_off_before_it_is_answered_and_hers_to_switch_on_again() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    assert saves(shop, mei, channel="").status == 200
    # Committed before it was answered: nothing was worked off yet.
    assert not may_be_written(shop.head(mei), "marketing", "email")
    [address] = shop.records().addresses.values()
    assert address.suppressed == "opted_out"
    shop.host.drain()
    assert shop.reminders(mei)[1].reason == "opted_out"

    shop.until(shop.now + MINUTE)
    assert saves(shop, mei).status == 200
    said = [one for one in shop.head(mei).consent["marketing:email"].values() if one.source == "preference page"]
    assert [(one.state, one.wording_version) for one in said] == [("granted", "preference-page-1")]
    shop.until(LONG_AFTER)
    assert len(shop.mails) == 2
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_a_topic_that_she_does_not_want_ends_its_reminders() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    assert saves(shop, mei, topic=["offers", "care"]).status == 200
    shop.until(LONG_AFTER)
    second = shop.reminders(mei)[1]
    assert (second.outcome, second.reason, second.claimed_at) == ("cancelled", "topic_off", None)
    assert len(shop.mails) == 1


def test_a_pause_moves_reminders_behind_it_or_ends_them() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    saved_at = shop.now
    assert saves(shop, mei, pause="30").status == 200
    assert preferences(shop.head(mei)).paused_until == saved_at + PAUSE
    # Saved again, it doesn't begin anew.
    shop.until(shop.now + HOUR)
    assert saves(shop, mei, pause="30").status == 200
    assert preferences(shop.head(mei)).paused_until == saved_at + PAUSE
    shop.until(LONG_AFTER)
    second = shop.reminders(mei)[1]
    assert (second.outcome, second.reason) == ("skipped", "paused")
    assert len(shop.mails) == 1


def test_her_own_limit_is_kept() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    assert saves(shop, mei, per_week="1").status == 200
    shop.until(ENDS + 2 * DAY + 12 * HOUR)
    assert len(shop.mails) == 1
    second = shop.reminders(mei)[1]
    assert (second.outcome, second.reason) == ("skipped", "capped")


@pytest.mark.parametrize(
    "form", [b"", b"%%%", b"channel=" + b"x" * 20_000, b"per_week=99&topic=nonsense", "频道=电邮".encode()]
)
def test_a_form_that_says_nothing_known_switches_off_at_most(form: bytes) -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    assert shop.calls("POST", link(shop, mei, "preferences"), FORM, form).status == 200
    chosen = preferences(shop.head(mei))
    assert (chosen.per_week, chosen.paused_until) == (None, 0)


def test_a_changed_link_is_answered_kindly() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    for kind in ("preferences", "survey"):
        path = link(shop, mei, kind)
        for method in ("GET", "POST"):
            reply = shop.calls(method, path[:-3] + "AAA", FORM)
            assert reply.status == 404
            assert b"not valid" in reply.body or "无效".encode() in reply.body
        # A link of one kind is none of the other.
        assert shop.calls("GET", unsubscribe_path(shop.mails[0]).replace("/u/", path[:3])).status == 404


def replies(shop: Shop, text: str, number: str = "i1", when: int | None = None) -> None:
    """A reply by text message, as the topic of a two-way number delivers it."""
    said = {
        "originationNumber": NUMBER, "destinationNumber": "+8610690000", "messageKeyword": "KEYWORD",
        "messageBody": text, "inboundMessageId": number, "previousPublishedMessageId": "p1",
    }  # fmt: skip
    envelope = {"Type": "Notification", "Message": json.dumps(said), "Timestamp": aws_time(when or shop.now)}
    shop.host.queues.send("OutcomesQueue", [Message(json.dumps(envelope))])
    shop.host.look_again()
    shop.host.drain()


def test_a_stop_by_reply_ends_the_channel_alone_and_start_takes_it_up_again() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    replied_at = shop.now
    replies(shop, " ｔｄ ")
    head = shop.head(mei)
    assert not may_be_written(head, "marketing", "sms")
    assert may_be_written(head, "marketing", "email")
    hashed = address_hash(shop.records().settings.address_secret, "sms", NUMBER)
    assert shop.records().addresses[hashed].suppressed == "opted_out"
    shop.until(shop.now + HOUR)
    replies(shop, "START", "i2")
    assert may_be_written(shop.head(mei), "marketing", "sms")
    # The queue delivers the first one again: it was said before.
    replies(shop, "TD", "i1", replied_at)
    assert may_be_written(shop.head(mei), "marketing", "sms")
    assert list(tasks.listed(shop.host.store, is_open=True)) == []


def test_a_stop_of_somebody_unknown_suppresses_the_address() -> None:
    shop = Shop(OPENS)
    replies(shop, "STOP")
    assert [one.suppressed for one in shop.records().addresses.values()] == ["opted_out"]


def test_a_doubt_holds_her_reminders_back_and_reaches_staff() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    for _ in range(3):
        replies(shop, "是正品吗？我叫王小美")
    [task] = tasks.listed(shop.host.store, is_open=True)
    assert (task.kind, task.obstacle, task.viewer) == ("doubt", "trust", shop.head(mei).viewer)
    assert "王小美" in task.text
    assert not any("王小美" in repr(line) for line in shop.host.log_lines)
    assert preferences(shop.head(mei)).held_until == shop.now - shop.now % SECOND + LONGEST_HOLD
    shop.until(ENDS + 2 * DAY)
    assert len(shop.mails) == 1
    second = shop.reminders(mei)[1]
    assert second.outcome is None
    assert "later: doubt" in [step.code for step in second.trace]

    done = tasks.close(shop.host.ports("schedule_reminder"), task.id, "lin", "it is genuine", shop.now)
    assert (done.text, done.on_time) == ("", False)
    shop.until(LONG_AFTER)
    assert len(shop.mails) == 2
    with pytest.raises(tasks.NoSuchTask, match="closed already"):
        tasks.close(shop.host.ports("schedule_reminder"), task.id, "lin", "again", shop.now)
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_thanks_pause_nothing_and_other_words_are_only_shown() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    replies(shop, "谢谢", "i1")
    assert list(tasks.listed(shop.host.store, is_open=True)) == []
    replies(shop, "我喜欢你们的直播", "i2")
    assert [one.kind for one in tasks.listed(shop.host.store, is_open=True)] == ["reply"]
    assert preferences(shop.head(mei)).held_until == 0


def test_a_complaint_about_a_message_is_called_back_within_half_an_hour() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.provider_says("Email Complaint Received", shop.host.mailbox[0])
    shop.provider_says("Email Delivered", shop.host.mailbox[0])
    shop.provider_says("Email Complaint Received", shop.host.mailbox[0])
    [task] = tasks.listed(shop.host.store, is_open=True)
    assert (task.kind, task.level, task.due_at - task.opened_at) == ("complaint", 1, COMPLAINT_DUE[1])
    [address] = shop.records().addresses.values()
    assert address.suppressed == "complained"
    shop.until(task.due_at + 2 * MINUTE)
    [late] = [line for line in shop.host.log_lines if line.message == "tasks overdue"][:1]
    assert "overdue_tasks" in repr(late)
    tasks.close(shop.host.ports("schedule_reminder"), task.id, "lin", "called", shop.now)
    [later] = tasks.listed(shop.host.store, is_open=True)
    assert (later.kind, later.opened_at) == ("follow_up", shop.now + FOLLOW_UP_AFTER)


def complaint(viewer: Viewer, name: str, when: int, **more: object) -> Said:
    return viewer._track(when, name, {"complaint_id": "c1", **more})  # noqa: SLF001 (a word that the story has no method for)


def test_complaints_at_the_shop_stand_in_the_same_queue() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    shop.hears(complaint(mei, "Complaint Filed", shop.now, level=3, text="never again"))
    [task] = tasks.listed(shop.host.store, is_open=True)
    assert (task.level, task.about, task.text) == (3, "c1", "")
    assert task.due_at - task.opened_at == 48 * HOUR
    shop.hears(complaint(mei, "Complaint Resolved", shop.now + HOUR))
    item = shop.host.store.get(keys.task(task.id))
    assert item is not None
    closed = Task.read(item.body)
    assert (closed.closed_by, closed.on_time) == ("the shop", True)
    assert [one.kind for one in tasks.listed(shop.host.store, is_open=True)] == ["follow_up"]
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_soft_bounces_in_a_row_give_the_address_up_and_a_delivery_counts_anew() -> None:
    shop, mei = Shop(OPENS, parameters={"MarketingCapPerDay": "16", "MarketingCapPerWeek": "16"}), Viewer("mei")
    shows = [Show(f"show-{number}") for number in range(6)]
    for number, show in enumerate(shows):
        begins = ENTERS + number * HOUR
        shop.hears(show.scheduled(begins, begins, begins + 30 * MINUTE))
        shop.hears(*almost_buys(mei, show, begins), show.ended(begins + 30 * MINUTE))
    shop.until(ENTERS + 8 * HOUR)
    assert len(shop.mails) >= 5
    spoken: list[str] = []

    def soft(number: int) -> None:
        mail = shop.host.mailbox[number]
        tags = {name: [value] for name, value in mail.tags.items()}
        detail = {"mail": {"messageId": mail.id, "tags": tags}, "bounce": {"bounceType": "Transient"}}
        event = {"source": "aws.ses", "detail-type": "Email Bounced", "time": aws_time(shop.now), "detail": detail}
        shop.host.queues.send("OutcomesQueue", [Message(json.dumps(event))] * 2)
        shop.host.look_again()
        shop.host.drain()
        shop.until(shop.now + MINUTE)
        [address] = shop.records().addresses.values()
        spoken.append(address.standing[0])

    for number in range(3):
        soft(number)
    assert spoken == ["", "", "bounced"]
    row = next(one for one in shop.reminders(mei) if one.id == shop.host.mailbox[0].tags["reminder"])
    # It had been delivered: a soft bounce after that is an answer of somebody who is away.
    assert (row.outcome, row.feedback.soft_bounced_at is not None) == ("delivered", True)
    mails = len(shop.mails)
    shop.until(ENTERS + 3 * DAY)
    assert len(shop.mails) == mails
    assert "suppressed" in {one.reason for one in shop.reminders(mei)}


def callback(shop: Shop, provider: str, body: object, token: str | None = None) -> HttpReply:
    secret = shop.records().settings.link_secret
    path = f"/receipts/{provider}/{links.callback_token(secret, provider) if token is None else token}"
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return shop.host.request("POST", path, {"content-type": "application/json"}, raw)


UP = {"phone_number": "13900001234", "content": "退订", "send_time": "2026-03-06 10:45:00", "sequence_id": "1"}


@pytest.mark.parametrize(("provider", "entry", "answer"), [
    ("aliyun", [UP], {"code": 0, "msg": "OK"}),
    ("tencent", {"mobile": "13900001234", "nationcode": "86", "text": "TD", "time": 1772765100, "sign": "s"},
     {"result": 0, "errmsg": "OK"}),
])  # fmt: skip
def test_a_stop_by_callback_is_committed_before_it_is_answered(provider: str, entry: object, answer: object) -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    for _ in range(2):
        reply = callback(shop, provider, entry)
        assert (reply.status, json.loads(reply.body)) == (200, answer)
        assert not may_be_written(shop.head(mei), "marketing", "sms")


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "😀"])
def test_a_forged_callback_changes_nothing(token: str) -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    before = shop.records().items("viewers"), shop.records().items("addresses")
    assert callback(shop, "aliyun", [UP], token or "none").status == 404
    secret = links.callback_token(shop.records().settings.link_secret, "aliyun")
    assert callback(shop, "tencent", [UP], secret).status == 404
    assert callback(shop, "nobody", [UP]).status == 404
    assert (shop.records().items("viewers"), shop.records().items("addresses")) == before


@pytest.mark.parametrize(("body", "status"), [
    (b"", 400), (b"{", 400), (b"[1]", 400), (b"\xff\xfe", 400), ([{}], 400), ([{**UP, "send_time": "soon"}], 400),
    ([UP] * 1001, 400), (b"[" * 100_000, 400), (b" " * (1024 * 1024 + 1), 413), ([], 200),
])  # fmt: skip
def test_a_callback_that_can_not_be_read_is_refused_whole(body: object, status: int) -> None:
    shop = Shop(OPENS)
    assert callback(shop, "aliyun", body).status == status
    assert dict(shop.records().addresses) == {}
    assert shop.host.errors == []


def test_a_survey_is_answered_once_it_is_sent_and_reaches_scoring() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    page = shop.calls("GET", link(shop, mei, "survey"))
    assert len(re.findall(rb'type="radio"', page.body)) == 11
    assert shop.head(mei).stated_reason is None
    assert shop.calls("POST", link(shop, mei, "survey"), FORM, b"reason=nonsense").status == 200
    assert shop.head(mei).stated_reason is None
    reply = shop.calls("POST", link(shop, mei, "survey"), FORM, b"reason=shipping")
    assert reply.status == 200
    head = shop.head(mei)
    assert head.stated_reason is not None
    assert head.stated_reason.value == "shipping"
    assert shop.reminders(mei)[0].feedback.answered_at == shop.now
    shop.host.drain()
    counts = shop.engagement(mei, SHOW).counts()
    assert {kind.name for kind in counts} >= {"ANSWERED", "STATED_SHIPPING"}
    assert (shop.host.errors, shop.left_over()) == ([], {})


def test_a_vote_is_evidence_of_taste() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    row = shop.reminders(mei)[0]
    secret = shop.records().settings.link_secret
    path = f"/q/{links.sign(secret, 'quiz', links.LinkTarget(row.viewer, row.id, 0))}"
    assert b'value="how_to"' in shop.calls("GET", path).body
    assert shop.calls("POST", path, FORM, b"option=nonsense").status == 200
    for _ in range(2):
        assert shop.calls("POST", path, FORM, b"option=how_to").status == 200
    shop.host.drain()
    assert shop.engagement(mei, SHOW).votes["next_show"].value == "how_to"
    assert shop.head(mei).stated_reason is None


def test_what_brought_her_back_is_known_by_its_message() -> None:
    mei, again = Viewer("mei"), Show("summer")
    shop = reminded(mei)
    row = shop.reminders(mei)[0]
    campaign = {"source": "aftershow", "medium": "email", "name": "hot-replay", "content": row.id}
    came = mei.enters(again, shop.now + HOUR)
    shop.hears(Said(came.at, came.messages, {"campaign": campaign}))
    engagement = shop.engagement(mei, again)
    assert engagement.source is not None
    assert (engagement.source.value, engagement.link and engagement.link.value) == (
        "aftershow/email/hot-replay", row.id,
    )  # fmt: skip
    assert responses.brought(shop.reminders(mei), [engagement]) == {row.id: "show#summer"}


def test_a_scanner_that_opens_every_link_counts_as_nobody() -> None:
    mei = Viewer("mei")
    shop = reminded(mei)
    [mail] = shop.mails
    path = re.search(r"(/c/\S+)", mail.text)
    assert path is not None
    gateway = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Barracuda)"}
    assert shop.calls("GET", path[1], gateway).status == 302
    feedback = shop.reminders(mei)[0].feedback
    assert (feedback.clicked_at, feedback.machine_clicked_at) == (None, shop.now)
    # One that names itself as a browser is known by its haste.
    shop.until(shop.now + HOUR)
    scanned_at = shop.now
    shop.calls("GET", path[1], {"user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/126"})
    shop.calls("GET", unsubscribe_path(mail), {"user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/126"})
    feedback = shop.reminders(mei)[0].feedback
    assert feedback.clicked_at is None
    assert feedback.visits == {"machine": scanned_at - HOUR, "0": scanned_at, "unsubscribe": scanned_at}
    assert shop.reminders(mei)[0].outcome == "delivered"
