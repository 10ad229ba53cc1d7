"""The shape of a network for images or rows of a table, checked before anything is built; imports no torch.

What each architecture is lies in the file of its name; the tables below say what can be chosen in which.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from glassworks.core.config import check_types
from glassworks.models.initialisation.names import Scheme

Architecture = Literal["mlp", "lenet5", "tiny_vgg", "small_vgg", "resnet20", "vit"]
ARCHITECTURES: tuple[Architecture, ...] = get_args(Architecture)

Norm = Literal["none", "batch", "layer", "group", "rms", "noisy", "l1", "l2", "linf"]
OVER_BATCH: tuple[Norm, ...] = ("batch", "noisy", "l1", "l2", "linf")
"""Norms that take a mean away which they find in the batch."""

OWN: dict[Architecture, dict[str, Any]] = {
    "mlp": {"norm": "none", "width": 256, "depth": 2},
    "lenet5": {"norm": "none"},
    "tiny_vgg": {"norm": "none", "width": 10},
    "small_vgg": {"norm": "batch", "width": 32, "depth": None},
    "resnet20": {"norm": "batch", "width": 16},
    "vit": {"norm": "layer", "width": 64, "depth": 4, "n_head": 4, "patch": None},
}
"""What can be chosen in each architecture, and what it is if it is not; None = it follows from the images' size."""

NORMS: dict[Architecture, tuple[Norm, ...]] = {
    "mlp": ("none", "batch", "layer"),
    "lenet5": ("none",),
    "tiny_vgg": ("none",),
    "small_vgg": get_args(Norm),
    "resnet20": ("none", "batch", "layer", "group"),
    "vit": ("layer",),
}

LEAST = {"lenet5": 5, "tiny_vgg": 16, "small_vgg": 4, "resnet20": 4, "vit": 2}
"""The shortest side of an image, in pixels, that gets through all layers."""

LENET_SIDE = 32
GROUP = 8
"""Channels of a group of group normalisation."""
MOST_PATCHES = 1024
"""Of a ViT whose patch is not chosen: attention takes the square of their number."""


