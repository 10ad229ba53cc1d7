"""The theory against what is known of it in closed form, and against wide networks."""

import math

import pytest
import torch
from torch import nn

from glassworks.models.initialisation.layers import layers_to_draw
from glassworks.reproductions.initialisation.deep import chain, drawn_wide
from glassworks.reproductions.initialisation.mean_field import Draw, limit_of, mean, mean_of_two, variances_of_layers


@pytest.mark.parametrize("weights", [0.5, 1.0, 1.9])
def test_a_relu_multiplies_variances_by_half_of_the_weights(weights: float) -> None:
    limit = limit_of(torch.relu, Draw(weights))
    assert limit.chi == pytest.approx(weights / 2)
    assert limit.variance == 0
    assert limit.scale == pytest.approx(1 / math.log(2 / weights))
    assert variances_of_layers(torch.relu, Draw(weights), 3) == pytest.approx([weights, weights**2 / 2, weights**3 / 4])


def test_he_is_where_a_relu_keeps_everything_and_beyond_it_all_grows() -> None:
    assert limit_of(torch.relu, Draw(2.0)).scale == math.inf
    assert limit_of(torch.relu, Draw(2.5)).variance == math.inf


def test_the_edge_of_chaos_of_tanh_is_where_it_was_published() -> None:
    """Without biases at 1; with biases of variance 0.05 at 1.76."""
    assert limit_of(torch.tanh, Draw(1.0)).scale == math.inf
    below, at, above = (limit_of(torch.tanh, Draw(weights, 0.05)) for weights in (1.7, 1.7603, 1.8))
    assert below.chi < at.chi < above.chi
    assert at.chi == pytest.approx(1, abs=2e-4)
    assert at.scale > 1000
    assert below.scale < 200
    assert above.scale < 200


def test_depth_scales_are_the_gradients_where_there_is_order_and_fall_where_there_is_chaos() -> None:
    ordered = limit_of(torch.tanh, Draw(0.5, 0.05))
    assert ordered.scale == pytest.approx(-1 / math.log(ordered.chi))
    scales = [limit_of(torch.tanh, Draw(weights, 0.05)).scale for weights in (2.0, 2.5, 3.0, 4.0)]
    assert scales == sorted(scales, reverse=True)
    assert limit_of(torch.tanh, Draw(2.0, 0.05)).deepest == pytest.approx(6 * scales[0])


def test_means_are_those_of_normal_numbers() -> None:
    assert mean(lambda z: z.square(), 3.0) == pytest.approx(3)
    assert mean(lambda z: z**4, 2.0) == pytest.approx(12)
    assert mean_of_two(lambda z: z, 2.0, 0.3) == pytest.approx(0.6)
    assert mean_of_two(torch.tanh, 1.0, 0.0) == pytest.approx(0, abs=1e-12)


def test_a_wide_network_has_the_variances_that_are_foretold() -> None:
    model = drawn_wide(chain("tanh", 8, 1024), 2.0, 0.05, seed=1)
    x, found = torch.randn(256, 64, generator=torch.Generator().manual_seed(0)), []
    with torch.no_grad():
        for layer in model[:-1]:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                found.append(x.square().mean().item())
    assert found == pytest.approx(variances_of_layers(torch.tanh, Draw(2.0, 0.05), 8), rel=0.06)


def test_what_is_drawn_has_the_variances_it_was_asked_for() -> None:
    layers = layers_to_draw(drawn_wide(chain("tanh", 2, 512), 3.0, 0.2, seed=0))
    assert layers[1].weight.var().item() * 512 == pytest.approx(3, rel=0.02)
    assert layers[1].bias.var().item() == pytest.approx(0.2, rel=0.2)
    assert layers[-1].weight.var().item() * 512 == pytest.approx(1, rel=0.05)
    assert not layers[-1].bias.any()
