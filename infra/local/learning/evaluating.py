"""Measuring scores honestly: on people and times that the training did not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from aftershow.model.scorecards import Scorecard
from aftershow.rules.scorecards import probability
from infra.local.learning.samples import BadData, Samples
from infra.local.learning.training import Train, arrays

FOLDS = 5
TENTHS = 10


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How good a score is. `calibration` has a row per tenth of the people by score: how many, what was said, what
    came. `baselines` are AUCs of simpler ways to rank the same people; `brier_of_base_rate` what saying the training's
    base rate to everybody would give."""

    rows: int
    base_rate: float
    auc: float
    brier: float
    brier_of_base_rate: float
    calibration: Sequence[Mapping[str, float]]
    baselines: Mapping[str, float]
    how: str

    def told(self) -> dict[str, object]:
        """As JSON."""
        return {
            "rows": self.rows,
            "base_rate": self.base_rate,
            "auc": self.auc,
            "brier": self.brier,
            "brier_of_base_rate": self.brier_of_base_rate,
            "calibration": list(self.calibration),
            "baselines": dict(self.baselines),
            "how": self.how,
        }


def cross_validated(samples: Samples, train: Train, baselines: Mapping[str, Any]) -> Evaluation:
    """Everybody is judged by a card that learnt from the other four fifths."""
    x, y = arrays(samples)
    said, base = np.zeros(len(y)), np.zeros(len(y))
    for learnt, held_out in _folds(samples, x, y):
        part = Samples(samples.features, [samples.samples[number] for number in learnt])
        said[held_out] = answers(train(part, "a fold"), x[held_out])
        base[held_out] = part.positives / part.rows
    return _measured(y, said, base, baselines, f"{FOLDS}-fold cross-validation")


def _folds(samples: Samples, x: Any, y: Any) -> Any:
    """Who was looked at twice is never learnt from and measured on at once."""
    people = [one.who for one in samples.samples]
    if any(people):
        return StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(x, y, people)
    return StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(x, y)


def held_out(card: Scorecard, tested: Samples, base_rate: float, baselines: Mapping[str, Any], how: str) -> Evaluation:
    """People and times that the card did not learn from; `base_rate` is that of the training."""
    x, y = arrays(tested)
    wanted = [tested.features.index(name) for name in card.features]
    return _measured(y, answers(card, x[:, wanted]), np.full(len(y), base_rate), baselines, how)


def answers(card: Scorecard, x: Any) -> Any:
    """What a card says of each row."""
    chance = probability(card)
    return np.array([chance(row) for row in x.tolist()])


def rfm_quintiles(x: Any) -> Any:
    """The sum of the quintiles of recency, frequency and total amount, ties at their mean rank."""

    def quintile(values: Any) -> Any:
        return np.ceil(5 * rankdata(values) / len(values))

    recency, purchases, mean = x.T
    return quintile(-recency) + quintile(purchases) + quintile(purchases * mean)


def _measured(y: Any, said: Any, base: Any, baselines: Mapping[str, Any], how: str) -> Evaluation:
    if len(set(y.tolist())) < 2:  # noqa: PLR2004 (it happened, or not)
        raise BadData("it happened to everybody or to nobody in the test: there is nothing to tell apart")
    return Evaluation(
        rows=len(y),
        base_rate=float(y.mean()),
        auc=float(roc_auc_score(y, said)),
        brier=float(brier_score_loss(y, said)),
        brier_of_base_rate=float(brier_score_loss(y, base)),
        calibration=_calibration(y, said),
        baselines={name: float(roc_auc_score(y, values)) for name, values in baselines.items()},
        how=how,
    )


def _calibration(y: Any, said: Any) -> list[dict[str, float]]:
    order = np.argsort(said, kind="stable")
    return [
        {"people": len(part), "said": float(said[part].mean()), "came": float(y[part].mean())}
        for part in np.array_split(order, TENTHS)
        if len(part)
    ]
