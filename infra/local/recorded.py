"""Recorded input for `replay`: Segment messages from files, and real orders of Online Retail.

Both readers give requests in order of arrival on the clock of their own timestamps, and fill a
report of what they read and what they could not use: a line that can't be read is counted with its
place, never passed on half and never dropped in silence.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from io import BufferedReader
from itertools import groupby, islice
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from infra.local.unpacking import DAMAGED, unpacked
from infra.local.wire import MAX_BATCH_BYTES, WRITE_KEY, Request, batch_request, headers_of, iso

# The name of a source is a word.
MAX_SOURCE_CHARACTERS = 100
# So many broken lines are listed by place; all are counted.
MAX_LISTED = 100
# Recorded lines are sorted in memory up to this size, and in temporary files beyond it.
SORT_BYTES = 64 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# When a message reached the collector, or else the nearest that is known of it.
_ARRIVAL_FIELDS = ("receivedAt", "sentAt", "timestamp", "originalTimestamp")

RETAIL_ZONE = ZoneInfo("Europe/London")
RETAIL_CURRENCY = "GBP"
_RETAIL_CONTEXT: Mapping[str, object] = {"library": {"name": "online-retail", "version": "1"}}
_RETAIL_COLUMNS = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
)
# An event may have 32 KB: the names of very many lines would not fit, so they are left out then.
_MAX_NAMED_BYTES = 28_000
# Whatever their size, so many events stay below a request's 500 KB.
_MAX_INVOICES_PER_REQUEST = 15


# Moment, number of the line, source, moment of sending, line.
Arrival = tuple[int, int, str, int, bytes]
# A batch carries its moment of sending itself.
NO_STAMP = -1
# Below a request's limits, and below the events a second that one key may send.
MAX_TOGETHER, MAX_TOGETHER_BYTES = 500, MAX_BATCH_BYTES - 1_000


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that could not be used; `line` counts from 1."""

    file: str
    line: int
    why: str


@dataclass
class Report:
    """What a reader has read so far; `lines` counts all lines of the files."""

    lines: int = 0
    broken: int = 0
    listed: list[Broken] = field(default_factory=list)

    def reject(self, file: Path, line: int, why: str) -> None:
        """Count a broken line, and list it while there is room."""
        self.broken += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(Broken(file.name, line, why))


@dataclass
class RetailReport(Report):
    """`invoices` and `cancellations` are events; `skipped` counts rows without a customer."""

    invoices: int = 0
    cancellations: int = 0
    skipped: int = 0


def read_segment(
    paths: Iterable[Path], report: Report | None = None, sort_bytes: int = SORT_BYTES
) -> Iterator[Request]:
    """Requests of NDJSON files, each line a message or a whole batch, in order of arrival.

    gzip is recognised by content. A line travels as it was recorded, so that an event which its
    ingest refuses is refused with its own bytes; messages of one moment share a request. Arrival
    is `receivedAt`, else `sentAt`, else the message's time (of a batch: its latest). A line that
    names its `source`, as those of `export` do, travels with that source's write key. Memory is
    bounded by about three times `sort_bytes`. Raises OSError where a file can't be opened.
    """
    report = Report() if report is None else report
    arrivals = _arrivals(paths, report)
    for (at, source), together in groupby(_sorted(arrivals, sort_bytes), key=lambda one: (one[0], one[2])):
        for body in _bodies(together):
            yield Request(at, "/v1/batch", body, headers_of(source), source)


def _bodies(arrivals: Iterable[Arrival]) -> Iterator[bytes]:
    """The bodies of requests: a batch is one; messages that arrived at one moment, and were sent at one, share one."""
    held: list[bytes] = []
    size, stamp = 0, NO_STAMP
    for _, _, _, sent_at, line in arrivals:
        full = size + len(line) > MAX_TOGETHER_BYTES or len(held) == MAX_TOGETHER
        if held and (sent_at != stamp or full):
            yield _batch(held, stamp)
            held, size = [], 0
        if sent_at == NO_STAMP:
            yield line
            continue
        held.append(line)
        size, stamp = size + len(line), sent_at
    if held:
        yield _batch(held, stamp)


def _batch(lines: Sequence[bytes], sent_at: int) -> bytes:
    return b'{"batch":[' + b",".join(lines) + b'],"sentAt":"' + iso(sent_at).encode() + b'"}'


