"""Adapters change nothing at first, learn, merge to what they were, and leave the model's own weights alone."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from glassworks.models.adapters.config import AdapterConfig
from glassworks.models.adapters.digest import digest_of
from glassworks.models.adapters.lora import adapt, adapted, adapter_state, as_merged, merge, still, targets
from glassworks.models.adapters.peft import load_adapter, save_adapter
from glassworks.models.generation.completion import generate
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.models.io import load_model, save_model

KINDS = ("lora", "rslora", "dora")
SHAPES = {
    "gpt2": GPTConfig("gpt2", vocab_size=61, n_ctx=16, n_layer=2, n_head=2, n_embd=16),
    "llama": GPTConfig("llama", vocab_size=61, n_ctx=16, n_layer=2, n_head=4, n_kv_head=2, n_embd=16, tied=True),
    "qwen3": GPTConfig("qwen3", vocab_size=61, n_ctx=16, n_layer=2, n_head=2, n_embd=16),
    "nanochat": GPTConfig("nanochat", vocab_size=61, n_ctx=16, n_layer=2, n_head=2, n_embd=16),
}
TOKENS = torch.randint(0, 61, (3, 16), generator=torch.Generator().manual_seed(0))


def drawn(shape: GPTConfig) -> GPT:
    """A GPT none of whose weights is 0."""
    model = GPT(shape)
    generator = torch.Generator().manual_seed(1)
    for p in model.parameters():
        p.data.add_(torch.empty(p.shape).normal_(0, 0.1, generator=generator))
    return model


def learned(model: nn.Module, seed: int = 2) -> nn.Module:
    """The model with an adapter that is not 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in adapter_state(model).items():
        change = torch.empty(tensor.shape).normal_(0, 0.1, generator=generator)
        dict(model.named_parameters())[name].data.add_(change)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_merged_it_gives_what_it_gave(kind: Any, shape: GPTConfig) -> None:
    model = drawn(shape)
    plain = copy.deepcopy(model)
    adapt(model, AdapterConfig(kind, r=3))
    assert torch.allclose(model(TOKENS), plain(TOKENS), atol=1e-5)
    assert len(still(model)) == len(list(adapted(model))) > 0
    learned(model)
    assert still(model) == []
    before = model(TOKENS)
    assert (before - plain(TOKENS)).abs().max() > 0.01
    merge(model)
    assert type(model.blocks[0].attn.qkv) is type(plain.blocks[0].attn.qkv)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert torch.allclose(model(TOKENS), before, atol=1e-5)
    assert (model.head.weight is model.embed.weight) == shape.is_tied


