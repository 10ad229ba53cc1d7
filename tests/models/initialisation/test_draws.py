import math
from itertools import pairwise

import pytest
import torch
from tests.models.initialisation.networks import chain
from torch import nn

from glassworks.models.initialisation.draws import draw_default, draw_glorot, draw_he, draw_orthogonal
from glassworks.models.initialisation.layers import critical_gain, layers_to_draw, left_as_they_are

PLAIN = (draw_default, draw_glorot, draw_he, draw_orthogonal)


def rows(width: int, number: int = 400) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(11))


@pytest.mark.parametrize("draw", PLAIN)
def test_the_same_seed_draws_the_same_weights_and_torchs_own_generator_stays(draw) -> None:
    models, state = [chain(8, 2) for _ in range(3)], torch.get_rng_state()
    for model, seed in zip(models, (3, 3, 4), strict=True):
        draw(model, seed)
    assert torch.equal(torch.get_rng_state(), state)
    first, again, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_he_keeps_the_mean_square_through_relus_at_any_depth() -> None:
    model, x = chain(512, 20)[:-1], rows(512)
    draw_he(model, 0)
    with torch.no_grad():
        squares = []
        for layer in model:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                squares.append(x.square().mean().item())
    # each layer's is the last one's times 1 ± √(5 / 512), its weights being what they are
    assert all(abs(math.log(after / before)) < 4 * math.sqrt(5 / 512) for before, after in pairwise(squares))
    assert 0.3 < squares[-1] / 2 < 3


def test_torchs_default_lets_the_signal_die() -> None:
    model, x = chain(512, 20)[:-1], rows(512)
    draw_default(model, 0)
    with torch.no_grad():
        assert model(x).var() < 1e-3


def test_glorot_and_he_have_the_variance_of_their_fans() -> None:
    model = nn.Sequential(nn.Conv2d(16, 48, 3), nn.Linear(300, 900), nn.ConvTranspose2d(64, 16, 2))
    fans = [(16 * 9, 48 * 9), (300, 900), (64 * 4, 16 * 4)]
    assert [layer.fans for layer in layers_to_draw(model)] == fans
    draw_glorot(model, 1)
    for layer, (reads, makes) in zip(model, fans, strict=True):
        assert layer.weight.var().item() == pytest.approx(2 / (reads + makes), rel=0.05)
        assert layer.weight.abs().max() <= math.sqrt(6 / (reads + makes))
        assert not layer.bias.any()
    draw_he(model, 1)
    for layer, (reads, _) in zip(model, fans, strict=True):
        assert layer.weight.var().item() == pytest.approx(2 / reads, rel=0.1)


def test_orthogonal_matrices_turn_and_do_not_stretch() -> None:
    model = nn.Sequential(nn.Linear(40, 40), nn.Linear(40, 20), nn.Linear(20, 50))
    draw_orthogonal(model, 2)
    square, wide, tall = (layer.weight for layer in model)
    for gram, size in ((square @ square.T, 40), (wide @ wide.T, 20), (tall.T @ tall, 20)):
        torch.testing.assert_close(gram, torch.eye(size), rtol=0, atol=1e-5)


def test_each_group_of_a_convolution_is_a_rotation_of_its_own() -> None:
    model = nn.Sequential(nn.Conv2d(64, 64, 3, groups=64), nn.ConvTranspose2d(8, 32, 2, groups=2))
    draw_orthogonal(model, 0, gain=1.0)
    kernels = model[0].weight.flatten(1)
    torch.testing.assert_close(kernels.norm(dim=1), torch.ones(64), rtol=0, atol=1e-5)
    for rows in model[1].weight.flatten(1).chunk(2):
        torch.testing.assert_close(rows @ rows.T, torch.eye(4), rtol=0, atol=1e-5)


def test_orthogonal_takes_the_gain_of_the_activation_but_for_the_last_layer() -> None:
    model = chain(32, 2)
    draw_orthogonal(model, 0)
    torch.testing.assert_close(model[0].weight @ model[0].weight.T, 2 * torch.eye(32), rtol=0, atol=1e-5)
    torch.testing.assert_close(model[-1].weight @ model[-1].weight.T, torch.eye(4), rtol=0, atol=1e-5)
    draw_orthogonal(model, 0, gain=3.0)
    torch.testing.assert_close(model[-1].weight @ model[-1].weight.T, 9 * torch.eye(4), rtol=0, atol=1e-4)


def test_rotations_are_uniform_their_mean_is_0() -> None:
    layer = nn.Linear(2, 2)
    drawn = []
    for seed in range(400):
        draw_orthogonal(layer, seed)
        drawn.append(layer.weight.detach().clone())
    assert torch.stack(drawn).mean(0).abs().max() < 4 * math.sqrt(0.5 / 400)


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        (nn.ReLU(), math.sqrt(2)),
        (nn.LeakyReLU(0.2), math.sqrt(2 / 1.04)),
        (nn.Tanh(), 1),
        (nn.GELU(), 2),
        (nn.SiLU(), 2),
    ],
)
def test_critical_gains_are_the_known_ones(activation: nn.Module, gain: float) -> None:
    assert critical_gain(activation) == pytest.approx(gain, rel=1e-3)


def test_default_is_what_torch_draws_when_it_makes_the_layers() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        made = chain(8, 2)
    model = chain(8, 2)
    draw_default(model, 6)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), made.parameters(), strict=True))


def test_default_draws_attention_as_it_is_made_though_it_calls_its_reset_by_another_name() -> None:
    def made() -> nn.Module:
        return nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16), nn.Linear(8, 3))

    with torch.random.fork_rng():
        torch.manual_seed(6)
        expected = made()
    model = made()
    draw_default(model, 6)
    for (name, a), b in zip(model.named_parameters(), expected.parameters(), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.parametrize("draw", PLAIN)
def test_frozen_weights_stay_and_tied_ones_are_drawn_once(draw) -> None:
    model = chain(8, 3)
    model[0].weight.requires_grad_(False)
    model[4].weight = model[2].weight
    before = model[0].weight.clone()
    draw(model, 1)
    assert torch.equal(model[0].weight, before)
    assert model[4].weight is model[2].weight


def test_embeddings_and_attentions_own_matrix_are_named_as_left() -> None:
    model = nn.Sequential(nn.Embedding(5, 8), nn.MultiheadAttention(8, 2), nn.Linear(8, 2))
    assert left_as_they_are(model) == ["0.weight", "1.in_proj_weight"]
    before = model[0].weight.clone()
    draw_he(model, 0)
    assert torch.equal(model[0].weight, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.LayerNorm(4), "LayerNorm has no linear or convolutional layer whose weights can be drawn"),
        (lambda: nn.Sequential(nn.LazyLinear(4)), "layer 0 has no weights yet: run the model once"),
        (lambda: nn.Linear(2, 2, device="meta"), "model is on the meta device"),
    ],
)
@pytest.mark.parametrize("draw", PLAIN)
def test_what_cannot_be_drawn_is_refused(make, message: str, draw) -> None:
    with pytest.raises(ValueError, match=message):
        draw(make(), 0)
