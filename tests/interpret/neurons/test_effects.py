import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.networks import ARCHITECTURES, drawn, tokens
from torch import nn

from glassworks.interpret.access.hooks import capture
from glassworks.interpret.neurons import effects as neuron_effects
from glassworks.interpret.neurons.effects import largest_writers, neuron_ablation

POINT = "blocks.0.mlp.post"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_batched_runs_from_behind_the_block_are_whole_runs(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = drawn(architecture, 0.5, n_embd=8)
    batched = neuron_ablation(model, tokens(10, 8), POINT, batch_size=4, controls=5, neurons=[0, 3, 17])
    monkeypatch.setattr(neuron_effects, "BEHIND", "nothing")
    plain = neuron_ablation(model, tokens(10, 8), POINT, batch_size=10, controls=5, neurons=[0, 3, 17])
    for name, array in plain.arrays.items():
        np.testing.assert_allclose(batched.arrays[name], array, rtol=2e-3, atol=2e-5, err_msg=name)
    assert abs(plain.arrays["effect"]).max() > 1e-3
    assert plain.labels["neuron"] == ["0", "3", "17"]
    assert not set(plain.labels["control"]) & {"0", "3", "17"}


def test_effect_is_the_loss_with_a_weight_moved_into_a_bias() -> None:
    model, x = drawn("gpt2", 0.5, n_embd=8), tokens(10, 8)
    with torch.no_grad(), capture(model, POINT) as seen:
        before = model(x)
        mean = seen[POINT].mean((0, 1))
    trace = neuron_ablation(model, x, POINT, neurons=[5])
    with torch.no_grad():
        down = model.blocks[0].mlp.down  # type: ignore[union-attr]
        down.bias += down.weight[:, 5] * mean[5]  # type: ignore[operator, index]
        down.weight[:, 5] = 0  # type: ignore[index, operator]
        after = model(x)
    losses = [F.cross_entropy(y[:, :-1].flatten(0, 1), x[:, 1:].flatten()) for y in (before, after)]
    assert trace.arrays["effect"][0] == pytest.approx((losses[1] - losses[0]).item(), rel=1e-3)
    kl = F.kl_div(after.log_softmax(-1), before.softmax(-1), reduction="none").sum(-1).mean()
    assert trace.arrays["kl"][0] == pytest.approx(kl.item(), rel=1e-3)
    assert trace.arrays["mean"][0] == pytest.approx(mean[5].item(), rel=1e-5)


def test_a_neuron_that_writes_nothing_has_no_effect_and_all_controls_are_larger() -> None:
    model = drawn("nanochat", 0.5, n_embd=8)
    with torch.no_grad():
        model.blocks[0].mlp.down.weight[:, 2] = 0  # type: ignore[union-attr]
    trace = neuron_ablation(model, tokens(10, 8), POINT, neurons=[2])
    assert abs(trace.arrays["effect"][0]) < 1e-6
    assert trace.arrays["kl"][0] < 1e-6
    assert trace.arrays["larger"][0] > 0.9


def test_other_models_and_other_losses() -> None:
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    trace = neuron_ablation(model, x, "1", loss=lambda logits, x: logits.square().sum(-1), controls=3)
    with torch.no_grad():
        hidden = model[:2](x)
        changed = hidden.clone()
        changed[:, 4] = hidden[:, 4].mean()
        expected = (model[2](changed).square() - model[2](hidden).square()).sum(1)
    assert trace.arrays["effect"][4] == pytest.approx(expected.mean().item(), rel=1e-4, abs=1e-7)
    assert trace.arrays["effect_error"][4] == pytest.approx(expected.std().item() / 40**0.5, rel=1e-4)
    assert trace.arrays["control_effect"].shape == (3,)


def test_a_channel_of_a_convolution_is_a_neuron() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 12, 2))
    x = torch.randn(20, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    trace = neuron_ablation(model, x, "1", loss=lambda logits, x: logits.square().sum(-1), batch_size=7)
    with torch.no_grad():
        maps = model[:2](x)
        changed = maps.clone()
        changed[:, 1] = maps[:, 1].mean()
        expected = (model[2:](changed).square() - model[2:](maps).square()).sum(1)
    assert trace.arrays["effect"].shape == (3,)
    assert trace.arrays["effect"][1] == pytest.approx(expected.mean().item(), rel=1e-4, abs=1e-7)


def test_refuses_bad_input() -> None:
    model = drawn("gpt2", 0.5, n_embd=8)
    with pytest.raises(ValueError, match="must not be empty"):
        neuron_ablation(model, tokens(0, 8), POINT)
    with pytest.raises(ValueError, match="below the 32"):
        neuron_ablation(model, tokens(10, 8), POINT, neurons=[-1])
    with pytest.raises(ValueError, match=r"controls \(=0\)"):
        neuron_ablation(model, tokens(10, 8), POINT, controls=0)
    with pytest.raises(ValueError, match="one place, not 2"):
        neuron_ablation(model, tokens(10, 8), "blocks.*.mlp.post")
    with pytest.raises(ValueError, match="one number an input"):
        neuron_ablation(model, tokens(10, 8), POINT, loss=lambda logits, x: logits.sum())
    with pytest.raises(ValueError, match="no rows of two or more tokens"):
        neuron_ablation(nn.Sequential(nn.Linear(3, 2)), torch.ones(4, 3), "0")


def test_the_largest_writers_are_those_whose_change_is_long_and_a_constant_one_is_none() -> None:
    model = drawn("gpt2", 0.5, n_embd=8)
    with torch.no_grad():
        mlp = model.blocks[0].mlp
        mlp.down.weight[:, 7] *= 50  # type: ignore[index, operator, union-attr]
        mlp.down.weight[:, 3] *= 1000  # type: ignore[index, operator, union-attr]
        mlp.up.weight[3] = 0  # type: ignore[index, operator, union-attr]
        mlp.up.bias[3] = 2  # type: ignore[index, operator, union-attr]
    found = largest_writers(model, tokens(10, 8), 0, 4)
    assert found[0] == 7
    assert 3 not in found
    assert len(set(found)) == 4
    with pytest.raises(ValueError, match=r"layer \(=0\) has no MLP"):
        largest_writers(drawn("attention only"), tokens(10, 8), 0, 4)
