"""Differential evolution: steps are differences between members, so that they fit the valley and shrink with it.

    v = x_r1 + lr (x_r2 - x_r3)                              rand/1
    v = x_i + lr (x_best - x_i) + lr (x_r1 - x_r2)           current-to-best/1
    u_j = v_j where a coin of probability `crossover` says so, and at one j in any case; x_ij elsewhere  (bin)
    x_i <- u where the loss of u is not above that of x_i

r1, r2, r3 and i are all different; lr is what is called F. Moving all members moves all trials: nothing depends on
where the origin is.

Source: Storn & Price 1997, "Differential Evolution" (https://doi.org/10.1023/A:1008202821328), equations 2 to 6;
current-to-best with one F, as in Price, Storn & Lampinen 2005.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glassworks.optim.gradient_free.heuristics.kept import told_of
from glassworks.optim.gradient_free.heuristics.scale import around, own_scale
from glassworks.optim.gradient_free.search import Search
from glassworks.optim.gradient_free.settings import check_share

FEWEST = {"rand": 4, "current-to-best": 3}
"""How many members a strategy takes."""


class DifferentialEvolution(Search):
    """rand/1/bin or current-to-best/1/bin; holds `population` copies of the weights.

    Args:
        params: weights, in one group.
        lr: F, the weight of differences.
        sigma: deviation of the first members about the module's weights, in that of its own tensors.
        population: members.
        strategy: what a trial starts from; "rand", or "current-to-best", the greedier.
        crossover: the share of weights that a trial has of the difference (CR).
        noisy: measure members again in every generation, on the batch at hand, which doubles its cost; False where the
            loss of the same weights is always the same.
        seed: of members and trials.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 0.7,
        sigma: float = 1.0,
        population: int = 32,
        strategy: str = "current-to-best",
        crossover: float = 0.9,
        noisy: bool = True,
        seed: int = 0,
    ) -> None:
        if strategy not in FEWEST:
            raise ValueError(f"strategy (={strategy!r}) must be one of {', '.join(FEWEST)}")
        check_share("crossover", crossover)
        if population < FEWEST[strategy]:
            raise ValueError(
                f"population (={population}) must be at least {FEWEST[strategy]}: a trial of strategy {strategy!r} is "
                "made of so many different members"
            )
        settings = {"lr": lr, "sigma": sigma, "strategy": strategy, "crossover": crossover, "noisy": noisy}
        super().__init__(params, population=population, seed=seed, **settings)
        self.memory["scale"] = own_scale(self.weights)

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Members, where their losses are not known, then a trial for each."""
        settings, memory = self.settings, self.memory
        members = memory.get("members")
        if members is None:
            members = around(self, settings["sigma"] * memory["scale"], settings["population"] - 1)
        trials = self.trials(members, generator)
        return trials if "losses" in memory and not settings["noisy"] else torch.cat([members, trials])

    def trials(self, members: Float[Tensor, "P D"], generator: torch.Generator) -> Float[Tensor, "P D"]:
        """One for each member."""
        settings = self.settings
        like: dict[str, Any] = {"generator": generator, "device": members.device}
        others = different(len(members), FEWEST[settings["strategy"]] - 1, generator)
        if settings["strategy"] == "rand":
            donors = members[others[0]] + settings["lr"] * (members[others[1]] - members[others[2]])
        else:
            difference = members[others[0]] - members[others[1]]
            donors = members + settings["lr"] * (self.memory["mean"] - members + difference)
        taken = torch.rand(members.shape, **like) < settings["crossover"]
        taken.scatter_(1, torch.randint(members.size(1), (len(members), 1), **like), True)
        return torch.where(taken, donors, members)

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """A trial takes its member's place where it is no worse."""
        memory, population = self.memory, self.settings["population"]
        if candidates is not self.asked:
            told_of(memory, "members", candidates, losses)
            return
        trials, trial_losses = candidates[-population:], losses[-population:]
        measured = len(candidates) > population
        members = candidates[:population] if measured else memory["members"]
        before = losses[:population] if measured else memory["losses"]
        better = trial_losses <= before
        memory["members"] = torch.where(better[:, None], trials, members)
        memory["losses"] = torch.where(better, trial_losses, before)
        memory["mean"] = memory["members"][memory["losses"].argmin()].clone()


def different(count: int, others: int, generator: torch.Generator) -> Int[Tensor, "R P"]:
    """For each of `count` members, the numbers of `others` more, all different and none its own."""
    order = torch.rand(count, count, generator=generator, device=generator.device)
    order.fill_diagonal_(2.0)
    return order.argsort(1)[:, :others].T
