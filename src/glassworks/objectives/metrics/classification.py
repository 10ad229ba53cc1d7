"""How good predicted classes and their probabilities are.

Everything that depends on counts by class is a function of `Counts`, whose arrays may have further axes: so the same
formula serves one test part and a thousand resamples of it.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

Array = np.ndarray


class Counts(NamedTuple):
    """Of each class, (K, ...): how often it was predicted rightly, how often it is there, how often it was predicted.

    Figures made of these leave out classes for which they are not defined.
    """

    hits: Num[Array, "K ..."]
    support: Num[Array, "K ..."]
    claimed: Num[Array, "K ..."]


def confusion_matrix(targets: Int[Array, " N"], predicted: Int[Array, " N"], num_classes: int) -> Int[Array, "K K"]:
    """How often an example of each class (rows) was taken for each (columns).

    Raises: ValueError for no example, or a class that is none of `num_classes`.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    if not len(targets):
        raise ValueError("targets is empty: give at least one example")
    for name, classes in (("targets", targets), ("predicted", predicted)):
        if classes.min() < 0 or classes.max() >= num_classes:
            wrong = int(classes.min() if classes.min() < 0 else classes.max())
            raise ValueError(f"{name} has class {wrong}: there are {num_classes}, from 0 to {num_classes - 1}")
    cells = np.bincount(targets * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def counts(confusion: Num[Array, "K K"]) -> Counts:
    """Of a confusion matrix, what its figures are made of."""
    return Counts(confusion.diagonal(), confusion.sum(1), confusion.sum(0))


def accuracy(counts: Counts) -> Float[Array, "..."]:
    """The share that was predicted rightly."""
    return ratio(counts.hits.sum(0), counts.support.sum(0))


def recall(counts: Counts) -> Float[Array, "K ..."]:
    """Of the examples of each class, the share that was found; NaN for one without examples."""
    return ratio(counts.hits, counts.support)


def precision(counts: Counts) -> Float[Array, "K ..."]:
    """Of the predictions of each class, the share that was right; NaN for one that was never predicted."""
    return ratio(counts.hits, counts.claimed)


def f1(counts: Counts) -> Float[Array, "K ..."]:
    """The harmonic mean of precision and recall, 2 hits / (support + claimed); NaN for a class that is in neither."""
    return ratio(2 * counts.hits, counts.support + counts.claimed)


def balanced_accuracy(counts: Counts) -> Float[Array, "..."]:
    """The mean recall of the classes that have examples: each class counts the same (Brodersen et al. 2010)."""
    return mean_of_known(recall(counts))


def macro_f1(counts: Counts) -> Float[Array, "..."]:
    """The mean F1 of the classes that have examples or were predicted."""
    return mean_of_known(f1(counts))


def log_losses(log_probabilities: Float[Array, "N K"], targets: Int[Array, " N"]) -> Float[Array, " N"]:
    """Minus the logarithm of the probability of what each example is, in nats; 0 is perfect, ln K knows nothing."""
    losses: Array = -np.take_along_axis(log_probabilities, targets[:, None], 1)[:, 0]
    return losses


def brier_scores(probabilities: Float[Array, "N K"], targets: Int[Array, " N"]) -> Float[Array, " N"]:
    """Of each example, the squared distance of the probabilities from certainty of its class, from 0 to 2.

    Brier 1950 as he has it, summed over all classes; of two classes others halve it.
    """
    right = np.take_along_axis(probabilities, targets[:, None], 1)[:, 0]
    scores: Array = np.square(probabilities).sum(1) - 2 * right + 1
    return scores


def log_softmax(logits: Float[Array, "N K"]) -> Float[Array, "N K"]:
    """The logarithms of the probabilities, in float64; of logits that are finite, they are."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    logarithms: Array = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logarithms


def ratio(part: Any, whole: Any) -> Float[Array, "..."]:
    """The quotient, NaN where the whole is 0."""
    quotient: Array = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) != 0)
    return quotient


def mean_of_known(values: Float[Array, "K ..."]) -> Float[Array, "..."]:
    """The mean over classes of what is not NaN; NaN where all are."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(0), known.sum(0))
