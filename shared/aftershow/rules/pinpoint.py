"""Amazon Pinpoint's words, read into Segment's: PutEvents, UpdateEndpoint, UpdateEndpointsBatch.

Source: botocore's model of Pinpoint (2016-12-01) and its developer guide. An endpoint is an address of a person: its
user id names the person, its own id an anonymous visitor. An endpoint never grants consent: OptOut NONE is what
Pinpoint assumes where nobody said anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from aftershow.model.ids import digest
from aftershow.model.instants import DAY, iso, parse_instant
from aftershow.rules.intake import MAX_AGE, MAX_AHEAD
from aftershow.rules.wires import (
    Translated,
    Unusable,
    body_of,
    check_number,
    event_name,
    items,
    parts,
    read_object,
    whole,
)

# What an SDK finds in the answer for each item.
ACCEPTED, REFUSED = 202, 400

# Which of our channels an address belongs to. Any other type (CUSTOM, IN_APP, new ones) has none.
CHANNELS = {"EMAIL": "email", "SMS": "sms", "VOICE": "sms"} | dict.fromkeys(
    ("PUSH", "GCM", "APNS", "APNS_SANDBOX", "APNS_VOIP", "APNS_VOIP_SANDBOX", "ADM", "BAIDU"), "push"
)
# What is brought within the door's limit must still be within it when it gets there: an import may go on days later.
_SAFE_AGE = MAX_AGE - 35 * DAY
# Attributes are texts; these two are read as yes or no.
_FLAGS = ("livestream", "cancelled")


class _Fields(msgspec.Struct, rename="pascal"):
    """Pinpoint's names in ours."""


class _User(_Fields):
    user_id: str | int | None = None
    user_attributes: dict[str, Any] | None = None


class _Demographic(_Fields):
    locale: str | None = None
    timezone: str | None = None
    platform: str | None = None
    make: str | None = None
    model: str | None = None
    app_version: str | None = None


class _Location(_Fields):
    city: str | None = None
    country: str | None = None
    postal_code: str | None = None
    region: str | None = None


class _Endpoint(_Fields):
    address: str | None = None
    attributes: dict[str, Any] | None = None
    channel_type: str | None = None
    demographic: _Demographic | None = None
    effective_date: str | None = None
    endpoint_status: str | None = None
    location: _Location | None = None
    metrics: dict[str, float] | None = None
    opt_out: str | None = None
    user: _User | None = None


class _Event(_Fields):
    event_type: str | None = None
    timestamp: str | None = None
    attributes: dict[str, Any] | None = None
    metrics: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """An endpoint (`event` None) or an event of a request, translated."""

    endpoint: str
    event: str | None
    translated: Translated


def endpoint_messages(endpoint_id: str, fields: Mapping[str, Any], now: int, at: str | None = None) -> list[Any]:
    """What an endpoint says of its person, as Segment messages: an identify, and where it opted out a withdrawal of
    consent and a suppression of its address. Empty where it says nothing.

    fields  as in a request or a line of an export; lists of one text may be texts
    now     epoch ms; a stated moment that nobody could mean is brought within what is taken
    at      the moment where EffectiveDate is missing, ISO 8601

    Raises Unusable.
    """
    return _said(endpoint_id, _endpoint(fields), now, at)


def _endpoint(fields: Mapping[str, Any]) -> _Endpoint:
    try:
        read = msgspec.convert(fields, _Endpoint)
    except msgspec.ValidationError as error:
        # The path is Pinpoint's names and ours, never a value.
        raise Unusable(f"Endpoint: {_place(error)} has the wrong type") from None
    if (read.opt_out or "NONE").upper() not in ("ALL", "NONE"):
        raise Unusable("Endpoint: OptOut must be ALL or NONE")
    return read


def _place(error: msgspec.ValidationError) -> str:
    path = str(error).rpartition("`$")[2].strip("`.") if "`$" in str(error) else ""
    return path.partition("[")[0] or "a field"


def _said(endpoint_id: str, endpoint: _Endpoint, now: int, at: str | None) -> list[Any]:
    moment = _moment(endpoint.effective_date, now) or _moment(at, now)
    base: dict[str, Any] = {"anonymousId": endpoint_id}
    if (user := _user(endpoint)) is not None:
        base["userId"] = user
    if moment:
        base["timestamp"] = moment
    traits, context = _traits(endpoint), _context(endpoint)
    messages = []
    if user is not None or traits or context:
        messages.append({"type": "identify", **base, "traits": traits, "context": context})
    if (endpoint.opt_out or "").upper() == "ALL":
        messages += [{"type": "track", **base, **said} for said in _opted_out(endpoint)]
    for message in messages:
        said = msgspec.json.encode(message, order="deterministic").decode()
        message["messageId"] = f"pinpoint-{digest('pinpoint endpoint', endpoint_id, said, size=15)}"
    return messages


