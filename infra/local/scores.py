"""Commands on what a shop scores by: bring a trained scorecard into it, look, go back to the default weights."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from aftershow.model.scorecards import Scorecard
from aftershow.ports import keys
from aftershow.ports.store import Conflict, Put, Range, Store
from aftershow.rules import intent, repurchase
from aftershow.rules.intent import Unusable
from infra.local import runs, stack
from infra.local.command import DEFAULT_DATA, DataOption, JsonOption, check_writable, json_text, put, refusing
from infra.local.shops import open_shop

app = typer.Typer(
    no_args_is_help=True,
    help="What a shop scores its viewers by: default weights, or scorecards that were learnt from its own data "
    "(aftershow train).",
)
# Learnt from fewer buyers, a card says more about chance than about people.
MIN_POSITIVES = 20
MAX_CARD_BYTES = 64 * 1024


class BadCard(Exception):
    """A file can't be what a shop scores by: why."""


@app.command()
def push(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="From aftershow train.")],
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Bring a scorecard into a shop; its functions score by it within 5 s, and every score names its version.

    Scores that are kept change with the next event of their viewer; what is planned or explained is scored anew.
    A card that can't be used is refused. Look first how good it is: aftershow evaluate ... --model FILE.
    """
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        card = read_card(file)
        changed = keep(shop.ports.store, card)
    typer.echo(f"{card.name} of {shop.name} is {'now ' if changed else ''}scored by {card.version}, {_origin(card)}")


@app.command(name="list")
def list_(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
    json_file: JsonOption = None,
) -> None:
    """By what a shop scores: versions, from what data, with how many samples."""
    check_writable(json_file)
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        cards = kept(shop.ports.store)
    if json_file is not None:
        versions = {score: {"version": version} for score, version in DEFAULTS.items()}
        told = {each: card.model_dump(include=_TOLD) for each, card in cards.items()}
        put(json_file, json_text({**versions, **told}))
    if json_file == "-":
        return
    for score, version in DEFAULTS.items():
        card = cards.get(score)
        typer.echo(f"{score}: {f'{card.version}, {_origin(card)}' if card else f'{version}, default weights'}")


@app.command()
def drop(
    context: typer.Context,
    score: Annotated[str, typer.Argument(metavar="intent|repurchase")],
    data: DataOption = DEFAULT_DATA,
    name: stack.StackOption = None,
    region: stack.RegionOption = None,
) -> None:
    """Go back to the default weights, within 5 s."""
    with _refusing(), open_shop(data, name, region, context.obj) as shop:
        if score not in DEFAULTS:
            raise BadCard(f"there is no score {score}: {', '.join(DEFAULTS)}")
        store = shop.ports.store
        item = store.get(keys.scorecard(score))
        if item is not None and item.body:
            # Endings are puts: what is read as no card is none.
            store.commit([Put(keys.scorecard(score), "", item.version)])
    typer.echo(f"{score} of {shop.name} is scored by {DEFAULTS[score]}, default weights")


DEFAULTS = {"intent": intent.VERSION, "repurchase": repurchase.VERSION}
_TOLD = {"version", "learnt_from", "rows", "positives", "horizon_days", "features"}


def read_card(path: Path) -> Scorecard:
    """The scorecard of a file, fit to score by. Raises BadCard."""
    try:
        text = path.read_text(encoding="utf-8")
        card = Scorecard.read(text)
        _check(card)
    except (OSError, UnicodeDecodeError) as error:
        raise BadCard(f"{path.name} can't be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise BadCard(f"{path.name} is no scorecard: {where}: {first['msg']}") from error
    except Unusable as error:
        raise BadCard(f"{path.name} can't be used: {error}") from error
    return card


def _check(card: Scorecard) -> None:
    {"intent": intent.trained, "repurchase": repurchase.trained}[card.name](card)
    if card.positives < MIN_POSITIVES or card.rows - card.positives < MIN_POSITIVES:
        raise Unusable(
            f"it was learnt from {card.positives} of {card.rows}: at least {MIN_POSITIVES} of each are needed"
        )
    if (size := len(card.body())) > MAX_CARD_BYTES:
        raise Unusable(f"it has {size:,} bytes, more than {MAX_CARD_BYTES:,}")


def keep(store: Store, card: Scorecard) -> bool:
    """Put a card into a shop; False where it is there already."""
    key = keys.scorecard(card.name)
    item = store.get(key)
    if item is not None and item.body == card.body():
        return False
    store.commit([Put(key, card.body(), item.version if item else None)])
    return True


def kept(store: Store) -> dict[str, Scorecard]:
    """The cards of a shop by score."""
    key = keys.scorecard("-")
    page = store.query(key.table, Range(key.pk))
    return {card.name: card for item in page.items if item.body for card in (Scorecard.read(item.body),)}


def _origin(card: Scorecard) -> str:
    return f"learnt from {card.learnt_from} ({card.rows:,} samples, {card.positives:,} positive)"


def _refusing() -> AbstractContextManager[None]:
    return refusing(runs.CannotRun, stack.StackError, BadCard, Conflict, ValidationError)
