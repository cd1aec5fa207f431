"""track_outcome's queue: what providers report, replies, complaints, alarm words, and orders, which a message may have
won back."""

from __future__ import annotations

import json

import msgspec

from aftershow.model.events import AlarmRaised, OrderChanged, ViewerChanged, read_event
from aftershow.model.instants import parse_instant
from aftershow.model.orders import Order
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Key, Put
from aftershow.rules import feedback, receipts
from aftershow.services import people, rows, tasks
from aftershow.services.hearing import hear
from aftershow.services.messages import Received, settle
from aftershow.services.replying import take_reply

# Who reports over EventBridge, and how it is read.
_PROVIDERS = {"aws.ses": receipts.of_ses, "aws.sms-voice": receipts.of_aws_sms}


def track(message: Received, ports: Ports) -> None:
    """Work off one message: a provider's event, a reply, or an order. What is none of these is an error."""
    body = msgspec.json.decode(message.body)
    if body.get("Type") == "Notification":
        # What a topic delivers stands in an envelope of its own.
        take_reply(ports, receipts.reply_of_aws(msgspec.json.decode(body["Message"]), parse_instant(body["Timestamp"])))
        return
    provider = _PROVIDERS.get(body["source"])
    if provider is not None:
        receipt = provider(body)
        if receipt is not None:
            hear(ports, receipt)
        return
    event = read_event(json.dumps(body["detail"]))
    if isinstance(event, AlarmRaised):
        tasks.raised(ports, event)
    elif isinstance(event, ViewerChanged):
        settle(ports, lambda: tasks.look_at_complaints(ports, event.viewer))
    elif isinstance(event, OrderChanged) and event.key.startswith("order#"):
        settle(ports, lambda: _attribute(ports, Key("orders", event.key)))


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
