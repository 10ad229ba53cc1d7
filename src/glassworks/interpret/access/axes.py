"""Which axes of a point's tensor are places, and which are the numbers of each: told, or known, or refused.

    B T C       a sequence has a row of C numbers for each of its T places; B C, a matrix, has one for each example
    B C H W     a convolution's map has one of C numbers for each of its H W places
    else        whoever knows says so, once: describe(model, {"blocks.*.attn.z": "B H T D -> B T (H D)"})

The arrow puts examples first and the numbers of a place last, as in einops. Which tensors are maps is seen in a forward
pass, and so is which of three axes may be none of a sequence (see `maps`). Shapes do not tell: what 3 heads say of 16
patches is as large as an image.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.compiled import WRAPPER
from glassworks.interpret.access.finite import run_for
from glassworks.interpret.access.maps import Maps, finding_maps
from glassworks.interpret.access.points import find_points, watching

EXAMPLES = {3: "B C T -> B T C", 4: "B H T D -> B T (H D)", 5: "B C D H W -> B D H W C"}
"""What is advised for so many axes."""


@dataclass(frozen=True)
class Axes:
    """The order that puts a tensor's examples first and its numbers last, and how many axes are not numbers."""

    order: tuple[int, ...]
    places: int

    def lay(self, x: Tensor) -> Tensor:
        """The tensor (B, places ..., numbers ...)."""
        return x.permute(self.order)

    def rows(self, x: Float[Tensor, "..."]) -> Float[Tensor, "B P F"]:
        """The F numbers of each of an example's P places."""
        laid = self.lay(x)
        return laid.reshape(len(laid), math.prod(laid.shape[1 : self.places]), math.prod(laid.shape[self.places :]))

    def unlay(self, rows: Tensor, like: Tensor) -> Tensor:
        """Rows, or what `lay` made, in the order and shape of the tensor that they were made of."""
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return rows.reshape(self.lay(like).shape).permute(back)


# ----------------------------------------------------------------------------------------------------------------------
# Told


def describe(model: nn.Module, axes: Mapping[str, str]) -> None:
    """Say which axes of some points are what, for all that is done with this model from now on.

        describe(vit, {"blocks.*.attn.z": "B H T D -> B T (H D)", "blocks.*.attn.pattern": "B H T S -> B T (H S)"})
        describe(resnet, {"layer?": "B C H W -> B H W C"})

    Left of the arrow are the axes as they lie; right of it examples come first, then places, and last the numbers of a
    place: one axis, or several in brackets. It counts for values of as many axes as are named, at names or globs of
    points as `capture` takes them; what is said later goes first. It is kept in the attribute `point_axes` of the
    model, which a class may have of its own, as our attention does, and so may any part of a model, for points inside
    of it.

    Raises: ValueError for what is no dict of texts, a name without a match, and axes that differ between the sides.
    """
    if not isinstance(axes, Mapping) or not all(isinstance(text, str) for pair in axes.items() for text in pair):
        raise ValueError(
            f"axes (={axes!r:.60}) must be a dict of points and axes, as {{'*.z': 'B H T D -> B T (H D)'}}"
        )
    root = getattr(model, WRAPPER, model)
    for pattern in axes.values():
        axes_from(pattern)
    find_points(root, list(axes))
    root.point_axes = {**axes, **{name: old for name, old in patterns_of(root).items() if name not in axes}}


def patterns_of(module: nn.Module) -> Mapping[str, str]:
    """What a module says of the points inside of it."""
    said: Mapping[str, str] = getattr(module, "point_axes", {})
    return said


@cache
def axes_from(pattern: str) -> Axes:
    """The order that is written as "B H T D -> B T (H D)"."""
    match = re.fullmatch(r"\s*(\w+(?:\s+\w+)*)\s*->\s*(\w+(?:\s+\w+)*)\s*(?:\(([\w\s]*)\)\s*)?", pattern)
    left, places, numbers = ([] if match is None else (match[i] or "").split() for i in (1, 2, 3))
    if match is not None and match[3] is None:
        places, numbers = places[:-1], places[-1:]
    if not places or len(set(left)) < len(left) or sorted(left) != sorted(places + numbers):
        raise ValueError(
            f"axes (={pattern!r}) must be the same on both sides of an arrow, first examples and last the numbers of a "
            "place, as 'B H T D -> B T (H D)'"
        )
    return Axes(tuple(left.index(name) for name in places + numbers), len(places))


def described_axes(model: nn.Module, key: str, axes: int) -> Axes | None:
    """What the model, or a part of it that the point is in, says of a value with so many axes."""
    every_call = key.partition("#")[0]
    name, colon, item = every_call.partition(":")
    path, holder = name.split(".") if name else [], getattr(model, WRAPPER, model)
    for depth in range(len(path) + 1):
        inside = ".".join(path[depth:]) + colon + item
        for glob, pattern in patterns_of(holder).items():
            fits = fnmatchcase(inside, glob) or fnmatchcase(inside + key[len(every_call) :], glob)
            if fits and len(axes_from(pattern).order) == axes:
                return axes_from(pattern)
        if depth < len(path):
            below = holder if path[depth] in holder._modules else holder._modules[WRAPPER]
            holder = getattr(below, path[depth])
    return None


# ----------------------------------------------------------------------------------------------------------------------
# Known


def axes_of(model: nn.Module, key: str, x: Tensor, maps: Maps) -> Axes:
    """The axes of a point's value; `maps` is what `finding_maps` found."""
    axes = known_axes(model, key, x.ndim, maps)
    if axes is not None:
        return axes
    if not x.ndim:
        raise ValueError(f"{key} is a single number, without an axis of examples: choose another point")
    letters = " ".join("BTUVWXYZ"[: x.ndim])
    pattern = EXAMPLES.get(x.ndim, f"{letters} -> {letters}")
    others = {3: " (a sequence: 'B T C -> B T C')", 4: " (a convolution's map: 'B C H W -> B H W C')"}
    raise ValueError(
        f"{key} has shape {tuple(x.shape)}, and nothing says which axes are places: call {__name__}.describe(model, "
        f"{{{key.partition('#')[0]!r}: {pattern!r}}}), with the axes as they are{others.get(x.ndim, '')}"
    )


def known_axes(model: nn.Module, key: str, axes: int, maps: Maps) -> Axes | None:
    """The axes of a value with so many of them, as they are told or known; None if they are neither."""
    described = described_axes(model, key, axes)
    if described is None and key in maps.points:
        return Axes((0, *range(2, axes), 1), axes - 1)
    if described is None and 1 <= axes <= 3 and key not in maps.doubtful:
        return Axes(tuple(range(axes)), max(1, axes - 1))
    return described


@torch.no_grad()
def axes_at(model: nn.Module, inputs: Any, point: str) -> dict[int, Axes]:
    """The axes of a point's values, by how many they are, from a forward pass: an edit cannot know what comes after it.

    A glob's points, or several calls, may have values of as many axes only if these are the same.
    """
    values: list[tuple[str, Tensor]] = []
    with (
        finding_maps(model, point) as maps,
        watching(model, [point], lambda p, call, x: values.append((p.key(call), x))),
    ):
        run_for(model, inputs, point)
    by_number: dict[int, Axes] = {}
    for key, x in values:
        axes = axes_of(model, key, x, maps)
        if by_number.setdefault(x.ndim, axes) != axes:
            raise ValueError(f"point (={point!r}) has values whose axes lie differently, as {key}: choose one of them")
    return by_number
