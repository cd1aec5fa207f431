"""Commands on what a shop scores by: bring what was trained into it, measure its customers, look, go back."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from aftershow.model.instants import iso
from aftershow.model.labels import Yardstick
from aftershow.model.recommendations import Popular, Recommendations
from aftershow.model.scorecards import Scorecard
from aftershow.ports import keys
from aftershow.ports.store import Conflict, Key, Put, Store
from aftershow.rules import intent, repurchase
from infra.local import runs, stack
from infra.local.bringing import (
    BadCard,
    keep,
    keep_recommendations,
    keep_yardstick,
    kept,
    measured,
    read_learnt,
)
from infra.local.command import DEFAULT_DATA, DataOption, JsonOption, check_writable, json_text, put, refusing
from infra.local.shops import open_shop

app = typer.Typer(
    no_args_is_help=True,
    help="What a shop scores its viewers by: default weights and thresholds, or what was learnt and measured from its "
    "own data.",
)
DEFAULTS = {"intent": intent.VERSION, "repurchase": repurchase.VERSION}
_TOLD = {"version", "learnt_from", "rows", "positives", "horizon_days", "features"}


@app.command()
def push(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="From aftershow train.")],
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Bring a scorecard or recommendations into a shop; its functions use them within 5 s.

    Every score names the version of its scorecard. Scores that are kept change with the next event of their viewer;
    what is planned or explained is scored anew. A file that can't be used is refused, and changes nothing. Look first
    how good it is: aftershow evaluate ... --model FILE.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        learnt = read_learnt(file)
        if isinstance(learnt, Recommendations):
            changed = keep_recommendations(shop.ports.store, learnt)
            typer.echo(f"{shop.name} recommends by {learnt.popular.version}: {changed:,} items changed")
            return
        is_new = keep(shop.ports.store, learnt)
    typer.echo(f"{learnt.name} of {shop.name} is {'now ' if is_new else ''}scored by {_origin(learnt)}")


@app.command()
def measure(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Measure a shop's customers: the fifths of recency, frequency and money by which RFM and value are told from now
    on, the usual gap between two orders.

    Reads every viewer's head once; run it monthly, or when much has changed. Labels follow with the next look at each
    person. With fewer than 100 customers fixed thresholds hold.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        found = measured(shop.heads(), shop.settings.shop_currency, shop.ports.now())
        keep_yardstick(shop.ports.store, found)
    typer.echo(f"{shop.name} is measured by {found.version}, from {found.customers:,} customers")


@app.command(name="list")
def list_(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """By what a shop scores, measures and recommends: versions, from what data, with how many samples."""
    check_writable(json_file)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        store = shop.ports.store
        cards = kept(store)
        yardstick, popular = (_body(store, keys.yardstick()), _body(store, keys.popular()))
    by = Yardstick.read(yardstick) if yardstick else None
    learnt = Popular.read(popular) if popular else None
    if json_file is not None:
        versions = {score: {"version": version} for score, version in DEFAULTS.items()}
        told = {each: card.model_dump(include=_TOLD) for each, card in cards.items()}
        more = {
            "yardstick": by.model_dump() if by else None,
            "recommendations": learnt.model_dump(exclude={"products", "shows"}) if learnt else None,
        }
        put(json_file, json_text({**versions, **told, **more}))
    if json_file == "-":
        return
    for score, version in DEFAULTS.items():
        typer.echo(f"{score}: {_origin(cards[score]) if score in cards else f'{version}, default weights'}")
    measured_by = f"{by.version}, {by.customers:,} customers, {iso(by.measured_at)[:10]}" if by else "fixed thresholds"
    typer.echo(f"yardstick: {measured_by}")
    typer.echo(f"recommendations: {f'{learnt.version}, learnt from {learnt.learnt_from}' if learnt else 'none'}")


@app.command()
def drop(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="intent|repurchase|yardstick|recommendations")],
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Go back to the default weights, to fixed thresholds, to recommending nothing, within 5 s."""
    places = {score: keys.scorecard(score) for score in DEFAULTS}
    places |= {"yardstick": keys.yardstick(), "recommendations": keys.popular()}
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        if what not in places:
            raise BadCard(f"there is no {what} to be dropped: {', '.join(places)}")
        store = shop.ports.store
        item = store.get(places[what])
        if item is not None and item.body:
            # Endings are puts: an empty text is none.
            store.commit([Put(places[what], "", item.version)])
    typer.echo(f"{what} of {shop.name}: {DEFAULTS.get(what, 'none')}")


def _body(store: Store, key: Key) -> str:
    item = store.get(key)
    return item.body if item else ""


def _origin(card: Scorecard) -> str:
    return f"{card.version}, learnt from {card.learnt_from} ({card.rows:,} samples, {card.positives:,} positive)"


def _refusing() -> AbstractContextManager[None]:
    return refusing(runs.CannotRun, stack.StackError, BadCard, Conflict, ValidationError)
