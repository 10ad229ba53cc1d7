"""The weights of an optimizer as one vector, and back."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def check_weights(params: Sequence[Tensor]) -> None:
    """Refuse weights that cannot be moved by real numbers, or that lie on several devices."""
    if not sum(p.numel() for p in params):
        raise ValueError("params (=[]) has no weights to move: give a module that has some which want gradients")
    for p in params:
        if not p.is_floating_point():
            raise ValueError(f"a parameter of shape {tuple(p.shape)} is {p.dtype}: give floating-point weights alone")
    if len({p.device for p in params}) > 1:
        raise ValueError("the weights lie on several devices: bring the module to one by .to(device)")


@torch.no_grad()
def read(params: Sequence[Tensor]) -> Float[Tensor, " D"]:
    """All weights, one after the other in their order, as one vector of float32 (float64 where one of them is)."""
    wide = any(p.dtype == torch.float64 for p in params)
    return torch.cat([p.detach().reshape(-1).to(torch.float64 if wide else torch.float32) for p in params])


@torch.no_grad()
def write(vector: Float[Tensor, " D"], params: Sequence[Tensor]) -> None:
    """Let the weights be what `read` would give."""
    torch._foreach_copy_(list(params), views(vector, params))


def views(vector: Float[Tensor, "*P D"], params: Sequence[Tensor]) -> list[Tensor]:
    """Each weight's part of the vector, or of each of some, in the weight's shape."""
    parts = torch.split(vector, [p.numel() for p in params], dim=-1)
    return [part.view(*vector.shape[:-1], *p.shape) for part, p in zip(parts, params, strict=True)]
