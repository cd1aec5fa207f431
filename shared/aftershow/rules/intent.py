"""Intent: how likely a viewer is to order after what they did, from 0 to 100, with the reasons.

A linear score through the logistic function: every term adds points that an operator can read. The weights below are
priors from the order of the shopping steps, not learnt from data; a shop that has learnt a scorecard from its own
viewers is scored by that, and the version says by which.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from aftershow.model.engagements import Engagement, Kind, Reason, Score, Temperature
from aftershow.model.scorecards import Scorecard
from aftershow.rules.scorecards import log_odds, logistic

VERSION = "prior-2"
BIAS = -2.4
# Signs go together (who checks out has clicked), so their sum is shrunk: many of them must not claim certainty.
SHRINK = 0.6
# Where the groups are told apart: about one in three, and one in six.
HOT_FROM = 35
CONSIDERING_FROM = 18
MAX_REASONS = 5
# Points are tenths of a unit of log odds.
POINTS = 10

# Per kind: the word for it, the weight of log(1 + count), and the count beyond which more says nothing new.
_WEIGHTS: dict[Kind, tuple[str, float, int]] = {
    Kind.CHECKOUT_STARTED: ("checkout_started", 1.5, 3),
    Kind.PAYMENT_ENTERED: ("payment_entered", 1.2, 3),
    Kind.PRODUCT_CLICKED: ("products_clicked", 0.55, 20),
    Kind.PRODUCT_VIEWED: ("products_viewed", 0.25, 20),
    Kind.COUPON_TRIED: ("coupon_tried", 0.8, 3),
    Kind.COUPON_DENIED: ("coupon_denied", 0.3, 3),
    Kind.WISHED: ("wished", 0.5, 5),
    Kind.ASKED_PRICE: ("asked_price", 0.8, 5),
    Kind.ASKED_SHIPPING: ("asked_shipping", 0.8, 5),
    Kind.ASKED_PROMOTION: ("asked_promotion", 0.7, 5),
    Kind.ASKED_QUALITY: ("asked_quality", 0.6, 5),
    Kind.ASKED_STOCK: ("asked_stock", 0.7, 5),
    Kind.ASKED_TRUST: ("asked_trust", 0.2, 5),
    Kind.HESITATED: ("hesitated", -0.3, 5),
    Kind.SEARCHED: ("searched", 0.3, 10),
    Kind.COMPARED: ("compared", 0.5, 5),
    Kind.LIKED: ("liked", 0.08, 50),
    Kind.COMMENTED: ("commented", 0.15, 30),
    Kind.SHARED: ("shared", 0.3, 5),
    Kind.REPLAY_WATCHED: ("replay_watched", 0.5, 5),
    Kind.POLLED: ("polled", 0.2, 5),
    Kind.RESERVED: ("reserved", 0.3, 1),
    # Said when asked: whoever names an obstacle would buy without it; the other two won't.
    Kind.STATED_NOT_INTERESTED: ("stated_not_interested", -3.0, 1),
    Kind.STATED_BOUGHT_ELSEWHERE: ("stated_bought_elsewhere", -3.5, 1),
}
STATED_OBSTACLE_WEIGHT = 0.5
CART_WEIGHT = 1.6
TAKEN_OUT_WEIGHT = -0.4
# Per doubling of the minutes watched, from one minute on; unknown watch time says nothing, and is not zero.
WATCH_WEIGHT = 0.35
MAX_MINUTES = 120

_OBSTACLES = tuple(
    kind for kind in Kind if kind.name.startswith("STATED_") and kind not in _WEIGHTS
)  # fmt: skip
_COUNTED = tuple((kind, code) for kind, (code, _, _) in _WEIGHTS.items())
# What a scorecard may look at, in this order. Unknown watch time is UNKNOWN, so that it can have a step of its own.
FEATURES = (*(code for _, code in _COUNTED), "stated_obstacle", "in_cart", "taken_out", "watched_minutes")
UNKNOWN = -1.0
_NOTHING = {"watched_minutes": UNKNOWN}

Values = Sequence[float]


class Unusable(ValueError):
    """A scorecard can't score engagements: why."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A scorecard that is ready to score engagements. `places` are those of its features among FEATURES."""

    version: str
    features: tuple[str, ...]
    places: tuple[int, ...]
    odds: Callable[[Values], float]


