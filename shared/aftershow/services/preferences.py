"""The preference page: what a person chooses is committed before it is answered, and holds from then on."""

from __future__ import annotations

from collections.abc import Mapping

from aftershow.model.playbooks import TOPICS
from aftershow.model.viewers import PREFERENCE_PAGE, Consent, Head
from aftershow.ports.ports import Ports
from aftershow.ports.store import Item, Put
from aftershow.rules import feedback, links
from aftershow.rules.choosing import has_address
from aftershow.rules.people import may_be_written, withdrawn
from aftershow.rules.preferences import (
    PAUSE,
    PAUSED_UNTIL,
    PER_WEEK,
    WEEKLY_LIMITS,
    choose,
    granted_again,
    may_grant_again,
    preferences,
    topic_wish,
)
from aftershow.services import people, rows
from aftershow.services.clicking import follow
from aftershow.services.messages import settle
from aftershow.services.opting_out import addresses, suppressed, writer
from aftershow.services.pages import WORDING_VERSION, Page, Visit

# Whoever these reach is no person.
_NOBODY = frozenset({"file", "webhook"})


def preference_page(visit: Visit, ports: Ports) -> Page:
    """What a person has chosen, to be changed. Looking changes nothing."""
    target = links.read(ports.settings.link_secret, "preferences", visit.token)
    leading = people.leading_head(ports, target.viewer) if target else None
    if target is None or leading is None or leading[0].erased_at is not None:
        return writer(ports, visit).unknown_link()
    follow(ports, visit, target, "preferences")
    return _page(ports, visit, leading[0], saved=False)


def save_preferences(visit: Visit, ports: Ports) -> Page:
    """Take what the form says."""
    target = links.read(ports.settings.link_secret, "preferences", visit.token)
    head = settle(ports, lambda: _saved(ports, visit, target)) if target else None
    if head is None:
        return writer(ports, visit).unknown_link()
    ports.log.info("preferences saved", preferences=1)
    return _page(ports, visit, head, saved=True)


def _page(ports: Ports, visit: Visit, head: Head, *, saved: bool) -> Page:
    ways = [(name, may_be_written(head, "marketing", name), _changeable(head, name)) for name in _ways(ports, head)]
    return writer(ports, visit, head).preferences(visit.token, ways, preferences(head), ports.now(), saved=saved)


def _ways(ports: Ports, head: Head) -> list[str]:
    return [one for one in ports.settings.channels if one not in _NOBODY and has_address(head, one)]


def _changeable(head: Head, channel: str) -> bool:
    return may_be_written(head, "marketing", channel) or may_grant_again(head, channel)


def _saved(ports: Ports, visit: Visit, target: links.LinkTarget) -> Head | None:
    leading = people.leading_head(ports, target.viewer)
    if leading is None or leading[0].erased_at is not None:
        return None
    before, item = leading
    head = choose(before, _wishes(before, visit.form, ports.now()), ports.now(), target.reminder)
    head, puts = _with_ways(ports, head, visit, target.reminder)
    if head != before:
        puts += _noted(ports, target, before, head)
        ports.store.commit([_put(before, head, item), *puts])
    return head


def _noted(ports: Ports, target: links.LinkTarget, before: Head, head: Head) -> list[Put]:
    """The message whose link led here, where it brought the end of its channel."""
    found = rows.found(ports, target.viewer, target.reminder)
    if found is None or not may_be_written(before, "marketing", found[0].channel):
        return []
    if may_be_written(head, "marketing", found[0].channel):
        return []
    heard = feedback.hear(found[0], "unsubscribed", ports.now())
    return [rows.put(ports, heard, found[1])] if heard != found[0] else []


def _put(before: Head, head: Head, item: Item) -> Put:
    what = {"consent": before.consent != head.consent, "wishes": before.wishes != head.wishes}
    return people.put(head, item, *(name for name, changed in what.items() if changed))


def _wishes(head: Head, form: Mapping[str, object], now: int) -> dict[str, str]:
    """Choice to value, as the whole form says it: a box that isn't ticked isn't sent."""
    wanted, limit = set(_listed(form, "topic")), next(iter(_listed(form, "per_week")), "")
    pausing, paused_until = "30" in _listed(form, "pause"), preferences(head).paused_until
    wishes = {topic_wish(topic): "on" if topic in wanted else "off" for topic in TOPICS}
    wishes[PER_WEEK] = limit if limit in map(str, WEEKLY_LIMITS) else ""
    # A pause that runs goes on, it doesn't begin anew.
    if not pausing:
        wishes[PAUSED_UNTIL] = "0"
    elif paused_until <= now:
        wishes[PAUSED_UNTIL] = str(now + PAUSE)
    return wishes


def _listed(form: Mapping[str, object], name: str) -> list[str]:
    values = form.get(name)
    return [str(one) for one in values] if isinstance(values, list) else []


def _with_ways(ports: Ports, head: Head, visit: Visit, said_by: str) -> tuple[Head, list[Put]]:
    wanted, puts, now = set(_listed(visit.form, "channel")), [], ports.now()
    said = Consent(state="granted", at=now, id=said_by, source=PREFERENCE_PAGE, wording_version=WORDING_VERSION)
    for channel in _ways(ports, head):
        allowed = may_be_written(head, "marketing", channel)
        if allowed and channel not in wanted:
            head = withdrawn(head, channel, said, now)
            puts += suppressed(ports, addresses(ports, head, channel), channel, head)
        elif not allowed and channel in wanted and may_grant_again(head, channel):
            head = granted_again(head, channel, said)
    return head, puts
