"""The noise scale of the gradient: how much of it a batch of some size knows."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count, check_room
from glassworks.interpret.control import randomised
from glassworks.interpret.landscapes.legends.signals import NOISE
from glassworks.interpret.landscapes.objective import check_loss, lent
from glassworks.objectives.losses import LossFn
from glassworks.trace.trace import Trace
from glassworks.train.batch import split, tensors

Gram = Float[np.ndarray, "N N"]
SIZES = tuple(2**i for i in range(15))
"""Batch sizes of the curve."""
CHANCES = 1000  # random signs


@public
def noise_scale(
    model: nn.Module,
    loss_fn: LossFn,
    batch: Any,
    *,
    parts: int = 32,
    control: nn.Module | None = None,
    seed: int = 0,
) -> Trace:
    """The simple noise scale tr(S) / |G|², S the covariance of an example's gradient and G the mean, with interval.

    From two batch sizes, as McCandlish, Kaplan, Amodei et al. 2018 (https://arxiv.org/abs/1812.06162), appendix A.1:
    the batch is cut into parts, and squared lengths of their gradients and of the whole batch's give unbiased estimates
    of tr(S) and |G|². Where a part is one example, they are per-example gradients. The interval is by leaving out each
    part in turn (jackknife), of the logarithm.

    Args:
        model: any module with weights; its loss is that of the mode it is in. BatchNorm in training mode takes each
            part's own statistics, which the estimate then contains.
        loss_fn: the mean loss of a batch, as `fit` takes it. Parts count alike, be targets left out or not.
        batch: tensors with examples along axis 0, in random order: what lies side by side is one part.
        parts: how many equal ones it is cut into.
        control: the untrained network; None = `randomised(model)`.
        seed: of that one, of random signs, and of dropout.

    Arrays:
        noise_scale, noise_scale_low, noise_scale_high (network,): in examples, with the ends of the 95 % interval;
            infinite where |G|² is not above 0.
        gradient, gradient_error, gradient_chance (network,): |G|², its standard error, and what 95 % of random signs of
            the parts stay below.
        noise (network,): tr(S).
        step_share (network, batch_size): 1 / (1 + noise scale / batch size), equation 2.6.
        layer_noise_scale (network, layer): of each module's weights alone; NaN where its |G|² is not above what random
            signs give.

    Where |G|² is not above `gradient_chance` the noise scale is not measured, whatever number it is: a batch of more
    examples is needed. The drawing says so and leaves it out.
    """
    sizes = {len(x) for x in tensors(batch) if x.ndim}
    check_count("parts", parts, 2)
    if len(sizes) != 1 or min(sizes) % parts:
        found = " and ".join(map(str, sorted(sizes))) or "no"
        raise ValueError(f"parts (={parts}) must divide the batch, which has {found} examples")
    part_size, rows, names = min(sizes) // parts, list[dict[str, Any]](), list[str]()
    for network in (model, control if control is not None else randomised(model, seed=seed + 1)):
        grams = grams_of(network, loss_fn, batch, parts, seed)
        names = names or list(grams)
        rows.append(told(grams, part_size, seed))
    arrays = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    second = {"step_share": "batch_size", "layer_noise_scale": "layer"}
    return Trace(
        "noise_scale",
        arrays,
        {name: ("network", second[name]) if name in second else ("network",) for name in arrays},
        {"network": ["this network", "untrained"], "layer": names, "batch_size": [str(size) for size in SIZES]},
        {"parts": parts, "part_size": part_size, "seed": seed},
        legend=NOISE,
    )


def grams_of(model: nn.Module, loss_fn: LossFn, batch: Any, parts: int, seed: int) -> dict[str, Gram]:
    """By module: the dot products of its weights' gradients, of every part with every other."""
    with lent(model, loss_fn, batch, seed=seed) as objective:
        size = len(objective.point)
        check_room(parts * size * objective.point.element_size(), objective.point.device, "cut it into fewer parts")
        gradients = objective.point.new_empty(parts, size)
        for i, part in enumerate(split(batch, parts)):
            objective.parts = [part]
            loss, gradients[i] = objective.gradient()
            check_loss(loss)
        found: dict[str, Gram] = {}
        wanted = [(name, p.numel()) for name, p in objective.net.named_parameters() if p.requires_grad]
        for (name, _), columns in zip(wanted, torch.split(gradients, [n for _, n in wanted], dim=1), strict=True):
            layer = name.rpartition(".")[0] or "the network"
            gram = (columns.double() @ columns.double().T).cpu().numpy()
            found[layer] = found.get(layer, 0.0) + gram
    return found


def told(grams: dict[str, Gram], part_size: int, seed: int) -> dict[str, Any]:
    """All that is said of one network."""
    whole: Gram = sum(grams.values())  # type: ignore[assignment]
    square, noise = estimates(whole, part_size)
    low, high, error = interval(whole, part_size)
    scale = noise / square if square > 0 else np.inf
    layers = [(*estimates(gram, part_size), chance(gram, seed)) for gram in grams.values()]
    return {
        "noise_scale": scale,
        "noise_scale_low": low,
        "noise_scale_high": high,
        "gradient": square,
        "gradient_error": error,
        "gradient_chance": chance(whole, seed),
        "noise": noise,
        "step_share": [1 / (1 + scale / size) for size in SIZES],
        "layer_noise_scale": [b / a if a > max(0.0, least) else np.nan for a, b, least in layers],
    }


def estimates(gram: Gram, part_size: int) -> tuple[float, float]:
    """|G|² and tr(S), both unbiased, from the parts' dot products (appendix A.1)."""
    squares, noises = from_sums(len(gram), np.trace(gram)[None], gram.sum()[None], part_size)
    return float(squares[0]), float(noises[0])


def from_sums(n: int, squares: np.ndarray, total: np.ndarray, part_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The same from the sum of n parts' squared lengths, and the squared length of their sum."""
    small, large = squares / n, total / n**2
    return (n * large - small) / (n - 1), (small - large) * part_size * n / (n - 1)


def interval(gram: Gram, part_size: int) -> tuple[float, float, float]:
    """The ends of the 95 % interval of the noise scale, and the standard error of |G|², by leaving out each part."""
    n, own = len(gram), np.diag(gram)
    if n < 3:
        return 0.0, np.inf, np.nan
    squares, noises = from_sums(n - 1, own.sum() - own, gram.sum() - 2 * gram.sum(0) + own, part_size)
    square, noise = estimates(gram, part_size)
    error = jackknife(squares)
    if min(squares.min(), noises.min(), square, noise) <= 0:
        return 0.0, np.inf, error
    width = 1.96 * jackknife(np.log(noises / squares))
    high = noise / square * np.exp(width) if square > 1.96 * error else np.inf
    return noise / square * np.exp(-width), high, error


def jackknife(left_out: Float[np.ndarray, " N"]) -> float:
    """The standard error of an estimate, from what it is without each of the parts."""
    n = len(left_out)
    return float(np.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()))


def chance(gram: Gram, seed: int) -> float:
    """What |G|² stays below in 95 of 100 cases where each part's gradient has a random sign."""
    generator = torch.Generator().manual_seed(seed)
    signs = (torch.randint(2, (CHANCES, len(gram)), generator=generator).double() * 2 - 1).numpy()
    totals = ((signs @ gram) * signs).sum(1)
    return float(np.quantile(from_sums(len(gram), np.trace(gram)[None], totals, 1)[0], 0.95))
