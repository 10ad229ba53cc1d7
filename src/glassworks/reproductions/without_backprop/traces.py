"""What was measured, as traces: the contest and the suite."""

from collections.abc import Sequence

import numpy as np

from glassworks.optim.functions import FUNCTIONS
from glassworks.reproductions.without_backprop.contest import BATCH, Budget, Entry, Score
from glassworks.reproductions.without_backprop.legends import CONTEST, SUITE
from glassworks.reproductions.without_backprop.suite import Tried, solved
from glassworks.trace.trace import Trace

COARSE, FINE = 1e-1, 1e-3
WAYS = ("by_passes", "by_time")


def contest_trace(
    name: str, entries: Sequence[Entry], budget: Budget, *, weights: int, test: int, untrained: float
) -> Trace:
    """The methods that were not refused, the fewest mistakes after as many passes first."""
    kept = sorted((entry for entry in entries if not entry.refused), key=lambda entry: mean_error(entry.by_passes)[0])
    errors = {by: np.array([mean_error(scores(entry, by, budget), test) for entry in kept]) for by in WAYS}
    arrays = {by: found[:, 0] for by, found in errors.items()}
    arrays |= {f"{by}_error": found[:, 1] for by, found in errors.items()}
    arrays["cost"] = np.array([entry.by_passes[0].passes / entry.by_passes[0].steps for entry in kept])
    arrays["seconds"] = np.array([np.mean([score.seconds for score in entry.by_passes]) for entry in kept])
    arrays["rate"] = np.array([np.nan if entry.rate is None else entry.rate for entry in kept])
    refused = ", ".join(entry.name for entry in entries if entry.refused) or "none"
    facts = {"num_test": test, "weights": weights, "seeds": budget.seeds, "passes": budget.passes, "batch": BATCH}
    return Trace(
        name,
        arrays,
        dict.fromkeys(arrays, ("method",)),
        {"method": [entry.name for entry in kept]},
        {**facts, "seconds": round(budget.seconds, 3), "untrained": f"{100 * untrained:.0f} %", "refused": refused},
        legend=CONTEST,
    )


def scores(entry: Entry, by: str, budget: Budget) -> Sequence[Score]:
    """A method's trainings; by time, none of one whose single step takes more than twice as long."""
    found: tuple[Score, ...] = getattr(entry, by)
    if by == "by_passes":
        return found
    return [score for score in found if score.steps > 1 or score.seconds <= 2 * budget.seconds]


def mean_error(scores: Sequence[Score], test: int = 1) -> tuple[float, float]:
    """The mean share of mistakes over seeds, and its standard error over seeds and examples; NaN of no training."""
    if not scores:
        return np.nan, np.nan
    errors = np.array([score.error for score in scores])
    mean = float(errors.mean())
    of_seeds = float(errors.var(ddof=1)) / len(errors) if len(errors) > 1 else 0.0
    return mean, float(np.sqrt(of_seeds + mean * (1 - mean) / test))


def suite_trace(tried: Tried, evaluations: int) -> Trace:
    """Shares of problems solved, by method and dimension."""
    with np.errstate(divide="ignore"):
        logs = np.log10(np.maximum(tried.left, 1e-12))
    arrays = {
        "solved_coarsely": solved(tried, COARSE),
        "solved_finely": solved(tried, FINE),
        "left": 10 ** logs.mean((2, 3)),
        "left_of_function": 10 ** logs.mean(3),
    }
    axes = ("method", "dimension")
    return Trace(
        "suite",
        arrays,
        {**dict.fromkeys(arrays, axes), "left_of_function": (*axes, "function")},
        {
            "method": list(tried.methods),
            "dimension": [f"{d:,}" for d in tried.dimensions],
            "function": list(FUNCTIONS),
        },
        {"functions": len(FUNCTIONS), "seeds": tried.left.shape[-1], "evaluations": evaluations},
        legend=SUITE,
    )
