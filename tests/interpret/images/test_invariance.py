"""What features bear: the changes themselves, by hand, and networks that bear them by construction."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.invariance import changed, invariance

IMAGE = torch.rand(1, 2, 6, 6, generator=torch.Generator().manual_seed(0))


def test_a_shift_moves_down_and_draws_out_the_edge() -> None:
    down = changed(IMAGE, "shift", 2 / 6)
    assert torch.allclose(down[:, :, 2:], IMAGE[:, :, :-2], atol=1e-5)
    assert torch.allclose(down[:, :, :2], IMAGE[:, :, :1].expand(-1, -1, 2, -1), atol=1e-5)
    assert torch.allclose(changed(down, "shift", -2 / 6)[:, :, :-2], IMAGE[:, :, :-2], atol=1e-5)


def test_a_turn_is_counter_clockwise_about_the_middle() -> None:
    for quarters in (1, 2, 3):
        assert torch.allclose(changed(IMAGE, "turn", 90.0 * quarters), IMAGE.rot90(quarters, (2, 3)), atol=1e-5)
    wide = torch.zeros(1, 1, 5, 9)
    wide[0, 0, 2, 6] = 1.0  # two to the right of the middle: two above it, after a quarter
    assert torch.allclose(changed(wide, "turn", 90.0)[0, 0, 0, 4], torch.tensor(1.0), atol=1e-5)


def test_a_size_grows_about_the_middle() -> None:
    spread = torch.zeros(1, 1, 5, 5)
    spread[0, 0, 2, 3] = 1.0
    assert torch.allclose(changed(spread, "scale", 2.0)[0, 0, 2, 4], torch.tensor(1.0), atol=1e-5)
    for change, kept in (("shift", 0.0), ("scale", 1.0), ("turn", 0.0)):
        assert changed(IMAGE, change, kept) is IMAGE


class Sum(nn.Module):
    """A layer that bears every shift, and classes by it."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels, self.total = nn.Flatten(), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        total = self.total(self.pixels(x).sum(1, keepdim=True))
        return torch.cat([total, 1 - total], 1)


def test_distances_are_in_units_of_two_different_images() -> None:
    images = torch.zeros(3, 1, 6, 6)
    images[0, 0, 2, 3], images[1, 0, 3, 2], images[2, 0, 3, 3] = 1.0, 1.0, 2.0  # shifts by 1 keep all inside
    trace = invariance(
        Sum(), images, torch.tensor([0, 0, 0]), ["pixels", "total"], changes={"shift": [-1 / 6, 0, 1 / 6]}, batch_size=2
    )
    distance = trace.arrays["distance_shift"][0]
    between = np.mean([np.sqrt(2), np.sqrt(5), np.sqrt(5)])
    moved = np.array([np.sqrt(2), np.sqrt(2), np.sqrt(8)]) / between
    assert np.allclose(distance[0], [moved.mean(), 0, moved.mean()], atol=1e-5)
    assert np.allclose(trace.arrays["distance_shift_error"][0, 0, 0], moved.std(ddof=1) / np.sqrt(3), atol=1e-5)
    assert np.allclose(distance[1], 0, atol=1e-5)
    sums = np.array([1.0, 1.0, 2.0])
    assert np.allclose(trace.arrays["probability_shift"][0], (1 / (1 + np.exp(1 - 2 * sums))).mean(), atol=1e-5)
    assert trace.labels["point"] == ["pixels", "total"]


def test_the_page_has_a_line_for_each_network() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(48, 4))
    images = torch.rand(4, 2, 6, 6)
    trace = invariance(model, images, torch.tensor([0, 1, 2, 3]), "1")
    assert trace.arrays["distance_turn"].shape == (2, 1, 24)
    assert trace.arrays["picture_scale"].shape == (13, 1, 6, 6)
    assert "untrained" in trace._repr_html_()
    assert trace.arrays["distance_turn"][:, :, 0].max() == 0


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    model, images, targets = nn.Flatten(), torch.rand(2, 1, 2, 2), torch.tensor([0, 3])
    with pytest.raises(ValueError, match=r"^changes \(='shear'\) must be of shift, scale, turn$"):
        invariance(model, images, targets, "", changes={"shear": [0, 1]})
    with pytest.raises(ValueError, match=r"^changes\['scale'\] \(=0\) must be above 0$"):
        invariance(model, images, targets, "", changes={"scale": [0, 1]})
    with pytest.raises(ValueError, match=r"^changes\['turn'\] \(=\[1\]\) must be two numbers at the least$"):
        invariance(model, images, targets, "", changes={"turn": [1]})
    with pytest.raises(ValueError, match=r"^images \(1\) must be two at the least"):
        invariance(model, images[:1], targets[:1], "")
    with pytest.raises(ValueError, match=r"^targets \(=4\) must be a class of the model's output \(2, 4\)$"):
        invariance(model, images, targets + 1, "")
