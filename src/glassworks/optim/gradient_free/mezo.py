"""MeZO: a gradient from two losses, in place, so that training takes the memory of inference.

    g = (L(theta + e z) - L(theta - e z)) / (2 e)        theta <- theta - lr (g z + weight_decay theta)

z is normal, and never kept: its numbers are drawn again from their seed each time that they are needed, a million at
a time. Weights are moved there and back by sums that round, so a weight drifts by some units of its last place, as
in the paper's own code; whoever has the memory takes `spsa`, which does not.

Source: Malladi et al. 2023 (https://arxiv.org/abs/2305.17333), algorithm 1.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from glassworks.optim.gradient_free.evaluation.left import same_numbers
from glassworks.optim.gradient_free.search import mixed
from glassworks.optim.gradient_free.slopes import Slopes

CHUNK = 2**20
"""Numbers drawn at a time, at most, but for a row that has more."""


class MeZO(Slopes):
    """Three losses a step: of the weights as they are, which is returned, and of the weights moved to both sides."""

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 2e-3,
        sigma: float = 1e-3,
        weight_decay: float = 0.0,
        steepest: float | None = 3.0,
        seed: int = 0,
    ) -> None:
        """What is moved, and how far.

        Args:
            params: as of any optimizer, in one group.
            lr: of the estimated gradient. What is stable is about 2 / (the trace of the loss's Hessian): 1e-6 of a
                large language model.
            sigma: e, how far to both sides a loss is taken.
            weight_decay: added to the gradient, as a penalty's.
            steepest: a slope beyond it counts as that one (see `slopes`). None = off.
            seed: of the directions.
        """
        super().__init__(
            params, {"lr": lr, "sigma": sigma, "weight_decay": weight_decay, "steepest": steepest, "seed": seed}
        )

    def descend(self, closure: Callable[[], Any]) -> tuple[Any, int]:
        """Once to both sides, then down. Where a loss to a side is no number, or infinite, the weights stay."""
        settings, far = self.param_groups[0], self.param_groups[0]["sigma"]
        loss = self.loss(closure)
        self.move(far)
        up = float(self.loss(closure))
        self.move(-2 * far)
        down = float(self.loss(closure))
        slope = (up - down) / (2 * far)
        failed = not torch.tensor([up, down]).isfinite().all()
        self.move(far if failed else far - settings["lr"] * self.bounded(slope))
        if settings["weight_decay"] and not failed:
            torch._foreach_mul_(self.weights, 1 - settings["lr"] * settings["weight_decay"])
        self.last = {"failed": float(failed), **({} if failed else {"slope": slope})}
        return loss, 3

    def loss(self, closure: Callable[[], Any]) -> Any:
        """The loss now, by the same random numbers whenever it is asked for in this step: dropout drops the same."""
        with same_numbers(mixed(self.key, 1), self.weights):
            return closure()

    def move(self, far: float) -> None:
        """Move all weights so far in this step's direction."""
        generator = torch.Generator(self.weights[0].device)
        generator.manual_seed(self.key)
        for p in self.weights:
            rows = p.detach() if p.ndim else p.detach()[None]
            for some in torch.split(rows, max(1, CHUNK * len(rows) // max(1, rows.numel()))):
                some.add_(torch.randn(some.shape, generator=generator, device=p.device), alpha=far)
