"""Labels that are likely wrong: cross-validated probabilities, confident learning, and labels flipped on purpose."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from glassworks.core.progress import tracked
from glassworks.evaluate.card.confident import joint_distribution, self_confidence, suspects
from glassworks.evaluate.card.findings import Finding, are, percent, share
from glassworks.evaluate.card.whole import Whole
from glassworks.evaluate.labelled.features import rows, scaler
from glassworks.evaluate.labelled.rivals import blocks, folds_of

Array = np.ndarray
FOLDS = 5
SEEN = 10_000
"""Examples that a fold's predictors are fitted on, at most."""
LANDMARKS, NEIGHBOURS, FEATURES = 400, 10, 256
"""Examples whose nearness is a feature of the logistic regression; neighbours that vote; numbers of an image."""
SELF_TEST, FLIPPED = 5000, 0.05
"""Examples of which labels are flipped on purpose, at most, and their share."""
SHOWN = 24
LEAST = 20
"""Examples below which nothing is said."""


def probabilities(
    values: Callable[[Int[Array, " n"]], Array], labels: Int[Array, " N"], classes: int, seed: int, *, pixels: bool,
    groups: Int[Array, " N"] | None = None,
) -> Float[Array, "N K"]:  # fmt: skip
    """Of each example the probability of each class, by predictors that did not see it.

    `values` gives the rows (n, F) of examples by their numbers, so that only those that are fitted or judged are in
    memory.

    The geometric mean of two: the votes of the nearest neighbours, each the less the farther, and a logistic regression
    on how near an example is to some others (Williams & Seeger 2001, "Using the Nyström method to speed up kernel
    machines"). Of digits with flipped labels this finds more than either alone.
    """
    place = folds_of(labels, groups, FOLDS, seed)
    rng = np.random.default_rng(seed)
    found = np.full((len(labels), classes), 1 / classes)
    for fold in range(FOLDS):
        seen = np.flatnonzero(place != fold)
        seen = np.sort(rng.permutation(seen)[:SEEN])
        inside = np.flatnonzero(place == fold)
        if not len(inside) or len(np.unique(labels[seen])) < 2:
            continue
        examples = values(seen)
        scale = scaler(examples, together=pixels)
        predict = fitted(scale(examples), labels[seen], classes, seed)
        for block in blocks(len(inside)):
            found[inside[block]] = predict(scale(values(inside[block])))
    return found


