"""Forward gradients: the gradient's part in a random direction, exactly, in one pass forward.

    g = (grad L . v) v        v normal, so that the mean of g is the gradient

The slope grad L . v is found with the loss by forward-mode differentiation, which carries a tangent beside every
activation: nothing is kept for a way back. What is exact of a slope is little of a gradient, though: the error of g is
that of all the other directions, and grows with the number of weights.

It costs about two passes forward, and as much memory as two.
Attention is computed explicitly, for its fused kernels carry no tangents.

Source: Baydin et al. 2022 (https://arxiv.org/abs/2202.08587), algorithm 1.
"""

import importlib
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from glassworks.optim.gradient_free.evaluation.left import same_numbers
from glassworks.optim.gradient_free.search import mixed
from glassworks.optim.gradient_free.slopes import Slopes


class ForwardGradient(Slopes):
    """Down the mean of the gradient's parts in some random directions."""

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 2e-3,
        population: int = 1,
        steepest: float | None = 3.0,
        seed: int = 0,
    ) -> None:
        """What is moved, and how far.

        Args:
            params: as of any optimizer, in one group.
            lr: of the estimated gradient. What is stable is about 2 / (the trace of the loss's Hessian) times the
                population, up to as many as there are weights.
            population: directions of a step, each a pass.
            steepest: a slope beyond it counts as that one (see `slopes`). None = off.
            seed: of the directions.
        """
        super().__init__(params, {"lr": lr, "population": population, "steepest": steepest, "seed": seed})

    def descend(self, closure: Callable[[], Any]) -> tuple[Any, int]:
        """Slopes in as many directions, then down; those that are no number, or infinite, are left out."""
        settings, loss = self.param_groups[0], None
        generator = torch.Generator(self.weights[0].device)
        generator.manual_seed(self.key)
        total = [torch.zeros_like(p) for p in self.weights]
        found = 0
        for _ in range(settings["population"]):
            tangents = [torch.randn(p.shape, generator=generator, device=p.device).to(p.dtype) for p in self.weights]
            with same_numbers(mixed(self.key, 1), self.weights):  # what dropout drops, in every direction
                value, slope = slope_of(closure, self.weights, tangents)
            loss = value if loss is None else loss
            if slope.isfinite():
                torch._foreach_add_(total, torch._foreach_mul(tangents, self.bounded(slope.item())))
                found += 1
        if found:
            torch._foreach_add_(self.weights, total, alpha=-settings["lr"] / found)
        self.last = {"failed": float(settings["population"] - found)}
        return loss, 2 * settings["population"]  # a direction's pass counts as two


def slope_of(closure: Callable[[], Any], weights: list[Tensor], tangents: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The loss, and how fast it changes as the weights move along tangents: both scalars.

    Raises: ValueError where a layer has no forward-mode derivative, or where the closure's loss carries no tangent.
    """
    prepare()
    with forward_ad.dual_level(), sdpa_kernel(SDPBackend.MATH):
        for p, tangent in zip(weights, tangents, strict=True):
            p.copy_(forward_ad.make_dual(p.detach().clone(), tangent))  # type: ignore[no-untyped-call]
        try:
            found = forward_ad.unpack_dual(torch.as_tensor(closure()))  # type: ignore[no-untyped-call]
        except NotImplementedError as error:
            reason = str(error).strip().split("\n")[0]
            raise ValueError(
                f"forward gradients need forward-mode derivatives of all layers, or take mezo: {reason}"
            ) from None
        if found.tangent is None:
            raise ValueError(
                "the closure's loss carries no tangent: return the loss itself, neither detached nor a number"
            )
        place = getattr(closure, "place", None)
        slope = found.tangent.clone() if place is None else place.sum(found.tangent.clone())
        return found.primal.clone(), slope


@cache
def prepare() -> None:
    """Let torch read its forward-mode formulas, which it does by a compiler of its own that it calls deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("torch._decomp.decompositions_for_jvp")
