import pytest
import torch
from tests.models.initialisation.networks import Residual, batch_of, chain, loss_of, residual
from torch import nn

from glassworks.models.initialisation.layers import layers_to_draw
from glassworks.models.initialisation.lsuv import draw_lsuv


def variances(model: nn.Module, run) -> list[float]:
    found: list[float] = []
    hooks = [
        layer.module.register_forward_hook(lambda _, __, y: found.append(y.var(correction=0).item()))
        for layer in layers_to_draw(model)
    ]
    run()
    for hook in hooks:
        hook.remove()
    return found


CONVOLUTIONS = nn.Sequential(
    nn.Conv2d(1, 4, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(4, 8, 3), nn.Flatten(), nn.Linear(8, 4)
)
NETWORKS = {
    "relu": chain(16, 12),
    "tanh": chain(16, 12, nn.Tanh),
    "residual": residual(16, 6),
    "sigmoid": chain(16, 12, nn.Sigmoid),
    "no stem": residual(16, 3, stem=False),
}


@pytest.mark.parametrize("model", NETWORKS.values(), ids=NETWORKS)
def test_every_layer_gives_variance_1_on_the_batch(model: nn.Module) -> None:
    run = loss_of(model, batch_of(16))
    draw_lsuv(model, run, 0)
    found = variances(model, run)
    assert len(found) == len(layers_to_draw(model))
    assert found == pytest.approx([1] * len(found), abs=0.02)


def test_images_too_and_a_layer_that_runs_twice() -> None:
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    draw_lsuv(CONVOLUTIONS, lambda: CONVOLUTIONS(x), 0)
    assert variances(CONVOLUTIONS, lambda: CONVOLUTIONS(x)) == pytest.approx([1, 1, 1], abs=0.02)
    layer = nn.Linear(8, 8)
    twice = nn.Sequential(layer, nn.Tanh(), layer)
    draw_lsuv(twice, lambda: twice(batch_of(8)[0]), 0)
    assert variances(twice, lambda: twice(batch_of(8)[0]))[0] == pytest.approx(1, abs=0.02)


def test_buffers_come_back_and_the_seed_decides() -> None:
    models = [nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4)) for _ in range(2)]
    for model in models:
        draw_lsuv(model, loss_of(model, batch_of(16)), 3)
    assert not models[0][1].running_mean.any()
    assert models[0][1].num_batches_tracked == 0
    assert torch.equal(models[0][3].weight, models[1][3].weight)


def test_a_batch_on_which_nothing_varies_is_refused_by_the_layers_name() -> None:
    model = chain(16, 2)
    x, y = torch.zeros(4, 16), torch.zeros(4, dtype=torch.long)
    with pytest.raises(
        ValueError, match=r"outputs of layer 0 on this batch have variance 0.0, .* give a batch of several"
    ):
        draw_lsuv(model, loss_of(model, (x, y)), 0)


def test_a_frozen_layer_is_left_and_what_follows_is_scaled_all_the_same() -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), Residual(nn.Linear(16, 16)))
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    draw_lsuv(model, loss_of(model, batch_of(16)), 0)
    assert torch.equal(model[0].weight, before)
    assert variances(model, loss_of(model, batch_of(16))) == pytest.approx([1], abs=0.02)
