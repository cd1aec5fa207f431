"""How fast a channel may send: what the shop says, or its provider's card."""

from __future__ import annotations

import pytest

from aftershow.adapters.providers import PROVIDERS, cards
from aftershow.model.channels import Terms
from aftershow.model.settings import Settings
from aftershow.rules import rates

TERMS = Terms(cards=tuple(cards()))
QUEUES = '{"email#marketing": "em", "email#service": "es", "sms#marketing": "s", "sms#service": "s"}'


def settings(rates_told: str = "", second: str = "14", sms: str = "aws") -> Settings:
    return Settings.of(
        {"SEND_RATES": rates_told, "SEND_RATE_PER_SECOND": second, "SEND_QUEUES": QUEUES,
         "PROVIDERS": f'{{"sms": "{sms}"}}'}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("told", "second", "channel", "rate"),
    [
        ("", "500", "email", 500),  # SES's rate is the account's
        ("", "14", "sms", 14),  # the shop says less than the card
        ("", "500", "sms", 20),  # the card says less than the shop
        ("sms=80", "14", "sms", 80),  # the shop says it of this channel
        ("", "500", "webhook", 10),
        ("", "500", "unknown", 500),
    ],
)
def test_the_shops_word_on_a_channel_goes_first_then_the_lower_one(
    told: str, second: str, channel: str, rate: float
) -> None:
    assert rates.per_second(settings(told, second), TERMS, channel) == rate


def test_without_a_push_the_shops_rate_holds() -> None:
    assert rates.per_second(settings(second="500"), Terms(), "sms") == 500


def test_queues_of_one_channel_share_its_card() -> None:
    two = Settings.of({"SEND_QUEUES": '{"push#marketing": "a", "push#service": "b"}', "SEND_RATE_PER_SECOND": "500"})
    assert rates.per_second(two, TERMS, "push") == 50


def test_every_provider_has_a_card_of_its_own() -> None:
    assert sorted((card.channel, card.provider) for card in cards()) == sorted(PROVIDERS)
    assert all(card.as_of and card.source for card in cards())
