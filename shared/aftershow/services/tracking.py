"""track_outcome: what comes back from providers, links and orders; and the opt-out, which is committed before it is
answered."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from aftershow.model.events import OrderChanged, ViewerChanged, read_event
from aftershow.model.ids import address_hash
from aftershow.model.instants import parse_instant
from aftershow.model.orders import Order
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import UNSUBSCRIBE_LINK, Consent
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Key, OutboxEvent, Put
from aftershow.rules import feedback, links
from aftershow.rules.choosing import address_of
from aftershow.rules.people import latest_grant, told, with_consent
from aftershow.services import pages, people, rows
from aftershow.services.messages import Received, settle
from aftershow.services.suppressing import suppression

# SES's words over EventBridge (detail-type), as far as they say something about one message.
_SES_WORDS: dict[str, feedback.Word] = {
    "Email Sent": "accepted",
    "Email Delivered": "delivered",
    "Email Bounced": "bounced",
    "Email Complaint Received": "complained",
    "Email Opened": "opened",
    "Email Clicked": "clicked",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer to a person: a page, or the way to where the link leads."""

    status: int
    html: str = ""
    location: str | None = None


def track(message: Received, ports: Ports) -> None:
    """Work off one message: a provider's event, or an order."""
    body = msgspec.json.decode(message.body)
    if body["source"] == "aws.ses":
        _hear_provider(ports, body)
        return
    event = read_event(json.dumps(body["detail"]))
    if isinstance(event, OrderChanged) and event.key.startswith("order#"):
        settle(ports, lambda: _attribute(ports, Key("orders", event.key)))


def _hear_provider(ports: Ports, body: dict[str, Any]) -> None:
    detail = body["detail"]
    word = _SES_WORDS.get(body["detail-type"])
    tags = detail.get("mail", {}).get("tags", {})
    viewer, reminder, attempt = (next(iter(tags.get(name, ())), None) for name in ("viewer", "reminder", "attempt"))
    if word is None or viewer is None or reminder is None:
        return
    if word == "bounced" and detail.get("bounce", {}).get("bounceType") != "Permanent":
        # A full mailbox today is no reason to give up an address.
        ports.log.info("soft bounce", bounces=1)
        return
    at = parse_instant(body["time"])
    number = int(attempt) if attempt is not None and attempt.isdecimal() else None
    settle(ports, lambda: _hear(ports, viewer, reminder, word, at, detail["mail"].get("messageId"), number))
    ports.log.info("heard", **{word: 1})


def _hear(
    ports: Ports, viewer: str, reminder: str, word: feedback.Word, at: int, provider_id: str | None, attempt: int | None
) -> None:
    item = ports.store.get(keys.reminder(viewer, reminder))
    before = Reminder.read(item.body) if item else None
    if item is None or before is None or not feedback.is_about(before, attempt):
        return
    after = feedback.hear(before, word, at, provider_id)
    puts = [rows.put(ports, after, item)] if after != before else []
    if word in ("bounced", "complained") and before.address is not None:
        puts += suppression(ports, before.address, before.channel, word, at)
    if puts:
        ports.store.commit(puts)


def _attribute(ports: Ports, key: Key) -> None:
    item = ports.store.get(key)
    order = Order.read(item.body) if item else None
    if item is None or order is None or order.viewer is None or order.won_by is not None:
        return
    reading = people.read(ports, order.viewer)
    won = feedback.won_by(reading.person.reminders, order) if reading else None
    if reading is None or won is None:
        return
    after = won.with_step(
        ports.now(), "won_back", f"order {order.order}",
        feedback=won.feedback.model_copy(update={"ordered_at": order.at, "order": order.order}),
    )  # fmt: skip
    noted = order.model_copy(update={"won_by": won.id})
    index = keys.viewer_orders(order.viewer, order.at or 0, order.order)
    puts = [rows.put(ports, after, reading.rows[won.id]), Put(item.key, noted.body(), item.version, index=index)]
    ports.store.commit(puts + _released(ports, won.feedback.order))
    ports.log.info("won back", orders=1)


def _released(ports: Ports, order_id: str | None) -> list[Put]:
    """A later order gives its reminder up to an earlier one that became known after it."""
    item = ports.store.get(keys.order(order_id)) if order_id else None
    if item is None:
        return []
    order = Order.read(item.body).model_copy(update={"won_by": None})
    index = keys.viewer_orders(order.viewer or "", order.at or 0, order.order)
    return [Put(item.key, order.body(), item.version, index=index)]


def click(token: str, ports: Ports) -> Page:
    """A click on a message's button: noted, then on to where the link leads."""
    target = links.read(ports.settings.link_secret, "click", token)
    found = _row(ports, target) if target else None
    if target is None or found is None or not 0 <= target.number < len(found[0].links):
        return Page(404, pages.unknown_link(ports.settings))

    def attempt() -> None:
        again = _row(ports, target)
        if again is not None:
            after = feedback.hear(again[0], "clicked", ports.now())
            if after != again[0]:
                ports.store.commit([rows.put(ports, after, again[1])])

    settle(ports, attempt)
    ports.log.info("clicked", clicks=1)
    return Page(302, location=found[0].links[target.number])


def _row(ports: Ports, target: links.LinkTarget) -> tuple[Reminder, Item] | None:
    item = ports.store.get(keys.reminder(target.viewer, target.reminder))
    return (Reminder.read(item.body), item) if item else None


def unsubscribe_page(token: str, ports: Ports) -> Page:
    """A GET never unsubscribes (scanners open links): it shows a page with a button."""
    target = links.read(ports.settings.link_secret, "unsubscribe", token)
    if target is None:
        return Page(404, pages.unknown_link(ports.settings))
    return Page(200, pages.unsubscribe(ports.settings, token))


def unsubscribe(token: str, ports: Ports) -> Page:
    """A POST (RFC 8058, or the page's button) unsubscribes at once: committed before it is answered."""
    target = links.read(ports.settings.link_secret, "unsubscribe", token)
    if target is None:
        return Page(404, pages.unknown_link(ports.settings))
    settle(ports, lambda: _opt_out(ports, target))
    ports.log.info("unsubscribed", unsubscribed=1)
    return Page(200, pages.unsubscribed(ports.settings))


def _opt_out(ports: Ports, target: links.LinkTarget) -> None:
    found, leading = _row(ports, target), people.leading_head(ports, target.viewer)
    if leading is None:
        return  # Nobody to write to: the link's viewer is not known any more.
    head, head_item = leading
    channel = found[0].channel if found else "email"
    # Later than every consent so far, also than one that was stamped by a clock that runs ahead.
    at = max(ports.now(), 1 + latest_grant(head, channel))
    said = Consent(state="withdrawn", at=at, id=target.reminder, source=UNSUBSCRIBE_LINK)
    opted_out = told(head, head.viewer, lambda facts: with_consent(facts, head.viewer, f"marketing:{channel}", said))
    changed = ViewerChanged(viewer=head.viewer, what=("consent",))
    event = OutboxEvent(changed.kind, changed.model_dump_json())
    puts = [Put(head_item.key, opted_out.body(), head_item.version, (event,))]
    address = address_of(head, channel)
    hashes = {address_hash(ports.settings.address_secret, channel, address)} if address else set()
    if found is not None:
        row, row_item = found
        hashes |= {row.address} if row.address else set()
        heard = feedback.hear(row, "unsubscribed", ports.now())
        puts += [rows.put(ports, heard, row_item)] if heard != row else []
    for hashed in sorted(hashes):
        puts += suppression(ports, hashed, channel, "opted_out", at)
    ports.store.commit(puts)
