"""The losses of candidates: each written into the weights in turn, and the closure called."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from glassworks.optim.gradient_free import vector


@torch.no_grad()
def losses_of(
    closure: Callable[[], Any], weights: Sequence[Tensor], candidates: Float[Tensor, "P D"]
) -> Float[Tensor, " P"]:
    """The loss of each candidate; the weights are left as they were.

    Args:
        closure: the loss of the weights as they are. One that has the attributes `net` (a module), `loss_fn` (of a
            module and a batch) and `parts` (batches), as that of `fit`, may be evaluated otherwise, to the same losses.
        weights: what candidates stand for, in order.
        candidates: rows of weights as one vector.
    """
    before = vector.read(weights)
    losses = candidates.new_empty(len(candidates))
    for i, candidate in enumerate(candidates):
        vector.write(candidate, weights)
        losses[i] = torch.as_tensor(closure())
    vector.write(before, weights)
    return losses
