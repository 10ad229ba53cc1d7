"""Which labels are likely wrong: confident learning, from labels and probabilities of whoever did not see them.

Northcutt, Jiang & Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70:1373-1411.

    t = [0.9, 0.8]      the mean probability of class j among the examples that are labelled j
    labelled 0, p = [0.1, 0.9]: 0.9 is at least t[1], so it counts in C[0, 1]: labelled 0, confidently 1
"""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

Array = np.ndarray
Rule = Literal["class", "noise_rate", "joint"]


def thresholds(labels: Int[Array, " N"], probabilities: Float[Array, "N K"]) -> Float[Array, " K"]:
    """How sure is sure, by class: the mean of p(j) over the examples labelled j (section 3.1, equation 2).

    Infinite for a class without examples.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    means: Array = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return means


def confident_joint(labels: Int[Array, " N"], probabilities: Float[Array, "N K"]) -> Int[Array, "K K"]:
    """How many are labelled i and confidently j (equation 1): of classes at or above their threshold, the likeliest.

    Examples that reach no threshold are not counted.
    """
    classes = probabilities.shape[1]
    above = probabilities >= thresholds(labels, probabilities)[None] - 1e-6  # the mean of equal numbers is one of them
    likeliest = np.where(above, probabilities, -np.inf).argmax(1)
    counted = above.any(1)
    joint = np.zeros((classes, classes), np.int64)
    np.add.at(joint, (labels[counted], likeliest[counted]), 1)
    return joint


def joint_distribution(labels: Int[Array, " N"], probabilities: Float[Array, "N K"]) -> Float[Array, "K K"]:
    """The share of examples that are labelled i and truly j (equation 3): each row sums to the share of its label.

    A class whose examples reach no threshold is taken to be labelled rightly.
    """
    joint = confident_joint(labels, probabilities).astype(np.float64)
    empty = joint.sum(1) == 0
    joint[empty, empty] = 1
    shares = np.bincount(labels, minlength=len(joint)) / len(labels)
    calibrated: Array = joint / joint.sum(1, keepdims=True) * shares[:, None]
    return calibrated


def suspects(labels: Int[Array, " N"], probabilities: Float[Array, "N K"], rule: Rule = "class") -> Bool[Array, " N"]:
    """Which labels are likely wrong.

    Args:
        labels: what each is said to be.
        probabilities: of each class, by what did not see the example.
        rule: "class": of each label the least probable ones, as many as the joint says are wrong (prune by class);
            "noise_rate": of each pair i, j of the joint so many with the largest margin p(j) - p(i) (prune by noise
            rate); "joint": those off the diagonal of the confident joint itself.

    At least one example of each label is left.
    """
    n, classes = probabilities.shape
    found = np.zeros(n, bool)
    if rule == "joint":
        above = probabilities >= thresholds(labels, probabilities)[None] - 1e-6
        likeliest = np.where(above, probabilities, -np.inf).argmax(1)
        confident: Array = above.any(1) & (likeliest != labels)
        return confident
    wrong = joint_distribution(labels, probabilities) * n
    for i in range(classes):
        here = np.flatnonzero(labels == i)
        if len(here) < 2:
            continue
        if rule == "class":
            number = min(round(wrong[i].sum() - wrong[i, i]), len(here) - 1)
            found[here[np.argsort(probabilities[here, i], kind="stable")[:number]]] = True
            continue
        for j in range(classes):
            number = min(round(wrong[i, j]), len(here) - 1) if j != i else 0
            margin = probabilities[here, j] - probabilities[here, i]
            found[here[np.argsort(-margin, kind="stable")[:number]]] = True
    unlike: Array = found & (probabilities.argmax(1) != labels)
    return unlike


def self_confidence(labels: Int[Array, " N"], probabilities: Float[Array, "N K"]) -> Float[Array, " N"]:
    """The probability of each one's own label: the lower, the likelier it is wrong."""
    own: Array = probabilities[np.arange(len(labels)), labels]
    return own
