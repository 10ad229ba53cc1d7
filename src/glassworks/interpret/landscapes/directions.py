"""Directions in which a loss is looked at: random ones, scaled filter by filter; those of a path; the most curved."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.optim.gradient_free import vector


def filter_normalised(weights: Sequence[Tensor], count: int, generator: torch.Generator) -> Float[Tensor, "count D"]:
    """Random directions, each filter of them as long as the network's filter there (Li et al. 2018, section 4).

    A filter is what one output of a layer reads: a row of a matrix, the kernels of one channel. So a step of 1 changes
    each by as much as it is long, and networks can be compared whose weights are of other scales: with ReLU or norms,
    layers can be rescaled at will without a change in what is computed. Biases and the gains of norms, which have one
    axis, do not move, as in the authors' code.

    Raises: ValueError for a network without any parameter of at least two axes.
    """
    if not any(w.ndim > 1 for w in weights):
        raise ValueError("the network has no matrices: filters are rows of weights with at least two axes")
    point = vector.read(weights)
    found = torch.randn(count, len(point), generator=generator, dtype=point.dtype).to(point.device)
    for direction in found:
        for part, weight in zip(vector.views(direction, weights), weights, strict=True):
            if weight.ndim < 2:
                part.zero_()
                continue
            rows, sizes = part.flatten(1), weight.detach().to(part.dtype).flatten(1).norm(dim=1, keepdim=True)
            rows *= sizes / rows.norm(dim=1, keepdim=True).clamp(min=torch.finfo(part.dtype).tiny)
    return found


def random_directions(size: int, count: int, generator: torch.Generator, like: Tensor) -> Float[Tensor, "count D"]:
    """Random directions of length 1, uniform on the sphere."""
    found = torch.randn(count, size, generator=generator, dtype=like.dtype).to(like.device)
    found /= found.norm(dim=1, keepdim=True)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# The path of a training


@dataclass
class WeightsPath:
    """Where a training has been: what `fit` calls as `every=[(n, path)]` to keep a copy of the weights.

    A copy is of all weights that want gradients, as one vector of float32.
    """

    steps: list[int] = field(default_factory=list)
    points: list[Tensor] = field(default_factory=list)

    def __call__(self, step: int, model: nn.Module) -> dict[str, float]:
        """Keep the weights as they are; no numbers to log."""
        self.steps.append(step)
        self.points.append(vector.read([p for p in model.parameters() if p.requires_grad]))
        return {}


def along_path(
    points: Float[Tensor, "S D"], centre: Float[Tensor, " D"]
) -> tuple[Float[Tensor, "2 D"], Float[Tensor, " K"]]:
    """The two directions, of length 1, along which a path strays most from its end, and shares of all components.

    Principal components of the points' differences from the centre (Li et al. 2018, section 7), which is not subtracted
    as a mean would be: the plane goes through the centre. By the small matrix of dot products, points by points.

    Raises: ValueError for points that do not span a plane.
    """
    gaps = points - centre
    gram = (gaps.double() @ gaps.double().T).cpu()
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    if len(points) < 2 or not values[1] > 1e-12 * values[0]:
        raise ValueError(f"path (={len(points)} points) spans no plane: give at least 2 that lie apart from the end")
    found = (vectors[:, :2] / values[:2].sqrt()).T.to(gaps) @ gaps
    return found, values / values.sum()


def random_walk_shares(points: Float[Tensor, "S D"], centre: Float[Tensor, " D"]) -> Float[Tensor, " K"]:
    """The shares of components of a walk with steps as long as the path's, each in a direction of its own at random.

    Of many dimensions random steps are orthogonal, so that the dot products of points are sums of squared steps: this
    is their limit, and nothing is drawn. Two components take most of such a walk, too (Antognini & Sohl-Dickstein
    2018).
    """
    steps = torch.diff(torch.cat([points, centre[None]]), dim=0).double().square().sum(1).cpu()
    left = steps.flip(0).cumsum(0).flip(0)  # the squared distance of each point from the end
    gram = torch.minimum(left[:, None], left[None, :])
    values = torch.linalg.eigvalsh(gram).flip(0).clamp(min=0)
    shares: Tensor = values / values.sum()
    return shares
