"""Files in: what a shop has in files comes in through the ingest, once, and loosens nobody's consent."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aftershow.model.ids import viewer_id
from aftershow.model.instants import DAY, MINUTE, parse_instant
from aftershow.model.viewers import Head
from aftershow.rules.people import may_be_written
from infra.local.cli import app
from infra.local.importing import running
from infra.local.importing.fields import Kind
from infra.local.importing.files import Unreadable
from infra.local.importing.report import Report
from infra.local.importing.running import Outcome
from infra.local.importing.sending import LocalShop, NotSent
from infra.local.records import Records
from infra.local.telling import summary
from infra.local.wire import batch_request
from infra.local.wire import iso as wire_time
from tests.real_data import real_data

NOW = parse_instant("2026-03-06T11:00:00+00:00")
ZONE = "Asia/Shanghai"


def quiet(*_: object) -> None:
    """No progress."""


@dataclass
class Desk:
    """Somebody who brings files into a state, at a moment of their choice."""

    folder: Path
    now: int = NOW
    parameters: dict[str, str] = field(default_factory=dict)
    # (row, what, column, reason) of the last file.
    problems: list[list[str]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The state."""
        return self.folder / "shop.db"

    def writes(self, name: str, content: str | bytes, saved_at: int = NOW) -> Path:
        """A file, saved at a moment."""
        file = self.folder / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(file, (saved_at / 1000, saved_at / 1000))
        return file

    def brings(self, kind: Kind, file: Path, *, again: bool = False, breaks_after: int | None = None,
               wanted: running.Format | None = None) -> Outcome:  # fmt: skip
        """Import a file; `breaks_after` so many requests the connection breaks."""
        plan = running.plan(kind, file, wanted, None, self.folder / "maps", ZONE)
        report = Report(self.folder / f"{file.name}.refused.csv")
        with closing(_Breaking(self, breaks_after)) as shop, closing(report):
            outcome = running.run(plan, shop, shop.now, report, quiet, again=again)
        self.problems = []
        if report.file is not None and report.counts:
            with report.file.open(encoding="utf-8-sig", newline="") as text:
                self.problems = list(csv.reader(text))[1:]
        return outcome

    @contextmanager
    def looks(self) -> Iterator[Records]:
        """What the state holds."""
        with closing(LocalShop(self.data, quiet, lambda: self.now)) as shop:
            yield shop.run.records()

    def says(self, *messages: dict[str, object]) -> None:
        """A client of the shop's sends events."""
        with closing(LocalShop(self.data, quiet, lambda: self.now)) as shop:
            shop.send(batch_request(self.now, messages, {}, self.now).body)

    def head(self, user: str) -> Head:
        """What is known of a member."""
        with self.looks() as records:
            return records.heads[viewer_id("user", user)]

    def points(self) -> tuple[int, int]:
        """(earned, taken back), recounted from the ledger's entries."""
        with self.looks() as records:
            ledger = summary(records, Counter(), NOW, synthetic=False).ledger
        assert ledger.disagreements == 0
        return ledger.earned, ledger.reversed

    def stored(self) -> str:
        """Everything about people, orders and points, as one text."""
        with self.looks() as records:
            tables = ("viewers", "addresses", "orders", "ledger", "catalog", "dead_letters")
            return "\n".join(f"{item.key} {item.body}" for table in tables for item in records.items(table)
                             if not item.key.pk.startswith(("watermark", "admission")))  # fmt: skip


class _Breaking(LocalShop):
    """A shop whose connection breaks."""

    def __init__(self, desk: Desk, breaks_after: int | None) -> None:
        super().__init__(desk.data, quiet, lambda: desk.now, desk.parameters)
        self._left = breaks_after

    def send(self, body: bytes) -> None:
        """One request, or none any more."""
        if self._left == 0:
            raise NotSent("the line is dead")
        self._left = None if self._left is None else self._left - 1
        super().send(body)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


