"""Packing a stored text that has grown: what DynamoDB writes is paid for by the kilobyte.

{"z1": "..."} is base85 of raw deflate with the dictionary 1. A packed text stays a JSON text, as the store wants it.
"""

from __future__ import annotations

import zlib
from base64 import b85decode, b85encode

# With the item's keys and version, what is shorter is one write unit anyway, and stays readable.
LEAST_BYTES = 640
# What engagements say again and again; the most frequent last. It's part of the form: never change it, add another.
_DICTIONARY = (
    b'"score":{"version":"prior-1","intent":,"temperature":"considering","temperature":"hot","reasons":[{"code":"in_cart",'
    b'"amount":,"points":},{"code":"products_clicked"},{"code":"checkout_started"},{"code":"watched_minutes"'
    b'"pieces":"","referrer":{"value":"","link":{"value":"","locale":{"value":"zh-CN","at":177,"id":"","zone":{"value":'
    b'"Asia/Shanghai","source":{"value":"","questions":{"product":"technical":"logistics":"promotion":"alarms":{'
    b'"interests":{"votes":{"compared":{"checkout_step":,"cart":{"":{"quantity":1,"minor":,"currency":"CNY","name":"",'
    b'"url":"https://","at":177,"id":"","products":{"":177,"kinds":,"estimated":true,"counted":".","left_seconds":,'
    b'"watched":"","first_at":177,"last_at":177,"show":"","about":"show#","viewer":"'
)
_BEGINS, _ENDS = '{"z1":"', '"}'
_RAW = -15


def packed(text: str) -> str:
    """The text as it is stored: itself where it is short, or doesn't get shorter."""
    data = text.encode()
    if len(data) < LEAST_BYTES:
        return text
    squeezer = zlib.compressobj(wbits=_RAW, zdict=_DICTIONARY)
    smaller = _BEGINS + b85encode(squeezer.compress(data) + squeezer.flush()).decode() + _ENDS
    return smaller if len(smaller) < len(data) else text


def unpacked(stored: str) -> str:
    """The text that was packed."""
    if not stored.startswith(_BEGINS):
        return stored
    opener = zlib.decompressobj(wbits=_RAW, zdict=_DICTIONARY)
    return opener.decompress(b85decode(stored[len(_BEGINS) : -len(_ENDS)])).decode()
