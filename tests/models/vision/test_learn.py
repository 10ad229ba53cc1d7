"""Every architecture learns what is plain to see, from its own beginning."""

import pytest
import torch
from tests.models.vision.networks import WIDTHS
from torch.nn import functional as F

from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import ARCHITECTURES, NORMS, VisionConfig

KINDS = [(architecture, norm) for architecture in ARCHITECTURES for norm in NORMS[architecture]]


@pytest.mark.parametrize(("architecture", "norm"), KINDS, ids=lambda word: word)
def test_it_learns_on_which_side_a_bar_stands(architecture: str, norm: str) -> None:
    generator = torch.Generator().manual_seed(5)

    def some(number: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.rand(number, 1, 16, 16, generator=generator) / 4
        side = torch.randint(2, (number,), generator=generator)
        for image, right in zip(x, side.tolist(), strict=True):
            column = int(torch.randint(1, 7, (), generator=generator)) + 8 * right
            image[:, :, column] += 0.7
        return x, side

    small = {"depth": 2, "width": 32, "patch": 4} if architecture == "vit" else {"width": WIDTHS.get(architecture)}
    config = VisionConfig(architecture, (1, 16, 16), 2, norm=norm, **small)
    model = make_model(config, mean=[0.2], std=[0.2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(60):
        x, side = some(32)
        optimizer.zero_grad()
        F.cross_entropy(model(x), side).backward()
        optimizer.step()
    x, side = some(200)
    with torch.no_grad():
        assert (model.eval()(x).argmax(1) == side).float().mean() > 0.95
