"""The units of a point of any module that takes images: the numbers of each place, read as fast as the point allows.

Letters: B images, C H W their channels, rows and columns, P places of a map (1 of a vector), F units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.axes import Axes, axes_of
from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.finite import check_weights, is_finite, kind, where_it_begins
from glassworks.interpret.access.hooks import capture
from glassworks.interpret.access.maps import finding_maps
from glassworks.interpret.access.points import all_modules, find_points, of_this_thread
from glassworks.interpret.images.scores import check_images


@dataclass(frozen=True, eq=False)
class Units:
    """The units of one point of a model; see `find_units`."""

    model: nn.Module
    point: str
    axes: Axes
    grid: tuple[int, ...]
    """Sizes of a map along its axes of places; () of a vector."""
    count: int
    """F."""

    def rows(self, value: Tensor) -> Float[Tensor, "B P F"]:
        """What `capture` gives at the point, as the F numbers of each of P places."""
        return self.axes.rows(value)

    def read(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B P F"]:
        """A forward pass as far as the point; part of the graph if gradients are on."""
        with uncompiled(self.model) as root, capture(root, self.point) as seen:
            module = all_modules(root)[find_points(root, [self.point])[0].name]
            stop = module.register_forward_hook(of_this_thread(arrive)) if "#" not in self.point else None
            try:
                root(images.clone())  # a copy: the first module may work in place
            except Arrived:
                pass
            finally:
                if stop is not None:
                    stop.remove()
        return self.rows(seen[self.point])

    def check(self, units: Sequence[int]) -> None:
        """Refuse numbers of units that there are not."""
        for unit in units:
            if not 0 <= unit < self.count:
                raise ValueError(f"units (={unit}) must be from 0 to {self.count - 1}, the units of {self.point}")
        if not len(units):
            raise ValueError("units (=[]) must name one at the least")


class Arrived(Exception):
    """A forward pass came to its point."""


def arrive(*_: object) -> None:
    """End a forward pass."""
    raise Arrived


def find_units(model: nn.Module, images: Float[Tensor, "B C H W"], point: str) -> Units:
    """The units of a point, found by a forward pass of the first image.

    A convolution's map (B, F, H, W) has a unit for each channel, a vector (B, F) one for each number, a sequence
    (B, T, F) one for each number of a token; of others `access.axes.describe` says it.

    Raises: ValueError for images that are none, a point that is none or stands for several, and numbers that are not
    finite, naming where they begin.
    """
    check_images(images)
    check_weights(model)
    with torch.no_grad(), capture(model, point) as seen, finding_maps(model, point) as maps:
        model(images[:1].clone())
    if len(seen) != 1:
        raise ValueError(f"point (={point!r}) must stand for one place, not {len(seen)}: {', '.join(seen)}")
    ((key, value),) = seen.items()
    axes = axes_of(model, key, value, maps)
    if not is_finite(value):
        raise ValueError(f"{key} holds {kind(value)}, which begin at {where_it_begins(model, images[:1])}")
    laid = axes.lay(value)
    if len(laid) != 1:
        raise ValueError(f"{key} has shape {tuple(value.shape)} for one image: choose a point with a row for each")
    return Units(model, key, axes, tuple(laid.shape[1 : axes.places]), axes.rows(value).size(2))


def check_targets(targets: Tensor, images: Tensor) -> None:
    """Refuse targets that are not the number of a class for each image."""
    if targets.shape != images.shape[:1] or targets.dtype not in (torch.int64, torch.int32):
        raise ValueError(
            f"targets has shape {tuple(targets.shape)} and dtype {targets.dtype}: give a class number for each of "
            f"{len(images)} images"
        )


def in_parts(images: Tensor, size: int) -> Iterator[Tensor]:
    """So many images at a time."""
    return (images[first : first + size] for first in range(0, len(images), size))


def device_of(model: nn.Module, images: Tensor) -> torch.device:
    """Where the model computes."""
    return next((p.device for p in model.parameters()), images.device)
