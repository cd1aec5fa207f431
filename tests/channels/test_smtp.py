"""E-mail by SMTP, against a real server on loopback: what it gets, and what every reply means."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from aftershow.adapters import smtp
from aftershow.adapters.mime import Letterhead
from aftershow.adapters.providers import Outside
from aftershow.adapters.smtp import VERDICTS, SmtpChannel
from aftershow.model.messages import Email, Sms
from aftershow.model.settings import Settings
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing
from tests.channels.stub import nobody_listens

# The server warns of a name of its own that it reads.
pytestmark = pytest.mark.filterwarnings("ignore:Session.login_data is deprecated")
HOST = "127.0.0.1"
AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert(HOST)
TAGS = {"viewer": "u1", "reminder": "r1", "attempt": "2"}
# A line that is a dot, and one that begins with one, must arrive as they are.
MESSAGE = Outgoing("lan@example.com", Email("您挑的还在", "a\n.\n..b\nc\n", "<p>看回放</p>\n"), {}, TAGS)
TAKEN = Accepted("<u1.r1.2@tea.example>")
LETTERHEAD = Letterhead("shop@tea.example", "Lan's 茶", lambda: 1_772_800_000_000)


@dataclass
class Server:
    """What a server says in each phase, and what came. `hangs`: it says nothing after the message."""

    says: dict[str, str] = field(default_factory=dict)
    hangs: bool = False
    drops: str = ""
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    sessions: set[int] = field(default_factory=set)
    port: int = 0

    async def _said(self, phase: str, server: Any, usual: str) -> str:
        if self.drops == phase:
            server.transport.abort()
        return self.says.get(phase, usual)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802, ARG002
        self.sessions.add(id(session))
        said = await self._said("mail", server, "250 ok")
        envelope.mail_from = address
        return said

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802, ARG002
        said = await self._said("rcpt", server, "250 ok")
        if said.startswith("2"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802, ARG002
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        if self.hangs:
            await asyncio.sleep(3)
        return await self._said("dot", server, "250 2.0.0 queued")


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data.login == b"shop" and data.password == b"secret", handled=False)


@contextmanager
def served(server: Server, *, with_tls: bool = True) -> Iterator[Server]:
    """The server while it serves, as submission servers are: STARTTLS, then a password."""
    server.port = nobody_listens()
    more: dict[str, Any] = {"tls_context": tls(), "require_starttls": True} if with_tls else {"auth_require_tls": False}
    controller = Controller(server, HOST, server.port, authenticator=knows, auth_required=with_tls, **more)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
        # It leaves dropped connections to the collector, which would complain in whatever test runs by then.
        del controller
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect(1)


def channel(port: int, **others: Any) -> SmtpChannel:
    given: dict[str, Any] = {
        "user": "shop",
        "password": "secret",
        "context": trusting(),
        "timeout_seconds": 1.5,
    } | others
    return SmtpChannel(HOST, port, letterhead=LETTERHEAD, **given)


def sent(server: Server, message: Outgoing = MESSAGE, **others: Any) -> Answer:
    with served(server):
        made = channel(server.port, **others)
        answer = made.send(message)
        made.close()
    return answer


def test_a_mail_arrives_as_it_was_written() -> None:
    server = Server()
    assert sent(server) == TAKEN
    [(sender, recipients, content)] = server.mails
    assert (sender, recipients) == ("shop@tea.example", ["lan@example.com"])
    mail = message_from_bytes(content, EmailMessage, policy=policy.default)
    assert (mail["Subject"], mail["Message-ID"]) == ("您挑的还在", "<u1.r1.2@tea.example>")
    assert mail.get_body(("plain",)).get_content() == "a\r\n.\r\n..b\r\nc\r\n"  # type: ignore[union-attr]


def test_a_connection_is_kept_until_it_is_gone() -> None:
    server = Server()
    with served(server):
        made = channel(server.port)
        assert [made.send(MESSAGE), made.send(MESSAGE)] == [TAKEN, TAKEN]
        assert len(server.sessions) == 1
    with served(again := Server()):
        made.port = again.port
        assert made.send(MESSAGE) == TAKEN, "the old one is gone, and nobody heard of the message on it"
        made.close()
    assert (len(server.mails), len(again.mails)) == (2, 1)


def words(key: str) -> str:
    code = "550" if "." in key else key
    return f"{code} {key + ' ' if '.' in key else ''}lan@example.com: no"


@pytest.mark.parametrize("key", VERDICTS)
@pytest.mark.parametrize("phase", ["rcpt", "dot"])
def test_every_line_of_the_table_is_reached_by_its_own_reply(key: str, phase: str) -> None:
    assert sent(Server({phase: words(key)})) == VERDICTS[key].answer()


@pytest.mark.parametrize(
    ("phase", "says", "answer"),
    [
        ("rcpt", "450 4.2.1 later", Declined("smtp_450", 60)),
        ("rcpt", "550 no", Declined("smtp_550")),
        ("dot", "452 4.3.1 full", Declined("smtp_452", 60)),
        ("dot", "554 5.6.0 no", Declined("smtp_554")),
        ("dot", "251 taken further", TAKEN),
        # Who we are is the owner's to mend, whatever the first digit says.
        ("mail", "553 5.1.8 not your address", Declined("smtp_553", 3600)),
        ("mail", "450 slower", Declined("smtp_450", 60)),
        # No reply at all: before the dot nothing was taken, after it nobody knows.
        ("rcpt", "what?", Declined("unreadable_answer", 60)),
        ("dot", "what?", Ambiguous("unreadable_answer")),
        ("dot", "354 go on", Ambiguous("unreadable_answer")),
    ],
)
def test_four_is_later_and_five_is_never(phase: str, says: str, answer: Answer) -> None:
    assert sent(Server({phase: says})) == answer


@pytest.mark.parametrize("phase", ["mail", "rcpt"])
def test_a_server_that_goes_before_the_dot_has_taken_nothing(phase: str) -> None:
    server = Server(drops=phase)
    assert sent(server) == Declined("no_connection", 60)
    assert server.mails == []


@pytest.mark.parametrize("server", [Server(drops="dot"), Server(hangs=True)], ids=["goes", "hangs"])
def test_after_the_dot_nobody_knows(server: Server) -> None:
    assert sent(server) == Ambiguous("no_answer")
    assert len(server.mails) == 1


def test_only_a_proved_server_gets_password_and_mail() -> None:
    assert sent(server := Server(), context=ssl.create_default_context()) == Declined("no_tls", 3600)
    assert server.mails == []
    with served(bare := Server(), with_tls=False):
        assert channel(bare.port).send(MESSAGE) == Declined("no_tls", 3600)
    assert bare.mails == []


def test_a_wrong_password_is_the_owners_to_mend() -> None:
    assert sent(Server(), password="wrong") == Declined("not_permitted", 3600)  # noqa: S106
    assert sent(Server(), user="") == Declined("not_permitted", 3600)
    assert channel(nobody_listens()).send(MESSAGE) == Declined("no_connection", 60)


@contextmanager
def scripted(lines: Sequence[bytes]) -> Iterator[int]:
    """A server without manners: it says these lines, one a line that comes, then hangs up."""
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as came:
            for line in lines:
                connection.sendall(line + b"\r\n")
                if not came.readline():
                    return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    "lines",
    [
        [b"554 no service"],
        [b"<html>"],
        [b"220 hello", b"502 what"],
        [b"220 hello", b"250 STARTTLS", b"454 no tls now"],
        [],
    ],
)
def test_whoever_speaks_no_smtp_has_taken_nothing(lines: list[bytes]) -> None:
    with scripted(lines) as port:
        answer = channel(port).send(MESSAGE)
    assert isinstance(answer, Declined)
    assert answer.again_after_seconds is not None


def test_what_is_no_mail_is_refused_before_anything_is_sent() -> None:
    assert channel(1).send(Outgoing("lan@example.com", Sms("x"))) == Declined("not_an_email")
    evil = Outgoing("lan@example.com>\r\nRCPT TO:<eve@example.com", MESSAGE.content, {}, TAGS)
    assert channel(1).send(evil) == Declined("address_not_mailable")


def test_a_shop_names_its_server() -> None:
    with pytest.raises(ValueError, match="smtp needs its options host"):
        smtp.make(Outside(Settings(), {}, lambda _: None, lambda: 0, str))
    made = smtp.make(Outside(Settings(), {"host": "smtp.example"}, lambda _: None, lambda: 0, str))
    assert (made.port, made.context.verify_mode, made.context.check_hostname) == (587, ssl.CERT_REQUIRED, True)


def test_a_knock_proves_server_and_password_and_sends_nothing() -> None:
    with served(server := Server()):
        assert channel(server.port).knock() is None
        assert channel(server.port, password="wrong").knock() == Declined("not_permitted", 3600)  # noqa: S106
    assert (server.mails, server.sessions) == ([], set())
    assert channel(nobody_listens()).knock() == Declined("no_connection", 60)
