"""Which module speaks to which provider: one line each. A module has `CARD` (its rate card) and `make`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from aftershow.model.channels import RateCard
from aftershow.model.settings import Settings
from aftershow.ports.channels import Channel

# (channel, provider) to the module in this package.
PROVIDERS: dict[tuple[str, str], str] = {
    ("email", "ses"): "ses",
    ("email", "smtp"): "smtp",
    ("file", "file"): "file",
    ("push", "sns"): "sns_push",
    ("sms", "aliyun"): "aliyun_sms",
    ("sms", "aws"): "aws_sms",
    ("sms", "sns"): "sns_sms",
    ("sms", "tencent"): "tencent_sms",
    ("webhook", "webhook"): "webhook",
    ("wechat", "wechat"): "wechat",
    ("wecom", "wecom"): "wecom",
}
# What a shop gets that names no provider: `USUAL` in aftershow.model.channels.


@dataclass(frozen=True, slots=True)
class Outside:
    """What a provider's module may use: the settings, its own options (keys, ids), an SDK client by service name whose
    retries are off, epoch milliseconds, a fresh id."""

    settings: Settings
    options: Mapping[str, str]
    client: Callable[[str], Any]
    now: Callable[[], int]
    new_id: Callable[[], str]


class Provider(Protocol):
    """A module of this package that speaks to a provider."""

    CARD: RateCard

    def make(self, outside: Outside) -> Channel | None:
        """The channel; None where this shop can't have it. Raises ValueError for options that can't be used."""


def provider(channel: str, name: str) -> Provider | None:
    """The module for a provider of a channel; None where there is none."""
    module = PROVIDERS.get((channel, name))
    found: Any = import_module(f"aftershow.adapters.{module}") if module else None
    return found  # type: ignore[no-any-return]


def cards() -> list[RateCard]:
    """The rate cards of all providers."""
    return [found.CARD for channel, name in sorted(PROVIDERS) if (found := provider(channel, name))]
