"""Commands on channels: how each stands, and to open one that its provider closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from aftershow.adapters.providers import cards
from aftershow.model.channels import Terms
from aftershow.model.instants import at_zone
from aftershow.ports import keys
from aftershow.ports.store import Conflict
from aftershow.rules import prices, rates
from aftershow.services import health
from infra.local import runs, stack
from infra.local.command import (
    ASKED_WRONGLY,
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    Locale,
    LocaleOption,
    check_writable,
    console,
    json_text,
    put,
    refuse,
    refusing,
)
from infra.local.shops import OpenShop, open_shop
from infra.local.words import plain, word

app = typer.Typer(
    no_args_is_help=True,
    help="The channels in use: who carries them, how fast, for how much, and whether they work.",
)


@app.command(name="list")
def list_(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """Each channel in use: its provider, the price of a message, messages a second, and how it stands.

    Down: the provider gave no clear answer three times in a row; one message a minute tries it. Closed: the provider
    said that it takes nothing more. Exit code 1 where one doesn't work.
    """
    check_writable(json_file)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        told = [_told(shop, channel) for channel in shop.settings.channels]
        zone = shop.settings.shop_zone
    if json_file is not None:
        put(json_file, json_text(told))
    if json_file != "-":
        table = Table(box=None, pad_edge=False)
        for column in ("channel", "provider", "price", "rate", "state"):
            table.add_column(word(f"column_{column}", locale.value), overflow="fold")
        for one in told:
            style = "green" if one["state"] == "works" else "bold red"
            words = plain(_state(one, zone, locale.value))
            table.add_row(one["channel"], one["provider"], one["price"], f"{one['per_second']:g}/s", Text(words, style))
        console().print(table)
    if any(one["state"] != "works" for one in told):
        raise typer.Exit(FOUND_SOMETHING_WRONG)


@app.command(name="open")
def open_(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Which one: aftershow channels list.")],
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Let a channel work again that its provider closed, or that is down: functions know it within 5 s.

    What waits for it looks again within an hour. Where the provider says the same again, it is closed again.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        if channel not in shop.settings.channels:
            refuse(f"{channel} is not in use: there are {', '.join(shop.settings.channels)}", ASKED_WRONGLY)
        opened = health.reopen(shop.ports.store, channel)
    typer.echo(f"{channel} is open again" if opened else f"{channel} was open: nothing to do")


def _told(shop: OpenShop, channel: str) -> dict[str, Any]:
    item = shop.ports.store.get(keys.channel_terms())
    terms = Terms.read(item.body) if item else Terms()
    provider = shop.settings.provider_of(channel)
    # A shop that got no push yet has no cards: ours are there.
    shown = terms if terms.cards else terms.model_copy(update={"cards": tuple(cards())})
    price = prices.price(shown, channel, provider)
    known = health.standing(shop.ports.store, channel)
    down = known.unclear >= health.DOWN_AFTER
    return {
        "channel": channel,
        "provider": provider,
        "price": str(price) if price else "",
        "per_second": rates.per_second(shop.settings, terms, channel),
        "state": "closed" if known.closed_at is not None else "down" if down else "works",
        "closed_at": known.closed_at,
        "reason": known.closed_for,
    }


def _state(one: dict[str, Any], zone: str, locale: str) -> str:
    words = word(f"channel_{one['state']}", locale)
    if one["closed_at"] is None:
        return words
    moment = at_zone(one["closed_at"], zone).strftime("%Y-%m-%d %H:%M")
    return f"{words}: {word(one['reason'], locale)} ({moment})"


@contextmanager
def _refusing() -> Iterator[None]:
    with refusing(runs.CannotRun, stack.StackError, Conflict):
        yield
