"""Measures of first layers on filters that are made to be bad."""

import math

import pytest
import torch
from torch import nn

from glassworks.reproductions.deconvnet.filters import aliased, measure
from glassworks.reproductions.deconvnet.network import (
    AS_BEGUN,
    MENDED,
    NARROW,
    READERS,
    REMOVED,
    SIZE,
    clip_filters,
    make,
    rms,
)


def wave(period: float, side: int = SIZE) -> torch.Tensor:
    """(1, 1, side, side): stripes."""
    return torch.sin(2 * math.pi / period * torch.arange(side)).expand(1, 1, side, side)


def eye(channels: int = 1) -> nn.Conv2d:
    """A filter that gives the picture itself."""
    conv = nn.Conv2d(1, channels, 1, bias=False)
    nn.init.ones_(conv.weight)
    return conv


@pytest.mark.parametrize(("period", "stride", "share"), [(5, 4, 1.0), (5, 2, 0.0), (16, 4, 0.0), (3, 2, 1.0)])
def test_stripes_finer_than_two_strides_are_aliased_and_others_are_not(period: int, stride: int, share: float) -> None:
    assert float(aliased(eye(), wave(period), stride)) == pytest.approx(share, abs=0.02)


def test_the_share_is_of_the_power() -> None:
    both = wave(16) + 2 * wave(5)  # a power of 1 and one of 4
    assert float(aliased(eye(), both, 4)) == pytest.approx(0.8, abs=0.03)


def test_a_filter_that_is_never_above_zero_is_dead() -> None:
    model = make(READERS[AS_BEGUN], 1, 3, seed=0).eval()
    conv = model.get_submodule("conv1")
    with torch.no_grad():
        conv.bias[5] = -1e4
        conv.weight[7] *= 10
    found = measure(model, torch.rand(8, 1, SIZE, SIZE))
    assert found.dead.tolist() == [i == 5 for i in range(24)]
    assert int(found.rms.argmax()) == 7
    assert found.spread > 5


def test_clipped_filters_have_at_most_the_radius_and_keep_their_form() -> None:
    model = make(READERS[MENDED], 1, 3, seed=0)
    conv = model.get_submodule("conv1")
    with torch.no_grad():
        conv.weight[1:] *= 100
    before = conv.weight.detach().clone()
    clip_filters(model, 0.1)
    after = conv.weight.detach()
    assert torch.equal(after[0], before[0])
    assert rms(after).max() <= 0.1 * (1 + 1e-5)
    cosine = torch.cosine_similarity(before.flatten(1), after.flatten(1))
    assert torch.allclose(cosine, torch.ones(24), atol=1e-5)


@pytest.mark.parametrize("name", [*READERS, *REMOVED])
def test_every_variant_has_the_same_maps_behind_its_first_pool_and_says_classes(name: str) -> None:
    shape = {**READERS, **REMOVED}[name]
    model = make(shape, 3, 7, seed=1).eval()
    sizes = {}
    for child, module in model.named_children():
        module.register_forward_hook(lambda _, __, out, child=child: sizes.update({child: tuple(out.shape[2:])}))
    assert model(torch.rand(2, 3, SIZE, SIZE)).shape == (2, 7)
    assert (sizes["relu2"], sizes["pool2"], sizes["pool5"]) == ((8, 8), (4, 4), (2, 2))
    assert {f"conv{n}" for n in (3, 4) if n in shape.without}.isdisjoint(sizes)
    assert {f"fc{n}" for n in (6, 7) if n in shape.without}.isdisjoint(sizes)


def test_the_same_seed_draws_the_same_weights() -> None:
    first, second, other = (make(REMOVED[NARROW], 1, 3, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["conv3.weight"], other["conv3.weight"])
