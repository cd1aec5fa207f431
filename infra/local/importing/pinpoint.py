"""What Amazon Pinpoint leaves behind: exported endpoints (CSV with dotted headers, or NDJSON), and the archive of its
event stream (NDJSON), in which bounces, complaints and opt-outs stand.

Source: the Pinpoint developer guide, "Importing segments" and "Streaming Amazon Pinpoint events". What an endpoint says
of its person is read by the same rule as a call of the SDK: it never grants consent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aftershow.model.ids import digest, is_usable_identity
from aftershow.model.instants import iso
from aftershow.model.json_text import mended
from aftershow.model.viewers import Suppression
from aftershow.rules.pinpoint import CHANNELS, endpoint_messages
from aftershow.rules.wires import Unusable as NotAnEndpoint
from infra.local.importing.files import Row
from infra.local.importing.members import suppressed
from infra.local.importing.rows import Person, Problem, Taken, Times
from infra.local.importing.values import Unusable

NO_GRANT = "Pinpoint keeps no consent, only opt-outs: no grant without evidence"
# Event types of the stream that say something against an address; all others say nothing that is imported.
_AGAINST: Mapping[str, tuple[str, Suppression]] = {
    "_email.hardbounce": ("email", "bounced"),
    "_email.complaint": ("email", "complained"),
    "_email.unsubscribe": ("email", "opted_out"),
    "_sms.optout": ("sms", "opted_out"),
}
_OPTED_OUT = "OPTED_OUT"
# Dotted headers under which lists of texts and numbers stand.
_NUMBERS = "Metrics"


def are_endpoints(headers: Sequence[str]) -> bool:
    """Whether a file's columns are those of an endpoint."""
    return "ChannelType" in headers and ("Address" in headers or "User.UserId" in headers)


def are_events(headers: Sequence[str]) -> bool:
    """Whether a file's columns are those of the event stream."""
    return {"event_type", "event_timestamp", "client.client_id"} <= set(headers)


def take_endpoint(row: Row, headers: Sequence[str], times: Times) -> Taken:
    """The messages of an endpoint; of one that opted out also the word against its address."""
    try:
        fields = _numbers(row.value) if row.value is not None else nested(headers, row.cells)
    except NotAnEndpoint as error:
        return Taken(row.line, problems=[Problem(row.line, "refused", str(error))])
    channel = CHANNELS.get(str(fields.get("ChannelType", "")).upper(), "")
    address = str(fields.get("Address") or "")
    name = str(fields.get("Id") or "") or f"endpoint-{digest('endpoint', channel, address, size=15)}"
    try:
        messages = endpoint_messages(name, fields, times.began_at, iso(times.as_of))
    except NotAnEndpoint as error:
        return Taken(row.line, problems=[Problem(row.line, "refused", str(error))])
    if not is_usable_identity(name) or not messages:
        return Taken(row.line, problems=[Problem(row.line, "refused", "says nothing of anybody")])
    return Taken(row.line, messages, [Problem(row.line, "not sendable", NO_GRANT)])


def _numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An object of NDJSON, whose numbers were kept as texts."""
    metrics = fields.get(_NUMBERS)
    return {**fields, _NUMBERS: _as_numbers(metrics)} if isinstance(metrics, dict) else dict(fields)


def _as_numbers(metrics: Mapping[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for name, value in metrics.items():
        try:
            read[name] = float(value)
        except (TypeError, ValueError):
            continue
    return read


def nested(headers: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """An object from dotted headers; empty cells are left out. Raises NotAnEndpoint."""
    fields: dict[str, Any] = {}
    for header, cell in zip(headers, cells, strict=False):
        if cell == "":
            continue
        *outer, last = header.split(".")
        inner = fields
        for name in outer:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise NotAnEndpoint(f"{name} is a column, and other columns are parts of it")
        inner[last] = cell
    return _numbers(fields)


def take_event(row: Row, times: Times) -> Taken:
    """The words against an address in an event; nothing for all the other events."""
    event = row.value or {}
    attributes = _object(event, "attributes")
    kind = str(event.get("event_type", "")).lower()
    found = _AGAINST.get(kind)
    if found is None and attributes.get("record_status") == _OPTED_OUT:
        found = ("sms", "opted_out")
    if found is None:
        return Taken(row.line)
    channel, reason = found
    endpoint = _endpoint(event)
    address = _address(event, endpoint, channel)
    if not address:
        return Taken(row.line, problems=[Problem(row.line, "refused", "names no address")])
    name = str(_object(event, "client").get("client_id") or "")
    user = _object(endpoint, "User").get("UserId")
    who = Person(str(user) if user else None, name if is_usable_identity(name) else None, None, None)
    try:
        at = times.within(int(str(event.get("event_timestamp"))))
    except (ValueError, Unusable):
        at = None
    messages = suppressed(who, channel, address, reason, at, times)
    if not who.identity():
        # Without anybody to withdraw, the address itself is what counts.
        messages = messages[:1]
    return Taken(row.line, messages)


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _endpoint(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The endpoint as it was, which the stream carries as a text."""
    said = _object(_object(event, "client_context"), "custom").get("endpoint")
    try:
        read = mended(json.loads(said)) if isinstance(said, str) else said
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _address(event: Mapping[str, Any], endpoint: Mapping[str, Any], channel: str) -> str:
    """The address that the event is about: as the provider says it, else the endpoint's."""
    mail = _object(_object(_object(_object(event, "facets"), "email_channel"), "mail_event"), "mail")
    destinations = mail.get("destination")
    if channel == "email" and isinstance(destinations, list) and len(destinations) == 1:
        return str(destinations[0])
    number = _object(event, "attributes").get("destination_phone_number")
    if channel == "sms" and number:
        return str(number)
    of_channel = CHANNELS.get(str(endpoint.get("ChannelType", "")).upper()) == channel
    return str(endpoint.get("Address") or "") if of_channel else ""
