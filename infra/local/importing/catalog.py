"""Products and shows: news of the catalog, which need nobody's identity."""

from __future__ import annotations

from typing import Any

from aftershow.model.instants import iso
from infra.local.importing.amounts import amount, quantity
from infra.local.importing.mapping import Columns
from infra.local.importing.rows import Cells, Message, Taken, Times, message
from infra.local.importing.values import Unusable, identifier

_URLS = ("url", "image_url", "video_url", "replay_url")


def take_product(cells: Cells, columns: Columns, times: Times) -> Taken:
    """The news of a product."""
    product = cells.read("product_id", identifier)
    if product is None:
        return _refused(cells, "product_id")
    properties: dict[str, Any] = {
        "product_id": product,
        **_texts(cells, ("name", "category", "url", "image_url", "selling_point", "offer", "video_url")),
    }
    price = cells.read("price", lambda text: amount(text, columns.decimal))
    if price is not None:
        properties["price"] = str(price[0])
        if currency := cells.text("currency").upper() or price[1] or columns.currency:
            properties["currency"] = currency
    stock = cells.read("stock", quantity)
    if stock is not None:
        properties["stock"] = stock
    return _news(cells, "Product Updated", properties, times)


def take_show(cells: Cells, times: Times) -> Taken:
    """The news of a show."""
    show = cells.read("show_id", identifier)
    starts = cells.moment("starts_at")
    if show is None or starts is None:
        return _refused(cells, "show_id" if show is None else "starts_at")
    properties: dict[str, Any] = {"show_id": show, **_texts(cells, ("title", "host_id", "replay_url"))}
    properties["starts_at"] = iso(starts)
    ends = cells.moment("ends_at")
    if ends is not None and ends < starts:
        cells.note("left out", "is before the start", "ends_at")
    elif ends is not None:
        properties["ends_at"] = iso(ends)
    return _news(cells, "Live Show Scheduled", properties, times)


def _refused(cells: Cells, name: str) -> Taken:
    """What made it unusable is noted already, unless the cell is empty."""
    noted = [problem for problem in cells.problems if problem.what == "left out"]
    reason = noted[-1].reason if noted else "is empty"
    cells.problems.clear()
    cells.note("refused", reason, name)
    return Taken(cells.line, problems=cells.problems)


def _texts(cells: Cells, names: tuple[str, ...]) -> Message:
    texts: Message = {}
    for name in names:
        text = cells.text(name)
        if text and name in _URLS and not text.startswith(("https://", "http://")):
            cells.note("left out", "is no web address", name)
        elif text:
            texts[name] = text
    return texts


def _news(cells: Cells, event: str, properties: Message, times: Times) -> Taken:
    at = cells.moment("updated_at")
    try:
        at = None if at is None else times.within(at)
    except Unusable as unusable:
        cells.note("left out", str(unusable), "updated_at")
        at = None
    what = {"type": "track", "event": event, "properties": properties}
    return Taken(cells.line, [message(what, at, times)], cells.problems)
