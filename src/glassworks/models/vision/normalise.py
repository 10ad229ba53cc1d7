"""The first and the last layer of every network: from pixels to numbers around 0, and back to the target's own unit.

Both are part of the network, so that whoever looks inside, exports or asks it deals in pixels and in units that mean
something, and no file beside the weights can be forgotten.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

Numbers = Sequence[float] | NDArray[np.floating] | Tensor


class Normalise(nn.Module):
    """(x - mean) / std, of each channel of an image in [0, 1] or of each feature of a row.

    What is constant (std 0) becomes 0.
    """

    point_axes: ClassVar = {"": "B C H W -> B H W C"}
    mean: Tensor
    std: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape
        places = (1,) * (len(shape) - 1)
        self.register_buffer("mean", torch.zeros(shape[0], *places))
        self.register_buffer("std", torch.ones(shape[0], *places))

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
        """(B, channels, rows, columns) or (B, features), unchanged in shape; ValueError for inputs of another."""
        if x.shape[1:] != self.shape:
            raise ValueError(
                f"inputs have shape {tuple(x.shape)}: this network takes (B, {', '.join(map(str, self.shape))})"
            )
        return (x - self.mean) / self.std

    def set(self, mean: Numbers | None, std: Numbers | None) -> None:
        """Take the statistics of the training data; None = leave them at 0 and 1."""
        for name, values in (("mean", mean), ("std", std)):
            if values is None:
                continue
            buffer: Tensor = getattr(self, name)
            given = torch.as_tensor(values, dtype=buffer.dtype)
            if given.numel() != buffer.numel() or not given.isfinite().all() or (name == "std" and given.min() < 0):
                raise ValueError(
                    f"{name} (={given.tolist()!r:.60}) must be {buffer.numel()} finite numbers, one a channel"
                    + (", none below 0" if name == "std" else "")
                )
            buffer.copy_((torch.where(given > 0, given, 1.0) if name == "std" else given).view_as(buffer))


class Rescale(nn.Module):
    """y · std + mean: what the last layer says, around 0, in the unit of the numbers that are to be said."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def forward(self, y: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        """In the target's unit."""
        return y * self.std + self.mean

    def set(self, mean: float, std: float) -> None:
        """Take the statistics of the training split's targets; a constant target has std 0, which becomes 1."""
        self.mean.fill_(mean)
        self.std.fill_(std or 1.0)
