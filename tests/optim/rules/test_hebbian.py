"""Oja's and Sanger's rules find principal components, competing rows the directions of clusters; no target is read."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.optim.rules.made import accuracy, blobs, images, loss, mlp, resumed_like_whole, vision
from torch import Tensor, nn

from glassworks.core.errors import RunError
from glassworks.optim.rules.hebbian import Hebbian, patches
from glassworks.train.fit import fit


def shaped(step: int, rows: int = 256) -> tuple[Tensor, Tensor]:
    """Points with variances 16, 9, 4, 1, 1/4, 1/16 along axes that lie askew, around a mean that is not 0."""
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)))[0]
    generator = torch.Generator().manual_seed(1000 + step)
    x = torch.randn(rows, 6, generator=generator) * torch.tensor([4.0, 3.0, 2.0, 1.0, 0.5, 0.25])
    return x @ turn.T + 3.0, (x[:, 0] > 0).long()


def principal(steps: int) -> Tensor:
    """The eigenvectors of all that was seen, largest first, as rows."""
    x = torch.cat([shaped(step)[0] for step in range(steps)]).double()
    return torch.linalg.eigh((x - x.mean(0)).T @ (x - x.mean(0)))[1].flip(1).T.float()


@pytest.mark.parametrize("rows", [1, 4])
def test_rows_become_the_principal_components_in_their_order(rows: int) -> None:
    """One row is Oja's rule; several are Sanger's."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, rows), nn.ReLU(), nn.Linear(rows, 2))
    optimizer = Hebbian(model, competition="sanger")
    fit(model, shaped, loss, optimizer, steps=300, schedule=lambda step, steps: 1 - step / steps)
    found = optimizer.memory["rows.0"]
    torch.testing.assert_close(found.norm(dim=1), torch.ones(rows), atol=0.02, rtol=0)
    assert ((found * principal(300)[:rows]).sum(1).abs() > 0.999).all()
    with torch.no_grad():
        outputs = model[0](torch.cat([shaped(step)[0] for step in range(300)]))
    torch.testing.assert_close(outputs.mean(0), torch.zeros(rows), atol=0.1, rtol=0)
    assert float(outputs.square().mean()) == pytest.approx(1.0, rel=0.1)


def test_competing_rows_point_at_clusters() -> None:
    centres = F.normalize(torch.randn(3, 12, generator=torch.Generator().manual_seed(0)), dim=1) * 5
    centres -= centres.mean(0)

    def clusters(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(step)
        targets = torch.randint(3, (64,), generator=generator)
        return centres[targets] + 0.1 * torch.randn(64, 12, generator=generator), targets

    model = mlp(width=16)
    optimizer = Hebbian(model)
    fit(model, clusters, loss, optimizer, steps=200)
    found = optimizer.memory["rows.0"] @ F.normalize(centres, dim=1).T  # (16, 3)
    assert (found.max(0).values > 0.99).all()


def test_hidden_layers_are_the_same_whatever_the_targets_are() -> None:
    models = [mlp(), mlp()]
    for model, others in zip(models, (0, 1), strict=True):
        fit(model, lambda step, k=others: (blobs(step)[0], (blobs(step)[1] + k) % 3), loss, Hebbian(model), steps=3)
    assert torch.equal(models[0][2].weight, models[1][2].weight)
    assert not torch.equal(models[0][4].weight, models[1][4].weight)


def test_patches_are_what_a_convolution_reads() -> None:
    layer = nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False)
    x = torch.rand(4, 2, 9, 9)
    made = patches(layer, x) @ layer.weight.flatten(1).T
    torch.testing.assert_close(made, layer(x).permute(0, 2, 3, 1).flatten(0, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("competition", ["soft", "sanger"])
def test_it_learns(competition: Any) -> None:
    model = mlp(width=12)
    fit(model, blobs, loss, Hebbian(model, competition=competition), steps=150)
    assert accuracy(model) > 0.9


def test_convolutions_with_batch_norm_learn() -> None:
    model = vision("small_vgg", width=8)
    fit(model, images, loss, Hebbian(model), steps=60)
    assert accuracy(model, images) > 0.9


def test_frozen_layers_stay_and_dropout_runs() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    model[0].weight.requires_grad_(False)
    before = [p.clone() for p in model[:4].parameters()]
    fit(model, blobs, loss, Hebbian(model), steps=2)
    after = list(model[:4].parameters())
    assert torch.equal(after[0], before[0])
    assert not torch.equal(after[2], before[2])


@pytest.mark.parametrize("competition", ["soft", "sanger"])
def test_a_resumed_training_is_the_whole_one(competition: Any, tmp_path: Path) -> None:
    resumed_like_whole(lambda: mlp(width=12), lambda model: Hebbian(model, competition=competition), blobs, tmp_path)


def test_a_resumed_training_of_channels_last_is_the_whole_one(tmp_path: Path) -> None:
    resumed_like_whole(lambda: vision("small_vgg", width=4, depth=1), Hebbian, images, tmp_path)


def test_a_batch_that_is_no_numbers_teaches_nothing() -> None:
    model = mlp()
    before = [p.clone() for p in model.parameters()]
    with pytest.raises(RunError):
        fit(model, lambda step: (blobs(step)[0] * torch.nan, blobs(step)[1]), loss, Hebbian(model), steps=1)
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("model", "settings", "says"),
    [
        (vision("lenet5"), {}, "c3 is SparseConvolution"),
        (nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.Flatten(), nn.Linear(4, 2)), {}, "of one group"),
        (nn.Sequential(nn.Linear(4, 2)), {}, "has none"),
        (mlp(), {"competition": "sanger"}, "at most 12 principal components"),
        (mlp(), {"competition": "hard"}, "competition"),
        (mlp(), {"rate": 0.0}, "rate"),
        (mlp(), {"sharpness": -1.0}, "sharpness"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_taught_is_refused_in_a_line(model: nn.Module, settings: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        Hebbian(model, **settings)
    assert "\n" not in str(error.value)
