import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import ARCHITECTURES, drawn
from torch import nn

from glassworks.interpret.transformer.health import UpdateRatios, health, update_ratios, weight_copies


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    inputs = torch.randint(11, (3, 8), generator=torch.Generator().manual_seed(1))
    return inputs, inputs.roll(-1, 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scales_match_a_plain_forward_and_backward(architecture: str) -> None:
    model, (inputs, targets) = drawn(architecture), batch()
    trace = health(model, inputs, targets)
    outputs: dict[str, torch.Tensor] = {}
    tap = model.blocks[1].get_submodule("mlp_out")
    handle = tap.register_forward_hook(lambda _m, _a, out: outputs.__setitem__("mlp_out", out))
    loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    handle.remove()
    expected = outputs["mlp_out"].square().mean().sqrt().item()
    assert trace.arrays["activation_rms"][1, 2] == pytest.approx(expected, rel=1e-5)
    part = trace.labels["part"].index("mlp.up")
    gradients = torch.cat([p.grad.flatten() for p in model.blocks[1].mlp.up.parameters()])  # type: ignore[union-attr]
    assert trace.arrays["gradient_rms"][1, part] == pytest.approx(gradients.square().mean().sqrt().item(), rel=1e-4)
    assert trace.meta["loss"] == pytest.approx(loss.item(), rel=1e-6)
    assert "embed" in trace.labels["outer"]


def test_counts_units_that_never_fire() -> None:
    model = drawn("nanochat")
    with torch.no_grad():
        model.blocks[0].mlp.up.weight[:16] = 0  # 16 of 64 hidden units
    dead = health(model, *batch()).arrays["dead_fraction"]
    assert dead[0] == pytest.approx(0.25, abs=0.05)
    assert dead[0] >= 0.25
    assert dead[1] < 0.1


def test_leaves_gradients_weights_and_mode_alone_even_without_gradients_on() -> None:
    model = drawn("gpt2").train()
    before = {name: p.clone() for name, p in model.named_parameters()}
    with torch.no_grad():
        health(model, *batch())
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(p, before[name]) for name, p in model.named_parameters())
    assert model.training


def test_update_ratio_of_a_known_step() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    with torch.no_grad():
        model[1].weight.zero_()
    before = weight_copies(model)
    with torch.no_grad():
        model[0].weight.mul_(1.01)
        model[1].weight.add_(1)
    ratios = update_ratios(before, model)
    assert list(ratios) == ["update_ratio/0.weight"]  # biases are not matrices; an all-zero matrix has no ratio
    assert ratios["update_ratio/0.weight"] == pytest.approx(0.01, rel=1e-3)


def test_update_ratio_of_no_step_is_zero() -> None:
    model = drawn("qwen3")
    assert set(update_ratios(weight_copies(model), model).values()) == {0.0}


@pytest.mark.parametrize(("interval", "measured"), [(1, [2, 3, 4, 5, 6, 7]), (3, [3, 6])])
def test_update_ratios_are_those_of_single_steps(interval: int, measured: list[int]) -> None:
    model, ratios = nn.Linear(2, 2), UpdateRatios(interval)
    found = {}
    for step in range(1, 8):
        with torch.no_grad():
            model.weight.mul_(1 + step / 100)
        if numbers := ratios(step, model):
            found[step] = numbers["update_ratio/weight"]
    assert list(found) == measured
    assert list(found.values()) == pytest.approx([step / 100 for step in measured], rel=1e-4)


def test_refuses_an_interval_of_no_step() -> None:
    with pytest.raises(ValueError, match="interval"):
        UpdateRatios(0)
