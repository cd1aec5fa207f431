"""Learning scorecards with scikit-learn. What is learnt is turned into a scorecard and compared with the library's own
answers before anybody uses it.

intent: gradient boosting of trees with two levels, first of single features, then of the pairs of features that gain
most; every such tree is a step function of one or two features, so their sum is a scorecard with steps and pairs.
repurchase: logistic regression on recency, frequency and money in logarithms; three slopes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from aftershow.model.ids import body_hash
from aftershow.model.scorecards import Pair, Scorecard, Slope, Steps
from aftershow.rules.scorecards import probability
from infra.local.learning.samples import Samples

# More pairs or trees gain a few thousandths of AUC and double the file.
PAIRS = 8
TREES = 200
LEARNING_RATE = 0.06
MIN_SAMPLES_LEAF = 40
MAX_BINS = 32
RIDGE = 1.0
# How far a scorecard may stand from the library's answer: rounding of sums in another order.
AGREEMENT = 1e-9

Train = Callable[[Samples, str], Scorecard]


class Disagrees(Exception):
    """A scorecard doesn't say what the library says: the library has changed, or this module is wrong."""


def train_repurchase(samples: Samples, learnt_from: str, horizon_days: float) -> Scorecard:
    """Slopes on log(1 + value) of each feature."""
    x, y = arrays(samples)
    model = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())
    model.fit(x, y)
    _, scaler, regression = (step for _, step in model.steps)
    slopes = regression.coef_[0] / scaler.scale_
    card = Scorecard(
        name="repurchase",
        version="trained-1",
        learnt_from=learnt_from,
        rows=samples.rows,
        positives=samples.positives,
        horizon_days=horizon_days,
        features=samples.features,
        bias=float(regression.intercept_[0] - slopes @ scaler.mean_),
        slopes=tuple(
            Slope(feature=name, points=float(points), log=True)
            for name, points in zip(samples.features, slopes, strict=True)
        ),
    )
    _check(card, model, x)
    return named(card)


def train_intent(samples: Samples, learnt_from: str, horizon_days: float | None = None) -> Scorecard:
    """Steps of every feature, and the pairs that say more than their features do."""
    x, y = arrays(samples)
    pairs = _telling_pairs(x, y)
    singles = [{number} for number in range(x.shape[1])]
    model = _boosting([*(set(pair) for pair in pairs), *singles]).fit(x, y)
    card = _collapsed(model, samples, learnt_from).model_copy(update={"horizon_days": horizon_days})
    _check(card, model, x)
    return named(card)


def named(card: Scorecard) -> Scorecard:
    """The card with a version that follows from what it says: two cards of one version are the same card."""
    return card.model_copy(update={"version": f"trained-{body_hash('card', card.body())[:10]}"})


def arrays(samples: Samples) -> tuple[Any, Any]:
    """Values and outcomes as arrays."""
    return (
        np.array([one.values for one in samples.samples], dtype=float),
        np.array([one.happened for one in samples.samples], dtype=int),
    )


def _boosting(interactions: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=LEARNING_RATE,
        max_leaf_nodes=4,
        max_depth=2,
        min_samples_leaf=MIN_SAMPLES_LEAF,
        max_bins=MAX_BINS,
        l2_regularization=RIDGE,
        interaction_cst=interactions,
        early_stopping=False,
        random_state=0,
    )


def _telling_pairs(x: Any, y: Any) -> list[tuple[int, int]]:
    """The pairs with the greatest gain below the first level of trees that may use any pair."""
    gains: dict[tuple[int, int], float] = defaultdict(float)
    for nodes in _trees(_boosting("pairwise").fit(x, y)):
        root = nodes[0]
        for side in ("left", "right"):
            child = nodes[root[side]]
            if not root["is_leaf"] and not child["is_leaf"] and root["feature_idx"] != child["feature_idx"]:
                first, second = sorted((int(root["feature_idx"]), int(child["feature_idx"])))
                gains[first, second] += float(child["gain"])
    return sorted(gains, key=lambda pair: (-gains[pair], pair))[:PAIRS]


def _trees(model: HistGradientBoostingClassifier) -> list[Any]:
    # The library shows its trees nowhere else; `_check` finds out if their form ever changes.
    return [tree.nodes for trees in model._predictors for tree in trees]  # noqa: SLF001


def _collapsed(model: HistGradientBoostingClassifier, samples: Samples, learnt_from: str) -> Scorecard:
    names, trees = samples.features, _trees(model)
    splits = {split for nodes in trees for split in _splits(nodes)}
    edges = {number: sorted(edge for feature, edge in splits if feature == number) for number in range(len(names))}
    singles = {number: np.zeros(len(found) + 1) for number, found in edges.items()}
    pairs = {
        (first, second): np.zeros((len(edges[first]) + 1, len(edges[second]) + 1))
        for first, second in combinations(range(len(names)), 2)
    }
    bias = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001 (as above)
    for nodes in trees:
        if nodes[0]["is_leaf"]:
            bias += float(nodes[0]["value"])
            continue
        for side in ("left", "right"):
            features = _features_of(nodes, side)
            if len(features) == 1:
                singles[features[0]] += [_half(nodes, side, {features[0]: at}) for at in _inside(edges[features[0]])]
            else:
                first, second = features
                pairs[first, second] += [
                    [_half(nodes, side, {first: one, second: other}) for other in _inside(edges[second])]
                    for one in _inside(edges[first])
                ]
    return Scorecard(
        name="intent",
        version="trained-1",
        learnt_from=learnt_from,
        rows=samples.rows,
        positives=samples.positives,
        features=names,
        bias=bias,
        steps=tuple(
            Steps(feature=names[number], edges=tuple(edges[number]), points=tuple(map(float, points)))
            for number, points in singles.items()
            if edges[number]
        ),
        pairs=tuple(
            Pair(features=(names[first], names[second]), points=tuple(map(float, points.ravel())))
            for (first, second), points in pairs.items()
            if points.any()
        ),
    )


def _splits(nodes: Any) -> list[tuple[int, float]]:
    return [(int(node["feature_idx"]), float(node["num_threshold"])) for node in nodes if not node["is_leaf"]]


def _inside(edges: Sequence[float]) -> list[float]:
    """A value for each step: an edge belongs to the step below it."""
    return [*edges, float("inf")]


def _features_of(nodes: Any, side: str) -> list[int]:
    """The features that decide on one side of the root: the root's, and the side's own."""
    child = nodes[nodes[0][side]]
    return sorted({int(nodes[0]["feature_idx"])} | (set() if child["is_leaf"] else {int(child["feature_idx"])}))


def _half(nodes: Any, side: str, values: dict[int, float]) -> float:
    """What a tree of two levels says on one side of its root; 0 on the other, so the halves add up to the tree."""
    if _way(nodes[0], values) != side:
        return 0.0
    node = nodes[nodes[0][side]]
    return float(node["value"] if node["is_leaf"] else nodes[node[_way(node, values)]]["value"])


def _way(node: Any, values: dict[int, float]) -> str:
    return "left" if values[int(node["feature_idx"])] <= node["num_threshold"] else "right"


def _check(card: Scorecard, model: Pipeline | HistGradientBoostingClassifier, x: Any) -> None:
    chance = probability(card)
    ours = np.array([chance(row) for row in x.tolist()])
    apart = float(np.abs(ours - model.predict_proba(x)[:, 1]).max())
    if apart > AGREEMENT:
        raise Disagrees(f"the scorecard and scikit-learn are {apart:.1e} apart, more than {AGREEMENT:.0e}")
