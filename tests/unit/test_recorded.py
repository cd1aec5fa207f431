"""Recorded input: Segment's NDJSON, and the orders of Online Retail."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from math import floor
from pathlib import Path
from typing import Any

import pytest

from infra.local.recorded import Report, RetailReport, read_online_retail, read_segment
from infra.local.wire import HEADERS, Request
from tests.real_data import real_data

RETAIL = "online_retail_to_2011-06.csv.gz"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def track(message_id: str, **rest: object) -> dict[str, object]:
    message = {"type": "track", "event": "Live Liked", "messageId": message_id, "userId": "u1"}
    return {**message, **rest}


def written(path: Path, lines: list[object]) -> Path:
    text = "".join((line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def bodies(requests: Iterable[Request]) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in requests]


def test_messages_come_in_order_of_arrival(tmp_path: Path) -> None:
    path = written(
        tmp_path / "day.ndjson",
        [
            track("b", timestamp="2026-03-06T12:00:02Z"),
            track("a", timestamp="2026-03-06T20:00:01+08:00"),
            track("d", timestamp="2026-03-06T12:00:00Z", receivedAt="2026-03-06T12:00:04Z"),
            track("c", originalTimestamp="2026-03-06T12:00:03.250Z"),
        ],
    )
    requests = list(read_segment([path]))
    assert [body["batch"][0]["messageId"] for body in bodies(requests)] == ["a", "b", "c", "d"]
    assert [request.at - requests[0].at for request in requests] == [0, 1000, 2250, 3000]
    assert bodies(requests)[0]["sentAt"] == "2026-03-06T12:00:01.000+00:00"


def test_sent_at_survives_so_that_a_wrong_clock_is_set_right(tmp_path: Path) -> None:
    message = track(
        "a",
        originalTimestamp="2026-03-06T13:00:00Z",
        sentAt="2026-03-06T13:00:05Z",
        receivedAt="2026-03-06T12:00:05Z",
    )
    (request,) = read_segment([written(tmp_path / "one.ndjson", [message])])
    assert bodies([request])[0]["sentAt"] == "2026-03-06T13:00:05.000+00:00"
    assert request.at == 1_772_798_405_000


def test_a_batch_is_passed_on_as_it_was(tmp_path: Path) -> None:
    batch = {
        "batch": [
            track("a", timestamp="2026-03-06T12:00:00Z"),
            track("b", timestamp="2026-03-06T12:00:09Z"),
        ],
        "context": {"locale": "zh-CN"},
        "sentAt": "2026-03-06T12:00:10Z",
    }
    without = {"batch": batch["batch"]}
    path = written(tmp_path / "batches.ndjson", [batch, without])
    requests = list(read_segment([path]))
    assert bodies(requests) == [without, batch]
    assert requests[1].at - requests[0].at == 1000


def test_gzip_is_recognised_by_content_and_files_are_merged(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.gz", [track("b", timestamp="2026-03-06T12:00:02Z")])
    packed = tmp_path / "b.ndjson"
    line = json.dumps(track("a", timestamp="2026-03-06T12:00:01Z"))
    packed.write_bytes(gzip.compress(line.encode()))
    requests = list(read_segment([plain, packed]))
    assert [body["batch"][0]["messageId"] for body in bodies(requests)] == ["a", "b"]


def test_messages_of_one_moment_share_a_request_of_their_source(tmp_path: Path) -> None:
    """As they arrived: what `export` takes apart comes in together again. A batch stays as it is."""
    at, later = "2026-03-06T12:00:01Z", "2026-03-06T12:00:02Z"
    listed: list[object] = [
        track("a", receivedAt=at, source="web"),
        {"batch": [track("b")], "receivedAt": at, "source": "web"},
        track("c", receivedAt=at, source="web"),
        track("d", receivedAt=at, source="app"),
        track("e", receivedAt=later, source="app"),
        track("f", receivedAt=later, source={"id": "not ours"}),
        track("g", receivedAt=later, sentAt=at),
    ]
    for sort_bytes in (1, 1_000_000):
        requests = list(read_segment([written(tmp_path / "some.ndjson", listed)], sort_bytes=sort_bytes))
        got = [(one.source, [each["messageId"] for each in json.loads(one.body)["batch"]]) for one in requests]
        assert got == [
            ("web", ["a"]),
            ("web", ["b"]),
            ("web", ["c"]),
            ("app", ["d"]),
            ("app", ["e"]),
            ("local", ["f"]),
            ("local", ["g"]),
        ]
        assert [one.headers == HEADERS for one in requests] == [False] * 5 + [True] * 2
    many: list[object] = [track(str(number), receivedAt=at) for number in range(1_200)]
    sizes = [len(body["batch"]) for body in bodies(read_segment([written(tmp_path / "many.ndjson", many)]))]
    assert sizes == [500, 500, 200]


def test_broken_lines_are_counted_with_their_place(tmp_path: Path) -> None:
    good = track("a", timestamp="2026-03-06T12:00:01Z")
    path = written(
        tmp_path / "broken.ndjson",
        [good, "{", "", "[1]", track("x"), track("y", timestamp=["now"]), "[" * 100_000, good],
    )
    report = Report()
    assert [one["messageId"] for body in bodies(read_segment([path], report)) for one in body["batch"]] == ["a", "a"]
    assert [(broken.file, broken.line, broken.why) for broken in report.listed] == [
        ("broken.ndjson", 2, "not JSON"),
        ("broken.ndjson", 4, "not a JSON object"),
        ("broken.ndjson", 5, "no time that can be read"),
        ("broken.ndjson", 6, "no time that can be read"),
        ("broken.ndjson", 7, "not JSON"),
    ]
    assert report.lines == 8
    assert report.broken == 5


def test_what_ingest_must_judge_travels_with_its_own_bytes(tmp_path: Path) -> None:
    odd = '{"type":"track","timestamp":"2026-03-06T12:00:01Z","properties":{"p":NaN,"t":"\\ud83d"}}'
    (request,) = read_segment([written(tmp_path / "odd.ndjson", [odd])])
    assert odd.encode() in request.body


def test_an_endless_line_is_left_out(tmp_path: Path) -> None:
    good = track("a", timestamp="2026-03-06T12:00:01Z")
    long = track("long", timestamp="2026-03-06T12:00:01Z", text="x" * 1_200_000)
    report = Report()
    path = written(tmp_path / "long.ndjson", [long, good])
    (request,) = read_segment([path], report)
    assert bodies([request])[0]["batch"][0]["messageId"] == "a"
    assert [(broken.line, broken.why) for broken in report.listed] == [(1, "longer than 500000 bytes")]
    assert report.lines == 2


def test_a_damaged_archive_gives_what_can_be_read(tmp_path: Path) -> None:
    lines = "".join(
        json.dumps(track(f"m{index}", timestamp="2026-03-06T12:00:01Z", text=os.urandom(20).hex())) + "\n"
        for index in range(2000)
    )
    path = tmp_path / "cut.gz"
    whole = gzip.compress(lines.encode())
    path.write_bytes(whole[: len(whole) // 2])
    report = Report()
    read = len(list(read_segment([path], report)))
    assert 0 < read < 2000
    assert report.broken == 1
    assert "damaged" in report.listed[0].why


def test_more_than_memory_holds_is_sorted_on_disk(tmp_path: Path) -> None:
    messages = [
        track(f"m{index * 7919 % 500:03}", timestamp=f"2026-03-06T12:00:00.{index * 7919 % 500:03}Z")
        for index in range(500)
    ]
    path = written(tmp_path / "mixed.ndjson", list(messages))
    in_memory = list(read_segment([path]))
    on_disk = list(read_segment([path], sort_bytes=5000))
    assert on_disk == in_memory
    ids = [body["batch"][0]["messageId"] for body in bodies(in_memory)]
    assert ids == [f"m{index:03}" for index in range(500)]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read_segment([tmp_path / "nothing.ndjson"]))


def retail(path: Path, *rows: str) -> Path:
    path.write_text(HEADER + "".join(row + "\n" for row in rows), encoding="utf-8")
    return path


def test_one_invoice_is_one_order(tmp_path: Path) -> None:
    path = retail(
        tmp_path / "r.csv",
        "5001,A1,CUP,3,2011-07-04 12:30:00,0.10,17850,United Kingdom",
        '5002,A2,"SAUCER, BLUE",1,2011-07-04 12:30:00,1.25,13047,France',
        "5001,B1,PLATE,2,2011-07-04 12:31:00,2.55,17850,United Kingdom",
        "5003,A1,CUP,1,2011-07-04 12:32:00,0.10,,United Kingdom",
        "C5004,A1,CUP,-2,2011-12-05 09:00:00,0.10,17850,United Kingdom",
    )
    report = RetailReport()
    together, cancelled = read_online_retail(path, report)
    # British Summer Time: an hour before.
    assert bodies([together])[0]["sentAt"] == "2011-07-04T11:30:00.000+00:00"
    first, second = bodies([together])[0]["batch"]
    assert first["userId"] == "17850"
    assert first["event"] == "Order Completed"
    assert first["messageId"] == "online-retail-5001"
    assert first["properties"] == {
        "order_id": "5001",
        "total": 5.4,
        "currency": "GBP",
        "products": [
            {"product_id": "A1", "name": "CUP", "price": 0.1, "quantity": 3},
            {"product_id": "B1", "name": "PLATE", "price": 2.55, "quantity": 2},
        ],
    }
    assert second["properties"]["products"][0]["name"] == "SAUCER, BLUE"
    (back,) = bodies([cancelled])[0]["batch"]
    assert back["timestamp"] == "2011-12-05T09:00:00.000+00:00"
    assert back["event"] == "Order Cancelled"
    assert "order_id" not in back["properties"]
    assert back["properties"]["total"] == 0.2
    assert (report.invoices, report.cancellations, report.skipped) == (2, 1, 1)


def test_rows_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path = retail(
        tmp_path / "r.csv",
        "5001,A1,CUP,three,2011-07-04 12:30:00,0.10,17850,UK",
        "5001,A1,CUP,3,yesterday,0.10,17850,UK",
        "5001,A1,CUP,3,2011-07-04 12:30:00,NaN,17850,UK",
        "5001,A1,CUP,3,2011-07-04 12:30:00,0.10,17850,UK",
        "5001,A1,CUP,3,2011-07-04 12:30:00,0.10,99999,UK",
        ",A1,CUP,3,2011-07-04 12:30:00,0.10,17850,UK",
    )
    report = RetailReport()
    (request,) = read_online_retail(path, report)
    assert bodies([request])[0]["batch"][0]["properties"]["total"] == 0.3
    assert [broken.line for broken in report.listed] == [2, 3, 4, 6, 7]


def test_windows_encoding_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    row = "5001,A1,VOUCHER £20,1,2011-07-04 12:30:00,20.00,17850,UK\n"
    path.write_bytes((HEADER + row).encode("cp1252"))
    (request,) = read_online_retail(path)
    assert bodies([request])[0]["batch"][0]["properties"]["products"][0]["name"] == "VOUCHER £20"


def test_an_invoice_too_long_for_an_event_keeps_its_lines_without_names(tmp_path: Path) -> None:
    row = "5001,A{0},A RATHER LONG DESCRIPTION OF A CUP,1,2011-07-04 12:30:00,1.00,17850,UK"
    path = retail(tmp_path / "r.csv", *(row.format(index) for index in range(450)))
    (request,) = read_online_retail(path)
    assert len(request.body) < 32 * 1024
    assert len(bodies([request])[0]["batch"][0]["properties"]["products"]) == 450


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("id,amount\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="InvoiceNo"):
        list(read_online_retail(path))


def test_the_real_half_year_has_the_known_points() -> None:
    path = real_data(RETAIL)
    report = RetailReport()
    earned = reversed_points = 0
    told: dict[str, Decimal] = {}
    last = 0
    for request in read_online_retail(path, report):
        assert request.at >= last
        last = request.at
        for event in json.loads(request.body, parse_float=Decimal)["batch"]:
            total = Decimal(event["properties"]["total"])
            told[event["messageId"].removeprefix("online-retail-")] = total
            if event["event"] == "Order Completed":
                earned += floor(total)
            else:
                reversed_points += floor(total)
    assert (earned, reversed_points) == (3_989_695, 264_290)
    assert (report.invoices, report.cancellations) == (8803, 1902)
    assert (report.skipped, report.broken) == (69_014, 0)
    # And by another way: straight from the rows, exactly.
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["CustomerID"]:
                sums[row["InvoiceNo"]] += int(row["Quantity"]) * Decimal(row["UnitPrice"])
    assert told == {number: abs(total) for number, total in sums.items()}
