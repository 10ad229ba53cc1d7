"""Nearest neighbours by layer: planted ones are found, and labels agree as often as they must."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from glassworks.interpret.images.neighbours import neighbours


class Middle(nn.Module):
    """What a network sees that looks at the middle pixel alone: whether it is bright or dark."""

    def __init__(self) -> None:
        super().__init__()
        self.seen, self.out = nn.Identity(), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 2)."""
        middle = x[:, :, 4, 4]
        return self.out(self.seen(torch.cat([middle, 1 - middle], 1)))


def planted(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Images of noise whose label is whether their middle pixel is bright."""
    images = torch.rand(number, 1, 9, 9, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(number) % 2
    images[:, 0, 4, 4] = 0.1 + 0.8 * labels
    return images, labels


def test_a_layer_that_sees_the_label_finds_neighbours_that_have_it() -> None:
    (images, labels), (others, other_labels) = planted(20, 0), planted(60, 1)
    trace = neighbours(Middle(), images, others, ["seen"], labels=labels, other_labels=other_labels, k=5)
    assert trace.labels["space"] == ["pixels", "seen"]
    assert trace.arrays["agreement"][1] == 1
    assert trace.arrays["agreement"][0] < 0.9
    assert (trace.arrays["agreement_random"] == 0.5).all()
    assert trace.arrays["neighbour"].shape == (20, 2, 5)


def test_a_copy_is_the_nearest_and_as_near_as_can_be() -> None:
    (images, labels), (others, other_labels) = planted(3, 0), planted(30, 1)
    others[17] = images[2] * 0.5 + 0.5 * others.mean(0)  # nearer to the mean, in the same direction
    trace = neighbours(Middle(), images, others, [], labels=labels, other_labels=other_labels, k=2)
    assert trace.arrays["neighbour"][2, 0, 0] == 17
    assert trace.arrays["similarity"][2, 0, 0] > 0.99
    assert np.allclose(trace.arrays["picture"][2, 0, 1], others[17].permute(1, 2, 0))


def test_it_does_not_hang_on_how_work_is_cut_and_draws_itself(tmp_path: Path) -> None:
    (images, labels), (others, other_labels) = planted(4, 0), planted(30, 1)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(147, 2)).train()
    given = {"labels": labels, "other_labels": other_labels, "k": 3}
    first = neighbours(model, images, others, ["2", "4"], **given)  # type: ignore[arg-type]
    again = neighbours(model, images, others, ["2", "4"], **given, max_bytes=1)  # type: ignore[arg-type]
    assert np.array_equal(first.arrays["neighbour"], again.arrays["neighbour"])
    assert model[1].num_batches_tracked == 0  # type: ignore[index]
    page = first.save_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<img") == 4 * 3 * 4


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_is_refused() -> None:
    (images, labels), (others, other_labels) = planted(4, 0), planted(30, 1)
    with pytest.raises(ValueError, match=r"^k \(=31\) must be at most the number of others, 30$"):
        neighbours(Middle(), images, others, [], labels=labels, other_labels=other_labels, k=31)
    with pytest.raises(ValueError, match=r"^labels \(of shape \(3,\)\) must be one for each of 4 images$"):
        neighbours(Middle(), images, others, [], labels=labels[:3], other_labels=other_labels)
    with pytest.raises(ValueError, match=r"^names \(='nowhere'\) match no module"):
        neighbours(Middle(), images, others, ["nowhere"], labels=labels, other_labels=other_labels)
