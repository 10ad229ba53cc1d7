import pytest
import torch
from torch import nn

from glassworks.interpret.finite import run_model
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT


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
