"""Webhooks to a partner: signed as the standard says, tried again by its schedule, and never led inside."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Sequence
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver

from aftershow.adapters import webhook
from aftershow.adapters.providers import Outside
from aftershow.adapters.webhook import PAUSES_SECONDS, WebhookChannel, is_public
from aftershow.model.messages import Sms, Webhook
from aftershow.model.settings import Settings
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing, Repeating
from tests.channels.stub import Reply, Request, nobody_listens, stubbed

# The standard's own example, and another.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
NEXT_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105
HOST = "partner.example"
AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert(HOST)
NOW = 1_772_800_000_000


def message(attempt: int = 1, **data: str) -> Outgoing:
    tags = {"viewer": "u1", "reminder": "r1", "attempt": str(attempt)}
    return Outgoing("u1", Webhook(data or {"text": "看回放"}), {}, tags)


def server_side() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    return context


def client_side() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def channel(port: int, **others: Any) -> WebhookChannel:
    """Loopback is let through by an argument, and stands for the partner's host."""
    given: dict[str, Any] = {
        "context": client_side(), "allowed": lambda _: True, "resolve": lambda *_: ["127.0.0.1"],
        "connect_timeout_seconds": 0.3, "read_timeout_seconds": 0.3,
    }  # fmt: skip
    return WebhookChannel(f"https://{HOST}:{port}/hook?shop=tea", [SECRET], lambda: NOW, **given | others)


def sent(*replies: Reply, what: Outgoing | None = None, **others: Any) -> tuple[Answer, list[Request]]:
    with stubbed(*replies, tls=server_side()) as stub:
        answer = channel(stub.port, **others).send(what or message())
    return answer, stub.requests


def test_the_signature_is_the_standards() -> None:
    signed = WebhookChannel("https://x.example", [SECRET], lambda: 1_614_265_330_000, client_side()).headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", '{"test": 2432232314}'
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signed["webhook-timestamp"] == "1614265330"


def test_a_partner_reads_the_reminder_and_knows_who_sent_it() -> None:
    # The library compares with the machine's clock.
    now = int(time.time()) * 1000
    with stubbed(tls=server_side()) as stub:
        answer = WebhookChannel(
            f"https://{HOST}:{stub.port}/hook?shop=tea", [SECRET, NEXT_SECRET], lambda: now, client_side(),
            allowed=lambda _: True, resolve=lambda *_: ["127.0.0.1"],
        ).send(message(3, text="看回放", reminder="a template can't say this"))  # fmt: skip
    [request] = stub.requests
    assert answer == Accepted("r1")
    assert (request.method, request.path) == ("POST", "/hook?shop=tea")
    assert request.headers["host"] == f"{HOST}:{stub.port}"
    assert request.headers["webhook-id"] == "r1", "of every attempt"
    # The reference library of the standard, with the old secret and with the new one.
    for secret in (SECRET, NEXT_SECRET):
        said = Receiver(secret).verify(request.body, dict(request.headers))
        assert said["type"] == "reminder.due"
        assert said["data"] == {"text": "看回放", "viewer": "u1", "reminder": "r1"}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(200), Accepted("r1")),
        (Reply(204), Accepted("r1")),
        # A partner's 2xx is its word that it has it: its body is nobody's.
        (Reply(200, b'{"error": "no"}'), Accepted("r1")),
        (Reply(200, b"\xff<garbage"), Accepted("r1")),
        (Reply(410), Declined("endpoint_gone", 3600, closes_channel=True)),
        (Reply(400), Declined("http_400", 5, own_pace=True)),
        (Reply(404), Declined("http_404", 5, own_pace=True)),
        (Reply(429), Declined("http_429", 5, own_pace=True)),
        (Reply(500), Ambiguous("http_500", 5)),
        (Reply(503, b"<html>"), Ambiguous("http_503", 5)),
        (Reply(hangs=True), Ambiguous("TimeoutError", 5)),
        (Reply(hangs_up=True), Ambiguous("RemoteDisconnected", 5)),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Reply) else "",
)
def test_every_answer_means_one_thing(reply: Reply, answer: Answer) -> None:
    told, requests = sent(reply, Reply(200))
    assert (told, len(requests)) == (answer, 1)


def test_a_redirect_is_not_followed() -> None:
    with stubbed() as inside:
        answer, requests = sent(Reply(307, headers={"Location": f"{inside.url}/latest/meta-data"}))
    assert (answer, len(requests), inside.requests) == (Declined("http_307", 5, own_pace=True), 1, [])


def test_an_answer_is_read_no_further_than_its_head() -> None:
    answer, _ = sent(Reply(200, b"x", {"Content-Length": str(10**12)}))
    assert answer == Accepted("r1")


