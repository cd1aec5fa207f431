"""What providers report: over EventBridge, or over HTTP at a secret address. Each word moves its reminder forward only,
and says something of the address that it was sent to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from aftershow.model.ids import address_hash
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import MAIL_CLIENT, Address, Suppression
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Put
from aftershow.rules import feedback, links, receipts
from aftershow.rules.receipts import Receipt
from aftershow.rules.replies import Reply
from aftershow.services import rows
from aftershow.services.messages import settle
from aftershow.services.opting_out import opt_out
from aftershow.services.pages import Page, Visit
from aftershow.services.replying import take_reply
from aftershow.services.suppressing import suppression
from aftershow.services.tasks import complaint_of

# Vendors push some hundred entries at a time.
MAX_CALLBACK_BYTES = 1024 * 1024
MAX_ENTRIES = 1_000
_JSON = "application/json"
# Words that end an address.
_ENDS: dict[str, Suppression] = {"bounced": "bounced", "complained": "complained"}


def hear(ports: Ports, receipt: Receipt) -> None:
    """Take a provider's word."""
    at = min(receipt.at, ports.now())
    word = settle(ports, lambda: _heard(ports, receipt, at))
    if word is not None:
        ports.log.info("heard", **{word: 1})


def _heard(ports: Ports, receipt: Receipt, at: int) -> str | None:
    found = _found(ports, receipt)
    if found is None or not feedback.is_about(found[0], receipt.attempt):
        return None
    before, item = found
    if receipt.word == "unsubscribed":
        opt_out(ports, before.viewer, before.id, MAIL_CLIENT)
        return "unsubscribed"
    if receipt.word is None:
        after = feedback.followed(before, receipt.link or feedback.BUTTON, at, machine=receipt.machine)
    else:
        after = feedback.hear(before, receipt.word, at, receipt.provider_id)
    puts = [rows.put(ports, after, item)] if after != before else []
    puts += _of_address(ports, before, receipt.word, at)
    if receipt.word == "complained":
        puts += complaint_of(ports, before, at)
    if puts:
        ports.store.commit(puts)
    return receipt.word or "followed"


def _found(ports: Ports, receipt: Receipt) -> tuple[Reminder, Item] | None:
    """The reminder that is meant: by our ids, else among what was last sent to the address."""
    if receipt.viewer is not None and receipt.reminder is not None:
        return rows.found(ports, receipt.viewer, receipt.reminder)
    address = _address(ports, receipt.channel, receipt.address) if receipt.address else None
    sends = [send for ring in address.sends.values() for send in ring] if address else []
    for send in sorted(sends, key=lambda one: one.at, reverse=True):
        if send.viewer is None or receipt.reminder not in (None, send.reminder):
            continue
        found = rows.found(ports, send.viewer, send.reminder)
        if found is not None and (receipt.reminder is not None or found[0].provider_id == receipt.provider_id):
            return found
    return None


def _address(ports: Ports, channel: str, address: str) -> Address | None:
    item = ports.store.get(keys.address(address_hash(ports.settings.address_secret, channel, address)))
    return Address.read(item.body) if item else None


def _of_address(ports: Ports, row: Reminder, word: str | None, at: int) -> list[Put]:
    """What a word says about the address: a complaint and a hard bounce end it at once, soft bounces several in a
    row."""
    if row.address is None:
        return []
    why = _ENDS.get(word or "")
    if why is not None:
        return suppression(ports, row.address, row.channel, why, at)
    if word not in ("soft_bounced", "delivered"):
        return []
    item = ports.store.get(keys.address(row.address))
    if item is None:
        return []
    before = Address.read(item.body)
    after = before.bounced_softly(row.id, at) if word == "soft_bounced" else before.reached(at)
    return [Put(item.key, after.body(), item.version)] if after != before else []


def callback(visit: Visit, ports: Ports) -> Page:
    """A provider that signs nothing reports at an address that only it knows. What it repeats changes nothing; what
    can't be read is refused, so that it shows at the provider."""
    known = _CALLBACKS.get(visit.provider)
    if known is None or not links.is_callback(ports.settings.link_secret, visit.provider, visit.token):
        return Page(404, "{}", content_type=_JSON)
    read, done = known
    if len(visit.body) > MAX_CALLBACK_BYTES:
        return Page(413, "{}", content_type=_JSON)
    try:
        entries = list(_entries(json.loads(visit.body)))
        heard = [read(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        ports.log.warning("callback refused", provider=visit.provider, error=type(error).__name__)
        return Page(400, "{}", content_type=_JSON)
    for one in heard:
        take_reply(ports, one) if isinstance(one, Reply) else hear(ports, one)
    ports.log.info("callback", provider=visit.provider, entries=len(entries))
    return Page(200, done, content_type=_JSON)


def _entries(body: Any) -> Iterable[dict[str, Any]]:
    listed = body if isinstance(body, list) else [body]
    if len(listed) > MAX_ENTRIES or not all(isinstance(one, dict) for one in listed):
        raise ValueError("no list of entries")
    return listed


def _aliyun(entry: dict[str, Any]) -> Receipt | Reply:
    return receipts.reply_of_aliyun(entry) if "content" in entry else receipts.of_aliyun(entry)


def _tencent(entry: dict[str, Any]) -> Receipt | Reply:
    return receipts.reply_of_tencent(entry) if "text" in entry else receipts.of_tencent(entry)


_CALLBACKS: dict[str, tuple[Callable[[dict[str, Any]], Receipt | Reply], str]] = {
    "aliyun": (_aliyun, '{"code":0,"msg":"OK"}'),
    "tencent": (_tencent, '{"result":0,"errmsg":"OK"}'),
}
