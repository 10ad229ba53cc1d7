"""Nelder and Mead's simplex: D + 1 points that roll downhill, stretch where it is steep and shrink where it is not.

The worst point is reflected in the middle of the others; if that is the best so far it is tried twice as far, if it is
still the worst a point between is, and if that does not help all points move towards the best. The factors depend on
the number of weights, without which it hardly moves beyond ten; with two weights they are Nelder and Mead's own.

It does what `scipy.optimize.minimize(method="Nelder-Mead", options={"adaptive": True})` does, evaluation by evaluation
(tested); only that it can be stopped between any two of them, and goes on.

Sources: Nelder & Mead 1965 (https://doi.org/10.1093/comjnl/7.4.308); the factors are those of Gao & Han 2012
(https://doi.org/10.1007/s10589-010-9329-3), section 4.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.few import Sequential

MOST = 1000
"""Weights. Beyond some tens it is slow, and beyond some hundreds it may stand still: then another method is better."""


class NelderMead(Sequential):
    """A simplex around the weights as they are, sigma wide along each axis."""

    def __init__(self, params: Iterable[Any], *, sigma: float = 0.1, population: int = 16, seed: int = 0) -> None:
        """What is moved, and how far.

        Args:
            params: as of any optimizer, in one group.
            sigma: how far the first points are from the weights as they are, each along one axis.
            population: candidates tried in a step.
            seed: of nothing; nothing is drawn.
        """
        super().__init__(params, most=MOST, sigma=sigma, population=population, seed=seed)
        mean = self.memory["mean"]
        self.memory["simplex"] = torch.cat([mean[None], mean + sigma * torch.eye(len(mean)).to(mean)])  # (D + 1, D)
        self.memory["losses"] = torch.zeros(len(mean) + 1).to(mean)
        self.memory.update(doing="begin", at=0)
        self.memory["reflected"], self.memory["reflected_loss"] = mean.clone(), 0.0

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """The next point, by what is being done."""
        memory = self.memory
        simplex: Tensor = memory["simplex"]
        doing, d = memory["doing"], len(memory["mean"])
        if doing in ("begin", "shrink"):
            return simplex[memory["at"]][None].clone()
        middle, worst = simplex[:-1].sum(0) / d, simplex[-1]
        far = {"reflect": 1.0, "expand": 1 + 2 / d, "outside": 0.75 - 0.5 / d, "inside": 0.5 / d - 0.75}[doing]
        return ((1 + far) * middle - far * worst)[None]

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """What to do next; where a round has ended, order the points by their losses."""
        memory, point, loss = self.memory, candidates[0], float(losses)
        ordered, doing = memory["losses"], memory["doing"]
        if doing in ("begin", "shrink"):
            ordered[memory["at"]] = loss
            memory["at"] += 1
            if memory["at"] == len(ordered):
                self.order()
        elif doing == "reflect":
            memory["reflected"], memory["reflected_loss"] = point.clone(), loss
            if loss < ordered[0]:
                memory["doing"] = "expand"
            elif loss < ordered[-2]:
                self.replace(point, loss)
            else:
                memory["doing"] = "outside" if loss < ordered[-1] else "inside"
        elif doing == "expand":
            is_better = loss < memory["reflected_loss"]
            self.replace(*((point, loss) if is_better else (memory["reflected"], memory["reflected_loss"])))
        elif (doing == "outside" and loss <= memory["reflected_loss"]) or (doing == "inside" and loss < ordered[-1]):
            self.replace(point, loss)
        else:
            best, d = memory["simplex"][0], len(point)
            memory["simplex"][1:] = best + (1 - 1 / d) * (memory["simplex"][1:] - best)
            memory.update(doing="shrink", at=1)

    def replace(self, point: Float[Tensor, " D"], loss: float) -> None:
        """Take a point in for the worst."""
        self.memory["simplex"][-1], self.memory["losses"][-1] = point, loss
        self.order()

    def order(self) -> None:
        """The best point first, the worst last; the next round begins by reflecting that."""
        memory = self.memory
        order = memory["losses"].argsort(stable=True)
        memory["simplex"], memory["losses"] = memory["simplex"][order], memory["losses"][order]
        memory["doing"] = "reflect"
