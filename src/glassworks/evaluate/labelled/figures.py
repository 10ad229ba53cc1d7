"""What is measured of predictions, as figures that resamples can be made of, and of confidence as a diagram."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import sparse

from glassworks.evaluate.labelled.intervals import Figure, indicators, mean
from glassworks.evaluate.labelled.predictions import Predictions
from glassworks.objectives.metrics.calibration import (
    Bins,
    bin_edges,
    bin_of,
    ece_of_the_calibrated,
    fit_temperature,
    reliability,
)
from glassworks.objectives.metrics.classification import (
    Counts,
    balanced_accuracy,
    brier_scores,
    log_losses,
    macro_f1,
    ratio,
)
from glassworks.objectives.metrics.regression import conformal_offsets, explained, pinball_losses

Array = np.ndarray
QUANTILES = (0.05, 0.5, 0.95)
"""Of a predicted number: those that are told, and judged by their pinball losses."""

DRAWN = 20_000_000
"""Numbers that an ECE's control is drawn from, about: some tenths of a second."""


class Measure(NamedTuple):
    """How a figure is called and shown."""

    title: str
    higher_is_better: bool
    unit: Literal["share", "number", "target"]
    """Shown in per cent, as it is, or in the target's units."""


MEASURES = {
    "accuracy": Measure("accuracy", True, "share"),
    "balanced_accuracy": Measure("balanced", True, "share"),
    "macro_f1": Measure("macro-F1", True, "number"),
    "log_loss": Measure("log loss", False, "number"),
    "brier": Measure("Brier", False, "number"),
    "ece": Measure("ECE", False, "number"),
    "rmse": Measure("RMSE", False, "target"),
    "mae": Measure("MAE", False, "target"),
    "r2": Measure("R²", True, "number"),
    "coverage": Measure("within 5 to 95 %", True, "share"),
    **{f"pinball_{100 * q:02.0f}": Measure(f"pinball {100 * q:.0f} %", False, "target") for q in QUANTILES},
}
JUDGED_BY = {"classes": "accuracy", "number": "rmse"}
"""What the verdict goes by."""


# ----------------------------------------------------------------------------------------------------------------------
# Classes


def class_figures(found: Predictions, num_classes: int) -> dict[str, Figure]:
    """Accuracy, balanced accuracy, macro-F1, log loss and Brier score of predicted classes."""
    assert found.log_probabilities is not None
    right = (found.predicted == found.targets).astype(np.float64)
    by_class = sparse.vstack(
        [
            indicators(found.targets, num_classes, right),
            indicators(found.targets, num_classes),
            indicators(found.predicted, num_classes),
        ],
        format="csr",
    )

    def of_counts(figure: Callable[[Counts], Array]) -> Figure:
        return Figure(by_class, lambda sums: figure(Counts(*np.split(sums, 3))))

    return {
        "accuracy": mean(right, kind="proportion"),
        "balanced_accuracy": of_counts(balanced_accuracy),
        "macro_f1": of_counts(macro_f1),
        "log_loss": mean(log_losses(found.log_probabilities, found.targets)),
        "brier": mean(brier_scores(found.probabilities, found.targets)),
    }


def recall_figures(found: Predictions, num_classes: int) -> dict[str, Figure]:
    """Of each class, by its index, the share of its examples that is found."""
    right = (found.predicted == found.targets).astype(np.float64)
    hits, there = indicators(found.targets, num_classes, right), indicators(found.targets, num_classes)
    return {
        f"recall/{k}": Figure(sparse.vstack([hits[[k]], there[[k]]], format="csr"), lambda sums: ratio(*sums))
        for k in range(num_classes)
    }


def ece_figure(found: Predictions) -> tuple[Figure, dict[str, float]]:
    """The expected calibration error in bins of the same width, and its control: that of a calibrated model."""
    edges = bin_edges(found.confidence)
    gaps = (found.predicted == found.targets) - found.confidence
    by_bin = indicators(bin_of(found.confidence, edges), len(edges) - 1, gaps)
    columns = sparse.vstack([by_bin, sparse.csr_array(np.ones((1, len(found))))], format="csr")
    draws = min(200, max(20, DRAWN // len(found)))
    chance, bound = ece_of_the_calibrated(found.confidence, edges, draws=draws)
    figure = Figure(columns, lambda sums: np.abs(sums[:-1]).sum(0) / sums[-1], "distance", chance)
    return figure, {"mean": chance, "bound": bound}


def diagram(found: Predictions, bins: Bins) -> dict[str, Any]:
    """A reliability diagram as a file has it; null for what an empty bin lacks."""
    right = found.predicted == found.targets
    known = reliability(found.confidence, right, bin_edges(found.confidence, bins))
    return {
        "edges": known.edges.tolist(),
        "counts": known.counts.tolist(),
        "confidence": nulls(known.confidence),
        "accuracy": nulls(known.accuracy),
        "ece": known.ece,
    }


def temperature(validation: Predictions | None) -> tuple[float | None, str | None]:
    """The temperature that suits the validation part best; or None, and why there is none."""
    if validation is None:
        return None, "there is no validation part to fit one on"
    assert validation.log_probabilities is not None
    try:
        return fit_temperature(validation.log_probabilities, validation.targets), None
    except ValueError as error:
        return None, f"on the validation part {error}"


# ----------------------------------------------------------------------------------------------------------------------
# Numbers


def number_figures(found: Predictions, offsets: list[float]) -> dict[str, Figure]:
    """RMSE, MAE and R2 of predicted numbers; of their quantiles the pinball losses, and how often they hold the truth.

    Args:
        found: the numbers.
        offsets: what is added to them for each of `QUANTILES`; infinite ones are left out.
    """
    assert found.values is not None
    errors, targets = found.values - found.targets, found.targets - found.targets.mean()
    squares, ones = np.square(errors), np.ones(len(found))
    sums = sparse.csr_array(np.stack([squares, targets, np.square(targets), ones]))
    figures = {
        "rmse": mean(squares, after=np.sqrt),
        "mae": mean(np.abs(errors)),
        "r2": Figure(sums, lambda s: explained(s[0] / s[3], variance(s[1] / s[3], s[2] / s[3]))),
    }
    for q, offset in zip(QUANTILES, offsets, strict=True):
        if np.isfinite(offset):
            figures[f"pinball_{100 * q:02.0f}"] = mean(pinball_losses(found.targets, found.values + offset, q))
    if np.isfinite([offsets[0], offsets[-1]]).all():
        within = (-errors >= offsets[0]) & (-errors <= offsets[-1])
        figures["coverage"] = mean(within.astype(np.float64), kind="proportion")
    return figures


def variance(first: Array, second: Array) -> Array:
    """Of a mean and a mean square: 0 where it is but rounding."""
    found = second - np.square(first)
    known: Array = np.where(found > 1e-12 * second, found, 0.0)
    return known


def quantile_offsets(residuals: Float[Array, " N"]) -> list[float]:
    """What is added to a predicted number for its `QUANTILES`, by the residuals of a validation part."""
    return conformal_offsets(residuals, QUANTILES)


def nulls(values: Float[Array, " n"]) -> list[float | None]:
    """Numbers as a file has them: null for what is not finite."""
    return [float(value) if np.isfinite(value) else None for value in values]
