import pytest
import torch
from torch import nn

from glassworks.interpret.access.finite import check_values, run_model, where_it_begins
from glassworks.interpret.access.hooks import patch
from glassworks.interpret.causes.restart import store
from glassworks.interpret.transformer.lens import residual_streams
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT


class Root(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sqrt()


def test_the_place_where_a_nan_begins_is_named() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh(), Root()), nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"the output holds NaN, which begin at 1\.1$"):
        run_model(model, -100 * torch.eye(2))
    assert sum(len(module._forward_hooks) for module in model.modules()) == 0


def test_a_weight_that_is_not_finite_is_named() -> None:
    model = GPT(GPTConfig(architecture="gpt2", vocab_size=7, n_ctx=8, n_layer=2, n_head=2, n_embd=8))
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"begin at the weights of blocks\.1\.mlp\.up\.weight"):
        run_model(model, torch.tensor([[1, 2]]))


def test_a_finite_output_is_the_models_own_without_dropout() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    model.train()
    x = torch.ones(1, 2)
    assert torch.equal(run_model(model, x), model[0](x))
    assert model.training


def hidden_nan(architecture: str) -> GPT:
    """A model whose queries are NaN, which torch's fused attention turns into 0 on some CPUs."""
    model = GPT(GPTConfig(architecture, vocab_size=7, n_ctx=8, n_layer=2, n_head=2, n_embd=8))  # type: ignore[arg-type]
    with torch.no_grad():
        if architecture == "qwen3":
            model.blocks[1].attn.q_norm.weight[0] = torch.nan
        else:
            model.blocks[1].attn.qkv.weight[0] = torch.nan
    return model


@pytest.mark.parametrize("architecture", ["gpt2", "qwen3"])
def test_a_nan_that_the_output_does_not_show_is_named(architecture: str) -> None:
    model, tokens = hidden_nan(architecture), torch.tensor([[1, 2, 3]])
    for run in (run_model, residual_streams, store):
        with pytest.raises(ValueError, match=r"NaN, which begin at the weights of blocks\.1\.attn\.q"):
            run(model, tokens)


def test_a_value_that_is_kept_is_looked_at_even_if_the_weights_are_well() -> None:
    model, tokens = GPT(GPTConfig("qwen3", 7, 8, 2, 2, 8)), torch.tensor([[1, 2, 3]])
    broken = patch(model, {"blocks.1.attn.q": lambda q: q * torch.nan})
    with broken, pytest.raises(ValueError, match=r"blocks\.1\.attn\.q holds NaN"):
        store(model, tokens, ["attn.q"])
    broken = patch(model, {"blocks.0.mlp_out": lambda x: x * torch.inf})
    with broken, pytest.raises(ValueError, match=r"blocks\.0 holds NaN"):
        residual_streams(model, tokens)
    check_values({"a": torch.full((3,), 6e4, dtype=torch.float16), "b": torch.tensor([1])})  # its sum is infinite


class Masked(nn.Module):
    """Scores with a mask of -inf, and then a root."""

    def __init__(self) -> None:
        super().__init__()
        self.mask, self.root = nn.Identity(), Root()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = self.mask(torch.full(x.shape, -torch.inf).triu(1))
        return self.root((x + mask).softmax(-1) - 0.5)


def test_a_mask_of_infinities_is_not_blamed_for_a_nan() -> None:
    assert where_it_begins(Masked(), torch.zeros(3, 3)) == "root"
    with pytest.raises(ValueError, match=r"NaN, which begin at root$"):
        run_model(Masked(), torch.zeros(3, 3))


def test_a_compiled_model_is_named_as_it_was_written() -> None:
    broken = hidden_nan("gpt2")
    for model in (torch.compile(broken, backend="eager"), nn.Sequential(torch.compile(broken, backend="eager"))):
        with pytest.raises(ValueError, match=r"the weights of (0\.)?blocks\.1\.attn\.qkv\.weight"):
            run_model(model, torch.tensor([[1, 2, 3]]))
