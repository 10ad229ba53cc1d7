import numpy as np
import pytest
import torch
from tests.interpret.networks import ARCHITECTURES, drawn

from glassworks.interpret.neurons.directions import directions, neuron_directions
from glassworks.models.gpt.config import GPTConfig
from glassworks.models.gpt.model import GPT, Block


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_promoted_tokens_are_those_of_the_models_own_unembedding(architecture: str) -> None:
    model = drawn(architecture, 0.5, vocab_size=23)
    trace = neuron_directions(model, 1, k=5)
    out = model.blocks[1].mlp.down.weight.T  # type: ignore[union-attr]
    with torch.no_grad():
        size = (
            (out - out.mean(1, keepdim=True) if architecture == "gpt2" else out).square().mean(1, keepdim=True).sqrt()
        )
        if architecture == "gpt2":
            model.norm.bias.zero_()  # type: ignore[operator, union-attr]
        logits = model.head(model.norm(out)) * size  # the norm divides by the direction's own size
    effect = (logits - logits.mean(1, keepdim=True)).numpy()
    np.testing.assert_allclose(trace.arrays["logit_effect"], effect, atol=2e-4)
    np.testing.assert_allclose(trace.arrays["promoted"], -np.sort(-effect, 1)[:, :5], atol=2e-4)
    np.testing.assert_allclose(trace.arrays["suppressed"], np.sort(effect, 1)[:, :5], atol=2e-4)
    picked = np.take_along_axis(trace.arrays["logit_effect"], trace.arrays["promoted_ids"], 1)
    np.testing.assert_allclose(picked, trace.arrays["promoted"], atol=1e-6)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_moving_the_stream_along_a_reading_direction_moves_the_neuron_and_nothing_else_does(architecture: str) -> None:
    model = drawn(architecture, 0.5, vocab_size=23)
    block = model.blocks[0]
    assert isinstance(block, Block)
    read = directions(model, 0, None)["input"].detach()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(16, generator=generator)
    with torch.no_grad():
        if architecture == "gpt2":
            block.norm2.bias.zero_()  # type: ignore[operator, union-attr]
            block.mlp.up.bias.zero_()
        size = (x - x.mean() if architecture == "gpt2" else x).square().mean().sqrt()
        expected = block.mlp.up(block.norm2(x)) * size
    np.testing.assert_allclose(read @ x, expected.numpy(), rtol=1e-3, atol=1e-3)


def test_a_planted_neuron_reads_and_writes_its_tokens() -> None:
    model = drawn("nanochat", 0.5, vocab_size=23)
    block = model.blocks[1]
    assert isinstance(block, Block)
    with torch.no_grad():
        block.mlp.up.weight[3] = 2 * model.embed.weight[7]
        block.mlp.down.weight[:, 3] = model.head.weight[9] * 4
        block.mlp.down.weight[:, 4] = -block.mlp.up.weight[4]
    trace = neuron_directions(model, 1, neurons=[3, 4], k=2, probe=block.mlp.up.weight[[3, 5]].detach())
    assert trace.labels["neuron"] == ["3", "4"]
    assert trace.labels["side"] == ["input", "output"]
    assert trace.arrays["nearest_ids"][0, 0, 0] == 7
    assert trace.arrays["nearest"][0, 0, 0] == pytest.approx(1, abs=1e-6)
    assert trace.arrays["promoted_ids"][0, 0] == 9
    assert trace.arrays["in_out_cosine"][1] == pytest.approx(-1, abs=1e-6)
    assert trace.arrays["probe_cosine"][0, 0, 0] == pytest.approx(1, abs=1e-6)
    assert trace.arrays["nearest_control"][0] < 0.9


def test_random_neurons_look_like_the_random_control() -> None:
    model = drawn("nanochat", 0.5, vocab_size=23)
    trace = neuron_directions(model, 0, k=3, seed=4)  # the weights were drawn from 0, too
    ratio = trace.arrays["promoted"].mean(0) / trace.arrays["promoted_control"]
    assert (abs(ratio - 1) < 0.2).all()
    near = trace.arrays["nearest"][0].mean(0) / trace.arrays["nearest_control"]
    assert (abs(near - 1) < 0.2).all()


def test_qwen3_has_a_gate_and_large_vocabularies_are_not_kept_whole() -> None:
    model = GPT(GPTConfig("qwen3", vocab_size=600, n_ctx=8, n_layer=1, n_head=2, n_embd=16))
    trace = neuron_directions(model, 0, k=3, names=[str(i) for i in range(600)])
    assert trace.labels["side"] == ["gate", "input", "output"]
    assert "logit_effect" not in trace.arrays


def test_refuses_bad_input() -> None:
    model = drawn("gpt2", 0.5, vocab_size=23)
    with pytest.raises(ValueError, match=r"layer \(=2\)"):
        neuron_directions(model, 2)
    with pytest.raises(ValueError, match=r"k \(=24\)"):
        neuron_directions(model, 0, k=24)
    with pytest.raises(ValueError, match="below 64"):
        neuron_directions(model, 0, neurons=[64])
    with pytest.raises(ValueError, match=r"names \(of 2\) must name 23"):
        neuron_directions(model, 0, names=["a", "b"])
    with pytest.raises(ValueError, match=r"probe \(3, 5\)"):
        neuron_directions(model, 0, probe=torch.ones(3, 5))
