"""The synthetic show: a stream of HTTP requests as real clients would send them, from one seed.

`generate` gives the requests in order of arrival; `audience.intend` gives, for the same arguments,
the truth behind them. Like real traffic the stream has requests that are sent again, that come
late, whose events are out of order, and events that no one should accept. `Tally` counts them.

Everything is labelled synthetic: the show's title, the library's name, addresses at example.com.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from infra.local.audience import intend
from infra.local.behaviour import Message, completed, messages
from infra.local.chance import happens, seeded
from infra.local.people import Order, Person, Truth
from infra.local.programme import HOST_ID, HOUR_MS, MINUTE_MS, SECOND_MS, Programme
from infra.local.spoilt import MENDABLE, OTHER_AMOUNT, spoilt_event
from infra.local.wire import Request, batch_request, iso, single_request

LIBRARY = {"name": "aftershow-synthetic", "version": "1"}
# The shop's server sends each message by itself; identity tells this context from a client's.
SERVER_CONTEXT: Message = {"library": {**LIBRARY, "variant": "server"}}
# Shares of requests that are sent again, that come late, whose events are shuffled; of bad events.
_RESENT = 0.02
_LATE = 0.015
_SHUFFLED = 0.04
_BAD = 0.003
# Less than the five hours after which an order is contradicted, so that the first word comes first.
_LATEST_MS = 4 * HOUR_MS
# A client sends when it has so many events (drawn once per client), or when a moment matters.
_FEWEST_BATCHED, _MOST_BATCHED = 20, 60
_SENT_AT_ONCE = frozenset(("Live Room Left", "Checkout Started", "Message Consent Updated", "Live Unfollowed"))
# A client that falls silent has sent what it had.
_SILENCE_MS = 10 * MINUTE_MS

_CAMPAIGNS: dict[str, dict[str, str]] = {
    "short_video": {"source": "synthetic-video", "medium": "short_video", "name": "tea-teaser"},
    "paid": {"source": "synthetic-ads", "medium": "paid", "name": "spring-live"},
    "wecom": {"source": "wecom", "medium": "private_domain", "name": "tea-friends"},
}


@dataclass
class Tally:
    """What `generate` has sent so far, in requests and events.

    `events` counts every event that travelled: also those sent again (`resent`) and the bad ones,
    which `bad` counts by kind.
    """

    requests: int = 0
    events: int = 0
    resent_requests: int = 0
    resent: int = 0
    bad: dict[str, int] = field(default_factory=dict)

    def count(self, messages: Sequence[object], bad: str | None, *, again: bool) -> None:
        """Count one request that was sent."""
        self.requests += 1
        self.events += len(messages)
        if again:
            self.resent_requests += 1
            self.resent += len(messages)
        if bad:
            self.bad[bad] = self.bad.get(bad, 0) + 1

    @property
    def refused(self) -> int:
        """Events that should end as dead letters."""
        return sum(self.bad.values()) - self.bad.get(MENDABLE, 0)

    @property
    def good(self) -> int:
        """Different events that should be accepted, each once."""
        return self.events - self.resent - self.refused


@dataclass(frozen=True, slots=True)
class _Parcel:
    """Messages of one client or server that travel together, from `at` (epoch ms) on.

    `bad` names what is wrong with one of them, if anything is.
    """

    at: int
    messages: tuple[Message, ...]
    context: Message
    clock_ahead_ms: int = 0
    bad: str | None = None

    def request(self, at: int) -> Request:
        """As a request that arrives at `at`; a client that sends again stamps `sentAt` anew."""
        sent_at = at + self.clock_ahead_ms
        if self.context is SERVER_CONTEXT:
            return single_request(at, self.messages[0], self.context, sent_at)
        return batch_request(at, self.messages, self.context, sent_at)


def generate(viewers: int, seed: int, days: int, starts_at: int, tally: Tally | None = None) -> Iterator[Request]:
    """The requests of one show and `days` days from its start, in order of arrival.

    `starts_at` is the first show's start in epoch milliseconds (`programme.USUAL_START` is 19:00 in
    Shanghai). The same arguments give the same bytes. `tally`, if given, is counted up on the way.
    """
    return stream(intend(viewers, seed, days, starts_at), tally)


def stream(truth: Truth, tally: Tally | None = None) -> Iterator[Request]:
    """The requests of `truth`, in order of arrival.

    A viewer's requests are made when the viewer first appears, so that few are held at a time.
    """
    road = _Road(truth.programme, Tally() if tally is None else tally)
    for parcel in _announcements(truth.programme):
        road.take(parcel)
    coming = sorted(truth.people, key=lambda person: (person.first_seen_at, person.number))
    for person in coming:
        yield from road.until(person.first_seen_at)
        for parcel in _parcels(person, truth.programme):
            road.take(parcel)
    yield from road.until(truth.programme.ends_at)


class _Road:
    """Between the clients and the shop: where requests are repeated, delayed and spoilt."""

    def __init__(self, programme: Programme, tally: Tally) -> None:
        self._source = seeded(programme.seed)
        self._programme = programme
        self._tally = tally
        self._waiting: list[tuple[int, int, bool, _Parcel]] = []
        self._taken = 0
        self._spoilt = 0

    def take(self, parcel: _Parcel) -> None:
        """Put a parcel on its way, perhaps late, and perhaps twice. All arrives before the end."""
        source = self._source
        if parcel.context is not SERVER_CONTEXT and parcel.clock_ahead_ms == 0:
            parcel = self._spoil(parcel)
        if happens(source, _SHUFFLED):
            shuffled = source.sample(parcel.messages, k=len(parcel.messages))
            parcel = replace(parcel, messages=tuple(shuffled))
        at = parcel.at
        if happens(source, _LATE):
            at += min(_LATEST_MS, int(10 * MINUTE_MS * source.lognormvariate(0, 1.2)))
        self._put(at, parcel, again=False)
        # What becomes of a bad event that comes twice is left to the tests of dead letters.
        if happens(source, _RESENT) and parcel.bad is None:
            self._put(at + source.randint(2 * SECOND_MS, 5 * MINUTE_MS), parcel, again=True)

    def until(self, moment: int) -> Iterator[Request]:
        """What arrives before `moment`, in order."""
        while self._waiting and self._waiting[0][0] < moment:
            at, _, again, parcel = heapq.heappop(self._waiting)
            self._tally.count(parcel.messages, parcel.bad, again=again)
            yield parcel.request(at)

    def _put(self, at: int, parcel: _Parcel, *, again: bool) -> None:
        self._taken += 1
        last_moment = self._programme.ends_at - 1
        heapq.heappush(self._waiting, (min(at, last_moment), self._taken, again, parcel))

    def _spoil(self, parcel: _Parcel) -> _Parcel:
        if not happens(self._source, _BAD * len(parcel.messages)):
            return parcel
        show_id = self._programme.shows[0].show_id
        kind, event = spoilt_event(self._source, self._spoilt, show_id, parcel.messages[0], parcel.at)
        self._spoilt += 1
        return replace(parcel, messages=(*parcel.messages, event), bad=kind)


def _announcements(programme: Programme) -> Iterator[_Parcel]:
    """What the live platform says of the shows themselves; nobody's identity is in it."""
    for show in programme.shows:
        where: Message = {"show_id": show.show_id, "host_id": HOST_ID}
        plan = {**where, "title": show.title, "starts_at": iso(show.starts_at)}
        plan |= {"ends_at": iso(show.ends_at)}
        told: list[tuple[int, str, Message]] = [
            (show.announced_at, "Live Show Scheduled", plan),
            (show.starts_at, "Live Show Started", {**where, "title": show.title}),
            (show.ends_at, "Live Show Ended", {**where, "replay_url": show.replay_url}),
        ]
        told += [(at, "Live Product Explained", {**where, **product.properties()}) for at, product in show.explained]
        for index, (at, event, properties) in enumerate(told):
            message: Message = {
                "type": "track",
                "event": event,
                "messageId": f"syn-{show.show_id}-{index}",
                "timestamp": iso(at),
                "properties": properties,
            }
            yield _Parcel(at, (message,), SERVER_CONTEXT)