@dataclass(frozen=True)
class VisionConfig:
    """The shape of a network that says something of an image or of a row."""

    architecture: Architecture | None = None
    """Which network. None = mlp for a table, small_vgg for images."""
    shape: tuple[int, ...] = field(default=(), metadata={"default": "the data's"})
    """Of an input: channels, rows, columns; or features. () = not known yet: the data's."""
    outputs: int = field(default=0, metadata={"default": "the data's"})
    """Numbers that it says of an input: one a class, or the number itself. 0 = not known yet: the data's."""
    task: Literal["classes", "number"] = field(default="classes", metadata={"default": "the data's"})
    """Whether its outputs are logits of classes, or numbers in the target's own unit."""
    norm: Norm | None = None
    """Normalisation of layers: over the batch (Ioffe & Szegedy 2015), over all channels and places of an image (layer)
    or over 8 channels of it (group; Wu & He 2018). small_vgg only: rms, as layer without a mean; noisy, batch followed
    by noise of another distribution at each step; l1, l2 or linf, batch with such a norm for its standard deviation
    (Santurkar et al. 2018). None = the architecture's own."""
    width: int | None = None
    """Neurons of a hidden layer (mlp), channels of the first convolutions, numbers of a patch (vit). None = the
    architecture's own: 256, 10 (tiny_vgg), 32 (small_vgg), 16 (resnet20), 64 (vit)."""
    depth: int | None = None
    """Hidden layers (mlp: 2), blocks (vit: 4; small_vgg: as many as the size of images allows, at most 4)."""
    n_head: int | None = None
    """vit only: attention heads of a block. None = 4."""
    patch: int | None = None
    """vit only: pixels of a patch's side. None = one that cuts a side into seven or eight, or nearly so."""
    initialisation: Scheme | None = None
    """How weights are drawn: default (torch's own), glorot, he, orthogonal, lsuv (by the training data), fixup (for
    resnet20 and vit, without norms) or mup (learning rates of adamw and sgd go by the width, too: what is best at the
    architecture's own width is best at any). None = as the architecture is published, he for ReLUs."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built, naming the field, its value and the remedy."""
        if self.architecture not in (None, *ARCHITECTURES):
            raise ValueError(f"architecture (={self.architecture!r}) must be one of {', '.join(ARCHITECTURES)}")
        check_types(self)
        for name in ("width", "depth", "n_head", "patch"):
            value = getattr(self, name)
            least = 0 if (name, self.architecture) == ("depth", "mlp") else 1
            if value is not None and value < least:
                raise ValueError(f"{name} (={value}) must be a whole number of at least {least}")
        if self.outputs < 0 or (self.task == "classes" and self.outputs == 1):
            raise ValueError(f"outputs (={self.outputs}) must be the number of classes, at least 2")
        if self.shape and (len(self.shape) not in (1, 3) or min(self.shape) < 1):
            raise ValueError(f"shape (={self.shape}) must be (channels, rows, columns) of images or (features,)")
        if self.architecture is not None:
            self.check_choices(self.architecture)
            if self.shape:
                self.check_size(self.architecture)

    def check_choices(self, architecture: Architecture) -> None:
        """Refuse what the architecture does not have, and widths that do not divide."""
        own = OWN[architecture]
        for name in ("width", "depth", "n_head", "patch"):
            if getattr(self, name) is not None and name not in own:
                raise ValueError(f"{name} (={getattr(self, name)}) is not to be chosen in {architecture}: leave it out")
        if self.norm is not None and self.norm not in NORMS[architecture]:
            raise ValueError(
                f"norm (={self.norm!r}) is not possible in {architecture}: take {' or '.join(NORMS[architecture])}"
            )
        width = self.choice("width")
        if self.choice("norm") == "group" and width % GROUP:
            raise ValueError(
                f"width (={width}) must be a multiple of {GROUP}, the channels of a group, with norm group"
            )
        if architecture == "vit" and (width % 4 or width % self.choice("n_head")):
            raise ValueError(f"width (={width}) must be a multiple of 4 and of n_head (={self.choice('n_head')})")

    def check_size(self, architecture: Architecture) -> None:
        """Refuse inputs that the architecture cannot take, naming the least size."""
        if architecture == "mlp":
            return
        if len(self.shape) == 1:
            raise ValueError(
                f"architecture (={architecture!r}) takes images, not rows of {self.shape[0]} features: take mlp"
            )
        rows, columns = self.shape[1:]
        least = 2 ** ((self.depth or 1) + 1) if architecture == "small_vgg" else LEAST[architecture]
        if min(rows, columns) < least:
            deep = f" with depth {self.depth}" if architecture == "small_vgg" and self.depth else ""
            raise ValueError(
                f"images of {rows} × {columns} are too small for {architecture}{deep}: give them at least {least} × "
                f"{least}, by size={least}, or take another architecture"
            )
        if architecture == "lenet5" and max(rows, columns) > LENET_SIDE:
            raise ValueError(
                f"images of {rows} × {columns} are too large for lenet5, which sees {LENET_SIDE} × {LENET_SIDE}: make "
                f"them smaller, by size={LENET_SIDE}, or take another architecture"
            )
        if architecture == "vit":
            self.check_patch(rows, columns)

    def check_patch(self, rows: int, columns: int) -> None:
        """Refuse patches that leave a rest of an image, and images that no patch of a sensible size divides."""
        side = self.side_of_patch
        if rows % side or columns % side:
            raise ValueError(
                f"patch (={side}) must divide {rows} × {columns}: give a divisor of {math.gcd(rows, columns)}"
            )
        if self.patch is None and rows * columns > MOST_PATCHES * side**2:
            even = round(min(rows, columns) / 8) * 8
            raise ValueError(
                f"images of {rows} × {columns} are cut by no patch into fewer than {MOST_PATCHES:,}: give them a size "
                f"with more divisors, as size={even}, or choose a patch"
            )

    def choice(self, name: str) -> Any:
        """A field's value, or the architecture's own."""
        assert self.architecture is not None, "the architecture is decided first"
        value = getattr(self, name)
        return OWN[self.architecture].get(name) if value is None else value

    @property
    def side_of_patch(self) -> int:
        """Pixels of a patch's side: a divisor of both sides that cuts the shorter into seven or eight, or nearly so.

        At least 2, where that leaves four patches a side: a pixel by itself says little.
        """
        if self.patch is not None:
            return self.patch
        rows, columns = self.shape[1:]
        shorter, common = min(rows, columns), math.gcd(rows, columns)
        sides = [side for side in range(2, shorter // 4 + 1) if common % side == 0]
        return min(sides, key=lambda side: (abs(shorter / side - 7.5), -side), default=1)

    @property
    def blocks(self) -> int:
        """Blocks of a small VGG: each halves the sides, which end at two pixels or more."""
        return self.depth or min(4, int(math.log2(min(self.shape[1:]))) - 1)


def fitted(
    config: VisionConfig, shape: tuple[int, ...], outputs: int, task: Literal["classes", "number"] = "classes"
) -> VisionConfig:
    """The config for these data: their shape, outputs and task, and an architecture if none was chosen.

    Raises: ValueError for an architecture that cannot take them.

    >>> fitted(VisionConfig(), (1, 8, 8), 10).architecture
    'small_vgg'
    >>> fitted(VisionConfig(), (30,), 1, "number").architecture
    'mlp'
    """
    architecture = config.architecture or ("mlp" if len(shape) == 1 else "small_vgg")
    return replace(config, architecture=architecture, shape=tuple(shape), outputs=outputs, task=task)
