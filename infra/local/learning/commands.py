"""Commands `train` and `evaluate`: what a score learns, and how good it is, from files and offline."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from aftershow.model.instants import DAY, iso, parse_instant
from aftershow.model.scorecards import Scorecard
from aftershow.rules.intent import FEATURES as INTENT_FEATURES
from infra.local.command import JsonOption, check_writable, json_text, put, refuse, refusing
from infra.local.learning.purchases import Purchases, read_purchases
from infra.local.learning.recommending import measure, train_recommendations
from infra.local.learning.samples import BadData, Samples, text_lines
from infra.local.learning.sessions import by_product_seconds, month, read_sessions
from infra.local.learning.viewings import Viewings, read_viewings

if TYPE_CHECKING:
    from infra.local.learning.evaluating import Evaluation

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
USUAL_HORIZON_DAYS = 90


class What(StrEnum):
    """Scores that are learnt."""

    INTENT = "intent"
    REPURCHASE = "repurchase"
    RECOMMENDATIONS = "recommendations"


class Form(StrEnum):
    """What a file holds."""

    SHOPPERS = "shoppers"
    CDNOW = "cdnow"
    ONLINE_RETAIL = "online-retail"
    SEGMENT = "segment"


WhatArgument = Annotated[
    What,
    typer.Argument(
        metavar="intent|repurchase|recommendations",
        show_default=False,
        help="Will a visitor order, will a customer buy again, what goes with what.",
    ),
]
DataOption = Annotated[
    Path,
    typer.Option("--data", exists=True, dir_okay=False, readable=True, help="The file to learn from, gzip or not."),
]
FormOption = Annotated[
    Form | None,
    typer.Option(
        "--format",
        help="For intent shoppers or segment, for repurchase cdnow, online-retail or segment, for recommendations "
        "online-retail or segment. Found out by itself.",
        show_default=False,
    ),
]


def train(
    what: WhatArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="The scorecard to write, a small JSON file.")],
    form: FormOption = None,
    horizon_days: Annotated[
        int | None,
        typer.Option(min=1, help="repurchase: the days to predict; else 90, or half of the file.", show_default=False),
    ] = None,
) -> None:
    """Learn a scorecard from a file. Nothing of the file but counts and the score's points gets into it.

    The first run installs scikit-learn and scipy. Look first how good it is: aftershow evaluate. Then bring it into a
    shop: aftershow scores push FILE.
    """
    if what is What.RECOMMENDATIONS:
        _train_recommendations(data, form, out)
        return
    _install()
    from infra.local.learning.training import Disagrees, train_intent, train_repurchase

    with refusing(BadData, OSError, Disagrees):
        if what is What.INTENT:
            viewings = _viewings(data, form)
            card = train_intent(viewings.samples, data.name, viewings.horizon_days)
        else:
            bought = _purchases(data, form)
            half = (bought.ends - bought.begins) // 2 // DAY
            days = horizon_days or min(USUAL_HORIZON_DAYS, half)
            samples = bought.as_of(bought.ends - days * DAY, days * DAY + 1)
            samples.check(data, "buying again")
            card = train_repurchase(samples, data.name, float(days))
        out.write_text(card.body() + "\n", encoding="utf-8")
    _say(
        f"learnt from {card.rows:,} samples, {card.positives:,} of them positive: {out} ({out.stat().st_size:,} bytes)"
    )


def evaluate(
    what: WhatArgument,
    data: DataOption,
    form: FormOption = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            exists=True,
            dir_okay=False,
            help="Measure this scorecard instead of one learnt here.",
            show_default=False,
        ),
    ] = None,
    test_from: Annotated[
        str | None,
        typer.Option(
            "--test-from",
            metavar="WHEN",
            help="Learn before it, measure from it on: a month (Sep) for shoppers, a date for everything else.",
            show_default=False,
        ),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure how well a score tells people apart, on people and times that it did not learn from.

    intent: five-fold over all sessions or viewers, or learnt on what was before --test-from. repurchase: as of
    --test-from (the middle of the file unless given), learnt only from what was known by then. AUC .5 is chance; Brier
    is the mean squared error of the probability, to be compared with that of the base rate. recommendations: the last
    order of each customer, from what was known when its day began; beside it what is popular.
    """
    check_writable(json_file)
    if what is What.RECOMMENDATIONS:
        _evaluate_recommendations(data, form, json_file)
        return
    _install()
    from infra.local.learning.training import Disagrees

    with refusing(BadData, OSError, Disagrees):
        card = _scorecard(model, what) if model else None
        measured = (
            _evaluate_intent(data, form, card, test_from)
            if what is What.INTENT
            else _evaluate_repurchase(data, form, card, test_from)
        )
    if json_file != "-":
        _print(measured)
    if json_file:
        put(json_file, json_text(measured.told()))


