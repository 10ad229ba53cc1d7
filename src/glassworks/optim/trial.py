"""Any optimizer tried on a function of a vector: that is a module's only weights, its value the closure's loss."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

Value = Callable[[Float[Tensor, " D"]], Tensor]


class Spent(Exception):
    """All evaluations are used."""


class Trial(nn.Module):
    """A place, and the value there: `evaluate` is a closure. An evaluation counts once, three times with its gradient.

    >>> trial = Trial(lambda x: x.square().sum(), torch.ones(2))
    >>> optimizer = SNES(trial.parameters())
    >>> optimizer.step(trial.evaluate)
    tensor(2.)
    """

    def __init__(self, value: Value, start: Float[Tensor, " D"], *, evaluations: int | None = None) -> None:
        super().__init__()
        self.at = nn.Parameter(start.clone())
        self.value, self.left = value, evaluations
        self.seen: list[tuple[Tensor, float]] | None = None
        """Where it was evaluated, and the value there, if this is made a list."""

    def evaluate(self) -> Tensor:
        """The value where the weights are; with its gradient, where gradients are enabled.

        Raises: `Spent` where it may not be evaluated any more.
        """
        wanted = torch.is_grad_enabled()
        if self.left is not None:
            self.left -= 3 if wanted else 1
            if self.left < 0:
                raise Spent
        value = self.value(self.at)
        if self.seen is not None:
            self.seen.append((self.at.detach().clone(), float(value.detach())))
        if wanted:
            self.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
        return value.detach() if wanted else value  # which has its tangent, where there is one
