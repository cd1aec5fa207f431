"""Purchases for learning who buys again: CDNOW, Online Retail, or a shop's own Segment events.

A customer is looked at as of a moment: what they had bought before it, and whether they bought within the horizon
after it. Training looks only at moments whose horizon ends before the test begins.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aftershow.rules.repurchase import FEATURES, features
from aftershow.rules.segment import Defaults, Ordered, Unreadable, read_event
from infra.local.learning.samples import BadData, Sample, Samples, text_lines
from infra.local.recorded import RETAIL_CURRENCY, Report, RetailReport, read_online_retail, read_segment
from infra.local.wire import Request

Purchase = tuple[int, float]
# Where an order names no currency; amounts are only compared within one file.
_SHOP = Defaults(currency=RETAIL_CURRENCY)
_CDNOW_FIELDS = 5


@dataclass(frozen=True, slots=True)
class Purchases:
    """Customer to purchases (epoch ms, amount)."""

    by_customer: Mapping[str, Sequence[Purchase]]

    @property
    def begins(self) -> int:
        """The first purchase, epoch ms."""
        return min(at for bought in self.by_customer.values() for at, _ in bought)

    @property
    def ends(self) -> int:
        """The last purchase, epoch ms."""
        return max(at for bought in self.by_customer.values() for at, _ in bought)

    def as_of(self, now: int, horizon: int) -> Samples:
        """Everybody who had bought before `now`; whether they bought within `horizon` ms from then on."""
        samples = []
        for _, bought in sorted(self.by_customer.items()):
            values = features(bought, now)
            if values is not None:
                again = any(now <= at < now + horizon for at, _ in bought)
                samples.append(Sample(values, again, float(now)))
        return Samples(FEATURES, samples)


def read_purchases(path: Path, form: str) -> Purchases:
    """Purchases of a file of the form cdnow, online-retail or segment. Raises BadData, OSError."""
    readers = {"cdnow": _cdnow, "online-retail": _online_retail, "segment": _segment}
    found: dict[str, list[Purchase]] = defaultdict(list)
    for customer, at, amount in readers[form](path):
        found[customer].append((at, amount))
    if not found:
        raise BadData(f"{path.name}: there is no purchase in it")
    return Purchases({customer: sorted(bought) for customer, bought in found.items()})


def _cdnow(path: Path) -> Iterator[tuple[str, int, float]]:
    """Blank-separated: customer, number within the sample, date, units, dollars; without the sample's number in the
    file of all customers (Fader and Hardie)."""
    for number, line in enumerate(text_lines(path), 1):
        parts = line.split()
        if not parts or parts[0] == "customer_id":
            continue  # the file of all customers begins with the names of its columns
        if len(parts) not in (_CDNOW_FIELDS - 1, _CDNOW_FIELDS):
            raise BadData(f"{path.name}, line {number}: not CDNOW: {len(parts)} fields")
        try:
            day = datetime.strptime(parts[-3], "%Y%m%d").replace(tzinfo=UTC)
            yield parts[0], int(day.timestamp()) * 1000, float(parts[-1])
        except ValueError as error:
            raise BadData(f"{path.name}, line {number}: not CDNOW: {error}") from error


def _online_retail(path: Path) -> Iterator[tuple[str, int, float]]:
    try:
        yield from _completed(read_online_retail(path, RetailReport()))
    except ValueError as error:
        raise BadData(str(error)) from error


def _segment(path: Path) -> Iterator[tuple[str, int, float]]:
    try:
        yield from _completed(read_segment([path], Report()))
    except ValueError as error:
        raise BadData(str(error)) from error


def _completed(requests: Iterator[Request]) -> Iterator[tuple[str, int, float]]:
    """Orders as the scorer reads them; an order counts once by its id, as everywhere."""
    seen: set[str] = set()
    for request in requests:
        batch = json.loads(request.body)
        for message in batch.get("batch", ()):
            ordered = _ordered(message, batch.get("context") or {}, request.at)
            if ordered is not None and ordered[0] not in seen:
                seen.add(ordered[0])
                yield ordered[1:]


def _ordered(message: Any, context: dict[str, Any], received_at: int) -> tuple[str, str, int, float] | None:
    """Order id, customer, moment and amount in minor units of an Order Completed; None for any other event."""
    if not isinstance(message, dict) or message.get("event") != "Order Completed":
        return None
    try:
        event = read_event(
            "track", json.dumps(message).encode(), context, received_at, Defaults(currency=RETAIL_CURRENCY)
        )
    except Unreadable:
        return None
    meaning = event.meaning
    if not isinstance(meaning, Ordered) or event.viewer is None or meaning.minor <= 0:
        return None
    return meaning.order, event.viewer, event.at, float(meaning.minor)