def _parcels(person: Person, programme: Programme) -> Iterator[_Parcel]:
    """Everything that is sent of one person."""
    source = seeded(f"{person.seed} sending")
    client, server = messages(person, programme)
    context = _context(source, person)
    for batch in _batches(client, source.randint(_FEWEST_BATCHED, _MOST_BATCHED)):
        at = batch[-1][0] + source.randint(200, 2500)
        told = tuple(message for _, message in batch)
        yield _Parcel(at, told, context, person.clock_ahead_ms)
    for at, message in server:
        yield _Parcel(at + source.randint(50, 900), (message,), SERVER_CONTEXT)
    for order in person.orders:
        if order.contradicted_at is not None:
            yield _contradiction(person, order, order.contradicted_at)


def _batches(said: Sequence[tuple[int, Message]], most: int) -> Iterator[list[tuple[int, Message]]]:
    batch: list[tuple[int, Message]] = []
    for at, message in said:
        if batch and at - batch[-1][0] > _SILENCE_MS:
            yield batch
            batch = []
        batch.append((at, message))
        at_once = message["type"] == "identify" or message.get("event") in _SENT_AT_ONCE
        if at_once or len(batch) == most:
            yield batch
            batch = []
    if batch:
        yield batch


def _contradiction(person: Person, order: Order, at: int) -> _Parcel:
    """A known order id with another amount: the shop's server has gone wrong."""
    message: Message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": f"syn-bad-{order.order_id}",
        "userId": person.user_id or person.anonymous_id,
        "timestamp": iso(order.at),
        "properties": completed(order, order.total + 100),
    }
    return _Parcel(at, (message,), SERVER_CONTEXT, bad=OTHER_AMOUNT)


def _context(source: random.Random, person: Person) -> Message:
    """The context of a client's batches; a sixth of the clients does not know its own zone."""
    context: Message = {
        "library": LIBRARY,
        "locale": person.locale,
        "userAgent": "AftershowSynthetic/1.0 (phone)",
    }
    if happens(source, 0.84):
        context["timezone"] = person.zone
    if person.channel in _CAMPAIGNS:
        context["campaign"] = _CAMPAIGNS[person.channel]
    elif happens(source, 0.5):
        context["page"] = {"referrer": "https://search.example.com/"}
    if person.device_token:
        context["device"] = {"token": person.device_token, "type": "android"}
    if person.wecom_id:
        wecom = {"id": person.wecom_id, "type": "wecom_external_userid"}
        context["externalIds"] = [{**wecom, "collection": "users", "encoding": "none"}]
    return context
