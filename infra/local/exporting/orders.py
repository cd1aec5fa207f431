"""`export orders`: every order with what was refunded of it, a row for each of its products, as `import orders` reads
them.

A shop keeps of an order's products only which they were; their names, prices and pieces come from the archive, as far
as that goes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from aftershow.model.instants import iso
from aftershow.model.json_text import read_json
from aftershow.model.money import display, exponent
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.rules.archive import messages_in
from infra.local.exporting.rows import Row
from infra.local.kept import Kept

COLUMNS = (
    "order_id", "user_id", "anonymous_id", "ordered_at", "total", "currency", "coupon", "show_id", "status",
    "product_id", "product_name", "quantity", "price", "refund_id", "refunded", "refunded_at",
)  # fmt: skip
# "1.234" may be thousands or a fraction to whoever reads it, "1.2340" may not.
_AMBIGUOUS_PLACES = 3
_ORDERED = b"Order Completed"

Products = Mapping[tuple[str, ...], list[Row]]


def order_rows(kept: Kept) -> Iterator[Row]:
    """The rows of each order that was placed, by its id; then refunds that named no order."""
    known = _products(kept)
    for order in sorted(kept.all("orders", Order, "order#"), key=lambda order: order.order):
        if order.hash is not None and order.viewer is not None and order.currency is not None:
            yield from _rows(kept, order, order.viewer, order.currency, known.get(order.order, {}))
    for refund in sorted(kept.all("orders", UnnamedRefund, "refund#"), key=lambda refund: refund.id):
        yield {
            "order_id": refund.id,
            **_buyer(kept, refund.viewer),
            "ordered_at": iso(refund.at),
            "total": f"-{_amount(refund.minor, refund.currency)}",
            "currency": refund.currency,
            # No other id than its own: it names no order.
            "status": "refunded",
            "refund_id": refund.id,
        }


def _rows(kept: Kept, order: Order, viewer: str, currency: str, known: Products) -> Iterator[Row]:
    # Amounts stand in the first row only: repeated, they could be taken for the rows' own.
    first: Row = {"total": _amount(order.total, currency), "currency": currency, **_refunded(order, currency)}
    first |= {name: value for name, value in (("coupon", order.coupon), ("show_id", order.show)) if value}
    about = {"order_id": order.order, **_buyer(kept, viewer)}
    about |= {"ordered_at": iso(order.at)} if order.at is not None else {}
    for product in known.get(order.products) or [{"product_id": one} for one in order.products] or [{}]:
        yield {**about, **first, **product}
        first = {}


def _refunded(order: Order, currency: str) -> Row:
    """A cancelled order is one of which all was given back: "cancelled" would be an order that never was."""
    if order.cancelled is not None:
        return {"status": "refunded", "refunded_at": iso(order.cancelled.at)}
    if not order.refunds:
        return {}
    [*_, last] = sorted(order.refunds, key=lambda one: (one.at, one.id))
    return {
        "refund_id": last.id if len(order.refunds) == 1 else f"{order.order}-refunds",
        "refunded": _amount(sum(one.minor for one in order.refunds), currency),
        "refunded_at": iso(last.at),
    }


def _buyer(kept: Kept, viewer: str) -> Row:
    head = kept.heads.get(viewer)
    if head is None or head.identity is None:
        return {}
    return {f"{head.identity.kind}_id": head.identity.value}


def _amount(minor: int, currency: str) -> str:
    text = display(minor, currency)
    return f"{text}0" if exponent(currency) == _AMBIGUOUS_PLACES else text


def _products(kept: Kept) -> dict[str, Products]:
    """The lines of orders as they were sent, by order and by the products in them."""
    found: dict[str, dict[tuple[str, ...], list[Row]]] = {}
    for name in kept.archive.names():
        for _, packed in messages_in(kept.archive.read(name)):
            for _, raw in packed.events:
                if _ORDERED in raw:
                    _take(found, read_json(raw))
    return dict(found)


def _take(found: dict[str, dict[tuple[str, ...], list[Row]]], fields: dict[str, Any]) -> None:
    said = fields.get("properties")
    listed = said.get("products") if isinstance(said, dict) else None
    if isinstance(said, dict) and isinstance(listed, list):
        rows = [row for line in listed if isinstance(line, dict) and (row := _product(line)).get("product_id")]
        products = tuple(row["product_id"] for row in rows)
        found.setdefault(str(said.get("order_id")), {})[products] = rows


def _product(line: dict[str, Any]) -> Row:
    names = {"product_id": "product_id", "name": "product_name", "quantity": "quantity", "price": "price"}
    said = {ours: line.get(theirs) for theirs, ours in names.items()}
    return {name: _text(value) for name, value in said.items() if isinstance(value, (str, int, float))}


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else msgspec.json.encode(value).decode()