MEMBERS = """会员编号,手机号,邮箱,姓名,营销授权,授权渠道,授权时间,授权来源
M1,13800138000,mei@example.com,梅,同意,email,2025-05-01 10:00,注册页
M2,1.38E+10,li@example.com,李,同意,email,,注册页
M3,13900139000,wang@example.com,王,退订,,2025-01-01,
M4,,ding@example.com,丁,同意,email,2026-03-01 09:00,
M5,,he@example.com,何,,,,
,,,谁,同意,email,2026-03-01,注册页
"""


def test_members_come_in_and_only_evidence_makes_them_sendable(desk: Desk) -> None:
    outcome = desk.brings("members", desk.writes("members.csv", MEMBERS))
    assert outcome.messages == {"identify": 5, "Message Consent Updated": 2}
    mei = desk.head("M1")
    assert (mei.trait("email"), mei.trait("name")) == ("mei@example.com", "梅")
    assert (mei.trait("phone") or "").endswith("13800138000")
    [said] = mei.consent["marketing:email"].values()
    assert said.source == "import: 注册页, 2025-05-01T10:00:00+08:00"
    sendable = {
        user for user in ("M1", "M2", "M3", "M4", "M5") if may_be_written(desk.head(user), "marketing", "email")
    }
    assert sendable == {"M1"}
    reasons = {(row, what): reason for row, what, _, reason in desk.problems}
    assert "no time" in reasons[("3", "not sendable")]
    assert "1.38E+10" in reasons[("3", "left out")]
    assert reasons[("4", "not sendable")] == "consent is withdrawn"
    assert "no source" in reasons[("5", "not sendable")]
    assert reasons[("6", "not sendable")] == "no consent to marketing is stated"
    assert reasons[("7", "refused")].startswith("names nobody")
    # What a person needs to find the row, and nothing of what stands in it.
    text = (desk.folder / "members.csv.refused.csv").read_text(encoding="utf-8-sig")
    assert not any(word in text for word in ("M2", "example.com", "138001", "梅", "谁"))


def test_chinese_words_for_consent_are_understood(desk: Desk) -> None:
    text = """会员编号,邮箱,手机号,营销授权,授权渠道,授权用途,授权时间,授权来源
W1,a@example.com,,已同意,邮件,营销,2025-05-01 10:00,注册页
W2,b@example.com,,授权,全部,,2025-05-01 10:00,注册页
W3,c@example.com,,同意,邮件,服务,2025-05-01 10:00,注册页
W4,d@example.com,,同意,邮件,其他,2025-05-01 10:00,注册页
W5,e@example.com,,同意,传真,营销,2025-05-01 10:00,注册页
W6,f@example.com,,撤回,邮箱,营销,2025-05-01 10:00,注册页
"""
    desk.brings("members", desk.writes("m.csv", text.encode("gb18030")))
    users = [f"W{number}" for number in range(1, 7)]
    assert [user for user in users if may_be_written(desk.head(user), "marketing", "email")] == ["W1", "W2"]
    assert {state.state for state in desk.head("W6").consent["marketing:email"].values()} == {"withdrawn"}


def test_the_same_file_twice_changes_nothing(desk: Desk) -> None:
    file = desk.writes("members.csv", MEMBERS)
    first = desk.brings("members", file)
    stored = desk.stored()
    desk.now += DAY
    again = desk.brings("members", file)
    assert again.sent == 0
    assert again.done_before_at is not None
    # Under another name, packed, touched: it is the same file.
    copy = desk.writes("copy.csv.gz", gzip.compress(MEMBERS.encode()), NOW + DAY)
    assert desk.brings("members", copy).done_before_at is not None
    # And if nobody remembered: every event is known already.
    sent_again = desk.brings("members", file, again=True)
    assert (sent_again.sent, sent_again.duplicates) == (first.sent, first.sent)
    assert desk.stored() == stored


