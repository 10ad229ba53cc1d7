"""Integrated gradients: a class score's change from a baseline to the image, shared out among the pixels.

The integral is a Gauss-Legendre sum over images between the two. What stands before a network's first layer with
weights is usually affine: there the images between are images between, too, so they are mixed behind that layer, the
gradients of all are summed there, and the layer itself is passed twice and not as often as there are steps. Whether
that holds is tried out on the way, on the numbers; where it does not, every step passes the whole network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.arguments import public
from glassworks.interpret.access.checks import check_count
from glassworks.interpret.access.points import of_this_thread
from glassworks.interpret.images.scores import (
    MAX_BYTES,
    Targets,
    at_once,
    channels_last,
    check_images,
    classes_of,
    prepared,
    refuse_infinite,
    scores_of,
)

BETWEEN = 0.37  # a place on the way that no quadrature has, where it is tried out whether the front is affine
CLOSE = 1e-5  # of the largest number, within which two computations of the same are equal
LAYERS = (nn.modules.conv._ConvNd, nn.Linear)


@public
def integrated_gradients_map(
    model: nn.Module,
    images: Float[Tensor, "B C H W"],
    targets: Targets = None,
    *,
    baseline: Tensor | float = 0.0,
    steps: int = 50,
    max_bytes: int = MAX_BYTES,
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, " B"]]:
    """Each pixel's share in F(image) - F(baseline), and what the shares fail to add up to.

    Sundararajan, Taly & Yan 2017 (1703.01365), equation 1; F is the class score. The second result is the gap of
    completeness: the sum of all shares less F(image) - F(baseline). It shrinks with more steps.

    Args:
        model: any module whose outputs are scores (B, K).
        images: the images.
        targets: the class asked about.
        baseline: what stands for "nothing": a number, one image, or one for each. All depends on it.
        steps: points of the quadrature.
        max_bytes: what activations may take.
    """
    images = check_images(images)
    check_count("steps", steps, 1)
    classes, ends = classes_of(model, images, targets, max_bytes), baselines(images, baseline)
    size = at_once(model, images, steps, max_bytes)
    places, weights = quadrature(steps, images)
    shares, gaps = [], []
    with prepared(model) as root, torch.enable_grad():
        for i in range(len(images)):
            gradient, change = path_gradient(
                root, images[i : i + 1], ends[i : i + 1], classes[i], places, weights, size
            )
            shares.append(gradient * (images[i] - ends[i]))
            gaps.append(shares[-1].double().sum() - change)
    return refuse_infinite(model, images, torch.stack(shares)), torch.stack(gaps)


def baselines(images: Tensor, baseline: Tensor | float) -> Float[Tensor, "B C H W"]:
    """A baseline as images: a number, one image for all, or one each."""
    found = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)
    try:
        return found.expand(images.shape)
    except RuntimeError:
        raise ValueError(
            f"baseline (of shape {tuple(found.shape)}) must be a number or images like {tuple(images.shape)}"
        ) from None


def quadrature(steps: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Places between 0 and 1, and weights that sum to 1: Gauss-Legendre, exact up to degree 2 * steps - 1."""
    import numpy as np

    places, weights = np.polynomial.legendre.leggauss(steps)
    return torch.from_numpy((places + 1) / 2).to(like), torch.from_numpy(weights / 2).to(like)


# ----------------------------------------------------------------------------------------------------------------------
# One image


def path_gradient(
    model: nn.Module, image: Tensor, end: Tensor, of: Tensor, places: Tensor, weights: Tensor, size: int
) -> tuple[Tensor, Tensor]:
    """The mean gradient along the way from a baseline to an image (C, H, W), and the change of the score."""
    x = image.clone().requires_grad_()
    with seen_first(model) as seen:
        scores = scores_of(model(torch.cat([x, end, torch.lerp(end, image, BETWEEN)])), of.expand(3))
    change = (scores[0] - scores[1]).detach().double()
    if len(seen) == 1 and is_affine(seen[0][1]):
        module, front = seen[0]
        summed = behind(model, module, front.detach(), end, of, places, weights, size, scores[0].detach())
        if summed is not None:
            (gradient,) = torch.autograd.grad(front[:1], x, summed)
            return gradient[0], change
    total = torch.zeros_like(image)
    for at, weight in zip(torch.split(places, size), torch.split(weights, size), strict=True):
        y = channels_last(end + at.view(-1, 1, 1, 1) * (image - end)).requires_grad_()
        (gradient,) = torch.autograd.grad((weight * scores_of(model(y), of.expand(len(at)))).sum(), y)
        total += gradient.sum(0)
    return total[0], change


@contextmanager
def seen_first(model: nn.Module) -> Iterator[list[tuple[nn.Module, Tensor]]]:
    """The first layer with weights that is called, with what it returns; other modules if it is called again."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def look(module: nn.Module, _args: Any, output: Any) -> Tensor | None:
        if seen and module is not seen[0][0]:
            return None
        seen.append((module, output))
        copied: Tensor = output.clone()  # what follows may work in place
        return copied

    hooks = [m.register_forward_hook(of_this_thread(look)) for m in model.modules() if isinstance(m, LAYERS)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def is_affine(front: Tensor) -> bool:
    """Whether values of an image, a baseline and one between lie on a line."""
    if len(front) != 3:
        return False
    image, end, between = front.detach()
    return bool((torch.lerp(end, image, BETWEEN) - between).abs().max() <= CLOSE * front.detach().abs().max())


def behind(
    model: nn.Module,
    module: nn.Module,
    front: Tensor,
    dummy: Tensor,
    of: Tensor,
    places: Tensor,
    weights: Tensor,
    size: int,
    score: Tensor,
) -> Tensor | None:
    """The mean gradient where a layer's values lie on a line; None if the scores do not hang on these alone.

    The model is given the baseline and no image, and the layer's values are put in the place of what it makes of it.
    The last of them are the image's: their score must be the image's own.
    """
    end = channels_last(front[1:2]).requires_grad_()
    along = channels_last(front[:1] - front[1:2])
    at = torch.cat([places, places.new_ones(1)])
    weight = torch.cat([weights, weights.new_zeros(1)])
    total: Tensor = torch.zeros_like(end)
    values: Tensor = end
    hook = module.register_forward_hook(of_this_thread(lambda *_: values))
    try:
        for a, w in zip(torch.split(at, size), torch.split(weight, size), strict=True):
            values = torch.addcmul(end, a.view(-1, *[1] * (front.ndim - 1)), along)
            scores = scores_of(model(dummy), of.expand(len(a)))
            (gradient,) = torch.autograd.grad((w * scores).sum(), end)
            total += gradient
        off = float((scores[-1].detach() - score).abs() / score.abs().clamp(min=1))
    except (RuntimeError, ValueError):
        return None  # it counts the images that it was given
    finally:
        hook.remove()
    return total if off <= CLOSE else None