@pytest.mark.parametrize("kind", KINDS)
def test_gives_what_the_equation_says_of_any_module(kind: Any) -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 4, bias=False), nn.Linear(4, 2))
    adapt(model, AdapterConfig(kind, r=2, alpha=6.0, targets=("0", "2")))
    learned(model)
    x, layer = torch.randn(9, 5, generator=torch.Generator().manual_seed(3)), model[0]
    scale = 6 / 2**0.5 if kind == "rslora" else 3.0
    weight = layer.weight + scale * layer.lora_b @ layer.lora_a
    if kind == "dora":
        weight = layer.magnitude[:, None] * weight / weight.norm(dim=1, keepdim=True)
    assert torch.allclose(layer(x), F.linear(x, weight, layer.bias), atol=1e-6)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    ends = ["lora_a", "lora_b", *(["magnitude"] if kind == "dora" else [])]
    assert trained == {f"{name}.{end}" for name in "02" for end in ends}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: Any) -> None:
    model = nn.Sequential(nn.Linear(4, 6)).double()
    adapt(model, AdapterConfig(kind, r=2, targets=("0",)))
    learned(model)
    layer, x = model[0], torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    lengths = layer.lengths()
    layer.lengths = lambda: lengths  # taken for a constant in DoRA's gradient
    names = list(adapter_state(model))

    def output(*tensors: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.func.functional_call(model, dict(zip(names, tensors, strict=True)), (x,))
        return found

    values = [p.detach().clone().requires_grad_() for p in model.parameters() if p.requires_grad]
    assert torch.autograd.gradcheck(output, values)


def test_qkv_learns_what_three_layers_apart_would() -> None:
    model = drawn(SHAPES["llama"])
    adapt(model, AdapterConfig("lora", r=2))
    qkv = learned(model).blocks[0].attn.qkv
    assert qkv.lora_a.shape == (6, 16)
    a, b = qkv.lora_a.split(2), qkv.lora_b.split((16, 8, 8))
    apart = torch.cat([y @ x for x, y in zip(a, b, strict=True)])
    assert torch.allclose(qkv.merged_weight(), qkv.weight + 8 * apart, atol=1e-6)


def test_a_tied_head_that_is_adapted_has_a_weight_of_its_own_when_it_is_merged(tmp_path: Path) -> None:
    model = drawn(SHAPES["gpt2"])
    embedding = model.embed.weight.detach().clone()
    adapt(model, AdapterConfig("lora", r=2, targets=("head", "attn.qkv")))
    before = learned(model)(TOKENS)
    merge(model)
    assert torch.equal(model.embed.weight, embedding)
    assert torch.allclose(model(TOKENS), before, atol=1e-5)
    save_model(model, tmp_path / "model")
    assert torch.allclose(load_model(tmp_path / "model")(TOKENS), before, atol=1e-5)


def test_in_the_block_it_is_plain_and_afterwards_as_it_was_to_the_bit() -> None:
    model = drawn(SHAPES["gpt2"])
    adapt(model, AdapterConfig("dora", r=2, targets=("head", "mlp.up")))
    learned(model)
    before, state = model(TOKENS), {name: t.clone() for name, t in model.state_dict().items()}
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    with as_merged(model) as plain:
        assert not list(adapted(plain))
        assert not plain.config.is_tied
        assert torch.allclose(plain(TOKENS), before, atol=1e-5)
    assert torch.equal(model(TOKENS), before)
    assert model.config.is_tied
    assert {name: p.requires_grad for name, p in model.named_parameters()} == wanted
    assert all(torch.equal(t, state[name]) for name, t in model.state_dict().items())


def test_generation_reads_the_adapter() -> None:
    from glassworks.data.tokenizers.build import char_tokenizer

    tokenizer = char_tokenizer(["".join(map(chr, range(65, 125)))])
    model = drawn(SHAPES["nanochat"])
    plain = generate(model, tokenizer, ["ABC"], max_tokens=10, temperature=0)
    adapt(model, AdapterConfig("lora", r=4))
    assert generate(model, tokenizer, ["ABC"], max_tokens=10, temperature=0) == plain
    learned(model)
    changed = generate(model, tokenizer, ["ABC"], max_tokens=10, temperature=0)
    assert changed != plain
    with as_merged(model):
        assert generate(model, tokenizer, ["ABC"], max_tokens=10, temperature=0) == changed


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_folder_gives_back_what_was_written(kind: Any, shape: GPTConfig, tmp_path: Path) -> None:
    model, other = drawn(shape), drawn(shape)
    adapt(model, AdapterConfig(kind, r=3))
    learned(model)
    save_adapter(model, tmp_path / "adapter")
    load_adapter(other, tmp_path / "adapter")
    assert all(torch.equal(t, other.state_dict()[name]) for name, t in model.state_dict().items())
    assert torch.equal(model(TOKENS), other(TOKENS))


def test_an_adapter_for_another_base_is_refused(tmp_path: Path) -> None:
    model = drawn(SHAPES["llama"])
    adapt(model, AdapterConfig("lora", r=3))
    save_adapter(learned(model), tmp_path / "adapter")
    other = drawn(SHAPES["llama"])
    other.norm.weight.data += 1e-3
    with pytest.raises(ValueError, match="is an adapter for other weights than these"):
        load_adapter(other, tmp_path / "adapter")
    (tmp_path / "adapter" / "base.json").unlink()  # as PEFT writes it, without a digest: shapes tell
    with pytest.raises(ValueError, match="the adapter is for another base"):
        load_adapter(drawn(SHAPES["qwen3"]), tmp_path / "adapter")
    with pytest.raises(ValueError, match="the adapter is for another base"):
        load_adapter(drawn(SHAPES["gpt2"]), tmp_path / "adapter")
    load_adapter(other, tmp_path / "adapter")


def test_the_digest_is_of_the_base_whether_it_is_adapted_or_not() -> None:
    model = drawn(SHAPES["gpt2"])
    before = digest_of(model)
    adapt(model, AdapterConfig("dora"))
    assert digest_of(learned(model)) == before
    merge(model)
    assert digest_of(model) != before


def test_all_is_every_layer_but_the_head_and_names_that_fit_nothing_are_refused() -> None:
    model = drawn(SHAPES["llama"])
    assert len(targets(model, "all")) == 2 * 5
    assert list(targets(model, "mlp.up")) == ["blocks.0.mlp.up", "blocks.1.mlp.up"]
    with pytest.raises(ValueError, match=r"targets \(='q_proj'\) is the end of no linear layer's name: there are qkv,"):
        targets(model, "q_proj")
    adapt(model, AdapterConfig("lora"))
    with pytest.raises(ValueError, match="adapted already"):
        adapt(model, AdapterConfig("lora"))