@pytest.mark.parametrize("breaks_after", [0, 1, 2])
def test_an_interrupted_import_goes_on(desk: Desk, breaks_after: int) -> None:
    lines = [f"M{number},{number}@example.com,yes,email,2026-01-01,form" for number in range(1_600)]
    header = "user_id,email,consent,consent_channel,consent_at,consent_source"
    file = desk.writes("members.csv", "\n".join([header, *lines]))
    with pytest.raises(NotSent):
        desk.brings("members", file, breaks_after=breaks_after)
    desk.now += 60 * MINUTE
    # The file was copied meanwhile: it speaks as of the same moment all the same.
    os.utime(file)
    rest = desk.brings("members", file)
    assert rest.before + rest.sent == 3_200
    assert (rest.before > 0) == (breaks_after > 0)
    assert rest.duplicates == 0
    with desk.looks() as records:
        assert sum(name.startswith("u") for name in records.heads) == 1_600


def member(user: str, **properties: object) -> dict[str, object]:
    """A statement of consent in a member's own words."""
    return {
        "type": "track", "event": "Message Consent Updated", "userId": user, "messageId": json.dumps(properties),
        "properties": {"purpose": "marketing", "channel": "email", "source": "own words", **properties},
    }  # fmt: skip


@pytest.mark.parametrize("own_first", [True, False])
@pytest.mark.parametrize("channel", ["email", "all"])
def test_a_file_never_loosens_an_own_withdrawal(desk: Desk, own_first: bool, channel: str) -> None:  # noqa: FBT001
    text = "user_id,email,consent,consent_channel,consent_at,consent_source\nM1,m@example.com,yes,all,2026-03-06,form\n"
    own = member("M1", state="withdrawn", channel=channel) | {"timestamp": wire_time(NOW - 30 * DAY)}
    if own_first:
        desk.says(own)
    desk.brings("members", desk.writes("members.csv", text))
    if not own_first:
        assert may_be_written(desk.head("M1"), "marketing", "email")
        desk.says(own)
    assert not may_be_written(desk.head("M1"), "marketing", "email")
    desk.says(member("M1", state="granted", channel=channel) | {"timestamp": wire_time(NOW)})
    assert may_be_written(desk.head("M1"), "marketing", "email")


def test_a_withdrawal_of_somebody_without_an_id_holds_for_whoever_has_the_address(desk: Desk) -> None:
    """A page's word joins nobody by an address: without a suppression the file's no would reach nobody."""
    text = "email,phone,consent,email_consent\nMei@example.com,13902017788,no,\nli@example.com,,,no\n"
    desk.brings("members", desk.writes("members.csv", text))
    with desk.looks() as records:
        found = sorted((one.channel, one.suppressed) for one in records.addresses.values())
    assert found == [("email", "opted_out"), ("email", "opted_out"), ("sms", "opted_out")]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("unsubscribed", "2026-01-05"),
        ("email_status", "mailbox full"),
        ("sms_consent", "perhaps"),
        ("status_at", "2026-01-05"),
    ],
)
def test_what_may_be_an_opt_out_and_cant_be_read_leaves_no_grant(desk: Desk, column: str, cell: str) -> None:
    header = f"user_id,email,email_consent,email_consent_at,email_consent_source,{column}"
    text = f"{header}\nM1,m@example.com,yes,2026-03-01,form,{cell}\nM2,n@example.com,yes,2026-03-01,form,\n"
    desk.brings("members", desk.writes("members.csv", text))
    assert not may_be_written(desk.head("M1"), "marketing", "email")
    assert may_be_written(desk.head("M2"), "marketing", "email")
    assert any(row == "2" and what == "not sendable" for row, what, *_ in desk.problems)