def _train_recommendations(data: Path, form: Form | None, out: Path) -> None:
    with refusing(BadData, OSError):
        learnt = train_recommendations(data, _form_of_baskets(data, form))
        out.write_text(learnt.body() + "\n", encoding="utf-8")
    _say(
        f"learnt from {learnt.popular.baskets:,} baskets what goes with {len(learnt.products):,} products and "
        f"{len(learnt.shows):,} shows: {out} ({out.stat().st_size:,} bytes)"
    )


def _evaluate_recommendations(data: Path, form: Form | None, json_file: str | None) -> None:
    with refusing(BadData, OSError):
        measured = measure(data, _form_of_baskets(data, form))
    if json_file != "-":
        typer.echo(f"the last order of {measured.customers:,} customers, from what was known when its day began")
        typer.echo("of ten shown, hits · customers with a hit · of the order's new products, shown")
        for name, hits in measured.named():
            typer.echo(f"  {hits.rate:.4f} · {hits.customers:.3f} · {hits.recall:.4f}  {name}")
    if json_file:
        put(json_file, json_text(measured.told()))


def _form_of_baskets(data: Path, form: Form | None) -> str:
    found = form or _form_of(data)
    if found not in (Form.ONLINE_RETAIL, Form.SEGMENT):
        raise BadData(f"what goes with what is learnt from baskets: --format online-retail or segment, not {found}")
    return found.value


def _evaluate_intent(data: Path, form: Form | None, card: Scorecard | None, test_from: str | None) -> Evaluation:
    from infra.local.learning import evaluating
    from infra.local.learning.training import train_intent

    viewings = _viewings(data, form)
    samples = viewings.samples
    since = _since(samples, test_from) if test_from else None
    tested = samples if since is None else samples.since(since)
    baselines = {} if not tested.rows else viewings.baselines(tested)
    if card is not None:
        _fits(card, tested)
        return evaluating.held_out(card, tested, card.positives / card.rows, baselines, _how(card, data))
    if since is None:
        return evaluating.cross_validated(samples, train_intent, baselines)
    known = samples.before(since)
    known.check(data, f"an order before {test_from}")
    learnt = train_intent(known, data.name)
    how = f"learnt on the {known.rows:,} {viewings.of} before {test_from}"
    return evaluating.held_out(learnt, tested, known.positives / known.rows, baselines, how)


def _evaluate_repurchase(data: Path, form: Form | None, card: Scorecard | None, test_from: str | None) -> Evaluation:
    from infra.local.learning import evaluating
    from infra.local.learning.training import arrays, train_repurchase

    bought = _purchases(data, form)
    now = _moment(test_from) if test_from else _middle(bought)
    tested = bought.as_of(now, bought.ends - now + 1)
    tested.check(data, "buying again")
    x, _ = arrays(tested)
    baselines = {"rfm_quintiles": evaluating.rfm_quintiles(x), "recency": -x[:, 0]}
    if card is not None:
        _fits(card, tested)
        return evaluating.held_out(card, tested, card.positives / card.rows, baselines, _how(card, data))
    # Half of the past is what was known then, the other half is what came: nothing later is looked at.
    horizon = (now - bought.begins) // 2
    known = bought.as_of(now - horizon, horizon)
    known.check(data, "buying again")
    learnt = train_repurchase(known, data.name, horizon / DAY)
    how = f"as of {_date(now)}, learnt as of {_date(now - horizon)} and the {horizon // DAY} days after it"
    return evaluating.held_out(learnt, tested, known.positives / known.rows, baselines, how)


