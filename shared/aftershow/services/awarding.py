"""award_points: make the ledger hold what the orders mean. An event only names the order; its state decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

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
        entry = points.unnamed(refund)
        return _post(ports, item, refund.viewer, [entry.key], lambda posted: [] if entry.key in posted else [entry])
    order = Order.read(item.body)
    viewer = order.viewer
    if viewer is None or points.why_no_points(order, ports.settings.shop_currency):
        return False
    window_days = ports.settings.return_window_days
    return _post(
        ports,
        item,
        viewer,
        points.entry_keys(order),
        lambda posted: points.missing(order, posted, viewer, window_days),
    )


def _post(
    ports: Ports, about: Item, viewer: str, names: Sequence[str], missing: Callable[[Mapping[str, Entry]], list[Entry]]
) -> bool:
    """Read the entries of these names and the account at once; post the first that is missing."""
    by_key = {keys.ledger_entry(viewer, name): name for name in names}
    account_key = keys.ledger_account(viewer)
    found = ports.store.get_many([*by_key, account_key])
    account_item = found.pop(account_key, None)
    entries = missing({by_key[key]: Entry.read(item.body) for key, item in found.items()})
    if not entries:
        return False
    entry = entries[0]
    account = Account.read(account_item.body) if account_item else Account(viewer=viewer)
    ports.store.commit(
        [
            Put(keys.ledger_entry(viewer, entry.key), entry.body(), None),
            Put(account_key, points.posted_to(account, entry).body(), account_item.version if account_item else None),
        ],
        [Check(about.key, about.version)],
    )
    ports.log.info("posted", entries=1, rule=entry.rule)
    return len(entries) > 1
