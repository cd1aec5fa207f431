"""Rendering: a claimed reminder, its person and its occasion become the message that is handed over."""

from __future__ import annotations

from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.messages import Email
from aftershow.model.products import Product
from aftershow.model.reminders import Reminder
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.channels import STAFF_TAG, Outgoing
from aftershow.ports.ports import Ports
from aftershow.rules import content, links, pictures
from aftershow.rules.choosing import address_of
from aftershow.services import catalog, people

UNSUBSCRIBE_POST = "List-Unsubscribe=One-Click"


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that stands: what is written now, and the rendered message."""

    reminder: Reminder
    message: Outgoing


def rendered(ports: Ports, row: Reminder, head: Head | None = None) -> Claimed:
    """The claimed row with its links, and its message. Raises content.NotRendered."""
    if head is None:
        found = people.leading_head(ports, row.viewer)
        head = found[0] if found else Head(viewer=row.viewer)
    template = catalog.template(ports, row.template)
    if template is None:
        raise content.NotRendered(f"template {row.template} is not in the catalog")
    settings = ports.settings
    show = catalog.show(ports, row.show) if row.show else None
    destination = (show.text("replay_url") if show and template.link == "replay" else None) or settings.base_url
    row = row.model_copy(update={"links": (destination,)})
    target = links.LinkTarget(row.viewer, row.id, 0)
    addresses = content.Links(
        button=f"{settings.base_url}/c/{links.sign(settings.link_secret, 'click', target)}",
        unsubscribe=f"{settings.base_url}/u/{links.sign(settings.link_secret, 'unsubscribe', target)}",
    )
    engagement = _engagement(ports, head, row.about)
    values = content.variables(row, head, show, engagement, settings, addresses, _products(ports, engagement))
    rendered = pictures.attached(content.render(template, row.channel, row.locale, values), template)
    headers = {"List-Unsubscribe": f"<{addresses.unsubscribe}>", "List-Unsubscribe-Post": UNSUBSCRIBE_POST}
    return Claimed(
        row,
        Outgoing(
            address=address_of(head, row.channel) or "",
            content=rendered,
            headers=headers if row.message_class == "marketing" and isinstance(rendered, Email) else {},
            tags={"viewer": row.viewer, "reminder": row.id, "attempt": str(row.attempt)}
            | ({STAFF_TAG: row.staff} if row.staff else {}),
            message_class=row.message_class,
            platform=head.trait("push_platform") or "",
        ),
    )


def _products(ports: Ports, engagement: Engagement | None) -> dict[str, Product]:
    """The catalog's word on cart lines that came without a name or a price."""
    bare = [name for name, line in content.shown_lines(engagement).items() if line.name is None or line.minor is None]
    return {name: product for name in bare if (product := catalog.product(ports, name))}


def _engagement(ports: Ports, head: Head, about: str) -> Engagement | None:
    """The person's engagement, of whichever of their devices has a cart in it."""
    found = ports.store.get_many(keys.engagement(member, about) for member in head.people)
    engagements = [Engagement.read(item.body) for _, item in sorted(found.items())]
    return max(engagements, key=lambda one: (len(one.cart_lines()), one.viewer), default=None)
