"""Choosing a channel: which one of a playbook's carries a message, and why not the others.

Each candidate goes through a sequence of pure checks. Some rule it out (no address, no consent, no text, tried before);
others say that it can't go now (marked down, its own cap is reached): then it comes behind all that can. The rest is
ranked by what a message on it is worth:

    worth = chance of an answer x what an answer is worth - what the message costs

The chance is the person's own record on the channel, weighed against a first guess that follows the operator's order:
(answered + GUESS_MESSAGES x guess) / (sent + GUESS_MESSAGES). With these constants one silence moves 10 % to 8.9 %,
still above the next channel's 8 %; the third one in a row moves it below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aftershow.model.channels import ADDRESSES, NO_ACCEPT_LEFT, Terms
from aftershow.model.instants import MINUTE, iso
from aftershow.model.playbooks import Playbook
from aftershow.model.settings import Settings
from aftershow.model.templates import Template
from aftershow.model.viewers import PREFERENCE_PAGE, Head
from aftershow.rules import subscriptions, timing
from aftershow.rules.lawful import Judgement
from aftershow.rules.people import counting, latest_grant, may_be_written
from aftershow.rules.prices import Price, compared, price
from aftershow.rules.responses import Tally

# Chances are counted in hundredths of a per cent.
WHOLE = 10_000
# Before anything is known of a person: one of ten messages on the preferred channel is answered (an assumption; own
# records replace it) ...
FIRST_GUESS = 1_000
# ... and each channel further back in the operator's order is taken to do a fifth worse: per cent of the one before.
NEXT_GUESS_PERCENT = 80
# The guess weighs as much as so many messages, so that no single answer or silence turns the order.
GUESS_MESSAGES = 8
# Below every price.
NOTHING = -(10**15)
# A queue that is so little late is none that anybody has to avoid.
LATE_ENOUGH = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Standing:
    """How the shop's channels stand, at most seconds old: templates by name (one that is not here is not judged), the
    shop's terms, channels that are marked down, and how late the queue of a channel#class is, in milliseconds."""

    templates: Mapping[str, Template] = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)
    down: frozenset[str] = frozenset()
    late: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What a choice is made for: a step of a playbook for a person. `since`: the start of what it is about; `earliest`
    and `deadline` bound its moment. `tried`: channels that this message failed on."""

    head: Head
    playbook: Playbook
    step: str
    template: str
    settings: Settings
    standing: Standing = field(default_factory=Standing)
    responses: Mapping[str, Tally] = field(default_factory=dict)
    tried: Sequence[str] = ()
    since: int = 0
    earliest: int = 0
    deadline: int = 0
    # What the rule packs say of the channels; one that is not here is not judged.
    judgements: Mapping[str, Judgement] = field(default_factory=dict)


# What speaks against a channel, as a code of the word list; "" where nothing does.
Check = Callable[[Case, str], str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A channel in a choice, at a place of the operator's order: what rules it out, else what holds it up, else what it
    is worth (millionths of a US dollar)."""

    channel: str
    place: int
    against: str = ""
    held_up: str = ""
    chance: int = 0
    tally: Tally = field(default_factory=Tally)
    price: Price | None = None
    worth: int = 0

    @property
    def words(self) -> str:
        """What its rank rests on."""
        known = f", answered {self.tally.answered} of {self.tally.sent}" if self.tally.sent else ""
        cost = f", costs {self.price}" if self.price else ""
        return f"expects {self.chance // 100} %{known}{cost}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The channel that was chosen (None: there is none), and every candidate, the chosen one first."""

    channel: str | None
    candidates: tuple[Candidate, ...]

    @property
    def trace(self) -> str:
        """The choice for a person to read: "sms (expects 10 %; passed over: wecom: no address)"."""
        first, *others = self.candidates
        # A channel that the shop doesn't use is news only to whoever preferred it.
        others = [one for one in others if one.against != "not_in_use" or one.place < first.place]
        if self.channel is None:
            return f"none (passed over: {_passed(self.candidates)})"
        # What was the only one left needs no reasons.
        contested = any(not one.against for one in others)
        told = [first.words + (f", though {_spoken(first.held_up)}" if first.held_up else "")] if contested else []
        told += [f"passed over: {_passed(others)}"] if others else []
        return f"{self.channel} ({'; '.join(told)})" if told else self.channel


def _passed(candidates: Sequence[Candidate]) -> str:
    return "; ".join(f"{one.channel}: {_spoken(one.against or one.held_up or _behind(one))}" for one in candidates)


def _behind(one: Candidate) -> str:
    return f"worth_less, {one.words}"


def _spoken(code: str) -> str:
    first, comma, rest = code.partition(", ")
    return first.replace("_", " ") + comma + rest


def choose(case: Case) -> Choice:
    """Choose among the channels of the case's step."""
    channels = case.playbook.channels_of(case.step)
    prices = {one: price(case.standing.terms, one, case.settings.provider_of(one)) for one in channels}
    # What nobody knows the price of may be as dear as the dearest.
    dearest = max((cost.compared or 0 for cost in prices.values() if cost), default=0)
    judged = [_judged(case, place, one, prices[one], dearest) for place, one in enumerate(channels)]
    by_worth = case.playbook.choice == "worth"
    ranked = sorted(judged, key=lambda one: (one.against != "", one.held_up != "", -one.worth if by_worth else 0))
    first = ranked[0]
    return Choice(None if first.against else first.channel, tuple(ranked))


