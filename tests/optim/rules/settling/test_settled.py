"""What rules whose states settle have in common: they resume, leave frozen weights alone, and refuse what changes."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from glassworks.core.runs import Run
from glassworks.models.vision.build import make_model
from glassworks.models.vision.config import VisionConfig
from glassworks.optim.rules.rule import Rule
from glassworks.optim.rules.settling.equilibrium_propagation import EquilibriumPropagation
from glassworks.optim.rules.settling.predictive_coding import PredictiveCoding
from glassworks.optim.rules.target_propagation import TargetPropagation
from glassworks.train.checkpoint import load_checkpoint, save_checkpoint
from glassworks.train.fit import fit

RULES = [PredictiveCoding, EquilibriumPropagation, TargetPropagation]


def network(norm: str = "layer") -> nn.Module:
    return make_model(VisionConfig("mlp", shape=(1, 4, 4), outputs=3, width=8, depth=3, norm=norm), seed=1)


def batch(step: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.rand(10, 1, 4, 4, generator=generator)
    return x, (3 * x.flatten(1).mean(1)).long()


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize("rule", RULES)
def test_parts_of_a_batch_are_the_whole(rule: type[Rule]) -> None:
    whole, parts = network(), network()
    fit(whole, batch, loss, rule(whole), steps=5)
    fit(parts, batch, loss, rule(parts), steps=5, accumulate=2)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_a_training_that_was_stopped_goes_on_to_the_bit(rule: type[Rule], tmp_path: Path) -> None:
    whole = network()
    fit(whole, batch, loss, rule(whole, seed=3), steps=6)
    first, second = network(), network()
    optimizer = rule(first, seed=3)
    fit(first, batch, loss, optimizer, steps=3)
    run = Run.create(tmp_path / "run", command=[])
    folder = save_checkpoint(run, 3, {"model": first}, optimizer)
    other = rule(second, seed=3)
    assert load_checkpoint(folder, {"model": second}, other) == 3
    fit(second, batch, loss, other, steps=6, start=3)
    for a, b in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("rule", RULES)
def test_frozen_weights_stay_and_all_others_learn(rule: type[Rule]) -> None:
    model = network()
    frozen = model.linear2.weight.requires_grad_(False)
    before = {name: p.clone() for name, p in model.named_parameters()}
    fit(model, batch, loss, rule(model), steps=3)
    assert torch.equal(before["linear2.weight"], frozen)
    assert all(not torch.equal(before[name], p) for name, p in model.named_parameters() if p.requires_grad)


@pytest.mark.parametrize("rule", RULES)
def test_layers_that_change_from_call_to_call_are_refused_by_name(rule: type[Rule]) -> None:
    with pytest.raises(ValueError, match=r"norm1 \(BatchNorm1d\) computes otherwise each time: take layer norms"):
        rule(network("batch"))
    with pytest.raises(ValueError, match=r"2 \(Dropout\) computes otherwise each time: set its p to 0"):
        rule(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Dropout(0.1), nn.Linear(4, 2)))
    with pytest.raises(ValueError, match=r"0.weight stands before: freeze it"):
        rule(nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2)))


@pytest.mark.parametrize("rule", RULES)
def test_what_is_no_chain_or_no_batch_is_refused(rule: type[Rule]) -> None:
    with pytest.raises(ValueError, match="no chain of layers"):
        rule(make_model(VisionConfig("resnet20", shape=(1, 8, 8), outputs=3, norm="layer")))
    model = network()
    with pytest.raises(ValueError, match="reads inputs and targets, which this closure does not hold"):
        rule(model).step(lambda: loss(model, batch(0)))


@pytest.mark.parametrize("rule", RULES)
def test_a_loss_that_is_no_number_is_told_as_one(rule: type[Rule]) -> None:
    model = network()
    with pytest.raises(Exception, match="the loss became nan"):
        fit(model, lambda _: (torch.full((4, 1, 4, 4), torch.nan), torch.zeros(4).long()), loss, rule(model), steps=2)


@pytest.mark.parametrize("rule", RULES)
def test_one_example_is_a_batch(rule: type[Rule]) -> None:
    model = network()
    fit(model, lambda step: tuple(x[:1] for x in batch(step)), loss, rule(model), steps=2)
    assert all(p.isfinite().all() for p in model.parameters())