def test_what_a_file_says_against_addresses_suppresses_them(desk: Desk) -> None:
    text = (
        "user_id,email,phone,email_status,unsubscribed,status_at\n"
        "M1,gone@example.com,,bounced,,2026-02-01\n"
        "M2,angry@example.com,,投诉,,2020-02-01\n"
        "M3,quiet@example.com,13800138000,active,是,2026-02-01\n"
        "M4,fine@example.com,,active,no,\n"
        "M5,,,bounced,,\n"
    )
    desk.brings("members", desk.writes("members.csv", text))
    with desk.looks() as records:
        found = sorted((one.channel, one.suppressed) for one in records.addresses.values())
    assert found == [("email", "bounced"), ("email", "complained"), ("email", "opted_out"), ("sms", "opted_out")]
    for user, channel in (("M2", "email"), ("M3", "email"), ("M3", "sms"), ("M3", "push")):
        head = desk.head(user)
        assert any(one.state == "withdrawn" for scope in (f"marketing:{channel}", "marketing:all")
                   for one in head.consent.get(scope, {}).values()), (user, channel)  # fmt: skip
    assert desk.head("M1").consent == desk.head("M4").consent == {}
    assert ["6", "left out", "email_status", "there is no address that it is about"] in desk.problems


ORDERS = """订单号,会员编号,下单时间,实付金额,商品编号,商品名称,数量,单价,订单状态
A1,M1,2026-03-01 20:10:00,"¥1,299.00",P1,茶壶,1,"1,199.00",交易成功
A2,M2,2026/3/2 08:00,99元,P2,杯子,1,99.00,交易成功
A1,M1,2026-03-01 20:10:00,"¥1,299.00",P2,杯子,2,50.00,交易成功
A3,M1,46084.5,50.00,P2,杯子,1,50.00,等待买家付款
A4,M1,2024-03-01 20:10:00,50.00,P2,杯子,1,50.00,交易成功
A5,M1,2026-03-03,x,P2,杯子,1,50.00,交易成功
A5,M1,2026-03-03,50.00,P1,茶壶,1,50.00,交易成功
A6,,2026-03-03,50.00,P1,茶壶,1,50.00,交易成功
A7,M2,2026-03-03,70.00,P1,茶壶,1,70.00,退款成功
A8,M2,2026-03-03,70.00,P1,茶壶,1,70.00,一半
"""


def test_rows_of_one_order_are_one_order(desk: Desk) -> None:
    outcome = desk.brings("orders", desk.writes("orders.csv", ORDERS))
    assert outcome.messages == {"Order Completed": 3, "Order Cancelled": 1}
    with desk.looks() as records:
        orders = {order.order: order for order in records.orders}
        assert {name: order.minor for name, order in orders.items()} == {"A1": 129_900, "A2": 9_900, "A7": 7_000}
        assert orders["A1"].products == ("P1", "P2")
        assert orders["A7"].cancelled is not None
        assert orders["A2"].at == parse_instant("2026-03-02T08:00:00+08:00")
    assert desk.points() == (1_299 + 99 + 70, 70)
    reasons = {row: reason for row, what, _, reason in desk.problems if what == "refused"}
    assert set(reasons) == {"5", "6", "7", "8", "9", "11"}
    assert reasons["5"] == "was not paid"
    assert "400 days" in reasons["6"]
    assert reasons["7"].startswith("is no amount")
    assert reasons["8"] == "belongs to the order of row 7, which is refused"
    assert reasons["9"].startswith("names nobody")
    assert "statuses" in reasons["11"]


def test_an_order_below_zero_is_refused_unless_it_is_a_refund(desk: Desk) -> None:
    text = """order_id,user_id,ordered_at,total,status,refund_id,quantity,price
N1,M1,2026-03-01,-5,paid,,,
N2,M1,2026-03-01,-5,,,,
N3,M1,2026-03-01,,paid,,-1,5
N4,M1,2026-03-01,-5,refunded,,,
N5,M1,2026-03-01,-5,,R5,,
N6,M1,2026-03-01,-5,refunded,N6,,
N7,M1,2026-03-01,,,,-1,5
N8,M1,2026-03-01,-5,cancelled,,,
"""
    outcome = desk.brings("orders", desk.writes("orders.csv", text))
    assert outcome.messages == {"Order Refunded": 4, "Order Cancelled": 1}
    assert [row for row, *_ in desk.problems] == ["2", "3", "4"]
    assert all(reason.startswith("an order's total is below zero") for *_, reason in desk.problems)
    with desk.looks() as records:
        assert {order.order for order in records.orders} == {"N4", "N5", "N8"}


