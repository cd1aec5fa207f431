"""Products of the catalog: what messages say of them where a cart line doesn't."""

from __future__ import annotations

from typing import Literal

from aftershow.model.base import Record, Stamped

ProductField = Literal[
    "name", "price", "url", "image_url", "category", "stock", "consumable",
    "selling_point", "offer", "video_url",  # what messages say of it beside its name and price
]  # fmt: skip


class Product(Record):
    """A product. Each field is decided by its newest statement; a price is "MINOR CURRENCY", stock a number as text,
    consumable "true" where people buy it again when it is used up."""

    product: str
    fields: dict[ProductField, Stamped] = {}

    def text(self, field: ProductField) -> str | None:
        """A field's value."""
        stamped = self.fields.get(field)
        return stamped.value if stamped else None

    @property
    def price(self) -> tuple[int, str] | None:
        """(minor units, currency)."""
        minor, _, currency = (self.text("price") or "").partition(" ")
        return (int(minor), currency) if currency else None
