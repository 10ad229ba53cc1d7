import math

import pytest
import torch
from torch.nn import functional as F

from glassworks.models.gpt.config import Architecture, GPTConfig
from glassworks.models.gpt.model import GPT, Cache

V, T = 37, 12
CONFIGS = {
    "gpt2": GPTConfig("gpt2", V, 16, 2, 3, 24),
    "llama": GPTConfig("llama", V, 16, 2, 4, 24, n_kv_head=2),
    "qwen3": GPTConfig("qwen3", V, 16, 2, 4, 24, n_kv_head=2, head_dim=8),
    "nanochat": GPTConfig("nanochat", V, 16, 2, 4, 32, n_kv_head=2),
}


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> GPT:
    """A model whose weights are not at their initialisation."""
    model = GPT(CONFIGS[request.param])
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
    return model


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(V, (3, T), generator=torch.Generator().manual_seed(4))


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


def test_later_tokens_do_not_change_earlier_logits(model: GPT, tokens: torch.Tensor) -> None:
    changed = tokens.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % V
    before, after = model(tokens), model(changed)
    close(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7:], after[:, 7:], atol=1e-3)


@pytest.mark.parametrize("chunks", [[12], [1] * 12, [5, 1, 6], [4, 4, 4]])
def test_cached_logits_equal_uncached(model: GPT, tokens: torch.Tensor, chunks: list[int]) -> None:
    cache = Cache(model.config, 3, T, like=model.embed.weight)
    with torch.no_grad():
        parts = [model(part, cache) for part in tokens.split(chunks, 1)]
        close(torch.cat(parts, 1), model(tokens))
    assert cache.length == cache.size


@pytest.mark.parametrize("chunks", [[12], [9, 1, 1, 1], [5, 7]])
def test_padded_rows_equal_rows_alone(model: GPT, tokens: torch.Tensor, chunks: list[int]) -> None:
    padding = torch.tensor([0, 3, 8])
    cache = Cache(model.config, 3, T, like=model.embed.weight, padding=padding)
    with torch.no_grad():
        logits = torch.cat([model(part, cache) for part in tokens.split(chunks, 1)], 1)
        for row, left in enumerate(padding.tolist()):
            close(logits[row, left:], model(tokens[row : row + 1, left:])[0])


def test_a_cache_forgets_rows(model: GPT, tokens: torch.Tensor) -> None:
    cache = Cache(model.config, 3, T, like=model.embed.weight, padding=torch.tensor([0, 3, 8]))
    with torch.no_grad():
        model(tokens[:, :-1], cache)
        cache.keep(torch.tensor([2, 0]))
        logits = model(tokens[[2, 0], -1:], cache, last=True)
        close(logits[0, 0], model(tokens[2:, 8:])[0, -1])
        close(logits[1, 0], model(tokens[:1])[0, -1])


def test_explicit_attention_equals_fused_and_shows_a_pattern(model: GPT, tokens: torch.Tensor) -> None:
    plain = model(tokens)
    patterns = []
    handles = [
        block.attn.pattern.register_forward_hook(lambda module, args, out: patterns.append(out))
        for block in model.blocks
    ]
    close(model(tokens), plain)
    for pattern in patterns:
        assert pattern.shape == (3, model.config.n_head, T, T)
        close(pattern.sum(-1), torch.ones(3, model.config.n_head, T))
        assert pattern.triu(1).count_nonzero() == 0
    for handle in handles:
        handle.remove()
    assert torch.equal(model(tokens), plain)


def test_looking_changes_nothing(model: GPT, tokens: torch.Tensor) -> None:
    plain, names = model(tokens), list(model.state_dict())
    taps = {name: m for name, m in model.named_modules() if isinstance(m, torch.nn.Identity)}
    seen = {}
    for name, tap in taps.items():
        if not name.endswith("pattern"):
            tap.register_forward_hook(lambda module, args, out, name=name: seen.__setitem__(name, out))
    assert torch.equal(model(tokens), plain)
    assert len(seen) == len(taps) - model.config.n_layer
    assert list(model.state_dict()) == names
    assert not any(part in name for name in names for part in ("resid", "pattern", "attn_out", "rope"))


def test_an_edit_at_a_tap_acts(model: GPT, tokens: torch.Tensor) -> None:
    plain = model(tokens)
    model.blocks[1].resid_post.register_forward_hook(lambda module, args, out: torch.zeros_like(out))
    close(model(tokens), model.unembed(torch.zeros(3, T, model.config.n_embd)))
    assert not torch.allclose(model(tokens), plain, atol=1e-3)


