"""What a history of orders says of a customer: how recent, how often, how much, how steady.

Everything follows from the head's totals and its last orders, so any order of the same events ends the same. Whoever
ordered oftener than the head remembers is counted by the totals where those say it, else by the last orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Engagement, Reason
from aftershow.model.instants import DAY, at_zone
from aftershow.model.labels import Label, Quartet, Yardstick
from aftershow.model.viewers import Facts, RecentOrder
from aftershow.rules.attribution import attributed_show
from aftershow.rules.clocks import Clock

# C1: bought within a week, not for a month, five orders in a month.
ACTIVE_DAYS = 7
DORMANT_DAYS = 30
LOYAL_ORDERS = 5
MONTH_DAYS = 30
# A quarter without an order: what the year's seasons alone don't explain.
LAPSED_DAYS = 90
MATURE_ORDERS = 3
MATURE_DAYS = 90
# C2: three orders in one show, 500 and more a show.
ORDERS_IN_ONE_SHOW = 3
SPENT_A_SHOW = 500
STEADY_SHOWS = 3
STEADY_ORDERED = 2
# One order that is more than half of everything is luck.
LUCK = 2
# B1: rare, but with a basket like this.
RARE_ORDERS = 2
LARGE_BASKET = 500
# Cold start, until the shop has a yardstick: days, orders, whole currency units.
RECENCY_DAYS: Quartet = (7, 14, 30, 60)
ORDERS: Quartet = (1, 2, 3, 5)
SPENT: Quartet = (100, 300, 1000, 3000)
# Points of recency, frequency and money, of which a sum of 100 is the most: promotion days weigh the amount, ordinary
# days the frequency (C1).
ORDINARY_WEIGHTS = (6, 9, 5)
PROMOTION_WEIGHTS = (4, 6, 10)
# Month and day of the great sales days; the version changes with the list.
CALENDAR_VERSION = "cn-2026"
PROMOTION_DAYS = frozenset({
    "01-01", "02-14", "03-08", "05-20", "06-01", "06-16", "06-17", "06-18", "08-18", "09-09", "10-20", "10-21",
    "10-31", "11-01", "11-10", "11-11", "12-11", "12-12",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """A customer's orders: `spent` in minor units of the shop's currency, in which `unit` is one whole."""

    facts: Facts
    currency: str
    unit: int
    yardstick: Yardstick | None

    @property
    def orders(self) -> int:
        """How many."""
        return self.facts.orders

    @property
    def last_at(self) -> int:
        """The last one. Only of whoever has ordered."""
        return self.facts.last_order_at or 0

    @property
    def first_at(self) -> int:
        """The first one. Only of whoever has ordered."""
        return self.facts.first_order_at or 0

    @property
    def spent(self) -> int:
        """In the shop's currency; other money is not compared."""
        return self.facts.spent.get(self.currency, 0)

    @property
    def recent(self) -> Sequence[RecentOrder]:
        """The last ones in the shop's currency, oldest first."""
        return [one for one in self.facts.recent_orders if one.currency == self.currency]

    @property
    def basket(self) -> int:
        """What an order of the last ones amounts to on average."""
        return sum(one.minor for one in self.recent) // max(len(self.recent), 1)


def because(code: str, amount: int | None = None) -> Reason:
    """A reason of a label: it gives no points."""
    return Reason(code=code, amount=amount, points=0)


