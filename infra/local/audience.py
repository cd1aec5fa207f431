"""The audience of the synthetic show: who comes, what they are inclined to do, what they order.

Shares and rates are invented: tilted towards viewers who nearly buy, so that a small audience shows
every case, and no claim about real shows.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.local.chance import happens, seeded, uuid
from infra.local.people import Kind, Order, Person, Truth, Visit
from infra.local.programme import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Product,
    Programme,
    Show,
    plan_programme,
)

OBSTACLES = (
    "price",
    "shipping",
    "promotion",
    "reviews",
    "trust",
    "scarcity",
    "host",
    "atmosphere",
    "hesitation",
)
MAX_VIEWERS = 100_000
# Numbers +1 NXX 555 0100 to 0199 are kept for fiction; one viewer a number, or phones would merge.
_AREAS = (201, 202, 206, 212, 213, 305, 312, 404, 415, 503, 512, 602, 617, 702, 713, 718, 808, 907)
_NUMBERS_PER_AREA = 100
_COUPON = "SYNTHETIC10"
# What becomes of an order: refunded at once, in part, or in two parts.
_FATES = ("kept", "cancelled", "refunded", "partly", "twice")
_FATE_WEIGHTS = (83, 4, 5, 6, 2)
# Of those who may be sent to, how many share one mailbox that bounces, and one that complains.
_VIEWERS_PER_BOUNCE = 30
_VIEWERS_PER_COMPLAINT = 45


KINDS = (
    Kind("glancing", 0.17, 0.02, 0.5, 0.2, 0.02, 0.1, 0.0, 0.0, 0.0, 0.0, 0.3, 0.7, 0.05),
    Kind("browsing", 0.30, 0.07, 9, 2.5, 0.3, 0.8, 0.03, 0.15, 0.0, 0.0, 0.45, 0.75, 0.15),
    Kind("comparing", 0.21, 0.22, 14, 2.0, 0.6, 2.8, 0.2, 0.6, 0.02, 0.02, 0.65, 0.75, 0.25),
    Kind("nearly", 0.18, 0.50, 16, 4.0, 1.5, 3.5, 1.8, 0.3, 0.55, 0.05, 0.8, 0.8, 0.3),
    Kind("buying", 0.10, 0.80, 16, 4.0, 1.0, 3.5, 1.8, 0.3, 0.7, 0.95, 0.95, 0.75, 0.4),
    Kind("fan", 0.04, 0.70, 40, 14.0, 4.0, 4.0, 1.4, 0.2, 0.6, 0.7, 1.0, 0.9, 0.7),
)
_ZONES = ("Asia/Shanghai", "Asia/Urumqi", "America/Los_Angeles", "Europe/Berlin")
_ZONE_WEIGHTS = (84, 5, 6, 5)
_SOURCES = ("natural", "short_video", "paid", "wecom")
_SOURCE_WEIGHTS = (34, 30, 20, 16)
# What a client can tell about watching: some platforms pass on likes and comments only.
_COVERAGES = ("heartbeats", "left", "none")
_COVERAGE_WEIGHTS = (77, 15, 8)

_CHINESE_SURNAMES = (("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"))
_CHINESE_GIVEN = (("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("磊", "lei"))
_ENGLISH_SURNAMES = ("Smith", "Weber", "Lopez", "Keller", "Brown")
_ENGLISH_GIVEN = ("Anna", "Ben", "Clara", "David", "Emma")


def intend(viewers: int, seed: int, days: int, starts_at: int) -> Truth:
    """The truth of one synthetic show.

    `viewers` people (0 to 100,000); `days` (at least 1) are followed after `starts_at`, the first
    show's start in epoch milliseconds. The same arguments give the same truth.
    """
    if not 0 <= viewers <= MAX_VIEWERS or days < 1:
        message = f"need 0 to {MAX_VIEWERS} viewers and at least one day"
        raise ValueError(message)
    source = seeded(seed)
    programme = plan_programme(source, seed, days, starts_at)
    people = [_person(programme, number, source.getrandbits(64)) for number in range(viewers)]
    people = _with_special_mailboxes(_with_special_orders(people))
    by_address = {person.email: person for person in people if person.email}
    return Truth(programme, tuple(people), by_address)


def _person(programme: Programme, number: int, seed: int) -> Person:
    source = seeded(seed)
    kind = source.choices(KINDS, [kind.share for kind in KINDS])[0]
    zone = source.choices(_ZONES, _ZONE_WEIGHTS)[0]
    abroad = zone not in _ZONES[:2]
    visits = _visits(source, programme, kind)
    person = Person(
        number=number,
        seed=source.getrandbits(64),
        kind=kind,
        propensity=min(0.97, max(0.01, source.gauss(kind.propensity, 0.08))),
        obstacle=source.choice(OBSTACLES),
        identity="anonymous",
        anonymous_id=uuid(source),
        user_id=None,
        identified_at=None,
        name=None,
        email=None,
        phone=None,
        device_token=f"synthetic-push-{number}" if happens(source, 0.15) else None,
        wecom_id=None,
        zone=zone,
        locale="en-US" if abroad or happens(source, 0.04) else "zh-CN",
        channel=source.choices(_SOURCES, _SOURCE_WEIGHTS)[0],
        coverage=source.choices(_COVERAGES, _COVERAGE_WEIGHTS)[0],
        clock_ahead_ms=_wrong_clock(source),
        reserved_at=_reservation(source, programme, kind, visits),
        consented_at=None,
        withdrawn_at=None,
        unfollowed_at=_unfollow(source, programme, visits),
        visits=visits,
        cart=_favourites(source, visits[0].show),
        orders=(),
    )
    if person.channel == "wecom" and happens(source, 0.5):
        person = replace(person, wecom_id=f"synthetic-wecom-{number}")
    person = _with_identity(source, programme, person)
    return replace(person, orders=tuple(_orders(source, programme, person)))


def _wrong_clock(source: random.Random) -> int:
    wrong = happens(source, 0.03)
    return source.choice((-1, 1)) * source.randint(MINUTE_MS, 3 * MINUTE_MS) if wrong else 0


def _visits(source: random.Random, programme: Programme, kind: Kind) -> tuple[Visit, ...]:
    """When a viewer of `kind` is in the room, first show first; everyone comes at least once."""
    first, *later = programme.shows
    wanted = []
    if not later or not happens(source, 0.05):
        wanted.append(first)
    wanted += [show for show in later if not wanted or happens(source, kind.comes_again)]
    return tuple(_visit(source, show, kind) for show in wanted)


def _visit(source: random.Random, show: Show, kind: Kind) -> Visit:
    length = show.ends_at - show.starts_at
    if kind.name == "fan":
        entered_at = show.starts_at + source.randint(-3 * MINUTE_MS, 4 * MINUTE_MS)
    else:
        entered_at = show.starts_at + int(0.85 * length * source.betavariate(1.1, 1.7))
    seconds = int(60 * kind.watch_minutes * math.exp(source.gauss(0, 0.55)))
    if kind.orders:
        # A decision takes a while, also for someone who came late.
        seconds = max(seconds, 6 * 60)
    return Visit(show, entered_at, max(5, min(seconds, (show.ends_at - entered_at) // SECOND_MS)))


def _reservation(source: random.Random, programme: Programme, kind: Kind, visits: tuple[Visit, ...]) -> int | None:
    first = programme.shows[0]
    wants = happens(source, 0.6 if kind.name == "fan" else 0.05)
    if visits[0].show is not first or not wants:
        return None
    return source.randint(first.announced_at + MINUTE_MS, first.starts_at - 10 * MINUTE_MS)


def _unfollow(source: random.Random, programme: Programme, visits: tuple[Visit, ...]) -> int | None:
    if not happens(source, 0.04):
        return None
    left_at = visits[-1].left_at
    return min(left_at + source.randint(MINUTE_MS, 40 * HOUR_MS), programme.ends_at - MINUTE_MS)


def _favourites(source: random.Random, show: Show) -> tuple[Product, ...]:
    on_sale = [product for _, product in show.explained]
    products = on_sale[: len(on_sale) // 2]
    liked = source.sample(products, k=source.randint(1, 3))
    return tuple(sorted(liked, key=lambda product: (-product.price, product.product_id)))


def _with_identity(source: random.Random, programme: Programme, person: Person) -> Person:
    """Whether, when and as whom the viewer becomes known; consent comes only with identity."""
    if not happens(source, person.kind.identifies):
        return person
    number, visit = person.number, person.visits[0]
    identity = source.choices(("identifies", "logged_in", "alias"), (72, 24, 4))[0]
    spent = 0.0 if identity == "logged_in" else source.uniform(0.3, 0.8)
    identified_at = visit.entered_at + int(spent * visit.watch_seconds * SECOND_MS)
    name, local = _name(source, person.locale)
    area, line = divmod(number, _NUMBERS_PER_AREA)
    consents = happens(source, person.kind.consents)
    consented_at = identified_at + source.randint(1, 4) * SECOND_MS if consents else None
    withdraws = consents and happens(source, 0.06)
    latest = programme.ends_at - MINUTE_MS
    return replace(
        person,
        identity=identity,
        user_id=f"synthetic-{programme.seed}-{number}",
        identified_at=identified_at,
        name=name,
        email=f"{local}.{number}@example.com",
        phone=f"+1{_AREAS[area]}5550{100 + line}" if happens(source, 0.05) and area < len(_AREAS) else None,
        consented_at=consented_at,
        withdrawn_at=min(latest, visit.show.ends_at + source.randint(0, 4 * DAY_MS)) if withdraws else None,
    )


def _name(source: random.Random, locale: str) -> tuple[str, str]:
    if locale == "zh-CN":
        surname, given = source.choice(_CHINESE_SURNAMES), source.choice(_CHINESE_GIVEN)
        return surname[0] + given[0], f"{surname[1]}.{given[1]}"
    first, last = source.choice(_ENGLISH_GIVEN), source.choice(_ENGLISH_SURNAMES)
    return f"{first} {last}", f"{first}.{last}".lower()


def _orders(source: random.Random, programme: Programme, person: Person) -> Iterator[Order]:
    count = 0
    for visit in person.visits:
        if not happens(source, person.kind.orders):
            continue
        at = visit.entered_at + int(source.uniform(0.82, 0.97) * visit.watch_seconds * SECOND_MS)
        yield _order(source, programme, person, (at, count, visit.show))
        count += 1
    if count == 0 and happens(source, 0.35 * person.propensity):
        yield _order(source, programme, person, (_later_alone(source, programme, person), 0, None))


def _later_alone(source: random.Random, programme: Programme, person: Person) -> int:
    """A waking hour of the viewer's own, on a day after the last visit."""
    left_at = person.visits[-1].left_at
    zone = ZoneInfo(person.zone)
    today = datetime.fromtimestamp(left_at / 1000, zone).date()
    day = today + timedelta(days=min(6, 1 + int(source.expovariate(0.7))))
    minutes = source.randint(9 * 60, 22 * 60)
    moment = datetime.combine(day, time(minutes // 60, minutes % 60), zone)
    return min(int(moment.astimezone(UTC).timestamp()) * 1000, programme.ends_at - HOUR_MS)


def _order(
    source: random.Random,
    programme: Programme,
    person: Person,
    placed: tuple[int, int, Show | None],
) -> Order:
    at, count, show = placed
    lines = tuple((product, source.choice((1, 1, 1, 2))) for product in person.cart[:2])
    named = show.show_id if show and happens(source, 0.8) else None
    order = Order(
        order_id=f"SYN-{programme.seed}-{person.number}-{count}",
        at=at,
        lines=lines,
        coupon=_COUPON if happens(source, 0.25) else None,
        show=show,
        show_id=named,
    )
    return _with_after_care(source, programme, order)


def _with_after_care(source: random.Random, programme: Programme, order: Order) -> Order:
    """About a sixth of the orders do not stay as they were."""
    fate = source.choices(_FATES, _FATE_WEIGHTS)[0]
    latest = programme.ends_at - MINUTE_MS
    if fate == "cancelled":
        cancelled_at = order.at + source.randint(10 * MINUTE_MS, 10 * HOUR_MS)
        return replace(order, cancelled_at=min(latest, cancelled_at))
    at = min(latest - HOUR_MS, order.at + source.randint(12 * HOUR_MS, 4 * DAY_MS))
    part = order.total * source.randint(15, 60) // 100
    rest = order.total - part
    refunds = {
        "refunded": ((at, order.total),),
        "partly": ((at, part),),
        "twice": ((at, part), (at + 40 * MINUTE_MS, rest)),
    }
    kept = fate not in refunds or at <= order.at
    return order if kept else replace(order, refunds=refunds[fate])


def _with_special_orders(people: Sequence[Person]) -> list[Person]:
    """One order is updated by the shop; the first and each fiftieth is later told otherwise."""
    changed = list(people)
    updated = False
    seen = 0
    for index, person in enumerate(people):
        if not person.orders:
            continue
        first, *others = person.orders
        if seen % 50 == 0:
            first = replace(first, contradicted_at=first.at + 5 * HOUR_MS)
        elif not updated and first.show and not first.refunds and first.cancelled_at is None:
            more = first.total + first.lines[-1][0].price
            first, updated = replace(first, updated=(first.at + 2 * HOUR_MS, more)), True
        seen += 1
        changed[index] = replace(person, orders=(first, *others))
    return changed


def _with_special_mailboxes(people: Sequence[Person]) -> list[Person]:
    """A few of those who may be sent to: the local mailbox bounces and complains by the prefix."""
    changed = list(people)
    willing = [index for index, person in enumerate(people) if person.consented_at is not None]
    for first, every, prefix in (
        (7, _VIEWERS_PER_BOUNCE, "bounce+"),
        (19, _VIEWERS_PER_COMPLAINT, "complaint+"),
    ):
        for index in willing[first::every]:
            changed[index] = replace(people[index], email=f"{prefix}{people[index].email}")
    return changed
