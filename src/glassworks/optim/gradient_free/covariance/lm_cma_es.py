"""Limited-memory CMA-ES: a covariance of a few directions, each a path that the mean once went; for many weights.

A is never written down. It is the product of as many rank-one changes as there are directions p_t held,

    A_0 = I,   A_t+1 = a A_t + b_t p_t v_t',   v_t = A_t^-1 p_t,   a = sqrt(1 - c_1)
    b_t = a / |v_t|^2 (sqrt(1 + c_1 / (1 - c_1) |v_t|^2) - 1)

so that A z = a^m z + sum of a^(m - 1 - t) b_t (v_t' z) p_t, two thin products for a whole population. Every T
generations the path of the mean becomes a direction; one is dropped for it, the younger of two that lie closest in
time where that is closer than D generations, else the oldest. In the paper the step size follows success, the ranks of
this generation's losses among the last one's,

    s <- 0.7 s + 0.3 ((sum of last ranks - sum of ranks) / P^2 - z*),   sigma <- sigma exp(s)

which takes losses that change from batch to batch for failure, and ends at sigma = 0. So that is for losses that do
not, and others have the path of `adaptation`, in the coordinates z, as the successor LM-MA-ES (Loshchilov et al. 2018)
has it: where ranks are chance, it neither grows nor shrinks. Candidates come in opposite pairs, each pair from the
youngest 4 |N(0, 1)| directions alone (the first from 40 |N|).

Source: Loshchilov 2017, "LM-CMA: an Alternative to L-BFGS for Large Scale Black-box Optimization" (Evolutionary
Computation 25(1), https://arxiv.org/abs/1511.00221), algorithms 3 to 7; z is normal, as in the version of 2014
(https://arxiv.org/abs/1404.5520), where that of 2017 draws signs, of which few weights have few.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.covariance.constants import Constants, constants, shares
from glassworks.optim.gradient_free.evolution.gaussian import normal
from glassworks.optim.gradient_free.search import Search

TARGET = 0.3
"""z*: how much better a generation must be than the last for sigma to stay."""
LEAST, MOST = 1e-30, 1e30
"""Where sigma ends: on a flat function it would fall or grow until paths, which are over it, are no numbers."""


class LMCMAES(Search):
    """Learns a covariance of 4 + 3 ln D directions: linear in memory and, but for that factor, in time.

    Args:
        params: weights, in one group.
        lr: what the mean's step is multiplied by.
        sigma: first step size, in the weights' units.
        population: candidates a generation; None = 4 + 3 ln D.
        noisy: the step size by its path; False where the loss of the same weights is always the same: by success.
        seed: of the candidates.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.05,
        population: int | None = None,
        noisy: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, noisy=noisy)
        mean = self.memory["mean"]
        constants(len(mean), self.settings["population"])  # refuses one candidate
        held = 4 + int(3 * math.log(len(mean)))
        self.memory.update(
            sigma=float(sigma),
            success=0.0,
            path=torch.zeros_like(mean),
            step_path=torch.zeros_like(mean),
            held=0,
            paths=mean.new_zeros(held, len(mean)),
            inverses=mean.new_zeros(held, len(mean)),
            gains=mean.new_zeros(held),
            born=torch.zeros(held, dtype=torch.int64, device=mean.device),
            losses=mean.new_zeros(0),
        )

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Opposite pairs about the mean; the last of an odd number has none."""
        z = self.noise()
        reach = 4 * torch.randn(len(z), generator=generator, dtype=z.dtype, device=z.device).abs()
        reach[0] *= 10
        steps = pairs(self.coloured(z, reach))[: self.settings["population"]]
        return torch.add(self.memory["mean"], steps, alpha=self.memory["sigma"])

    def noise(self) -> Float[Tensor, "P D"]:
        """The z of one of each pair of this generation."""
        return normal(self.key, range((self.settings["population"] + 1) // 2), self.memory["mean"])

    def coloured(self, z: Float[Tensor, "P D"], reach: Float[Tensor, " P"]) -> Float[Tensor, "P D"]:
        """A z of each row, A made of the youngest `reach` directions alone."""
        memory, held = self.memory, self.memory["held"]
        age = torch.arange(held - 1, -1, -1, device=z.device)
        a = math.sqrt(1 - c_1(z.size(1)))
        used = reach.floor().clamp(max=held)
        along = (z @ memory["inverses"][:held].T) * memory["gains"][:held] * a**age * (age < used[:, None])
        return torch.addmm(z * (a**used)[:, None], along, memory["paths"][:held])

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Towards the better ones; every T generations a direction; and the step size.

        Of candidates that it did not ask for, a path of the step size learns nothing.
        """
        memory, dimension = self.memory, candidates.size(1)
        mean, known = memory["mean"], constants(dimension, len(losses))
        leading = shares(losses, known).clamp(min=0)
        step = leading @ (candidates - mean)
        c = 0.5 / math.sqrt(dimension)
        memory["path"].mul_(1 - c).add_(step, alpha=math.sqrt(c * (2 - c) * known.mu_eff) / memory["sigma"])
        if candidates is self.asked and self.settings["noisy"]:
            self.by_path(leading @ pairs(self.noise())[: len(losses)], known)
        mean.add_(step, alpha=self.settings["lr"])
        if memory["generation"] % max(1, int(math.log(dimension))) == 0:
            self.remember(memory["path"])
        if not self.settings["noisy"]:
            self.by_success(losses)
        memory["sigma"] = min(MOST, max(LEAST, memory["sigma"]))

    def by_path(self, step: Float[Tensor, " D"], known: Constants) -> None:
        """The step size grows where steps in the coordinates z go the same way, and shrinks where they go back.

        What is opposite of a candidate takes from its step: of chance ranks, the square of the sum is less by a share.
        """
        c, path = known.c_sigma, self.memory["step_path"]
        worth = known.mu_eff / (1 - (known.mu_eff - 1) / (len(known.weights) - 1))
        path.mul_(1 - c).add_(step, alpha=math.sqrt(c * (2 - c) * worth))
        self.memory["sigma"] *= math.exp(min(1.0, c / known.d_sigma * (float(path.norm()) / known.chi - 1)))

    def by_success(self, losses: Float[Tensor, " P"]) -> None:
        """The step size grows where losses rank better among the last ones' than z* says, and else shrinks."""
        memory = self.memory
        if len(memory["losses"]):
            memory["success"] = 0.7 * memory["success"] + 0.3 * (success(losses, memory["losses"]) - TARGET)
            memory["sigma"] *= math.exp(memory["success"])
        memory["losses"] = losses.clone()

    def remember(self, path: Float[Tensor, " D"]) -> None:
        """Hold a direction more, in place of one where there is no room; what A is follows from all."""
        memory = self.memory
        paths, born, held = memory["paths"], memory["born"], memory["held"]
        if held == len(paths):
            gaps = born.diff()
            close = int(gaps.argmin())
            dropped = close + 1 if gaps[close] < len(path) else 0
            paths[dropped:-1], born[dropped:-1] = paths[dropped + 1 :].clone(), born[dropped + 1 :].clone()
            held -= 1
        paths[held], born[held] = path, memory["generation"]
        memory["held"] = held + 1
        memory["inverses"], memory["gains"] = inverses(paths, memory["held"])

    def numbers(self) -> dict[str, float]:
        """Of any search, and the step size."""
        return {**super().numbers(), "sigma": self.memory["sigma"]}