def _arrivals(paths: Iterable[Path], report: Report) -> Iterator[Arrival]:
    order = 0
    for path in paths:
        for number, line in _lines(path, report):
            if not line.strip():
                continue
            order += 1
            try:
                at, source, sent_at = _about(line.strip())
            except ValueError as error:
                report.reject(path, number, str(error))
            else:
                yield at, order, source, sent_at, line.strip()


def _lines(path: Path, report: Report) -> Iterator[tuple[int, bytes]]:
    """Numbered lines of a file, gzipped or not; one that is too long for a request is left out."""
    number = 0
    with unpacked(path) as file:
        try:
            while line := file.readline(MAX_BATCH_BYTES + 1):
                number += 1
                report.lines += 1
                if len(line) > MAX_BATCH_BYTES and not line.endswith(b"\n"):
                    report.reject(path, number, f"longer than {MAX_BATCH_BYTES} bytes")
                    _skip_line(file)
                    continue
                yield number, line
        except DAMAGED as error:
            report.reject(path, number + 1, f"the compressed file is damaged: {error}")


def _skip_line(file: BufferedReader | gzip.GzipFile) -> None:
    while (rest := file.readline(MAX_BATCH_BYTES)) and not rest.endswith(b"\n"):
        pass


def _about(line: bytes) -> tuple[int, str, int]:
    """Arrival, source and moment of sending (a batch has its own: NO_STAMP) of a line.

    Raises ValueError that says what is wrong, not its content.
    """
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        message = "not JSON"
        raise ValueError(message) from None
    if not isinstance(read, dict):
        message = "not a JSON object"
        raise ValueError(message)  # noqa: TRY004 (one kind of error for all that a line can be)
    batch = read.get("batch")
    at = _arrival([read])
    if isinstance(batch, list):
        at = at if at is not None else _arrival(batch)
    if at is None:
        message = "no time that can be read"
        raise ValueError(message)
    source = _source(read.get("source"))
    if isinstance(batch, list):
        return at, source, NO_STAMP
    sent_at = _moment(read.get("sentAt"))
    return at, source, at if sent_at is None else sent_at


def _source(named: object) -> str:
    # Segment's own exports have other things under this name: an object is none of ours.
    if not isinstance(named, str) or not 0 < len(named) <= MAX_SOURCE_CHARACTERS:
        return WRITE_KEY
    # Basic auth knows no colon in a user name.
    return named if named.isprintable() and ":" not in named else WRITE_KEY


def _arrival(messages: Sequence[object]) -> int | None:
    """The latest arrival among messages, epoch milliseconds; None where none tells a time."""
    moments = [_own_arrival(message) for message in messages if isinstance(message, dict)]
    return max((moment for moment in moments if moment is not None), default=None)


def _own_arrival(message: Mapping[str, object]) -> int | None:
    moments = (_moment(message.get(name)) for name in _ARRIVAL_FIELDS)
    return next((moment for moment in moments if moment is not None), None)


