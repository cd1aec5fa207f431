"""What is lawful: whether a content may go to a person on a channel at all, in which hours, and with what in it.

Every pack that applies is asked; the strictest word counts. What isn't known makes it stricter, never laxer: without a
zone all zones in which the recipient may be must allow the hour, without a state all states, and a content whose kinds
nobody declared is held to be every kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aftershow.model.reminders import MessageClass
from aftershow.model.rule_packs import (
    Barred,
    BarredWords,
    ContentKind,
    Decides,
    Figure,
    Footer,
    Headers,
    Hours,
    Length,
    Lexicon,
    Marker,
    Rulebook,
    RulePack,
)
from aftershow.model.settings import Settings
from aftershow.model.viewers import Head
from aftershow.rules.timing import WHOLE_WEEK, Window

NO_PACKS = "no rule packs in this shop"
NO_LEXICON = "no lexicon of claims in this shop"
Required = Marker | Footer | Headers | BarredWords | Length


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be judged. `zone` and `state` are None where they aren't known; `phone` is E.164."""

    channel: str
    provider: str
    country: str
    message_class: MessageClass
    kinds: tuple[ContentKind, ...] = ()
    zone: str | None = None
    state: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the packs say. `barred` names the pack and why nothing may go there; `windows` must all allow the moment;
    `required` is checked on the rendered text; `packs` are those that had a word in it."""

    barred: str | None = None
    windows: tuple[Window, ...] = ()
    required: tuple[tuple[str, Required], ...] = ()
    packs: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The packs that decided, as a trace names them."""
        return ", ".join(self.packs)


def country_of(head: Head, channel: str, rulebook: Rulebook, settings: Settings) -> str:
    """The country whose rules protect the recipient: of the telephone number, else of the profile, else the shop's."""
    phone = head.trait("phone") if channel == "sms" else None
    return (rulebook.country_of(phone) if phone else None) or head.trait("country") or settings.shop_country


def case_of(
    head: Head, channel: str, message_class: MessageClass, kinds: Iterable[ContentKind], zone: str | None,
    rulebook: Rulebook | None, settings: Settings,
) -> Case:  # fmt: skip
    """The case of one person on one channel."""
    return Case(
        channel=channel,
        provider=settings.provider_of(channel),
        country=country_of(head, channel, rulebook or Rulebook(), settings),
        message_class=message_class,
        kinds=tuple(sorted(set(kinds))),
        zone=zone,
        state=head.trait("state"),
        phone=head.trait("phone") if channel == "sms" else None,
    )


def judge(rulebook: Rulebook | None, case: Case) -> Judgement:
    """What the packs say of a case. Without packs no marketing goes anywhere: nobody can say what is lawful."""
    if rulebook is None or not rulebook.packs:
        return Judgement(barred=NO_PACKS if case.message_class == "marketing" else None)
    barred: str | None = None
    hours: dict[str, tuple[int, list[str]]] = {}
    required: list[tuple[str, Required]] = []
    packs: list[str] = []
    for pack, decides in _speaking(rulebook, case):
        packs.append(pack.name)
        for one in decides:
            if isinstance(one, Hours):
                _narrow(hours, pack, one, case)
            elif isinstance(one, Barred):
                barred = barred or _bars(pack, one, case)
            elif not isinstance(one, Figure | Lexicon):
                required.append((pack.name, one))
    windows = tuple(Window(zone, mask, ", ".join(names)) for zone, (mask, names) in sorted(hours.items()))
    return Judgement(barred, windows, tuple(required), tuple(packs))


def pays_for_shares(rulebook: Rulebook | None, platform: str, settings: Settings) -> Judgement:
    """Whether a platform lets a shop reward shares on it: `barred` names the pack that forbids it."""
    return judge(rulebook, Case(platform, "", settings.shop_country, "marketing", ("paid_share",)))


def _speaking(rulebook: Rulebook, case: Case) -> Iterator[tuple[RulePack, list[Decides]]]:
    """The packs that apply and have something to say of this class of messages, by id."""
    for pack in rulebook.packs:
        applies = pack.applies
        if (
            _among(case.channel, applies.channels)
            and _among(case.provider, applies.providers)
            and _among(case.country, applies.countries)
        ):
            said = [one for one in pack.decides if case.message_class in one.classes]
            if any(not isinstance(one, Figure) for one in said):
                yield pack, said


def _among(value: str, listed: tuple[str, ...]) -> bool:
    """A pack without a condition applies; so does every pack to what isn't known."""
    return not listed or not value or value in listed


def _bars(pack: RulePack, one: Barred, case: Case) -> str | None:
    if not case.kinds:
        return f"{pack.name}: its kinds of content are not declared"
    found = [kind for kind in case.kinds if kind in one.kinds]
    return f"{pack.name}: {', '.join(found)}" if found else None


def _narrow(hours: dict[str, tuple[int, list[str]]], pack: RulePack, one: Hours, case: Case) -> None:
    for zone in (one.zone,) if one.zone else _zones(pack, one, case):
        mask, names = hours.get(zone, (WHOLE_WEEK, []))
        hours[zone] = (mask & one.week, [*names, *([] if pack.name in names else [pack.name])])


def _zones(pack: RulePack, one: Hours, case: Case) -> tuple[str, ...]:
    """The zones in which the hours of a provision must hold; none where it isn't about this recipient.

    A zone outside the pack's own says nothing of where the holder of a number lives. A number's area code only adds the
    state that presumes its holders to be its own: numbers move with people.
    """
    own = next((first for first, alike in pack.zones.items() if case.zone in (first, *alike)), None)
    state = _state(pack, case)
    if not one.state:
        return (case.zone,) if own and case.zone else pack.states.get(state or "") or _anywhere(pack)
    presumed = any((case.phone or "").startswith(f"+1{code}") for code in one.area_codes)
    here = pack.states[one.state]
    if not presumed and (state != one.state if state else own is not None and own not in here):
        return ()
    return (case.zone,) if own and case.zone else here


def _anywhere(pack: RulePack) -> tuple[str, ...]:
    """All zones, but for territories that a number would tell: those have a country code of their own."""
    told = {zone for state, zones in pack.states.items() if state not in pack.applies.countries for zone in zones}
    return tuple(zone for zone in pack.zones if zone in told) or tuple(pack.zones)


def _state(pack: RulePack, case: Case) -> str | None:
    """The state, or the territory that has a country code of its own."""
    for given in (case.state, case.country):
        if given in pack.states:
            return given
    return None
