"""Reminders for a partner's system: Standard Webhooks 1.0.0, one signed POST a reminder.

The reminder's id is the webhook's: whoever gets it twice knows it. So an unclear answer is tried again, by the
standard's own schedule. An endpoint that answers 410 closes the channel until somebody opens it again.

The endpoint is a partner's word, so it must not lead inside: only https, only to addresses of the public internet, and
the connection goes to the very address that was looked at.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from aftershow.adapters.calling import CONNECT_TIMEOUT_SECONDS, MENDED_SECONDS, READ_TIMEOUT_SECONDS, needed
from aftershow.adapters.providers import Outside
from aftershow.model.channels import RateCard
from aftershow.model.instants import SECOND, iso
from aftershow.model.messages import Webhook
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Outgoing

CARD = RateCard(
    channel="webhook", provider="webhook", per_second=10, currency="USD", micros=0, as_of="2026-11",
    source="nobody charges for it; 10 a second is what a partner's small server stands",
)  # fmt: skip

# After the first attempt, the second ... (Standard Webhooks 1.0.0, retry schedule); the tenth is the last.
PAUSES_SECONDS = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_BODY_BYTES = 20 * 1024  # the standard advises to stay below
_SIGNED = "application/json"
_TAKEN, _GONE, _FIRST_SERVER_ERROR = 2, 410, 500
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotAllowed(Exception):
    """The endpoint is no https URL, or its host is none of the public internet."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it stands inside of an IPv6 address (mapped,
    6to4, Teredo, NAT64)."""
    found = ipaddress.ip_address(address.partition("%")[0])
    inside: list[ipaddress.IPv4Address | None] = []
    if isinstance(found, ipaddress.IPv6Address):
        inside = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
        if found in _NAT64:
            inside.append(ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF))
        if found.ipv4_mapped:
            return is_public(str(found.ipv4_mapped))
    return all(one.is_global and not one.is_multicast for one in (found, *filter(None, inside)))


def resolved(host: str, port: int) -> Sequence[str]:
    """The IP addresses of a host. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """The channel `webhook`. `secrets` all sign, so that one can be exchanged for another while both are known;
    `allowed` says which IP addresses may be connected to, `context` which certificates count."""

    url: str
    secrets: Sequence[str]
    now: Callable[[], int]
    context: ssl.SSLContext
    allowed: Callable[[str], bool] = is_public
    resolve: Callable[[str, int], Sequence[str]] = resolved
    connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS
    read_timeout_seconds: float = READ_TIMEOUT_SECONDS
    total_timeout_seconds: float = READ_TIMEOUT_SECONDS + CONNECT_TIMEOUT_SECONDS
    # A second copy does no harm.
    max_attempts: int = len(PAUSES_SECONDS) + 1

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        if not isinstance(message.content, Webhook):
            return Declined("not_a_webhook")
        body = self._body(message, message.content)
        if len(body.encode()) > MAX_BODY_BYTES:
            return Declined("too_large")
        again = pause_after(int(message.tags["attempt"]))
        try:
            connection = self._connected()
        except NotAllowed as error:
            return Declined(str(error), MENDED_SECONDS)
        except OSError as error:
            return Declined(_unconnected(error), again, own_pace=True)
        try:
            status = self._posted(connection, body, self.headers(message.tags["reminder"], body))
        except (http.client.HTTPException, OSError) as error:
            return Ambiguous(type(error).__name__, again)
        return _answer(status, message.tags["reminder"], again)

    def knock(self) -> Declined | None:
        """Whether the endpoint is one of the public internet and proves its name; nothing is sent. What is wrong, or
        None."""
        try:
            self._connected().close()
        except NotAllowed as error:
            return Declined(str(error))
        except OSError as error:
            return Declined(_unconnected(error))
        return None

    def headers(self, webhook_id: str, body: str) -> dict[str, str]:
        """The headers that make it a webhook of the standard."""
        from standardwebhooks import Webhook as Signer

        moment = datetime.fromtimestamp(self.now() // SECOND, tz=UTC)
        return {
            "Content-Type": _SIGNED,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": " ".join(Signer(secret).sign(webhook_id, moment, body) for secret in self.secrets),
        }

    def _body(self, message: Outgoing, content: Webhook) -> str:
        data = {**content.data, "viewer": message.tags["viewer"], "reminder": message.tags["reminder"]}
        said = {"type": "reminder.due", "timestamp": iso(self.now()), "data": data}
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))

    def _connected(self) -> ssl.SSLSocket:
        """A connection to the endpoint's address, which was looked at, and which proved its name. Raises NotAllowed,
        OSError."""
        url = urlsplit(self.url)
        host, port = url.hostname or "", url.port or http.client.HTTPS_PORT
        addresses = self.resolve(host, port)
        if not addresses or not all(self.allowed(address) for address in addresses):
            raise NotAllowed("endpoint_not_public")
        plain = socket.create_connection((addresses[0], port), self.connect_timeout_seconds)
        try:
            return self.context.wrap_socket(plain, server_hostname=host)
        except OSError:
            plain.close()
            raise

    def _posted(self, there: ssl.SSLSocket, body: str, headers: dict[str, str]) -> int:
        """The status of the answer; its body and its redirects are nobody's. Raises HTTPException, OSError."""
        url = urlsplit(self.url)
        connection = http.client.HTTPSConnection(url.hostname or "", url.port)
        connection.sock = there
        there.settimeout(self.read_timeout_seconds)
        # Who sends a byte now and then would never run into that.
        patience = threading.Timer(self.total_timeout_seconds, _hang_up, [there])
        patience.daemon = True
        patience.start()
        try:
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", path, body.encode(), headers)
            return connection.getresponse().status
        finally:
            patience.cancel()
            connection.close()


def make(outside: Outside) -> WebhookChannel:
    """The channel. Raises ValueError for an endpoint or a secret that can't be used."""
    url, secret = needed("webhook", outside.options, "url", "secret")
    if not _is_endpoint(url):
        raise ValueError("webhook needs as its option url an https address without a user in it")
    secrets = secret.split()
    if not all(map(_can_sign, secrets)):
        raise ValueError("webhook needs as its option secret whsec_ and what it means in base64")
    return WebhookChannel(url, secrets, outside.now, ssl.create_default_context())


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        return parts.scheme == "https" and bool(host) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False


def _hang_up(connection: socket.socket) -> None:
    # Over the head of TLS, whose state belongs to the thread that reads.
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _unconnected(error: OSError) -> str:
    return "no_tls" if isinstance(error, ssl.SSLError) else "no_connection"


def _can_sign(secret: str) -> bool:
    coded = secret.removeprefix("whsec_")
    try:
        return coded != secret and len(base64.b64decode(coded + "==")) > 0
    except ValueError:
        return False


def pause_after(attempt: int) -> int | None:
    """Seconds until the next attempt; None after the last."""
    return PAUSES_SECONDS[attempt - 1] if attempt <= len(PAUSES_SECONDS) else None


def _answer(status: int, webhook_id: str, again: int | None) -> Answer:
    if status // 100 == _TAKEN:
        return Accepted(webhook_id)
    if status == _GONE:
        return Declined("endpoint_gone", MENDED_SECONDS, closes_channel=True)
    if status >= _FIRST_SERVER_ERROR:
        return Ambiguous(f"http_{status}", again)
    return Declined(f"http_{status}", again, own_pace=True)
