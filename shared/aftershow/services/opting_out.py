"""Opting out by a message's own link: committed before it is answered; a GET only shows a page."""

from __future__ import annotations

from aftershow.model.ids import address_hash
from aftershow.model.viewers import UNSUBSCRIBE_LINK, Consent, Head
from aftershow.ports.ports import Ports
from aftershow.ports.store import Put
from aftershow.rules import feedback, links
from aftershow.rules.choosing import address_of
from aftershow.rules.people import withdrawn
from aftershow.rules.planning import locale_of
from aftershow.services import people, rows
from aftershow.services.clicking import follow
from aftershow.services.messages import settle
from aftershow.services.pages import Page, Visit, Writer, language
from aftershow.services.suppressing import suppression


def writer(ports: Ports, visit: Visit, head: Head | None = None) -> Writer:
    """Pages in the language of the browser, else of the viewer, else of the shop."""
    known = locale_of(head, None, ports.settings) if head else ports.settings.shop_locale
    return Writer(ports.settings, language(visit, known))


def unsubscribe_page(visit: Visit, ports: Ports) -> Page:
    """A GET never unsubscribes (scanners open links): it shows a page with a button."""
    target = links.read(ports.settings.link_secret, "unsubscribe", visit.token)
    if target is None:
        return writer(ports, visit).unknown_link()
    follow(ports, visit, target, "unsubscribe")
    return writer(ports, visit).unsubscribe(visit.token, _to_preferences(ports, target))


def unsubscribe(visit: Visit, ports: Ports) -> Page:
    """A POST (RFC 8058, or the page's button) unsubscribes at once: committed before it is answered."""
    target = links.read(ports.settings.link_secret, "unsubscribe", visit.token)
    if target is None:
        return writer(ports, visit).unknown_link()
    settle(ports, lambda: opt_out(ports, target.viewer, target.reminder, UNSUBSCRIBE_LINK))
    ports.log.info("unsubscribed", unsubscribed=1)
    return writer(ports, visit).unsubscribed(_to_preferences(ports, target))


def _to_preferences(ports: Ports, target: links.LinkTarget) -> str:
    return links.sign(ports.settings.link_secret, "preferences", target)


def opt_out(ports: Ports, viewer: str, reminder: str, source: str) -> None:
    """Withdraw what allowed a message, on its channel and those that it was tried on before: consent, and the address
    whoever's profile carries it."""
    found, leading = rows.found(ports, viewer, reminder), people.leading_head(ports, viewer)
    if leading is None:
        return  # Nobody to write to: the link's viewer is not known any more.
    head, head_item = leading
    channels = tuple(dict.fromkeys((found[0].channel, *found[0].tried))) if found else ("email",)
    opted_out, now = head, ports.now()
    for channel in channels:
        said = Consent(state="withdrawn", at=now, id=reminder, source=source)
        opted_out = withdrawn(opted_out, channel, said, now)
    puts = [people.put(opted_out, head_item, "consent")]
    hashes = {channel: addresses(ports, head, channel) for channel in channels}
    if found is not None:
        row, row_item = found
        hashes[row.channel] |= {row.address} if row.address else set()
        heard = feedback.hear(row, "unsubscribed", now)
        puts += [rows.put(ports, heard, row_item)] if heard != row else []
    for channel in channels:
        puts += suppressed(ports, hashes[channel], channel, opted_out)
    ports.store.commit(puts)


def addresses(ports: Ports, head: Head, channel: str) -> set[str]:
    """The keyed hash of the person's address on a channel, if there is one."""
    address = address_of(head, channel)
    return {address_hash(ports.settings.address_secret, channel, address)} if address else set()


def suppressed(ports: Ports, hashes: set[str], channel: str, opted_out: Head) -> list[Put]:
    """The suppressions that belong to a withdrawal: as late as the consent says."""
    said = opted_out.consent.get(f"marketing:{channel}", {}).values()
    at = max((one.at for one in said if one.state == "withdrawn"), default=ports.now())
    return [put for hashed in sorted(hashes) for put in suppression(ports, hashed, channel, "opted_out", at)]
