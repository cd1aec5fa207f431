"""Everything that a local state holds, read whole: for reports, explanations and recounts, not for decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, get_args

from aftershow.model.base import Record
from aftershow.model.coverage import Coverage, Seen
from aftershow.model.engagements import Engagement, Score
from aftershow.model.ids import IdentityKind, is_viewer
from aftershow.model.labels import LabelName, Labels, Sharing
from aftershow.model.ledger import Account, Entry
from aftershow.model.orders import Order
from aftershow.model.playbooks import Playbook
from aftershow.model.products import Product
from aftershow.model.reminders import Reminder
from aftershow.model.settings import Settings
from aftershow.model.shows import Show
from aftershow.model.viewers import Address, Head
from aftershow.ports import keys
from aftershow.ports.store import Item, Row
from aftershow.rules import engagement as engagements
from aftershow.rules import recommending, repurchase
from aftershow.rules.coverage import of_shop
from aftershow.rules.identifiers import Identifier, named_by
from aftershow.rules.intent import score
from aftershow.rules.labels import Measure
from aftershow.rules.merging import lead
from aftershow.rules.planning import Person, Shop
from aftershow.rules.recommending import Recommended
from aftershow.services import catalog, labelling, launching, standing
from aftershow.services.recommending import learnt_of
from aftershow.services.recounted import Recount
from aftershow.services.recounting import recount
from infra.local.host import LocalHost

T = TypeVar("T", bound=Record)
# Traits by which somebody may be asked for.
_NAMING = frozenset({"email", "phone", "phone_as_sent", *get_args(IdentityKind)})
# As many as a person would compare.
MAX_NAMESAKES = 5


@dataclass(frozen=True, slots=True)
class Human:
    """One person: the surviving viewer id, all member ids, and the head where there is one."""

    viewer: str
    members: tuple[str, ...]
    head: Head | None


def _grouped(records: Iterable[T], by: Callable[[T], str]) -> dict[str, list[T]]:
    groups: dict[str, list[T]] = {}
    for record in records:
        groups.setdefault(by(record), []).append(record)
    return groups


class Records:
    """The records of a state at the moment of asking."""

    def __init__(self, host: LocalHost) -> None:
        self._host = host
        self._tables = {table.name: table.id for table in host.template.tables}
        self.settings: Settings = host.ports("send_message").settings
        self.now = host.now

    def items(self, table: str) -> list[Item]:
        """All items of a table, by key."""
        return [Row(image).item(table) for image in self._host.backend.scan(table)]

    def _all(self, table: str, kind: type[T], prefix: str = "", sk_prefix: str = "") -> list[T]:
        return [
            kind.read(item.body)
            for item in self.items(table)
            if item.key.pk.startswith(prefix) and item.key.sk.startswith(sk_prefix)
        ]

    @cached_property
    def heads(self) -> Mapping[str, Head]:
        """Every head by viewer id, pointers of merged ones included."""
        return {head.viewer: head for head in self._all("viewers", Head)}

    @cached_property
    def shows(self) -> Mapping[str, Show]:
        """Shows by id."""
        return {show.show: show for show in self._all("catalog", Show, prefix="show#")}

    @cached_property
    def products(self) -> Mapping[str, Product]:
        """Products by id."""
        return {product.product: product for product in self._all("catalog", Product, prefix="product#")}

    @cached_property
    def categories(self) -> Mapping[str, str]:
        """Product to category, as far as the catalog knows it."""
        return {name: category for name, product in self.products.items() if (category := product.text("category"))}

    @cached_property
    def playbooks(self) -> tuple[Playbook, ...]:
        """Playbooks by id."""
        return tuple(one.playbook for one in self.shop.playbooks)

    @cached_property
    def signals(self) -> Mapping[str, Seen]:
        """The signals that all sources together deliver."""
        return of_shop(self._all("catalog", Coverage, prefix="coverage"))

    @cached_property
    def reminders(self) -> list[Reminder]:
        """All reminder rows, in the order of their planning."""
        return sorted(self._all("reminders", Reminder), key=lambda row: (row.created, row.due, row.id))

    @cached_property
    def orders(self) -> list[Order]:
        """All named orders, tombstones included."""
        return self._all("orders", Order, prefix="order#")

    @cached_property
    def accounts(self) -> list[Account]:
        """Points accounts."""
        return self._all("ledger", Account, sk_prefix="account")

    @cached_property
    def entries(self) -> list[Entry]:
        """Ledger entries, in the order in which they were posted."""
        items = [item for item in self.items("ledger") if item.key.sk.startswith("entry#")]
        # Statements stand in the index, with the newest first.
        items.sort(key=lambda item: item.index[1] if item.index else "", reverse=True)
        return [Entry.read(item.body) for item in items]

    @cached_property
    def refused(self) -> list[Entry]:
        """Entries that were refused: their key stands in the ledger with other content."""
        return self._all("ledger", Entry, sk_prefix="refused#")

    @cached_property
    def recount(self) -> Recount:
        """The ledger, recounted from its entries."""
        return recount(self.items("ledger"), self.orders, self.settings.shop_currency, self.now)

    @cached_property
    def addresses(self) -> Mapping[str, Address]:
        """What is known of addresses, by keyed hash."""
        return {one.hashed: one for one in self._all("addresses", Address)}

    @cached_property
    def engagements(self) -> list[Engagement]:
        """All engagements, days outside shows included."""
        return [
            Engagement.read(item.body)
            for item in self.items("engagements")
            if item.key not in (keys.labels(item.key.pk), keys.sharing(item.key.pk))
        ]

    @cached_property
    def humans(self) -> Mapping[str, Human]:
        """People by surviving viewer id: whoever has a head or an engagement."""
        names = {*filter(is_viewer, self.heads), *(one.viewer for one in self.engagements)}
        members: dict[str, list[str]] = {}
        for name in sorted(names):
            members.setdefault(lead(self.heads, name), []).append(name)
        return {name: Human(name, tuple(listed), self.heads.get(name)) for name, listed in members.items()}

    @cached_property
    def _engagements_by_viewer(self) -> Mapping[str, list[Engagement]]:
        return _grouped(self.engagements, lambda one: one.viewer)

    @cached_property
    def _reminders_by_viewer(self) -> Mapping[str, list[Reminder]]:
        return _grouped(self.reminders, lambda row: row.viewer)

    def engagements_of(self, human: Human, *, shows_only: bool = True) -> dict[str, Engagement]:
        """A person's engagements by `about`, united over their devices."""
        found: dict[str, list[Engagement]] = {}
        for member in human.members:
            for one in self._engagements_by_viewer.get(member, ()):
                if one.show is not None or not shows_only:
                    found.setdefault(one.about, []).append(one)
        return {about: engagements.united(several) for about, several in sorted(found.items())}

    def reminders_of(self, human: Human) -> list[Reminder]:
        """A person's reminder rows, of all member ids."""
        return [row for member in human.members for row in self._reminders_by_viewer.get(member, ())]

    def person(self, human: Human) -> Person | None:
        """The person as the planner sees them; None for somebody who never identified."""
        if human.head is None:
            return None
        return Person(human.head, self.engagements_of(human), self.reminders_of(human))

    @cached_property
    def shop(self) -> Shop:
        """What all people share, as the planner sees it."""
        ports = self._host.ports("schedule_reminder")
        known, channels = launching.playbooks(self._host.store), standing.of_channels
        return Shop(
            known, self.shows, self.settings, catalog.intent(ports), channels(ports, known), catalog.rulebook(ports)
        )

    def score(self, engagement: Engagement) -> Score:
        """An engagement's score as the functions give it now."""
        return score(engagement, self.shop.intent)

    @cached_property
    def measure(self) -> Measure:
        """By what the shop measures its customers."""
        return labelling.measure(self._host.ports("schedule_reminder"))

    @cached_property
    def repurchase(self) -> repurchase.Trained | None:
        """The shop's own scorecard of who buys again."""
        return catalog.repurchase(self._host.ports("schedule_reminder"))

    def recommended(self, human: Human) -> tuple[tuple[Recommended, ...], tuple[Recommended, ...]]:
        """Products and shows that would be shown to a person now."""
        engagements = self.engagements_of(human, shows_only=False).values()
        ports = self._host.ports("schedule_reminder")
        products = recommending.acts_with_products(engagements, self.orders_of(human))
        shows = recommending.acts_with_shows(engagements)
        by, of_shows = learnt_of(ports, products), learnt_of(ports, shows, shows=True)
        return (
            recommending.recommend(products, by, self.products, self.now),
            recommending.recommend_shows(shows, of_shows, self.shows, self.now),
        )

    def labels_of(self, human: Human) -> Mapping[LabelName, str]:
        """A person's labels as they were last written down."""
        kept = self._kept_labels.get(human.viewer)
        return kept.values if kept else {}

    def brought(self, human: Human) -> int:
        """How many new customers a person's shares brought."""
        buyers = {buyer for name in human.members for buyer in self._sharing.get(name, ())}
        return len(buyers - set(human.members))

    @cached_property
    def _kept_labels(self) -> Mapping[str, Labels]:
        found = self._all("engagements", Labels, sk_prefix="labels")
        return {one.viewer: one for one in found}

    @cached_property
    def _sharing(self) -> Mapping[str, Mapping[str, int]]:
        return {one.viewer: one.buyers for one in self._all("engagements", Sharing, sk_prefix="sharing")}

    def of_viewer(self, viewer: str) -> Human | None:
        """The person behind a viewer id."""
        return self.humans.get(lead(self.heads, viewer))

    @cached_property
    def _orders_by_viewer(self) -> Mapping[str, list[Order]]:
        return _grouped(self.orders, lambda order: order.viewer or "")

    @cached_property
    def _entries_by_home(self) -> Mapping[str, list[Entry]]:
        return _grouped(self.entries, lambda entry: entry.home)

    def orders_of(self, human: Human) -> list[Order]:
        """A person's orders, of all member ids."""
        return [order for member in human.members for order in self._orders_by_viewer.get(member, ())]

    def entries_of(self, human: Human) -> list[Entry]:
        """A person's ledger entries, of all member ids."""
        return [entry for member in human.members for entry in self._entries_by_home.get(member, ())]

    def accounts_of(self, human: Human) -> list[Account]:
        """A person's points accounts, of all member ids."""
        return [account for account in self.accounts if account.viewer in human.members]

    def refused_of(self, human: Human) -> list[Entry]:
        """Entries that were refused for a person, of all member ids."""
        return [entry for entry in self.refused if entry.home in human.members]

    def find(self, identifier: str) -> Human | None:
        """The person behind any identifier: viewer id, user id, anonymous id, e-mail address, telephone number, or an
        id of an app or platform."""
        value = identifier.strip()
        named = named_by(value, self.settings.shop_country)
        for name in (value, *(one.viewer for one in named), *self._by_trait(value, named)):
            human = self.humans.get(lead(self.heads, name))
            if human is not None:
                return human
        return self._by_start(value)

    def _by_trait(self, value: str, named: Sequence[Identifier]) -> list[str]:
        """Those whose profile holds the value, told by a source that joins nobody."""
        wanted = {value.lower(), *(one.value.lower() for one in named if one.kind in ("email", "phone"))} - {""}
        return [
            head.viewer
            for head in self.heads.values()
            if wanted & {said.value.lower() for name, said in head.traits.items() if name in _NAMING}
        ]

    def namesakes(self, human: Human) -> dict[str, list[str]]:
        """Other people with the same e-mail address or telephone number, who were not joined by it: trait to viewer
        ids, the first few."""
        found: dict[str, list[str]] = {}
        for trait in ("email", "phone"):
            value = (human.head.trait(trait) or "").lower() if human.head else ""
            others = self._by_address.get((trait, value), [])
            found[trait] = [viewer for viewer in others if viewer != human.viewer][:MAX_NAMESAKES]
        return {trait: viewers for trait, viewers in found.items() if viewers}

    @cached_property
    def _by_address(self) -> Mapping[tuple[str, str], list[str]]:
        by_address: dict[tuple[str, str], list[str]] = {}
        for head in self.heads.values():
            for trait in ("email", "phone"):
                if head.merged_into is None and (value := head.trait(trait)):
                    by_address.setdefault((trait, value.lower()), []).append(head.viewer)
        return by_address

    def _by_start(self, start: str) -> Human | None:
        """The one person whose viewer id starts so: what a report prints is shortened."""
        found = [human for name, human in self.humans.items() if name.startswith(start)]
        return found[0] if len(found) == 1 and start else None
