"""What a person's behaviour says beside their orders: how far they came, how they decide, where they are active."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from aftershow.model.engagements import Engagement, Kind, Reason
from aftershow.model.instants import DAY, MINUTE
from aftershow.model.labels import Label
from aftershow.model.viewers import Facts, RecentOrder, Trait
from aftershow.rules.attribution import attributed_show
from aftershow.rules.clocks import Clock
from aftershow.rules.customers import because, days_since

# C8: below it somebody only glanced.
GLANCE_SECONDS = 30
DEEP = (
    Kind.PRODUCT_VIEWED, Kind.PRODUCT_CLICKED, Kind.COMMENTED, Kind.SEARCHED, Kind.COMPARED, Kind.SHARED, Kind.WISHED,
    Kind.REPLAY_WATCHED, Kind.POLLED, Kind.ASKED_PRICE,
)  # fmt: skip
CARTED = (Kind.CART_ADDED, Kind.CHECKOUT_STARTED, Kind.PAYMENT_ENTERED)
# One question about the price is a question; two signs are a manner.
SIGNS_OF_PRICE = 2
SIGNS_OF_DOUBT = 2
# Whoever orders so soon after entering, without looking round, decides on impulse.
IMPULSIVE_MINUTES = 10
LOOKED_ROUND = 3
ABSENT_DAYS = 15
_PRICE = (
    Kind.ASKED_PRICE, Kind.ASKED_PROMOTION, Kind.COUPON_TRIED, Kind.COUPON_DENIED, Kind.STATED_PRICE,
    Kind.STATED_PROMOTION,
)  # fmt: skip
_DOUBT = (Kind.HESITATED, Kind.CART_REMOVED, Kind.STATED_HESITATION, Kind.STATED_TRUST, Kind.ASKED_TRUST)
_ROUND = (Kind.COMPARED, Kind.SEARCHED, Kind.WISHED)

SPEAKING = (Kind.COMMENTED, Kind.LIKED, Kind.SHARED, Kind.GIFTED, Kind.POLLED)

Counts = Mapping[Kind, int]


def counts_of(engagement: Engagement) -> Counts:
    """How often each kind was seen; the rules of one look ask it several times."""
    return _counted(engagement.counted, engagement.estimated, engagement.kinds)


@lru_cache(maxsize=512)
def _counted(counted: str, estimated: bool, kinds: int) -> Counts:  # noqa: FBT001 (the key of the cache)
    said = {"counted": counted, "estimated": estimated, "kinds": kinds}
    return Engagement(viewer="", about="", first_at=0, last_at=0, **said).counts()


def totals(engagements: Iterable[Engagement]) -> dict[Kind, int]:
    """How often each kind was seen, over all engagements."""
    found: dict[Kind, int] = {}
    for one in engagements:
        for kind, number in counts_of(one).items():
            found[kind] = found.get(kind, 0) + number
    return found


def stage(engagements: Collection[Engagement], orders: int, brought: int) -> Label:
    """The furthest of the six steps that a person came to (C8)."""
    if brought:
        return Label(value="advocate", reasons=(because("brought_buyers", brought),))
    if orders:
        return Label(value="repurchase" if orders > 1 else "order", reasons=(because("orders", orders),))
    return max((stage_of(one) for one in engagements), key=_step, default=Label(value="glance"))


def stage_of(engagement: Engagement) -> Label:
    """How far somebody came in one engagement. Watch time that nobody counted is unknown: what was done decides."""
    counts, lines = counts_of(engagement), engagement.cart_lines()
    if lines or any(kind in counts for kind in CARTED):
        return Label(value="cart", reasons=(because("in_cart", len(lines)) if lines else because("had_cart"),))
    did = [kind for kind in DEEP if kind in counts]
    seconds = engagement.watch_seconds
    if did:
        return Label(value="deep_browse", reasons=(_doing(did[0], counts),))
    if seconds is not None and seconds >= GLANCE_SECONDS:
        return Label(value="deep_browse", reasons=(because("watched_seconds", seconds),))
    return Label(
        value="glance", reasons=(because("watch_unknown") if seconds is None else because("glanced", seconds),)
    )


STAGES = ("glance", "deep_browse", "cart", "order", "repurchase", "advocate")


def _step(label: Label) -> int:
    return STAGES.index(label.value)


def _doing(kind: Kind, counts: Counts) -> Reason:
    words = {Kind.PRODUCT_VIEWED: "products_viewed", Kind.PRODUCT_CLICKED: "products_clicked"}
    return because(words.get(kind, kind.name.lower()), counts[kind])


def marks(engagement: Engagement) -> tuple[object, ...]:
    """What labels may read from one engagement: while it stays the same, none of them changes by what was done."""
    counts = counts_of(engagement)
    return (
        stage_of(engagement).value,
        min(_sum(counts, _PRICE), SIGNS_OF_PRICE),
        min(_sum(counts, _DOUBT), SIGNS_OF_DOUBT),
        min(_sum(counts, _ROUND), LOOKED_ROUND),
        *(kind in counts for kind in (Kind.STATED_PRICE, Kind.STATED_HESITATION, Kind.PAYMENT_FAILED)),
        any(kind in counts for kind in SPEAKING),
        engagement.first_at,
        engagement.last_at // DAY,
        tuple(sorted(engagement.interests.items())),
    )


def _sum(counts: Counts, kinds: Iterable[Kind]) -> int:
    return sum(counts.get(kind, 0) for kind in kinds)


def price_sensitive(counts: Counts) -> Label | None:
    """Whether the price decides for them; None where nothing says so. For content and staff: never for another price
    of the same thing."""
    return _manner(counts, _PRICE, SIGNS_OF_PRICE, Kind.STATED_PRICE)


def hesitant(counts: Counts) -> Label | None:
    """Whether they put off deciding; None where nothing says so."""
    return _manner(counts, _DOUBT, SIGNS_OF_DOUBT, Kind.STATED_HESITATION)


def _manner(counts: Counts, kinds: Sequence[Kind], least: int, stated: Kind) -> Label | None:
    found = [kind for kind in kinds if kind in counts]
    if _sum(counts, kinds) < least and stated not in counts:
        return None
    words = {Kind.CART_REMOVED: "taken_out"}
    return Label(
        value="yes", reasons=tuple(because(words.get(kind, kind.name.lower()), counts[kind]) for kind in found[:3])
    )


def motive(orders: Sequence[RecentOrder], engagements: Mapping[str, Engagement]) -> Label | None:
    """Impulsive or comparing (B1): by how long they were there before their orders, and whether they looked round.
    None where no order can be told to a show that they were seen in."""
    waited = []
    for one in orders:
        show = attributed_show(one, engagements.values())
        there = engagements.get(f"show#{show}")
        if there is not None and one.at >= there.first_at:
            waited.append((one.at - there.first_at) // MINUTE)
    if not waited:
        return None
    counts = totals(engagements.values())
    looked = _sum(counts, _ROUND)
    minutes = sorted(waited)[len(waited) // 2]
    reasons = (because("ordered_after_minutes", minutes), because("looked_round", looked))
    impulsive = minutes < IMPULSIVE_MINUTES and looked < LOOKED_ROUND
    return Label(value="impulsive" if impulsive else "comparing", reasons=reasons)


def taste(engagements: Collection[Engagement]) -> Label | None:
    """What somebody speaks of or votes for in most of their visits, of equal ones the newest (C18); None where they
    named no interest."""
    visits: dict[str, list[int]] = {}
    for one in engagements:
        for name, at in one.interests.items():
            visits.setdefault(name, []).append(at)
    if not visits:
        return None
    best = max(visits, key=lambda name: (len(visits[name]), max(visits[name]), name))
    return Label(value=best, reasons=(because("named_in_visits", len(visits[best])),))


def region(facts: Facts) -> Label | None:
    """Where somebody lives, as far as their zone says it (C18); None where nobody said."""
    said: tuple[tuple[Trait, str], ...] = (("zone", "zone_of_profile"), ("context_zone", "zone_of_device"))
    for name, code in said:
        if (zone := facts.trait(name)) is not None:
            return Label(value=zone, reasons=(because(code),))
    return None


def presence(engagements: Collection[Engagement], clock: Clock) -> Label | None:
    """Whether somebody who is silent in the shows is active elsewhere (C39); None for who was never in a show."""
    shows = max((one.last_at for one in engagements if one.show), default=None)
    if shows is None:
        return None
    days = max((one.last_at for one in engagements if not one.show), default=None)
    away, gone = clock.passed(shows, ABSENT_DAYS * DAY), days is None or clock.passed(days, ABSENT_DAYS * DAY)
    reasons = (because("last_show_days", days_since(shows, clock)),)
    if not away:
        return Label(value="in_shows", reasons=reasons)
    if gone or days is None:
        return Label(value="away", reasons=reasons)
    return Label(value="elsewhere", reasons=(*reasons, because("elsewhere_days", days_since(days, clock))))
