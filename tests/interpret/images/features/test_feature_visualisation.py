"""Feature visualisation: what ascent must find where the best picture is known, and what stands beside it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from glassworks.interpret.images.features.feature_visualisation import colour_axes, feature_visualisation, transformed

IMAGES = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))


class Red(nn.Module):
    """Unit 0 of the map is red less the others, unit 1 the left half less the right."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 16, bias=False)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 0], self.conv.weight[0, 1:] = 1, -1
            self.conv.weight[1, :, :, :8], self.conv.weight[1, :, :, 8:] = 1, -1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 2)."""
        return self.conv(x).flatten(1)


@pytest.mark.parametrize("fourier", [True, False])
def test_ascent_finds_the_picture_that_is_known_to_be_best(fourier: bool) -> None:
    trace = feature_visualisation(Red(), IMAGES, "conv", steps=120, seeds=2, k=2, fourier=fourier, turn=0.0)
    pictures, reached = trace.arrays["picture"], trace.arrays["reached"]
    red, half = pictures[0, :2], pictures[1, :2]
    assert (red[..., 0].mean((1, 2)) > red[..., 1:].max(-1).mean((1, 2)) + 0.05).all()
    assert (half[:, :, :6].mean((1, 2, 3)) > half[:, :, 10:].mean((1, 2, 3)) + 0.05).all()
    assert (reached[:, :2] > trace.arrays["start"]).all()
    assert pictures.min() >= 0
    assert pictures.max() <= 1


def test_the_strongest_images_stand_beside_it_with_what_they_reach() -> None:
    model = Red()
    trace = feature_visualisation(model, IMAGES, "conv", [1], steps=1, seeds=1, k=3)
    said = model(IMAGES)[:, 1].detach()
    best = said.topk(3)
    assert np.allclose(trace.arrays["reached"][0, 1:], best.values)
    assert np.allclose(trace.arrays["picture"][0, 1:], IMAGES[best.indices].permute(0, 2, 3, 1))
    assert trace.arrays["spread"][0, -1] == pytest.approx(float(said.max()))
    assert trace.labels["shown"] == ["seed 0", "image 1", "image 2", "image 3"]


def test_it_is_the_same_each_time_and_draws_itself(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).train()
    first, again = (feature_visualisation(model, IMAGES, "2", steps=3, seeds=2) for _ in range(2))
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)
    assert model[1].num_batches_tracked == 0  # type: ignore[index]
    assert all(p.grad is None for p in model.parameters())
    assert first.save_html(tmp_path / "page.html").read_text(encoding="utf-8").count("<img") == 4 * 6


def test_colours_vary_as_those_of_the_data() -> None:
    grey = torch.rand(4, 1, 5, 5).expand(4, 3, 5, 5)
    assert torch.allclose(colour_axes(grey), torch.ones(3, 3), atol=1e-3)
    assert torch.allclose(colour_axes(torch.zeros(2, 3, 4, 4)), torch.eye(3))


def test_without_shift_scale_and_turn_a_picture_stays() -> None:
    generator = torch.Generator().manual_seed(0)
    assert torch.allclose(transformed(IMAGES, generator, 0.0, 0.0, 0.0), IMAGES, atol=1e-5)
    turned = transformed(IMAGES[..., :10], generator, 0.0, 0.0, 30.0)
    assert turned.shape == (6, 3, 16, 10)
    assert not torch.allclose(turned, IMAGES[..., :10], atol=0.1)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^images \(from \S+ to 2\) must have pixels from 0 to 1$"):
        feature_visualisation(Red(), IMAGES.clone().clamp(max=0.5).index_fill(0, torch.tensor([0]), 2.0), "conv")
    with pytest.raises(ValueError, match=r"^seeds \(=0\) must be at least 1$"):
        feature_visualisation(Red(), IMAGES, "conv", seeds=0)
    with pytest.raises(ValueError, match=r"^units \(=2\) must be from 0 to 1"):
        feature_visualisation(Red(), IMAGES, "conv", [2])
