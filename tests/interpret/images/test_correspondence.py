"""Correspondence: by hand, and of a network that knows a part wherever it lies."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.correspondence import changes, correspondence, mean_of_pairs

PART = torch.tensor([[0, 0, 1, 1]] * 3)


def test_signs_of_changes_are_compared_as_by_hand() -> None:
    images = torch.tensor([[1.0, 0], [-1, 0], [0, 5]]).view(3, 1, 1, 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 4, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0], [2, 0], [0, 1], [-1, 0]]))  # type: ignore[operator, union-attr]
    keys, pairs = changes(model, images, [PART], ["1"], 0.0)
    # signs of what the first pixel did: (+ + 0 -), (- - 0 +), (0 0 0 0)
    assert keys == ["1"]
    assert pairs[0, 0].tolist() == [[0, 0.75, 0.75], [0.75, 0, 0.75], [0.75, 0.75, 0]]
    mean, error = mean_of_pairs(pairs)
    assert mean.tolist() == [[0.75]]
    assert error.tolist() == [[0]]


def test_the_error_is_the_jackknife_over_images() -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = torch.rand(2, 3, 6, 6, generator=generator)
    pairs = (pairs + pairs.mT) * (1 - torch.eye(6))
    mean, error = mean_of_pairs(pairs)
    one = pairs[1, 2].numpy()
    of = lambda kept: np.mean([one[i, j] for i, j in itertools.permutations(kept, 2)])  # noqa: E731
    without = [of([i for i in range(6) if i != left_out]) for left_out in range(6)]
    assert np.isclose(mean[1, 2], of(range(6)))
    assert np.isclose(error[1, 2], np.sqrt(5 / 6 * np.sum((np.array(without) - np.mean(without)) ** 2)))


class Spot(nn.Module):
    """Its features are the size of the brightest pixel, wherever it is, and all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.amax((1, 2, 3))[:, None].repeat(1, 36), x.flatten(1)], 1)


def test_a_part_that_the_network_knows_agrees_more_than_random_places() -> None:
    generator = torch.Generator().manual_seed(1)
    images = 0.3 * torch.rand(5, 1, 6, 6, generator=generator)
    spots = torch.randint(0, 6, (5, 2), generator=generator)
    for image, (row, column) in zip(images, spots.tolist(), strict=True):
        image[0, row, column] = 1.0
    part = torch.cat([spots, spots + 1], 1)
    trace = correspondence(Spot(), images, {"spot": part}, "", fill=0.0, fresh=nn.Flatten(), draws=10)
    spot, random, same = trace.arrays["change"][0, :, 0]
    assert np.isclose(spot, 2 / 72, atol=1e-6)  # each image's own pixel, of 36 + 36 features
    assert spot <= random
    assert same == 0  # the same pixel in each, and never all of the spots
    assert trace.arrays["picture"].shape == (3, 5, 1, 6, 6)
    assert trace.arrays["at_or_below"].shape == (2, 1, 1)
    assert trace.arrays["change"][1, 2, 0] == 0  # of the pixels alone, one place for all changes the same ones
    assert "one random place in all" in trace._repr_html_()


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    images, model = torch.rand(3, 1, 4, 4), nn.Flatten()
    with pytest.raises(ValueError, match=r"^images \(2\) must be three at the least, and parts \(1\) one$"):
        correspondence(model, images[:2], {"eye": PART[:2]}, "")
    with pytest.raises(ValueError, match=r"^parts\['eye'\] has shape \(2, 4\): give \(top, left, bottom, right\)"):
        correspondence(model, images, {"eye": PART[:2]}, "")
    with pytest.raises(ValueError, match=r"^parts\['eye'\] .* must lie inside of images of 4 × 4 pixels$"):
        correspondence(model, images, {"eye": PART + 4}, "")
    with pytest.raises(ValueError, match=r"^draws \(=1\) must be at least 2$"):
        correspondence(model, images, {"eye": PART}, "", draws=1)
