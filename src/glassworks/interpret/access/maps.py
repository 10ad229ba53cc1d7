"""Values with places: a convolution's map, a sequence, or a matrix, as the numbers of each place."""

from jaxtyping import Float
from torch import Tensor, nn

PLANES = {nn.Conv2d: 4, nn.ConvTranspose2d: 4, nn.Conv3d: 5, nn.ConvTranspose3d: 5}
"""Axes of the maps that convolutions make, examples and channels included."""


def is_map(model: nn.Module, x: Tensor) -> bool:
    """Whether a tensor is a convolution's map: (B, C, H, W) in a model with 2-D ones, (B, C, D, H, W) with 3-D ones."""
    kinds = tuple(kind for kind, axes in PLANES.items() if axes == x.ndim)
    return bool(kinds) and any(isinstance(module, kinds) for module in model.modules())


def by_place(model: nn.Module, x: Tensor) -> Tensor:
    """A point's tensor with channels last, if it is a map."""
    return x.movedim(1, -1) if is_map(model, x) else x


def places(model: nn.Module, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B P F"]:
    """A point's tensor as the F numbers of each of P places: a map's (H, W), a sequence's T, or one for a matrix."""
    if x.ndim < 3:
        return x.reshape(len(x), 1, -1)
    return x.flatten(2).transpose(1, 2) if is_map(model, x) else x.flatten(2)


def unplaced(model: nn.Module, x: Float[Tensor, "B P F"], like: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
    """What `places` made of a tensor, in that tensor's shape again."""
    return (x.transpose(1, 2) if is_map(model, like) else x).reshape(like.shape)
