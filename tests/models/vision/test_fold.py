import pytest
import torch
from tests.models.vision.networks import CONFIGS, inputs, trained
from torch import nn

from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.fold import folded

BATCH = {name: config for name, config in CONFIGS.items() if config.norm == "batch"}
OTHERS = {name: config for name, config in CONFIGS.items() if config.norm != "batch"}


@pytest.mark.parametrize("config", BATCH.values(), ids=BATCH)
def test_a_folded_network_says_the_same_without_its_norms(config: VisionConfig) -> None:
    model, x = trained(config), inputs(config, 8)
    plain = folded(model)
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in plain.modules())
    assert any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in model.modules())
    with torch.no_grad():
        ours, theirs = plain(x), model(x)
    assert (ours - theirs).abs().max() / theirs.abs().max() < 1e-6
    assert not plain.training
    with torch.no_grad():  # without float32's rounding of what is computed, only that of the weights is left
        ours, theirs = plain.double()(x.double()), model.double()(x.double())
    assert (ours - theirs).abs().max() / theirs.abs().max() < 3e-7


@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS)
def test_a_network_without_batch_norms_is_itself(config: VisionConfig) -> None:
    model = trained(config)
    assert folded(model) is model


def test_folding_is_exact_where_it_can_be_reckoned_by_hand() -> None:
    model = trained(VisionConfig("mlp", (1,), 2, norm="batch", width=1, depth=1))
    with torch.no_grad():
        for tensor, value in ((model.linear1.weight, 3.0), (model.linear1.bias, 1.0)):
            tensor.fill_(value)
        for tensor, value in zip(
            (model.norm1.weight, model.norm1.bias, model.norm1.running_mean, model.norm1.running_var),
            (2.0, 5.0, 7.0, 4.0 - model.norm1.eps),
            strict=True,
        ):
            tensor.fill_(value)
    layer = folded(model).linear1  # 2 (3 u + 1 - 7) / 2 + 5 = 3 u - 1
    assert (layer.weight.item(), layer.bias.item()) == pytest.approx((3.0, -1.0), rel=1e-6)