def test_whose_a_total_is_must_be_said_where_both_could_be(desk: Desk) -> None:
    text = "order_id,user_id,ordered_at,total,product_id,quantity,price\n" + "".join(
        f"B1,M1,2026-03-01,99.00,P{number},1,99.00\n" for number in range(2)
    )
    file = desk.writes("orders.csv", text)
    assert desk.brings("orders", file).messages == {}
    assert "total_of" in desk.problems[0][3]
    [kept] = (desk.folder / "maps").iterdir()
    kept.write_text(kept.read_text(encoding="utf-8") + "total_of: line\n", encoding="utf-8")
    assert desk.brings("orders", file).messages == {"Order Completed": 1}
    with desk.looks() as records:
        assert [order.minor for order in records.orders] == [19_800]


def test_an_order_of_somebody_without_an_id_belongs_to_the_address(desk: Desk) -> None:
    desk.brings("members", desk.writes("m.csv", "email,name\nanna@example.com,Anna\n"))
    orders = "order_id,email,ordered_at,total\nC1,ANNA@example.com,2026-03-01,5\nC1,bob@example.com,2026-03-01,5\n"
    desk.brings("orders", desk.writes("o.csv", orders + "C2,anna@example.com,2026-03-01,7\n"))
    assert {row[3] for row in desk.problems} == {"the rows of this order name two customers"}
    with desk.looks() as records:
        [order] = records.orders
        human = records.of_viewer(order.viewer or "")
        assert human is not None
        assert human.head is not None
        assert human.head.trait("name") == "Anna"


def test_shows_come_in(desk: Desk) -> None:
    text = "场次编号,直播标题,主播,开播时间,下播时间,回放链接\nS1,春茶,lin,2026-03-08 20:00,2026-03-08 22:00,https://x.example/1\n"
    outcome = desk.brings("shows", desk.writes("shows.csv", text + "S2,,,,,\nS3,x,lin,2026-03-08,2026-03-01,ftp://x\n"))
    assert outcome.messages == {"Live Show Scheduled": 2}
    with desk.looks() as records:
        show = records.shows["S1"]
        assert (show.text("title"), show.text("host")) == ("春茶", "lin")
        assert show.moment("starts_at") == parse_instant("2026-03-08T20:00:00+08:00")
    assert [(row, column) for row, _, column, _ in desk.problems] == [
        ("3", "开播时间"),
        ("4", "回放链接"),
        ("4", "下播时间"),
    ]


def test_products_come_in_and_the_newest_word_counts(desk: Desk) -> None:
    text = '商品编号,商品名称,售价,库存,商品链接\nP1,茶壶,"¥1,299.00",12,https://x.example/p1\nP2,杯子,x,,\n,无,,,\n'
    outcome = desk.brings("products", desk.writes("products.csv", text))
    assert outcome.messages == {"Product Updated": 2}
    with desk.looks() as records:
        pot = records.products["P1"]
        assert (pot.text("name"), pot.price, pot.text("stock")) == ("茶壶", (129_900, "CNY"), "12")
        assert records.products["P2"].price is None
    assert [(row, what, column) for row, what, column, _ in desk.problems] == [
        ("3", "left out", "售价"), ("4", "refused", "商品编号"),
    ]  # fmt: skip
    newer = desk.writes("products2.csv", "product_id,name\nP1,大茶壶\n", NOW + MINUTE)
    older = desk.writes("products3.csv", "product_id,name\nP1,小茶壶\n", NOW - DAY)
    desk.now += DAY
    for file in (newer, older):
        desk.brings("products", file)
    with desk.looks() as records:
        assert (records.products["P1"].text("name"), records.products["P1"].price) == ("大茶壶", (129_900, "CNY"))


