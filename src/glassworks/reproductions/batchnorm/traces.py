"""What was seen of all trainings, as traces: curves over the training, and covariate shift by layer."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from glassworks.reproductions.batchnorm.legends import BY_LAYER, CURVES
from glassworks.reproductions.batchnorm.networks import NONE, SIDE_BY_SIDE, Task
from glassworks.reproductions.batchnorm.training import Training
from glassworks.trace.trace import Trace

Seen = Mapping[str, Sequence[Training]]
"""The trainings of a network's name, one a seed."""
MEASURES = ("loss_range", "change_range", "beta")
"""Of points along a step."""


def curve(training: Training, name: str) -> Float[np.ndarray, " T"]:
    """A number over one training; NaN where there is none."""
    rows = training.rows
    if name in ("loss_range", "random_loss_range"):
        return ends(rows, "loss", name.startswith("random"))
    if name in ("change_range", "random_change_range"):
        return ends(rows, "change", name.startswith("random"))
    key = {"beta": "step/beta", "random_beta": "step/random/beta"}.get(name, name)
    return numbers(rows, key)


def ends(rows: Sequence[Mapping[str, object]], what: str, random: bool) -> Float[np.ndarray, " T"]:
    """The range of the loss or of the gradient's change along steps."""
    way = "step/random/" if random else "step/"
    highest, lowest = (numbers(rows, f"{way}{what}_{end}") for end in ("highest", "lowest"))
    found: np.ndarray = highest - lowest
    return found


def numbers(rows: Sequence[Mapping[str, object]], key: str) -> Float[np.ndarray, " T"]:
    """A number of each row."""
    return np.array([np.nan if row.get(key) is None else row[key] for row in rows], dtype=np.float64)


def curves(task: Task, seen: Seen, names: Sequence[str]) -> Trace:
    """Means over seeds, with standard errors, of networks side by side."""
    steps = longest(seen)
    of = ("loss", "moved", "cosine", "change", "distance", "random_cosine")
    arrays: dict[str, np.ndarray] = {}
    for measure in (*of, *MEASURES, *(f"random_{name}" for name in MEASURES)):
        all_curves = np.array(
            [[padded(curve(training, measure), len(steps)) for training in seen[name]] for name in names]
        )
        if np.isfinite(all_curves).any():
            arrays[measure], arrays[f"{measure}_error"] = over_seeds(all_curves)
    return Trace(
        "batchnorm_curves",
        arrays,
        dict.fromkeys(arrays, ("network", "step")),
        {"network": list(names), "step": [str(step) for step in steps]},
        {"task": task.name, "lr": task.lr, "seeds": len(seen[NONE])},
        legend=CURVES,
    )


def by_layer(task: Task, seen: Seen) -> Trace:
    """The cosine between G and G' of each layer, over the training: means over seeds."""
    names = [name for name in SIDE_BY_SIDE if "cosines" in seen[name][0].rows[0]]
    layers, steps = seen[NONE][0].rows[0]["layers"], longest(seen)
    found = np.full((len(names), len(steps), len(layers)), np.nan)
    for i, name in enumerate(names):
        for t in range(len(steps)):
            kept = [training.rows[t]["cosines"] for training in seen[name] if t < len(training.rows)]
            if kept:
                found[i, t] = np.array(kept, dtype=np.float64).mean(0)
    return Trace(
        "batchnorm_layers",
        {"cosine": found},
        {"cosine": ("network", "step", "layer")},
        {"network": names, "step": [str(step) for step in steps], "layer": layers},
        {"task": task.name},
        legend=BY_LAYER,
    )


def longest(seen: Seen) -> list[int]:
    """The steps at which networks were looked at."""
    return [row["step"] for row in max((t.rows for each in seen.values() for t in each), key=len)]


def padded(values: Float[np.ndarray, " T"], count: int) -> Float[np.ndarray, " S"]:
    """A curve up to where it diverged, and no numbers from there on."""
    return np.concatenate([values, np.full(count - len(values), np.nan)])


def over_seeds(values: Float[np.ndarray, "N S T"]) -> tuple[np.ndarray, np.ndarray]:
    """Means over the seeds that have a number, and their standard errors."""
    count = np.isfinite(values).sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, np.nansum(values, 1) / count, np.nan)
        square = np.nansum((values - mean[:, None]) ** 2, 1)
        error = np.where(count > 1, np.sqrt(square / (count - 1) / count), np.nan)
    return mean, error
