"""CloudEvents 1.0 over HTTP (structured, batched and binary mode), read into Segment's words.

Source: CloudEvents 1.0.2 with its JSON format and HTTP binding. An event's type is its name, its data the properties;
data names the viewer (userId, anonymousId), else the subject does; (source, id) tells a repetition.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from aftershow.model.ids import digest
from aftershow.rules.intake import CATALOG, RequestRefused
from aftershow.rules.wires import (
    Translated,
    Unusable,
    body_of,
    check_number,
    event_name,
    items,
    read_object,
    whole,
    words_of,
)

BATCHED = "application/cloudevents-batch"
STRUCTURED = "application/cloudevents"

# Data fields that name the viewer, in Segment's words and as others write them.
_NAMES = {"userId": "userId", "user_id": "userId", "anonymousId": "anonymousId", "anonymous_id": "anonymousId"}
_NAMES |= {"previousId": "previousId", "previous_id": "previousId"}
_PEOPLE = frozenset({"user", "users", "viewer", "viewers", "member", "members", "customer", "customers"})
_MADE_KNOWN = frozenset({"identified", "created", "updated", "registered"})


def read(headers: Mapping[str, str], body: bytes) -> list[Translated]:
    """The events of a request; header names in lower case. Raises RequestRefused."""
    body = body_of(body)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(BATCHED):
        _check_format(kind)
        listed = items(body)
        check_number(len(listed))
        return [_translated(text) for text in listed]
    if kind.startswith(STRUCTURED):
        _check_format(kind)
        return [_translated(whole(body))]
    if "ce-specversion" in headers:
        return [_translated(_structured(headers, body))]
    raise RequestRefused(
        f"this is no CloudEvent: send content-type {STRUCTURED}+json, {BATCHED}+json, or ce-* headers with data as JSON"
    )


def _check_format(kind: str) -> None:
    if kind.partition("+")[2] not in ("json", ""):
        raise RequestRefused("of the formats of CloudEvents only JSON is read")


def _structured(headers: Mapping[str, str], body: bytes) -> bytes:
    """A binary request as a structured event: names and values from ce-* headers (percent-encoded), the body as it is
    where it is JSON."""
    said = {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    said.pop("data", None)
    if "content-type" in headers:
        said["datacontenttype"] = headers["content-type"]
    event = msgspec.json.encode(said)
    if not body:
        return event
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return event[:-1] + b',"data_base64":"' + b64encode(body) + b'"}'
    return event[:-1] + b',"data":' + body + b"}"


def _translated(text: bytes) -> Translated:
    try:
        return Translated(text, (_message(read_object(text)),))
    except Unusable as unusable:
        return Translated(text, reason=str(unusable))


def _message(event: Mapping[str, Any]) -> dict[str, Any]:
    version, identifier, source, given = (_required(event, name) for name in ("specversion", "id", "source", "type"))
    if version != "1.0":
        raise Unusable("specversion must be 1.0")
    data = _data(event)
    name = event_name(given)
    who = _who(event, data, name)
    message: dict[str, Any] = {**who, "messageId": f"ce-{digest('cloudevents', source, identifier, size=20)}"}
    if (time := event.get("time")) is not None:
        if not isinstance(time, str):
            raise Unusable("time must be a text")
        # RFC 3339 allows t and z.
        message["timestamp"] = time.upper()
    if isinstance(data.get("context"), dict):
        message["context"] = data["context"]
    properties = {key: value for key, value in data.items() if key not in (*_NAMES, "traits", "context", "properties")}
    if isinstance(data.get("properties"), dict):
        properties |= data["properties"]
    traits = data.get("traits")
    if name is None and words_of(given)[-1:] == ("alias",):
        return {"type": "alias", **message}
    if name is None and (isinstance(traits, dict) or _makes_known(given)):
        return {"type": "identify", **message, "traits": traits if isinstance(traits, dict) else properties}
    return {"type": "track", "event": name or given, **message, "properties": properties}


def _required(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name)
    if value is None or value == "":
        raise Unusable(f"{name} is missing")
    if not isinstance(value, str):
        raise Unusable(f"{name} must be a text")
    return value


def _data(event: Mapping[str, Any]) -> dict[str, Any]:
    """The data as an object; none is an empty one. Raises Unusable."""
    data, packed = event.get("data"), event.get("data_base64")
    if isinstance(packed, str) and data is None:
        try:
            return read_object(b64decode(packed, validate=True))
        except ValueError:
            raise Unusable("data_base64 is not base64") from None
    if isinstance(data, str):
        # JSON inside of a text: what some senders make of a body that they don't look into.
        return read_object(data.encode())
    if data is not None and not isinstance(data, dict):
        raise Unusable("data must be an object")
    return data or {}


def _who(event: Mapping[str, Any], data: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    named = {ours: data[theirs] for theirs, ours in _NAMES.items() if data.get(theirs) not in (None, "")}
    if "userId" in named or "anonymousId" in named or name in CATALOG:
        return named
    subject = event.get("subject")
    if not isinstance(subject, str):
        return named
    kind, slash, value = subject.strip("/").rpartition("/")
    if not slash or kind.lower() in _PEOPLE:
        return {**named, "userId": value}
    # A subject of another kind (orders/77) names no viewer.
    return {**named, "anonymousId": value} if kind.lower() == "anonymous" else named


def _makes_known(given: str) -> bool:
    """identify, user.identified, customer.updated: what is said of a person."""
    words = words_of(given)
    if words[-1:] in (("identify",), ("identified",)):
        return True
    return len(words) > 1 and words[-1] in _MADE_KNOWN and words[-2] in _PEOPLE
