"""The channels of a shop: made when they are first used, by the provider that the shop names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aftershow.adapters.aws_sms import AwsSms
from aftershow.adapters.providers import Channels, Outside
from aftershow.adapters.sns_sms import SnsSms
from aftershow.model.messages import Sms
from aftershow.model.settings import Settings
from aftershow.ports.channels import Declined, Outgoing


def shop(provider: str, **options: str) -> tuple[Channels, list[str]]:
    asked: list[str] = []

    def client(service: str) -> Any:
        asked.append(service)
        return object()

    def outside(given: Mapping[str, str]) -> Outside:
        return Outside(settings, given, client, lambda: 0, str)

    settings = Settings.of(
        {"CHANNELS": "sms,file,pigeon", "PROVIDERS": json.dumps({"sms": provider}),
         "PROVIDER_OPTIONS": json.dumps({provider: options})}
    )  # fmt: skip
    return Channels(settings, outside), asked


def test_a_client_is_made_once_and_when_it_is_needed() -> None:
    channels, asked = shop("aws", origination_identity="pool-1")
    assert (len(channels), list(channels), asked) == (3, ["sms", "file", "pigeon"], [])
    assert isinstance(channels["sms"], AwsSms)
    assert channels["sms"] is channels.get("sms")
    assert asked == ["pinpoint-sms-voice-v2"]


def test_the_shop_names_the_provider() -> None:
    assert isinstance(shop("sns")[0]["sms"], SnsSms)


def test_what_there_is_not_is_none() -> None:
    channels, _ = shop("nobody")
    assert (channels.get("sms"), channels.get("file"), channels.get("pigeon"), channels.get("email")) == (None,) * 4


def test_options_that_can_not_be_used_stop_that_channel_only_and_say_why() -> None:
    channels, _ = shop("aws", max_price="0.10")
    answer = channels["sms"].send(Outgoing("+8613812345678", Sms("x")))
    assert answer == Declined("bad_options: aws needs its options origination_identity", again_after_seconds=3600)
