"""Which points hold maps, and which may hold turned ones: seen in a forward pass by the modules that make or read them.

Only what is certain is taken for a map (B, C, ...): a tensor that a convolution, a pooling or a batch norm makes or
reads, or that comes from one of these through activations and dropout. Three axes are else a sequence's (B, T, C), but
of those that another module makes of a map, as `nn.Flatten(2)` does, and, beside maps of three axes, of all that no
module made, nobody knows: unless a module that works on a last axis, as `nn.Linear` does, makes or reads them.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any
from weakref import ReferenceType, ref

from torch import Tensor, nn

from glassworks.interpret.access.compiled import uncompiled
from glassworks.interpret.access.points import Point, of_this_thread, parts, watching

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
ON_SEQUENCES = (
    nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.MultiheadAttention, nn.RNNBase, nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)  # fmt: skip
"""Modules for which the numbers of a place are the last axis."""


class Kind(IntEnum):
    """What is known of a tensor; what is greater is the surer."""

    UNKNOWN = 0
    DOUBTFUL = 1
    SEQUENCE = 2
    MAP = 3


@dataclass
class Seen:
    """A tensor that came by, what is known of it, and the points whose value it was, as `capture` writes them."""

    tensor: ReferenceType[Tensor]
    axes: int
    kind: Kind = Kind.UNKNOWN
    keys: list[str] = field(default_factory=list)


@contextmanager
def finding_maps(model: nn.Module, points: str | Sequence[str]) -> Iterator["Maps"]:
    """Inside the block a forward pass shows which of the points are maps, and of which nobody knows."""
    maps = Maps()
    with ExitStack() as stack:
        root = stack.enter_context(uncompiled(model))
        if any(axes_on_maps(module) is not None for module in root.modules()):
            stack.enter_context(watching(root, [points] if isinstance(points, str) else points, maps.visit))
            for module in root.modules():
                if not isinstance(module, nn.Identity):
                    hook = module.register_forward_hook(of_this_thread(maps.after), with_kwargs=True)
                    stack.callback(hook.remove)
        yield maps


def axes_on_maps(module: nn.Module) -> range | None:
    """How many axes the maps have that a module reads and makes; None if it does not."""
    return next((ON_MAPS[kind] for kind in type(module).__mro__ if kind in ON_MAPS), None)


class Maps:
    """What modules that make or read them say of the values of points; some are read later in the pass."""

    def __init__(self) -> None:
        self.at_points: list[Seen] = []
        self.seen: dict[int, Seen] = {}  # by id, which another tensor may have later
        self.has_sounds = False  # maps of three axes

    @property
    def points(self) -> set[str]:
        """Those whose values are maps."""
        return {key for seen in self.at_points if seen.kind is Kind.MAP for key in seen.keys}

    @property
    def doubtful(self) -> set[str]:
        """Those whose three axes may be a sequence's, or a map's."""
        kinds = (Kind.DOUBTFUL, Kind.UNKNOWN) if self.has_sounds else (Kind.DOUBTFUL,)
        return {key for seen in self.at_points if seen.axes == 3 and seen.kind in kinds for key in seen.keys}

    def of(self, x: Tensor) -> Seen:
        """What is known of a tensor."""
        seen = self.seen.get(id(x))
        if seen is None or seen.tensor() is not x:
            seen = self.seen[id(x)] = Seen(ref(x), x.ndim)
        return seen

    def visit(self, point: Point, call: int, value: Tensor) -> None:
        """A point's value comes by."""
        seen = self.of(value)
        if not seen.keys:
            self.at_points.append(seen)
        seen.keys.append(point.key(call))

    def after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """A module has done its work."""
        given, made = list(tensors_in((args, kwargs))), list(tensors_in(output))
        axes = axes_on_maps(module)
        if axes is not None:
            self.are(Kind.MAP, [x for x in given + made if x.ndim in axes])
        elif isinstance(module, ON_SEQUENCES):
            self.are(Kind.SEQUENCE, [x for x in given + made if x.ndim == 3])
        elif isinstance(module, ELEMENTWISE):
            self.are(self.of(given[0]).kind if given else Kind.UNKNOWN, made)
        else:
            is_part = not any(module.children())  # what a block makes is seen by its parts, but for maps' ends
            turned = (Kind.MAP, Kind.DOUBTFUL) if is_part else (Kind.MAP,)
            self.are(Kind.DOUBTFUL if any(self.of(x).kind in turned for x in given) else Kind.UNKNOWN, made)

    def are(self, kind: Kind, tensors: Sequence[Tensor]) -> None:
        """These are of a kind, and were when they were a point's value."""
        for x in tensors:
            seen = self.of(x)
            seen.kind = max(seen.kind, kind)
            self.has_sounds |= x.ndim == 3 and kind is Kind.MAP


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors inside tuples, lists and mappings."""
    if isinstance(value, Tensor):
        yield value
    for _, item in parts(value).values():
        yield from tensors_in(item)
