"""What Douyin pushes from a live room (comments, likes, gifts, fan club), read into Segment's words.

Source: Douyin open platform, "live room data" (push protocol, message payloads, signature). A viewer is known there by
`sec_openid` only; the room names the show.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import md5
from typing import Any

import msgspec

from aftershow.model.ids import digest
from aftershow.model.instants import MINUTE, SECOND, iso
from aftershow.model.json_text import BrokenJson, read_json
from aftershow.rules.intake import RequestRefused
from aftershow.rules.wires import Translated, Unusable, body_of, check_number, items, read_object, whole

SOURCE = "douyin"
SIGNED = ("x-msg-type", "x-nonce-str", "x-roomid", "x-timestamp")
# The platform gives a push up after 2 s; who records one and sends it again later is somebody else.
FRESH = 10 * MINUTE
# Below this a timestamp is in seconds (the year 5138), from there on in milliseconds (1973).
_MILLISECONDS = 100_000_000_000
# Moments that a date can be made of.
_MAX_MOMENT = 10_000_000_000_000
_JOINED, _LEFT = 2, 16
# What of the headers says what a message is about.
_ABOUT = ("x-msg-type", "x-roomid", "x-timestamp")


def signature(headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """The signature of a push: base64 of the MD5 of the signed headers by name, the body and the secret."""
    signed = "&".join(f"{name}={headers.get(name, '')}" for name in SIGNED)
    hashed = md5(signed.encode() + body + secret.encode(), usedforsecurity=False)
    return b64encode(hashed.digest()).decode()


def reason_to_doubt(headers: Mapping[str, str], body: bytes, secret: str, now: int) -> str | None:
    """Why a push is not the platform's; None where it is. Header names in lower case."""
    missing = [name for name in SIGNED if not headers.get(name)]
    if missing:
        return f"{missing[0]} is missing"
    given = headers.get("x-signature", "")
    if not hmac.compare_digest(given.encode(), signature(headers, body, secret).encode()):
        return "x-signature is wrong"
    sent = _instant(headers["x-timestamp"])
    if sent is None or abs(now - sent) > FRESH:
        return f"x-timestamp is more than {FRESH // MINUTE} minutes off"
    return None


def read(headers: Mapping[str, str], body: bytes) -> list[Translated]:
    """The messages of a push, each as an event. Raises RequestRefused."""
    body = body_of(body)
    kind, room, sent = headers["x-msg-type"], headers["x-roomid"], _instant(headers["x-timestamp"])
    listed = [whole(body)] if body[:1] == b"{" else items(body)
    check_number(len(listed))
    # What stands in the headers goes with a message that is kept: without it nobody could read it again.
    about = msgspec.json.encode({name: headers[name] for name in _ABOUT})[:-1]
    return [_translated(kind, room, sent, text, about + b',"message":' + text + b"}") for text in listed]


def read_kept(kept: Mapping[str, bytes]) -> list[Translated]:
    """A message that was kept with its headers, by their names. Raises RequestRefused."""
    try:
        headers = {name: read_json(kept[name]) for name in _ABOUT}
        message = kept["message"]
    except (KeyError, BrokenJson):
        raise RequestRefused("this is no message that was kept with its headers") from None
    return read({name: str(value) for name, value in headers.items()}, b"[" + message + b"]")


def _translated(kind: str, room: str, sent: int | None, text: bytes, original: bytes) -> Translated:
    try:
        return Translated(original, (_message(kind, room, sent, read_object(text)),))
    except Unusable as unusable:
        return Translated(original, reason=str(unusable))


def _message(kind: str, room: str, sent: int | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    name, properties = _SAID.get(kind, _unknown(kind))(fields)
    at = _instant(fields["timestamp"]) if fields.get("timestamp") is not None else sent
    if at is None:
        raise Unusable("timestamp must be epoch milliseconds")
    return {
        "type": "track",
        "event": name,
        "messageId": f"douyin-{digest('douyin', _named(fields, 'msg_id'), size=15)}",
        # Their ids are theirs alone: without the name in front another platform's could be the same.
        "anonymousId": f"douyin:{_named(fields, 'sec_openid')}",
        "timestamp": iso(at),
        "properties": {"show_id": f"douyin-{room}", **properties},
    }


def _named(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise Unusable(f"{name} is missing")
    return str(value)


def _instant(stated: object) -> int | None:
    """Epoch milliseconds of a timestamp in seconds or milliseconds, also as text."""
    try:
        value = int(stated) if isinstance(stated, (int, str)) and not isinstance(stated, bool) else 0
    except ValueError:
        return None
    if not 0 < value < _MAX_MOMENT:
        return None
    return value if value >= _MILLISECONDS else value * SECOND


def _count(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 1


Said = tuple[str, dict[str, Any]]


def _comment(fields: Mapping[str, Any]) -> Said:
    text = fields.get("content")
    if not isinstance(text, str):
        raise Unusable("content must be a text")
    return "Live Comment Sent", {"text": text}


def _like(fields: Mapping[str, Any]) -> Said:
    return "Live Liked", {"count": _count(fields, "like_num")}


def _gift(fields: Mapping[str, Any]) -> Said:
    if fields.get("test") is True:
        raise Unusable("a gift that the platform made for a test")
    properties: dict[str, Any] = {"count": _count(fields, "gift_num"), "gift_id": fields.get("sec_gift_id")}
    fen = fields.get("gift_value")
    if isinstance(fen, int) and not isinstance(fen, bool) and fen >= 0:
        properties |= {"value": f"{fen // 100}.{fen % 100:02}", "currency": "CNY"}
    return "Live Gift Sent", properties


def _fan_club(fields: Mapping[str, Any]) -> Said:
    reason, level = fields.get("fansclub_reason_type"), {"level": fields.get("fansclub_level")}
    if reason == _LEFT:
        return "Live Fan Club Left", {}
    return ("Live Fan Club Joined" if reason == _JOINED else "Live Fan Club Levelled Up"), level


def _unknown(kind: str) -> Callable[[Mapping[str, Any]], Said]:
    """A message type that the platform added since: kept as behaviour under its own name."""
    return lambda _fields: (kind, {})


_SAID: Mapping[str, Callable[[Mapping[str, Any]], Said]] = {
    "live_comment": _comment,
    "live_like": _like,
    "live_gift": _gift,
    "live_fansclub": _fan_club,
}
