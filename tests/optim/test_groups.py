import pytest
import torch
from torch import nn

from glassworks.models.gpt.config import Architecture, GPTConfig
from glassworks.models.gpt.model import GPT
from glassworks.objectives.losses import next_token_loss
from glassworks.optim.config import OptimizerConfig
from glassworks.optim.groups import make_optimizer, roles


def gpt(architecture: Architecture = "nanochat") -> GPT:
    return GPT(GPTConfig(architecture, vocab_size=32, n_ctx=16, n_layer=2, n_head=2, n_embd=32))


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_every_weight_is_in_exactly_one_group(architecture: Architecture, name: str) -> None:
    model = gpt(architecture)
    optimizer = make_optimizer(model, OptimizerConfig(name))  # type: ignore[arg-type]
    grouped = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(grouped) == len(set(grouped)) == len(list(model.parameters()))


def test_roles_of_a_gpt() -> None:
    model = gpt()
    found = roles(model)
    assert {name: found[p] for name, p in model.named_parameters() if "blocks" not in name} == {
        "embed.weight": "embedding",
        "head.weight": "head",
    }
    assert {found[p] for p in model.blocks.parameters()} == {"matrix"}


def test_a_tied_embedding_is_a_head() -> None:
    model = gpt("gpt2")
    assert roles(model)[model.embed.weight] == "head"


def test_roles_of_any_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8, 8), nn.Linear(8, 2))
    assert list(roles(model).values()) == ["matrix", "vector", "matrix", "vector", "head", "vector"]
    assert list(roles(nn.Linear(4, 4)).values()) == ["matrix", "vector"]


def test_frozen_weights_are_left_out() -> None:
    model = mlp()
    model[0].requires_grad_(False)
    grouped = [p for group in make_optimizer(model, OptimizerConfig()).param_groups for p in group["params"]]
    assert len(grouped) == 4


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_model_without_neurons_trains(name: str) -> None:
    model = GPT(GPTConfig("qwen3", vocab_size=32, n_ctx=16, n_layer=1, n_head=2, n_embd=32, n_inner=0))
    optimizer = make_optimizer(model, OptimizerConfig(name))  # type: ignore[arg-type]
    tokens = torch.arange(16)[None]
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = next_token_loss(model, (tokens, (tokens + 1) % 16))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_rates_of_embedding_and_head_grow_as_width_shrinks() -> None:
    groups = make_optimizer(gpt(), OptimizerConfig(embedding_lr=0.3, head_lr=0.1)).param_groups
    assert [group["lr"] for group in groups[-2:]] == pytest.approx([0.3 * 24**0.5, 0.1 * 24**0.5])


@pytest.mark.parametrize("architecture", ["gpt2", "llama", "qwen3", "nanochat"])
@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_gpt_learns_a_batch(architecture: Architecture, name: str) -> None:
    model = gpt(architecture)
    optimizer = make_optimizer(model, OptimizerConfig(name, lr=None if name == "muon" else 1e-2))  # type: ignore[arg-type]
    tokens = torch.randint(32, (4, 17), generator=torch.Generator().manual_seed(0))
    for _ in range(40):
        optimizer.zero_grad()
        loss = next_token_loss(model, (tokens[:, :-1], tokens[:, 1:]))
        loss.backward()
        optimizer.step()
    assert loss < 1.5


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"lr": -1.0}, "lr"),
        ({"momentum": 1.0}, "momentum"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"weight_decay": float("nan")}, "weight_decay"),
    ],
)
def test_a_wrong_field_is_named(values: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        OptimizerConfig(**values)  # type: ignore[arg-type]
