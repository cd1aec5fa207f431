"""The coverage meter: which signals events deliver, and which scores and playbooks can be trusted with them.

A platform's push may carry only comments and likes. What it never delivers is unknown: without orders nobody can be
said not to have ordered, without watch time nobody watched for zero minutes.

Only first and last days are kept, as minima and maxima: any order and repetition of events ends in the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from aftershow.model.coverage import Coverage, Seen
from aftershow.model.engagements import Kind
from aftershow.model.instants import DAY
from aftershow.model.playbooks import Playbook
from aftershow.rules.segment import (
    AddressSuppressed,
    Aliased,
    Amended,
    Complained,
    Consented,
    Did,
    Event,
    Followed,
    Heartbeat,
    Identified,
    Left,
    Ordered,
    ProductNews,
    ShowNews,
    Subscribed,
)

Verdict = Literal["trusted", "partly", "unknown"]

# A signal that its shop has not seen for so many days, while others came, has stopped. Shops show weekly at least.
QUIET_AFTER_DAYS = 14

# Signal to the words of the wire that deliver it: event names, or fields of any event.
SIGNALS: Mapping[str, tuple[str, ...]] = {
    "entries": ("Live Room Entered", "Video Playback Started"),
    "watch_time": ("Video Content Playing", "Live Room Left with watch_seconds"),
    "exits": ("Live Room Left",),
    "likes": ("Live Liked",),
    "comments": ("Live Comment Sent",),
    "shares": ("Live Shared", "Product Shared"),
    "gifts": ("Live Gift Sent",),
    "follows": ("Live Followed", "Live Unfollowed"),
    "fan_clubs": ("Live Fan Club Joined",),
    "polls": ("Live Poll Voted", "Live Question Answered", "Survey Answered"),
    "reservations": ("Live Show Reserved",),
    "replays": ("Live Replay Watched",),
    "searches": ("Products Searched",),
    "product_views": ("Product Viewed", "Product List Viewed", "Cart Viewed"),
    "product_clicks": ("Live Product Clicked", "Product Clicked"),
    "comparisons": ("Products Compared",),
    "wishes": ("Product Added to Wishlist",),
    "carts": ("Product Added", "Product Removed"),
    "checkouts": (
        "Checkout Started",
        "Checkout Step Viewed",
        "Checkout Step Completed",
        "Payment Info Entered",
        "Payment Failed",
    ),
    "coupons": ("Coupon Entered", "Coupon Applied", "Coupon Denied"),
    "orders": ("Order Completed",),
    "refunds": ("Order Refunded", "Order Cancelled"),
    "order_updates": ("Order Updated",),
    "identities": ("userId", "alias", "WeCom Contact Added"),
    "addresses": ("traits.email", "traits.phone"),
    "consents": ("Message Consent Updated", "WeCom Contact Deleted"),
    "suppressions": ("Message Address Suppressed",),
    "subscriptions": ("Message Subscription Accepted",),
    "complaints": ("Complaint Filed", "Complaint Resolved"),
    "products": ("Product Updated",),
    "show_times": ("Live Show Scheduled", "Live Show Started", "Live Show Ended"),
    "zones": ("context.timezone", "traits.timezone"),
}
_OF_KIND: Mapping[Kind, str] = {
    Kind.ENTERED: "entries",
    Kind.LIKED: "likes",
    Kind.COMMENTED: "comments",
    Kind.COMPARED: "comparisons",
    Kind.SHARED: "shares",
    Kind.SEARCHED: "searches",
    Kind.PRODUCT_VIEWED: "product_views",
    Kind.PRODUCT_CLICKED: "product_clicks",
    Kind.CART_ADDED: "carts",
    Kind.CART_REMOVED: "carts",
    Kind.CHECKOUT_STARTED: "checkouts",
    Kind.CHECKOUT_STEP: "checkouts",
    Kind.PAYMENT_ENTERED: "checkouts",
    Kind.PAYMENT_FAILED: "checkouts",
    Kind.COUPON_TRIED: "coupons",
    Kind.COUPON_DENIED: "coupons",
    Kind.WISHED: "wishes",
    Kind.POLLED: "polls",
    Kind.GIFTED: "gifts",
    Kind.FOLLOWED: "fan_clubs",
    Kind.REPLAY_WATCHED: "replays",
    Kind.RESERVED: "reservations",
    Kind.ANSWERED: "polls",
}
_OF_FACT: Mapping[type, str] = {
    Aliased: "identities",
    Consented: "consents",
    AddressSuppressed: "suppressions",
    Subscribed: "subscriptions",
    Complained: "complaints",
    ProductNews: "products",
    Followed: "follows",
    Ordered: "orders",
}
_SHOW_TIMES = frozenset({"starts_at", "ends_at", "started_at", "ended_at"})


def signals_of(event: Event) -> Iterator[str]:
    """The signals that an event delivers, some perhaps twice."""
    meaning = event.meaning
    if isinstance(meaning, Heartbeat):
        yield "watch_time"
    elif isinstance(meaning, Did):
        yield from (_OF_KIND[kind] for kind in meaning.kinds[:1] if kind in _OF_KIND)
    elif isinstance(meaning, Left):
        yield "exits"
        if meaning.seconds is not None:
            yield "watch_time"
    else:
        yield from _facts(event)
    if event.identity is not None and event.identity[0] != "anonymous":
        yield "identities"
    if event.context.zone is not None:
        yield "zones"


def _facts(event: Event) -> Iterator[str]:
    meaning = event.meaning
    if isinstance(meaning, Identified):
        yield from ["addresses"] if meaning.traits.keys() & {"email", "phone"} else []
        yield from ["zones"] if "zone" in meaning.traits else []
    elif isinstance(meaning, Amended):
        yield "order_updates" if meaning.what == "update" else "refunds"
    elif isinstance(meaning, ShowNews):
        yield from ["show_times"] if meaning.fields.keys() & _SHOW_TIMES else []
    elif type(meaning) in _OF_FACT:
        yield _OF_FACT[type(meaning)]


def observed(source: str, events: Iterable[Event]) -> Coverage:
    """What some events of a source show of it."""
    days: dict[str, tuple[int, int]] = {}
    for event in events:
        day = event.at // DAY
        for signal in signals_of(event):
            first, last = days.get(signal, (day, day))
            days[signal] = (min(first, day), max(last, day))
    return Coverage(
        source=source, signals={name: Seen(first=first, last=last) for name, (first, last) in sorted(days.items())}
    )


def united(known: Coverage, new: Coverage) -> Coverage:
    """What is known of a source, with what is new; equal to `known` where that says nothing new."""
    signals = dict(known.signals)
    for name, seen in new.signals.items():
        signals[name] = seen.united(signals.get(name))
    return Coverage(source=known.source, signals=dict(sorted(signals.items())))


def of_shop(sources: Iterable[Coverage]) -> dict[str, Seen]:
    """What all sources together deliver, by signal."""
    together = Coverage(source="")
    for source in sources:
        together = united(together, source)
    return together.signals


@dataclass(frozen=True, slots=True)
class Need:
    """What a score or playbook is read from. Of each group in `must` one signal is enough; without one of `better` it
    still works, on less."""

    name: str
    must: tuple[tuple[str, ...], ...]
    better: tuple[str, ...] = ()


_BUYING = ("carts", "checkouts", "product_clicks")
_INTENT_BETTER = (*_BUYING, "watch_time", "comments")
SCORES = (
    Need("intent", (_BUYING,), _INTENT_BETTER),
    Need("watch_time", (("watch_time",),)),
    Need("asked_about", (("comments",),)),
    Need("left_without_order", (("orders",), ("identities",)), ("show_times",)),
    Need("may_be_written_to", (("identities",), ("addresses",), ("consents",))),
    Need("won_back", (("orders",), ("identities",))),
    Need("points", (("orders",), ("identities",)), ("refunds",)),
)


def need_of(playbook: Playbook) -> Need:
    """What a playbook needs follows from what it says: its trigger, whom it stops for, and where it writes to."""
    must: list[tuple[str, ...]] = [("orders",), ("identities",)]
    better: list[str] = []
    if set(playbook.channels) != {"file"}:
        must.append(("addresses",))
        must += [("consents",)] if playbook.message_class == "marketing" else []
    if playbook.trigger == "show_ended":
        # Where nobody's intent can be read, everybody is cold: that playbook would get the hot ones too.
        must.append(_BUYING)
        better += [*_INTENT_BETTER, "show_times"]
    else:
        better.append("refunds")
    if "unfollow" in playbook.until:
        better.append("follows")
    if playbook.hours != (0, 24):
        better.append("zones")
    return Need(playbook.id, tuple(must), tuple(better))


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a score or playbook can be trusted. `missing`: groups of which no signal was ever observed; `without`:
    signals that would make it better; `stopped`: signals that came once and don't any more."""

    name: str
    verdict: Verdict
    missing: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()


def trust(need: Need, seen: Mapping[str, Seen]) -> Trust:
    """Unknown where something that it needs was never observed; partly where it's read from less than it could be."""
    newest = max((one.last for one in seen.values()), default=0)
    missing = tuple(group for group in need.must if not any(signal in seen for signal in group))
    without = tuple(signal for signal in need.better if signal not in seen)
    used = dict.fromkeys([*(signal for group in need.must for signal in group), *need.better])
    stopped = tuple(signal for signal in used if signal in seen and seen[signal].last < newest - QUIET_AFTER_DAYS)
    verdict: Verdict = "unknown" if missing else "partly" if without or stopped else "trusted"
    return Trust(need.name, verdict, missing, without, stopped)
