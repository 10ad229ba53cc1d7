"""Receptive fields, by arithmetic and by hand."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.interpret.access.axes import describe
from glassworks.interpret.images.features.fields import cropped, receptive_fields, whole_size
from glassworks.interpret.images.units import find_units


def fields(model: nn.Module, shape: tuple[int, int, int], point: str) -> list[list[int]]:
    image = torch.rand(shape)
    return receptive_fields(find_units(model, image[None], point), image, batch_size=5).tolist()


def test_a_convolution_sees_its_kernel_and_less_at_the_edges() -> None:
    assert fields(nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 4, 5), "0") == [
        [row, column, row + 3, column + 3] for row in range(2) for column in range(3)
    ]
    padded = fields(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1)), (1, 3, 3), "0")
    assert padded[0] == [0, 0, 2, 2]
    assert padded[4] == [0, 0, 3, 3]
    assert padded[8] == [1, 1, 3, 3]


def test_layers_add_up_as_arithmetic_says() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.MaxPool2d(2),
        nn.Conv2d(8, 4, 3, stride=2),
    )  # fmt: skip
    field, step = 1, 1
    for kernel, stride in ((3, 1), (3, 1), (2, 2), (3, 2)):
        field, step = field + (kernel - 1) * step, step * stride
    found = fields(model, (3, 24, 20), "5")
    columns = ((20 - 4) // 2 - 3) // 2 + 1
    assert found == [
        [step * (i // columns), step * (i % columns), step * (i // columns) + field, step * (i % columns) + field]
        for i in range(len(found))
    ]
    assert (field, step, len(found)) == (10, 4, 12)


def test_zero_weights_and_silent_units_have_fields_too() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.ReLU())
    nn.init.zeros_(model[0].weight)  # type: ignore[arg-type]
    nn.init.constant_(model[0].bias, -1.0)  # type: ignore[arg-type]
    assert fields(model, (1, 3, 3), "1") == [[0, 0, 3, 3]]


class Wide(nn.Module):
    """A residual block, then a gate that looks at all of the image, then a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, (1, 3), padding=(0, 1), dilation=1)
        self.block, self.gated = nn.Identity(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.block(x + F.relu(self.conv(x)))
        x = self.gated(x * x.mean((2, 3), keepdim=True).sigmoid())
        return x.flatten(1)


def test_any_module_has_fields() -> None:
    model = Wide()
    describe(model, {"block": "B C H W -> B H W C", "gated": "B C H W -> B H W C"})
    assert fields(model, (1, 2, 4), "block")[1] == [0, 0, 1, 3]
    assert fields(model, (1, 2, 4), "gated") == [[0, 0, 2, 4]] * 8
    assert fields(model, (1, 2, 4), "") == [[0, 0, 2, 4]]


def test_a_model_that_replaces_nan_sees_the_whole_image() -> None:
    class Mended(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.nan_to_num().flatten(1)

    assert fields(Mended(), (1, 2, 3), "") == [[0, 0, 2, 3]]


def test_what_lies_beyond_the_edge_is_left_out_of_a_patch() -> None:
    picture = torch.arange(9.0).view(1, 3, 3)
    boxes = torch.tensor([[0, 0, 2, 2], [0, 0, 3, 3], [1, 1, 3, 3]])
    size = whole_size(boxes)
    assert size == (3, 3)
    assert torch.equal(cropped(picture, boxes[1], size), picture)
    first, last = cropped(picture, boxes[0], size)[0], cropped(picture, boxes[2], size)[0]
    assert first[0].isnan().all()
    assert first[:, 0].isnan().all()
    assert first[1:, 1:].tolist() == [[0, 1], [3, 4]]
    assert last[2].isnan().all()
    assert last[:2, :2].tolist() == [[4, 5], [7, 8]]