ENDPOINTS = """Id,ChannelType,Address,OptOut,User.UserId,User.UserAttributes.Tier,Demographic.Locale,EffectiveDate
e1,EMAIL,one@example.com,NONE,P1,gold,en_GB,2026-01-01T00:00:00Z
e2,EMAIL,two@example.com,ALL,P2,,,2021-01-01T00:00:00Z
e3,SMS,+8613800138000,ALL,P2,,,
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_pinpoints_endpoints_come_in_and_grant_nothing(desk: Desk, as_json: bool) -> None:  # noqa: FBT001
    listed = [
        {"Id": "e1", "ChannelType": "EMAIL", "Address": "one@example.com", "OptOut": "NONE", "Metrics": {"n": 1.0},
         "EffectiveDate": "2026-01-01T00:00:00Z", "User": {"UserId": "P1", "UserAttributes": {"Tier": ["gold"]}}},
        {"Id": "e2", "ChannelType": "EMAIL", "Address": "two@example.com", "OptOut": "ALL", "User": {"UserId": "P2"}},
        {"Id": "e3", "ChannelType": "SMS", "Address": "+8613800138000", "OptOut": "ALL", "User": {"UserId": "P2"}},
    ]  # fmt: skip
    content = "\n".join(json.dumps(one) for one in listed) if as_json else ENDPOINTS
    outcome = desk.brings("members", desk.writes("export.gz", gzip.compress(content.encode())))
    assert outcome.messages == {"identify": 3, "Message Consent Updated": 2, "Message Address Suppressed": 2}
    assert desk.head("P1").trait("email") == "one@example.com"
    assert not may_be_written(desk.head("P1"), "marketing", "email")
    with desk.looks() as records:
        assert sorted((one.channel, one.suppressed) for one in records.addresses.values()) == [
            ("email", "opted_out"), ("sms", "opted_out"),
        ]  # fmt: skip
    assert {what for _, what, _, _ in desk.problems} == {"not sendable"}


def test_columns_of_an_endpoint_that_contradict_each_other_cost_their_rows(desk: Desk) -> None:
    text = "Id,ChannelType,Address,User,User.UserId\ne1,EMAIL,a@example.com,P1,P1\ne2,EMAIL,b@example.com,,P2\n"
    outcome = desk.brings("members", desk.writes("endpoints.csv", text))
    assert outcome.messages == {"identify": 1}
    assert desk.problems[0][:2] == ["2", "refused"]


def stream_event(kind: str, client: str, address: str, **more: object) -> dict[str, object]:
    """An event of Pinpoint's stream."""
    endpoint = {"ChannelType": "EMAIL", "Address": address, "User": {"UserId": f"user-{client}"}}
    return {
        "event_type": kind, "event_timestamp": NOW - 500 * DAY, "client": {"client_id": client}, "attributes": {},
        "client_context": {"custom": {"endpoint": json.dumps(endpoint)}}, **more,
    }  # fmt: skip


def test_pinpoints_archive_becomes_suppressions(desk: Desk) -> None:
    mail = {"email_channel": {"mail_event": {"mail": {"destination": ["c2@example.com"]}}}}
    sms = {"destination_phone_number": "+14255550199", "record_status": "OPTED_OUT"}
    listed = [
        stream_event("_email.hardbounce", "c1", "c1@example.com"),
        stream_event("_email.complaint", "c2", "old@example.com", facets=mail),
        stream_event("_email.unsubscribe", "c3", "c3@example.com"),
        stream_event("_SMS.FAILURE", "c4", "", attributes=sms),
        stream_event("_SMS.OPTOUT", "c5", "", attributes={"destination_phone_number": "+14255550198"}),
        stream_event("_email.delivered", "c6", "c6@example.com"),
        stream_event("_email.softbounce", "c7", "c7@example.com"),
        stream_event("_email.hardbounce", "c8", ""),
    ]
    file = desk.writes("archive", "\n".join(json.dumps(one) for one in listed))
    outcome = desk.brings("members", file)
    assert outcome.messages == {"Message Address Suppressed": 5, "Message Consent Updated": 4}
    assert outcome.idle == 2
    assert desk.problems == [["8", "refused", "", "names no address"]]
    with desk.looks() as records:
        assert sorted((one.channel, one.suppressed) for one in records.addresses.values()) == [
            ("email", "bounced"), ("email", "complained"), ("email", "opted_out"), ("sms", "opted_out"),
            ("sms", "opted_out"),
        ]  # fmt: skip
        assert set(records.heads) == {viewer_id("user", f"user-c{number}") for number in (2, 3, 4, 5)} | {
            viewer_id("anonymous", f"c{number}") for number in (2, 3, 4, 5)
        }
    assert desk.brings("members", file, again=True).duplicates == 9


