"""What becomes known of products."""

from __future__ import annotations

from aftershow.model.base import Stamped
from aftershow.model.ids import short_hash
from aftershow.model.products import Product
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.rules.segment import Event, ProductNews
from aftershow.services.messages import settle


def learn(ports: Ports, event: Event) -> bool:
    """Take what an event says of a product: the newest word on each field counts. False where all of it was known."""
    news = event.meaning
    if not isinstance(news, ProductNews):
        return False
    key = keys.product(news.product)

    def attempt() -> bool:
        item = ports.store.get(key)
        before = Product.read(item.body) if item else Product(product=news.product)
        fields = dict(before.fields)
        for field, value in news.fields.items():
            said = Stamped(value=value, at=event.at, id=f"{short_hash(event.id):016x}")
            fields[field] = said.newest(fields.get(field))
        if fields == before.fields:
            return False
        after = before.model_copy(update={"fields": fields})
        ports.store.commit([Put(key, after.body(), item.version if item else None)])
        return True

    return settle(ports, attempt)
