"""award_points: make the ledger hold what the orders mean. An event only names the order; its state decides."""

from __future__ import annotations

import json

import msgspec

from aftershow.model.events import OrderChanged, read_event
from aftershow.model.ledger import Account, Entry
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Check, Item, Key, Put
from aftershow.rules import points
from aftershow.services.messages import Received, settle


def award(message: Received, ports: Ports) -> None:
    """Work off one event from the bus."""
    event = read_event(json.dumps(msgspec.json.decode(message.body)["detail"]))
    if not isinstance(event, OrderChanged):
        return
    key = Key("orders", event.key)
    while settle(ports, lambda: _post_next(ports, key)):
        pass


def _post_next(ports: Ports, key: Key) -> bool:
    """Post the first missing entry of an order; False where none is missing. One commit of three items: the entry, the
    account, and the order as a check."""
    item = ports.store.get(key)
    if item is None:
        return False
    if key.pk.startswith("refund#"):
        refund = UnnamedRefund.read(item.body)
        if points.why_no_points(refund, ports.settings.shop_currency):
            return False
        return _post(ports, item, refund.viewer, [points.unnamed(refund)])
    order = Order.read(item.body)
    if order.viewer is None or points.why_no_points(order, ports.settings.shop_currency):
        return False
    by_key = {keys.ledger_entry(order.viewer, name): name for name in points.entry_keys(order)}
    posted = {by_key[found]: Entry.read(entry.body) for found, entry in ports.store.get_many(by_key).items()}
    return _post(
        ports, item, order.viewer, points.missing(order, posted, order.viewer, ports.settings.return_window_days)
    )


def _post(ports: Ports, about: Item, viewer: str, entries: list[Entry]) -> bool:
    if not entries:
        return False
    entry = entries[0]
    entry_key, account_key = keys.ledger_entry(viewer, entry.key), keys.ledger_account(viewer)
    found = ports.store.get_many([entry_key, account_key])
    if entry_key in found:
        if Entry.read(found[entry_key].body).hash != entry.hash:
            ports.log.warning("ledger key known with other content", entry=entry_key.sk)
        return False
    account_item = found.get(account_key)
    account = Account.read(account_item.body) if account_item else Account(viewer=viewer)
    ports.store.commit(
        [
            Put(entry_key, entry.body(), None),
            Put(account_key, points.posted_to(account, entry).body(), account_item.version if account_item else None),
        ],
        [Check(about.key, about.version)],
    )
    ports.log.info("posted", entries=1, rule=entry.rule)
    return len(entries) > 1