def days_since(at: int, clock: Clock) -> int:
    """Whole days; 0 for a moment of a clock that runs ahead."""
    return max((clock.now - at) // DAY, 0)


def life_cycle(history: History, clock: Clock) -> Label:
    """New, active, mature, at risk, lapsed (B9) of a customer."""
    ordered = because("last_order_days", days_since(history.last_at, clock))
    # Each of these is asked, so that the clock knows of it.
    dormant, lapsed = (
        clock.passed(history.last_at, DORMANT_DAYS * DAY),
        clock.passed(history.last_at, LAPSED_DAYS * DAY),
    )
    grown, settled = clock.passed(history.first_at, MATURE_DAYS * DAY), clock.passed(history.first_at, MONTH_DAYS * DAY)
    if lapsed:
        return Label(value="lapsed", reasons=(ordered,))
    if dormant:
        return Label(value="at_risk", reasons=(ordered,))
    since = because("first_order_days", days_since(history.first_at, clock))
    count = because("orders", history.orders)
    if history.orders >= MATURE_ORDERS and grown:
        return Label(value="mature", reasons=(count, since))
    return Label(value="active" if settled else "new", reasons=(since, count))


def activity(history: History, clock: Clock) -> Label:
    """Loyal, active, quiet or dormant (C1)."""
    month = [one for one in history.facts.recent_orders if not clock.passed(one.at, MONTH_DAYS * DAY)]
    fresh, dormant = clock.passed(history.last_at, ACTIVE_DAYS * DAY), clock.passed(history.last_at, DORMANT_DAYS * DAY)
    ordered = because("last_order_days", days_since(history.last_at, clock))
    if len(month) >= LOYAL_ORDERS:
        return Label(value="loyal", reasons=(because("orders_in_month", len(month)),))
    value = "active" if not fresh else "dormant" if dormant else "quiet"
    return Label(value=value, reasons=(ordered,))


def rfm(history: History, clock: Clock) -> Label:
    """Recency, frequency and money, each from 1 to 5, by the shop's own fifths or by thresholds."""
    own = history.yardstick
    days, orders = (own.recency_days, own.orders) if own else (RECENCY_DAYS, ORDERS)
    spent = own.spent if own else tuple(edge * history.unit for edge in SPENT)
    recency = 5 - sum([clock.passed(history.last_at, edge * DAY) for edge in days])
    frequency, money = _fifth(history.orders, orders), _fifth(history.spent, spent)
    reasons = (
        because("last_order_days", days_since(history.last_at, clock)),
        because("orders", history.orders),
        because("spent_whole", history.spent // history.unit),
        because("by_own_fifths" if own else "by_thresholds"),
    )
    return Label(value=f"{recency}{frequency}{money}", reasons=reasons)


def rfm_points(label: str, now: int, zone: str) -> tuple[int, bool]:
    """(0 to 100 with the weights of the day, whether it's a promotion day) of an RFM label."""
    promotion = f"{at_zone(now, zone):%m-%d}" in PROMOTION_DAYS
    weights = PROMOTION_WEIGHTS if promotion else ORDINARY_WEIGHTS
    return sum(weight * int(digit) for weight, digit in zip(weights, label, strict=True)), promotion


def _fifth(value: int, edges: Iterable[int]) -> int:
    return 1 + sum(value > edge for edge in edges)


def value(history: History, engagements: Mapping[str, Engagement]) -> Label:
    """High value, one-off luck, or ordinary (C2)."""
    by_show: dict[str, list[RecentOrder]] = {}
    for one in history.recent:
        show = attributed_show(one, engagements.values())
        if show is not None:
            by_show.setdefault(show, []).append(one)
    reasons = tuple(_signs_of_value(history, by_show))
    if not reasons:
        return Label(value="ordinary", reasons=(because("orders", history.orders),))
    visited = sorted((one.first_at, one.show) for one in engagements.values() if one.show)[-STEADY_SHOWS:]
    bought = sum(show in by_show for _, show in visited)
    steady = because("bought_in_last_shows", bought)
    largest = max((one.minor for one in history.recent), default=0)
    lucky = LUCK * largest > history.spent
    if bought < STEADY_ORDERED or lucky:
        return Label(value="one_off", reasons=(*reasons, because("one_large_order") if lucky else steady))
    return Label(value="high", reasons=(*reasons, steady))


def _signs_of_value(history: History, by_show: Mapping[str, Sequence[RecentOrder]]) -> Iterable[Reason]:
    most = max(map(len, by_show.values()), default=0)
    if most >= ORDERS_IN_ONE_SHOW:
        yield because("orders_in_one_show", most)
    if by_show:
        a_show = sum(one.minor for orders in by_show.values() for one in orders) // len(by_show)
        if a_show >= SPENT_A_SHOW * history.unit:
            yield because("spent_a_show", a_show // history.unit)
    if history.yardstick is not None and history.spent >= history.yardstick.top_spent:
        yield because("top_tenth")


def segment(history: History, worth: str) -> Label:
    """High value, potential, returning or new (B1)."""
    own = history.yardstick
    large = own.large_basket if own else LARGE_BASKET * history.unit
    basket = because("basket_whole", history.basket // history.unit)
    count = because("orders", history.orders)
    if worth == "high":
        return Label(value="high_value", reasons=(count, basket))
    if history.orders <= RARE_ORDERS and history.basket >= large:
        return Label(value="potential", reasons=(count, basket))
    return Label(value="returning" if history.orders > 1 else "new", reasons=(count,))
