"""What a network must beat on labelled data: simple predictors, fitted on the same training part.

Nothing is ever chosen on what is judged. Each sees so many training examples, drawn by a seed, as its time allows for;
its note says how many, and what was chosen.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from glassworks.core.progress import counted, tracked
from glassworks.data.labelled.source import Task
from glassworks.evaluate.labelled.features import rows
from glassworks.evaluate.labelled.predictions import PartLike, Predictions
from glassworks.evaluate.labelled.predictors import CLASSIFIERS, LEAST, LOGISTIC, REGRESSORS, Fold, Method

Array = np.ndarray
SELECT = 5000
"""Validation examples by which a setting is chosen, at most."""
AT_ONCE = 4096
"""Examples that are judged at once."""
NOBODY = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Rival:
    """A simple predictor's predictions of the part that is judged."""

    name: str
    predictions: Predictions
    seconds: float
    note: str
    """How many training examples it saw, and what was chosen."""
    residuals: Array = field(default_factory=lambda: np.zeros(0), repr=False)
    """Of numbers: target - prediction on the validation part."""


def rivals(
    train: PartLike, validation: PartLike, judged: PartLike, *, task: Task, num_classes: int = 0, seed: int = 0
) -> list[Rival]:
    """Fit all rivals on the training part and let them predict what is judged.

    Of classes: majority, k nearest neighbours, logistic regression, gradient-boosted trees; of numbers: mean, median,
    linear, gradient-boosted trees. Where all training examples are of one class, only majority. Memory is that of the
    training examples that are seen, and of predictions.

    Args:
        train: what they are fitted on.
        validation: what their settings are chosen by; it may be empty.
        judged: what they predict.
        task: whether the targets are classes or numbers.
        num_classes: how many classes there are.
        seed: of the training examples that are drawn, and of the trees.
    """
    if not len(train) or not len(judged):
        raise ValueError("the training part or the one to judge has no example: rivals need both")
    methods, num_classes = (CLASSIFIERS, num_classes) if task == "classes" else (REGRESSORS, 0)
    if task == "classes" and len(np.unique(train.targets)) < 2:
        methods = methods[:1]
    generator = np.random.default_rng(seed)
    order, judges = generator.permutation(len(train)), generator.permutation(len(validation))[:SELECT]
    found = []
    with tracked("measure the rivals", len(methods)) as report:
        for method in methods:
            fold = fold_of(method, train, order, validation, judges, len(judged), num_classes, seed)
            found.append(measured(method, fold, judged, len(train)))
            report(len(found))
    return found


def fold_of(
    method: Method,
    train: PartLike,
    order: Int[Array, " n"],
    validation: PartLike,
    judges: Int[Array, " m"],
    judged: int,
    num_classes: int,
    seed: int,
) -> Fold:
    """What a method sees: the first of the training examples in this order, as many as its time allows for."""
    one = train.inputs(order[:1])
    width = rows(train, order[:1], method.features).shape[1]
    seen = np.sort(order[: max(1, method.most(width, max(1, num_classes), judged))])
    if num_classes and len(seen) < len(order):  # one of each class at least, so that each can be told
        first = order[np.unique(train.targets[order], return_index=True)[1]]
        seen = np.union1d(seen, first)
    return Fold(
        rows(train, seen, method.features),
        train.targets[seen],
        rows(validation, np.sort(judges), method.features),
        validation.targets[np.sort(judges)],
        num_classes,
        pixels=one.ndim > 2,
        seed=seed,
    )


def measured(method: Method, fold: Fold, judged: PartLike, number: int) -> Rival:
    """Fit a method, and let it predict."""
    began = time.monotonic()
    predict, chosen = method.fit(fold)
    scores = np.empty((len(judged), fold.num_classes) if fold.num_classes else len(judged))
    for block in blocks(len(judged)):
        scores[block] = predict(rows(judged, block, method.features))
    seen = f"fitted on {len(fold.rows):,} of {counted(number, 'training example')}"
    note, residuals = "; ".join(filter(None, [seen, chosen])), np.zeros(0)
    if fold.num_classes:
        logs = np.log(np.maximum(scores, LEAST))
        predictions = Predictions(judged.targets, logs, groups=judged.groups)
    else:
        predictions = Predictions(judged.targets, values=scores.astype(np.float64), groups=judged.groups)
        if fold.chooses:
            residuals = fold.validation_targets - predict(fold.validation_rows)
    return Rival(method.name, predictions, time.monotonic() - began, note, residuals)


def blocks(number: int) -> Iterator[Int[Array, " n"]]:
    """The indices of a part, so many at once."""
    return (np.arange(start, min(start + AT_ONCE, number)) for start in range(0, number, AT_ONCE))


def cross_validated_probabilities(
    part: PartLike, folds: int = 5, seed: int = 0, *, num_classes: int | None = None
) -> Float[Array, "N K"]:
    """Of each example the probabilities of its classes by a logistic regression that did not see it.

    Examples fall in folds evenly by class; those of a group in one fold. Each fold is predicted by what was fitted on
    the others, or on as many of them as a rival would take. A class that those lack has probability 0.

    Args:
        part: examples of classes.
        folds: how many.
        seed: of the folds.
        num_classes: K; None = as many as the largest target says.

    Raises: ValueError for fewer than two folds, or more than examples; and where the others are of one class only.
    """
    targets, number = part.targets, len(part)
    if not 2 <= folds <= number:
        raise ValueError(f"folds (={folds}) must be from 2 to the number of examples (={number})")
    classes, place = num_classes or int(targets.max()) + 1, folds_of(targets, part.groups, folds, seed)
    order, found = np.random.default_rng(seed).permutation(number), np.zeros((number, classes))
    with tracked("cross-validate", folds) as report:
        for i in range(folds):
            inside, outside = np.flatnonzero(place == i), order[place[order] != i]
            if len(np.unique(targets[outside])) < 2:
                raise ValueError("the examples outside a fold are of one class: there is nothing to tell apart")
            fold = fold_of(LOGISTIC, part, outside, part, NOBODY, 0, classes, seed)
            predict, _ = LOGISTIC.fit(fold)
            for block in blocks(len(inside)):
                found[inside[block]] = predict(rows(part, inside[block], LOGISTIC.features))
            report(i + 1)
    return found


def folds_of(targets: Int[Array, " N"], groups: Array | None, folds: int, seed: int) -> Int[Array, " N"]:
    """The fold of each example: one after the other in an order drawn by the seed, within a class; or of groups."""
    generator = np.random.default_rng(seed)
    if groups is not None:
        _, index = np.unique(groups, return_inverse=True)
        of_group: Array = generator.permutation(int(index.max()) + 1)[index] % folds
        return of_group
    order = generator.permutation(len(targets))
    order = order[np.argsort(targets[order], kind="stable")]
    place = np.empty(len(targets), np.int64)
    place[order] = np.arange(len(targets)) % folds
    return place
