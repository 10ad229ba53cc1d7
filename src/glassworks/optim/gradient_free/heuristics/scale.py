"""How far apart a module's own weights lie: what a step or a cloud about them is measured in."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector


def own_scale(weights: Sequence[Tensor]) -> Float[Tensor, " D"]:
    """For each weight, the standard deviation of the tensor that it is of, as one vector.

    A tensor whose entries are all the same (a norm's gain, a bias of 0) has that of all other tensors together; where
    none has any, as in a test function's starting point at 0, it is 1.
    """
    parts = [vector.read([p]) for p in weights]
    spreads = [float(part.std(correction=0)) for part in parts]
    moved = [(len(part), spread) for part, spread in zip(parts, spreads, strict=True) if spread > 0]
    count = sum(n for n, _ in moved)
    overall = (sum(n * spread**2 for n, spread in moved) / count) ** 0.5 if count else 1.0
    return torch.cat([torch.full_like(part, spread or overall) for part, spread in zip(parts, spreads, strict=True)])


def cloud(
    mean: Float[Tensor, " D"], spread: Float[Tensor, " D"], count: int, generator: torch.Generator
) -> Float[Tensor, "P D"]:
    """`count` points, the first the mean itself, the others normal about it."""
    points = torch.randn(count, len(mean), generator=generator, dtype=mean.dtype, device=mean.device)
    points[0] = 0
    return points.mul_(spread).add_(mean)