def test_a_file_that_was_read_in_a_wrong_way_comes_in_when_it_is_read_in_the_right_one(desk: Desk) -> None:
    events = "\n".join(json.dumps(stream_event("_email.complaint", f"c{n}", f"c{n}@example.com")) for n in range(3))
    file = desk.writes("archive", events)
    assert desk.brings("members", file, wanted="pinpoint-endpoints").messages == {}
    assert desk.brings("members", file).messages["Message Address Suppressed"] == 3


def test_long_numbers_that_a_spreadsheet_rounded_are_refused(desk: Desk) -> None:
    rows = "".join(f"20260306123456{number}000,M1,2026-03-01,5\n" for number in range(3))
    file = desk.writes("orders.csv", "order_id,user_id,ordered_at,total\n" + rows)
    with pytest.raises(Unreadable, match="15 digits"):
        desk.brings("orders", file)


@pytest.mark.parametrize("rows", [6_000, pytest.param(None, marks=pytest.mark.slow)])
def test_real_orders_end_in_the_points_that_a_recount_says(desk: Desk, rows: int | None) -> None:
    desk.now = parse_instant("2011-07-15T00:00:00+00:00")
    desk.parameters = {"ShopCurrency": "GBP", "ShopZone": "Europe/London", "ShopCountry": "GB", "Channels": "file",
                       "FileChannel": "on"}  # fmt: skip
    with gzip.open(real_data("online_retail_to_2011-06.csv.gz"), "rt", encoding="utf-8", errors="replace") as text:
        lines = list(islice(text, rows))
    outcome = desk.brings("orders", desk.writes("retail.csv", "".join(lines), desk.now))
    totals: dict[str, Decimal] = defaultdict(Decimal)
    nobody = 0
    for row in csv.DictReader(lines):
        nobody += not row["CustomerID"]
        if row["CustomerID"]:
            totals[row["InvoiceNo"]] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
    earned = sum(int(total) for total in totals.values() if total > 0)
    taken_back = sum(int(-total) for total in totals.values() if total < 0)
    if rows is None:
        assert (earned, taken_back) == (3_989_695, 264_290)
    assert desk.points() == (earned, taken_back)
    assert sum(outcome.messages.values()) == len(totals)
    assert len(desk.problems) == nobody
    assert {reason.split(":")[0] for _, _, _, reason in desk.problems} == {"names nobody"}


# What the command itself does: its words, its exit codes, what it leaves behind.

runner = CliRunner()


