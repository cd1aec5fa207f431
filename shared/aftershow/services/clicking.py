"""Clicks on a message's links: noted, those of machines apart, then on to where the link leads."""

from __future__ import annotations

from aftershow.ports.ports import Ports
from aftershow.rules import feedback, links
from aftershow.rules.bots import made_by_machine
from aftershow.services import rows
from aftershow.services.messages import settle
from aftershow.services.pages import Page, Visit, Writer, language


def click(visit: Visit, ports: Ports) -> Page:
    """A click on a message's button. Where it leads stands in our own record, so the link is no open redirect."""
    target = links.read(ports.settings.link_secret, "click", visit.token)
    found = rows.found(ports, target.viewer, target.reminder) if target else None
    if target is None or found is None or not 0 <= target.number < len(found[0].links):
        return Writer(ports.settings, language(visit, ports.settings.shop_locale)).unknown_link()
    row = found[0]
    follow(ports, visit, target, str(target.number))
    return Page(302, location=links.with_source(row.links[target.number], row.channel, row.playbook, row.id))


def follow(ports: Ports, visit: Visit, target: links.LinkTarget, link: str) -> None:
    """Note that one of a message's links was followed, by a person or a machine."""
    machine = settle(ports, lambda: _noted(ports, visit, target, link))
    ports.log.info("clicked", clicks=int(not machine), machine_clicks=int(machine))


def _noted(ports: Ports, visit: Visit, target: links.LinkTarget, link: str) -> bool:
    found, now = rows.found(ports, target.viewer, target.reminder), ports.now()
    if found is None:
        return False
    row, item = found
    machine = made_by_machine(visit.method, visit.user_agent, row.sent_at or row.claimed_at, now)
    after = feedback.followed(row, link, now, machine=machine)
    if after != row:
        ports.store.commit([rows.put(ports, after, item)])
    return machine
