"""Points over HTTP as a shop's own server uses them: through the template's routes and the real handler."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftershow.services import budgets
from aftershow.services.rewards import MAX_BODY_BYTES, OPERATIONS
from infra.local.gateway import HttpReply
from infra.local.openapi import TOLD
from infra.local.template import read_template
from tests.functional.story import PARAMETERS, TEMPLATE, Shop, Viewer, at
from tests.functional.tiny import MINUTE

NOW = at("2026-03-06T12:00:00+00:00")
LAN = Viewer("lan")


class Till:
    """A shop whose viewer has ordered for 120.00, so that she has 120 points."""

    def __init__(self) -> None:
        self.shop = Shop(NOW - 10 * MINUTE)
        self.shop.hears(LAN.identifies(NOW - 9 * MINUTE), LAN.orders(NOW - 8 * MINUTE, "o1", "120.00"))
        self.shop.until(NOW)
        self.number = 0

    def asks(self, what: str, viewer: str = LAN.user_id) -> HttpReply:
        path, _, query = what.partition("?")
        return self.shop.host.request("GET", f"/rewards/viewers/{viewer}/{path}", {}, b"", query)

    def does(self, what: str, body: object = None, key: str | None = None, viewer: str = LAN.user_id) -> HttpReply:
        self.number += 1
        headers = {"content-type": "application/json", "Idempotency-Key": key or f"key-{self.number}"}
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.shop.calls("POST", f"/rewards/viewers/{viewer}/{what}", headers, sent)

    def balance(self) -> dict[str, int]:
        told = said(self.asks("balance"))
        return {name: told[name]["value"] for name in ("balance", "available", "reserved", "pending", "owed")}


def said(reply: HttpReply) -> Any:
    return json.loads(reply.body)


def points(value: object) -> dict[str, object]:
    return {"value": value, "unit": "points"}


def refused(reply: HttpReply, status: int, kind: str) -> None:
    told = said(reply)
    assert (reply.status, told["status"], told["type"]) == (status, status, f"urn:aftershow:problem:{kind}")
    assert reply.headers["content-type"] == "application/problem+json"
    assert told["title"]
    assert told["detail"]


@pytest.fixture
def till() -> Till:
    return Till()


def test_the_template_routes_and_the_document_name_the_same_operations() -> None:
    routes = {f"{r.method} {r.path}" for r in read_template(TEMPLATE, PARAMETERS).routes if r.function == "rewards_api"}
    assert routes == set(OPERATIONS) == set(TOLD)


def test_points_are_reserved_confirmed_and_stand_in_the_statement(till: Till) -> None:
    assert till.balance() == {"balance": 120, "available": 120, "reserved": 0, "pending": 0, "owed": 0}
    assert said(till.asks("quote?points=120"))["possible"] is True
    assert said(till.asks("quote?points=121"))["possible"] is False
    made = till.does("reservations", {"id": "order-2", "points": points(100)})
    assert made.status == 201
    assert said(made)["state"] == "open"
    assert till.balance() == {"balance": 120, "available": 20, "reserved": 100, "pending": 0, "owed": 0}
    assert said(till.does("reservations/order-2/confirm"))["state"] == "confirmed"
    assert till.balance() == {"balance": 20, "available": 20, "reserved": 0, "pending": 0, "owed": 0}
    assert said(till.asks("reservations/order-2"))["state"] == "confirmed"
    lines = said(till.asks("statement"))["lines"]
    # A shop in Chinese tells why in Chinese.
    assert [line["why"] for line in lines] == ["积分已使用", "积分预留", "下单"]
    assert [line["points"]["value"] for line in lines][0::2] == [-100, 120]


def test_a_released_reservation_gives_back_and_can_not_be_confirmed(till: Till) -> None:
    till.does("reservations", {"id": "order-2", "points": points(100)})
    assert said(till.does("reservations/order-2/release"))["state"] == "released"
    assert till.balance()["available"] == 120
    refused(till.does("reservations/order-2/confirm"), 409, "released")


def test_a_reservation_that_timed_out_is_refused_and_its_points_are_back(till: Till) -> None:
    till.does("reservations", {"id": "order-2", "points": points(100)})
    till.shop.until(NOW + 16 * MINUTE)
    refused(till.does("reservations/order-2/confirm"), 409, "timed_out")
    assert till.balance()["available"] == 120


def test_the_same_key_answers_the_same_to_the_byte_also_when_the_world_has_moved_on(till: Till) -> None:
    wanted = {"id": "order-2", "points": points(100)}
    first = till.does("reservations", wanted, key="k1")
    till.does("reservations/order-2/confirm")
    again = till.does("reservations", wanted, key="k1")
    assert (again.status, again.body, again.headers) == (first.status, first.body, first.headers)
    # Without the key the ledger's own id answers, and tells how it stands now.
    assert said(till.does("reservations", wanted))["state"] == "confirmed"
    assert till.balance()["balance"] == 20


def test_a_refusal_of_the_ledger_is_replayed_too(till: Till) -> None:
    wanted = {"id": "order-2", "points": points(500)}
    refused(till.does("reservations", wanted, key="k1"), 409, "insufficient")
    till.shop.hears(LAN.orders(NOW + MINUTE, "o2", "900.00"))
    till.shop.until(NOW + 2 * MINUTE)
    refused(till.does("reservations", wanted, key="k1"), 409, "insufficient")
    assert till.does("reservations", wanted, key="k2").status == 201


def test_a_key_belongs_to_one_request(till: Till) -> None:
    till.does("reservations", {"id": "order-2", "points": points(10)}, key="k1")
    refused(till.does("reservations", {"id": "order-2", "points": points(20)}, key="k1"), 409, "idempotency_key_reused")
    refused(till.does("reservations/order-2/confirm", key="k1"), 409, "idempotency_key_reused")
    refused(till.does("reservations", {"id": "order-2", "points": points(20)}), 409, "key_reused")
    assert till.balance()["reserved"] == 10


def test_a_write_without_a_key_does_nothing(till: Till) -> None:
    headers = {"content-type": "application/json"}
    body = json.dumps({"id": "order-2", "points": points(10)}).encode()
    path = f"/rewards/viewers/{LAN.user_id}/reservations"
    refused(till.shop.calls("POST", path, headers, body), 400, "idempotency_key_missing")
    assert till.balance()["reserved"] == 0


def test_a_key_may_be_used_again_after_a_day_and_the_ledger_still_counts_once(till: Till) -> None:
    wanted = {"id": "order-2", "points": points(100)}
    till.does("reservations", wanted, key="k1")
    till.does("reservations/order-2/confirm")
    till.shop.until(NOW + 25 * 60 * MINUTE)
    assert said(till.does("reservations", wanted, key="k1"))["state"] == "confirmed"
    assert till.balance()["balance"] == 20


@pytest.mark.parametrize("value", [0, -5, 1.5, 10**15 + 1, "10", None, True, 1e300])
def test_an_amount_is_a_positive_whole_number(till: Till, value: object) -> None:
    refused(till.does("reservations", {"id": "order-2", "points": points(value)}), 422, "invalid")
    assert till.balance()["available"] == 120


def test_a_whole_number_may_be_written_with_a_point(till: Till) -> None:
    assert till.does("reservations", {"id": "order-2", "points": points(100.0)}).status == 201


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'{"id": "a"}', b'{"id": "", "points": {"value": 1}}', b"\xff\xfe", b"NaN",
     b'{"id": "a", "points": {"value": 1, "unit": "yuan"}}', b'{"id": "a", "points": {"value": 1}, "more": 1}'],
)  # fmt: skip
def test_a_body_that_is_not_one_is_refused_in_words_without_its_values(till: Till, body: bytes) -> None:
    refused(till.does("reservations", body), 422, "invalid")
    assert till.balance()["reserved"] == 0


def test_limits_have_words(till: Till) -> None:
    refused(till.does("reservations", b" " * (MAX_BODY_BYTES + 1)), 413, "too_large")
    refused(till.asks("statement?limit=0"), 422, "invalid")
    refused(till.asks("statement?limit=101"), 422, "invalid")
    for cursor in ("%00", "abc", "1", "a|b", "000000000000000-0000000000", "%D9%A1" * 15 + "-0000000000.a"):
        refused(till.asks(f"statement?cursor={cursor}"), 422, "invalid")
    refused(till.asks("quote"), 422, "invalid")
    refused(till.asks("quote?points=-1"), 422, "invalid")
    refused(till.asks("balance", viewer="nobody-of-this-name"), 404, "unknown_viewer")
    refused(till.asks("balance", viewer="anonymous"), 404, "unknown_viewer")
    refused(till.asks("reservations/none"), 404, "not_found")
    refused(till.does("reservations/none/confirm"), 404, "not_found")


def test_pages_of_a_statement_join_up(till: Till) -> None:
    for number in range(5):
        till.does("reservations", {"id": f"r{number}", "points": points(1)})
    whole = [line["id"] for line in said(till.asks("statement?limit=100"))["lines"]]
    pages: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        # As it was given: a cursor needs no escape.
        after = f"&cursor={cursor}" if cursor else ""
        page = said(till.asks(f"statement?limit=2{after}"))
        pages += [line["id"] for line in page["lines"]]
        cursor = page["next"]
    assert pages == whole
    assert len(whole) == 6


def test_a_code_is_redeemed_once(till: Till) -> None:
    ports = till.shop.host.ports("rewards_api")
    budgets.open_budget(ports, "welcome", 50, per_claim=50, note="launch", author="mei")
    budgets.make_codes(ports, "welcome", ["TEA-50"])
    given = said(till.does("codes", {"code": " tea-50 "}))
    assert (given["given"], given["first"]) == ({"value": 50, "unit": "points"}, True)
    assert said(till.does("codes", {"code": "TEA-50"}))["first"] is False
    assert till.balance()["balance"] == 170
    refused(till.does("codes", {"code": "COFFEE"}), 404, "unknown_code")


def test_any_identifier_of_the_person_leads_to_the_same_points(till: Till) -> None:
    told = said(till.asks("balance"))
    till.shop.hears(LAN.identifies(NOW, email=LAN.mailbox, phone="138 1234 5670"))
    for identifier in (told["viewer"], LAN.mailbox, LAN.mailbox.upper(), "%2B8613812345670"):
        assert said(till.asks("balance", viewer=identifier)) == told


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["reserve", "confirm", "release"]), st.integers(1, 3), st.integers(1, 90))))
def test_whatever_is_done_in_whatever_order_nothing_is_made_or_lost(steps: list[tuple[str, int, int]]) -> None:
    till = Till()
    states: dict[int, tuple[str, int]] = {}
    for what, number, amount in steps:
        if what == "reserve":
            reply = till.does("reservations", {"id": f"r{number}", "points": points(amount)})
            if reply.status == 201 and number not in states:
                states[number] = ("open", amount)
        else:
            reply = till.does(f"reservations/r{number}/{what}")
            if reply.status == 200 and states[number][0] == "open":
                states[number] = ("confirmed" if what == "confirm" else "released", states[number][1])
    spent = sum(amount for state, amount in states.values() if state == "confirmed")
    reserved = sum(amount for state, amount in states.values() if state == "open")
    assert till.balance() == {
        "balance": 120 - spent, "available": 120 - spent - reserved, "reserved": reserved, "pending": 0, "owed": 0,
    }  # fmt: skip
