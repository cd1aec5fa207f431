"""What the owner of a deployment sets: read once from the environment of a function, validated, then passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Json

from aftershow.model.channels import USUAL

# What a refund takes back of points that were spent: they are owed (the balance goes below zero), or owed only as far
# as there are others (zero), or only points that are still pending are taken back at all.
RefundPolicy = Literal["negative", "zero", "pending"]


def environment() -> Mapping[str, str]:
    """The process's environment: the only place that reads it."""
    return os.environ


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _rates(value: Any) -> Any:
    """By channel: "sms=20,push=100"."""
    if not isinstance(value, str):
        return value
    return dict(word.strip().partition("=")[::2] for word in value.split(",") if word.strip())


class Settings(BaseModel):
    """One deployment is one shop. Field names in capitals are the environment variables.

    Raises pydantic.ValidationError for a value that can't be used: a function that can't know its settings must not
    start.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    # The shop.
    shop_name: str = "Aftershow"
    shop_currency: str = "CNY"
    shop_zone: str = "Asia/Shanghai"
    shop_locale: str = "zh-CN"
    shop_country: str = "CN"
    sender: str = "shop@example.com"
    postal_address: str = ""
    base_url: str = "http://localhost"
    channels: Annotated[tuple[str, ...], BeforeValidator(_words)] = ("email",)
    # Names of write keys that only the shop's own servers hold: what they say joins people.
    trusted_sources: Annotated[tuple[str, ...], BeforeValidator(_words)] = ("local", "server", "import")
    # Telephone numbers, e-mail addresses and ids that many people share: a desk's, the shop's own.
    blocked_identifiers: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()

    # Where things are: logical name to physical name or URL.
    tables: Json[dict[str, str]] = Field(default_factory=dict)
    queue_facts: str = ""
    queue_behaviour: str = ""
    queue_reminders: str = ""
    queue_awards: str = ""
    queue_outcomes: str = ""
    queue_relay_refused: str = ""
    # "channel#class" to the queue of that channel and class.
    send_queues: Json[dict[str, str]] = Field(default_factory=dict)
    bus_name: str = "aftershow"
    message_folder: str = ""
    # Of the bucket of raw events, without a final slash.
    archive_url: str = ""
    configuration_set: str = ""

    # Channel to the provider that serves it, where that isn't the usual one; provider to its own options, such as keys.
    providers: Json[dict[str, str]] = Field(default_factory=dict)
    provider_options: Json[dict[str, dict[str, str]]] = Field(default_factory=dict)
    # Channel to messages a second, where that isn't `send_rate_per_second`.
    send_rates: Annotated[dict[str, Annotated[float, Field(gt=0)]], BeforeValidator(_rates)] = Field(
        default_factory=dict
    )

    # Secrets: one signs the links in messages, one keys the hashes of addresses, and with one Douyin signs its pushes.
    link_secret: str = ""
    address_secret: str = ""
    douyin_secret: str = ""

    # Limits.
    due_shards: int = Field(default=64, ge=1, le=1024)
    send_rate_per_second: float = Field(default=14, gt=0)
    send_workers: int = Field(default=2, ge=1)
    # At least 1: elsewhere a 0 that was meant as "no cap" stopped every message. At most what a ring of sends holds.
    marketing_cap_per_day: int = Field(default=2, ge=1, le=16)
    marketing_cap_per_week: int = Field(default=5, ge=1, le=16)
    quiet_from_hour: int = Field(default=21, ge=0, le=24)
    quiet_until_hour: int = Field(default=8, ge=0, le=24)
    return_window_days: int = Field(default=0, ge=0, le=365)
    # Whole months after the return window; 0: never. At most two years, so that an account holds 36 lots at most.
    points_expire_months: int = Field(default=12, ge=0, le=24)
    refund_policy: RefundPolicy = "negative"
    reservation_minutes: int = Field(default=15, ge=1, le=1440)
    events_per_second: int = Field(default=1000, ge=1)

    def provider_of(self, channel: str) -> str:
        """The provider that serves a channel; empty where there is none."""
        return self.providers.get(channel) or USUAL.get(channel, "")

    def queue_named(self, arn: str) -> str | None:
        """The queue among these settings that an event source ARN means."""
        named = (self.queue_facts, self.queue_behaviour, self.queue_reminders, self.queue_awards, self.queue_outcomes)
        name = arn.rpartition(":")[2]
        return next((url for url in (*named, *self.send_queues.values()) if url.rpartition("/")[2] == name), None)

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in an environment; variables that are no setting are ignored."""
        given = {name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment}
        return cls.model_validate(given)
