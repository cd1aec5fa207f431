"""Orders: rows of one order number are one order, wherever they stand in the file.

They are gathered on disk, so memory stays flat. An order that can't be understood whole is refused whole: half an order
would be another one. An order below zero is none: it is a refund of the order where it has a refund's id or the status
of one, and a refund that names no order where its pieces were taken back, or the refund's id is its only one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

import msgspec

from aftershow.model.money import UnknownCurrency, exponent
from aftershow.rules.intake import MAX_EVENT_BYTES
from infra.local.importing.amounts import amount, quantity
from infra.local.importing.mapping import Columns, Meaning
from infra.local.importing.members import NOBODY
from infra.local.importing.rows import Cells, Message, Person, Problem, Taken, Times, message, named, person
from infra.local.importing.values import Unusable, identifier

# Leaves room for what the request adds to an event.
_MAX_BYTES = MAX_EVENT_BYTES - 1024
_WORDS: dict[Meaning, str] = {
    "completed": "completed,complete,paid,fulfilled,shipped,delivered,processing,success,succeeded,finished,"
    "partially_refunded,交易成功,已完成,已付款,已支付,已发货,待发货,待收货,已签收,已收货,买家已付款,等待卖家发货,"
    "买家已付款等待卖家发货,卖家已发货,卖家已发货等待买家确认,等待买家确认",
    "cancelled": "cancelled,canceled,voided,交易关闭,已取消,已关闭",
    "refunded": "refunded,已退款,退款成功",
    "unpaid": "unpaid,pending,awaiting payment,on-hold,failed,待付款,未付款,待支付,等待买家付款",
}
_STATUSES = {word: meaning for meaning, words in _WORDS.items() for word in words.split(",")}


class Line(msgspec.Struct, array_like=True):
    """A row of an order. `bad` is its problem, (column, reason)."""

    row: int
    order: str
    user: str | None
    anonymous: str | None
    email: str | None
    phone: str | None
    at: int | None = None
    total: Decimal | None = None
    currency: str | None = None
    coupon: str = ""
    show: str = ""
    status: str = ""
    product: str = ""
    name: str = ""
    pieces: int = 1
    price: Decimal | None = None
    refund: str = ""
    refunded: Decimal | None = None
    refunded_at: int | None = None
    bad: tuple[str, str] | None = None


class _Refused(Exception):
    """The order as a whole: why."""


class Gathering:
    """Orders on their way from rows to messages."""

    def __init__(self, columns: Columns, times: Times) -> None:
        self._columns, self._times = columns, times
        # A name-less database of SQLite's is a temporary file, which sorts on disk.
        self._database = sqlite3.connect("")
        self._database.execute("PRAGMA temp_store = FILE")
        self._database.execute("CREATE TABLE lines (name TEXT, line INTEGER, body BLOB)")
        self._encoder, self._decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Line)

    def add(self, cells: Cells) -> Problem | None:
        """Take a row; its problem where it names no order."""
        order = cells.read("order_id", identifier)
        if order is None:
            reason = cells.problems[-1].reason if cells.problems else "is empty"
            return Problem(cells.line, "refused", reason, self._columns.columns["order_id"])
        line = self._line(cells, order)
        self._database.execute("INSERT INTO lines VALUES (?, ?, ?)", (order, line.row, self._encoder.encode(line)))
        return None

    def orders(self) -> Iterator[Taken]:
        """Every order, once all rows are there."""
        found = self._database.execute("SELECT body FROM lines ORDER BY name, line")
        lines = (self._decoder.decode(body) for (body,) in found)
        for _, group in groupby(lines, key=lambda line: line.order):
            yield self._taken(list(group))
        self._database.close()

    def _line(self, cells: Cells, order: str) -> Line:
        who = person(cells)
        problems = [one for one in cells.problems if one.what == "left out"]
        cells.problems.clear()
        named_by = (who.user, None if who.contact else who.anonymous, who.email, who.phone) if who else (None,) * 4
        if who is None and problems:
            return Line(cells.line, order, *named_by, bad=(problems[0].column, problems[0].reason))
        decimal = self._columns.decimal
        total = cells.read("total", lambda text: amount(text, decimal))
        price = cells.read("price", lambda text: amount(text, decimal))
        refunded = cells.read("refunded", lambda text: amount(text, decimal))
        pieces = cells.read("quantity", quantity)
        currencies = {one[1] for one in (total, price, refunded) if one and one[1]}
        if currency := cells.text("currency").upper():
            currencies.add(currency)
        line = Line(
            cells.line, order, *named_by,
            at=cells.moment("ordered_at"),
            total=total[0] if total else None,
            currency=next(iter(currencies), None),
            coupon=cells.text("coupon"),
            show=cells.text("show_id"),
            status=cells.text("status"),
            product=cells.text("product_id"),
            name=cells.text("product_name"),
            pieces=1 if pieces is None else pieces,
            price=price[0] if price else None,
            refund=cells.text("refund_id"),
            refunded=refunded[0] if refunded else None,
            refunded_at=cells.moment("refunded_at"),
        )  # fmt: skip
        if len(currencies) > 1:
            line.bad = ("", "names two currencies")
        # Amounts and moments decide: where one can't be read, nothing of the order is used.
        if cells.problems:
            line.bad = (cells.problems[0].column, cells.problems[0].reason)
        return line

    def _taken(self, lines: list[Line]) -> Taken:
        taken = Taken(max(line.row for line in lines))
        bad = [line for line in lines if line.bad]
        if bad:
            taken.problems = [Problem(one.row, "refused", one.bad[1], one.bad[0]) for one in bad if one.bad]
            rest = f"belongs to the order of row {bad[0].row}, which is refused"
            taken.problems += [Problem(one.row, "refused", rest) for one in lines if not one.bad]
            return taken
        try:
            taken.messages = list(self._messages(lines))
        except (_Refused, Unusable) as refused:
            taken.problems = [Problem(line.row, "refused", str(refused)) for line in lines]
        return taken

    def _messages(self, lines: list[Line]) -> Iterator[Message]:
        who = _buyer(lines)
        order = _Order(lines, self._columns, self._times)
        if who.contact:
            yield message({"type": "identify", **who.identity(), "traits": who.addresses()}, order.at, self._times)
        for event, properties, at in order.events():
            yield message(
                {"type": "track", "event": event, **who.identity(), "properties": properties}, at, self._times
            )


def _buyer(lines: list[Line]) -> Person:
    found: list[str | None] = []
    for name in ("user", "anonymous", "email", "phone"):
        values: set[str] = {value for line in lines if (value := getattr(line, name))}
        if len(values) > 1:
            raise _Refused("the rows of this order name two customers")
        found.append(next(iter(values), None))
    who = named(*found)
    if who is None:
        raise _Refused(NOBODY)
    return who


class _Order:
    """The rows of one order, read together."""

    def __init__(self, lines: list[Line], columns: Columns, times: Times) -> None:
        self._lines, self._columns = lines, columns
        self._id = lines[0].order
        stated = next((line.at for line in lines if line.at is not None), None)
        if stated is None:
            raise _Refused("has no time")
        self.at = times.check(stated)
        refunded_at = next((line.refunded_at for line in lines if line.refunded_at is not None), None)
        self._refunded_at = self.at if refunded_at is None else times.check(refunded_at)
        self._currency = self._one("currency", "currencies") or columns.currency
        try:
            exponent(self._currency or "CNY")
        except UnknownCurrency:
            raise _Refused("names a currency that there is not") from None

    def events(self) -> Iterator[tuple[str, Message, int]]:
        """(event, properties, moment) of what the rows say."""
        meaning = self._meaning()
        if meaning == "cancelled":
            yield "Order Cancelled", {"order_id": self._id}, self._refunded_at
            return
        if meaning == "unpaid":
            raise _Refused("was not paid")
        total = self._total()
        if total < 0:
            yield "Order Refunded", self._money(self._taken_back(meaning), -total), self._refunded_at
            return
        yield "Order Completed", self._completed(total), self.at
        refunded = self._repeated("refunded")
        if refunded:
            refund = next((line.refund for line in self._lines if line.refund), f"{self._id}-refund")
            yield (
                "Order Refunded",
                self._money({"order_id": self._id, "refund_id": refund}, refunded),
                self._refunded_at,
            )
        elif meaning == "refunded":
            yield "Order Cancelled", {"order_id": self._id}, self._refunded_at

    def _taken_back(self, meaning: Meaning) -> Message:
        """Which refund an order below zero is."""
        refund = next((line.refund for line in self._lines if line.refund), None)
        is_stated = any(line.status for line in self._lines)
        if refund == self._id or (not refund and not is_stated and any(line.pieces < 0 for line in self._lines)):
            return {"refund_id": self._id}
        if refund or meaning == "refunded":
            return {"order_id": self._id, "refund_id": refund or f"{self._id}-refund"}
        raise _Refused(
            "an order's total is below zero: a refund needs the status refunded or a refund_id, beside the order's id"
        )

    def _meaning(self) -> Meaning:
        word = self._one("status", "statuses")
        if not word:
            return "completed"
        told = {key.casefold(): meaning for key, meaning in self._columns.statuses.items()}
        plain = word.casefold().replace(",", "")
        meaning = told.get(word.casefold()) or _STATUSES.get(plain)
        if meaning is None:
            raise _Refused("has a status that is not known: say what it means, in the mapping under statuses")
        return meaning

    def _one(self, name: str, several: str) -> str | None:
        values = {value for line in self._lines if (value := getattr(line, name))}
        if len(values) > 1:
            raise _Refused(f"the rows of this order state different {several}")
        return next(iter(values), None)

    def _total(self) -> Decimal:
        """What was paid for the order.

        A total that every row repeats is the order's; one that is each row's price times pieces is the row's. Where
        both could be, the mapping must say.
        """
        totals = [line.total for line in self._lines if line.total is not None]
        if not totals:
            if any(line.price is None for line in self._lines):
                raise _Refused("has neither a total nor a price in every row")
            return sum((line.price * line.pieces for line in self._lines if line.price is not None), Decimal(0))
        if self._columns.total_of == "line" or (self._are_of_lines() and len(set(totals)) > 1):
            return sum(totals, Decimal(0))
        if len(set(totals)) > 1:
            raise _Refused("the rows of this order state different totals")
        if len(totals) > 1 and self._columns.total_of is None and self._are_of_lines():
            raise _Refused(
                'has a total that may be the order\'s or the row\'s: say "total_of: order" or "total_of: line"'
            )
        return totals[0]

    def _are_of_lines(self) -> bool:
        return all(
            line.price is not None and line.total is not None and line.price * line.pieces == line.total
            for line in self._lines
        )

    def _repeated(self, name: str) -> Decimal:
        """An amount of the order: the same in every row, or a part in each."""
        amounts = [one for line in self._lines if (one := getattr(line, name)) is not None]
        return amounts[0] if len(set(amounts)) == 1 else sum(amounts, Decimal(0))

    def _money(self, properties: Message, total: Decimal) -> Message:
        currency = {"currency": self._currency} if self._currency else {}
        return {**properties, "total": str(total), **currency}

    def _completed(self, total: Decimal) -> Message:
        properties = self._money({"order_id": self._id}, total)
        if coupon := self._one("coupon", "coupons"):
            properties["coupon"] = coupon
        if show := self._one("show", "shows"):
            properties["show_id"] = show
        for with_names in (True, False):
            products = [_product(line, with_names=with_names) for line in self._lines if line.product or line.name]
            if products:
                properties["products"] = products
            if len(msgspec.json.encode(properties)) <= _MAX_BYTES:
                return properties
        raise _Refused("has more rows than an event of 32 KB holds")


def _product(line: Line, *, with_names: bool) -> Message:
    said: Message = {"product_id": line.product or line.name, "quantity": line.pieces}
    if line.price is not None:
        said["price"] = str(line.price)
    if with_names and line.product and line.name:
        said["name"] = line.name
    return said