@pytest.mark.parametrize("name", CONFIGS)
def test_initialisation_depends_on_the_seed_alone(name: str) -> None:
    torch.manual_seed(1)
    one = GPT(CONFIGS[name], seed=7).state_dict()
    torch.manual_seed(2)
    two, other = GPT(CONFIGS[name], seed=7).state_dict(), GPT(CONFIGS[name], seed=8).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", ["llama", "qwen3", "nanochat"])
def test_the_first_loss_is_that_of_a_uniform_guess(name: str, tokens: torch.Tensor) -> None:
    logits = GPT(CONFIGS[name])(tokens)
    assert F.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).item() == pytest.approx(math.log(V))


def test_in_float64_gradients_are_those_of_differences(model: GPT, tokens: torch.Tensor) -> None:
    model.double()
    F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
    with torch.no_grad():
        for p in model.parameters():
            step, place = 1e-6, (0,) * p.ndim
            losses = []
            for sign in (1, -1):
                p[place] += sign * step
                losses.append(F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()))
                p[place] -= sign * step
            assert p.grad is not None
            assert p.grad[place].item() == pytest.approx(((losses[0] - losses[1]) / (2 * step)).item(), abs=1e-8)


def test_recomputing_gives_the_same_gradients(model: GPT, tokens: torch.Tensor) -> None:
    def gradients() -> list[torch.Tensor]:
        model.zero_grad()
        F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten()).backward()
        return [p.grad.clone() for p in model.parameters()]

    kept = gradients()
    model.recompute = True
    assert all(torch.equal(a, b) for a, b in zip(kept, gradients(), strict=True))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("n_layer", {"n_layer": 0}),
        ("n_embd", {"n_embd": 30, "n_head": 4}),
        ("n_kv_head", {"n_kv_head": 3, "n_head": 4}),
        ("head_dim", {"architecture": "qwen3", "head_dim": 5}),
        ("n_kv_head", {"architecture": "gpt2", "n_kv_head": 2}),
        ("head_dim", {"architecture": "nanochat", "head_dim": 8}),
        ("n_embd", {"architecture": "llama", "n_embd": 30, "n_head": 4, "head_dim": 8}),
        ("n_inner", {"n_inner": -1}),
        ("rope_type", {"architecture": "gpt2", "rope_type": "linear"}),
        ("rope_factor", {"rope_factor": 2.0}),
        ("rope_factor", {"rope_type": "linear", "rope_factor": 0.0}),
        ("rope_theta", {"rope_theta": float("nan")}),
        ("rope_low_freq_factor", {"rope_type": "llama3", "rope_low_freq_factor": 4.0}),
        ("rope_original_n_ctx", {"rope_type": "llama3", "rope_original_n_ctx": 0}),
        ("n_inner", {"architecture": "gpt2", "n_inner": 0}),
    ],
)
def test_shapes_that_cannot_be_built_are_refused_by_field(field: str, values: dict) -> None:
    with pytest.raises(ValueError, match=field) as error:
        GPTConfig(**values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "nanochat"])
def test_without_neurons_a_model_is_attention_only(architecture: Architecture, tokens: torch.Tensor) -> None:
    model = GPT(GPTConfig(architecture, V, 16, 2, 2, 16, n_inner=0))
    for p in model.parameters():
        torch.nn.init.normal_(p) if p.numel() else None
    written = []
    for block in model.blocks:
        block.mlp_out.register_forward_hook(lambda module, args, out: written.append(out))
    loss = F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())
    loss.backward()
    assert len(written) == 2
    assert not any(out.any() for out in written)
    assert sum(p.numel() for p in model.blocks[0].mlp.parameters()) == 0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_sequence_beyond_the_context_is_refused(model: GPT) -> None:
    with pytest.raises(ValueError, match="n_ctx=16"):
        model(torch.zeros(1, 17, dtype=torch.long))


def test_parameter_counts_equal_the_published_formulas() -> None:
    config = GPTConfig("gpt2", 50257, 1024, 12, 12, 768)
    with torch.device("meta"):
        model = GPT(config)
    assert model.num_params() == 124_439_808  # GPT-2 small, as transformers counts it
    C, L, F_ = 32, 2, 128
    assert GPT(CONFIGS["nanochat"]).num_params() == 2 * V * C + L * (C * C + 2 * C * 16 + C * C + 2 * C * F_)


def test_flops_per_token_equal_those_that_torch_counts(model: GPT, tokens: torch.Tensor) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(tokens)
    weights = (
        3 * counter.get_total_flops() / tokens.numel()
    )  # torch counts the whole square of attention, or none of it
    config = model.config
    square = 12 * config.n_layer * config.n_head * config.width_of_head * T
    ours = model.flops_per_token(T) - square * (T + 1) / (2 * T)
    assert min(abs(ours - weights), abs(ours + square - weights)) < 1e-6 * weights
