"""Simple predictors of classes and numbers, each with the one setting that matters chosen on a validation part.

A predictor is fitted on a `Fold` of rows and gives what predicts, with what was chosen in words.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from glassworks.evaluate.labelled.features import scaler

Array = np.ndarray
Predict = Callable[[Array], Array]
"""Rows (n, F) to probabilities (n, K), or to numbers (n,)."""

LEAST = 1e-15
"""No probability is less: who excludes a class loses at most 35 nats by it."""
NEIGHBOURS = (1, 3, 5, 11, 21)
STRENGTHS = (0.1, 0.01, 1.0)
"""Inverse penalties of logistic regression, the first where there is no validation part to choose by."""
PENALTIES = (1.0, 0.01, 0.1, 10.0, 100.0, 1000.0)
"""Of ridge regression, likewise."""
TREES = 100
"""Rounds of boosting, at most; each grows a tree a class, so that of more than ten classes there are fewer."""
TREE_WORK = 1_200_000_000
"""Numbers that all trees look at: about fifteen seconds of a core."""
LINE_WORK, DISTANCE_WORK = 200_000_000, 100_000_000_000
"""Products of an iteration of logistic regression, and of all distances: about five seconds of a core."""
PIXELS, FEW_PIXELS = 1024, 256
"""Numbers of an image that lines and distances see, and trees, which take longest."""


@dataclass(frozen=True, eq=False)
class Fold:
    """What a predictor is fitted on, and what its setting is chosen by."""

    rows: Float[Array, "n F"]
    targets: Array
    validation_rows: Float[Array, "m G"]
    """Of no rows where there is nothing to choose by."""
    validation_targets: Array
    num_classes: int
    """0 for numbers."""
    pixels: bool
    """Whether rows are images, whose numbers are of one scale."""
    seed: int = 0

    @property
    def chooses(self) -> bool:
        """Whether there is something to choose a setting by."""
        return len(self.validation_targets) > 0

    def cost(self, scores: Array) -> float:
        """What scores of the validation part cost: log loss, or the mean squared error."""
        if not self.num_classes:
            return float(np.square(scores - self.validation_targets).mean())
        right = scores[np.arange(len(scores)), self.validation_targets]
        return float(-np.log(np.maximum(right, LEAST)).mean())


@dataclass(frozen=True)
class Method:
    """A simple predictor."""

    name: str
    fit: Callable[[Fold], tuple[Predict, str]]
    """To what predicts, and what was chosen, in words."""
    features: int = PIXELS
    """Of an image that it sees, at most: pixels are averaged over blocks until there are no more."""
    most: Callable[[int, int, int], int] = lambda features, classes, judged: 10**9
    """How many training examples it sees of so many features, classes and examples to judge."""


# ----------------------------------------------------------------------------------------------------------------------
# Classes


def frequencies(targets: Int[Array, " n"], num_classes: int) -> Float[Array, " K"]:
    """The share of each class, as if each had been seen once more (Laplace)."""
    shares: Array = (np.bincount(targets, minlength=num_classes) + 1) / (len(targets) + num_classes)
    return shares


def majority(fold: Fold) -> tuple[Predict, str]:
    """Every example is of the commonest class; the probabilities are the classes' shares."""
    shares = frequencies(fold.targets, fold.num_classes)
    return lambda rows: np.tile(shares, (len(rows), 1)), ""


def neighbours(fold: Fold) -> tuple[Predict, str]:
    """The classes of the k nearest training examples, and the classes' shares as one neighbour more."""
    from sklearn.neighbors import NearestNeighbors

    scale = scaler(fold.rows, together=fold.pixels)
    shares, possible = frequencies(fold.targets, fold.num_classes), [k for k in NEIGHBOURS if k <= len(fold.rows)]
    near = NearestNeighbors(algorithm="brute").fit(scale(fold.rows))

    def probabilities(rows: Array, numbers: list[int]) -> list[Array]:
        classes = fold.targets[near.kneighbors(scale(rows), numbers[-1], return_distance=False)]  # (n, k)
        places = np.arange(len(rows))[:, None] * fold.num_classes + classes
        size = len(rows) * fold.num_classes
        votes = [np.bincount(places[:, :k].ravel(), minlength=size).reshape(-1, fold.num_classes) for k in numbers]
        return [(v + shares) / (k + 1) for v, k in zip(votes, numbers, strict=True)]

    best = min(5, possible[-1])
    if fold.chooses:
        found = probabilities(fold.validation_rows, possible)
        wrong = [(p.argmax(1) != fold.validation_targets).mean() for p in found]
        best = possible[int(np.argmin(wrong))]
    return lambda rows: probabilities(rows, [best])[0], f"k = {best}"