def _judged(case: Case, place: int, channel: str, cost: Price | None, dearest: int) -> Candidate:
    against = _first(CHECKS, case, channel)
    if against:
        return Candidate(channel, place, against)
    tally = case.responses.get(channel, Tally())
    chance = chance_of_answer(place, tally)
    terms = case.standing.terms
    answer = compared(terms, terms.answer.currency, terms.answer.micros) or 0
    spent = dearest if cost is None or cost.compared is None else cost.compared
    # A file reaches nobody: it is there for those whom nothing else reaches.
    worth = NOTHING if channel == "file" else chance * answer // WHOLE - spent
    return Candidate(channel, place, "", _first(HOLD_UPS, case, channel), chance, tally, cost, worth)


def chance_of_answer(place: int, tally: Tally) -> int:
    """The chance of an answer on the channel at a place of the operator's order, in parts of WHOLE."""
    guess = round(FIRST_GUESS * (NEXT_GUESS_PERCENT / 100) ** place)
    return (tally.answered * WHOLE + GUESS_MESSAGES * guess) // (tally.sent + GUESS_MESSAGES)


def _first(checks: Sequence[Check], case: Case, channel: str) -> str:
    return next((code for check in checks if (code := check(case, channel))), "")


def reaches(head: Head, playbook: Playbook, settings: Settings) -> bool:
    """Whether any of a playbook's channels is in use, has an address of the person and may be used."""
    return any(not against_person(head, playbook, settings, channel) for channel in all_channels(playbook))


def all_channels(playbook: Playbook) -> tuple[str, ...]:
    """Every channel that a playbook or one of its steps names."""
    return tuple(dict.fromkeys([*playbook.channels, *(one for step in playbook.steps for one in step.channels)]))


def against_person(head: Head, playbook: Playbook, settings: Settings, channel: str) -> str:
    """What speaks against a channel whatever the message says."""
    if channel not in settings.channels:
        return "not_in_use"
    if not has_address(head, channel):
        return "no_address"
    return "" if may_use(head, playbook, channel) else "not_allowed"


def has_address(head: Head, channel: str) -> bool:
    """Whether the profile holds an address of the channel. A file is nobody's address: it takes everybody."""
    return address_of(head, channel) is not None


def address_of(head: Head, channel: str) -> str | None:
    """The person's address on a channel."""
    if channel not in ADDRESSES:
        return None
    trait = ADDRESSES[channel]
    return head.viewer if trait is None else head.trait(trait)


def may_use(head: Head, playbook: Playbook, channel: str) -> bool:
    """Whether consent allows it. What goes to a file reaches nobody and needs none: it says what would have been
    sent."""
    return channel == "file" or may_be_written(head, playbook.message_class, channel)


def said_stop(head: Head, playbook: Playbook, channel: str, since: int) -> bool:
    """Whether the person opted out by a message on another of the playbook's channels since a moment, and agreed to
    this one no later: "stop" is meant for what is going on, wherever it was said."""
    if "opt_out" not in playbook.until or playbook.message_class != "marketing" or channel == "file":
        return False
    others = (one for one in all_channels(playbook) if one != channel)
    words = (said for other in others for said in counting(head, "marketing", other))
    # Whoever sorts her channels on the preference page chose the others.
    stops = [one.at for one in words if one.is_by_link and one.source != PREFERENCE_PAGE and one.at >= since]
    return max(stops, default=-1) > latest_grant(head, channel, imported=False)


def _person(case: Case, channel: str) -> str:
    return against_person(case.head, case.playbook, case.settings, channel)


def _stopped(case: Case, channel: str) -> str:
    return "said_stop" if said_stop(case.head, case.playbook, channel, case.since) else ""


def _tried(case: Case, channel: str) -> str:
    return "tried" if channel in case.tried else ""


def _text(case: Case, channel: str) -> str:
    template = case.standing.templates.get(case.template)
    return "no_text" if template is not None and not template.has(channel) else ""


def _accept(case: Case, channel: str) -> str:
    template = case.standing.templates.get(case.template)
    parts = [texts.wechat for texts in template.texts.values() if texts.wechat] if template else []
    wanted: list[str | None] = [*(part.template_id for part in parts)] or [None]
    refused = all(subscriptions.refuses(case.head, channel, one) for one in wanted)
    return NO_ACCEPT_LEFT if refused else ""


def _lawful(case: Case, channel: str) -> str:
    judgement = case.judgements.get(channel)
    return f"barred_by {judgement.barred}" if judgement is not None and judgement.barred else ""


def _down(case: Case, channel: str) -> str:
    return "channel_down" if channel in case.standing.down else ""


def _late(case: Case, channel: str) -> str:
    late = case.standing.late.get(f"{channel}#{case.playbook.message_class}", 0)
    return "too_slow" if late >= LATE_ENOUGH and case.earliest + late > case.deadline else ""


def _capped(case: Case, channel: str) -> str:
    name = case.playbook.message_class
    caps = case.standing.terms.caps_of(channel, name)
    free = timing.free_on(case.head.sends.get(name, ()), channel, caps)
    return f"channel_capped, until {iso(free, case.settings.shop_zone)}" if free > case.earliest else ""


# What rules a channel out, in the order in which it is told. A check of its own is one function and one entry here.
CHECKS: tuple[Check, ...] = (_person, _stopped, _tried, _text, _lawful, _accept)
# What holds a channel up: it is taken only where nothing else is left.
HOLD_UPS: tuple[Check, ...] = (_down, _late, _capped)
