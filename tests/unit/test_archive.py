"""The archive keeps every event that came in, once, and gives it back so that it counts as it did."""

from __future__ import annotations

import json
import random
import zlib
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aftershow.model.instants import DAY, iso
from aftershow.rules import archive
from aftershow.rules.intake import MAX_EVENT_BYTES, Rejected, judge, pack, unpack
from aftershow.rules.segment import Unreadable, read_event
from tests.unit.samples import SHOP, START, examples

FIELDS = st.fixed_dictionaries(
    {"userId": st.sampled_from(["u1", "u2", "梅"])},
    optional={
        "messageId": st.text(min_size=1, max_size=20),
        "event": st.sampled_from(["Live Liked", "Product Added", "Live Comment Sent", "Live Room Left"]),
        "properties": st.dictionaries(
            st.sampled_from(["show_id", "text", "watch_seconds", "product_id", "price", "livestream"]),
            st.text(max_size=30) | st.integers(0, 5_000) | st.none(),
        ),
        "originalTimestamp": st.integers(0, 10 * DAY).map(lambda ago: iso(START - ago)),
        "context": st.dictionaries(st.sampled_from(["timezone", "locale", "ip"]), st.text(max_size=10)),
        "source": st.text(max_size=5),
    },
)
CONTEXT = st.dictionaries(st.sampled_from(["timezone", "locale", "page"]), st.text(max_size=10))
INDENT = st.sampled_from([None, 1])


def packed(events: list[dict[str, Any]], context: dict[str, Any], indent: int | None, at: int = START) -> list[str]:
    """A batch as the door hands it over; an indented one has line breaks in it."""
    listed = [{"type": "track", **event} for event in events]
    body = json.dumps({"batch": listed, "context": context}, indent=indent).encode()
    intake = judge("batch", body, at)
    return list(pack("web", at, intake.context, intake.facts + intake.behaviour, intake.rejected))


def kept_bytes(raw: bytes) -> bytes:
    """What the archive has of an event: as it came, but for line breaks in what isn't carried in base64."""
    return raw if b"\\ud" in raw else raw.replace(b"\n", b" ")


def read(kind: str, raw: bytes, context: dict[str, Any], at: int) -> object:
    try:
        return read_event(kind, raw, context, at, SHOP)
    except Unreadable as unreadable:
        return str(unreadable)


@examples(60)
@given(st.lists(FIELDS, min_size=1, max_size=20), CONTEXT, INDENT)
def test_what_comes_out_counts_as_what_went_in(
    events: list[dict[str, Any]], context: dict[str, Any], indent: int | None
) -> None:
    """Each line alone, taken in again later and elsewhere, is read as the same event."""
    bodies = packed(events, context, indent)
    went_in = [
        read(kind, kept_bytes(raw), message.context, message.received_at)
        for message in map(unpack, bodies)
        for kind, raw in message.events
    ]
    kept = archive.bundle(bodies)
    assert kept is not None
    lines = [line for _, message in archive.messages_in(kept.data) for line in archive.segment_lines(message)]
    came_out = []
    for line in lines:
        assert b"\n" not in line
        told = json.loads(line)
        assert (told["source"], told["receivedAt"]) == ("web", iso(START))
        again = judge("batch", b'{"batch":[' + line + b"]}", START + DAY)
        [(_, kind, raw)] = again.facts + again.behaviour
        came_out.append(read(kind, raw, {}, START + DAY))
    assert came_out == went_in


@examples(40)
@given(st.lists(st.lists(FIELDS, min_size=1, max_size=3), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_batch_that_comes_again_has_the_same_name(batches: list[list[dict[str, Any]]], chance: random.Random) -> None:
    bodies = [body for number, events in enumerate(batches) for body in packed(events, {}, None, START + number)]
    once, again = archive.bundle(bodies), archive.bundle(list(bodies))
    assert once == again
    assert once is not None
    assert once.name.startswith(f"events/2026/03/04/{START:013d}-")
    # In other company a message keeps its own name, so that it is known again.
    names = dict(archive.messages_in(once.data))
    chance.shuffle(bodies)
    shuffled = archive.bundle(bodies)
    assert shuffled is not None
    assert dict(archive.messages_in(shuffled.data)) == names


def test_names_sort_by_the_moment_of_receipt() -> None:
    later = [START + step for step in (0, 1, 999, DAY, 30 * DAY, 400 * DAY)]
    bundles = [archive.bundle(packed([{"userId": "u1"}], {}, None, at)) for at in later]
    names = [one.name for one in bundles if one is not None]
    assert names == sorted(names)
    assert len(names) == len(later)


def test_what_was_refused_or_given_back_or_is_no_batch_is_not_kept() -> None:
    event = [("u1", "track", b'{"userId":"u1"}')]
    refused = list(pack("web", START, b"{}", (), [Rejected(b"{", "not JSON")]))
    given_back = list(pack("web", START, b"{}", event, (), archived=True))
    assert archive.bundle([*refused, *given_back, '{"watermark":1}', "{", ""]) is None
    # Its neighbours in the batch are.
    kept = archive.bundle([*refused, *given_back, "{", *pack("web", START, b"{}", event, [Rejected(b"{", "no")])])
    assert kept is not None
    [(_, message)] = archive.messages_in(kept.data)
    assert (message.events, message.rejected) == ([("track", b'{"userId":"u1"}')], [])


def test_the_batchs_context_is_kept_once() -> None:
    context = msgspec.json.encode({"page": {"url": "x" * 200_000}})
    events = [(f"u{number}", "track", b'{"userId":"u%d"}' % number) for number in range(200)]
    kept = archive.bundle(pack("web", START, context, events, ()))
    assert kept is not None
    assert len(zlib.decompress(kept.data, wbits=31)) < 220_000


def test_an_event_that_its_context_makes_too_large_travels_as_a_batch_of_one() -> None:
    raw = b'{"userId":"u1","event":"Live Liked","properties":{"x":"' + b"y" * 30_000 + b'"}}'
    context = msgspec.json.encode({"page": {"url": "z" * 5_000}, "timezone": "Europe/Paris"})
    kept = archive.bundle(pack("web", START, context, [("u1", "track", raw)], ()))
    assert kept is not None
    [(_, message)] = archive.messages_in(kept.data)
    [line] = archive.segment_lines(message)
    assert len(line) > MAX_EVENT_BYTES
    again = judge("batch", line, START)
    assert again.rejected == []
    [(_, kind, carried)] = again.facts + again.behaviour
    assert kind == "track"
    assert read("track", carried, json.loads(again.context), START) == read("track", raw, json.loads(context), START)