def command(desk: Desk, *arguments: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error)."""
    result = runner.invoke(app, ["import", *arguments, "--data", str(desk.data)])
    return result.exit_code, result.stdout, result.stderr


def test_a_dry_run_shows_the_mapping_and_sends_nothing(desk: Desk) -> None:
    file = desk.writes("members.csv", MEMBERS)
    mapping = desk.folder / "map.yaml"
    code, out, _ = command(desk, "members", str(file), "--dry-run", "--map", str(mapping))
    assert code == 1
    assert "手机号" in out
    assert "nothing was sent" in out
    assert "user_id: 会员编号" in mapping.read_text(encoding="utf-8")
    assert not desk.data.exists()


def test_the_command_imports_and_tells(desk: Desk) -> None:
    file = desk.writes("members.csv", MEMBERS.rsplit("\n", 2)[0] + "\n")
    code, out, err = command(desk, "members", str(file), "--json", "-")
    told = json.loads(out)
    assert (code, told["rows"], told["refused"], told["sent"], told["changed_nothing"]) == (0, 5, 0, 7, 0)
    assert "手机号" in err
    code, out, _ = command(desk, "members", str(file))
    assert code == 0
    assert "came in on" in out


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "empty"),
        ("user_id,email\n", "no row below"),
        ("foo,bar\n1,2\n", "the file has: foo, bar"),
        ("手机,手机号\n1,2\n", "leave a choice"),
        ("user_id,user_id\n1,2\n", "occurs twice, as columns 1 and 2: rename"),
    ],
)
def test_a_file_that_cant_be_used_is_refused_before_anything_is_made(desk: Desk, content: str, word: str) -> None:
    code, _, err = command(desk, "members", str(desk.writes("m.csv", content)))
    assert (code, word in err) == (2, True), err
    assert not desk.data.exists()


def test_a_choice_is_made_by_a_person(desk: Desk) -> None:
    file = desk.writes("m.csv", "会员编号,手机,手机号\nM1,13900139001,13900139002\n")
    mapping = desk.folder / "map.yaml"
    for word in ("手机 or 手机号", "still leaves a choice"):
        code, _, err = command(desk, "members", str(file), "--map", str(mapping))
        assert (code, word in err) == (2, True), err
    text = mapping.read_text(encoding="utf-8")
    assert "choose:" in text
    mapping.write_text(
        text.partition("choose:")[0].replace("会员编号\n", "会员编号\n  phone: 手机号\n", 1), encoding="utf-8"
    )
    code, out, err = command(desk, "members", str(file), "--map", str(mapping))
    assert (code, "手机号" in out) == (0, True), err
    assert (desk.head("M1").trait("phone") or "").endswith("13900139002")


def test_a_zone_is_one_and_does_not_vanish_beside_a_saved_mapping(desk: Desk) -> None:
    file = desk.writes("m.csv", "user_id\nM1\n")
    for _ in range(2):
        code, out, err = command(desk, "members", str(file), "--zone", "Mars")
        assert (code, "Mars is no time zone" in err, err.count("\n")) == (2, True, 1), (out, err)
        command(desk, "members", str(file))
    code, out, _ = command(desk, "members", str(file), "--zone", "Europe/Berlin", "--dry-run")
    assert (code, "--zone Europe/Berlin is not used" in out) == (0, True), out


@pytest.mark.parametrize(
    ("header", "hinted"),
    [
        ("user_id,opted,consent_at,consent_source", "consent, "),
        ("user_id,marketing,via,consent_at", "consent_channel, "),
        ("user_id,marketing,Channel,consent_at", ""),
        ("user_id,newsletter,channel,consent_at", ""),
        ("user_id,opt-in,channel,consent_at", ""),
        ("user_id,email_consent,via,consent_at", ""),
    ],
)
def test_evidence_without_a_consent_is_hinted_at(desk: Desk, header: str, hinted: str) -> None:
    row = ",".join(["M1", "yes", "email", "2025-05-01"])
    _, out, _ = command(desk, "members", str(desk.writes("m.csv", f"{header}\n{row}\n")), "--dry-run")
    assert ("no column is known to say" in out) == bool(hinted), out
    if hinted:
        assert f"known to say {hinted}" in out
        assert header.split(",")[1 if hinted == "consent, " else 2] in out.partition("columns in the mapping")[2]


def test_what_is_asked_wrongly_is_refused(desk: Desk) -> None:
    file = str(desk.writes("m.csv", "user_id\nM1\n"))
    for arguments in (
        ("people", file), ("members", "missing.csv"), ("members", file, "--url", "https://shop.example"),
        ("members", file, "--encoding", "klingon"), ("members", file, "--format", "pinpoint-events"),
        ("orders", file, "--format", "pinpoint-endpoints"),
        ("members", file, "--url", "http://shop.example", "--write-key", "k"),
        ("members", file, "--url", "https://k@shop.example", "--write-key", "k"),
    ):  # fmt: skip
        code, out, err = command(desk, *arguments)
        assert (code, bool(err)) == (2, True), (arguments, out, err)
