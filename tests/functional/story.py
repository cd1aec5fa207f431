"""The words in which the scenario tests tell their stories: a shop on the local host, shows, and viewers who do things.

What a viewer does is `Said`: messages for one request, at their moment. A shop hears it in time, late, twice or in
another order; what the product then knows is read back from its records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aftershow.model.engagements import Engagement
from aftershow.model.instants import MINUTE, SECOND, parse_instant
from aftershow.model.launches import WHOLE
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Head
from aftershow.ports.channels import Answer, Outgoing
from aftershow.ports.queues import Message
from aftershow.services import launching
from aftershow.services.launching import Signature
from infra.local import catalog
from infra.local.clock import iso as aws_time
from infra.local.embedded import EmbeddedState
from infra.local.faults import Faults
from infra.local.gateway import HttpReply
from infra.local.host import LocalHost, MakeChannel
from infra.local.mailbox import Accepted
from infra.local.records import Human, Records
from infra.local.wire import batch_request
from infra.local.wire import iso as wire_time

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
PARAMETERS = {"DueShards": "8", "BaseUrl": "https://shop.example", "PostalAddress": "1 Road"}
REPLAY = "https://shop.example/replay"
FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"

# A client that gets 429 or 5xx keeps its data and comes again, a little later each time.
FIRST_RETRY_SECONDS = 5
MAX_TRIES = 6

_BUTTON = re.compile(r"https?://[^/\s]+(/c/\S+)")
_UNSUBSCRIBE = re.compile(r"<https?://[^/\s]+(/u/[^>]+)>")


def at(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 text with offset."""
    return parse_instant(text)


@dataclass(frozen=True, slots=True)
class Said:
    """The messages of one request, and the moment at which it is sent in time, epoch milliseconds."""

    at: int
    messages: tuple[Mapping[str, object], ...]
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Show:
    """A live show as its platform announces it."""

    id: str
    host: str = "lin"
    title: str = "Spring tea"

    def scheduled(self, when: int, starts: int, ends: int | None = None) -> Said:
        """Announced; without `ends` nobody says how long it will be."""
        times = {"starts_at": wire_time(starts)} | ({} if ends is None else {"ends_at": wire_time(ends)})
        return self._news("Live Show Scheduled", when, times)

    def ended(self, when: int) -> Said:
        """The platform says that it is over."""
        return self._news("Live Show Ended", when, {})

    def cancelled(self, when: int) -> Said:
        """It will not take place, or should not be spoken of any more."""
        return self._news("Live Show Scheduled", when, {"cancelled": True})

    def _news(self, name: str, when: int, more: Mapping[str, object]) -> Said:
        properties = {
            "show_id": self.id,
            "host_id": self.host,
            "title": self.title,
            "replay_url": f"{REPLAY}/{self.id}",
            **more,
        }
        message = {
            "type": "track",
            "event": name,
            "messageId": f"{self.id}-{name}-{when}",
            "timestamp": wire_time(when),
            "properties": properties,
        }
        return Said(when, (message,))


