"""A particle swarm: each particle is drawn to the best place that it has seen, and to the best that any has.

    v <- lr chi (v + phi_1 r_1 (own best - x) + phi_2 r_2 (best - x)),   x <- x + v

r_1 and r_2 are uniform in [0, 1], anew for each weight; phi_1 = phi_2 = 2.05, and chi = 0.7298 constricts the swarm so
that it neither bursts nor freezes. lr below 1 slows it.

    chi = 2 / |2 - phi - sqrt(phi^2 - 4 phi)|,   phi = phi_1 + phi_2 > 4

Source: Clerc & Kennedy 2002, "The Particle Swarm: Explosion, Stability, and Convergence"
(https://doi.org/10.1109/4235.985692), type 1''; velocities begin at 0 (Engelbrecht 2012).
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.heuristics.kept import told_of
from glassworks.optim.gradient_free.heuristics.scale import around, own_scale
from glassworks.optim.gradient_free.search import Search

PHI = 2.05
CONSTRICTION = 2 / abs(2 - 2 * PHI - math.sqrt((2 * PHI) ** 2 - 8 * PHI))


class ParticleSwarm(Search):
    """A swarm in which all know the best; holds three times `population` copies of the weights.

    Args:
        params: weights, in one group.
        lr: what velocities are multiplied by.
        sigma: deviation of the first particles about the module's weights, in that of its own tensors.
        population: particles.
        noisy: measure each particle's best place again in every generation, on the batch at hand, which doubles its
            cost; False where the loss of the same weights is always the same.
        seed: of particles and pulls.
    """

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float = 1.0,
        sigma: float = 0.3,
        population: int = 32,
        noisy: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(params, population=population, seed=seed, lr=lr, sigma=sigma, noisy=noisy)
        self.memory["scale"] = own_scale(self.weights)

    def draw(self, generator: torch.Generator) -> Float[Tensor, "P D"]:
        """Where each particle goes; before, its best place, where that is measured again."""
        settings, memory = self.settings, self.memory
        if "places" not in memory:
            return around(self, settings["sigma"] * memory["scale"], settings["population"] - 1)
        places, best = memory["places"], memory["best"]
        own, common = torch.rand(2, *places.shape, generator=generator, dtype=places.dtype, device=places.device)
        pull = own.mul_(best - places).add_(common.mul_(memory["mean"] - places))
        moved = places + settings["lr"] * CONSTRICTION * (memory["velocity"] + PHI * pull)
        return torch.cat([best, moved]) if settings["noisy"] else moved

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Each particle remembers its best place, the swarm the best of all."""
        memory, population = self.memory, self.settings["population"]
        if candidates is not self.asked:
            told_of(memory, "best", candidates, losses)
            return
        places, here = candidates[-population:], losses[-population:]
        if "places" not in memory:
            memory |= {"velocity": torch.zeros_like(places), "best": places.clone(), "losses": here.clone()}
        else:
            before = losses[:population] if len(candidates) > population else memory["losses"]
            better = here < before
            memory["velocity"] = places - memory["places"]
            memory["best"] = torch.where(better[:, None], places, memory["best"])
            memory["losses"] = torch.where(better, here, before)
        memory["places"] = places.clone()
        memory["mean"] = memory["best"][memory["losses"].argmin()].clone()