def _moment(text: object) -> int | None:
    """ISO 8601 as epoch milliseconds; without an offset it is taken for UTC."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def _sorted(arrivals: Iterable[Arrival], sort_bytes: int) -> Iterator[Arrival]:
    """All arrivals in order. What exceeds memory is sorted in runs on disk, which are merged."""
    with ExitStack() as files:
        runs: list[Iterator[Arrival]] = []
        held: list[Arrival] = []
        size = 0
        for arrival in arrivals:
            held.append(arrival)
            size += len(arrival[4])
            if size >= sort_bytes:
                run = files.enter_context(tempfile.TemporaryFile())
                runs.append(_spilled(sorted(held), run))
                held, size = [], 0
        yield from heapq.merge(*runs, sorted(held))


def _spilled(held: Iterable[Arrival], run: BinaryIO) -> Iterator[Arrival]:
    for at, order, source, sent_at, line in held:
        run.write(b"%d %d %b %d %b\n" % (at, order, quote(source).encode(), sent_at, line))
    run.seek(0)
    return _read_back(run)


def _read_back(run: BinaryIO) -> Iterator[Arrival]:
    for line in run:
        at, order, source, sent_at, own = line.rstrip(b"\n").split(b" ", 4)
        yield int(at), int(order), unquote(source.decode()), int(sent_at), own


@dataclass
class _Invoice:
    number: str
    customer: str
    at: int
    lines: list[tuple[str, str, int, Decimal]] = field(default_factory=list)

    @property
    def total(self) -> Decimal:
        """The exact sum of the lines, in pounds."""
        return sum((quantity * price for _, _, quantity, price in self.lines), Decimal(0))

    @property
    def cancels(self) -> bool:
        """Numbers of cancellations begin with C."""
        return self.number.startswith("C")


def read_online_retail(path: Path, report: RetailReport | None = None) -> Iterator[Request]:
    """Requests of UCI's Online Retail (CSV, gzipped or not): one event per invoice, in time order.

    An invoice is all rows with its number that name a customer, wherever they stand (542806 is
    interrupted by another); its time is its first row's, in Europe/London (25 invoices of the
    half year to June 2011 run into the next minute). `Order Completed` carries the exact sum of its
    lines, also where that is zero (543599) or has tenths of a penny (550193). A number that begins
    with C is `Order Cancelled` without `order_id`, with the sum's absolute value.

    No further rule is needed. In that half year no invoice names two customers, no completed one
    is negative, floor(total) of the completed ones sums to 3,989,695, of the others to 264,290.

    Invoices of the same minute share a request. All invoices are held in memory: sums must be
    known before the first is sent. Raises ValueError where columns are missing, OSError.
    """
    report = RetailReport() if report is None else report
    invoices = _invoices(path, report)
    in_order = sorted(invoices.values(), key=lambda invoice: invoice.at)
    for at, group in groupby(in_order, key=lambda invoice: invoice.at):
        while together := list(islice(group, _MAX_INVOICES_PER_REQUEST)):
            report.cancellations += sum(invoice.cancels for invoice in together)
            report.invoices += sum(not invoice.cancels for invoice in together)
            messages = [_invoice_message(invoice) for invoice in together]
            yield batch_request(at, messages, _RETAIL_CONTEXT, at)


def _invoices(path: Path, report: RetailReport) -> dict[str, _Invoice]:
    invoices: dict[str, _Invoice] = {}
    for line, row in _rows(path, report):
        if not row["CustomerID"]:
            report.skipped += 1
            continue
        try:
            _add_row(invoices, row)
        except (ValueError, InvalidOperation, TypeError):
            report.reject(path, line, "a value can't be read")
    return invoices


def _rows(path: Path, report: Report) -> Iterator[tuple[int, Mapping[str, str]]]:
    rows = csv.DictReader(_decoded(path, report))
    try:
        missing = [name for name in _RETAIL_COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            message = f"{path.name}: not Online Retail, without the columns {', '.join(missing)}"
            raise ValueError(message)
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        message = f"{path.name}, line {rows.line_num}: {error}"
        raise ValueError(message) from error


def _decoded(path: Path, report: Report) -> Iterator[str]:
    """Lines as text: UTF-8, and where that fails Windows-1252, in which the file first appeared."""
    for number, line in _lines(path, report):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            yield line.decode("cp1252", errors="replace")


def _add_row(invoices: dict[str, _Invoice], row: Mapping[str, str]) -> None:
    number, price = row["InvoiceNo"], Decimal(row["UnitPrice"])
    quantity = int(row["Quantity"])
    at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=RETAIL_ZONE)
    if not number or not price.is_finite():
        raise ValueError
    if number not in invoices:
        moment = (at - _EPOCH) // _MILLISECOND
        invoices[number] = _Invoice(number, row["CustomerID"], moment)
    elif invoices[number].customer != row["CustomerID"]:
        raise ValueError
    invoices[number].lines.append((row["StockCode"], row["Description"], quantity, price))


def _invoice_message(invoice: _Invoice) -> dict[str, object]:
    properties: dict[str, object] = {
        "total": float(abs(invoice.total)),
        "currency": RETAIL_CURRENCY,
        "products": _products(invoice),
    }
    if not invoice.cancels:
        properties["order_id"] = invoice.number
    return {
        "type": "track",
        "event": "Order Cancelled" if invoice.cancels else "Order Completed",
        "messageId": f"online-retail-{invoice.number}",
        "userId": invoice.customer,
        "timestamp": iso(invoice.at),
        "properties": properties,
    }


def _products(invoice: _Invoice) -> list[dict[str, object]]:
    named = sum(len(code) + len(name) + 60 for code, name, _, _ in invoice.lines)
    products: list[dict[str, object]] = []
    for code, name, quantity, price in invoice.lines:
        product: dict[str, object] = {"product_id": code}
        if name and named <= _MAX_NAMED_BYTES:
            product["name"] = name.strip()
        # A price has a few digits, so that a float prints it back exactly.
        product |= {"price": float(price), "quantity": -quantity if invoice.cancels else quantity}
        products.append(product)
    return products
