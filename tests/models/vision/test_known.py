"""Networks of papers: their numbers of parameters, and layers by hand."""

import math

import pytest
import torch
from torch import nn

from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.models.vision.lenet5 import TABLE, ScaledTanh, SparseConvolution, Subsampling
from glassworks.models.vision.resnet20 import Shortcut


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("config", "number"),
    [
        (VisionConfig("tiny_vgg", (3, 64, 64), 10), 19_920),  # CNN Explainer's file of 79,680 bytes
        (VisionConfig("resnet20", (3, 32, 32), 10), 269_722),  # He et al. 2015, table 6: 0.27M
        (VisionConfig("small_vgg", (3, 96, 96), 10, norm="none"), 3_534_378),
        (VisionConfig("lenet5", (1, 28, 28), 10), 60_000 + 850),  # 60,000 below the output (section II.B)
        (VisionConfig("mlp", (1, 28, 28), 10, width=300, depth=1), 784 * 300 + 300 + 3010),
    ],
)
def test_parameters_are_as_many_as_in_the_source(config: VisionConfig, number: int) -> None:
    assert parameters(make_model(config)) == number


# ----------------------------------------------------------------------------------------------------------------------
# LeNet-5


@pytest.fixture
def lenet() -> nn.Module:
    return make_model(VisionConfig("lenet5", (1, 28, 28), 10))


def test_layers_of_lenet_have_the_papers_parameters_and_sizes(lenet: nn.Module) -> None:
    counts = {name: parameters(layer) for name, layer in lenet.named_children() if parameters(layer)}
    assert counts == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48_120, "f6": 10_164, "head": 850}
    sizes, x = {}, torch.rand(1, 1, 28, 28)
    for name, layer in lenet.named_children():
        x = layer(x)
        sizes[name] = tuple(x.shape[1:])
    assert [sizes[name] for name in ("pad", "c1", "s2", "c3", "s4", "c5", "f6")] == [
        *((1, 32, 32), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5), (120, 1, 1)),
        (84,),
    ]


def test_the_table_of_c3_is_the_papers() -> None:
    assert [len(row) for row in TABLE] == [3] * 6 + [4] * 9 + [6]
    assert [sum(maps in row for row in TABLE) for maps in range(6)] == [10] * 6  # each map is read by ten
    assert all(row == tuple(sorted(set(row))) for row in TABLE)
    assert len(set(TABLE)) == 16


def test_a_map_of_c3_sees_only_the_maps_in_its_row(lenet: nn.Module) -> None:
    x = torch.rand(1, 6, 14, 14)
    before = lenet.c3(x)
    for below in range(6):
        changed = x.clone()
        changed[:, below] += 1
        moved = (lenet.c3(changed) - before).abs().amax((0, 2, 3)) > 1e-4
        assert moved.tolist() == [below in row for row in TABLE]


def test_a_sparse_convolution_is_the_dense_one_with_zeros() -> None:
    layer = SparseConvolution(((1,), (0, 1)), 2)
    with torch.no_grad():
        layer.kernels.copy_(torch.arange(75.0).view(3, 5, 5))
    expected = torch.zeros(2, 2, 5, 5)
    expected[0, 1], expected[1, 0], expected[1, 1] = layer.kernels.detach()
    assert torch.equal(layer.weight, expected)


def test_subsampling_and_tanh_by_hand() -> None:
    layer = Subsampling(1)
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(1.0)
    assert layer(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).item() == 0.5 * 10 + 1
    torch.testing.assert_close(ScaledTanh()(torch.tensor([1.0, -1.0])), torch.tensor([1.0, -1.0]), atol=1e-4, rtol=0)


def test_weights_of_lenet_are_drawn_within_the_papers_limits(lenet: nn.Module) -> None:
    for tensor, fan_in in ((lenet.c1.weight, 25), (lenet.c5.weight, 400), (lenet.f6.weight, 120), (lenet.s2.weight, 4)):
        assert 0.6 < tensor.abs().max() / (2.4 / fan_in) <= 1
    first, last = (
        lenet.c3.kernels[:3],
        lenet.c3.kernels[-6:],
    )  # of a map that reads three, and of the one that reads six
    assert 0.9 < first.abs().max() / (2.4 / 75) <= 1
    assert 0.9 < last.abs().max() / (2.4 / 150) <= 1


@pytest.mark.parametrize("side", [8, 28, 31, 32])
def test_an_image_lies_in_the_middle_of_32_by_32_and_its_border_goes_on(side: int) -> None:
    pad = make_model(VisionConfig("lenet5", (1, side, side), 2)).pad
    x = torch.rand(1, 1, side, side)
    padded, start = pad(x), (32 - side) // 2
    assert padded.shape == (1, 1, 32, 32)
    assert torch.equal(padded[..., start : start + side, start : start + side], x)
    assert padded[0, 0, 0, 0] == x[0, 0, 0, 0]


# ----------------------------------------------------------------------------------------------------------------------
# Others


def test_he_draws_the_variance_that_relus_keep() -> None:
    model = make_model(VisionConfig("small_vgg", (3, 32, 32), 10, norm="none"))
    for layer in (model.block2.conv1, model.hidden):
        assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / layer.weight[0].numel()), rel=0.02)
        assert not layer.bias.any()


def test_a_shortcut_takes_every_second_pixel_and_adds_empty_channels() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert Shortcut(2, 1)(x).tolist() == [[[[0.0, 2.0], [8.0, 10.0]], [[0.0, 0.0], [0.0, 0.0]]]]


def test_a_convolution_before_a_batch_norm_has_no_bias() -> None:
    for norm, has_bias in (("none", True), ("batch", False), ("layer", True), ("group", True), ("l1", False)):
        model = make_model(VisionConfig("small_vgg", (1, 8, 8), 2, norm=norm))
        assert (model.block1.conv1.bias is not None) == has_bias
