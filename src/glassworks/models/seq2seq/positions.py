"""Sinusoidal positions, in both orders that are in use ("Attention is all you need", section 3.5).

The number at place i of position p is a sine or cosine of p / 10000^(2j / C), j = 0 ... C/2 - 1:

    interleaved    sin 0, cos 0, sin 1, cos 1, ...   the paper's formula
    concatenated   sin 0, sin 1, ..., cos 0, cos 1, ...   the paper's own code, Marian, and our network

Places of the residual stream have no order of their own: a network with one of them is the same network with the other,
its weights' rows and columns moved.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def sinusoids(positions: int, width: int, *, interleaved: bool = False) -> Float[Tensor, "T C"]:
    """The first positions, computed in float64.

    >>> sinusoids(2, 4)[1]  # sin 1, sin 0.01, cos 1, cos 0.01
    tensor([0.8415, 0.0100, 0.5403, 0.9999])
    """
    if width % 2:
        raise ValueError(f"width (={width}) must be even: positions are pairs of a sine and a cosine")
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = torch.outer(torch.arange(positions, dtype=torch.float64), 10_000.0 ** (-2 * pair / width))  # (T, C/2)
    sine, cosine = angle.sin(), angle.cos()
    both = torch.stack([sine, cosine], -1).flatten(1) if interleaved else torch.cat([sine, cosine], 1)
    return both.float()