def _middle(bought: Purchases) -> int:
    """Midnight of the day in the middle, so that both halves have as many days."""
    days = ceil((bought.ends - bought.begins + 1) / DAY)
    return (bought.begins // DAY + days // 2) * DAY


def _viewings(data: Path, form: Form | None) -> Viewings:
    form = form or (Form.SEGMENT if _form_of(data) is Form.SEGMENT else Form.SHOPPERS)
    if form is Form.SHOPPERS:
        return Viewings(read_sessions(data), None, "sessions", by_product_seconds)
    if form is not Form.SEGMENT:
        raise BadData(f"intent is learnt from what people did: --format shoppers or segment, not {form}")
    viewings = read_viewings(data)
    viewings.samples.check(data, "an order")
    return viewings


def _since(samples: Samples, test_from: str) -> float:
    return float(_moment(test_from)) if samples.features == INTENT_FEATURES else float(month(test_from))


def _purchases(data: Path, form: Form | None) -> Purchases:
    if form is Form.SHOPPERS:
        raise BadData("who buys again is learnt from purchases: --format cdnow, online-retail or segment")
    return read_purchases(data, form.value if form else _form_of(data))


def _form_of(data: Path) -> Form:
    first = next(text_lines(data), "").strip()
    if first.startswith("{"):
        return Form.SEGMENT
    return Form.ONLINE_RETAIL if "InvoiceNo" in first else Form.CDNOW


def _scorecard(path: Path, what: What) -> Scorecard:
    try:
        card = Scorecard.read(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise BadData(f"{path.name} is no scorecard: {error}") from error
    if card.name != what:
        raise BadData(f"{path.name} scores {card.name}, not {what}")
    return card


def _how(card: Scorecard, data: Path) -> str:
    flatters = ", which learnt from a file of this name: figures on what it learnt from flatter it"
    return f"the scorecard {card.version}{flatters if card.learnt_from == data.name else ''}"


def _fits(card: Scorecard, tested: Samples) -> None:
    if not set(card.features) <= set(tested.features):
        raise BadData(f"the scorecard wants {', '.join(card.features)}; the file gives {', '.join(tested.features)}")


def _moment(text: str) -> int:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise BadData(f"{text} is no date: write 2011-03-01") from error


def _date(at: int) -> str:
    return iso(at)[:10]


def _install() -> None:
    """The libraries that learn are large and needed by nothing else: installed when they are first asked for."""
    if find_spec("sklearn") and find_spec("scipy"):
        return
    _say("installing scikit-learn and scipy into .venv (once; about a minute)")
    for command in (["ensurepip"], ["pip", "install", "--quiet", "--require-hashes", "-r", str(REQUIREMENTS)]):
        done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True, text=True)  # noqa: S603 (our own words)
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()[-5:]
            refuse("could not install scikit-learn:\n" + "\n".join(lines))


def _print(measured: Evaluation) -> None:
    say = typer.echo
    say(measured.how)
    say(f"rows {measured.rows:,} · base rate {measured.base_rate:.3f}")
    say(f"AUC {measured.auc:.4f}   " + "   ".join(f"{name} {auc:.4f}" for name, auc in measured.baselines.items()))
    say(f"Brier {measured.brier:.4f}   base rate {measured.brier_of_base_rate:.4f}")
    say("tenths by score: people, said, came")
    for row in measured.calibration:
        say(f"  {row['people']:>7,}  {row['said']:.3f}  {row['came']:.3f}")


def _say(text: str) -> None:
    typer.echo(f"aftershow: {text}", err=True)