def fitted(seen: Float[Array, "n F"], labels: Int[Array, " n"], classes: int, seed: int) -> Any:
    """What predicts probabilities (m, K) of rows (m, F)."""
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import NearestNeighbors

    number = min(NEIGHBOURS, len(seen))
    near = NearestNeighbors(n_neighbors=number, algorithm="brute").fit(seen)
    some = seen[:300]
    apart = np.median(np.square(some[:, None] - some[None]).sum(-1))
    kernel = Nystroem(gamma=2 / max(apart, 1e-6), n_components=min(LANDMARKS, len(seen)), random_state=seed).fit(seen)
    line = LogisticRegression(C=1.0, max_iter=100, tol=1e-3)
    line.fit(10 * kernel.transform(seen), labels)
    shares = np.bincount(labels, minlength=classes) / len(labels)

    def predict(rows: Array) -> Array:
        distances, places = near.kneighbors(rows)
        width = np.maximum(distances[:, number // 2 : number // 2 + 1], 1e-6)
        votes = np.exp(-np.square(distances / width))
        by_votes = np.tile(0.1 * shares, (len(rows), 1))
        np.add.at(by_votes, (np.arange(len(rows))[:, None], labels[places]), votes)
        by_line = np.full((len(rows), classes), 1e-9)
        by_line[:, line.classes_] = line.predict_proba(10 * kernel.transform(rows))
        both = np.sqrt((by_votes / by_votes.sum(1, keepdims=True) + 1e-9) * by_line)
        normalised: Array = both / both.sum(1, keepdims=True)
        return normalised

    return predict


def noise_findings(whole: Whole, seed: int) -> tuple[list[Finding], dict[str, Any], Int[Array, " n"]]:
    """Labels that are likely wrong: in a sentence, as JSON has it, and which examples, the likeliest first."""
    nobody = np.zeros(0, np.int64)
    if whole.data.task == "number" or len(whole) < LEAST:
        return [], {}, nobody
    classes, labels = len(whole.data.classes), whole.targets
    values, pixels = partial(rows, whole, most=FEATURES), whole.data.kind == "images"
    with tracked("look for wrong labels", 2) as report:
        found = probabilities(values, labels, classes, seed, pixels=pixels, groups=whole.groups)
        report(1)
        control = self_test(values, labels, classes, seed, pixels)
        report(2)
    wrong = np.flatnonzero(suspects(labels, found))
    wrong = wrong[np.argsort(self_confidence(labels, found)[wrong], kind="stable")]
    right = float((found.argmax(1) == labels).mean())
    noise = float(1 - np.trace(joint_distribution(labels, found)))
    numbers = {
        "suspects": len(wrong), "noise": noise, "accuracy": right, **control,
        "worst": [
            {
                "name": name, "label": whole.data.classes[labels[index]],
                "suggested": whole.data.classes[int(found[index].argmax())],
                "self_confidence": float(found[index, labels[index]]),
            }
            for index, name in zip(wrong[:SHOWN].tolist(), whole.names(wrong[:SHOWN]), strict=True)
        ],
    }  # fmt: skip
    if not len(wrong):
        return [], numbers, wrong
    level = "look" if len(wrong) >= 0.02 * len(whole) and control["precision"] > 0.5 else "note"
    return [Finding(
        "look" if level == "look" else "note", "noise",
        f"{are(len(wrong), 'label')} likely wrong, {share(len(wrong), len(whole))} of {len(whole):,}, "
        "or their examples hard to tell.",
        f"Of {percent(FLIPPED)} of labels flipped on purpose {percent(control['recall'])} were found, and "
        f"{percent(control['precision'])} of those newly suspected had been flipped; by chance {percent(FLIPPED)} are.",
        "Look at them, the likeliest first, and repair those that are wrong; do not leave out what is only hard.",
        {name: value for name, value in numbers.items() if name != "worst"},
        tuple(
            f"{name} ({whole.target(index)}, rather {whole.data.classes[int(found[index].argmax())]}?)"
            for index, name in zip(wrong.tolist(), whole.names(wrong), strict=True)
        ),
    )], numbers, wrong  # fmt: skip


def self_test(
    values: Callable[[Int[Array, " n"]], Array], labels: Int[Array, " N"], classes: int, seed: int, pixels: bool
) -> dict[str, float]:
    """Of labels flipped on purpose, which share is found; and of what is suspected anew, which share was flipped.

    In a sample, whose own suspects are taken as they are: what is suspected without flips does not count against it.
    """
    rng = np.random.default_rng(seed)
    some = np.sort(rng.permutation(len(labels))[:SELF_TEST])
    sample, before = values(some), labels[some]
    there = np.unique(before)
    if len(there) < 2:
        return {"recall": 0.0, "precision": 0.0}
    flipped = rng.permutation(len(before))[: max(1, round(FLIPPED * len(before)))]
    after = before.copy()
    others = np.searchsorted(there, before[flipped]) + rng.integers(1, len(there), len(flipped))
    after[flipped] = there[others % len(there)]
    was, now = (
        suspects(ys, probabilities(sample.__getitem__, ys, classes, seed, pixels=pixels)) for ys in (before, after)
    )
    planted = np.zeros(len(before), bool)
    planted[flipped] = True
    new = now & (planted | ~was)
    return {
        "recall": float((now & planted).sum() / planted.sum()),
        "precision": float((new & planted).sum() / max(1, new.sum())),
    }
