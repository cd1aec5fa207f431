"""Rendering: a claimed reminder, its person and its occasion become the message that is handed over; nothing is read
that the template doesn't use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.ledger import Account
from aftershow.model.messages import Content, Email
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.templates import Template
from aftershow.model.viewers import Head
from aftershow.ports import keys
from aftershow.ports.channels import STAFF_TAG, Outgoing
from aftershow.ports.ports import Ports
from aftershow.rules import content, links, pictures, snippets
from aftershow.rules.choosing import address_of
from aftershow.services import catalog, people
from aftershow.services.recommending import products_for

UNSUBSCRIBE_POST = "List-Unsubscribe=One-Click"
_SEEN = frozenset({"cart", "products", "product", "obstacle"})
_SUGGESTED = frozenset({"products", "product"})
_POINTS = frozenset({"points", "tier"})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that stands: what is written now, and the rendered message."""

    reminder: Reminder
    message: Outgoing


@dataclass(frozen=True, slots=True)
class Composed:
    """The row with its links and coupon, the message, and the addresses in it."""

    reminder: Reminder
    message: Content
    links: content.Links


def rendered(ports: Ports, row: Reminder, head: Head | None = None) -> Claimed:
    """The claimed row with its links, and its message. Raises content.NotRendered."""
    if head is None:
        found = people.leading_head(ports, row.viewer)
        head = found[0] if found else Head(viewer=row.viewer)
    template = catalog.template(ports, row.template)
    if template is None:
        raise content.NotRendered(f"template {row.template} is not in the catalog")
    composed = compose(ports, row, template, head)
    headers = {"List-Unsubscribe": f"<{composed.links.unsubscribe}>", "List-Unsubscribe-Post": UNSUBSCRIBE_POST}
    return Claimed(
        composed.reminder,
        Outgoing(
            address=address_of(head, row.channel) or "",
            content=composed.message,
            headers=headers if row.message_class == "marketing" and isinstance(composed.message, Email) else {},
            tags={"viewer": row.viewer, "reminder": row.id, "attempt": str(row.attempt)}
            | ({STAFF_TAG: row.staff} if row.staff else {}),
            message_class=row.message_class,
            platform=head.trait("push_platform") or "",
        ),
    )


def compose(ports: Ports, row: Reminder, template: Template, head: Head) -> Composed:
    """Read what the template says and render it. Raises content.NotRendered."""
    settings, shared = ports.settings, catalog.snippets(ports)
    locale, _ = content.pick(template, row.locale, row.channel)
    used = content.used(template, row.channel, locale, shared)
    show = catalog.show(ports, row.show) if row.show else None
    button = (show.text("replay_url") if show and template.link == "replay" else None) or settings.base_url
    engagement = _engagement(ports, head, row.about) if used & _SEEN else None
    products = catalog.products(ports, snippets.shown_lines(engagement))
    cart = snippets.cart_cards(engagement, products, own_hosts(settings, show))
    suggested = _suggested(ports, head, engagement) if used & _SUGGESTED else []
    accounts = _accounts(ports, head.people) if used & _POINTS else None
    changes: dict[str, object] = {"links": snippets.destinations(button, [*cart, *suggested])}
    if template.coupon is not None and "coupon" in used:
        at = row.claimed_at or ports.now()
        changes["coupon"] = snippets.coupon(template.coupon, settings.link_secret, row.id, at)
    row = row.model_copy(update=changes)
    addresses = signed(settings, row)
    occasion = content.Occasion(
        reminder=row,
        head=head,
        show=show,
        cart=cart,
        suggested=suggested,
        accounts=accounts,
        tiers=catalog.tiers(ports) if "tier" in used else None,
        engagement=engagement,
        now=ports.now(),
    )
    values = content.variables(occasion, template, locale, settings, addresses)
    message = pictures.attached(content.render(template, row.channel, locale, values, shared), template)
    return Composed(row, message, addresses)


def signed(settings: Settings, row: Reminder) -> content.Links:
    """The links of a row, each counted by its own number; what they lead to stands in the row."""

    def address(path: str, kind: links.LinkKind, number: int = 0) -> str:
        token = links.sign(settings.link_secret, kind, links.LinkTarget(row.viewer, row.id, number))
        return f"{settings.base_url}/{path}/{token}"

    counted = {place: address("c", "click", number) for number, place in enumerate(row.links)}
    return content.Links(
        button=address("c", "click"),
        unsubscribe=address("u", "unsubscribe"),
        preferences=address("p", "preferences"),
        survey=address("s", "survey"),
        quiz=address("q", "quiz"),
        counted=counted,
    )


def own_hosts(settings: Settings, show: Show | None) -> set[str]:
    """Where a link that a page named may lead: the shop's own hosts, and those below its sender's domain."""
    addresses = (settings.base_url, (show.text("replay_url") if show else None) or "")
    return {host for host in map(snippets.host_of, addresses) if host} | {settings.sender.rpartition("@")[2].lower()}


def _suggested(ports: Ports, head: Head, engagement: Engagement | None) -> list[snippets.Card]:
    """What goes with what she did: none where nothing was learnt yet, then the cart stands for it."""
    seen = [engagement] if engagement else []
    names = [one.id for one in products_for(ports, head, seen, ports.now(), snippets.MAX_PRODUCTS)]
    known = catalog.products(ports, names)
    return [snippets.product_card(known[name]) for name in names if name in known]


def _accounts(ports: Ports, people: Sequence[str]) -> list[Account]:
    """The person's points accounts."""
    found = ports.store.get_many(keys.ledger_account(member) for member in people)
    return [Account.read(item.body) for _, item in sorted(found.items())]


def _engagement(ports: Ports, head: Head, about: str) -> Engagement | None:
    """The person's engagement, of whichever of their devices has a cart in it."""
    found = ports.store.get_many(keys.engagement(member, about) for member in head.people)
    engagements = [Engagement.read(item.body) for _, item in sorted(found.items())]
    return max(engagements, key=lambda one: (len(one.cart_lines()), one.viewer), default=None)