def _opted_out(endpoint: _Endpoint) -> Iterator[dict[str, Any]]:
    """The person withdraws consent; and the address is suppressed, whoever's profile carries it, since an endpoint
    often has no user."""
    channel = CHANNELS.get((endpoint.channel_type or "").upper())
    # Where no channel of ours is meant, the strictest reading: all of them.
    withdrawn = {"purpose": "marketing", "channel": channel or "all", "state": "withdrawn", "source": "pinpoint"}
    yield {"event": "Message Consent Updated", "properties": withdrawn}
    address = _address(endpoint)
    if channel and address and (channel != "email" or "@" in address):
        suppressed = {"channel": channel, "address": address, "reason": "opted_out"}
        yield {"event": "Message Address Suppressed", "properties": suppressed}


def _user(endpoint: _Endpoint) -> str | None:
    user = endpoint.user.user_id if endpoint.user else None
    return str(user) if user not in (None, "") else None


def _address(endpoint: _Endpoint) -> str:
    return (endpoint.address or "").strip()


def _moment(stated: str | None, now: int) -> str | None:
    """The stated moment within what the door takes. Who was told long ago has still been told."""
    try:
        at = parse_instant(stated) if stated else None
    except ValueError:
        return None
    return None if at is None or at > now + MAX_AHEAD else iso(max(at, now - _SAFE_AGE))


def _traits(endpoint: _Endpoint) -> dict[str, Any]:
    own = endpoint.user.user_attributes if endpoint.user else None
    traits = {**_plain(endpoint.metrics), **_plain(endpoint.attributes), **_plain(own)}
    # The address of an inactive endpoint is one that Pinpoint has replaced.
    address, active = _address(endpoint), (endpoint.endpoint_status or "").upper() != "INACTIVE"
    trait = {"email": "email", "sms": "phone"}.get(CHANNELS.get((endpoint.channel_type or "").upper(), ""))
    if trait and address and active:
        traits[trait] = address
    if endpoint.location:
        stands = msgspec.to_builtins(endpoint.location)
        place = {ours: stands[theirs] for ours, theirs in _ADDRESS.items() if stands[theirs]}
        traits |= {"address": place} if place else {}
    return traits


_ADDRESS = {"city": "City", "country": "Country", "postalCode": "PostalCode", "state": "Region"}


def _context(endpoint: _Endpoint) -> dict[str, Any]:
    """Zone, locale, device and push token, where they are said."""
    about = endpoint.demographic or _Demographic()
    said = {"timezone": about.timezone, "locale": about.locale}
    context: dict[str, Any] = {name: value for name, value in said.items() if value}
    channel = CHANNELS.get((endpoint.channel_type or "").upper())
    active = (endpoint.endpoint_status or "").upper() != "INACTIVE"
    token = _address(endpoint) if channel == "push" and active else None
    device = {"token": token, "type": about.platform, "manufacturer": about.make, "model": about.model}
    if token:
        device["service"] = endpoint.channel_type
    if given := {name: value for name, value in device.items() if value}:
        context["device"] = given
    if about.app_version:
        context["app"] = {"version": about.app_version}
    return context


