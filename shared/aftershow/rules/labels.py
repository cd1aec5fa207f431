"""Everything that a person is called: labels with their reasons, and when time alone will change one of them.

Pure and whole: labels follow from the head, the engagements and the moment, never from what they were before. So any
order of the same events ends in the same labels, and looking twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from aftershow.model.engagements import Engagement, Reason
from aftershow.model.instants import DAY
from aftershow.model.labels import Label, LabelName, Yardstick
from aftershow.model.money import UnknownCurrency, exponent
from aftershow.model.viewers import Facts
from aftershow.rules import churn, customers, habits
from aftershow.rules.clocks import Clock
from aftershow.rules.customers import History, because, days_since

VERSION = "labels-1"
# C3: whose shares brought so many new customers brings customers, not a friend.
KOC_BUYERS = 2
# Until a customer bought twice and the shop has a yardstick: a month.
USUAL_GAP_DAYS = 30
# What the usual gap is worth beside a customer's own, in gaps.
PRIOR_GAPS = 2
WINDOW_FROM, WINDOW_UNTIL = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Known:
    """What labels are read from: the person's facts, engagements with shows and with days outside them (united over
    devices, by `about`), and how many new customers their shares brought."""

    facts: Facts
    engagements: Mapping[str, Engagement]
    brought: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """By what a shop measures: its currency, zone, and its own yardstick once it has one."""

    currency: str
    zone: str
    yardstick: Yardstick | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A person's labels, and the first moment (epoch ms) at which time alone may change them; None: never."""

    labels: Mapping[LabelName, Label]
    next_at: int | None

    @property
    def values(self) -> dict[LabelName, str]:
        """Without the reasons, as they are kept."""
        return {name: label.value for name, label in self.labels.items()}


@dataclass(frozen=True, slots=True)
class Window:
    """When a customer is expected to buy again (epoch ms), and why."""

    begins: int
    ends: int
    reasons: tuple[Reason, ...]


def label(known: Known, by: Measure, now: int) -> Labelled:
    """Label a person as of a moment. What can't be told is left out: unknown is no label."""
    clock, engagements = Clock(now), known.engagements
    everywhere = list(engagements.values())
    counts = habits.totals(everywhere)
    found: dict[LabelName, Label | None] = {"stage": habits.stage(everywhere, known.facts.orders, known.brought)}
    past = history(known.facts, by)
    if past is not None:
        worth = customers.value(past, engagements)
        found |= {
            "life_cycle": customers.life_cycle(past, clock),
            "activity": customers.activity(past, clock),
            "rfm": customers.rfm(past, clock),
            "value": worth,
            "churn": churn.churn(past, everywhere, clock),
            "segment": customers.segment(past, worth.value),
            "motive": habits.motive(past.recent, engagements),
        }
    elif everywhere:
        found |= {"life_cycle": _prospect(everywhere, clock), "segment": Label(value="new", reasons=(_NEVER,))}
    found["sharer"] = _sharer(known)
    found["price_sensitive"] = habits.price_sensitive(counts)
    found["hesitant"] = habits.hesitant(counts)
    found["presence"] = habits.presence(everywhere, clock)
    found["taste"], found["region"] = habits.taste(everywhere), habits.region(known.facts)
    return Labelled({name: one for name, one in found.items() if one is not None}, clock.next_at)


def history(facts: Facts, by: Measure) -> History | None:
    """A customer's orders; None for who has not ordered."""
    if not facts.orders or facts.last_order_at is None:
        return None
    yardstick = by.yardstick if by.yardstick is not None and by.yardstick.currency == by.currency else None
    return History(facts, by.currency, _unit(by.currency), yardstick)


def next_window(facts: Facts, by: Measure) -> Window | None:
    """When a customer is expected to buy again: the middle of their own gaps between days with an order, drawn towards
    the shop's usual gap while there are few of them (C33). None for who has not ordered."""
    if not facts.recent_orders:
        return None
    days = sorted({one.at // DAY for one in facts.recent_orders})
    own = [later - earlier for earlier, later in pairwise(days)]
    usual = (by.yardstick.gap_days if by.yardstick else None) or USUAL_GAP_DAYS
    gap = (len(own) * median(own or [usual]) + PRIOR_GAPS * usual) / (len(own) + PRIOR_GAPS)
    last = facts.last_order_at or facts.recent_orders[-1].at
    reasons = (because("usual_gap_days", round(gap)), because("own_gaps", len(own)))
    return Window(last + int(WINDOW_FROM * gap * DAY), last + int(WINDOW_UNTIL * gap * DAY), reasons)


_NEVER = because("never_ordered")


def _prospect(engagements: list[Engagement], clock: Clock) -> Label:
    """The life-cycle of who has never ordered: by when they were there."""
    first, last = min(one.first_at for one in engagements), max(one.last_at for one in engagements)
    risky, lapsed = (clock.passed(last, span * DAY) for span in (customers.DORMANT_DAYS, customers.LAPSED_DAYS))
    known = clock.passed(first, customers.MONTH_DAYS * DAY)
    value = "lapsed" if lapsed else "at_risk" if risky else "active" if known else "new"
    return Label(value=value, reasons=(_NEVER, because("seen_days", days_since(last, clock))))


def _sharer(known: Known) -> Label | None:
    """Whose shares bring new customers (C3); whether they buy themselves decides about a doubled commission."""
    if not known.brought:
        return None
    reasons = (because("brought_buyers", known.brought), because("orders", known.facts.orders))
    if known.brought < KOC_BUYERS:
        return Label(value="brought_one", reasons=reasons)
    return Label(value="koc_who_buys" if known.facts.orders else "koc", reasons=reasons)


def _unit(currency: str) -> int:
    """One whole unit of a currency in minor ones."""
    try:
        return int(10 ** exponent(currency))
    except UnknownCurrency:
        return 100
