"""The rows of the finding: what the paper says happens, and whether it does here, over seeds."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from glassworks.reproductions.batchnorm.networks import ALONE, BATCH, LINEAR, NOISY, NONE, ORDERS, VGG, Task
from glassworks.reproductions.batchnorm.over_seeds import Interval, mean_of, ratio_of
from glassworks.reproductions.batchnorm.traces import MEASURES, Seen, curve
from glassworks.reproductions.batchnorm.training import Training
from glassworks.reproductions.finding import Finding, Row

EXACT = 1e-9
"""What both sides of the theorems may differ by, in double precision."""
LAST = 4
"""The loss at the end is the mean over this part of the training's looks, the last."""
MOST, LITTLE, UNCORRELATED = 0.9, 0.9, 0.1
"""Of batch norm's gain, to train about as well; of the first loss, to have stopped; of a cosine, to be about 0."""
SAID = {
    "loss_range": "range of the loss",
    "change_range": "gradient's predictiveness (range of its change)",
    "beta": "effective beta",
}


def finding(found: Mapping[str, tuple[Task, Seen]], *, data: str, quick: bool) -> Finding:
    """All rows, from what was seen of each task's networks."""
    rows = [row for task, seen in found.values() for row in task_rows(task, seen)]
    rows += identity_rows([t for _, seen in found.values() for t in seen[BATCH]])
    each = "; ".join(f"{task.name}: learning rate {task.lr:g}, {task.steps} steps" for task, _ in found.values())
    seeds = len(found[VGG][1][BATCH])
    notes = (
        f"{each}. A small VGG on {data}, 25 linear layers on Gaussian data; {seeds} seeds. The same weights, batches "
        "and learning rate for every norm.",
        "A claim is 1 where the 95 % interval over seeds (Student's t) lies on its side; ratios are geometric means "
        "over the looks at a training, by that of the network without norms; what is not to be smaller is 0 only where "
        "the interval says that it is. Losses at the end are geometric means. Intervals in brackets.",
        "The paper has no figures for these statements: it draws them, for a VGG on CIFAR-10 and a linear network.",
    )
    return Finding(
        "How batch normalization helps",
        "Santurkar, Tsipras, Ilyas and Madry 2018, How Does Batch Normalization Help Optimization?",
        "https://arxiv.org/abs/1805.11604",
        tuple(rows),
        quick,
        notes,
    )


def claim(what: str, holds: bool, note: str) -> Row:
    """Something that the paper says happens."""
    return Row(what, 1.0, float(holds), "1 = yes", "higher", 0.0, note)


def task_rows(task: Task, seen: Seen) -> Iterator[Row]:
    """Of one network: how it trains, and the paper's statements."""
    yield from ends(task, seen)
    yield from training_claims(task, seen)
    yield from shift_claims(task, seen)
    yield from smoothness_claims(task, seen)
    if ORDERS[0] in seen:
        yield from order_claims(task, seen)


# ----------------------------------------------------------------------------------------------------------------------
# One number a seed


