"""How far apart a module's own weights lie: what a step or a cloud about them is measured in."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector
from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.search import Search


def own_scale(weights: Sequence[Tensor]) -> Float[Tensor, " D"]:
    """For each weight, the standard deviation of the tensor that it is of, as one vector.

    A tensor whose entries are all the same (a norm's gain, a bias of 0) has that of all other tensors together; where
    none has any, as in a test function's starting point at 0, it is 1.
    """
    parts = [part for part in (vector.read([p]) for p in weights) if len(part)]
    spreads = [float(part.std(correction=0)) for part in parts]
    spreads = [
        0.0 if spread < 1e-6 * float(part.abs().max()) else spread for part, spread in zip(parts, spreads, strict=True)
    ]
    moved = [(len(part), spread) for part, spread in zip(parts, spreads, strict=True) if spread > 0]
    count = sum(n for n, _ in moved)
    overall = (sum(n * spread**2 for n, spread in moved) / count) ** 0.5 if count else 1.0
    return torch.cat([torch.full_like(part, spread or overall) for part, spread in zip(parts, spreads, strict=True)])


def around(search: Search, spread: Float[Tensor, " D"], population: int | None = None) -> Float[Tensor, "P D"]:
    """The weights as they are, and after them so many neighbours (None = the population), normal about them."""
    mean = search.memory["mean"]
    points = normal(search.key, range(1 + (search.settings["population"] if population is None else population)), mean)
    points[0] = 0
    return points.mul_(spread).add_(mean)
