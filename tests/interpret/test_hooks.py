import pytest
import torch
from torch import nn

from glassworks.interpret.hooks import capture
from glassworks.models.config import GPTConfig
from glassworks.models.gpt import GPT

TOKENS = torch.tensor([[1, 2, 3, 4]])


def small() -> GPT:
    return GPT(GPTConfig(architecture="gpt2", vocab_size=7, n_ctx=8, n_layer=2, n_head=2, n_embd=8))


def num_hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def test_reads_what_a_module_returned() -> None:
    model = small()
    with capture(model, ["head", "blocks.*.attn.pattern"]) as seen:
        logits = model(TOKENS)
    assert list(seen) == ["blocks.0.attn.pattern", "blocks.1.attn.pattern", "head"]
    assert seen["head"] is logits
    assert seen["blocks.1.attn.pattern"].shape == (1, 2, 4, 4)


def test_keeps_the_graph_when_gradients_are_on() -> None:
    model = small()
    with capture(model, "blocks.0.resid_post") as seen:
        loss = model(TOKENS).sum()
    (gradient,) = torch.autograd.grad(loss, seen["blocks.0.resid_post"])
    assert gradient.shape == (1, 4, 8)


def test_works_on_any_module() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    with capture(model, "1") as seen:
        out = model(torch.ones(1, 2))
    assert seen["1"] is out


def test_hooks_are_removed_and_modes_restored_even_after_an_error() -> None:
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model.train()
    model[1].eval()
    modes = []
    with pytest.raises(RuntimeError), capture(model, "*"):
        modes = [module.training for module in model.modules()]
        model(torch.ones(1, 3))
    assert not any(modes)
    assert num_hooks(model) == 0
    assert [module.training for module in model] == [True, False, True]
    assert model.training


def test_dropout_is_off_inside() -> None:
    model = nn.Dropout(0.5)
    with capture(model, "*") as seen:
        model(torch.ones(100))
    assert torch.equal(seen[""], torch.ones(100))


def test_a_wrong_name_lists_the_nearest_and_leaves_no_hook() -> None:
    model = small()
    wrong = capture(model, ["head", "blocks.0.attn.patern"])
    with pytest.raises(ValueError, match=r"'blocks.0.attn.patern'.*nearest: blocks.0.attn.pattern"), wrong:
        pass
    assert num_hooks(model) == 0


def test_refuses_an_output_that_is_not_one_tensor() -> None:
    model = nn.Sequential(nn.LSTM(2, 2))
    with pytest.raises(ValueError, match="0 returns a tuple"), capture(model, "0"):
        model(torch.ones(1, 2, 2))