@dataclass
class Viewer:
    """A person with a device; `user_id` is on her events once she has signed in."""

    name: str
    zone: str | None = "Asia/Shanghai"
    locale: str = "en"
    email: str = ""
    signed_in: bool = False
    numbers: int = 0

    @property
    def anonymous_id(self) -> str:
        """Her browser's id."""
        return f"{self.name}-browser"

    @property
    def user_id(self) -> str:
        """Her id at the shop."""
        return f"{self.name}-user"

    @property
    def mailbox(self) -> str:
        """Her address."""
        return self.email or f"{self.name}@example.com"

    def enters(self, show: Show, when: int) -> Said:
        """Comes into the live room."""
        return self._track(when, "Live Room Entered", {"show_id": show.id})

    def watches(self, show: Show, begins: int, minutes: float) -> Said:
        """Watches from `begins`; her player tells in one request afterwards."""
        ends = begins + int(minutes * MINUTE)
        beats = range(begins, ends, 10 * SECOND)
        messages = tuple(
            self._message(beat, "Video Content Playing", {"asset_id": show.id, "livestream": True}) for beat in beats
        )
        return self._said(ends, *messages)

    def comments(self, show: Show, when: int, text: str) -> Said:
        """Writes into the live room."""
        return self._track(when, "Live Comment Sent", {"show_id": show.id, "text": text})

    def fills_cart(self, show: Show, when: int, product: str = "tea", price: str = "120.00") -> Said:
        """Puts a product into her cart and goes towards the till."""
        line = {"show_id": show.id, "product_id": product, "name": product, "quantity": 1, "price": price}
        return self._said(
            when,
            self._message(when, "Product Added", {**line, "cart_id": f"{self.name}-cart"}),
            self._message(when + SECOND, "Checkout Started", {"show_id": show.id, "cart_id": f"{self.name}-cart"}),
        )

    def identifies(self, when: int, **traits: str) -> Said:
        """Signs in: the event carries both her ids and her e-mail address."""
        self.signed_in = True
        message = {"type": "identify", "traits": {"email": self.mailbox, "name": self.name.title(), **traits}}
        return self._said(when, self._stamped(when, message))

    def is_aliased(self, when: int) -> Said:
        """The shop says that the browser's id and the user's id are one person."""
        message = {"type": "alias", "userId": self.user_id, "previousId": self.anonymous_id}
        return self._said(when, {**self._stamped(when, message), "anonymousId": None, "userId": self.user_id})

    def consents(self, when: int, state: str = "granted", channel: str = "email") -> Said:
        """Says whether she wants marketing messages."""
        properties = {"purpose": "marketing", "channel": channel, "state": state, "source": "checkout box"}
        return self._track(when, "Message Consent Updated", properties)

    def withdraws(self, when: int) -> Said:
        """Wants no marketing messages any more."""
        return self.consents(when, "withdrawn", "all")

    def unfollows(self, host: str, when: int) -> Said:
        """Is not interested in this host any more."""
        return self._track(when, "Live Unfollowed", {"host_id": host})

    def leaves(self, show: Show, when: int) -> Said:
        """Leaves the live room."""
        return self._track(when, "Live Room Left", {"show_id": show.id})

    def orders(self, when: int, order: str, total: str = "120.00", show: Show | None = None) -> Said:
        """Places an order, in the name of a show or of none."""
        named = {"show_id": show.id} if show else {}
        lines = [{"product_id": "tea", "quantity": 1, "price": total}]
        return self._track(when, "Order Completed", {"order_id": order, "total": total, "products": lines, **named})

    def is_refunded(self, when: int, order: str, refund: str, total: str) -> Said:
        """Gets a part of the order's total back."""
        return self._track(when, "Order Refunded", {"order_id": order, "refund_id": refund, "total": total})

    def _track(self, when: int, name: str, properties: Mapping[str, object]) -> Said:
        return self._said(when, self._message(when, name, properties))

    def _message(self, when: int, name: str, properties: Mapping[str, object]) -> Mapping[str, object]:
        return self._stamped(when, {"type": "track", "event": name, "properties": properties})

    def _stamped(self, when: int, message: Mapping[str, object]) -> dict[str, object]:
        self.numbers += 1
        identities: dict[str, object] = {"anonymousId": self.anonymous_id}
        if self.signed_in:
            identities["userId"] = self.user_id
        return {
            **identities,
            "messageId": f"{self.name}-{self.numbers}",
            "timestamp": wire_time(when),
            "originalTimestamp": wire_time(when),
            **message,
        }

    def _said(self, when: int, *messages: Mapping[str, object]) -> Said:
        zone = {"timezone": self.zone} if self.zone else {}
        return Said(when, messages, {"locale": self.locale, **zone})


def almost_buys(viewer: Viewer, show: Show, when: int, minutes: float = 8) -> list[Said]:
    """Everything that makes a viewer hot, reachable and known, from `when` on, within `minutes`, and no order."""
    step = int(minutes * MINUTE) // 8
    return [
        viewer.enters(show, when),
        viewer.watches(show, when, minutes / 2),
        viewer.comments(show, when + 4 * step, "how much is it?"),
        viewer.fills_cart(show, when + 5 * step),
        viewer.identifies(when + 6 * step),
        viewer.consents(when + 7 * step),
        viewer.leaves(show, when + 8 * step),
    ]