def logistic(fold: Fold) -> tuple[Predict, str]:
    """Multinomial logistic regression with a penalty on squared weights."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = scaler(fold.rows, together=fold.pixels)
    scaled, models, costs = scale(fold.rows), [], []
    for strength in STRENGTHS if fold.chooses else STRENGTHS[:1]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one that is nearly there is a rival, too
            models.append(LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(scaled, fold.targets))
        if fold.chooses:
            costs.append(fold.cost(for_all(models[-1], models[-1].predict_proba(scale(fold.validation_rows)), fold)))
    best = int(np.argmin(costs)) if costs else 0
    model = models[best]
    return lambda rows: for_all(model, model.predict_proba(scale(rows)), fold), f"C = {STRENGTHS[best]:g}"


def for_all(model: Any, found: Array, fold: Fold) -> Float[Array, "n K"]:
    """The probabilities of all classes: 0 for those that the model never saw."""
    probabilities = np.zeros((len(found), fold.num_classes))
    probabilities[:, model.classes_] = found
    return probabilities


def boosted_classes(fold: Fold) -> tuple[Predict, str]:
    """Gradient-boosted trees on histograms (Ke et al. 2017), with as many rounds as the validation part likes best."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=rounds(fold.num_classes), early_stopping=False, random_state=fold.seed
    ).fit(fold.rows, fold.targets)
    best = best_round(fold, (for_all(model, p, fold) for p in model.staged_predict_proba(fold.validation_rows)), model)
    return (
        lambda rows: for_all(model, next(islice(model.staged_predict_proba(rows), best - 1, None)), fold),
        f"{best} rounds",
    )


def rounds(num_classes: int) -> int:
    """Of boosting, so many that there are about as many trees for any number of classes."""
    return max(10, TREES * 10 // max(10, num_classes))


def best_round(fold: Fold, stages: Any, model: Any) -> int:
    """After how many rounds the validation part costs least; all of them where there is none."""
    return 1 + int(np.argmin([fold.cost(scores) for scores in stages])) if fold.chooses else int(model.n_iter_)


# ----------------------------------------------------------------------------------------------------------------------
# Numbers


def mean(fold: Fold) -> tuple[Predict, str]:
    """The mean of the training targets: the constant of the least squared error."""
    value = float(fold.targets.mean())
    return lambda rows: np.full(len(rows), value), ""


def median(fold: Fold) -> tuple[Predict, str]:
    """Their median: the constant of the least absolute error."""
    value = float(np.median(fold.targets))
    return lambda rows: np.full(len(rows), value), ""


def linear(fold: Fold) -> tuple[Predict, str]:
    """Ridge regression: least squares with a penalty on squared weights."""
    from sklearn.linear_model import Ridge

    scale = scaler(fold.rows, together=fold.pixels)
    scaled = scale(fold.rows).astype(np.float64)
    penalties = PENALTIES if fold.chooses else PENALTIES[:1]
    models = [Ridge(penalty).fit(scaled, fold.targets) for penalty in penalties]
    costs = [fold.cost(model.predict(scale(fold.validation_rows))) for model in models] if fold.chooses else [0.0]
    best = int(np.argmin(costs))
    return lambda rows: models[best].predict(scale(rows)), f"penalty {penalties[best]:g}"


def boosted_numbers(fold: Fold) -> tuple[Predict, str]:
    """Gradient-boosted trees, as for classes."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=TREES, early_stopping=False, random_state=fold.seed)
    model.fit(fold.rows, fold.targets)
    best = best_round(fold, model.staged_predict(fold.validation_rows), model)
    return lambda rows: next(islice(model.staged_predict(rows), best - 1, None)), f"{best} rounds"


LOGISTIC = Method("logistic regression", logistic, PIXELS, lambda f, k, judged: LINE_WORK // (f * k))
CLASSIFIERS: tuple[Method, ...] = (
    Method("majority", majority),
    Method("k nearest neighbours", neighbours, PIXELS, lambda f, k, judged: DISTANCE_WORK // (f * max(judged, 1))),
    LOGISTIC,
    Method(
        "gradient-boosted trees", boosted_classes, FEW_PIXELS, lambda f, k, judged: TREE_WORK // (f * k * rounds(k))
    ),
)
REGRESSORS: tuple[Method, ...] = (
    Method("mean", mean),
    Method("median", median),
    Method("linear", linear, PIXELS, lambda f, k, judged: LINE_WORK // f),
    Method("gradient-boosted trees", boosted_numbers, FEW_PIXELS, lambda f, k, judged: TREE_WORK // (f * TREES)),
)
