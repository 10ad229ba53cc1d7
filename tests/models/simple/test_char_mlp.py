"""Bigram and MLP over characters: their weights, their batch norm, and what they refuse."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from glassworks.models.simple.char_mlp import BatchNorm, Bigram, CharMLP, CharMLPConfig, Init

V, B = 27, 64
CONFIGS = {
    "plain": CharMLPConfig(V),
    "no biases": CharMLPConfig(V, init=Init(hidden_bias=None, head_bias=None)),
    "batch norm": CharMLPConfig(V, batch_norm="hidden", init=Init(hidden_bias=None)),
    "deep": CharMLPConfig(V, n_ctx=5, n_layer=3, n_hidden=40, batch_norm="all", init=Init(gain=1.0, head=None)),
}


def tokens(n_ctx: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(V, (B, n_ctx), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> CharMLPConfig:
    return CONFIGS[request.param]


def test_a_seed_gives_the_same_logits_and_another_seed_others(config: CharMLPConfig) -> None:
    first, again, other = (CharMLP(config, seed=seed)(tokens(config.n_ctx)) for seed in (1, 1, 2))
    assert first.shape == (B, V)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_gradients_reach_every_weight(config: CharMLPConfig) -> None:
    model = CharMLP(config)
    F.cross_entropy(model(tokens(config.n_ctx)), torch.arange(B) % V).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_learns_a_batch_by_heart(config: CharMLPConfig) -> None:
    model, batch = CharMLP(config), (tokens(config.n_ctx), torch.arange(B) % V)
    optimizer, seen = torch.optim.SGD(model.parameters(), 0.5), []
    for _ in range(150):
        loss = F.cross_entropy(model(batch[0]), batch[1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
    assert seen[-1] < 0.2 * seen[0]


def test_the_state_dict_restores_the_model(config: CharMLPConfig) -> None:
    model, other = CharMLP(config, seed=1), CharMLP(config, seed=2)
    model(tokens(config.n_ctx))  # moves running statistics
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(tokens(config.n_ctx)), other.eval()(tokens(config.n_ctx)))


def test_weights_are_drawn_from_one_stream_in_the_lectures_order() -> None:
    generator, stream = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    model = CharMLP(CharMLPConfig(V, init=Init(hidden=0.2, hidden_bias=0.5, head=0.1, head_bias=3.0)), seed=generator)
    linear = model.hidden[0]
    assert torch.equal(model.embed.weight, torch.randn(V, 10, generator=stream))
    assert torch.equal(linear.weight, 0.2 * torch.randn(30, 200, generator=stream).T)
    assert torch.equal(linear.bias, 0.5 * torch.randn(200, generator=stream))
    assert torch.equal(model.head.weight, 0.1 * torch.randn(200, V, generator=stream).T)
    assert torch.equal(model.head.bias, 3.0 * torch.randn(V, generator=stream))
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=stream))


def test_kaimings_scale_keeps_the_scale_of_what_passes() -> None:
    config = CharMLPConfig(V, n_ctx=8, n_embd=25, n_layer=6, n_hidden=200, init=Init(hidden_bias=0.0))
    for gain, low, high in ((5 / 3, 0.5, 0.8), (0.5, 0.0, 0.02)):
        scaled = CharMLP(CharMLPConfig(**{**vars(config), "init": Init(gain=gain, hidden_bias=0.0)}))
        last = scaled.hidden(scaled.embed(tokens(8)).flatten(1))
        assert low < last.std().item() < high


def test_a_small_head_guesses_uniformly_and_a_wide_one_is_sure() -> None:
    targets = torch.arange(B) % V
    small = F.cross_entropy(CharMLP(CharMLPConfig(V))(tokens(3)), targets).item()
    wide = F.cross_entropy(CharMLP(CharMLPConfig(V, init=Init(1.0, head=1.0)))(tokens(3)), targets).item()
    assert small == pytest.approx(math.log(V), abs=0.1)
    assert wide > 10


def test_a_bigram_is_a_one_hot_vector_times_a_matrix() -> None:
    model, context = Bigram(V, seed=3), tokens(4)
    expected = F.one_hot(context[:, -1], V).float() @ model.table.weight
    assert torch.equal(model(context), expected)


# ----------------------------------------------------------------------------------------------------------------------
# Batch norm


def formula(x: torch.Tensor, norm: BatchNorm) -> torch.Tensor:
    """Over axis 0, with n - 1 under the variance."""
    return norm.weight * (x - x.mean(0)) / (x.var(0) + norm.eps).sqrt() + norm.bias


def scrambled(width: int, positions: int = 1) -> BatchNorm:
    norm, generator = BatchNorm(width, positions=positions).double(), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in norm.parameters():
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return norm


@pytest.mark.parametrize("n", [2, 3, 32])
def test_batch_norm_and_its_gradient_match_the_formula(n: int) -> None:
    norm = scrambled(5)
    x = torch.randn(n, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(n, 5, dtype=torch.float64)
    wanted = (x, *norm.parameters())
    ours = torch.autograd.grad((norm(x) * weight).sum(), wanted)
    theirs = torch.autograd.grad((formula(x, norm) * weight).sum(), wanted)
    torch.testing.assert_close(norm(x), formula(x, norm))
    torch.testing.assert_close(ours, theirs)


def test_running_statistics_are_averages_and_evaluation_uses_them() -> None:
    norm, mean, var = BatchNorm(4, momentum=0.25), torch.zeros(4), torch.ones(4)
    for seed in range(5):
        x = 3 + 2 * torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))
        norm(x)
        mean, var = 0.75 * mean + 0.25 * x.mean(0), 0.75 * var + 0.25 * x.var(0)
    torch.testing.assert_close(norm.running_mean, mean)
    torch.testing.assert_close(norm.running_var, var)
    one = torch.randn(1, 4)
    torch.testing.assert_close(norm.eval()(one), (one - mean) / (var + 1e-5).sqrt())


def test_positions_are_pooled_or_kept_apart() -> None:
    x = torch.randn(16, 3, 5, dtype=torch.float64) * torch.tensor([1.0, 5.0, 9.0], dtype=torch.float64)[:, None]
    pooled, apart = scrambled(5), scrambled(5, positions=3)
    torch.testing.assert_close(pooled(x), formula(x.flatten(0, 1), pooled).view_as(x))
    torch.testing.assert_close(apart(x), torch.stack([formula(x[:, t], apart) for t in range(3)], 1))
    assert not torch.allclose(pooled(x), apart(x))


def test_a_single_example_has_no_variance() -> None:
    with pytest.raises(ValueError, match="a batch of 1 has no variance.*at least 2"):
        BatchNorm(4)(torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CharMLPConfig(0), r"vocab_size \(=0\) must be at least 1"),
        (lambda: CharMLPConfig(V, n_layer=0), r"n_layer \(=0\)"),
        (lambda: Init(head=-1.0), r"head \(=-1.0\) is a standard deviation"),
        (lambda: Init(gain=math.nan), r"gain \(=nan\)"),
    ],
)
def test_refuses_shapes_that_make_no_network(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        make()


def test_every_module_is_an_ordinary_one(config: CharMLPConfig) -> None:
    model = CharMLP(config)
    seen: list[torch.Size] = []
    for module in model.modules():
        if isinstance(module, nn.Tanh):
            module.register_forward_hook(lambda _module, _args, output: seen.append(output.shape))
    model(tokens(config.n_ctx))
    assert seen == [(B, config.n_hidden)] * config.n_layer
