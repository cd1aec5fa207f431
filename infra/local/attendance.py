"""The command `audience`: who was in a show and did not order, why each is on the list, what held them back."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from aftershow.model.instants import iso
from aftershow.rules.intent import why
from aftershow.services import audience as listing
from aftershow.services.audience import Attendee, AudiencePage, BadCursor
from infra.local import runs, stack, words
from infra.local.command import (
    DEFAULT_DATA,
    FOUND_SOMETHING_WRONG,
    DataOption,
    JsonOption,
    Locale,
    LocaleOption,
    check_writable,
    console,
    err,
    refuse,
    refusing,
)
from infra.local.engagements_told import obstacle_json
from infra.local.report import plain
from infra.local.shops import OpenShop, open_shop
from infra.local.stories import SHORT_ID
from infra.local.summary import Because
from infra.local.words import word

# What one can read at a sitting.
USUAL_PAGE = 100


def audience(
    context: typer.Context,
    show: Annotated[str, typer.Argument(help="The show's id.")],
    *,
    everybody: Annotated[
        bool, typer.Option("--all/--non-orderers", help="Everybody who was there, or those who did not order.")
    ] = False,
    page_size: Annotated[
        int, typer.Option("--page-size", min=1, max=listing.MAX_PAGE, help="Places of the list in a page.")
    ] = USUAL_PAGE,
    after: Annotated[str | None, typer.Option("--after", help="Where the last page ended, as it said.")] = None,
    every_page: Annotated[bool, typer.Option("--every-page", help="Go on to the end, page by page.")] = False,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
    locale: LocaleOption = Locale.EN,
) -> None:
    """List who was in a show and did not order: why each is on the list, what held them back, whom one can write to.

    In pages, so that a room of a million viewers needs no more memory than one of a hundred; --json FILE writes each
    page as it comes. Exit code 1: the show has no viewers.
    """
    check_writable(json_file)
    with (
        refusing(runs.CannotRun, stack.StackError, BadCursor),
        open_shop(data, name, region, context.obj) as shop,
        _writing(json_file, show) as write,
    ):
        seen = 0
        for page in _pages(shop, show, everybody=everybody, page_size=page_size, after=after, every_page=every_page):
            seen += page.looked_at
            write(page)
            if json_file != "-":
                _print(page, locale.value, everybody=everybody)
    if not seen and after is None:
        refuse(f"nobody is known to have been in a show {show}", FOUND_SOMETHING_WRONG)


def _pages(
    shop: OpenShop, show: str, *, everybody: bool, page_size: int, after: str | None, every_page: bool
) -> Iterator[AudiencePage]:
    secret = shop.address_secret()
    while True:
        page = listing.page(shop.ports, show, size=page_size, after=after, everybody=everybody, secret=secret)
        yield page
        if page.after is None or not every_page:
            return
        after = page.after


def row_json(one: Attendee) -> dict[str, Any]:
    """A person as `--json` has them."""
    return {
        "viewer": one.viewer,
        "ids": list(one.head.people) if one.head is not None else [one.viewer],
        "from": iso(one.engagement.first_at),
        "watch_seconds": one.engagement.watch_seconds,
        "intent": one.score.intent,
        "temperature": one.score.temperature,
        "why": [{"code": reason.code, "amount": reason.amount} for reason in why(one.score)],
        "left_at": one.left_at,
        "obstacle": obstacle_json(one.held),
        "orders": [order.order for order in one.orders],
        "cart": {product: line.quantity for product, line in one.engagement.cart_lines().items()},
        "channels": list(one.channels),
        "unreachable": one.unreachable or None,
    }


@contextmanager
def _writing(file: str | None, show: str) -> Iterator[Callable[[AudiencePage], None]]:
    """Writes pages as one JSON object, each when it comes: nothing is kept."""
    with ExitStack() as opened:
        to: IO[str] | None = None
        if file is not None:
            to = sys.stdout if file == "-" else opened.enter_context(Path(file).open("w", encoding="utf-8"))
        counted: Counter[str] = Counter()
        after: str | None = None

        def write(page: AudiencePage) -> None:
            nonlocal after
            for one in page.rows if to else ():
                before = ",\n" if counted["listed"] else ""
                to.write(before + json.dumps(row_json(one), ensure_ascii=False))  # type: ignore[union-attr]
                counted["listed"] += 1
            counted["looked_at"] += page.looked_at
            after = page.after

        if to:
            to.write(f'{{"show": {json.dumps(show, ensure_ascii=False)}, "viewers": [\n')
        yield write
        if to:
            ended = {"listed": counted["listed"], "looked_at": counted["looked_at"], "after": after}
            to.write("\n], " + json.dumps(ended)[1:] + "\n")


def _print(page: AudiencePage, locale: str, *, everybody: bool) -> None:
    table = Table(
        title=word("everybody" if everybody else "audience", locale), title_justify="left", title_style="bold",
        box=box.SIMPLE_HEAD, pad_edge=False,
    )  # fmt: skip
    for code in ("viewer", "intent", "why", "left_at", "held_back_by", "reach"):
        table.add_column(word(code, locale), overflow="fold", no_wrap=code in ("viewer", "intent"))
    for one in sorted(page.rows, key=lambda each: (-each.score.intent, each.viewer)):
        table.add_row(*(Text(plain(cell)) for cell in _cells(one, locale)))
    console().print(table)
    heard = Counter(one.held.obstacle for one in page.rows if one.held is not None)
    told = (f"{word(f'obstacle_{code}', locale)} {count:,}" for code, count in heard.most_common())
    err().print(" · ".join(told), markup=False, highlight=False)
    onward = word("no_more_pages", locale) if page.after is None else f"{word('next_page', locale)} {page.after}"
    err().print(onward, markup=False, highlight=False, soft_wrap=True)


def _cells(one: Attendee, locale: str) -> tuple[str, ...]:
    because = [Because(reason.code, reason.amount) for reason in why(one.score)]
    comma = "、" if locale == "zh-CN" else ", "
    return (
        one.viewer[:SHORT_ID],
        f"{word(one.score.temperature, locale)} {one.score.intent}",
        words.why(because[:3], locale),
        word(f"place_{one.left_at}", locale),
        word(f"obstacle_{one.held.obstacle}", locale) if one.held is not None else "",
        comma.join(word(channel, locale) for channel in one.channels) or word(one.unreachable, locale),
    )