def pairs(steps: Float[Tensor, "P D"]) -> Float[Tensor, "Q D"]:
    """Each, and its opposite after it."""
    return torch.stack([steps, -steps], 1).flatten(0, 1)


def c_1(dimension: int) -> float:
    """The share of the covariance that each direction makes up."""
    return 1 / (10 * math.log(dimension + 1))


def inverses(paths: Float[Tensor, "M D"], held: int) -> tuple[Float[Tensor, "M D"], Float[Tensor, " M"]]:
    """v_t = A_t^-1 p_t and b_t of each direction held; a path of length 0 changes nothing."""
    share = c_1(paths.size(1))
    a = math.sqrt(1 - share)
    v, gains = paths.clone(), paths.new_zeros(len(paths))
    for t in range(held):
        square = float(v[t].square().sum())
        longer = math.sqrt(1 + share / (1 - share) * square)
        gains[t] = a / square * (longer - 1) if square else 0.0
        if square:
            v[t + 1 : held] -= torch.outer(v[t + 1 : held] @ v[t], v[t]) * ((1 - 1 / longer) / square)
        v[t + 1 : held] /= a
    return v, gains


def success(losses: Float[Tensor, " P"], last: Float[Tensor, " Q"]) -> float:
    """How much better losses rank than the last ones: from -1, all are worse, to 1."""
    ranks = torch.empty(len(losses) + len(last), dtype=torch.float64, device=losses.device)
    ranks[torch.cat([losses, last]).argsort(stable=True)] = torch.arange(
        len(ranks), dtype=torch.float64, device=losses.device
    )
    return float(ranks[len(losses) :].mean() - ranks[: len(losses)].mean()) / ((len(losses) + len(last)) / 2)