def test_a_partner_that_sends_a_byte_now_and_then_holds_nobody_up() -> None:
    begun = time.monotonic()
    answer, requests = sent(Reply(drips=True), total_timeout_seconds=0.6)
    assert isinstance(answer, Ambiguous)
    assert len(requests) == 1
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("attempt", range(1, 12))
def test_attempts_follow_the_standards_schedule_and_end(attempt: int) -> None:
    pause = PAUSES_SECONDS[attempt - 1] if attempt < 10 else None
    assert sent(Reply(404), what=message(attempt))[0] == Declined("http_404", pause, own_pace=True)
    assert sent(Reply(500), what=message(attempt))[0] == Ambiguous("http_500", pause)


def test_nothing_was_sent_where_nobody_listens_or_nobody_proves_who_it_is() -> None:
    assert channel(nobody_listens()).send(message()) == Declined("no_connection", 5, own_pace=True)
    answer, requests = sent(context=ssl.create_default_context())
    assert (answer, requests) == (Declined("no_tls", 5, own_pace=True), [])
    with stubbed(tls=server_side()) as stub:
        elsewhere = WebhookChannel(
            f"https://other.example:{stub.port}", [SECRET], lambda: NOW, client_side(), lambda _: True,
            lambda *_: ["127.0.0.1"],
        )  # fmt: skip
        assert elsewhere.send(message()) == Declined("no_tls", 5, own_pace=True)

    def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such host")

    assert channel(1, resolve=unknown).send(message()) == Declined("no_connection", 5, own_pace=True)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:7f00:1::",
        "64:ff9b::7f00:1",
    ],
)  # fmt: skip
def test_no_endpoint_leads_inside(address: str) -> None:
    """Loopback, private nets, link-local with the cloud's metadata, multicast, and all of them inside of IPv6."""
    assert not is_public(address)
    assert channel(443, resolve=lambda *_: [address], allowed=is_public).send(message()) == Declined(
        "endpoint_not_public", 3600
    )


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_the_public_internet_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_inside_of_ipv6(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address)) == is_public(f"64:ff9b::{address}")


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    both = ["1.1.1.1", "10.0.0.1"]
    assert channel(443, resolve=lambda *_: both, allowed=is_public).send(message()) == Declined(
        "endpoint_not_public", 3600
    )


def test_the_address_that_was_looked_at_is_the_one_that_is_called() -> None:
    """A name that answers otherwise when it is asked again gets no second question."""
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.9"]

    answer, requests = sent(Reply(200), resolve=rebinding)
    assert (answer, len(requests), asked) == (Accepted("r1"), 1, [HOST])


def make(**options: str) -> WebhookChannel:
    return webhook.make(Outside(Settings(), options, lambda _: None, lambda: NOW, str))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"url": "https://partner.example"},
        {"url": "http://partner.example", "secret": SECRET},
        {"url": "https://user@partner.example", "secret": SECRET},
        {"url": "https:///hook", "secret": SECRET},
        {"url": "https://partner.example:99999", "secret": SECRET},
        {"url": f"https://{'a' * 64}.example", "secret": SECRET},
        {"url": "https://partner.example", "secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        {"url": "https://partner.example", "secret": "whsec_"},
        {"url": "https://partner.example", "secret": "whsec_x"},
    ],
)
def test_options_that_can_not_be_used_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="webhook needs"):
        make(**options)


def test_a_shop_gets_the_guarded_channel() -> None:
    made = make(url="https://partner.example/hook", secret=f"{SECRET} {NEXT_SECRET}")
    assert (made.allowed, made.secrets) == (is_public, [SECRET, NEXT_SECRET])
    assert isinstance(made, Repeating)
    assert made.max_attempts == 10


def test_a_body_is_bounded_and_other_messages_are_none() -> None:
    assert channel(1).send(message(text="茶" * 7_000)) == Declined("too_large")
    assert channel(1).send(Outgoing("u1", Sms("x"))) == Declined("not_a_webhook")
    assert json.loads(channel(1)._body(message(text="茶"), Webhook({"text": "茶"})))["data"]["text"] == "茶"  # noqa: SLF001


def test_a_knock_proves_the_endpoint_and_sends_nothing() -> None:
    with stubbed(tls=server_side()) as stub:
        assert channel(stub.port).knock() is None
        assert channel(stub.port, context=ssl.create_default_context()).knock() == Declined("no_tls")
        assert channel(stub.port, allowed=is_public).knock() == Declined("endpoint_not_public")
    assert stub.requests == []
    assert channel(nobody_listens()).knock() == Declined("no_connection")
