"""Occlusion in four maps, of a network whose answer is known wherever the square lies."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.occlusion.four_maps import occlusion


class Halves(nn.Module):
    """Feature 0 is the left half's brightness, feature 1 the right half's; the class is the brighter half."""

    point_axes: ClassVar = {"relu": "B C H W -> B H W C"}

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu, self.head = nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Linear(2, 2)
        with torch.no_grad():
            self.conv.weight.fill_(1.0)
            self.conv.bias.zero_()  # type: ignore[union-attr]
            self.head.weight.copy_(torch.eye(2))
            self.head.bias.zero_()
        self.halves = nn.Buffer(torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.conv(x) * self.halves).sum((2, 3)))


IMAGE = torch.zeros(1, 1, 4, 4)
IMAGE[0, 0, 1, 0], IMAGE[0, 0, 2, 3] = 3.0, 2.0


def test_the_four_maps_are_as_by_hand() -> None:
    trace = occlusion(Halves(), IMAGE, torch.tensor([0]), "relu", window=1, stride=1, fill=0.0)
    arrays = trace.arrays
    assert arrays["unit"].tolist() == [[0], [1]]
    left, right = np.full((4, 4), 3.0), np.full((4, 4), 2.0)
    left[1, 0], right[2, 3] = 0, 0
    assert np.allclose(arrays["activation"][:, 0], [left, right])
    assert arrays["whole_activation"].tolist() == [[3], [2]]
    assert np.allclose(arrays["probability"][0, 0], 1 / (1 + np.exp(right - left)))
    assert np.isclose(arrays["whole_probability"][0, 0], 1 / (1 + np.exp(-1)))
    assert arrays["label"][0].tolist() == [[0] * 4, [1, 0, 0, 0], [0] * 4, [0] * 4]
    assert arrays["whole_label"].tolist() == [0]
    assert arrays["share"].tolist() == [[15 / 16, 1 / 16]]
    projection = np.zeros((4, 4))
    projection[1, 0] = 3
    assert arrays["projection"][0, 0].tolist() == projection.tolist()
    expected = [np.corrcoef(x.ravel(), arrays["probability"][0, 0].ravel())[0, 1] for x in (left, right)]
    assert np.allclose(arrays["correlation"][:, 0], expected)


def test_windows_lie_around_cells_of_a_stride_and_sides_follow_from_the_image() -> None:
    trace = occlusion(Halves(), IMAGE, torch.tensor([1]), "relu", window=3, stride=2, fill=0.0)
    assert trace.arrays["activation"].shape == (2, 1, 2, 2)
    assert trace.arrays["activation"][0, 0].tolist() == [[0, 3], [3, 3]]
    assert trace.arrays["target"].tolist() == [1]
    assert occlusion(Halves(), IMAGE, torch.tensor([1]), "relu").meta["window"] == 1


def test_the_page_shows_each_image_with_its_maps_and_the_classes_by_name() -> None:
    trace = occlusion(Halves(), IMAGE.repeat(3, 1, 1, 1), torch.tensor([0, 0, 1]), "relu", classes=["left", "right"])
    page = trace._repr_html_()
    assert page.count("<img") == 3 * 7
    assert "left; another at" in page
    assert (
        page
        == occlusion(
            Halves(), IMAGE.repeat(3, 1, 1, 1), torch.tensor([0, 0, 1]), "relu", classes=["left", "right"]
        )._repr_html_()
    )


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^targets \(=2\) must be a class of the model's output \(\d+, 2\)$"):
        occlusion(Halves(), IMAGE, torch.tensor([2]), "relu")
    with pytest.raises(ValueError, match=r"^classes \(1\) must name all of the 2 that are said or true$"):
        occlusion(Halves(), IMAGE, torch.tensor([1]), "relu", classes=["left"])
    with pytest.raises(ValueError, match=r"^stride \(=2\) must be at most window \(=1\)"):
        occlusion(Halves(), IMAGE, torch.tensor([1]), "relu", window=1, stride=2)
