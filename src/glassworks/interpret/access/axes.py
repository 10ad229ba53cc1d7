"""Which axes of a point's tensor are places, and which are the numbers of each: told, or known, or refused.

    B T C       a sequence has a row of C numbers for each of its T places; B C, a matrix, has one for each example
    B C H W     a convolution's map has one of C numbers for each of its H W places
    else        whoever knows says so, once: describe(model, {"blocks.*.attn.z": "B H T D -> B T (H D)"})

The arrow puts examples first and the numbers of a place last, as in einops. Only what is certain is taken for a map: a
tensor that a convolution, a pooling or a batch norm makes or reads, in the same forward pass, or that comes from one of
these through activations and dropout. Shapes do not tell: what 3 heads say of 16 patches is as large as an image.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any
from weakref import ReferenceType, ref

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.interpret.access.compiled import WRAPPER, uncompiled
from glassworks.interpret.access.finite import run_for
from glassworks.interpret.access.points import Point, find_points, of_this_thread, watching

KINDS = (
    "Conv ConvTranspose MaxPool AvgPool LPPool FractionalMaxPool AdaptiveMaxPool AdaptiveAvgPool BatchNorm "
    "InstanceNorm ZeroPad ReflectionPad ReplicationPad CircularPad ConstantPad"
)
ON_MAPS: dict[type[nn.Module], range] = {
    found: range(2 + dims, 3 + dims)
    for kind in KINDS.split()
    for dims in (1, 2, 3)
    if (found := getattr(nn, f"{kind}{dims}d", None))
}
ON_MAPS |= dict.fromkeys((nn.GroupNorm, nn.SyncBatchNorm, nn.Upsample), range(3, 6))
"""Modules that read and make maps (B, C, ...), and how many axes these have."""
ELEMENTWISE = (
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU,
    nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardswish,
    nn.Hardsigmoid,
)  # fmt: skip
"""Modules whose output has the axes of their input. `nn.Identity` gives what it was given, so that nothing is to be
known of it, and hooks of taps may be expensive."""

EXAMPLES = {4: "B H T D -> B T (H D)", 5: "B C D H W -> B D H W C"}
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


def axes_of(model: nn.Module, key: str, x: Tensor, maps: set[str]) -> Axes:
    """The axes of a point's value; `maps` are the points where `finding_maps` found one."""
    axes = known_axes(model, key, x.ndim, maps)
    if axes is not None:
        return axes
    if not x.ndim:
        raise ValueError(f"{key} is a single number, without an axis of examples: choose another point")
    letters = " ".join("BTUVWXYZ"[: x.ndim])
    pattern = EXAMPLES.get(x.ndim, f"{letters} -> {letters}")
    of_maps = " (a convolution's map: 'B C H W -> B H W C')" if x.ndim == 4 else ""
    raise ValueError(
        f"{key} has shape {tuple(x.shape)}, and nothing says which axes are places: call {__name__}.describe(model, "
        f"{{{key.partition('#')[0]!r}: {pattern!r}}}), with the axes as they are{of_maps}"
    )


def known_axes(model: nn.Module, key: str, axes: int, maps: set[str]) -> Axes | None:
    """The axes of a value with so many of them, as they are told or known; None if they are neither."""
    described = described_axes(model, key, axes)
    if described is None and key in maps:
        return Axes((0, *range(2, axes), 1), axes - 1)
    if described is None and 1 <= axes <= 3:
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


# ----------------------------------------------------------------------------------------------------------------------
# Maps


@contextmanager
def finding_maps(model: nn.Module, points: str | Sequence[str]) -> Iterator[set[str]]:
    """Inside the block a forward pass fills a set with those of the points, as `capture` writes them, that are maps."""
    maps = Maps()
    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        if any(axes_on_maps(module) is not None for module in root.modules()):
            stack.enter_context(watching(root, [points] if isinstance(points, str) else points, maps.visit))
            for module in root.modules():
                if axes_on_maps(module) is not None or isinstance(module, ELEMENTWISE):
                    hook = module.register_forward_hook(of_this_thread(maps.after), with_kwargs=True)
                    stack.callback(hook.remove)
        yield maps.points


def axes_on_maps(module: nn.Module) -> range | None:
    """How many axes the maps have that a module reads and makes; None if it does not."""
    return next((ON_MAPS[kind] for kind in type(module).__mro__ if kind in ON_MAPS), None)


class Maps:
    """The points whose values are maps, since modules on maps make them, or read them later in the pass."""

    def __init__(self) -> None:
        self.points: set[str] = set()
        self.known: dict[int, ReferenceType[Tensor]] = {}  # by id, which another tensor may have later
        self.waiting: dict[int, tuple[ReferenceType[Tensor], list[str]]] = {}  # of which it may turn out

    def visit(self, point: Point, call: int, value: Tensor) -> None:
        """A point's value comes by."""
        known, (waiting, keys) = self.known.get(id(value)), self.waiting.get(id(value), (None, []))
        if known is not None and known() is value:
            self.points.add(point.key(call))
        elif waiting is not None and waiting() is value:
            keys.append(point.key(call))
        else:
            self.waiting[id(value)] = ref(value), [point.key(call)]

    def after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A module on maps, or one that keeps axes, has done its work."""
        axes = axes_on_maps(module)
        for x in (*args, *kwargs.values(), output):
            if isinstance(x, Tensor) and axes is not None and x.ndim in axes:
                self.add(x)
        known = self.known.get(id(args[0])) if axes is None and args else None
        if known is not None and known() is args[0] and isinstance(output, Tensor):
            self.add(output)

    def add(self, x: Tensor) -> None:
        """This one is a map, and was one when a point's value was it."""
        self.known[id(x)] = ref(x)
        waiting, keys = self.waiting.pop(id(x), (None, []))
        if waiting is not None and waiting() is x:
            self.points.update(keys)
