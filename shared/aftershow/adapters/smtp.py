"""E-mail through any SMTP server (RFC 5321) that speaks TLS: where there is no SES.

Until the dot that ends the message is on its way, nothing was taken: whatever fails before is declined. From then until
the server's answer nobody knows.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass

from aftershow.adapters.calling import (
    CONNECT_TIMEOUT_SECONDS,
    MENDED_SECONDS,
    READ_TIMEOUT_SECONDS,
    SOON_SECONDS,
    needed,
)
from aftershow.adapters.mime import Letterhead, NotMailable
from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.messages import Email
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing, Verdict

CARD = RateCard(
    channel="email", provider="smtp", per_second=14, by_account=True, currency="USD", micros=0, as_of="2026-11",
    source="no list price: what a server takes, and how fast, its owner says",
)  # fmt: skip

SUBMISSION_PORT, TLS_PORT = 587, 465

# Replies by enhanced status code (RFC 3463 and its registry), else by reply code (RFC 5321), else by their first
# digit. 4: later, 5: never.
VERDICTS = {
    "5.1.1": Verdict("no_such_mailbox", gives_up_address=True),
    "5.1.3": Verdict("bad_address", gives_up_address=True),
    "5.1.6": Verdict("mailbox_moved", gives_up_address=True),
    "5.1.10": Verdict("domain_takes_no_mail", gives_up_address=True),
    "5.2.2": Verdict("mailbox_full"),
    "5.3.4": Verdict("too_large"),
    "5.7.1": Verdict("refused_by_policy"),
    "552": Verdict("too_large"),
    # Who we are to the server is the owner's to mend.
    "530": Verdict("not_permitted", MENDED_SECONDS),
    "535": Verdict("not_permitted", MENDED_SECONDS),
    "538": Verdict("not_permitted", MENDED_SECONDS),
    "421": Verdict("server_closes", SOON_SECONDS),
}
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})\b")
_TAKEN, _GO_ON = 2, 354


@dataclass(slots=True)
class SmtpChannel:
    """The channel `email`. A connection is kept from message to message, and made anew when it is gone."""

    host: str
    port: int
    user: str
    password: str
    letterhead: Letterhead
    context: ssl.SSLContext
    timeout_seconds: float = CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS
    _open: smtplib.SMTP | None = None

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Email):
            return Declined("not_an_email")
        try:
            mail = self.letterhead.mail(message, message.content)
        except NotMailable as error:
            return error.declined()
        try:
            server = self._ready()
            refusal = self._up_to_the_dot(server, message.address, mail)
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return _not_sent(error)
        return refusal or self._dot(server, self.letterhead.message_id(message))

    def knock(self) -> Declined | None:
        """Connect, prove the server, give the password; nothing is sent. What is wrong, or None."""
        try:
            self._ready()
        except (smtplib.SMTPException, OSError) as error:
            return _not_sent(error)
        finally:
            self.close()
        return None

    def _ready(self) -> smtplib.SMTP:
        """A server that listens: the one of the last message, or a new connection. Raises SMTPException, OSError."""
        if self._open is not None:
            with suppress(smtplib.SMTPException, OSError):
                if self._open.rset()[0] // 100 == _TAKEN:
                    return self._open
            self.close()
        named = self.letterhead.address.rpartition("@")[2]
        if self.port == TLS_PORT:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, named, timeout=self.timeout_seconds, context=self.context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, named, timeout=self.timeout_seconds)
        self._open = server
        if self.port != TLS_PORT:
            server.starttls(context=self.context)
        if self.user:
            server.login(self.user, self.password)
        server.ehlo_or_helo_if_needed()
        return server

    def _up_to_the_dot(self, server: smtplib.SMTP, to: str, mail: bytes) -> Answer | None:
        """Envelope and message, without the end of it; or what refused it."""
        code, words = server.mail(self.letterhead.address)
        if code // 100 != _TAKEN:
            return _ours(code, words)
        code, words = server.rcpt(to)
        if code // 100 != _TAKEN:
            refusal = _refused(code, words)
            return refusal if isinstance(refusal, Declined) else Declined(refusal.reason, SOON_SECONDS)
        code, words = server.docmd("DATA")
        if code != _GO_ON:
            return _ours(code, words)
        # A line that is a dot would end the message.
        server.send(re.sub(rb"(?m)^\.", b"..", mail if mail.endswith(b"\r\n") else mail + b"\r\n"))
        return None

    def _dot(self, server: smtplib.SMTP, message_id: str) -> Answer:
        try:
            server.send(b".\r\n")
            code, words = server.getreply()
        except (smtplib.SMTPException, OSError):
            self.close()
            return Ambiguous("no_answer")
        return Accepted(message_id) if code // 100 == _TAKEN else _refused(code, words)

    def close(self) -> None:
        """Hang up."""
        if self._open is not None:
            self._open.close()
            self._open = None


def make(outside: Outside) -> SmtpChannel:
    """The channel. Raises ValueError where it isn't known whose server."""
    [host] = needed("smtp", outside.options, "host")
    settings, options = outside.settings, outside.options
    return SmtpChannel(
        host=host,
        port=int(options.get("port", SUBMISSION_PORT)),
        user=options.get("user", ""),
        password=options.get("password", ""),
        letterhead=Letterhead(settings.sender, settings.shop_name, outside.now),
        context=ssl.create_default_context(),
    )


def _not_sent(error: Exception) -> Declined:
    """A connection that was not made, or broke before the end of the message."""
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError):
        return Declined("no_tls", MENDED_SECONDS)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Declined("not_permitted", SOON_SECONDS if error.smtp_code < 500 else MENDED_SECONDS)  # noqa: PLR2004
    return Declined("no_connection", SOON_SECONDS)


def _refused(code: int, words: bytes) -> Declined | Ambiguous:
    """What a reply means; what isn't one (garbage) says nothing."""
    enhanced = _ENHANCED.match(words)
    known = VERDICTS.get(enhanced[1].decode()) if enhanced else None
    known = known or VERDICTS.get(str(code))
    if known is not None:
        return known.answer()
    if code // 100 == 4:  # noqa: PLR2004 (the first digit)
        return Declined(f"smtp_{code}", SOON_SECONDS)
    return Declined(f"smtp_{code}") if code // 100 == 5 else Ambiguous("unreadable_answer")  # noqa: PLR2004


def _ours(code: int, words: bytes) -> Declined:
    """A refusal before the recipient or the message were looked at: what is refused is the sender, or the moment."""
    answer = _refused(code, words)
    again = answer.again_after_seconds if isinstance(answer, Declined) else SOON_SECONDS
    return Declined(answer.reason, again or MENDED_SECONDS)
