"""What stays from one generation to the next: where a search stands, or members with their losses."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free.search import Search


class Elitist(Search):
    """A search whose first candidate is where it stands; a method says which candidate is next.

    Where it is told of candidates that it did not ask for, it stands in front of them with the loss that it had last.
    """

    first_is_mean = True

    def choose(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> int:
        """Where to stand next: the number of a candidate, 0 to stay. Some of the losses are finite."""
        raise NotImplementedError

    def update(self, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
        """Go there, and remember its loss."""
        memory = self.memory
        if candidates is not self.asked:
            last = memory.get("loss", losses.new_full((1,), torch.inf))
            candidates, losses = torch.cat([memory["mean"][None], candidates]), torch.cat([last, losses])
        chosen = self.choose(candidates, losses)
        memory["mean"], memory["loss"] = candidates[chosen].clone(), losses[chosen : chosen + 1].clone()


def told_of(memory: dict[str, Any], rows: str, candidates: Float[Tensor, "P D"], losses: Float[Tensor, " P"]) -> None:
    """Let candidates replace the worst of `memory[rows]` that they are better than; `memory["losses"]` with them.

    Where there are no rows yet, the best candidate is what they will be drawn about.
    """
    if rows not in memory:
        memory["mean"] = candidates[losses.argmin()].clone()
        return
    own = memory["losses"]
    best = losses.argsort(stable=True)[: len(own)]
    worst = own.argsort(stable=True, descending=True)[: len(best)]
    better = losses[best] < own[worst]
    memory[rows][worst[better]] = candidates[best[better]]
    own[worst[better]] = losses[best[better]]
    memory["mean"] = memory[rows][own.argmin()].clone()
