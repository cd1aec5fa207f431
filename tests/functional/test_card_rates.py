"""A provider's rate card slows a channel down, from admission to the provider."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from aftershow.model.channels import RateCard, Terms
from aftershow.model.instants import HOUR, MINUTE, SECOND
from aftershow.ports import keys
from aftershow.ports.channels import Accepted, Answer, Outgoing
from aftershow.ports.store import Put
from tests.functional.story import Shop, Show, Viewer, almost_buys, at

OPENS = at("2026-03-06T09:00+08:00")
ENTERS = at("2026-03-06T10:00+08:00")
ENDS = at("2026-03-06T10:30+08:00")
SHOW = Show("spring")
VIEWERS = 40


@dataclass
class Watched:
    """Takes everything, and notes when it came."""

    shop: list[Shop] = field(default_factory=list)
    came: list[int] = field(default_factory=list)

    def send(self, message: Outgoing) -> Answer:
        """Taken."""
        self.came.append(self.shop[0].now)
        return Accepted(message.tags["reminder"])


def sent_at(card: float, told: str = "") -> list[int]:
    """The moments at which messages came, under a card of so many a second."""
    provider = Watched()
    shop = Shop(OPENS, channels={"email": lambda: provider}, parameters={"SendRates": told} if told else None)
    provider.shop.append(shop)
    said = RateCard(channel="email", provider="ses", per_second=card, currency="USD", micros=1, as_of="x", source="y")
    known = shop.host.store.get(keys.channel_terms())
    terms = (Terms.read(known.body) if known else Terms()).model_copy(update={"cards": (said,)})
    shop.host.store.commit([Put(keys.channel_terms(), terms.body(), known.version if known else None)])
    viewers = [Viewer(f"viewer-{number}") for number in range(VIEWERS)]
    announced = SHOW.scheduled(OPENS + 5 * MINUTE, OPENS + 30 * MINUTE, ENDS)
    shop.hears(announced, *(one for viewer in viewers for one in almost_buys(viewer, SHOW, ENTERS)), SHOW.ended(ENDS))
    shop.until(ENDS + HOUR)
    return provider.came


# Two queues share the card; and one of them carries all of these.
@pytest.mark.parametrize(
    ("card", "told", "rate"), [(2, "", 1), (1_000, "", 14), (2, "email=7", 7)], ids=["card", "shop", "said of it"]
)
def test_the_lowest_word_is_kept(card: float, told: str, rate: float) -> None:
    came = sent_at(card, told)
    assert len(came) == VIEWERS, "a rate delays, it never loses"
    busiest = max(sum(1 for other in came if moment <= other < moment + 10 * SECOND) for moment in came)
    # Two workers, each with its share: a burst of one message each at most.
    assert busiest <= 10 * rate + 2
    assert busiest >= min(VIEWERS, 10 * rate) // 2
