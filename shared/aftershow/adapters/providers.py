"""Which module speaks to which provider: one line each. A module has `CARD` (its rate card) and `make`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from aftershow.model.channels import RateCard
from aftershow.model.settings import Settings
from aftershow.ports.channels import Answer, Channel, Declined, Outgoing

# What somebody must mend is asked hourly, until the reminder's deadline.
_MENDED_SECONDS = 3600

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


class Channels(Mapping[str, Channel]):
    """The channels in use, each made when it is first asked for: most invocations send on one. A channel whose options
    can't be used declines every message until somebody mends them."""

    def __init__(self, settings: Settings, outside: Callable[[Mapping[str, str]], Outside]) -> None:
        self._settings, self._outside = settings, outside
        self._made: dict[str, Channel | None] = {}

    def __getitem__(self, name: str) -> Channel:
        """The channel. Raises KeyError where the shop has none of that name."""
        if name not in self._settings.channels:
            raise KeyError(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        made = self._made[name]
        if made is None:
            raise KeyError(name)
        return made

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self._settings.channels)

    def __len__(self) -> int:
        """How many."""
        return len(self._settings.channels)

    def _make(self, name: str) -> Channel | None:
        chosen = self._settings.provider_of(name)
        found = provider(name, chosen)
        try:
            return found.make(self._outside(self._settings.provider_options.get(chosen, {}))) if found else None
        except ValueError as error:
            return _Unusable(str(error))


@dataclass(frozen=True, slots=True)
class _Unusable:
    why: str

    def send(self, message: Outgoing) -> Answer:  # noqa: ARG002 (no message is sent)
        """What is wrong with the options: their names, never a value."""
        return Declined(f"bad_options: {self.why}", again_after_seconds=_MENDED_SECONDS)


def cards() -> list[RateCard]:
    """The rate cards of all providers."""
    return [found.CARD for channel, name in sorted(PROVIDERS) if (found := provider(channel, name))]