def trained(card: Scorecard) -> Trained:
    """A scorecard made ready. Raises Unusable where it wants what nobody knows of an engagement."""
    if card.name != "intent":
        raise Unusable(f"it scores {card.name}, not intent")
    known = {name: place for place, name in enumerate(FEATURES)}
    if missing := [name for name in card.features if name not in known]:
        raise Unusable(f"it wants what is not known of an engagement: {', '.join(missing)}")
    if any(one.log and one.feature in _NOTHING for one in card.slopes):
        raise Unusable("it takes the logarithm of a value that may be unknown")
    return Trained(card.version, card.features, tuple(known[name] for name in card.features), log_odds(card))


def values(engagement: Engagement) -> tuple[float, ...]:
    """What an engagement says, in the order of FEATURES."""
    counts, lines = engagement.counts(), engagement.cart_lines()
    seconds = engagement.watch_seconds
    return (
        *(float(counts.get(kind, 0)) for kind, _ in _COUNTED),
        float(sum(counts.get(kind, 0) for kind in _OBSTACLES)),
        float(len(lines)),
        0.0 if lines else float(counts.get(Kind.CART_REMOVED, 0)),
        UNKNOWN if seconds is None else seconds / 60,
    )


def score(engagement: Engagement, by: Trained | None = None) -> Score:
    """Score one engagement, by the shop's own scorecard where it has one."""
    said = values(engagement)
    if by is None:
        total, terms = prior_odds(said), [(code, amount, SHRINK * weight) for code, amount, weight in _terms(said)]
    else:
        total, terms = _by_card(said, by)
    terms.sort(key=lambda term: (-abs(term[2]), term[0]))
    intent = round(100 * logistic(total))
    reasons = tuple(
        Reason(code=code, amount=amount, points=round(POINTS * weight)) for code, amount, weight in terms[:MAX_REASONS]
    )
    # Every score has a reason, also that of somebody of whom nothing is known but that they came.
    came = (Reason(code="only_came_in", points=0),)
    version = VERSION if by is None else by.version
    return Score(version=version, intent=intent, temperature=temperature(intent), reasons=reasons or came)


def why(scored: Score) -> tuple[Reason, ...]:
    """The reasons as they are told: what speaks for it, or else what speaks against it."""
    return tuple(reason for reason in scored.reasons if reason.points > 0) or scored.reasons


def temperature(intent: int) -> Temperature:
    """Hot, considering or cold."""
    return "hot" if intent >= HOT_FROM else "considering" if intent >= CONSIDERING_FROM else "cold"


def prior_odds(said: Values) -> float:
    """The log odds that the default weights give to values in the order of FEATURES."""
    return BIAS + SHRINK * sum(weight for _, _, weight in _terms(said))


def _by_card(said: Values, by: Trained) -> tuple[float, list[tuple[str, int | None, float]]]:
    """The log odds, and what each thing that was done adds to them: how much less it would be without it."""
    given = [said[place] for place in by.places]
    total = by.odds(given)
    terms: list[tuple[str, int | None, float]] = []
    for number, name in enumerate(by.features):
        value, without = given[number], _NOTHING.get(name, 0.0)
        if value != without:
            given[number] = without
            if weight := total - by.odds(given):
                terms.append((*_word(name, value), weight))
            given[number] = value
    return total, terms


def _word(name: str, value: float) -> tuple[str, int | None]:
    """Seconds are not zero minutes."""
    return ("watched_briefly", None) if name == "watched_minutes" and value < 1 else (name, int(value))


def _terms(said: Values) -> Iterator[tuple[str, int | None, float]]:
    *counts, stated, lines, taken_out, minutes = said
    for (code, weight, most), number in zip(_WEIGHTS.values(), counts, strict=True):
        if number:
            yield code, int(number), weight * math.log2(1 + min(number, most))
    if stated:
        yield "stated_obstacle", int(stated), STATED_OBSTACLE_WEIGHT
    if lines:
        yield "in_cart", int(lines), CART_WEIGHT + 0.2 * math.log2(min(lines, 16))
    elif taken_out:
        yield "taken_out", int(taken_out), TAKEN_OUT_WEIGHT
    if minutes != UNKNOWN:
        weight = WATCH_WEIGHT * math.log2(max(min(minutes, MAX_MINUTES), 0.5))
        yield (*_word("watched_minutes", minutes), weight)
