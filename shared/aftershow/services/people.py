"""Reading a person: the surviving head, every member's engagements and reminders, united."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aftershow.model.engagements import Engagement
from aftershow.model.events import ViewerChanged
from aftershow.model.ids import is_viewer_id
from aftershow.model.instants import DAY, iso
from aftershow.model.reminders import Reminder
from aftershow.model.shows import Show
from aftershow.model.viewers import MAX_CHAIN, Head
from aftershow.ports import keys
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, OutboxEvent, Put, Range
from aftershow.rules import engagement as engagements
from aftershow.rules.identifiers import named_by
from aftershow.rules.planning import Person, Shop
from aftershow.services import catalog, standing

# Far more than a person has within the longest deadline; beyond it the oldest by key are left out of a look.
MAX_ROWS = 400


# As far back as labels look at days outside shows; the newest of them are among the last 90 days, or there are none.
DAYS_BACK = 90 * DAY


@dataclass(frozen=True, slots=True)
class Reading:
    """A person as stored. `days` are engagements outside shows; `labels` and `sharing` are kept items by member."""

    person: Person
    head_item: Item
    rows: dict[str, Item]
    days: dict[str, Engagement]
    labels: dict[str, Item]
    sharing: dict[str, Item]


def leading_head(ports: Ports, viewer: str) -> tuple[Head, Item] | None:
    """The surviving head behind any viewer id; None for somebody of whom only behaviour is known."""
    for _ in range(MAX_CHAIN):
        item = ports.store.get(keys.head(viewer))
        if item is None:
            return None
        head = Head.read(item.body)
        if head.merged_into is None:
            return head, item
        viewer = head.merged_into
    return None


def put(head: Head, before: Item, *what: str) -> Put:
    """The put of a head whose person said something: reminders are looked at again."""
    changed = ViewerChanged(viewer=head.viewer, what=what)
    return Put(before.key, head.body(), before.version, (OutboxEvent(changed.kind, changed.model_dump_json()),))


def known_as(ports: Ports, text: str) -> str | None:
    """The surviving viewer whom any identifier of a person names: viewer id, user id, anonymous id, e-mail address,
    telephone number (E.164), id of a platform. None where nobody is known by it."""
    names = [one.viewer for one in named_by(text, None)]
    names = [text, *names] if is_viewer_id(text) else names
    heads = ports.store.get_many([keys.head(name) for name in names])
    for name in names:
        if keys.head(name) in heads and (found := leading_head(ports, name)) is not None:
            return found[0].viewer
    return None


def read(ports: Ports, viewer: str) -> Reading | None:
    """Everything that planning looks at; None where there is no head, so nobody to write to."""
    found = leading_head(ports, viewer)
    if found is None:
        return None
    head, item = found
    rows: dict[str, Item] = {}
    reminders: list[Reminder] = []
    for row in _rows(ports, head.people):
        reminders.append(Reminder.read(row.body))
        rows[reminders[-1].id] = row
    kept = _kept(ports, head.people)
    shows = {about: one for about, one in kept.engagements.items() if one.show}
    days = {about: one for about, one in kept.engagements.items() if not one.show}
    return Reading(Person(head, shows, reminders), item, rows, days, kept.labels, kept.sharing)


@dataclass(frozen=True, slots=True)
class _Kept:
    engagements: dict[str, Engagement]
    labels: dict[str, Item]
    sharing: dict[str, Item]


def _kept(ports: Ports, members: Iterable[str]) -> _Kept:
    """What stands beside each other under a person's members, in one query each: the last days, labels, shows."""
    first = f"day#{iso(ports.now() - DAYS_BACK)[:10]}"
    several: dict[str, list[Engagement]] = {}
    kept = _Kept({}, {}, {})
    for member in members:
        for item in ports.store.query("engagements", Range(member, first=first, last="show$", limit=MAX_ROWS)).items:
            if item.key == keys.labels(member):
                kept.labels[member] = item
            elif item.key == keys.sharing(member):
                kept.sharing[member] = item
            else:
                engagement = Engagement.read(item.body)
                several.setdefault(engagement.about, []).append(engagement)
    kept.engagements.update({about: engagements.united(each) for about, each in sorted(several.items())})
    return kept


def reminders_of(ports: Ports, members: Iterable[str]) -> list[Reminder]:
    """A person's reminder rows, of all member ids."""
    return [Reminder.read(row.body) for row in _rows(ports, members)]


def _rows(ports: Ports, members: Iterable[str]) -> Iterator[Item]:
    for member in members:
        yield from ports.store.query("reminders", Range(member, limit=MAX_ROWS)).items


def engagements_of(ports: Ports, members: Iterable[str]) -> dict[str, Engagement]:
    """Engagements with shows by `about`, united over a person's members."""
    found: dict[str, list[Engagement]] = {}
    for member in members:
        page = ports.store.query("engagements", Range(member, first="show#", last="show$", limit=MAX_ROWS))
        for item in page.items:
            engagement = Engagement.read(item.body)
            found.setdefault(engagement.about, []).append(engagement)
    return {about: engagements.united(several) for about, several in sorted(found.items())}


def shop_for(ports: Ports, person: Person) -> Shop:
    """The shared things that a person's planning looks at."""
    names = sorted({one.show for one in person.engagements.values() if one.show})
    shows: dict[str, Show] = {name: show for name in names if (show := catalog.show(ports, name))}
    launched = catalog.playbooks(ports)
    return Shop(
        launched,
        shows,
        ports.settings,
        catalog.intent(ports),
        standing.of_channels(ports, launched),
        catalog.rulebook(ports),
    )