def _plain(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """A list of one as the one; whole numbers without a point."""
    plain = {}
    for name, value in (given or {}).items():
        one = value[0] if isinstance(value, list) and len(value) == 1 else value
        plain[name] = int(one) if isinstance(one, float) and one.is_integer() else one
    return plain


def read_endpoint(endpoint_id: str, body: bytes, now: int) -> Thing:
    """UpdateEndpoint. Raises RequestRefused."""
    return _updated(endpoint_id, whole(body_of(body)), now)


def read_endpoints(body: bytes, now: int) -> list[Thing]:
    """UpdateEndpointsBatch. Raises RequestRefused."""
    listed = items(parts(body_of(body)).get("Item", b""))
    check_number(len(listed))
    return [_updated(None, raw, now) for raw in listed]


def _updated(endpoint_id: str | None, raw: bytes, now: int) -> Thing:
    name = endpoint_id or ""
    original = b'{"Item":[' + (_with_id(name, raw) if endpoint_id else raw) + b"]}"
    try:
        fields = read_object(raw)
        name = endpoint_id or _id(fields)
        said = endpoint_messages(name, fields, now)
    except Unusable as unusable:
        return Thing(name, None, Translated(original, reason=str(unusable)))
    return Thing(name, None, Translated(original, tuple(said)))


def _id(fields: Mapping[str, Any]) -> str:
    name = fields.get("Id")
    if not isinstance(name, str) or not name:
        raise Unusable("Id is missing")
    return name


def _with_id(endpoint_id: str, raw: bytes) -> bytes:
    inner = raw[1:].lstrip()
    return b'{"Id":' + msgspec.json.encode(endpoint_id) + (b"," if inner[:1] != b"}" else b"") + inner


def read_events(body: bytes, now: int) -> list[Thing]:
    """PutEvents: of each item its endpoint, then its events. Raises RequestRefused."""
    batch = parts(parts(body_of(body)).get("BatchItem", b""))
    things = [thing for endpoint_id, raw in batch.items() for thing in _item(endpoint_id, parts(raw), now)]
    check_number(sum(thing.event is not None for thing in things))
    return things


def _item(endpoint_id: str, raw: Mapping[str, bytes], now: int) -> Iterator[Thing]:
    stated = raw.get("Endpoint", b"{}")
    events = parts(raw.get("Events", b"{}"))
    read = [(event_id, text, _event(text)) for event_id, text in events.items()]
    newest = _newest([event.timestamp for _, _, event in read if isinstance(event, _Event)])
    endpoint, reason = _Endpoint(), ""
    said: list[Any] = []
    try:
        endpoint = _endpoint(read_object(stated))
        said = _said(endpoint_id, endpoint, now, newest)
    except Unusable as unusable:
        reason = str(unusable)
    yield Thing(endpoint_id, None, Translated(_request(endpoint_id, stated), tuple(said), reason))
    who = {"anonymousId": endpoint_id, "userId": _user(endpoint)}
    about = {name: value for name, value in _context(endpoint).items() if name in ("timezone", "locale")}
    for event_id, text, event in read:
        original = _request(endpoint_id, stated, event_id, text)
        if isinstance(event, str):
            yield Thing(endpoint_id, event_id, Translated(original, reason=event))
        else:
            message_id = f"pinpoint-{digest('pinpoint event', endpoint_id, event_id, size=15)}"
            message = {**_tracked(event), **who, "messageId": message_id, "context": about}
            yield Thing(endpoint_id, event_id, Translated(original, (message,)))


def _newest(stated: Sequence[str | None]) -> str | None:
    """A client that dates no endpoint means: as it was when the last of these things happened."""
    moments = []
    for text in stated:
        with suppress(ValueError):
            moments.append(parse_instant(text or ""))
    return iso(max(moments)) if moments else None


def _request(endpoint_id: str, endpoint: bytes, event_id: str | None = None, event: bytes = b"") -> bytes:
    """A request with one thing of this one in it."""
    events = msgspec.json.encode(event_id) + b":" + event if event_id is not None else b""
    item = b'{"Endpoint":' + endpoint + b',"Events":{' + events + b"}}"
    return b'{"BatchItem":{' + msgspec.json.encode(endpoint_id) + b":" + item + b"}}"


def _event(text: bytes) -> _Event | str:
    """An event, or why it is none."""
    try:
        event = msgspec.convert(read_object(text), _Event)
    except Unusable as unusable:
        return str(unusable)
    except msgspec.ValidationError as error:
        return f"{_place(error)} has the wrong type"
    missing = [name for name, value in (("EventType", event.event_type), ("Timestamp", event.timestamp)) if not value]
    return f"{missing[0]} is missing" if missing else event


def _tracked(event: _Event) -> dict[str, Any]:
    properties = {**_plain(event.attributes), **_plain(event.metrics)}
    for name in _FLAGS:
        if properties.get(name) in ("true", "false"):
            properties[name] = properties[name] == "true"
    given = event.event_type or ""
    return {
        "type": "track",
        "event": event_name(given) or given,
        "timestamp": event.timestamp,
        "properties": properties,
    }


def events_answer(things: list[Thing], reasons: tuple[str, ...]) -> dict[str, object]:
    """The body of the answer to PutEvents: a status for each endpoint and event."""
    results: dict[str, Any] = {}
    for thing, reason in zip(things, reasons, strict=True):
        item = results.setdefault(thing.endpoint, {"EndpointItemResponse": {}, "EventsItemResponse": {}})
        status = {"StatusCode": REFUSED if reason else ACCEPTED, "Message": reason or "Accepted"}
        if thing.event is None:
            item["EndpointItemResponse"] = status
        else:
            item["EventsItemResponse"][thing.event] = status
    return {"Results": results}


def endpoints_answer(reasons: tuple[str, ...], request_id: str) -> dict[str, object]:
    """The body of the answer to an update of endpoints. It has no status for each: what was refused is counted."""
    refused = [reason for reason in reasons if reason]
    message = f"{len(refused)} of {len(reasons)} refused and kept: {refused[0]}" if refused else "Accepted"
    return {"Message": message, "RequestID": request_id}
