"""Occlusion: windows and scores by hand."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.occlusion.windows import (
    NOTHING,
    centred_windows,
    occluded,
    occluded_scores,
    occlusion_maps,
    windows_over,
)


class Sums(nn.Module):
    """The class scores are the sums of the image's quarters."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(x, 2).flatten(1) * 4


IMAGE = torch.arange(16.0).view(1, 4, 4)


def test_windows_cover_every_pixel_and_are_cut_at_the_edges() -> None:
    for side, window, stride in ((7, 3, 2), (8, 3, 3), (5, 9, 4), (6, 2, 1)):
        for of in (windows_over, centred_windows):
            windows = of((side, side + 1), window, stride)
            seen = torch.zeros(side, side + 1, dtype=torch.int64)
            for top, left, bottom, right in windows.tolist():
                assert 0 <= top < bottom <= side
                assert 0 <= left < right <= side + 1
                seen[top:bottom, left:right] += 1
            assert seen.min() >= 1
            assert len(windows) == len(set(map(tuple, windows.tolist())))


def test_what_is_covered_is_filled_and_nothing_else() -> None:
    covered = occluded(IMAGE, torch.tensor([[0, 0, 2, 2], [1, 3, 4, 4]]), 9.0)
    assert covered[0, 0].tolist() == [[9, 9, 2, 3], [9, 9, 6, 7], [8, 9, 10, 11], [12, 13, 14, 15]]
    assert covered[1, 0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 9], [8, 9, 10, 9], [12, 13, 14, 9]]
    colours = occluded(IMAGE.expand(3, 4, 4), NOTHING + torch.tensor([0, 0, 1, 1]), torch.tensor([1.0, 2.0, 3.0]))
    assert colours[0, :, 0, 0].tolist() == [1, 2, 3]


def test_scores_are_those_of_the_covered_images() -> None:
    windows = torch.cat([NOTHING, windows_over(IMAGE.shape, 2, 2)])
    for batch_size in (1, 2, 64):
        scores = occluded_scores(Sums(), IMAGE, windows, lambda y: y[:, 0], fill=0.0, batch_size=batch_size)
        assert scores.tolist() == [10, 0, 10, 10, 10]
    both = occluded_scores(
        nn.Sequential(nn.Identity(), Sums()), IMAGE, windows, lambda x, y: x.sum((1, 2, 3)) - y.sum(1), points=["0", ""]
    )
    assert both.tolist() == [0] * 5


def test_a_map_is_the_mean_loss_over_the_windows_that_cover_a_pixel() -> None:
    # quarter 0 is [0 1; 4 5]; windows of 2 with stride 1 are at rows and columns 0, 1, 2
    drop = torch.zeros(3, 3)
    drop[0, 0], drop[0, 1], drop[1, 0], drop[1, 1] = 10, 1 + 5, 4 + 5, 5
    expected = torch.zeros(4, 4)
    for row in range(4):
        for column in range(4):
            over = [drop[i, j] for i in range(3) for j in range(3) if i <= row < i + 2 and j <= column < j + 2]
            expected[row, column] = sum(over) / len(over)
    found = occlusion_maps(Sums(), IMAGE[None], torch.tensor([0]), window=2, stride=1, fill=0.0)
    assert torch.allclose(found[0], expected)


def test_the_model_is_as_it_was_and_keeps_no_graph() -> None:
    model = nn.Sequential(nn.Dropout(0.5), Sums()).train()
    found = occlusion_maps(model, IMAGE[None], torch.tensor([3]), window=2, stride=2)
    assert not found.requires_grad
    assert model.training
    assert torch.equal(found, occlusion_maps(Sums(), IMAGE[None], torch.tensor([3]), window=2, stride=2))


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    image, target = IMAGE[None], torch.tensor([0])
    with pytest.raises(ValueError, match=r"^stride \(=3\) must be at most window \(=2\)"):
        occlusion_maps(Sums(), image, target, window=2, stride=3)
    with pytest.raises(ValueError, match=r"^window \(=0\) must be at least 1$"):
        occlusion_maps(Sums(), image, target, window=0)
    with pytest.raises(ValueError, match=r"^targets \(=4\) must be a class of the model's output \(\d, 4\)$"):
        occlusion_maps(Sums(), image, target + 4)
    with pytest.raises(ValueError, match=r"^targets has shape \(2,\) and dtype torch.int64: give a class number"):
        occlusion_maps(Sums(), image, torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"^images \(of shape \(1, 4, 4\)\) must be images"):
        occlusion_maps(Sums(), IMAGE, target)
    with pytest.raises(ValueError, match=r"^images must be finite: there are NaN"):
        occlusion_maps(Sums(), image / 0, target)


class Named(NamedTuple):
    """An ecosystem's output."""

    logits: Tensor


class Returning(nn.Module):
    """A classifier that returns its scores in something."""

    def __init__(self, kind: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.scores, self.kind = Sums(), kind

    def forward(self, x: Tensor) -> Any:
        """Scores, in something."""
        return self.kind(self.scores(x))


def test_scores_may_be_the_logits_of_an_output_and_of_others_it_is_said_what_to_give() -> None:
    image, target = IMAGE[None], torch.tensor([0])
    expected = occlusion_maps(Sums(), image, target, window=2, stride=1)
    assert torch.equal(occlusion_maps(Returning(Named), image, target, window=2, stride=1), expected)
    kinds: list[Callable[[Tensor], Any]] = [lambda x: {"logits": x}, lambda x: (x, x)]
    for kind in kinds:
        with pytest.raises(ValueError, match=r"^the model returns a (dict|tuple): give a module that returns its scor"):
            occlusion_maps(Returning(kind), image, target, window=2, stride=1)


def test_a_network_that_ends_in_a_map_is_refused_by_its_shape() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    with pytest.raises(ValueError, match=r"^targets \(=0\) must be a class of the model's output \(\d+, 2, 14, 14\)$"):
        occlusion_maps(model, torch.rand(1, 1, 16, 16), torch.tensor([0]), window=2, stride=2)


def test_images_of_half_precision_are_refused_with_the_remedy() -> None:
    images = torch.rand(1, 1, 4, 4).bfloat16()
    with pytest.raises(
        ValueError, match=r"^images \(of torch.bfloat16\) must be float32 or float64: give images.float"
    ):
        occlusion_maps(Sums(), images, torch.tensor([0]), window=2, stride=2)
