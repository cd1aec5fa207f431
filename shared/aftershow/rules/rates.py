"""Rates: how many messages a second go out on a channel. Whoever admits rows to a queue and whoever works it off must
come to the same."""

from __future__ import annotations

from aftershow.model.channels import RateCard, Terms
from aftershow.model.settings import Settings


def per_second(settings: Settings, terms: Terms, channel: str) -> float:
    """Messages a second that each of the channel's send queues may pass on: what SendRates says; else the shop's
    SendRatePerSecond, or less where its provider's rate card says less (its queues share that)."""
    given = settings.send_rates.get(channel)
    if given is not None:
        return given
    card = _card(settings, terms, channel)
    if card is None or card.by_account:
        return settings.send_rate_per_second
    queues = {queue for name, queue in settings.send_queues.items() if name.partition("#")[0] == channel}
    return min(settings.send_rate_per_second, card.per_second / max(len(queues), 1))


def _card(settings: Settings, terms: Terms, channel: str) -> RateCard | None:
    named = (channel, settings.provider_of(channel))
    return next((one for one in terms.cards if (one.channel, one.provider) == named), None)
