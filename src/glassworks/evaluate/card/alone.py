"""How well a few numbers of each example alone tell its target, by cross-validation, beside the same of a shuffled one.

A leak tells nearly all. What is measured is a simple predictor's, so it is a lower bound.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from glassworks.data.labelled.source import Task

Array = np.ndarray
FOLDS = 3


@dataclass(frozen=True, eq=False)
class Alone:
    """How well something tells the target."""

    skill: float
    """0 = as chance, 1 = wholly. Of classes: balanced accuracy, so scaled; of numbers: R², not below 0."""
    control: float
    """The same of a shuffled target."""
    f1: Float[Array, " K"]
    """Of each class by itself; empty of numbers."""
    control_f1: Float[Array, " K"]


def alone(features: Float[Array, "n F"], targets: Shaped[Array, " n"], task: Task, seed: int, *, linear: bool) -> Alone:
    """How well features tell the target.

    Args:
        features: some numbers of each example.
        targets: int64 classes, of which there are two at least; or float64 numbers.
        task: which.
        seed: of folds and of the shuffled target.
        linear: whether a (logistic) regression is tried beside a tree, and the better of both counts.
    """
    shuffled = np.random.default_rng(seed).permutation(targets)
    found, control = (best_of(features, ys, task, seed, linear) for ys in (targets, shuffled))
    return Alone(found[0], control[0], found[1], control[1])


def best_of(features: Array, targets: Array, task: Task, seed: int, linear: bool) -> tuple[float, Array]:
    """Skill and F1 of the better of the predictors."""
    scores = [scored(model, features, targets, task, seed) for model in models(targets, task, linear)]
    return max(scores, key=lambda score: score[0])


def models(targets: Array, task: Task, linear: bool) -> list[Any]:
    """What is fitted: a tree with a few leaves a class, and a linear predictor."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    few = max(2, len(targets) // 200)
    if task == "number":
        return [DecisionTreeRegressor(max_depth=5, min_samples_leaf=few, random_state=0), Ridge()][: 1 + linear]
    depth = 2 + int(np.ceil(np.log2(len(np.unique(targets)))))
    return [
        DecisionTreeClassifier(max_depth=depth, min_samples_leaf=2, class_weight="balanced", random_state=0),
        LogisticRegression(C=1.0, max_iter=50, tol=1e-2, class_weight="balanced"),
    ][: 1 + linear]


def scored(model: Any, features: Array, targets: Array, task: Task, seed: int) -> tuple[float, Array]:
    """Skill and F1 by class of a predictor, on folds that it did not see."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import f1_score, recall_score

    place = np.random.default_rng(seed).permutation(len(targets)) % FOLDS
    found = np.empty(len(targets), targets.dtype)
    for fold in range(FOLDS):
        seen = place != fold
        scale = features[seen].std(0)
        scaled = (features - features[seen].mean(0)) / np.where(scale > 0, scale, 1)
        if task == "classes" and len(np.unique(targets[seen])) < 2:
            found[~seen] = targets[seen][0]
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found[~seen] = model.fit(scaled[seen], targets[seen]).predict(scaled[~seen])
    if task == "number":
        rest, spread = np.square(found - targets).sum(), np.square(targets - targets.mean()).sum()
        return max(0.0, float(1 - rest / spread)) if spread > 0 else 0.0, np.zeros(0)
    classes = np.unique(targets)
    recall = recall_score(targets, found, labels=classes, average="macro", zero_division=0)
    chance = 1 / len(classes)
    f1 = np.zeros(int(targets.max()) + 1)
    f1[classes] = f1_score(targets, found, labels=classes, average=None, zero_division=0)
    return max(0.0, float((recall - chance) / (1 - chance))), f1
