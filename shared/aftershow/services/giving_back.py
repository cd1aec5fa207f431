"""What a claim took of caps and accepts is given back, once its message was definitely not sent."""

from __future__ import annotations

from aftershow.model.channels import CONTACT_DELETED
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Address, Suppression
from aftershow.ports import keys
from aftershow.ports.channels import Declined
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.rules import claims
from aftershow.services import people


def puts(ports: Ports, row: Reminder, answer: Declined) -> list[Put]:
    """The head and the address without the row's send; the address is given up where the provider says so."""
    written: list[Put] = []
    found = people.leading_head(ports, row.viewer)
    if found is not None:
        head, head_item = found
        freed = claims.freed(head, row, answer.reason)
        written.append(Put(head_item.key, freed.body(), head_item.version))
    address_item = ports.store.get(keys.address(row.address)) if row.address else None
    if address_item is not None:
        address = Address.read(address_item.body)
        changes: dict[str, object] = {"sends": claims.without_send(address.sends, row)}
        if answer.gives_up_address and not address.suppressed:
            # Who deleted the staff's contact said no, and may say yes again.
            why: Suppression = "opted_out" if answer.reason == CONTACT_DELETED else "bounced"
            changes |= {"suppressed": why, "suppressed_at": ports.now()}
        written.append(Put(address_item.key, address.model_copy(update=changes).body(), address_item.version))
    return written
