"""Which layers a network needs: it is trained from scratch without some of them (Zeiler & Fergus 2013, table 3).

Taking out a layer takes out depth, and parameters with it; what a smaller network of the same depth loses stands beside
it as a control. Two networks that were asked about the same examples are compared example by example, which is far
sharper than comparing their accuracies.

Letters: R runs, of a seed each, N test examples.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from glassworks.interpret.images.legends.training import removal_legend
from glassworks.trace.trace import Trace


@dataclass(frozen=True, eq=False)
class Variant:
    """How well a network without some layers did, trained from scratch."""

    accuracy: float
    """A share of the test examples."""
    error: float
    """Its standard error, over examples and over runs."""
    parameters: int
    correct: np.ndarray | None = None
    """(R, N) which examples each run has right; None where only the accuracy is known."""

    @classmethod
    def of(cls, correct: np.ndarray, parameters: int) -> "Variant":
        """Of runs (R, N) over the same examples, or of one (N,)."""
        runs = np.atleast_2d(np.asarray(correct))
        if runs.ndim != 2 or runs.shape[1] < 2 or runs.dtype != bool:
            raise ValueError(f"correct has shape {runs.shape} and dtype {runs.dtype}: give booleans, runs by examples")
        return cls(float(runs.mean()), standard_error(runs.astype(float)), parameters, runs)


def standard_error(values: np.ndarray) -> float:
    """Of the mean of (R, N): examples are drawn by chance, and so are the weights that a run begins with."""
    runs, examples = values.shape
    of_examples = values.mean(0).std(ddof=1) / math.sqrt(examples)
    of_runs = values.mean(1).std(ddof=1) / math.sqrt(runs) if runs > 1 else 0.0
    return float(math.hypot(of_examples, of_runs))


def train_variants(
    builders: Mapping[str, Callable[[int], nn.Module]],
    train: Callable[[nn.Module, int], np.ndarray],
    seeds: Sequence[int] = (0,),
) -> dict[str, Variant]:
    """Build and train each variant from scratch, once for each seed.

    Args:
        builders: by name, the network for a seed.
        train: trains a network with a seed, and returns which of the test examples it has right (N,), always the same.
        seeds: one a run.
    """
    found = {}
    for name, build in builders.items():
        runs, parameters = [], 0
        for seed in seeds:
            model = build(seed)
            parameters = sum(p.numel() for p in model.parameters())
            runs.append(np.asarray(train(model, seed), dtype=bool))
        found[name] = Variant.of(np.stack(runs), parameters)
    return found


def layer_removal(
    variants: Mapping[str, Variant],
    *,
    controls: Sequence[str] = (),
    published: Mapping[str, float] | None = None,
) -> Trace:
    """The table of what each network without some layers loses against the whole one, which comes first.

    Args:
        variants: the whole network, then those without some layers, by what they lack.
        controls: those of them that lack no layer and are smaller otherwise.
        published: error rates that somebody else reports for variants of the same names, as shares.

    Raises: ValueError for fewer than two variants, names among controls or published that are none of them, and
    variants that were asked about different numbers of examples.

    Arrays:
        error_rate, error_rate_error (variant): the share of test examples that are wrong, and its standard error.
        loss, loss_error (variant): how much larger that is than the whole network's; example by example and run by
            run where both are known.
        parameters (variant): how many there are.
        published (variant): NaN where none is.
    """
    names = list(variants)
    if len(names) < 2:
        raise ValueError(f"variants ({len(names)}) must be two at the least: the whole network and one with less")
    for name in (*controls, *(published or ())):
        if name not in variants:
            raise ValueError(f"controls and published name {name!r}, which is no variant: {', '.join(names)}")
    whole = variants[names[0]]
    losses = [difference(whole, variant) for variant in variants.values()]
    arrays = {
        "error_rate": np.array([1 - variant.accuracy for variant in variants.values()]),
        "error_rate_error": np.array([variant.error for variant in variants.values()]),
        "loss": np.array([loss for loss, _ in losses]),
        "loss_error": np.array([error for _, error in losses]),
        "parameters": np.array([variant.parameters for variant in variants.values()]),
    }
    if published:
        arrays["published"] = np.array([published.get(name, math.nan) for name in names])
    runs = 1 if whole.correct is None else len(whole.correct)
    legend = removal_legend(tuple(controls), bool(published))
    axes: dict[str, tuple[str, ...]] = dict.fromkeys(arrays, ("variant",))
    return Trace("layer_removal", arrays, axes, {"variant": names}, {"whole": names[0], "runs": runs}, legend=legend)


def difference(whole: Variant, variant: Variant) -> tuple[float, float]:
    """How much accuracy the second has less than the first, and its standard error."""
    if variant is whole:
        return 0.0, 0.0
    if whole.correct is None or variant.correct is None:
        return whole.accuracy - variant.accuracy, math.hypot(whole.error, variant.error)
    if whole.correct.shape[1] != variant.correct.shape[1]:
        raise ValueError(
            f"variants were asked about {whole.correct.shape[1]} and {variant.correct.shape[1]} examples: ask the same"
        )
    runs = min(len(whole.correct), len(variant.correct))
    lost = whole.correct[:runs].astype(float) - variant.correct[:runs]
    return whole.accuracy - variant.accuracy, standard_error(lost)