def end(training: Training) -> float:
    """The loss at the end of a training; of one that diverged, that of the untrained network, which was better."""
    losses = curve(training, "loss")
    return float(losses[0] if training.diverged is not None else losses[-max(1, len(losses) // LAST) :].mean())


def over_training(seen: Sequence[Training], name: str) -> Float[np.ndarray, " S"]:
    """The geometric mean of a positive measure over each training."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([np.exp(np.nanmean(np.log(curve(training, name)))) for training in seen])


def mean_over_training(seen: Sequence[Training], name: str) -> Float[np.ndarray, " S"]:
    """The mean of a measure over each training."""
    return np.array([np.nanmean(curve(training, name)) for training in seen])


def losses(seen: Seen, name: str) -> Float[np.ndarray, " S"]:
    """Losses at the end."""
    return np.array([end(training) for training in seen[name]])


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def ends(task: Task, seen: Seen) -> Iterator[Row]:
    """Where each training came to."""
    unit = "squared error" if task.name == LINEAR else "nats"
    for name, trainings in seen.items():
        found, gone = (
            ratio_of(losses(seen, name), np.ones(len(trainings))),
            sum(t.diverged is not None for t in trainings),
        )
        note = f"{found.said()}; {gone} of {len(trainings)} diverged" if gone else found.said()
        yield Row(f"{task.name}: loss at the end, {name}", None, found.mean, unit, note=note)
    for name, trainings in seen.items():
        errors = np.array([np.nan if t.error is None else t.error for t in trainings])
        if np.isfinite(errors).any():
            found = mean_of(errors).within(0.0, 1.0)
            yield Row(f"{task.name}: error on test examples, {name}", None, found.mean, "share", note=found.said())


def training_claims(task: Task, seen: Seen) -> Iterator[Row]:
    """Noisy batch norm trains about as well as batch norm though its activations are less stable."""
    better = ratio_of(losses(seen, BATCH), losses(seen, NONE))
    note = f"loss at the end by none's: {better.said()}"
    yield claim(f"{task.name}: batch norm trains better than none", better.high < 1, note)
    moved = ratio_of(over_training(seen[NOISY], "moved"), over_training(seen[NONE], "moved"))
    note = f"how far layers' inputs move in a step, by none's: {moved.said()}"
    yield claim(f"{task.name}: noisy batch norm's activations are less stable than none's", moved.low > 1, note)
    steady = ratio_of(over_training(seen[BATCH], "moved"), over_training(seen[NONE], "moved"))
    yield Row(
        f"{task.name}: how far inputs move, batch norm by none", None, steady.mean, "ratio", "lower", note=steady.said()
    )
    yield as_well(task, seen, is_better=better.high < 1)
    better = ratio_of(losses(seen, NOISY), losses(seen, NONE))
    note = f"loss at the end by none's: {better.said()}"
    yield claim(f"{task.name}: noisy batch norm trains better than none", better.high < 1, note)
    left = ratio_of(losses(seen, ALONE), np.array([curve(training, "loss")[0] for training in seen[ALONE]]))
    note = f"loss at the end by that at the beginning: {left.said()}; {LITTLE:g} or more is stopped"
    yield claim(f"{task.name}: the same noise without batch norm stops training", left.mean >= LITTLE, note)


def as_well(task: Task, seen: Seen, *, is_better: bool) -> Row:
    """Whether noisy batch norm gains what batch norm does over none; not asked where that gains nothing itself."""
    what = f"{task.name}: noisy batch norm trains about as well as batch norm"
    if not is_better:
        return Row(what, 1.0, None, "1 = yes", "higher", note="not asked: batch norm itself is not better than none")
    none = losses(seen, NONE)
    gain = mean_of((none - losses(seen, NOISY)) / (none - losses(seen, BATCH)))
    note = f"share of batch norm's gain over none: {gain.said()}; {MOST:.0%} or more is about as well"
    return claim(what, gain.mean >= MOST, note)


def shift_claims(task: Task, seen: Seen) -> Iterator[Row]:
    """Internal covariate shift is not smaller under batch norm."""
    for name, what in (("distance", "||G - G'||"), ("change", "||G - G'|| / ||G||")):
        found = ratio_of(over_training(seen[BATCH], name), over_training(seen[NONE], name))
        note = f"by none's: {found.said()}"
        if name == "distance":
            yield claim(f"{task.name}: covariate shift {what} is not smaller under batch norm", found.high >= 1, note)
        else:
            yield Row(f"{task.name}: {what}, batch norm by none", None, found.mean, "ratio", note=note)
    cosines = {name: mean_over_training(seen[name], "cosine") for name in (BATCH, NONE)}
    less = mean_of(cosines[BATCH] - cosines[NONE])
    each = ", ".join(f"{name} {mean_of(values).said()}" for name, values in cosines.items())
    control = mean_of(mean_over_training(seen[BATCH], "random_cosine"))
    yield claim(
        f"{task.name}: the cosine of G and G' is not larger under batch norm",
        less.low <= 0,
        f"{each}; difference {less.said()}; control, layers below moved at random: {control.said()}",
    )
    if task.name == LINEAR:
        found = mean_of(cosines[BATCH])
        note = f"cosine {found.said()}; below {UNCORRELATED} is uncorrelated"
        yield claim(f"{task.name}: G and G' look uncorrelated under batch norm", abs(found.mean) < UNCORRELATED, note)


def smoothness_claims(task: Task, seen: Seen) -> Iterator[Row]:
    """Along a step, and along random directions, the loss and its gradient change less under batch norm."""
    for prefix, where in (("", "along the gradient"), ("random_", "along random directions")):
        for name in MEASURES:
            found = ratio_of(over_training(seen[BATCH], prefix + name), over_training(seen[NONE], prefix + name))
            begun = at_first(seen, prefix + name)
            note = f"by none's: {found.said()}; before the first step: {begun.said()}"
            yield claim(f"{task.name}: {SAID[name]} is smaller under batch norm, {where}", found.high < 1, note)


def at_first(seen: Seen, name: str) -> Interval:
    """Batch norm's measure by none's of the untrained networks, which have the same weights."""
    one, other = (np.array([curve(t, name)[0] for t in seen[network]]) for network in (BATCH, NONE))
    return ratio_of(one, other)


def order_claims(task: Task, seen: Seen) -> Iterator[Row]:
    """Other norms train well, too, though distributions shift more."""
    for name in ORDERS:
        better = ratio_of(losses(seen, name), losses(seen, NONE))
        yield claim(f"{task.name}: {name} trains better than none", better.high < 1, f"loss by none's: {better.said()}")
        moved = ratio_of(over_training(seen[name], "moved"), over_training(seen[NONE], "moved"))
        note = f"how far layers' inputs move in a step, by none's: {moved.said()}"
        yield claim(f"{task.name}: {name}'s distributions shift more than none's", moved.low > 1, note)


def identity_rows(trainings: Sequence[Training]) -> Iterator[Row]:
    """The theorems, as identities, in the trained networks."""
    pairs = [training.deviations for training in trainings if training.deviations is not None]
    for i, what in enumerate(("4.1, the gradient through a norm", "4.2, the curvature along it")):
        most = max((pair[i] for pair in pairs), default=None)
        note = f"both sides of units of {len(pairs)} trained networks, by their terms' size; the paper has bounds"
        yield Row(f"Theorem {what}: largest deviation", 0.0, most, "share", "lower", EXACT, note)
