"""What people chose for themselves: about what, how often, from when on they want to be written to.

Each choice is kept by origin, as consent is, and of a person's origins the strictest counts: a merge never loosens what
one of them had said. Whoever chooses anew speaks for all ids that the person has by then. Service messages know none of
it: an order's parcel is no offer.

    topic:replay    "off", or "on" again
    per_week        most marketing messages in seven days: "1" to "3", "" for the shop's own caps
    paused_until    epoch milliseconds; "0": not any more
    held_until      the same, set while a member of staff has to answer a doubt
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aftershow.model.base import Stamped
from aftershow.model.instants import DAY, HOUR
from aftershow.model.playbooks import TOPICS, Playbook
from aftershow.model.reminders import MessageClass
from aftershow.model.viewers import Consent, Facts, Head
from aftershow.rules.people import counting, may_be_written, told, with_consent

PER_WEEK = "per_week"
PAUSED_UNTIL = "paused_until"
HELD_UNTIL = "held_until"
_TOPIC = "topic:"
WEEK = 7 * DAY
# What the page offers; more is what the shop's own caps allow.
WEEKLY_LIMITS = (1, 2, 3)
PAUSE = 30 * DAY
# A doubt that nobody answers must not hold reminders back for ever; staff close it long before.
LONGEST_HOLD = 7 * DAY
# How soon a held reminder looks again whether the doubt was answered.
HOLD_RECHECK = 4 * HOUR


@dataclass(frozen=True, slots=True)
class Preferences:
    """What counts for a person. Moments in epoch milliseconds, 0: none."""

    topics_off: frozenset[str] = frozenset()
    per_week: int | None = None
    paused_until: int = 0
    held_until: int = 0

    def refuses(self, playbook: Playbook) -> bool:
        """Whether the person wants nothing about this."""
        return playbook.message_class == "marketing" and playbook.topic in self.topics_off

    def caps(self, message_class: MessageClass) -> tuple[tuple[int, int], ...]:
        """Caps of their own, beside the shop's: (window in milliseconds, most messages in it)."""
        return () if message_class == "service" or self.per_week is None else ((WEEK, self.per_week),)

    def pause(self, message_class: MessageClass) -> int:
        """Until when nothing is wanted."""
        return 0 if message_class == "service" else self.paused_until

    def hold(self, message_class: MessageClass) -> int:
        """Until when a doubt holds reminders back, unless it is answered before."""
        return 0 if message_class == "service" else self.held_until


def preferences(head: Facts) -> Preferences:
    """The strictest of what a person's ids chose."""
    off = {topic for topic in TOPICS if "off" in _values(head, _TOPIC + topic)}
    limits = [int(value) for value in _values(head, PER_WEEK) if value]
    return Preferences(
        topics_off=frozenset(off),
        per_week=min(limits, default=None),
        paused_until=max(map(int, _values(head, PAUSED_UNTIL)), default=0),
        held_until=max(map(int, _values(head, HELD_UNTIL)), default=0),
    )


def _values(head: Facts, name: str) -> Iterator[str]:
    return (said.value for said in head.wishes.get(name, {}).values())


def topic_wish(topic: str) -> str:
    """The name of the choice about a topic."""
    return _TOPIC + topic


def choose(head: Head, wishes: Mapping[str, str], now: int, said_by: str) -> Head:
    """The head after its person chose: name to value. What already counts so is not said again."""
    for name, value in wishes.items():
        known = head.wishes.get(name, {})
        if all(said.value == value for said in known.values()) and (known or value in ("", "0", "on")):
            continue
        at = max([now, *(said.at + 1 for said in known.values())])
        said = dict.fromkeys({head.viewer, *known}, Stamped(value=value, at=at, id=said_by))
        head = told(head, head.viewer, _with(name, said))
    return head


def _with(name: str, said: Mapping[str, Stamped]) -> Any:
    def learn(facts: Facts) -> Facts:
        before = facts.wishes.get(name, {})
        newest = {origin: one.newest(before.get(origin)) for origin, one in sorted(said.items())}
        return facts.model_copy(update={"wishes": {**facts.wishes, name: {**before, **newest}}})

    return learn


def may_grant_again(head: Head, channel: str) -> bool:
    """Whether the person may take back, by answering a message, what they withdrew in that way: with that out of the
    way a grant of their own would count. What was never granted, or was withdrawn elsewhere, is granted there."""
    known = [
        said for scope in ("marketing:all", f"marketing:{channel}") for said in head.consent.get(scope, {}).values()
    ]
    if may_be_written(head, "marketing", channel) or not any(said.is_by_link for said in known):
        return False
    return all(said.is_by_link or said.state == "granted" for said in counting(head, "marketing", channel))


def granted_again(head: Head, channel: str, said: Consent) -> Head:
    """The head after that grant: later than what it takes back."""
    scope = f"marketing:{channel}"
    known = [one.at for name in ("marketing:all", scope) for one in head.consent.get(name, {}).values()]
    later = said.model_copy(update={"state": "granted", "at": max([said.at, *(at + 1 for at in known)])})

    def learn(facts: Facts) -> Facts:
        return with_consent(facts, head.viewer, scope, later)

    return told(head, head.viewer, learn)
