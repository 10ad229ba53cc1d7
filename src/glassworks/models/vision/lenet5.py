"""LeNet-5 as it was in 1998, whole but for its output: a sparse third layer, trainable subsampling, a scaled tanh.

            maps × size    parameters
    C1       6 × 28 × 28          156    5 × 5 convolution of the image, padded to 32 × 32
    S2       6 × 14 × 14           12    the sum of 2 × 2, times a coefficient, plus a bias; both trained, one a map
    C3      16 × 10 × 10        1,516    5 × 5 convolution; each map reads three, four or six maps of S2
    S4      16 ×  5 ×  5           32    as S2
    C5     120 ×  1 ×  1       48,120    5 × 5 convolution
    F6             84          10,164    linear

Each is followed by 1.7159 tanh(2x/3). The paper's output units compare F6 with a drawing of each character of 7 × 12
pixels (Euclidean radial basis functions); here a linear layer stands in their place, as is usual now: classes that are
no characters have no drawings.

Source: LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition", Proc. IEEE
86(11), section II.B, table I, and appendix A for the tanh and how weights are drawn.
"""

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from glassworks.models.vision.config import LENET_SIDE, VisionConfig
from glassworks.models.vision.parts import Layers, first, last

TABLE = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)
"""The maps of S2 that each map of C3 reads: every run of three and of four, three sets of four, all (table I)."""


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x/3): ±1 lies where it bends most, and its gain there is about 1."""

    formula: ClassVar = "1.7159 tanh(2/3 · x)"

    def forward(self, x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Each number by itself."""
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsampling(nn.Module):
    """The sum of each 2 × 2 pixels of a map, times the map's coefficient, plus its bias."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H_half W_half"]:
        """(B, C, H, W) to (B, C, H / 2, W / 2)."""
        return 4 * F.avg_pool2d(x, 2) * self.weight[:, None, None] + self.bias[:, None, None]


class SparseConvolution(nn.Module):
    """A 5 × 5 convolution each of whose maps reads only some of the maps below: only those kernels exist."""

    places: Tensor

    def __init__(self, table: tuple[tuple[int, ...], ...], read: int) -> None:
        super().__init__()
        self.read, self.written = read, len(table)
        pairs = [maps * read + below for maps, row in enumerate(table) for below in row]
        self.kernels = nn.Parameter(torch.zeros(len(pairs), 5, 5))
        self.bias = nn.Parameter(torch.zeros(len(table)))
        self.register_buffer("places", torch.tensor(pairs), persistent=False)

    @property
    def weight(self) -> Float[Tensor, "C_out C_in 5 5"]:
        """As a dense convolution has it, with zeros where nothing is read."""
        dense = self.kernels.new_zeros(self.written * self.read, 5, 5)
        return dense.index_copy(0, self.places, self.kernels).view(self.written, self.read, 5, 5)

    def forward(self, x: Float[Tensor, "B C_in H W"]) -> Float[Tensor, "B C_out H_less W_less"]:
        """(B, read, H, W) to (B, written, H - 4, W - 4)."""
        return F.conv2d(x, self.weight, self.bias)


class LeNet5(nn.Sequential):
    """(B, channels, rows, columns) of at most 32 × 32 to (B, outputs)."""

    point_axes: ClassVar = {"*": "B C H W -> B H W C"}

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        channels, rows, columns = config.shape
        layers: Layers = first(config) | {
            "pad": padding(rows, columns),
            "c1": nn.Conv2d(channels, 6, 5),
            "tanh1": ScaledTanh(),
            "s2": Subsampling(6),
            "tanh2": ScaledTanh(),
            "c3": SparseConvolution(TABLE, 6),
            "tanh3": ScaledTanh(),
            "s4": Subsampling(16),
            "tanh4": ScaledTanh(),
            "c5": nn.Conv2d(16, 120, 5),
            "tanh5": ScaledTanh(),
            "flatten": nn.Flatten(),
            "f6": nn.Linear(120, 84),
            "tanh6": ScaledTanh(),
        }
        for name, layer in (layers | last(config, 84)).items():
            self.add_module(name, layer)

    @torch.no_grad()
    def draw(self, generator: torch.Generator) -> None:
        """Draw weights and biases: uniform within ±2.4 / fan-in of the unit they belong to (appendix A)."""
        for parameter, fan_in in fan_ins(self):
            parameter.uniform_(-2.4 / fan_in, 2.4 / fan_in, generator=generator)


def padding(rows: int, columns: int) -> nn.Module:
    """What makes an image 32 × 32, in its middle: its border goes on, as the background of a character does."""
    above, left = (LENET_SIDE - rows) // 2, (LENET_SIDE - columns) // 2
    return nn.ReplicationPad2d((left, LENET_SIDE - columns - left, above, LENET_SIDE - rows - above))


def fan_ins(model: LeNet5) -> Iterator[tuple[Tensor, int]]:
    """Each parameter, or part of one, with the number of inputs of its unit."""
    for layer in model.children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            yield from ((p, layer.weight[0].numel()) for p in layer.parameters())
        elif isinstance(layer, Subsampling):
            yield from ((p, 4) for p in layer.parameters())
        elif isinstance(layer, SparseConvolution):
            sizes = [len(row) for row in TABLE]
            for maps, kernels in enumerate(torch.split(layer.kernels, sizes)):
                yield from ((kernels, 25 * sizes[maps]), (layer.bias[maps], 25 * sizes[maps]))