class Shop:
    """A deployment on the local host, from `opens` (epoch milliseconds) on, with the catalog that ships."""

    def __init__(
        self,
        opens: int,
        *,
        faults: Faults | None = None,
        channels: Mapping[str, MakeChannel] | None = None,
        parameters: Mapping[str, str] | None = None,
        approved: bool = True,
    ) -> None:
        self.state = EmbeddedState(":memory:", lambda: opens)
        self.host = LocalHost(
            TEMPLATE,
            self.state,
            parameters={**PARAMETERS, **(parameters or {})},
            start_at=opens,
            faults=faults,
            channels=channels,
        )
        catalog.load(self.host.store, approved_at=opens if approved else None)

    @property
    def now(self) -> int:
        """The shop's clock, epoch milliseconds."""
        return self.host.now

    @property
    def mails(self) -> list[Accepted]:
        """Every message that the provider took, in order."""
        return list(self.host.mailbox)

    def until(self, moment: int) -> None:
        """Let time pass up to a moment, epoch milliseconds."""
        self.host.run_until(moment)

    def hears(self, *listed: Said) -> None:
        """Take what is said, each at its own moment."""
        for said in sorted(listed, key=lambda one: one.at):
            self.takes(said, said.at)

    def takes(self, said: Said, when: int) -> None:
        """Take a request at a moment of the shop's clock, whenever it was said."""
        self.until(when)
        self.takes_together([said])

    def takes_together(self, listed: Iterable[Said]) -> None:
        """Take requests one after the other before any of them is worked off."""
        for said in listed:
            request = batch_request(self.now, said.messages, said.context, self.now)
            reply = self.calls("POST", request.path, request.headers, request.body)
            assert reply.status == 200, reply.body
        self.host.drain()

    def calls(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> HttpReply:
        """A request of a client that comes again on 429 and 5xx, with the same body."""
        for tried in range(MAX_TRIES):
            reply = self.host.request(method, path, headers or {}, body)
            if reply.status != 429 and reply.status < 500:
                return reply
            self.host.advance(FIRST_RETRY_SECONDS * SECOND * 2**tried)
        return reply

    def follows_button(self, mail: Accepted) -> HttpReply:
        """Click on a message's button."""
        return self.calls("GET", button(mail))

    def unsubscribes(self, mail: Accepted) -> HttpReply:
        """What a mail client does on one-click unsubscribe (RFC 8058)."""
        return self.calls("POST", unsubscribe_path(mail), FORM, ONE_CLICK)

    def stops(self, playbook: str) -> None:
        """Stop a playbook; acknowledged when the 5 s are over for which functions remember the catalog."""
        launching.stop(self.host.store, playbook, Signature("the owner", self.now, "a test"))
        self.host.advance(5 * SECOND)

    def approves(self, playbook: str, share: int = WHOLE) -> None:
        """Approve a playbook as it is now, for a share of the people."""
        launching.approve(self.host.store, playbook, share, Signature("the owner", self.now, "a test"))
        self.host.advance(5 * SECOND)

    def provider_says(self, kind: str, message: Outgoing) -> None:
        """Let the provider report on a message now, as SES does over EventBridge."""
        tags = {name: [value] for name, value in message.tags.items()}
        detail = {"mail": {"messageId": "late-word", "destination": [message.address], "tags": tags}}
        event = {"source": "aws.ses", "detail-type": kind, "time": aws_time(self.now), "detail": detail}
        self.host.queues.send("OutcomesQueue", [Message(json.dumps(event))])
        self.host.look_again()
        self.host.drain()

    def records(self) -> Records:
        """Everything that is stored now."""
        return Records(self.host)

    def person(self, viewer: Viewer) -> Human:
        """What is known of a viewer: she must be known."""
        records = self.records()
        found = records.find(viewer.user_id) or records.find(viewer.anonymous_id)
        assert found is not None, viewer.name
        return found

    def head(self, viewer: Viewer) -> Head:
        """A viewer's surviving head."""
        head = self.person(viewer).head
        assert head is not None, viewer.name
        return head

    def engagement(self, viewer: Viewer, show: Show) -> Engagement:
        """What a viewer did in a show, united over her ids."""
        return self.records().engagements_of(self.person(viewer))[f"show#{show.id}"]

    def reminders(self, viewer: Viewer, playbook: str | None = None) -> list[Reminder]:
        """A viewer's reminders in the order of their planning."""
        rows = self.records().reminders_of(self.person(viewer))
        return [row for row in sorted(rows, key=planned_order) if playbook in (None, row.playbook)]

    def order(self, order: str) -> Order:
        """An order as it is kept."""
        [found] = [one for one in self.records().orders if one.order == order]
        return found

    def left_over(self) -> dict[str, int]:
        """Messages in dead-letter queues and among the events that the bus refused, by queue; those with any."""
        waiting = {
            queue.id: self.host.queues.backlog(queue.id).total
            for queue in self.host.template.queues
            if "Dead" in queue.id or "Refused" in queue.id
        }
        return {name: count for name, count in waiting.items() if count}


@dataclass
class FakeProvider:
    """A channel that answers as it is told: each answer once, the last one for ever. It keeps what it was given."""

    answers: list[Answer]
    attempts: list[Outgoing] = field(default_factory=list)

    def send(self, message: Outgoing) -> Answer:
        """One attempt."""
        self.attempts.append(message)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def planned_order(row: Reminder) -> tuple[int, int, str]:
    """Rows in the order of their planning."""
    return row.created, row.due, row.id


def codes(row: Reminder) -> list[str]:
    """The lines of a reminder's story, without their details."""
    return [step.code for step in row.trace]


def button(mail: Accepted) -> str:
    """The path of a message's button."""
    found = _BUTTON.search(mail.text)
    assert found is not None
    return found[1]


def unsubscribe_path(mail: Accepted) -> str:
    """The path of a message's one-click unsubscribe."""
    found = _UNSUBSCRIBE.search(mail.headers["List-Unsubscribe"])
    assert found is not None
    return found[1]


def mails_of(shop: Shop, viewer: Viewer) -> list[Accepted]:
    """A viewer's mailbox."""
    return [mail for mail in shop.mails if mail.address == viewer.mailbox]


def most_within(moments: Iterable[int], window: int) -> int:
    """How many of the moments lie within a rolling window at most, in milliseconds."""
    listed = sorted(moments)
    return max((sum(one <= each < one + window for each in listed) for one in listed), default=0)
