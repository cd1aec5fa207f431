"""award_points: make the ledger hold what the orders mean. An event only names the order; its state decides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from aftershow.model.events import OrderChanged, read_event
from aftershow.model.ledger import Account, Entry
from aftershow.model.orders import Order, UnnamedRefund
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Check, Item, Key
from aftershow.rules import points
from aftershow.rules.accounts import next_due
from aftershow.services.ledger import keep_refused, post, spender
from aftershow.services.messages import Received, settle
from aftershow.services.people import leading_head


def award(message: Received, ports: Ports) -> None:
    """Work off one event from the bus."""
    event = read_event(json.dumps(msgspec.json.decode(message.body)["detail"]))
    if not isinstance(event, OrderChanged):
        return
    key = Key("orders", event.key)
    if key.pk.startswith("refund#"):
        settle(ports, lambda: _take_back(ports, key))
        return
    while settle(ports, lambda: _post_next(ports, key)):
        pass


@dataclass(frozen=True, slots=True)
class _Found:
    """A viewer's account, and those of an order's entries that stand under the viewer."""

    account: Account
    posted: Mapping[str, Entry]
    items: Mapping[Key, Item]
    due: bool
    closed: bool


def _post_next(ports: Ports, key: Key) -> bool:
    """Post the first missing entry of an order; whether there is more. One commit of three items: the entry, the
    account, and the order as a check."""
    item = ports.store.get(key)
    if item is None:
        return False
    order = Order.read(item.body)
    if order.viewer is None or points.why_no_points(order, ports.settings.shop_currency):
        return False
    # What others got for it is taken back first.
    return any(_post_for(ports, item, order, viewer) for viewer in (*order.former, order.viewer))


def _post_for(ports: Ports, about: Item, order: Order, viewer: str) -> bool:
    terms, named = points.Terms.of(ports.settings), points.entry_keys(order)
    again = points.again_keys(order)
    found = _find(ports, viewer, [*named, again[0]])
    if again[0] in found.posted:
        # What no single word says is rare, and numbered: only now is it worth reading whether there is more.
        found = _find(ports, viewer, [*named, *again])
    lacks = points.missing(order, found.posted, found.account, terms, ports.now())
    if lacks.contradicted is not None:
        keep_refused(ports, lacks.contradicted)
    if lacks.entry is not None and lacks.entry.issued < 0 and found.due and not found.closed:
        # Taking back looks at what is there: what time has taken from it must be posted first.
        spender(ports, viewer)
        return True
    return _post(ports, about, found, lacks.entry) and lacks.more


def _take_back(ports: Ports, key: Key) -> None:
    item = ports.store.get(key)
    if item is None:
        return
    refund = UnnamedRefund.read(item.body)
    if points.why_no_points(refund, ports.settings.shop_currency):
        return
    found = _find(ports, refund.viewer, [points.unnamed_key(refund)])
    if not found.posted and found.due and not found.closed:
        spender(ports, refund.viewer)
        found = _find(ports, refund.viewer, [points.unnamed_key(refund)])
    if not found.posted:
        _post(ports, item, found, points.unnamed(refund, found.account, points.Terms.of(ports.settings), ports.now()))


def _find(ports: Ports, viewer: str, names: Sequence[str]) -> _Found:
    by_key = {keys.ledger_entry(viewer, name): name for name in names}
    account_key, head_key = keys.ledger_account(viewer), keys.head(viewer)
    items = ports.store.get_many([*by_key, account_key, head_key])
    account_item, head_item = items.get(account_key), items.get(head_key)
    account = Account.read(account_item.body) if account_item else Account(viewer=viewer)
    head = Head.read(head_item.body) if head_item else None
    if head is not None and head.merged_into is not None:
        leading = leading_head(ports, head.merged_into)
        head = leading[0] if leading else head
    erased = head is not None and head.erased_at is not None
    posted = {name: Entry.read(items[key].body) for key, name in by_key.items() if key in items}
    due = next_due(account)
    return _Found(
        account,
        posted,
        items,
        due is not None and due <= max(ports.now(), account.as_of),
        erased or account.closed_at is not None,
    )


def _post(ports: Ports, about: Item, found: _Found, entry: Entry | None) -> bool:
    if entry is None:
        return False
    if found.closed:
        # Whoever erases a person closes the account with a put, so an award that read the head before is refused there.
        ports.log.info("not posted, account closed", closed=1, rule=entry.rule)
        return False
    post(ports, [entry], [found.account], found.items, [Check(about.key, about.version)])
    return True
